"""The commands of the plain mode."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smol_chat.sanitise import single_line

if TYPE_CHECKING:  # the chat imports this module
    from smol_chat.ui.plain import PlainChat

_LISTED = 20


class CommandNotKnown(Exception):
    """Say in one sentence what is wrong with a command."""


@dataclass(frozen=True, slots=True)
class PlainCommand:
    """One command."""

    summary: str
    run: Callable[[PlainChat, str], None]


def run_plain_command(chat: PlainChat, text: str) -> None:
    """Carry out a command.

    Raises:
        CommandNotKnown: there is none of this name, or it is used wrongly.
        SmolChatError: it could not be carried out.
    """
    name, _, argument = text[1:].partition(" ")
    command = COMMANDS.get(name.lower())
    if command is None:
        raise CommandNotKnown(f"There is no command /{name[:40]}; /help says those there are.")
    command.run(chat, argument.strip())


def _help(chat: PlainChat, _: str) -> None:
    for name, command in COMMANDS.items():
        chat.write(f"/{name}: {command.summary}.")
    chat.write("A message that names a file as @path takes the file's text along.")


def _new(chat: PlainChat, _: str) -> None:
    chat.open(None)


def _open(chat: PlainChat, argument: str) -> None:
    stored = chat.backend.conversations()[:_LISTED]
    if not argument:
        for number, summary in enumerate(stored, 1):
            day = time.strftime("%d %B %Y", time.localtime(summary.updated))
            chat.write(f"{number}: {single_line(summary.title or 'no text', 80)}, {day}")
        chat.write("Write /open and a number." if stored else "No conversation is stored yet.")
        return
    if not argument.isdigit() or not 1 <= int(argument) <= len(stored):
        raise CommandNotKnown("Write /open and one of the numbers that /open says.")
    chat.open(stored[int(argument) - 1].id)


def _model(chat: PlainChat, argument: str) -> None:
    if argument:
        chat.wait(chat.backend.use_model(argument))
        chat.open(None)
        return
    for model in chat.backend.installed_models():
        chat.write(f"{model.name}, {model.size_bytes / 1e9:.1f} GB")
    chat.write("Write /model and a name, a GGUF file's path or a server's address.")


def _tools(chat: PlainChat, argument: str) -> None:
    if argument in ("on", "off"):
        if chat.conversation is None:
            raise CommandNotKnown("No conversation is open yet.")
        chat.conversation.set_tools(argument == "on")
        chat.write(f"Tools are {argument} from the next message.")
        return
    registry = chat.backend.registry()
    for name in registry.names():
        if (tool := registry.get(name)) is not None:
            chat.narrator.quote(name, tool.schema.description)
    chat.write("Write /tools on or /tools off to offer them to the model or not.")


def _reasoning(chat: PlainChat, argument: str) -> None:
    if argument not in ("on", "off"):
        raise CommandNotKnown("Write /reasoning on or /reasoning off.")
    chat.narrator.says_reasoning = argument == "on"
    chat.write("Reasoning is said in full." if argument == "on" else "Only that there is reasoning is said.")


def _result(chat: PlainChat, _: str) -> None:
    chat.narrator.quote("The last result", chat.narrator.last_result or "there is none yet")


def _undo(chat: PlainChat, _: str) -> None:
    chat.write(chat.wait(chat.backend.workbench().files.undo()).sentence)


def _offline(chat: PlainChat, argument: str) -> None:
    egress = chat.backend.workbench().egress
    if argument not in ("", "on", "off"):
        raise CommandNotKnown("Write /offline on or /offline off.")
    if argument:
        egress.offline = argument == "on"
    chat.write("No tool may leave this machine." if egress.offline else "A call you allow may leave this machine.")


def _resume(chat: PlainChat, _: str) -> None:
    chat.resume()


def _quit(chat: PlainChat, _: str) -> None:
    chat.leaving = True


COMMANDS = {
    "help": PlainCommand("say the commands", _help),
    "new": PlainCommand("begin a new conversation", _new),
    "open": PlainCommand("say the earlier conversations, or go back to one by its number", _open),
    "model": PlainCommand("say the models here, or load one: a name, a path, a server's address", _model),
    "tools": PlainCommand("say the tools; on or off offers them to the model or not", _tools),
    "reasoning": PlainCommand("on says reasoning in full, off only that there is some", _reasoning),
    "result": PlainCommand("say all of the last tool's result", _result),
    "undo": PlainCommand("take back the last file a tool wrote", _undo),
    "offline": PlainCommand("on lets no tool leave this machine, off does again", _offline),
    "resume": PlainCommand("go on with a turn that was cut when the program ended", _resume),
    "quit": PlainCommand("leave; everything is kept", _quit),
}
