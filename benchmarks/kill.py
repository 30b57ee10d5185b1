"""kill -9 at random moments: what a person had seen is there again, nothing twice, no decision lost, no call run twice.

    .venv/bin/python benchmarks/kill.py [ROUNDS [SEED]]

Each round starts the program's own session and journal in a process, on a server that streams reasoning, text and calls
of tools that leave traces, with a person who allows, denies or lets a card wait; kills it; and holds what is in the
history against three witnesses outside of it: what the process had shown (a file it appends to), what the server sent,
and the traces the tools left. The next round goes on with the same conversation.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]

from smol_chat.agent.consent import ApprovalRequest, Decision  # noqa: E402
from smol_chat.agent.replay import History  # noqa: E402
from smol_chat.assembly import Assembly, Options  # noqa: E402
from smol_chat.events import (  # noqa: E402
    CUT,
    ContentDelta,
    Decided,
    ReasoningDelta,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFailed,
)
from smol_chat.journal import Journal  # noqa: E402
from smol_chat.journal.codec import NOT_STORED, encode  # noqa: E402
from smol_chat.messages import JsonObject  # noqa: E402
from support.openai_server import OpenAIServer, content, event_bytes, finish, reasoning, tool_call  # noqa: E402

MAY_BE_LOST_S = 0.25
"""Age up to which text that was shown may be missing."""
TURNS_TO_GO = 6
"""Rounds after which a new conversation is begun: a long one would make each start slower."""
TRACES = "traces.txt"
NEVER_LOST = {"decided", "tool_call", "tool_started", "tool_finished", "turn_started", "turn_finished", "turn_failed"}
"""Kinds that are stored before they are shown: none of them may be lost, however young."""


# --- the server -------------------------------------------------------------------------------------


class PacedServer(OpenAIServer):
    """Answer without end, piece by piece: text, or text and calls, as chance will have it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.texts: list[str] = []
        """What each answer says, whole."""
        self._chance = random.Random(seed)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        chance, number = self._chance, len(self.requests)
        words = [f"<{number}.{word}> " for word in range(chance.randrange(20, 500))]
        self.texts.append("".join(words))
        chunks: list[JsonObject] = [*reasoning(*words[: len(words) // 3]), *content(*words[len(words) // 3 :])]
        calls = chance.choice((0, 1, 1, 2, 3))
        for index in range(calls):
            name, arguments = self._call(f"{number}.{index}")
            chunks += tool_call(name, json.dumps(arguments), call_id=f"s{number}.{index}", index=index)
        chunks += finish("tool_calls" if calls else "stop")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            piece = event_bytes(chunk)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(chance.choice((0, 0.001, 0.004)))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()
        return True

    def _call(self, mark: str) -> tuple[str, JsonObject]:
        match self._chance.randrange(3):
            case 0:
                return "calculate", {"expression": f"{self._chance.randrange(1000)} * 7"}
            case 1:
                return "write_file", {"path": TRACES, "content": f"{mark}\n", "mode": "append"}
            case _:
                return "shell_command", {"command": f"sleep 0.1; echo {mark} >> {TRACES}; sleep 0.1"}


@contextmanager
def serving(seed: int) -> Iterator[PacedServer]:
    """Run the server in a thread."""
    loop = asyncio.new_event_loop()
    server = PacedServer(seed)
    loop.run_until_complete(server.__aenter__())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(server.__aexit__())
        loop.close()


# --- the program ------------------------------------------------------------------------------------


class Witness:
    """A file that keeps what the program had shown and what the person had answered, also when it is killed."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(self, kind: str, body: str) -> None:
        """Append a line; a write reaches the kernel before it returns."""
        os.write(self._descriptor, json.dumps([time.monotonic(), kind, body]).encode() + b"\n")


class Person:
    """Allow, deny or let a card wait, after a moment."""

    def __init__(self, witness: Witness, chance: random.Random) -> None:
        self._witness = witness
        self._chance = chance

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Say what was asked, and what was answered before anybody else knows."""
        self._witness.note("asked", request.call.id)
        answer = self._chance.choices(("allow", "deny", "wait"), (80, 12, 8))[0]
        if answer == "wait":
            await asyncio.Event().wait()
        await asyncio.sleep(self._chance.uniform(0, 0.1))
        self._witness.note("answered", json.dumps([request.call.id, answer]))
        return request.allow() if answer == "allow" else Decision(False, reason="not now")


async def program(folder: Path, url: str, conversation_id: str, seed: int) -> None:
    """Go on with the conversation, an empty id beginning a new one, until killed."""
    options = Options(server=url, workspace=folder / "work", data_dir=folder / "data")
    assembly = Assembly.create(options)
    await assembly.start_engine()
    witness = Witness(folder / "witness.jsonl")
    conversation = await assembly.open_conversation(Person(witness, random.Random(seed)), conversation_id or None)
    witness.note("opened", conversation.id)
    print(conversation.id, flush=True)
    if conversation.can_resume:
        await show(witness, conversation.resume())
    while True:
        await show(witness, conversation.run_turn("Go on."))


async def show(witness: Witness, turn: AsyncGenerator[TurnEvent, None]) -> None:
    """Show a turn to the witness."""
    async with aclosing(turn) as events:
        async for event in events:
            if not isinstance(event, NOT_STORED):
                witness.note(*encode(event))


# --- the proof --------------------------------------------------------------------------------------


class Atom(NamedTuple):
    """The least that can be lost: one character of a text, or one event of another kind."""

    kind: str
    body: str


class Shown(NamedTuple):
    """An atom and when it was shown, in monotonic seconds."""

    at: float
    atom: Atom


@dataclass
class Tally:
    """What came of all rounds."""

    rounds: int = 0
    faults: list[str] = field(default_factory=list)
    killed_while: Counter[str] = field(default_factory=Counter)
    lost_characters: int = 0
    oldest_lost_s: float = 0.0
    turns: int = 0
    calls_run: int = 0
    decisions: int = 0
    waited_again: int = 0
    unknown_outcomes: int = 0


def atoms(events: Sequence[TurnEvent]) -> Iterator[Atom]:
    """Return what is stored of the events, bit by bit; the end that stands for a cut is not stored."""
    for event in events:
        if isinstance(event, (ContentDelta, ReasoningDelta)):
            yield from (Atom(type(event).__name__, character) for character in event.text)
        elif not (isinstance(event, TurnFailed) and event.kind == CUT):
            yield Atom(*encode(event))


class Round:
    """One life of the program, from its start to its violent end, and what the history has afterwards."""

    def __init__(self, folder: Path, tally: Tally, before: list[Atom], waiting: set[str]) -> None:
        self._folder = folder
        self._tally = tally
        self._before = before
        self._waiting = waiting
        self.killed_at = 0.0
        self.conversation = ""

    def live(self, url: str, conversation: str, chance: random.Random) -> None:
        """Start the program and kill it at some moment."""
        (self._folder / "witness.jsonl").unlink(missing_ok=True)
        command = [sys.executable, __file__, "--program", str(self._folder), url, conversation]
        with subprocess.Popen([*command, str(chance.randrange(2**30))], stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            self.conversation = running.stdout.readline().strip()
            time.sleep(chance.uniform(0, 1.2))
            self.killed_at = time.monotonic()
            running.send_signal(signal.SIGKILL)

    def check(self, history: list[TurnEvent], traces: Counter[str]) -> None:
        """Hold the history against the witnesses."""
        tally = self._tally
        kept = list(atoms(history))
        shown, asked, answered = self._witnessed()
        if history and isinstance(history[-1], TurnFailed) and history[-1].kind == "elsewhere":
            self._fault("the program that was killed counts as running")
        if kept[: len(self._before)] != self._before:
            self._fault("what was there before has changed")
        self._check_tail(kept[len(self._before) :], shown)
        decided = {event.call_id: event for event in history if isinstance(event, Decided)}
        for call, (at, answer) in answered.items():
            if at <= self.killed_at - MAY_BE_LOST_S and (call not in decided or decided[call].decision != answer):
                self._fault(f"the answer {answer!r} to {call} is lost")
        cut = History(history).cut
        again = {call.id for call in cut.waiting} if cut else set()
        for call in asked.keys() - answered.keys() - decided.keys():
            if call not in again:
                self._fault(f"the card of {call} does not wait again")
        if self._waiting and shown and shown[0].atom.kind != "turn_resumed":
            self._fault(f"{', '.join(sorted(self._waiting))} waited, and the program went on without asking again")
        tally.waited_again += len(self._waiting & asked.keys())
        self._check_calls(history, traces)
        tally.killed_while[_moment(history, shown)] += 1
        tally.decisions += len(answered)

    def _check_tail(self, kept: list[Atom], shown: list[Shown]) -> None:
        both = min(len(kept), len(shown))
        if kept[:both] != [one.atom for one in shown[:both]]:
            self._fault("the history tells another story than the screen")
        for one in shown[both:]:
            age = self.killed_at - one.at
            self._tally.lost_characters += 1
            self._tally.oldest_lost_s = max(self._tally.oldest_lost_s, age)
            if age > MAY_BE_LOST_S or one.atom.kind in NEVER_LOST:
                self._fault(f"lost {one.atom.kind}, {age:.3f} s old: {one.atom.body[:80]}")

    def _check_calls(self, history: list[TurnEvent], traces: Counter[str]) -> None:
        started = Counter(event.call_id for event in history if isinstance(event, ToolStarted))
        results = {event.result.call_id: event.result for event in history if isinstance(event, ToolFinished)}
        proposed = Counter(event.call.id for event in history if isinstance(event, ToolCallProposed))
        for call, times in (started + Counter()).items():
            if times > 1:
                self._fault(f"{call} ran {times} times")
        if any(times > 1 for times in proposed.values()):
            self._fault("a call was proposed twice")
        for event in history:
            if not isinstance(event, ToolCallProposed) or (mark := _mark(event)) is None:
                continue
            call, result = event.call.id, results.get(event.call.id)
            if traces[mark] > 1:
                self._fault(f"the trace of {call} is there {traces[mark]} times")
            if traces[mark] and not started[call]:
                self._fault(f"{call} ran although the history has no intent of it")
            if result is not None and result.ok and not traces[mark]:
                self._fault(f"{call} succeeded without a trace")

    def _witnessed(self) -> tuple[list[Shown], dict[str, float], dict[str, tuple[float, str]]]:
        shown: list[Shown] = []
        asked: dict[str, float] = {}
        answered: dict[str, tuple[float, str]] = {}
        for line in (self._folder / "witness.jsonl").read_text().splitlines():
            at, kind, body = json.loads(line)
            if kind == "asked":
                asked[body] = at
            elif kind == "answered":
                call, answer = json.loads(body)
                answered[call] = at, answer
            elif kind in ("content", "reasoning"):
                name = "ContentDelta" if kind == "content" else "ReasoningDelta"
                shown += (Shown(at, Atom(name, character)) for character in json.loads(body)["text"])
            elif kind != "opened":
                shown.append(Shown(at, Atom(kind, body)))
        return shown, asked, answered

    def _fault(self, sentence: str) -> None:
        self._tally.faults.append(f"round {self._tally.rounds}: {sentence}")


def _mark(event: ToolCallProposed) -> str | None:
    found = re.search(r"\d+\.\d+(?=\n| >>)", json.dumps(event.call.arguments).replace("\\n", "\n"))
    return found.group() if found else None


def _moment(history: list[TurnEvent], shown: list[Shown]) -> str:
    """Return what the program was doing when it was killed."""
    cut = History(history).cut
    if cut and cut.waiting:
        return "asking"
    if cut and cut.started - cut.finished:
        return "running a tool"
    if shown and shown[-1].atom.kind in ("ContentDelta", "ReasoningDelta"):
        return "streaming"
    return "between" if shown else "starting"


def kill_rounds(rounds: int, seed: int, folder: Path) -> Tally:
    """Kill the program so many times; return what came of it."""
    tally, chance = Tally(), random.Random(seed)
    for name in ("work", "data"):
        (folder / name).mkdir()
    (folder / "data" / "config.toml").write_text('[approval]\nallow = ["calculate"]\n')
    conversation, before, waiting = "", list[Atom](), set[str]()
    with serving(seed) as server:
        for tally.rounds in range(1, rounds + 1):
            if tally.rounds % TURNS_TO_GO == 1:
                conversation, before, waiting = "", [], set()
            one = Round(folder, tally, before, waiting)
            one.live(server.url, conversation, chance)
            traces = folder / "work" / TRACES
            with closing(Journal.open(folder / "data" / "history.db")) as journal:
                history = journal.events(one.conversation)
            one.check(history, Counter(traces.read_text().split()) if traces.exists() else Counter())
            said = "".join(event.text for event in history if isinstance(event, (ContentDelta, ReasoningDelta)))
            every = "".join(server.texts)
            for number in dict.fromkeys(re.findall(r"<(\d+)\.0>", said)):
                words = re.findall(rf"<{number}\.\d+> ", said)
                if every.count("".join(words)) != 1:
                    tally.faults.append(f"round {tally.rounds}: answer {number} is not what the server sent")
            conversation, before = one.conversation if before or history else "", list(atoms(history))
            cut = History(history).cut
            waiting = {call.id for call in cut.waiting} if cut else set()
            if tally.rounds % TURNS_TO_GO == 0 or tally.rounds == rounds:
                tally.turns += sum(type(event).__name__ == "TurnStarted" for event in history)
                tally.calls_run += sum(isinstance(event, ToolStarted) for event in history)
                results = [event.result for event in history if isinstance(event, ToolFinished)]
                tally.unknown_outcomes += sum(bool(one.error and one.error.kind == "unknown") for one in results)
    return tally


def main() -> None:
    """Print one JSON object, and every fault on a line of its own."""
    rounds, seed = (int(word) for word in (*sys.argv[1:], *("300", "1")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name:
        tally = kill_rounds(rounds, seed, Path(name))
    for fault in tally.faults:
        print(fault, file=sys.stderr)
    figures = {name: value for name, value in vars(tally).items() if name not in ("faults", "killed_while")}
    print(json.dumps({**figures, "oldest_lost_s": round(tally.oldest_lost_s, 3), "faults": len(tally.faults)}))
    print(json.dumps(tally.killed_while))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--program"]:
        asyncio.run(program(Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])))
    main()
