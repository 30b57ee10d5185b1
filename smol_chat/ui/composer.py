"""Where the user writes: several lines, history, commands, always usable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from typing_extensions import override

from smol_chat.sanitise import visible
from smol_chat.ui.history import InputHistory
from smol_chat.ui.terminal_keys import SHIFT_ENTER

NEWLINE_KEYS = ("ctrl+j", "shift+enter", "alt+enter")


class Composer(TextArea):
    """A text area that sends on Enter and grows with its text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send, or queue while an answer is being written", show=False),
        Binding(",".join(NEWLINE_KEYS), "newline", "New line", show=False),
        Binding("up", "back", "Line up; at the first line: what you wrote before", show=False),
        Binding("down", "forward", "Line down; at the last line: forward again", show=False),
        Binding("tab", "complete", "Complete the command, or go to the question", show=False),
        Binding("ctrl+f", "screen.find", "Find words in the conversation; then n and N step", show=False),
        Binding("ctrl+y", "screen.copy_last", "Copy the last answer", show=False),
        Binding("pageup", "screen.scroll(-1)", "Scroll the conversation up", show=False),
        Binding("pagedown", "screen.scroll(1)", "Scroll the conversation down", show=False),
        Binding("ctrl+d", "end_of_input", "Quit when nothing is written", show=False),
        Binding("ctrl+z", "undo_or_suspend", "Undo; with nothing written: to the shell, fg comes back", show=False),
        Binding("ctrl+shift+z", "redo", "Redo", show=False),
    ]
    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 1;
        max-height: 8;
        border: none;
        border-left: outer $border-blurred;
        padding: 0 1 0 4;
        background: $surface;
        scrollbar-size-vertical: 1;
        &:focus { border: none; border-left: outer $primary; }
        .text-area--placeholder { color: $text-muted; }
    }
    """

    @dataclass
    class Sent(Message):
        """The user sent `text`."""

        text: str

    @dataclass
    class Written(Message):
        """The text is another one now."""

        text: str

    class SendOn(Message):
        """Enter was pressed with nothing written."""

    class RecallWanted(Message):
        """Up was pressed with nothing written: the last queued message, if there is one, comes back for editing."""

    @dataclass
    class Pick(Message):
        """A key for the list of commands, while it is open; `reach` is Tab while it is not."""

        step: Literal["up", "down", "complete", "run", "close", "reach"]

    class QuitWanted(Message):
        """End of input was given on an empty line."""

    def __init__(self, history: InputHistory, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, compact=False)
        self.cursor_blink = False
        self.sent_history = history
        self.recallable = False
        """Whether a queued message can come back for editing."""
        self.choosing = False
        """Whether the list of commands is open, which then gets the arrow keys and Enter."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing is written."""
        return not self.document.text

    def write(self, text: str) -> None:
        """Replace the text and put the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def append(self, text: str) -> None:
        """Insert at the cursor what was typed elsewhere, and take the focus."""
        self.insert(_pasted(text))
        self.focus(scroll_visible=False)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Tell the screen."""
        event.stop()
        self.post_message(self.Written(self.text))

    def action_send(self) -> None:
        """Send what is written."""
        if self.choosing:
            self.post_message(self.Pick("run"))
            return
        self.send()

    def send(self) -> None:
        """Send what is written, even while the list of commands is open."""
        text = self.text.strip("\n")
        if not text.strip():
            self.post_message(self.SendOn())
            return
        self.sent_history.add(text)
        self.write("")
        self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        """Begin another line."""
        self.insert("\n")
        self.scroll_cursor_visible()

    def action_back(self) -> None:
        """Go up a line, or back in what was written before."""
        if self.choosing:
            self.post_message(self.Pick("up"))
        elif not self.cursor_at_first_line:
            self.action_cursor_up()
        elif self.is_blank and self.recallable and not self.sent_history.walking:
            self.post_message(self.RecallWanted())
        elif (entry := self.sent_history.back(self.text)) is not None:
            self.write(entry)

    def action_forward(self) -> None:
        """Go down a line, or forward in what was written before."""
        if self.choosing:
            self.post_message(self.Pick("down"))
        elif not self.cursor_at_last_line:
            self.action_cursor_down()
        elif (entry := self.sent_history.forward()) is not None:
            self.write(entry)

    def action_complete(self) -> None:
        """Complete the command, or go to the question that waits."""
        self.post_message(self.Pick("complete" if self.choosing else "reach"))

    def action_undo_or_suspend(self) -> None:
        """Take back the last change; with nothing written suspend the program, as shells know it."""
        if self.is_blank and not self.history.undo_stack:
            self.app.action_suspend_process()
        else:
            self.undo()

    def action_end_of_input(self) -> None:
        """Quit on an empty line, else delete to the right as everywhere."""
        if self.is_blank:
            self.post_message(self.QuitWanted())
        else:
            self.action_delete_right()

    @override
    def action_copy(self) -> None:
        """Copy the selection here; without one let the screen copy its own."""
        if not self.selected_text:
            raise SkipAction()
        self.app.copy_to_clipboard(self.selected_text)

    @override
    async def _on_key(self, event: events.Key) -> None:
        """Leave Enter to the bindings; the base class would insert a line."""
        if event.key == "enter":
            event.prevent_default()
        elif event.key == SHIFT_ENTER:
            event.stop()
            event.prevent_default()
            self.action_newline()

    @override
    async def _on_paste(self, event: events.Paste) -> None:
        """Insert pasted text, its controls made visible: they would otherwise reach the terminal."""
        event.stop()
        event.prevent_default()
        if result := self._replace_via_keyboard(_pasted(event.text), *self.selection):
            self.move_cursor(result.end_location)


def _pasted(text: str) -> str:
    return visible(text.replace("\r\n", "\n").replace("\r", "\n"), prose=True)
