"""No tool opens a socket, a file or a process by itself: whatever is opened, our own tool support opened it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import docx
import pytest

from smol_chat.tools import ToolRegistry

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: an audit hook stays for good.
_PROGRAM = r"""
import asyncio, http.server, importlib.util, json, pathlib, sys, sysconfig, threading
root, workspace = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
tools, support = str(root / "tool_impls"), str(root / "smol_chat")
OPENING = ("open", "socket.connect", "socket.bind", "socket.sendto", "subprocess.Popen", "os.exec", "os.fork",
           "os.posix_spawn", "os.spawn", "os.system", "sqlite3.connect", "os.listdir", "os.scandir", "os.remove",
           "os.rename", "os.mkdir", "os.chmod", "ctypes.dlopen")
DATA = (*sysconfig.get_paths().values(), "/usr/share/zoneinfo")
seen, alone, on = {}, [], threading.Event()

def opener():
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or "/zoneinfo/" in name:
            return "import"  # loading code, and looking time zones up
        if name.startswith(tools):
            return "tool"
        if name.startswith(support):
            return "support"
        frame = frame.f_back
    return "other"

def hook(event, arguments):
    if on.is_set() and event in OPENING:
        reading = event in ("os.listdir", "os.scandir") or event == "open" and not (arguments[2] or 0) & 3
        if reading and str(arguments[0]).startswith(DATA):
            return  # a library reads a table of its own
        who = opener()
        seen.setdefault(who, set()).add(event)
        if who == "tool":
            alone.append([event, str(arguments[:1])])

class Page(http.server.BaseHTTPRequestHandler):
    answers = {  # as the services answer that the settings of the tools name
        "/search": {"results": [{"title": "T", "url": "http://example.org/", "content": "words"}]},
        "/v1/search": {"results": [{"name": "Oslo", "latitude": 59.9, "longitude": 10.7, "country": "Norway"}]},
        "/v1/forecast": {"current": {"time": "2026-03-04T12:00", "temperature_2m": 5.5, "weather_code": 61},
                         "current_units": {"temperature_2m": "°C"}, "timezone": "Europe/Oslo"},
        "/translate": {"translatedText": "x"},
    }
    def do_GET(self):
        known = self.answers.get(self.path.partition("?")[0])
        self.send_response(201 if self.command == "PUT" else 200)
        self.send_header("Content-Type", "text/html" if known is None else "application/json")
        self.end_headers()
        page = "<html><title>T</title><body><article><p>Some words to read here.</p></article>"
        self.wfile.write((page if known is None else json.dumps(known)).encode())
    do_POST = do_PUT = do_REPORT = do_GET
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
from smol_chat.tools import Effect, Tool, ToolOutput, ToolRegistry, ToolWorkbench, preview_call, run_tool
calls = {
    "read_file": {"path": "a.txt"}, "write_file": {"path": "b.txt", "content": "x"}, "list_directory": {"path": "."},
    "execute_python": {"code": "1"}, "shell_command": {"command": "cat a.txt"}, "calculate": {"expression": "1 + 1"},
    "get_current_datetime": {"timezone": "Asia/Tokyo"}, "get_webpage": {"url": url},
    "http_request": {"method": "GET", "url": url}, "get_weather": {"location": "Oslo"}, "web_search": {"query": "x"},
    "database_query": {"query": "SELECT 1", "database": "d.db"},
    "create_calendar_event": {"title": "Tea", "start": "2026-05-01T15:00"},
    "send_email": {"to": "a@example.org", "subject": "s", "body": "b"},
    "translate": {"text": "x", "target_language": "de"},
}
more = [  # other ways of the same tools
    ("database_query", {"query": "SELECT 1", "database": "elsewhere"}),
    ("database_query", {"query": "CREATE TABLE t (a)", "database": "d.db"}),
    ("shell_command", {"command": "true", "network": True}),
    ("read_file", {"path": "a.docx"}),
]
if importlib.util.find_spec("duckdb"):  # it needs Python 3.11
    more.append(("database_query", {"query": "SELECT * FROM data", "database": "data.csv"}))
from tool_impls.database_query import DatabaseSettings
from tool_impls.get_weather import WeatherSettings
from tool_impls.translate import TranslateSettings
from tool_impls.web_search import WebSearchSettings
own = {
    WeatherSettings: WeatherSettings(url, url), WebSearchSettings: WebSearchSettings(searxng_url=url),
    TranslateSettings: TranslateSettings(libretranslate_url=url),
    DatabaseSettings: DatabaseSettings(connections=(f"elsewhere=sqlite:///{workspace}/d.db",)),
}
names = {}
exec(compile('async def rogue(*, ctx):\n    "Open."\n    open("a.txt").close()\n    return ToolOutput("")',
             tools + "/rogue.py", "exec"), {"ToolOutput": ToolOutput}, names)

async def nowhere(host, port):
    if host == "127.0.0.1":
        return [host]
    raise OSError("no such name")

async def main():
    registry = ToolRegistry.load()
    bench = ToolWorkbench(workspace, network_allow=("127.0.0.1",), resolver=nowhere, timeout=30,
                          data_folder=workspace.with_name("data"), settings=lambda name, cls: own.get(cls) or cls())
    run = {}
    on.set()
    for name in registry.names():
        tool = registry.get(name)
        await preview_call(tool, calls[name], bench)
        result = await run_tool(tool, calls[name], bench)
        run[name] = None if result.error is None else result.error.message
    for name, arguments in more:
        tool = registry.get(name)
        await preview_call(tool, arguments, bench)
        result = await run_tool(tool, arguments, bench)
        run[f"{name} {arguments}"] = None if result.error is None else result.error.message
    by_tools = list(alone)
    await run_tool(Tool(names["rogue"], effect=Effect.READ), {}, bench)
    on.clear()
    await bench.close()
    print(json.dumps({"run": run, "alone": by_tools, "rogue": alone[len(by_tools):],
                      "seen": {who: sorted(events) for who, events in seen.items()}}))

sys.addaudithook(hook)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="without isolation shell_command runs nothing")
def test_whatever_is_opened_is_opened_by_what_tools_are_given(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "a.txt").write_text("text\n")
    (workspace / "d.db").touch()
    (workspace / "data.csv").write_text("a\n1\n")
    docx.Document().save(str(workspace / "a.docx"))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(ROOT), str(workspace)],
        capture_output=True,
        text=True,
        check=False,
        cwd=workspace,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["alone"] == []
    assert set(told["run"]) >= set(ToolRegistry.load().names())
    assert {name: problem for name, problem in told["run"].items() if problem is not None} == {}
    # The hook sees what is opened, and would have seen a tool that opens something itself.
    assert set(told["seen"]["support"]) >= {"open", "subprocess.Popen"}
    assert "socket.connect" in {event for events in told["seen"].values() for event in events}
    assert told["rogue"] == [["open", "('a.txt',)"]]
