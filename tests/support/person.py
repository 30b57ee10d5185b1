"""What a person does at the program: write, look, wait, press a key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from terminal import Terminal, processes


class Start(Protocol):
    """Starts the program with the given words of the command line."""

    def __call__(self, *words: str) -> Terminal: ...


def send(terminal: Terminal, text: str) -> None:
    terminal.wait(lambda screen: "Write a message" in screen)
    terminal.text(text)
    terminal.wait(lambda screen: text in screen)
    terminal.keys("Enter")


def answer(terminal: Terminal, card: str, *keys: str) -> None:
    """Answer a card as a person does: see it, pause, press."""
    terminal.wait(lambda screen: f"─ {card} ·" in screen and "waiting until you stop typing" not in screen)
    for key in keys:
        time.sleep(1.2)  # the pause a card demands; a shorter one would be taken for typing
        terminal.keys(key)


def worker_of(terminal: Terminal) -> int:
    """Return the process id of the model's worker."""
    for pid in processes(terminal.pid):
        if b"smol_chat.engine.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("no worker runs")
