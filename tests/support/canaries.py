"""What attacks must not reach, and the calls of tools run as approved calls are run beside it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sqlite3
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpcore

from smol_chat.messages import JsonObject, JsonValue, ToolResult
from smol_chat.tools import ToolWorkbench, run_tool
from smol_chat.tools.sandbox.backends import Backend
from smol_chat.tools.sandbox.layers import Layers
from smol_chat.tools.sandbox.process import ProcessSandbox
from smol_chat.tools.sandbox.shell import IsolatedShell
from support.attacks import SECRET, SHARED_KEY
from support.http_servers import LoopbackServer, Reply, Request, serve
from support.tool_context import Names, the_tool
from tool_impls.database_query import DatabaseSettings
from tool_impls.execute_python import ExecutePythonSettings
from tool_impls.get_weather import WeatherSettings
from tool_impls.shell_command import ShellCommandSettings
from tool_impls.translate import TranslateSettings
from tool_impls.web_search import WebSearchSettings

_CREATE, _REMOVE = 0o1666, 0
_OWN: dict[type, object] = {
    ShellCommandSettings: ShellCommandSettings(seconds=1, memory_mb=200, processes=60, file_mb=20),
    ExecutePythonSettings: ExecutePythonSettings(seconds=1, memory_mb=256),
    DatabaseSettings: DatabaseSettings(timeout=1.0),
}


@dataclass
class Canaries:
    """What lies outside the workspace and must stay as it is."""

    folder: Path
    process: subprocess.Popen[bytes]
    sockets: dict[str, socket.socket]

    @property
    def places(self) -> dict[str, str]:
        """What is filled into attacks."""
        port = self.sockets["tcp"].getsockname()[1]
        return {
            "outside": str(self.folder / "outside"),
            "pid": str(self.process.pid),
            "port": str(port),
            "abstract": f"smol-chat-canary-{os.getpid()}",
        }

    def state(self) -> object:
        """Return all that an attack could change."""
        outside = self.folder / "outside"
        canary = outside / "canary"
        facts = canary.stat()
        return (
            sorted(path.name for path in outside.iterdir()),
            canary.read_text(),
            (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_mtime_ns),
            os.listxattr(canary),
            self.process.poll(),
            Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] in "SRD",
            [name for name, each in self.sockets.items() if was_contacted(each)],
            Path("/tmp/smol-chat-attack").exists(),
        )


def was_contacted(waiting: socket.socket) -> bool:
    try:
        waiting.recvfrom(1) if waiting.type == socket.SOCK_DGRAM else waiting.accept()
    except (BlockingIOError, ConnectionError):
        return False
    return True


@contextmanager
def set_out(folder: Path) -> Iterator[Canaries]:
    """Lay canaries out in a folder and beside it; take them away in the end."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "canary").write_text(f"echo {SECRET}\n")
    process = subprocess.Popen(["sleep", "100000"], env={"SMOL_CANARY": SECRET})
    os.environ["SMOL_CANARY"] = SECRET
    sockets = {
        "tcp": listening(socket.socket(), ("127.0.0.1", 0)),
        "unix": listening(socket.socket(socket.AF_UNIX), str(outside / "socket")),
        "abstract": listening(socket.socket(socket.AF_UNIX), f"\0smol-chat-canary-{os.getpid()}"),
        "datagrams": bound(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), str(outside / "datagrams")),
    }
    sockets["udp"] = bound(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), sockets["tcp"].getsockname())
    library = ctypes.CDLL(None)
    shared = [library.shmget(SHARED_KEY, 4096, _CREATE), library.msgget(SHARED_KEY, _CREATE)]
    shared.append(library.semget(SHARED_KEY, 1, _CREATE))
    yield Canaries(folder, process, sockets)
    library.shmctl(shared[0], _REMOVE, None)
    library.msgctl(shared[1], _REMOVE, None)
    library.semctl(shared[2], 0, _REMOVE)
    del os.environ["SMOL_CANARY"]
    process.kill()
    process.wait()
    for each in sockets.values():
        each.close()


def bound(made: socket.socket, address: tuple[str, int] | str) -> socket.socket:
    made.bind(address)
    made.setblocking(False)
    return made


def listening(made: socket.socket, address: tuple[str, int] | str) -> socket.socket:
    bound(made, address).listen()
    return made


PUBLIC = "93.184.216.34"
"""Address of public.test, which leads to whatever server a test has."""
_ANSWERING = {
    WeatherSettings: WeatherSettings("http://public.test", "http://public.test"),
    WebSearchSettings: WebSearchSettings(searxng_url="http://public.test"),
    TranslateSettings: TranslateSettings(libretranslate_url="http://public.test"),
}


@dataclass
class Hostile:
    """The server behind public.test: it gives one answer to everything, and where else tools connected is known."""

    reply: Reply
    port: int = 0
    addresses: set[str] | None = None

    async def connect(self, address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        assert self.addresses is not None
        self.addresses.add(address)
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout)

    def answer(self, request: Request) -> Reply:
        return self.reply


@asynccontextmanager
async def hostile_server(hostile: Hostile) -> AsyncIterator[LoopbackServer]:
    hostile.addresses = set()
    async with serve(hostile.answer) as server:
        hostile.port = server.port
        yield server


@asynccontextmanager
async def bench(
    canaries: Canaries,
    name: str,
    *,
    backend: Backend | None = None,
    layers: Layers | None = None,
    hostile: Hostile | None = None,
) -> AsyncIterator[ToolWorkbench]:
    """Make a workbench beside the canaries; with `hostile` the tools ask public.test where their settings name one."""
    workspace = canaries.folder / name
    workspace.mkdir(exist_ok=True)
    names = Names(
        localhost=("127.0.0.1", "::1"),
        mixed_test=(PUBLIC, "127.0.0.1"),
        internal_test=("10.0.0.1",),
        rebinding_test=("127.0.0.1",),
        public_test=(PUBLIC,),
    )
    settings = _OWN if hostile is None else {**_OWN, **_ANSWERING}

    async def complete(system: str, text: str, max_tokens: int) -> str:
        return f"{text[:100]} {system[:100]} \x1b[2J"

    made = ToolWorkbench(
        workspace,
        settings=lambda name, cls: settings.get(cls, cls()),  # type: ignore[arg-type]  # of that class
        resolver=names,
        connector=None if hostile is None else hostile.connect,
        timeout=10,
        sandbox=ProcessSandbox(layers=layers),
        shell=IsolatedShell(workspace, allow_unisolated=True, backends=None if backend is None else [backend]),
        data_folder=canaries.folder / f"{name}-data",
        complete=complete,
    )
    try:
        yield made
    finally:
        await made.close()


async def attack(made: ToolWorkbench, canaries: Canaries, tool: str, arguments: JsonObject) -> ToolResult:
    """Run one call and see that it reached nothing."""
    before = canaries.state()
    result = await run_tool(the_tool(tool), arguments, made)
    assert canaries.state() == before, "something outside was changed or contacted"
    told = f"{result.content}{result.full_content}{result.data}"
    assert SECRET not in told, "what is outside was read"
    assert "REACHED" not in told, "the attack says that it got through"
    assert "failed unexpectedly" not in result.content, "the tool itself broke"
    assert "Traceback" not in result.content or tool == "shell_command"
    assert len(result.content.encode("utf-8", "replace")) < 20_000, "the answer is not capped"
    return result


def filled(value: JsonValue, canaries: Canaries) -> JsonValue:
    """Fill the canaries' places into an attack."""
    if isinstance(value, str):
        for name, place in canaries.places.items():
            value = value.replace(f"{{{name}}}", place)
        return value.replace("{{", "{").replace("}}", "}")
    if isinstance(value, list):
        return [filled(each, canaries) for each in value]
    return {key: filled(each, canaries) for key, each in value.items()} if isinstance(value, dict) else value


def filled_call(arguments: JsonObject, canaries: Canaries) -> JsonObject:
    return {key: filled(value, canaries) for key, value in arguments.items()}


def filled_reply(reply: Reply, canaries: Canaries) -> Reply:
    return replace(reply, headers={name: str(filled(value, canaries)) for name, value in reply.headers.items()})


@contextmanager
def set_traps(workspace: Path, canaries: Canaries) -> Iterator[None]:
    """Put links that lead out, what is no file, and databases into a workspace."""
    outside = canaries.folder / "outside"
    links = {"link-file": outside / "canary", "link-folder": outside, "chain": Path("link-file")}
    links |= {"loop": Path("loop"), "link-proc": Path("/proc/self"), "link-device": Path("/dev/zero")}
    for name, target in links.items():
        (workspace / name).symlink_to(target)
    os.mkfifo(workspace / "fifo")
    with contextlib.closing(sqlite3.connect(workspace / "t.db")) as database, database:
        database.execute("CREATE TABLE t (word)")
        database.execute("INSERT INTO t VALUES ('word')")
    (workspace / "data.csv").write_text("word\nword\n")
    with bound(socket.socket(socket.AF_UNIX), str(workspace / "socket")):
        yield
