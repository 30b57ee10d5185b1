"""The list of commands: what each is called, and which fit what is being written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the screen imports this module
    from smol_chat.ui.screens.chat import ChatScreen


class CommandProblem(Exception):
    """Say in one sentence why a command cannot be carried out."""


Handler = Callable[["ChatScreen", str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `argument` shows what may follow its name."""

    name: str
    summary: str
    run: Handler
    argument: str = ""


COMMANDS: dict[str, Command] = {}


def command(name: str, summary: str, argument: str = "") -> Callable[[Handler], Handler]:
    """Register a function as the command `name`."""

    def register(run: Handler) -> Handler:
        COMMANDS[name] = Command(name, summary, run, argument)
        return run

    return register


def is_command(text: str) -> bool:
    """Tell whether a message is meant as a command: it begins with a slash and has one line."""
    return text.startswith("/") and "\n" not in text


def matching(text: str) -> list[Command]:
    """Return the commands that fit what is written so far; none once an argument is being written."""
    if not is_command(text) or " " in text:
        return []
    return [command for name, command in COMMANDS.items() if name.startswith(text[1:].lower())]
