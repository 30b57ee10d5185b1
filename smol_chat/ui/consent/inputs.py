"""The two things a field of a form can be: a text to edit, or one of a few values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.style import Style
from textual.widget import Widget
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme
from typing_extensions import override

from smol_chat.messages import JsonValue
from smol_chat.sanitise import visible

_THEME = "consent"
_COLOURED_UP_TO = 8 * 1024
"""Characters of a text that is coloured while it is edited: it is done anew at every key."""


class TextField(TextArea):
    """A text, as long as it is. Enter begins another line where it has several, else it goes to the next field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,shift+enter,alt+enter", "newline", "New line", show=False),
    ]
    DEFAULT_CSS = """
    TextField {
        height: auto;
        min-height: 1;
        max-height: 10;
        border: none;
        padding: 0 1;
        background: $panel;
        scrollbar-size-vertical: 1;
        &:focus { border: none; background: $boost; }
        .text-area--placeholder { color: $text-muted; }
    }
    """

    @dataclass
    class Written(Message):
        """The text is another one now."""

        field: TextField

    class Done(Message):
        """Enter was pressed in a text of one line."""

    def __init__(self, text: str, *, several_lines: bool, language: str = "", placeholder: str = "") -> None:
        self._lexer = language
        super().__init__(
            text,
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder=Content(placeholder),
            classes="form--field",
        )
        self.cursor_blink = False
        self._several_lines = several_lines

    def on_mount(self) -> None:
        """Begin at the end of a line to edit; colour code in the colours of the screen."""
        if not self._several_lines:
            self.move_cursor(self.document.end)
        if self._lexer:
            from smol_chat.ui.consent.highlight import STYLES  # late: Pygments is heavy, few calls have code

            variables = self.app.theme_variables
            styles = {style: Style.parse(style, variables).rich_style for style in STYLES.values()}
            self.register_theme(TextAreaTheme(_THEME, syntax_styles=styles))
            self.theme = _THEME

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Tell the form."""
        event.stop()
        self.post_message(self.Written(self))

    def action_newline(self) -> None:
        """Begin another line."""
        self.insert("\n")

    @override
    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and not self._several_lines:
            event.stop()
            event.prevent_default()
            self.post_message(self.Done())

    @override
    async def _on_paste(self, event: events.Paste) -> None:
        """Insert pasted text, its controls made visible: they would otherwise be there unseen."""
        event.stop()
        event.prevent_default()
        text = visible(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    @override
    def _build_highlight_map(self) -> None:
        """Colour by Pygments, which every card uses, instead of the toolkit's optional parsers."""
        super()._build_highlight_map()
        if not self._lexer or len(self.document.text) > _COLOURED_UP_TO:
            return
        from smol_chat.ui.consent.highlight import coloured_parts  # late: as above

        text = self.document.text
        row, begins = 0, 0
        for start, end, style in coloured_parts(text, self._lexer):
            while (line_end := text.find("\n", begins)) >= 0 and line_end < start:
                row, begins = row + 1, line_end + 1
            at, line = start, row
            line_begins = begins
            while at < end:
                stop = text.find("\n", at, end)
                stop = end if stop < 0 else stop
                before = len(text[line_begins:at].encode("utf-8", "replace"))
                size = len(text[at:stop].encode("utf-8", "replace"))
                if size:
                    self._highlights[line].append((before, before + size, style))
                at, line, line_begins = stop + 1, line + 1, stop + 1


class ChoiceField(Widget, can_focus=True):
    """One of a few values, all of them in sight: arrows or a click choose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "move(-1)", "The one before", show=False),
        Binding("right,down,space", "move(1)", "The next one", show=False),
    ]
    DEFAULT_CSS = """
    ChoiceField {
        height: auto;
        padding: 0 1;
        pointer: pointer;
        &:focus { background: $boost; }
    }
    """

    class Chosen(Message):
        """Another value was chosen."""

    def __init__(self, options: list[tuple[str, JsonValue]], chosen: int) -> None:
        super().__init__(classes="form--field")
        self._options = options
        self.chosen = chosen
        """Index of the option."""

    def action_move(self, step: int) -> None:
        """Choose another one, around the ends."""
        self._choose((self.chosen + step) % len(self._options))

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        event.stop()
        self.focus(scroll_visible=False)
        offset = event.get_content_offset(self)
        if offset is not None:
            for index, (row, start, end) in enumerate(self._places(self.content_size.width)):
                if offset.y == row and start <= offset.x < end:
                    self._choose(index)

    def _choose(self, index: int) -> None:
        if index != self.chosen:
            self.chosen = index
            self.refresh()
            self.post_message(self.Chosen())

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the rows the options take."""
        return self._places(width)[-1][0] + 1

    @override
    def render(self) -> Content:
        """Show all options, the chosen one with a filled mark."""
        rows: dict[int, list[Content]] = {}
        for index, (row, _, _) in enumerate(self._places(self.content_size.width)):
            mark = "●" if index == self.chosen else "○"
            style = "bold $text-primary" if index == self.chosen else "$foreground"
            rows.setdefault(row, []).append(Content.styled(f"{mark} {self._options[index][0]}", style))
        return Content("\n").join(Content("  ").join(options) for options in rows.values())

    def _places(self, width: int) -> list[tuple[int, int, int]]:
        """Return row, first and end column of each option."""
        places: list[tuple[int, int, int]] = []
        row = column = 0
        for name, _ in self._options:
            size = Content(name).cell_length + 2
            if column and column + size > width:
                row, column = row + 1, 0
            places.append((row, column, column + size))
            column += size + 2
        return places
