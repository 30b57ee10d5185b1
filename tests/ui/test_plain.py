"""The plain mode: what is said, in which order, and that nothing but words decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.errors import EngineError
from smol_chat.events import (
    CUT,
    ContentDelta,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    ToolCallProposed,
    TurnEvent,
    TurnFailed,
    TurnStarted,
)
from smol_chat.messages import Attachment
from smol_chat.tools.spec import Effect, Preview
from smol_chat.ui.plain import PlainChat
from smol_chat.ui.plain_words import answer_to, question
from support.scripted_conversation import DONE, Ask, Pause, ScriptedBackend, Step, request

WEATHER = request(
    "get_weather",
    {"location": "Oslo \x1b[31m"},
    preview=Preview("Forecast for Oslo", body="line one\nline two", hosts=("api.open-meteo.com",)),
)
SHELL = request(
    "shell_command", {"command": "ls"}, effect=Effect.EXECUTE, preview=Preview("Run ls", isolation="Landlock")
)


class Person:
    """Types lines, and keeps what is said; a line may be something to do instead."""

    def __init__(self, *lines: str | type[BaseException]) -> None:
        self.lines = list(lines)
        self.heard: list[str] = []

    def read(self, prompt: str) -> str:
        self.heard.append(prompt.rstrip("\a "))
        line = self.lines.pop(0) if self.lines else "/quit"
        if not isinstance(line, str):
            raise line
        return line

    def write(self, text: str) -> None:
        self.heard.append(text)

    def after(self, said: str) -> list[str]:
        return self.heard[self.heard.index(said) + 1 :]


def chatted(backend: ScriptedBackend, *lines: str | type[BaseException], conversation: str | None = None) -> Person:
    person = Person(*lines)
    chat = PlainChat(backend, person.read, person.write)
    assert chat.run(conversation) == 0
    assert backend.closed
    return person


def test_a_turn_is_said_in_words_and_its_end_is_a_signal(tmp_path: Path) -> None:
    script: list[Step] = [
        RoundStarted(1),
        ReasoningDelta("hm "),
        ReasoningDelta("hm"),
        ReasoningFinished(3200, 148),
        ContentDelta("It is **sun"),
        ContentDelta("ny**. Take a hat.\nAnd \x1b[2Jshades"),
        DONE,
    ]
    person = chatted(ScriptedBackend(tmp_path, [script]), "What is the weather?")
    assert person.after("Ready.") == [
        "You:",
        "Thinking.",
        "Thought for 3 seconds.",
        "Assistant: It is **sunny**. Take a hat.",
        "And ␛[2Jshades",
        "End of answer.\a",
        "You:",
    ]


def test_a_call_is_allowed_by_a_word_and_everything_it_would_do_is_said(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((WEATHER,), "\n".join(f"row {n}" for n in range(10))), DONE]])
    person = chatted(backend, "go", "y", "", "yes", "ALLOW", "/result")
    said = "\n".join(person.heard)
    for part in (
        "Question: may get_weather run? It contacts the network.",
        "location is Oslo ␛[31m.",
        "line one\nline two\nEnd of what it would do.",
        "It leaves this machine, to api.open-meteo.com.",
        'Type "allow", "allow for this conversation", "deny", "deny" and why, or "explain"; then press Enter.',
        "2 more lines; /result says all of it.",
    ):
        assert part in said
    assert said.count("That is no answer.") == 3
    assert [decision.allowed for _, decision in backend.conversation.decisions] == [True]
    assert person.heard[-2] == "row 9"


@pytest.mark.parametrize(
    ("typed", "allowed", "reason"),
    [("deny", False, ""), ("Deny not now, later", False, "not now, later"), (EOFError, False, "")],
)
def test_a_call_is_denied_by_a_word_with_a_reason_or_by_the_end_of_input(
    tmp_path: Path, typed: str | type[BaseException], allowed: bool, reason: str
) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((WEATHER,)), DONE]])
    chatted(backend, "go", typed)
    ((_, decision),) = backend.conversation.decisions
    assert (decision.allowed, decision.reason) == (allowed, reason)


def test_what_runs_or_sends_is_allowed_by_its_name_only() -> None:
    assert answer_to("allow", SHELL) is None
    decision = answer_to("allow shell_command", SHELL)
    assert decision is not None
    assert (decision.allowed, decision.scope, decision.digest) == (True, "once", SHELL.digest)
    session = answer_to("allow shell_command for this conversation", SHELL)
    assert session is not None
    assert session.scope == "session"
    assert 'Type "allow shell_command"' in question(SHELL)[-1]


def test_the_rows_a_change_touches_and_a_second_question_are_said() -> None:
    asked = replace(SHELL, preview=replace(SHELL.preview, changes="1 row of people"), changed=True)
    said = question(asked)
    assert said.index("1 row of people") > said.index("What it would do:")
    assert "You allowed this already, but what it would do has changed since." in said


def test_control_c_stops_the_turn_and_the_chat_goes_on(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((WEATHER,)), Pause(), DONE]])
    person = chatted(backend, "go", KeyboardInterrupt, KeyboardInterrupt, "/help")
    assert "\nStopping." in person.heard
    assert "Stopped." in person.heard
    assert "\nNothing is running. Write /quit to leave." in person.heard
    assert backend.conversation.decisions == []


def test_a_stored_conversation_is_said_first(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, past=[TurnStarted("c", "the question"), ContentDelta("the answer"), DONE])
    person = chatted(backend, conversation="c")
    assert person.after("Ready. The conversation so far:") == [
        "You said: the question",
        "Assistant: the answer",
        "End of what was said before.",
        "You:",
    ]


def test_a_model_that_does_not_load_is_one_sentence(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.load_error = EngineError("It does not fit.")
    person = chatted(backend, "hello", "/model other", "/nonsense")
    assert "It does not fit." in person.heard
    assert "No model is loaded yet; write /model to choose one." in person.heard
    assert "Loading other." in person.heard
    assert "There is no command /nonsense; /help says those there are." in person.heard


def test_a_file_goes_along(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[DONE]])
    backend.workspace.mkdir()
    (backend.workspace / "a.txt").write_text("text")
    person = chatted(backend, "read @a.txt")
    assert backend.conversation.attached == [(Attachment("a.txt", "text", 4),)]
    assert "Attached: a.txt, 4 bytes." in person.heard


COMMANDS: Sequence[tuple[str, Callable[[ScriptedBackend], bool]]] = [
    ("/tools off", lambda backend: not backend.conversation.tools_on),
    ("/offline on", lambda backend: backend.bench.egress.offline),
    ("/new", lambda backend: backend.opened == [None, None]),
]


@pytest.mark.parametrize(("line", "done"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_commands_do_what_they_say(tmp_path: Path, line: str, done: Callable[[ScriptedBackend], bool]) -> None:
    backend = ScriptedBackend(tmp_path)
    chatted(backend, line)
    assert done(backend)


def test_no_event_loop_is_left_running(tmp_path: Path) -> None:
    chatted(ScriptedBackend(tmp_path))
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_a_question_that_waited_when_the_program_ended_is_asked_again(tmp_path: Path) -> None:
    past: list[TurnEvent] = [
        TurnStarted("conv-1", "Weather?"),
        ToolCallProposed(WEATHER.call),
        TurnFailed(CUT, "Cut."),
    ]
    asked = Ask((WEATHER,), result="rain", again=True)
    backend = ScriptedBackend(tmp_path, [[asked, ContentDelta("It rains."), DONE]], past=past)
    backend.conversation.waiting = 1
    person = chatted(backend, "allow", "/resume", conversation="conv-1")
    said = person.after("End of what was said before.")
    assert said[0].startswith("The program ended here.")
    assert "Assistant: It rains." in said
    assert [decision.allowed for _, decision in backend.conversation.decisions] == [True]
    assert said[-2] == "There is no turn here that was cut; write what you want next."


def test_a_turn_cut_where_nothing_waits_is_gone_on_with_by_a_command(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[ContentDelta("It rains."), DONE]], past=[TurnStarted("conv-1", "Weather?")])
    backend.conversation.may_resume = True
    said = chatted(backend, "/resume", conversation="conv-1").after("End of what was said before.")
    assert "Write /resume to go on with it." in said[0]
    assert "Assistant: It rains." in said
