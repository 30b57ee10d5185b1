"""Attacks on every tool, run as an approved call runs: nothing outside the workspace is read, changed or contacted."""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from smol_chat.messages import JsonObject, ToolResult
from smol_chat.tools import ShellLimits, ToolWorkbench, run_tool
from smol_chat.tools.sandbox.backends import Backend, Limited
from smol_chat.tools.sandbox.layers import Layers, available_layers
from smol_chat.tools.sandbox.process import ProcessSandbox
from smol_chat.tools.sandbox.shell import IsolatedShell
from support.attacks import (
    ADDRESSES,
    CALCULATIONS,
    ENDLESS,
    FILES,
    PYTHON_ENDLESS,
    SECRET,
    SHARED_KEY,
    SHELL,
    STATEMENTS,
)
from support.isolation import CONTAINED
from support.sandbox_escapes import ESCAPES, PRELUDE
from support.tool_context import Names, the_tool
from tool_impls.execute_python import ExecutePythonSettings
from tool_impls.shell_command import ShellCommandSettings

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="the canaries are Linux's"),
]

_CREATE, _REMOVE = 0o1666, 0
_OWN = {
    ShellCommandSettings: ShellCommandSettings(seconds=2, memory_mb=200, processes=60, file_mb=20),
    ExecutePythonSettings: ExecutePythonSettings(seconds=1, memory_mb=256),
}
_LAYERS = list(dict.fromkeys((available_layers(), Layers(seccomp=available_layers().seccomp), Layers())))


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
            [name for name, each in self.sockets.items() if _was_contacted(each)],
            Path("/tmp/smol-chat-attack").exists(),
        )


def _was_contacted(waiting: socket.socket) -> bool:
    try:
        waiting.recvfrom(1) if waiting.type == socket.SOCK_DGRAM else waiting.accept()
    except (BlockingIOError, ConnectionError):
        return False
    return True


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    folder = tmp_path_factory.mktemp("attacks")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "canary").write_text(f"echo {SECRET}\n")
    process = subprocess.Popen(["sleep", "100000"], env={"SMOL_CANARY": SECRET})
    os.environ["SMOL_CANARY"] = SECRET
    sockets = {
        "tcp": _listening(socket.socket(), ("127.0.0.1", 0)),
        "unix": _listening(socket.socket(socket.AF_UNIX), str(outside / "socket")),
        "abstract": _listening(socket.socket(socket.AF_UNIX), f"\0smol-chat-canary-{os.getpid()}"),
        "datagrams": _bound(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), str(outside / "datagrams")),
    }
    sockets["udp"] = _bound(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), sockets["tcp"].getsockname())
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


def _bound(made: socket.socket, address: tuple[str, int] | str) -> socket.socket:
    made.bind(address)
    made.setblocking(False)
    return made


def _listening(made: socket.socket, address: tuple[str, int] | str) -> socket.socket:
    bound = _bound(made, address)
    bound.listen()
    return bound


@asynccontextmanager
async def bench(
    canaries: Canaries, name: str, *, backend: Backend | None = None, layers: Layers | None = None
) -> AsyncIterator[ToolWorkbench]:
    workspace = canaries.folder / name
    workspace.mkdir(exist_ok=True)
    names = Names(
        localhost=("127.0.0.1", "::1"),
        mixed_test=("93.184.216.34", "127.0.0.1"),
        internal_test=("10.0.0.1",),
        rebinding_test=("127.0.0.1",),
    )
    made = ToolWorkbench(
        workspace,
        settings=lambda name, cls: _OWN.get(cls, cls()),  # type: ignore[arg-type]  # it is of that class
        resolver=names,
        timeout=10,
        sandbox=ProcessSandbox(layers=layers),
        shell=IsolatedShell(workspace, allow_unisolated=True, backends=None if backend is None else [backend]),
    )
    try:
        yield made
    finally:
        await made.close()


async def attack(made: ToolWorkbench, canaries: Canaries, tool: str, arguments: JsonObject) -> ToolResult:
    """Run one call and see that it reached nothing."""
    before = canaries.state()
    result = await run_tool(the_tool(tool), arguments, made)
    assert canaries.state() == before
    told = f"{result.content}{result.full_content}{result.data}"
    assert SECRET not in told
    assert "REACHED" not in told
    assert "Traceback" not in result.content or tool == "shell_command"
    return result


def filled(text: str, canaries: Canaries) -> str:
    for name, value in canaries.places.items():
        text = text.replace(f"{{{name}}}", value)
    return text.replace("{{", "{").replace("}}", "}")


# --- shell commands -----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=CONTAINED, ids=lambda backend: backend.isolation.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shell_bench(canaries: Canaries, backend: Backend) -> AsyncIterator[ToolWorkbench]:
    async with bench(canaries, f"shell-{backend.isolation.name[:4]}", backend=backend) as made:
        yield made


@pytest.mark.parametrize("name", SHELL)
async def test_no_command_reaches_what_is_outside(name: str, canaries: Canaries, shell_bench: ToolWorkbench) -> None:
    socket_here = shell_bench.files.root / "socket"
    waiting = _listening(socket.socket(socket.AF_UNIX), str(socket_here))
    try:
        result = await attack(shell_bench, canaries, "shell_command", {"command": filled(SHELL[name], canaries)})
        assert not _was_contacted(waiting)
    finally:
        waiting.close()
        subprocess.run(["rm", "-rf", *map(str, shell_bench.files.root.iterdir())], check=True)
    assert result.sandbox == shell_bench.shell.name


@pytest.mark.parametrize("name", ENDLESS)
async def test_every_command_comes_to_an_end(name: str, canaries: Canaries, shell_bench: ToolWorkbench) -> None:
    command = ENDLESS[name].replace("{{", "{").replace("}}", "}")
    result = await attack(shell_bench, canaries, "shell_command", {"command": command})
    subprocess.run(["rm", "-rf", *map(str, shell_bench.files.root.iterdir())], check=True)
    assert result.error is None or result.error.kind in ("timeout", "limit")
    assert len(result.content.encode()) < 20_000


# --- Python -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=_LAYERS, ids=lambda layers: layers.name)
def layers(request: pytest.FixtureRequest) -> Layers:
    found: Layers = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def python_bench(canaries: Canaries, layers: Layers) -> AsyncIterator[ToolWorkbench]:
    async with bench(canaries, "python", layers=layers) as made:
        yield made


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_program_gets_out(name: str, canaries: Canaries, python_bench: ToolWorkbench) -> None:
    result = await attack(python_bench, canaries, "execute_python", {"code": PRELUDE + ESCAPES[name]})
    assert "ESCAPED" not in result.content.partition("line ")[0]


@pytest.mark.parametrize("name", PYTHON_ENDLESS)
async def test_every_program_comes_to_an_end(name: str, canaries: Canaries, python_bench: ToolWorkbench) -> None:
    result = await attack(python_bench, canaries, "execute_python", {"code": PYTHON_ENDLESS[name]})
    assert result.error is not None
    assert result.error.kind in ("timeout", "limit", "failed")
    assert len(result.content.encode()) < 20_000


# --- files, arithmetic, network, databases ------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_bench(canaries: Canaries) -> AsyncIterator[ToolWorkbench]:
    async with bench(canaries, "files") as made:
        root, outside = made.files.root, canaries.folder / "outside"
        links = {"link-file": outside / "canary", "link-folder": outside, "chain": Path("link-file")}
        links |= {"loop": Path("loop"), "link-proc": Path("/proc/self"), "link-device": Path("/dev/zero")}
        for name, target in links.items():
            (root / name).symlink_to(target)
        os.mkfifo(root / "fifo")
        with _bound(socket.socket(socket.AF_UNIX), str(root / "socket")):
            yield made


@pytest.mark.parametrize("name", FILES)
async def test_no_path_leads_out(name: str, canaries: Canaries, other_bench: ToolWorkbench) -> None:
    tool, arguments = FILES[name]
    given: JsonObject = {key: filled(str(value), canaries) for key, value in arguments.items()}
    result = await attack(other_bench, canaries, tool, given)
    if result.error is None:  # a name like any other, in the workspace
        assert (tool, given["path"]) == ("write_file", "~/canary")


@pytest.mark.parametrize("expression", CALCULATIONS)
async def test_no_calculation_runs_away(expression: str, canaries: Canaries, other_bench: ToolWorkbench) -> None:
    result = await attack(other_bench, canaries, "calculate", {"expression": expression})
    assert result.error is None or result.error.kind in ("invalid_arguments", "limit", "failed")


@pytest.mark.parametrize("tool", ["get_webpage", "http_request"])
@pytest.mark.parametrize("address", ADDRESSES)
async def test_no_address_reaches_this_machine_or_its_networks(
    address: str, tool: str, canaries: Canaries, other_bench: ToolWorkbench
) -> None:
    arguments: JsonObject = {"url": filled(address, canaries)}
    result = await attack(
        other_bench, canaries, tool, arguments | ({"method": "GET"} if tool == "http_request" else {})
    )
    assert result.error is not None
    assert result.error.kind in ("blocked", "invalid_arguments", "unavailable", "failed")


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_no_statement_reaches_another_file(
    statement: str, canaries: Canaries, other_bench: ToolWorkbench
) -> None:
    result = await attack(other_bench, canaries, "database_query", {"query": filled(statement, canaries)})
    assert result.error is not None


# --- that these are attacks ---------------------------------------------------------------------

_PROVEN = (
    *("read a file", "read by redirection", "read through a link", "read through a linked folder"),
    *("read up the tree", "read with a program", "list a folder", "list with find", "list with a glob"),
    *("write a file", "append to a file", "make a folder", "cut a file", "cut a file by a call"),
    *("write through a link", "TCP", "UDP", "netlink", "TCP 6", "listen", "a set-user-id program", "be traced"),
    *("shared memory", "clone3", "watch a folder"),
)


async def test_attacks_work_where_nothing_stops_them(canaries: Canaries, tmp_path: Path) -> None:
    """Proves the canaries: the same commands without isolation do get through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    shell = IsolatedShell(workspace, allow_unisolated=True, backends=[Limited()])
    reached = []
    with _listening(socket.socket(), ("127.0.0.1", 0)) as tcp:
        places = {"outside": str(outside), "port": str(tcp.getsockname()[1])}
        for name in _PROVEN:
            (outside / "canary").write_text(f"echo {SECRET}\n")
            for leftover in workspace.iterdir():
                leftover.unlink()
            command = SHELL[name]
            for place, value in places.items():
                command = command.replace(f"{{{place}}}", value)
            outcome = await shell.run(command, ShellLimits(seconds=20))
            if SECRET in outcome.stdout or "REACHED" in outcome.stdout:
                reached.append(name)
    assert reached == list(_PROVEN)
