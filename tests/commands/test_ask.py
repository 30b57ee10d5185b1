"""`smol-chat ask`, run for real with a real model that follows a script."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, TextIO

import pytest

from smol_chat.commands.ask import INPUT_BYTES, read_prompt, show_turn
from smol_chat.commands.output import TextOutput
from smol_chat.errors import UsageError
from smol_chat.events import (
    ContentDelta,
    RoundStarted,
    ToolCallProposed,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import Journal
from smol_chat.messages import FinishReason, Timings, ToolCall, Usage
from smol_chat.tools import ToolRegistry
from support.gguf_models import THINKING_TEMPLATE, write_hybrid_model
from support.on_terminal import OnTerminal
from support.program import Program


def lines(run: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_a_call_allowed_by_flag_runs_and_one_without_consent_is_refused(program: Program, scripted_model: Path) -> None:
    run = program("ask", "6*7?", "--allow", "calculate", "--json", model=scripted_model)
    events = lines(run)
    assert run.returncode == 3
    assert run.stderr == "smol-chat: Nobody could be asked about a call; allow it with --allow write_file.\n"
    assert not (program.workspace / "answer.txt").exists()

    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["turn_started", "prompt_progress"]
    assert list(dict.fromkeys(kinds)) == [
        "turn_started",
        "prompt_progress",
        "reasoning_delta",
        "content_delta",
        "tool_call",
        "decision",
        "tool_result",
        "turn_finished",
    ]
    decisions = {event["id"]: (event["decision"], event["by"]) for event in events if event["type"] == "decision"}
    assert sorted(decisions.values()) == [("allow", "flag"), ("deny", "policy")]
    results = {event["ok"]: event for event in events if event["type"] == "tool_result"}
    assert "42" in results[True]["content"]
    assert results[False]["error"]["kind"] == "denied"
    end = events[-1]
    assert end["reason"] == "refused"
    assert end["usage"]["prompt_tokens"] > end["usage"]["reused_tokens"] > 0
    assert end["usage"]["completion_tokens"] > 0
    assert end["timings"]["ttft_ms"] > 0 and end["timings"]["decode_tok_s"] > 0


def test_with_every_call_allowed_the_answer_is_printed_and_the_work_done(
    program: Program, scripted_model: Path
) -> None:
    run = program("ask", "6*7?", "--allow", "calculate, write_file", model=scripted_model)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "I will work it out.\nIt is 42.\n"
    assert (program.workspace / "answer.txt").read_text() == "42"


def test_with_no_tool_to_choose_a_call_is_malformed(program: Program, scripted_model: Path) -> None:
    run = program("ask", "6*7?", "--tool-choice", "none", "--json", model=scripted_model)
    events = lines(run)
    assert run.returncode == 0
    assert {event["kind"] for event in events if event["type"] == "malformed_call"} == {"unknown_tool"}
    assert not [event for event in events if event["type"] == "tool_call"]


def test_a_demanded_tool_is_called_by_a_model_that_writes_noise(program: Program, tmp_path: Path) -> None:
    others = [name for name in ToolRegistry.load().names() if name != "get_current_datetime"]
    config = tmp_path / "few.toml"
    config.write_text(f"[tools]\ndisabled = {json.dumps(others)}\n[sampling]\nmax_tokens = 300\n")
    template = THINKING_TEMPLATE.replace("<think>\n{% endif %}", "{% endif %}")
    noise = write_hybrid_model(tmp_path / "noise.gguf", template=template)
    options = ("--tool-choice", "get_current_datetime", "--max-rounds", "1", "--seed", "5", "--json")
    run = program("ask", "Hi", *options, "--config", str(config), model=noise)
    call = next(event for event in lines(run) if event["type"] in ("tool_call", "malformed_call"))
    assert (call["type"], call["name"]) == ("tool_call", "get_current_datetime")


def test_only_a_tool_that_is_there_can_be_demanded(program: Program, scripted_model: Path) -> None:
    run = program("ask", "6*7?", "--tool-choice", "calculator", model=scripted_model)
    assert run.returncode == 2
    assert "There is no tool 'calculator'" in run.stderr and "did you mean calculate?" in run.stderr
    run = program("ask", "6*7?", "--tool-choice", "calculate", "--no-tools", model=scripted_model)
    assert run.returncode == 2
    assert "not allowed with argument" in run.stderr


def test_a_conversation_goes_on_and_can_be_shown(program: Program, scripted_model: Path) -> None:
    allow = ["--allow", "calculate", "--allow", "write_file"]
    first = lines(program("ask", "First", "question", *allow, "--json", model=scripted_model))
    conversation = first[0]["conversation"]
    second = lines(program("ask", "Second?", *allow, "--json", "--continue", model=scripted_model))
    third = lines(program("ask", "Third?", *allow, "--json", "--conversation", conversation[:11], model=scripted_model))
    assert {second[0]["conversation"], third[0]["conversation"]} == {conversation}

    (listed,) = json.loads(program("history", "list", "--json").stdout)
    assert (listed["id"], listed["title"], listed["turns"], listed["model"]) == (
        conversation,
        "First question",
        3,
        "script",
    )
    shown = lines(program("history", "show", conversation, "--json"))
    asked = [event["text"] for event in shown if event["type"] == "turn_started"]
    assert asked == ["First question", "Second?", "Third?"]
    assert next(event for event in shown if event["type"] == "turn_finished") == first[-1]
    text = program("history", "show", conversation).stdout
    assert "> First question\n\nI will work it out." in text
    assert "wants six times seven" not in text
    assert "wants six times seven" in program("history", "show", conversation, "--show-reasoning").stdout
    assert program("history", "rm", conversation).stdout == f"Removed {conversation}.\n"
    assert json.loads(program("history", "list", "--json").stdout) == []


def test_what_is_piped_in_is_appended(program: Program, scripted_model: Path) -> None:
    lines(program("ask", "Sum up:", "--no-tools", "--json", text="a\nb\n", model=scripted_model))
    (shown, *_) = lines(program("history", "show", "1", "--json"))
    assert shown["text"] == "Sum up:\n\na\nb"


def ask_on_a_terminal(program: Program, model: Path, typed: dict[str, str]) -> tuple[int, str, str]:
    """Run `ask` on a terminal of its own; type each answer when its question has appeared."""
    command = program.command("ask", "6*7?", "--model", str(model))
    with OnTerminal(command, cwd=program.workspace, output=subprocess.PIPE) as terminal:
        for card, answer in typed.items():
            terminal.sees(card)
            terminal.sees("[n] no: ")
            terminal.types(answer)
        assert terminal.process.stdout is not None
        printed = terminal.process.stdout.read()
    return terminal.process.returncode, printed, terminal.seen


def test_on_a_terminal_each_call_is_asked_about(program: Program, scripted_model: Path) -> None:
    code, answer, seen = ask_on_a_terminal(
        program, scripted_model, {"calculate (1 of 2)": "y\n", "write_file (2 of 2)": "y\n"}
    )
    assert code == 0
    assert answer == "I will work it out.\nIt is 42.\n"
    assert 'content = "42"' in seen
    assert (program.workspace / "answer.txt").read_text() == "42"


def test_ctrl_c_while_being_asked_ends_the_turn_with_130(program: Program, scripted_model: Path) -> None:
    code, answer, _ = ask_on_a_terminal(program, scripted_model, {"calculate (1 of 2)": "\x03"})
    assert code == 130
    assert answer == "I will work it out.\n"
    shown = lines(program("history", "show", "1", "--json"))
    assert shown[-1]["reason"] == "cancelled"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ask"], 'There is no question; write it behind the command, as in: smol-chat ask "What day is it?"'),
        (["ask", "x", "--continue"], "There is no conversation to go on with yet; start one without --continue."),
        (
            ["ask", "x", "--conversation", "zz"],
            "There is no conversation 'zz'; smol-chat history list shows those there are.",
        ),
        (["ask", "x", "--allow", "calculat"], "There is no tool 'calculat'; did you mean calculate?"),
        (["ask", "x", "--model", "/no/such.gguf"], "There is no model file '/no/such.gguf'; check the path."),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_2(program: Program, arguments: list[str], sentence: str) -> None:
    run = program(*arguments)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"smol-chat: {sentence}\n")


def test_a_file_that_is_no_model_is_a_failed_turn(program: Program) -> None:
    bad = program.workspace / "bad.gguf"
    bad.write_text("<html>")
    run = program("ask", "x", "--json", model=bad)
    assert run.returncode == 1
    assert [event["type"] for event in lines(run)] == ["turn_started", "error", "turn_finished"]
    assert lines(run)[1]["kind"] == "model_file"
    assert run.stderr.count("\n") == 1
    assert "Traceback" not in run.stderr


# --- one turn, without a process ------------------------------------------------------------------


class Scripted:
    """A conversation that plays events; `WAIT` in them waits to be cancelled after a Ctrl+C."""

    def __init__(self, *events: TurnEvent) -> None:
        self._events = events
        self.cancelled = asyncio.Event()

    async def run_turn(self, text: str) -> AsyncGenerator[TurnEvent, None]:
        yield TurnStarted("c", text)
        for event in self._events:
            if event == ContentDelta("^C"):
                os.kill(os.getpid(), signal.SIGINT)
                await self.cancelled.wait()
            else:
                yield event

    async def cancel(self) -> None:
        self.cancelled.set()


def ended(reason: FinishReason) -> TurnFinished:
    return TurnFinished(reason, Usage(), Timings())


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([ended("stop")], 0),
        ([ended("length")], 0),
        ([ended("limit")], 1),
        ([ended("error")], 1),
        ([ended("refused")], 3),
        ([ended("cancelled")], 130),
        ([TurnFailed("engine", "It broke.")], 1),
        ([], 1),
        ([ContentDelta("^C"), ended("cancelled")], 130),
    ],
)
async def test_the_exit_code_tells_how_the_turn_ended(events: list[TurnEvent], code: int) -> None:
    conversation = Scripted(*events)
    before = signal.getsignal(signal.SIGINT)
    output = TextOutput(io.StringIO(), io.StringIO(), show_reasoning=False)
    assert await show_turn(conversation, conversation.run_turn("Hi"), output) == code
    assert conversation.cancelled.is_set() == (ContentDelta("^C") in events)
    assert signal.getsignal(signal.SIGINT) == before


# --- the prompt -------------------------------------------------------------------------------------


def piped(data: bytes, tmp_path: Path) -> TextIO:
    (tmp_path / "input").write_bytes(data)
    return (tmp_path / "input").open(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "data", "prompt"),
    [
        (["what", "now?"], b"", "what now?"),
        (["sum up"], b"\n a\r\nb\xff\n\n", "sum up\n\n a\r\nb\ufffd"),
        (["-"], "größer".encode(), "größer"),
        (["x", "-"], b"y", "x\n\ny"),
    ],
)
def test_the_prompt_is_the_words_and_then_the_input(words: list[str], data: bytes, prompt: str, tmp_path: Path) -> None:
    with piped(data, tmp_path) as stream:
        assert read_prompt(words, stream) == prompt


def test_too_much_input_is_refused(tmp_path: Path) -> None:
    with (
        piped(b"x" * (INPUT_BYTES + 1), tmp_path) as stream,
        pytest.raises(UsageError, match="more than 4,000,000 bytes"),
    ):
        read_prompt(["x"], stream)


def test_input_nobody_gave_is_not_waited_for() -> None:
    with Path(os.devnull).open() as stream:
        assert read_prompt(["x"], stream) == "x"


# --- a turn that was cut ----------------------------------------------------------------------------

CUT_TURN: list[TurnEvent] = [
    TurnStarted("c1", "Write it down."),
    RoundStarted(1),
    ToolCallProposed(ToolCall("call_1", "write_file", {"path": "answer.txt", "content": "42"})),
]


async def store(program: Program, events: list[TurnEvent]) -> None:
    program.data_dir.mkdir()

    async def turn() -> AsyncGenerator[TurnEvent, None]:
        for event in events:
            yield event

    with closing(Journal.open(program.data_dir / "history.db")) as journal:
        async with aclosing(journal.record("c1", turn())) as passed_on:
            assert [event async for event in passed_on] == events


async def test_without_a_question_a_turn_that_was_cut_goes_on(program: Program, scripted_model: Path) -> None:
    await store(program, CUT_TURN)
    run = program("ask", "--continue", "--allow", "write_file,calculate", "--json", model=scripted_model)
    kinds = [event["type"] for event in lines(run)]
    assert kinds[:3] == ["turn_resumed", "decision", "tool_result"]
    assert kinds[-1] == "turn_finished"
    assert (program.workspace / "answer.txt").read_text() == "42"
    again = program("ask", "--continue", model=scripted_model)
    assert again.returncode == 2
    assert "There is no question" in again.stderr


async def test_a_question_without_a_terminal_leaves_what_waited_unrun(program: Program, scripted_model: Path) -> None:
    await store(program, CUT_TURN)
    run = program("ask", "--continue", "Never mind.", "--no-tools", "--json", model=scripted_model)
    assert lines(run)[0]["type"] == "turn_started"
    assert not (program.workspace / "answer.txt").exists()
