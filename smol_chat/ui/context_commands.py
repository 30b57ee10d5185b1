"""Commands about what the model reads: the context window, and what always stays in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smol_chat.ui.command_list import CommandProblem, command

if TYPE_CHECKING:  # the screen's commands import this module
    from smol_chat.ui.backend import OpenConversation
    from smol_chat.ui.screens.chat import ChatScreen


@command("context", "what fills the context window")
async def _context(chat: ChatScreen, _: str) -> None:
    from smol_chat.ui.context_sheet import context_page  # late: start-up; opened seldom
    from smol_chat.ui.screens.sheet import SheetScreen

    if chat.is_answering:
        raise CommandProblem("The context is counted between two answers; try again when this one is done.")
    report = await _open(chat).context_report()
    chat.app.push_screen(SheetScreen("Context window", context_page(report)))


@command("pin", "keep a turn, the last one or one by number, from being summarised", "[number]")
async def _pin(chat: ChatScreen, argument: str) -> None:
    await _set_pin(chat, argument, on=True)


@command("unpin", "let a turn be summarised again", "[number]")
async def _unpin(chat: ChatScreen, argument: str) -> None:
    await _set_pin(chat, argument, on=False)


async def _set_pin(chat: ChatScreen, argument: str, *, on: bool) -> None:
    conversation = _open(chat)
    if argument and not argument.isdecimal():
        raise CommandProblem("Write the number of a turn, counted from 1, or nothing for the last one.")
    last = conversation.turns
    position = int(argument) if argument else last
    event = await conversation.pin(position - 1, on)
    if position == last:
        chat.transcript.feed(event)
    else:
        chat.say(f"Turn {position} is {'pinned' if on else 'no longer pinned'}.")


def pin_tool(chat: ChatScreen, name: str, *, on: bool) -> None:
    """Offer a tool whatever room there is, or no longer."""
    _open(chat).pin_tool(name, on)
    chat.say(f"{name} is {'always' if on else 'no longer always'} among the tools that are offered.")


def _open(chat: ChatScreen) -> OpenConversation:
    if chat.conversation is None:
        raise CommandProblem("No conversation is open yet.")
    return chat.conversation
