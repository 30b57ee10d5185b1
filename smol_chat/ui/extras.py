"""What is opened now and then over the chat: settings, the machine, one thing on the whole screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smol_chat.ui.machine import MachinePanel
from smol_chat.ui.screens.settings import SettingsScreen
from smol_chat.ui.screens.zoom import ZoomScreen
from smol_chat.ui.status import StatusLine
from smol_chat.ui.transcript.whole import whole

if TYPE_CHECKING:  # the chat imports this module
    from smol_chat.ui.screens.chat import ChatScreen


def open_settings(chat: ChatScreen) -> None:
    """Show the settings."""

    def changed(name: str) -> None:
        ui = chat.backend.settings.ui
        if name == "ui.theme":
            chat.shelf.choose(ui.theme)
        elif name == "ui.show_reasoning":
            chat.transcript.fold_all_reasoning(not ui.show_reasoning)

    chat.app.push_screen(SettingsScreen(chat.backend, changed, chat.edit_outside, {"ui.theme": chat.shelf.names}))


async def toggle_machine(chat: ChatScreen) -> None:
    """Show what the machine is doing, or no longer."""
    panels = chat.query(MachinePanel)
    if panels:
        await panels.remove()
    else:
        status = chat.query_one(StatusLine)
        await chat.mount(MachinePanel(lambda: status.tok_s), before=status)


def zoom(chat: ChatScreen) -> None:
    """Show one block on the whole screen."""
    block = chat.transcript.block_to_look_at()
    shown = whole(block) if block is not None else None
    if shown is None:
        chat.app.notify("There is nothing to show on the whole screen yet.", markup=False)
    else:
        chat.app.push_screen(ZoomScreen(*shown))
