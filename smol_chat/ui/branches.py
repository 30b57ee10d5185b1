"""What the user does to the tree of a conversation: edit a message, answer it again, branch off, walk between versions.

Nothing is deleted by it: what follows the old words stays in the history and can be walked back to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from smol_chat.errors import SmolChatError
from smol_chat.ui.command_list import CommandProblem

if TYPE_CHECKING:  # the screen imports this module
    from smol_chat.ui.screens.chat import ChatScreen
    from smol_chat.ui.transcript.view import BranchAct

_EDITING = "editing message {} · Enter sends it as a new version, the old one is kept · Esc leaves it as it is"


class Branches(Static):
    """The line that says which message is being edited, and what is done to the tree."""

    DEFAULT_CSS = """
    Branches {
        height: auto;
        padding: 0 1;
        color: $text-muted;
        display: none;
        &.-editing { display: block; }
    }
    """

    def __init__(self, chat: ChatScreen) -> None:
        super().__init__(Content(""))
        self._chat = chat
        self._editing: int | None = None
        self._draft = ""

    @property
    def editing(self) -> bool:
        """Whether what is written will be a new version of an earlier message."""
        return self._editing is not None

    async def act(self, act: BranchAct, position: int) -> None:
        """Do what the user wants with a message; `position` is its number, from 0."""
        try:
            match act:
                case "edit":
                    self.edit(position)
                case "regenerate":
                    await self.regenerate(position)
                case "branch":
                    await self.branch(position)
                case "earlier" | "later":
                    await self.walk(position, -1 if act == "earlier" else 1)
        except CommandProblem as problem:
            self._chat.say(str(problem))
        except SmolChatError as error:
            self._chat.say(error.message)

    def position_of(self, number: str) -> int:
        """Return the position of the message with a number from 1 as the user writes it; the one at hand without.

        Raises:
            CommandProblem: there is no such message.
        """
        position = self._chat.transcript.position
        if position is None:
            raise CommandProblem("There is no message yet.")
        if not number:
            return position
        if not number.isascii() or not number.isdigit() or self._text(int(number[:9]) - 1) is None:
            raise CommandProblem(f"There is no message {number[:20]!r}: write its number, counted from 1.")
        return int(number) - 1

    # --- edit -----------------------------------------------------------------------------------

    def edit(self, position: int) -> None:
        """Put a message into the composer."""
        text = self._text(position)
        if text is None:
            return
        if not self.editing:
            self._draft = self._chat.composer.text
        self._editing = position
        self.update(Content(_EDITING.format(position + 1)))
        self.add_class("-editing")
        self._chat.transcript.reveal_message(position)
        self._chat.composer.write(text)
        self._chat.composer.focus()

    def leave(self) -> bool:
        """Stop editing, with what was being written before; tell whether anything was edited."""
        if not self.editing:
            return False
        self._editing = None
        self.remove_class("-editing")
        self._chat.composer.write(self._draft)
        return True

    async def send(self, text: str) -> None:
        """Send the edited message."""
        position = self._editing
        self.leave()
        if position is not None:
            await self._say_instead(position, text)

    async def regenerate(self, position: int) -> None:
        """Have a message answered again."""
        text = self._text(position)
        if text is not None:
            self.leave()
            await self._say_instead(position, text)

    async def branch(self, position: int) -> None:
        """Go on from after a message and its answer."""
        self.leave()
        await self._chat.rewind(position + 1)
        self._chat.composer.focus()
        self._chat.app.notify("The next message begins a branch here.", markup=False)

    async def walk(self, position: int, step: int) -> None:
        """Show the version of a message before or after the one that is shown."""
        conversation = self._chat.conversation
        if conversation is None or self._chat.is_answering:
            raise CommandProblem("An answer is being written: stop it first (Esc).")
        self.leave()
        if await conversation.walk(position, step):
            self._chat.transcript.load(conversation.past)
            self._chat.transcript.reveal_message(position)
            await self.refresh_versions()
            self._chat.prepare()

    async def show(self, turn: int) -> None:
        """Show the branch through a turn, at that turn."""
        conversation = self._chat.conversation
        if conversation is not None:
            position = await conversation.show(turn)
            self._chat.transcript.load(conversation.past)
            await self.refresh_versions()
            self._chat.transcript.reveal_message(position)
            self._chat.prepare()

    async def refresh_versions(self) -> None:
        """Say at each message which of how many versions it is; where the history cannot be read, nothing."""
        conversation = self._chat.conversation
        if conversation is None:
            return
        try:
            versions = await conversation.versions()
        except SmolChatError:  # the turn itself has said that the history is not to be had
            return
        self._chat.transcript.show_versions(versions)

    async def _say_instead(self, position: int, text: str) -> None:
        await self._chat.rewind(position)
        self._chat.send_first(text)

    def _text(self, position: int) -> str | None:
        return self._chat.transcript.message_text(position)
