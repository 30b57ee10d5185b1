"""Read the files of hand-written requests.

One request a line, with slots in braces. In the files of single tools `-> name=value ; name=value` are the arguments of
the call, in `no_call.txt` and `missing.txt` `=> text` is the answer. The scenario files have blocks: requests that mean
the same, then `~ thought`, `> tool arguments => result` (`=! error`), `& tool arguments` for a call in the same turn,
and `= answer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

REQUESTS = Path(__file__).parent / "requests"

TOOLS = (
    "calculate", "create_calendar_event", "database_query", "execute_python", "get_current_datetime", "get_weather",
    "get_webpage", "http_request", "list_directory", "read_file", "send_email", "shell_command", "translate",
    "web_search", "write_file",
)  # fmt: skip
SCENARIO_FILES = ("parallel", "sequential", "errors", "reasoning")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call with slots in its arguments, and what it returns where the conversation goes on."""

    tool: str
    arguments: dict[str, str]
    result: str | None = None
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A request with slots, the calls of each round, and the answer in the end."""

    scenario: str
    request: str
    rounds: tuple[tuple[PlannedCall, ...], ...] = ()
    answer: str | None = None
    thought: str = ""

    @property
    def tools(self) -> set[str]:
        """Names of the tools it takes."""
        return {call.tool for calls in self.rounds for call in calls}


@dataclass(frozen=True, slots=True)
class ForeignTool:
    """A tool that is not ours: shown to the model so that it reads the list it is given."""

    name: str
    description: str
    properties: tuple[str, ...]
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Alias:
    """One of our tools under another name, with other names for its arguments."""

    tool: str
    name: str
    description: str
    renamed: dict[str, str] = field(default_factory=dict)


def single_plans() -> dict[str, list[Plan]]:
    """Return the requests of each tool alone."""
    return {tool: [_single(line, tool) for line in _lines(tool)] for tool in TOOLS}


def scenario_plans() -> dict[str, list[Plan]]:
    """Return the requests of each scenario file."""
    return {name: [plan for block in _blocks(name) for plan in _block_plans(block, name)] for name in SCENARIO_FILES}


def answered_plans(name: str) -> list[Plan]:
    """Return requests that are answered without a call, from `no_call` or `missing`."""
    plans = []
    for line in _lines(name):
        request, _, answer = line.partition(" => ")
        plans.append(Plan(name, request, answer=_unescaped(answer)))
    return plans


def foreign_tools() -> list[ForeignTool]:
    """Return the tools that are not ours, with their requests."""
    tools: list[ForeignTool] = []
    for line in _lines("other_tools"):
        if line.startswith("@ "):
            name, description, properties = (part.strip() for part in line[2:].split("|", 2))
            tools.append(ForeignTool(name, description, tuple(p.strip() for p in properties.split(", ") if p), ()))
        else:
            last = tools[-1]
            tools[-1] = replace(last, plans=(*last.plans, _single(line, last.name)))
    return tools


def aliases() -> list[Alias]:
    """Return other names of our tools."""
    found = []
    for line in _lines("aliases"):
        tool, name, description, renamed = (part.strip() for part in line.split("|"))
        pairs = (pair.split(">") for pair in renamed.split(", "))
        found.append(Alias(tool, name, description, {old: new for old, new in pairs}))
    return found


def _lines(name: str) -> Iterator[str]:
    for line in (REQUESTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("# "):
            yield line


def _blocks(name: str) -> list[list[str]]:
    text = (REQUESTS / f"{name}.txt").read_text(encoding="utf-8")
    return [block.splitlines() for block in text.strip().split("\n\n")]


def _single(line: str, tool: str) -> Plan:
    request, _, arguments = line.partition(" ->")
    return Plan("single", request, ((PlannedCall(tool, _arguments(arguments)),),))


def _block_plans(lines: list[str], scenario: str) -> Iterator[Plan]:
    requests: list[str] = []
    rounds: list[tuple[PlannedCall, ...]] = []
    answer, thought = None, ""
    for line in lines:
        mark, rest = line[:2], line[2:]
        if mark == "> ":
            rounds.append((_call(rest),))
        elif mark == "& ":
            rounds[-1] = (*rounds[-1], _call(rest))
        elif mark == "= ":
            answer = _unescaped(rest)
        elif mark == "~ ":
            thought = rest
        else:
            requests.append(line)
    for request in requests:
        yield Plan(scenario, request, tuple(rounds), answer, thought)


def _call(text: str) -> PlannedCall:
    fails = " =! " in text
    call, mark, result = text.partition(" =! " if fails else " =>")
    tool, _, arguments = call.partition(" ")
    return PlannedCall(tool, _arguments(arguments), _unescaped(result.strip()) if mark else None, fails)


def _arguments(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.strip().split(" ; ") if part.strip())
    return {name.strip(): _unescaped(value) for name, _, value in pairs}


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n")
