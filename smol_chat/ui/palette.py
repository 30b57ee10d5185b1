"""The command palette: the same commands, found by typing a part of them."""

from __future__ import annotations

from functools import partial
from typing import cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from smol_chat.ui.command_list import COMMANDS, Command
from smol_chat.ui.screens.chat import ChatScreen


class CommandProvider(Provider):
    """Offer every command of the chat screen."""

    async def discover(self) -> Hits:
        """List all commands while nothing is typed."""
        for command in COMMANDS.values():
            yield DiscoveryHit(_title(command), partial(self._run, command), help=command.summary)

    async def search(self, query: str) -> Hits:
        """Find commands by their name or their summary."""
        matcher = self.matcher(query)
        for command in COMMANDS.values():
            title = _title(command)
            score = max(matcher.match(title), 0.8 * matcher.match(command.summary))
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, command), help=command.summary)

    def _run(self, command: Command) -> None:
        # The provider is the chat screen's own, so it is the screen it was opened over.
        cast(ChatScreen, self.screen).run_command_line(f"/{command.name}")


def _title(command: Command) -> str:
    return command.name.capitalize()
