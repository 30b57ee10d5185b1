"""The program itself in a terminal, with real keys and a real model or server; only what the model says is scripted."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from terminal import processes

from support.gguf_models import bundled_model, write_scripted_model
from support.person import Start, answer, send, worker_of

pytestmark = pytest.mark.needs_tmux


def words(screen: str) -> list[str]:
    """Return the words on the screen, without what a half-written line of Markdown may still change."""
    return re.findall(r"[A-Za-z]+", screen)


def call_text(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


@pytest.fixture(scope="module")
def scripted_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rounds = [
        [
            "<think>",
            "I should compute ",
            "and write.",
            "</think>",
            call_text("calculate", expression="6*7"),
            call_text("write_file", path="answer.txt", content="forty-two"),
        ],
        ["The answer ", "is 42; ", "the note was not written."],
    ]
    return write_scripted_model(tmp_path_factory.mktemp("models") / "scripted.gguf", rounds)


def test_a_person_approves_one_call_denies_another_and_finds_the_conversation_again(
    start: Start, scripted_gguf: Path, tmp_path: Path
) -> None:
    terminal = start("--model", str(scripted_gguf))
    send(terminal, "What is six times seven?")
    answer(terminal, "calculate", "Right")
    answer(terminal, "write_file", "w")
    terminal.wait(lambda screen: "the model reads your reason" in screen)
    terminal.text("no files today")
    terminal.keys("Enter")
    answer(terminal, "calculate", "y")
    terminal.wait(lambda screen: "The answer is 42" in screen)
    screen = terminal.screen()
    assert "6*7 = 42" in screen
    assert "denied by you: no files today" in screen
    assert "thought for" in screen
    assert not (tmp_path / "work" / "answer.txt").exists()
    terminal.keys("C-q")
    terminal.wait(lambda screen: "program ended" in screen)

    again = start("--model", str(scripted_gguf), "--continue")
    again.wait(lambda screen: "The answer is 42" in screen)
    for text in ("What is six times seven?", "thought for", "6*7 = 42", "denied by you: no files today"):
        assert text in again.screen()


def test_reasoning_opens_and_folds(start: Start, scripted_gguf: Path) -> None:
    terminal = start("--model", str(scripted_gguf))
    send(terminal, "Go.")
    terminal.wait(lambda screen: "thought for" in screen and "─ calculate ·" in screen)
    assert "I should compute and write." not in terminal.screen()
    terminal.keys("C-r")
    terminal.wait(lambda screen: "I should compute and write." in screen)
    terminal.keys("C-r")
    terminal.wait(lambda screen: "I should compute and write." not in screen)


def test_typing_while_a_card_appears_consents_to_nothing(start: Start, scripted_gguf: Path, tmp_path: Path) -> None:
    terminal = start("--model", str(scripted_gguf))
    send(terminal, "Go.")
    for _ in range(40):
        terminal.text("yys ")
    terminal.keys("BSpace")
    terminal.wait(lambda screen: "─ calculate ·" in screen)
    terminal.keys("Enter")
    terminal.wait(lambda screen: "queued" in screen)
    assert "allowed" not in terminal.screen()


def test_the_program_survives_the_death_of_its_worker(start: Start) -> None:
    terminal = start("--model", str(bundled_model()))
    send(terminal, "Write a very long story about a lighthouse.")
    terminal.wait(lambda screen: "tok/s" in screen)
    os.kill(worker_of(terminal), signal.SIGKILL)
    terminal.wait(lambda screen: "SIGKILL" in screen)
    send(terminal, "Say yes.")
    terminal.wait(lambda screen: "tok/s" in screen and "Say yes." in screen)
    terminal.keys("Escape")
    terminal.wait(lambda screen: "stopped" in screen)


def test_a_killed_program_shows_its_partial_answer_again(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "config.toml").write_text("[sampling]\ntemperature = 0.0\n")
    terminal = start("--model", str(bundled_model()))
    send(terminal, "Write a very long story about a lighthouse.")
    terminal.wait(lambda screen: len(words(screen)) > 120)
    before = words(terminal.screen())
    program = [pid for pid in processes(terminal.pid) if b"--data-dir" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    time.sleep(0.25)  # what is older than this may not be lost
    os.kill(program[-1], signal.SIGKILL)
    terminal.wait(lambda screen: "was killed" in screen)

    again = start("--model", str(bundled_model()), "--continue")
    again.wait(lambda screen: "ended before this answer did" in screen)
    answer = before[before.index("configuration") + 1 :][:60]
    assert len(answer) == 60
    assert " ".join(answer) in " ".join(words(again.screen()))


def test_esc_stops_keeps_the_partial_answer_and_the_next_turn_works(start: Start) -> None:
    terminal = start("--model", str(bundled_model()))
    send(terminal, "Write a very long story about a lighthouse.")
    terminal.wait(lambda screen: len(" ".join(screen.split())) > 600)
    terminal.keys("Escape")
    terminal.wait(lambda screen: "stopped" in screen)
    send(terminal, "Say hello.")
    terminal.wait(lambda screen: "Say hello." in screen and "Esc stops" not in screen)


def test_a_missing_model_is_one_sentence_and_the_chat_stays_usable(start: Start) -> None:
    terminal = start("--model", "/nowhere/model.gguf")
    terminal.wait(lambda screen: "/nowhere/model.gguf" in screen)
    assert "Traceback" not in terminal.screen()
