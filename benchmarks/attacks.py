"""Every attack in each isolation of this machine, as a table: how many there are, how many got through, the longest.

As an ordinary user, where the interpreter of the checkout is one that only the administrator may run:

    setpriv --reuid 65534 --regid 65534 --clear-groups env PYTHONPATH=.venv/lib/python3.11/site-packages \
        /usr/bin/python3 benchmarks/attacks.py
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("tests", "")]

from smol_chat.messages import JsonObject  # noqa: E402
from smol_chat.tools import ToolWorkbench  # noqa: E402
from smol_chat.tools.sandbox.layers import Layers, available_layers  # noqa: E402
from support.argument_attacks import ASKING, EVENTS, MAILS, PLACES, QUERIES, REPLIES, TEXTS, ZONES  # noqa: E402
from support.attacks import (  # noqa: E402
    ADDRESSES,
    CALCULATIONS,
    DATA_STATEMENTS,
    ENDLESS,
    FILES,
    PYTHON_ENDLESS,
    SHELL,
    STATEMENTS,
)
from support.canaries import (  # noqa: E402
    PUBLIC,
    Canaries,
    Hostile,
    attack,
    bench,
    filled_call,
    filled_reply,
    hostile_server,
    set_out,
    set_traps,
)
from support.http_servers import Reply  # noqa: E402
from support.isolation import CONTAINED  # noqa: E402
from support.sandbox_escapes import ESCAPES, PRELUDE  # noqa: E402

Call = tuple[str, str, JsonObject]
"""Name, tool, arguments."""


@dataclass
class Tally:
    """What came of the attacks of one kind."""

    tried: int = 0
    through: list[str] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0

    def row(self, what: str, where: str) -> str:
        """Return it as a line of the table."""
        endings = ", ".join(f"{kind} {count}" for kind, count in self.endings.most_common())
        return f"| {what} | {where} | {self.tried} | {len(self.through)} | {self.longest:.1f} s | {endings} |"


async def tally(made: ToolWorkbench, canaries: Canaries, calls: Iterable[Call], counted: Tally | None = None) -> Tally:
    """Run attacks one after the other; each starts in the workspace as it was."""
    counted = counted or Tally()
    before = {path.name for path in made.files.root.iterdir()}
    for name, tool, arguments in calls:
        started = time.monotonic()
        try:
            result = await attack(made, canaries, tool, filled_call(arguments, canaries))
            counted.endings["answer" if result.error is None else result.error.kind] += 1
        except AssertionError as problem:
            counted.through.append(f"{name} ({tool}): {problem}")
        counted.tried += 1
        counted.longest = max(counted.longest, time.monotonic() - started)
        for path in made.files.root.iterdir():
            if path.name not in before:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return counted


def named(tool: str, calls: Mapping[str, JsonObject]) -> list[Call]:
    """Return attacks by arguments as calls."""
    return [(name, tool, arguments) for name, arguments in calls.items()]


async def isolated(canaries: Canaries) -> list[tuple[str, str, Tally]]:
    """Attack shell commands and Python in each isolation."""
    rows = []
    for backend in CONTAINED:
        async with bench(canaries, f"shell-{backend.isolation.name[:4]}", backend=backend) as made:
            for what, commands in (("commands", SHELL), ("commands without end", ENDLESS)):
                calls: list[Call] = [
                    (name, "shell_command", {"command": command}) for name, command in commands.items()
                ]
                rows.append((f"`shell_command`: {what}", backend.isolation.name, await tally(made, canaries, calls)))
    full = available_layers()
    for layers in dict.fromkeys((full, Layers(seccomp=full.seccomp), Layers())):
        async with bench(canaries, "python", layers=layers) as made:
            escapes: list[Call] = [(name, "execute_python", {"code": PRELUDE + code}) for name, code in ESCAPES.items()]
            endless: list[Call] = [(name, "execute_python", {"code": code}) for name, code in PYTHON_ENDLESS.items()]
            rows.append(("`execute_python`: escapes", layers.name, await tally(made, canaries, escapes)))
            rows.append(("`execute_python`: programs without end", layers.name, await tally(made, canaries, endless)))
    return rows


async def by_argument(canaries: Canaries) -> list[tuple[str, str, Tally]]:
    """Attack the other tools by their arguments."""
    calls: dict[str, list[Call]] = {}
    for name, (tool, arguments) in FILES.items():
        calls.setdefault(tool, []).append((name, tool, arguments))
    calls["calculate"] = [(text[:40], "calculate", {"expression": text}) for text in CALCULATIONS]
    calls["get_webpage"] = [(url, "get_webpage", {"url": url}) for url in ADDRESSES]
    calls["http_request"] = [(url, "http_request", {"method": "GET", "url": url}) for url in ADDRESSES]
    statements = [*(("t.db", sql) for sql in STATEMENTS), *(("data.csv", sql) for sql in DATA_STATEMENTS)]
    calls["database_query"] = [(sql, "database_query", {"query": sql, "database": name}) for name, sql in statements]
    for tool, arguments_of in (("send_email", MAILS), ("create_calendar_event", EVENTS), ("translate", TEXTS)):
        calls[tool] = named(tool, arguments_of)
    for tool, arguments_of in (("get_current_datetime", ZONES), ("get_weather", PLACES), ("web_search", QUERIES)):
        calls[tool] = named(tool, arguments_of)
    async with bench(canaries, "files") as made:
        with set_traps(made.files.root, canaries):
            return [(f"`{tool}`", "", await tally(made, canaries, each)) for tool, each in calls.items()]


async def by_answer(canaries: Canaries) -> list[tuple[str, str, Tally]]:
    """Attack the tools that ask others by what these answer."""
    hostile = Hostile(Reply())
    counted = {tool: Tally() for tool in ASKING}
    async with hostile_server(hostile), bench(canaries, "asking", hostile=hostile) as made:
        for name, reply in REPLIES.items():
            hostile.reply = filled_reply(reply, canaries)
            for tool, arguments in ASKING.items():
                await tally(made, canaries, [(name, tool, arguments)], counted[tool])
                if hostile.addresses != {PUBLIC}:
                    counted[tool].through.append(f"{name} ({tool}): connected to {hostile.addresses}")
    return [(f"`{tool}`: answers of a server", "", each) for tool, each in counted.items()]


async def main() -> int:
    """Run all attacks; print the table, and what got through."""
    # Beneath the folder of nobody else: an ordinary user's canaries are its own files.
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder, set_out(Path(folder)) as canaries:
        rows = [*await isolated(canaries), *await by_argument(canaries), *await by_answer(canaries)]
    kernel = f"Linux {platform.release()}, {platform.machine()}, user {os.getuid()}"
    print(f"{sum(each.tried for _, _, each in rows)} attacks on {kernel}\n")
    print(
        "| attacks on | run in | number | got through | longest | ended with |\n| --- | --- | --- | --- | --- | --- |"
    )
    for what, where, each in rows:
        print(each.row(what, where))
    through = [entry for _, _, each in rows for entry in each.through]
    print("\n".join(["", *through]))
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
