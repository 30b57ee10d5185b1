"""When nothing is wanted of the model for a while, it may name the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.timer import Timer

    from smol_chat.ui.screens.chat import ChatScreen

QUIET_S = 4.0
"""Seconds after a turn: by then what the next one begins with has mostly been read."""


class Naming:
    """Name a conversation in a quiet moment; whatever needs the model ends that."""

    def __init__(self, chat: ChatScreen) -> None:
        self._chat = chat
        self._timer: Timer | None = None

    def later(self) -> None:
        """Name the conversation if it stays quiet."""
        self.stop()
        self._timer = self._chat.set_timer(QUIET_S, self.now)

    def now(self) -> None:
        """Name the conversation, and make ready for the next turn again."""
        self._chat.run_worker(self._name(), group="name", exclusive=True)

    def stop(self) -> None:
        """Leave the model to somebody else."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._chat.workers.cancel_group(self._chat, "name")

    async def _name(self) -> None:
        conversation = self._chat.conversation
        if conversation is not None and not self._chat.is_answering:
            await conversation.name_itself()
            self._chat.prepare()
