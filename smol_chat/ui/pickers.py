"""The lists that commands open: conversations, models, themes, tools. Imported when first opened."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from textual.content import Content

from smol_chat.errors import SmolChatError
from smol_chat.sanitise import single_line, visible
from smol_chat.ui.composer import Composer
from smol_chat.ui.consent.effects import EFFECTS
from smol_chat.ui.files import list_files
from smol_chat.ui.screens.file_tree import FileTreeScreen
from smol_chat.ui.screens.picker import PickerScreen, Row
from smol_chat.ui.screens.sheet import SheetScreen

if TYPE_CHECKING:  # the screen's commands import this module
    from smol_chat.journal import ConversationSummary
    from smol_chat.tools.registry import ToolRegistry
    from smol_chat.ui.screens.chat import ChatScreen

_WRITTEN = 500
"""Messages of the past that are offered."""


async def pick_conversation(chat: ChatScreen) -> None:
    """Let the user go back to an earlier conversation."""
    summaries = await asyncio.to_thread(chat.backend.conversations)
    rows = [
        Row(
            summary.id,
            ("◆ " if summary.pinned else "") + (summary.title or "(no text)"),
            f"{_date(summary.updated)} · {_count(summary.turns, 'turn')}",
        )
        for summary in summaries
    ]

    def opened(conversation_id: str | None) -> None:
        if conversation_id is not None:
            chat.run_worker(chat.open_conversation(conversation_id), group="command")

    chat.app.push_screen(PickerScreen("Conversations", rows, empty="No conversation is stored that fits."), opened)


def ask_to_delete(chat: ChatScreen, summary: ConversationSummary) -> None:
    """Delete the conversation that is shown, if that is really wanted."""

    async def delete() -> None:
        await chat.wind_down()
        try:
            await asyncio.to_thread(chat.backend.journal().delete, summary.id)
        except SmolChatError as error:
            chat.say(error.message)
            return
        await chat.open_conversation(None)

    def answered(answer: str | None) -> None:
        if answer == "delete":
            chat.run_worker(delete(), group="command")

    rows = [Row("keep", "Keep it"), Row("delete", "Delete it for good", f"{_count(summary.turns, 'turn')}")]
    chat.app.push_screen(PickerScreen(f"Delete {single_line(summary.title, 60)!r}?", rows), answered)


async def pick_branch(chat: ChatScreen) -> None:
    """Let the user go to another branch of the conversation."""
    ends = await chat.conversation.branches() if chat.conversation is not None else []
    rows = [
        Row(
            str(end.turn),
            f"{end.question} → {end.answer}" if end.answer else end.question,
            f"{'open · ' if end.is_open else ''}{_date(end.started)} · {_count(end.length, 'turn')}",
        )
        for end in ends
    ]

    def chosen(turn: str | None) -> None:
        if turn is not None:
            chat.run_worker(chat.show_turn(int(turn)), group="command")

    chat.app.push_screen(PickerScreen("Branches", rows, empty="This conversation has no turn yet."), chosen)


async def pick_file(chat: ChatScreen) -> None:
    """Let the user choose a file of the workspace from a tree, to attach it."""
    files = await asyncio.to_thread(list_files, chat.backend.workspace)

    def chosen(path: str | None) -> None:
        if path is not None:
            chat.attach_file(path)

    chat.app.push_screen(FileTreeScreen(visible(chat.backend.workspace.name or "/"), files), chosen)


def pick_written(chat: ChatScreen, composer: Composer) -> None:
    """Let the user take back something written before."""
    entries = list(dict.fromkeys(reversed(composer.sent_history.newest(_WRITTEN))))
    rows = [Row(str(number), entry, _lines(entry)) for number, entry in enumerate(entries)]

    def chosen(number: str | None) -> None:
        if number is not None:
            composer.write(entries[int(number)])
        composer.focus()

    empty = "Nothing you wrote before fits."
    chat.app.push_screen(PickerScreen("What you wrote before", rows, empty=empty), chosen)


def _lines(text: str) -> str:
    return f"{text.count(chr(10)) + 1} lines" if "\n" in text else ""


def pick_model(chat: ChatScreen) -> None:
    """Let the user choose one of the models on this machine."""
    rows = [
        Row(str(model.path), model.name, f"{model.size_bytes / 1e9:.1f} GB · {model.source}")
        for model in chat.backend.installed_models()
    ]

    def chosen(path: str | None) -> None:
        if path is not None:
            chat.choose_model(path)

    empty = "No such model here. /model takes a GGUF file's path or a server's address."
    chat.app.push_screen(PickerScreen("Models on this machine", rows, empty=empty), chosen)


def pick_theme(chat: ChatScreen) -> None:
    """Let the user choose a theme."""
    rows = [Row(name, name, "in use" if name == chat.app.theme else "") for name in chat.shelf.names]

    def chosen(name: str | None) -> None:
        if name is not None:
            chat.choose_theme(name)

    chat.app.push_screen(PickerScreen("Themes", rows), chosen)


async def list_tools(chat: ChatScreen) -> None:
    """Show what the model can ask for."""
    registry = await asyncio.to_thread(chat.backend.registry)
    chat.app.push_screen(SheetScreen("Tools", tools_page(registry)))


def tools_page(registry: ToolRegistry) -> Content:
    """Return one paragraph for each tool: its name, what it does to the world, what the model is told."""
    parts: list[Content] = [Content("")]
    for name in registry.names():
        tool = registry.get(name)
        if tool is None:
            continue
        title = Content.assemble((f"{visible(name):<24}", "bold $text-primary"), (EFFECTS[tool.effect], "$text-muted"))
        parts += [title, Content(f"  {visible(tool.schema.description)}"), Content("")]
    parts += [Content.styled(visible(problem), "$text-warning") for problem in registry.problems]
    return Content("\n").join(parts)


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
