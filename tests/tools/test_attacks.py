"""Attacks on every tool, run as an approved call runs: nothing outside the workspace is read, changed or contacted."""

from __future__ import annotations

import asyncio
import email.policy
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import icalendar
import pytest
import pytest_asyncio

from smol_chat.tools import ShellLimits, ToolWorkbench
from smol_chat.tools.sandbox.backends import Backend, Limited
from smol_chat.tools.sandbox.layers import Layers, available_layers
from smol_chat.tools.sandbox.shell import IsolatedShell
from support.argument_attacks import ASKING, EVENTS, MAILS, PLACES, QUERIES, REPLIES, TEXTS, ZONES
from support.attacks import (
    ADDRESSES,
    CALCULATIONS,
    DATA_STATEMENTS,
    ENDLESS,
    FILES,
    PYTHON_ENDLESS,
    SECRET,
    SHELL,
    STATEMENTS,
)
from support.canaries import (
    PUBLIC,
    Canaries,
    Hostile,
    attack,
    bench,
    filled_call,
    filled_reply,
    hostile_server,
    listening,
    set_out,
    set_traps,
    was_contacted,
)
from support.http_servers import Reply
from support.isolation import CONTAINED
from support.sandbox_escapes import ESCAPES, PRELUDE

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="the canaries are Linux's"),
]

_HEADERS = {
    *("from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type"),
    *("content-transfer-encoding", "x-unsent"),
}
_PROPERTIES = {
    *("UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "LOCATION", "DESCRIPTION", "ATTENDEE", "RRULE"),
}
_ANSWERS = (
    *("a flood of headers", "no text", "another encoding", "entities", "a deep page", "deep JSON", "huge numbers"),
    *("half an answer", "no numbers", "other types", "orders in JSON"),
)
"""Odd, but an answer all the same to a tool that takes any text."""
_LAYERS = list(dict.fromkeys((available_layers(), Layers(seccomp=available_layers().seccomp), Layers())))
_AT_ONCE = 8
"""Programs that are stopped by the clock run together: each has a process and limits of its own."""
_GROUPS = [list(PYTHON_ENDLESS)[start : start + _AT_ONCE] for start in range(0, len(PYTHON_ENDLESS), _AT_ONCE)]


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    with set_out(tmp_path_factory.mktemp("attacks")) as found:
        yield found


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
    waiting = listening(socket.socket(socket.AF_UNIX), str(socket_here))
    try:
        result = await attack(shell_bench, canaries, "shell_command", filled_call({"command": SHELL[name]}, canaries))
        assert not was_contacted(waiting)
    finally:
        waiting.close()
        subprocess.run(["rm", "-rf", *map(str, shell_bench.files.root.iterdir())], check=True)
    assert result.sandbox == shell_bench.shell.name


@pytest.mark.parametrize("name", ENDLESS)
async def test_every_command_comes_to_an_end(name: str, canaries: Canaries, shell_bench: ToolWorkbench) -> None:
    result = await attack(shell_bench, canaries, "shell_command", filled_call({"command": ENDLESS[name]}, canaries))
    subprocess.run(["rm", "-rf", *map(str, shell_bench.files.root.iterdir())], check=True)
    assert result.error is None or result.error.kind in ("timeout", "limit")


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


@pytest.mark.parametrize("names", _GROUPS, ids=lambda names: names[0])
async def test_every_program_comes_to_an_end(names: list[str], canaries: Canaries, python_bench: ToolWorkbench) -> None:
    calls = [attack(python_bench, canaries, "execute_python", {"code": PYTHON_ENDLESS[name]}) for name in names]
    for name, result in zip(names, await asyncio.gather(*calls), strict=True):
        assert result.error is not None, name
        assert result.error.kind in ("timeout", "limit", "failed"), name


# --- files, arithmetic, network, databases ------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_bench(canaries: Canaries) -> AsyncIterator[ToolWorkbench]:
    async with bench(canaries, "files") as made:
        with set_traps(made.files.root, canaries):
            yield made


@pytest.mark.parametrize("name", FILES)
async def test_no_path_leads_out(name: str, canaries: Canaries, other_bench: ToolWorkbench) -> None:
    tool, arguments = FILES[name]
    given = filled_call(arguments, canaries)
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
    arguments = filled_call({"url": address}, canaries)
    if tool == "http_request":
        arguments["method"] = "GET"
    result = await attack(other_bench, canaries, tool, arguments)
    assert result.error is not None
    assert result.error.kind in ("blocked", "invalid_arguments", "unavailable", "failed")


@pytest.mark.parametrize(
    ("database", "statement"),
    [*(("t.db", each) for each in STATEMENTS), *(("data.csv", each) for each in DATA_STATEMENTS)],
)
async def test_no_statement_reaches_another_file(
    database: str, statement: str, canaries: Canaries, other_bench: ToolWorkbench
) -> None:
    arguments = filled_call({"query": statement, "database": database}, canaries)
    result = await attack(other_bench, canaries, "database_query", arguments)
    assert result.error is not None
    assert result.error.kind != "not_found", "the database of the test is not there"


# --- mails, events, zones, places, searches, texts ----------------------------------------------


@pytest.mark.parametrize("name", MAILS)
async def test_no_mail_says_more_than_it_seems(name: str, canaries: Canaries, other_bench: ToolWorkbench) -> None:
    result = await attack(other_bench, canaries, "send_email", MAILS[name])
    if result.error is not None:
        assert result.error.kind in ("invalid_arguments", "limit", "blocked")
        return
    assert isinstance(result.data, dict)
    draft = Path(str(result.data["draft"]))
    for policy in (email.policy.compat32, email.policy.default):  # as old programs read it and as new ones do
        read = email.message_from_bytes(draft.read_bytes(), policy=policy)
        assert sorted(key.lower() for key in read) == sorted(set(map(str.lower, read.keys())))
        assert {key.lower() for key in read} <= _HEADERS
        assert not read.is_multipart()
        assert "evil@example.net" not in " ".join(str(read[key]) for key in ("to", "cc", "from") if read[key])
    assert b"\n.\r\n" not in draft.read_bytes()[:-5].replace(b"\r\n", b"\n\n")


@pytest.mark.parametrize("name", EVENTS)
async def test_no_event_says_more_than_it_seems(name: str, canaries: Canaries, other_bench: ToolWorkbench) -> None:
    arguments = filled_call(EVENTS[name], canaries)
    result = await attack(other_bench, canaries, "create_calendar_event", arguments)
    if result.error is not None:
        assert result.error.kind in ("invalid_arguments", "not_found", "limit", "blocked")
        return
    assert isinstance(result.data, dict)
    read = icalendar.Calendar.from_ical(Path(str(result.data["file"])).read_bytes())
    (event,) = read.walk("VEVENT")
    assert set(event.keys()) <= _PROPERTIES
    assert [part.name for part in event.subcomponents] == ["VALARM"] * ("reminder_minutes" in arguments)
    assert str(event["SUMMARY"]) == str(arguments["title"])
    assert list(getattr(event.get("LOCATION"), "params", {})) == []


_BY_ARGUMENT = {
    "get_current_datetime": ZONES,
    "get_weather": PLACES,
    "web_search": QUERIES,
    "translate": TEXTS,
}


@pytest.mark.parametrize(("tool", "name"), [(tool, name) for tool, calls in _BY_ARGUMENT.items() for name in calls])
async def test_no_argument_leads_anywhere(tool: str, name: str, canaries: Canaries, other_bench: ToolWorkbench) -> None:
    result = await attack(other_bench, canaries, tool, filled_call(_BY_ARGUMENT[tool][name], canaries))
    if tool != "translate":  # a text to be translated is only a text, whatever it says
        assert result.error is not None
    if result.error is not None:
        assert result.error.kind in ("invalid_arguments", "limit", "not_found", "unavailable")


# --- servers that attack ------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile() -> AsyncIterator[Hostile]:
    made = Hostile(Reply())
    async with hostile_server(made):
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asking_bench(canaries: Canaries, hostile: Hostile) -> AsyncIterator[ToolWorkbench]:
    async with bench(canaries, "asking", hostile=hostile) as made:
        yield made


@pytest.mark.parametrize("tool", ASKING)
@pytest.mark.parametrize("name", REPLIES)
async def test_no_answer_leads_anywhere_or_never_ends(
    name: str, tool: str, canaries: Canaries, hostile: Hostile, asking_bench: ToolWorkbench
) -> None:
    hostile.reply = filled_reply(REPLIES[name], canaries)
    result = await attack(asking_bench, canaries, tool, ASKING[tool])
    assert hostile.addresses == {PUBLIC}
    if tool in ("get_webpage", "http_request") and name in _ANSWERS:
        return
    assert result.error is not None
    assert result.error.kind in ("blocked", "invalid_arguments", "failed", "limit", "not_found", "unavailable")


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
    with listening(socket.socket(), ("127.0.0.1", 0)) as tcp:
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
