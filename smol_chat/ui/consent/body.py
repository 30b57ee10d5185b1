"""What would run, whole: the preview and every argument as numbered lines that can be scrolled to the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import get_character_cell_size
from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.messages import JsonValue
from smol_chat.sanitise import visible

NUMBERED_FROM = 10
"""Lines from which a text gets line numbers."""
_HIGHLIGHT_LIMIT = 32 * 1024
_WIDE_GAP = re.compile(r" {41,}")
_MANY_BLANKS = 4
_HOSTS_WIDTH = 50
_CROWD = 4
"""Characters a cell may have on average, marks that combine with others counted."""
_BAR = 1
"""Cells of the scroll bar."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line before wrapping: what stands in the gutter, and the text."""

    gutter: str
    text: Content


Row = tuple[str, Content]
"""One line after wrapping: gutter and text."""


def consent_lines(request: ApprovalRequest) -> list[Line]:
    """Return everything the card must show of a request, in order."""
    preview = request.preview
    lines = [Line("", line.stylize("bold")) for line in _plain(preview.summary)] if preview.summary else []
    if lists_hosts(request):
        lines += [Line("", Content.assemble(("→ ", "$text-warning"), host_name(host))) for host in preview.hosts]
    lines += _argument_lines(request)
    if preview.body:
        lines += _text_lines(preview.body, preview.language)
    return lines


def exact(text: str) -> str:
    """Return text for one line of a card: nothing in it is hidden, not even a tab."""
    return visible(text, keep_newlines=False).replace("\t", "␉")


def lists_hosts(request: ApprovalRequest) -> bool:
    """Tell whether the hosts are too many for one line."""
    return sum(len(host_name(host)) + 2 for host in request.preview.hosts) > _HOSTS_WIDTH


def host_name(host: str) -> str:
    """Return a host as it goes over the wire: letters that look alike have no place on a card."""
    try:
        return exact(host if host.isascii() else host.encode("idna").decode("ascii"))
    except UnicodeError:
        return ascii(host)


def _argument_lines(request: ApprovalRequest) -> Iterator[Line]:
    arguments = request.call.arguments
    width = min(24, max((len(exact(name)) for name in arguments), default=0)) + 2
    for name, value in arguments.items():
        label = Content.styled(f"{exact(name):<{width}}", "$text-muted")
        text, is_plain = argument_text(value)
        if is_plain and text and text == request.preview.body:
            yield Line("", label + Content.styled("the whole text below", "$text-muted"))
        elif "\n" in text:
            yield Line("", label + Content.styled(f"{text.count(chr(10)) + 1} lines", "$text-muted"))
            yield from _text_lines(text, "")
        else:
            yield Line("", label + _marked(Content(exact(text))))


def argument_text(value: JsonValue) -> tuple[str, bool]:
    """Return an argument as text, and whether that is the string itself rather than JSON.

    A string that could be taken for something else (empty, spaces around it, the text of a number) is put in quotes.
    """
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, indent=None), False
    if not value or (value != value.strip() and "\n" not in value):
        return json.dumps(value, ensure_ascii=False), False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return value, True
    return json.dumps(value, ensure_ascii=False), False


def _plain(text: str) -> list[Content]:
    return [_marked(Content(exact(line))) for line in text.split("\n")]


def _text_lines(text: str, language: str) -> list[Line]:
    whole = _content(visible(text.expandtabs(4)), language)
    raw = whole.split("\n", allow_blank=True)
    number_width = len(str(len(raw))) if len(raw) >= NUMBERED_FROM else 0
    lines: list[Line] = []
    blanks = 0
    for number, content in enumerate(raw, 1):
        blanks = 0 if content.plain.strip() else blanks + 1
        if blanks > _MANY_BLANKS:
            continue
        gutter = f"{number:>{number_width}} " if number_width else ""
        lines.append(Line(gutter, _marked(content)))
        if blanks == _MANY_BLANKS:
            run = _blank_run(raw, number - 1)
            if run:
                lines.append(Line(" " * len(gutter), Content.styled(f"⟨{run} more blank lines⟩", "$text-warning")))
    return lines


def _blank_run(lines: list[Content], index: int) -> int:
    """Count the blank lines that follow `index`."""
    count = 0
    for content in lines[index + 1 :]:
        if content.plain.strip():
            break
        count += 1
    return count


def _content(text: str, language: str) -> Content:
    if not language or len(text) > _HIGHLIGHT_LIMIT:
        return Content(text)
    from smol_chat.ui.consent.highlight import highlighted  # late: Pygments is heavy, most cards have no code

    return highlighted(text, language)


def _marked(content: Content) -> Content:
    """Replace long runs of spaces, which push text out of sight, by their length."""
    if _WIDE_GAP.search(content.plain) is None:
        return content
    parts: list[Content] = []
    position = 0
    for gap in _WIDE_GAP.finditer(content.plain):
        parts += [content[position : gap.start()], Content.styled(f"⟨{len(gap[0])} spaces⟩", "$text-warning")]
        position = gap.end()
    return Content("").join([*parts, content[position:]])


class ConsentBody(ScrollView, can_focus=False):
    """Show the lines, wrapped to the width; tell when the last one has been in view."""

    DEFAULT_CSS = """
    ConsentBody {
        height: auto;
        max-height: 1fr;
        background: transparent;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
    }
    """

    class SeenToTheEnd(Message):
        """The last line has been in view."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self.seen = False
        """Whether the last line has been in view."""
        self._lines = lines
        self._gutter = max((len(line.gutter) for line in lines), default=0)
        self._wrapped: LRUCache[int, list[Row]] = LRUCache(2)
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(256)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of wrapped rows."""
        return len(self._rows(width - _BAR))

    @override
    def notify_style_update(self) -> None:
        """Forget what was rendered in the old colours."""
        super().notify_style_update()
        self._strips.clear()

    @override
    def render_line(self, y: int) -> Strip:
        """Render one visible row."""
        width = self._width
        rows = self._rows(width)
        row = y + self.scroll_offset.y
        if row >= len(rows):
            return Strip.blank(width, self.rich_style)
        if (strip := self._strips.get((row, width))) is None:
            strip = self._strips[row, width] = self._strip(rows[row], width)
        return strip

    def on_resize(self) -> None:
        """Wrap to the new width and see whether everything fits."""
        width = self._width
        self.virtual_size = Size(width, len(self._rows(width)))
        self.call_after_refresh(self._look)

    @override
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Notice when the end comes into view."""
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def _look(self) -> None:
        region = self.scrollable_content_region
        if (
            not self.seen
            and region.height > 0
            and self.scroll_offset.y + region.height >= len(self._rows(region.width))
        ):
            self.seen = True
            self.post_message(self.SeenToTheEnd())

    @property
    def _width(self) -> int:
        """Cells a row may take. The scroll bar's cell is kept free also without one: it must not change the rows."""
        return max(0, self.content_size.width - _BAR)

    def _rows(self, width: int) -> list[Row]:
        """Return the lines folded to `width`."""
        if (rows := self._wrapped.get(width)) is None:
            room = max(2, width - self._gutter)
            rows = self._wrapped[width] = []
            for line in self._lines:
                first, *others = folded(line.text, room)
                rows.append((line.gutter, first))
                rows += [(" " * len(line.gutter), part) for part in others]
        return rows

    def _strip(self, row: Row, width: int) -> Strip:
        gutter, text = row
        content = Content.styled(gutter, "$text-disabled") + text
        strip = Strip(content.render_segments(self.visual_style))
        return strip.adjust_cell_length(width, self.rich_style)


def folded(text: Content, width: int) -> list[Content]:
    """Return one line as rows of at most `width` cells that together are all of it.

    `Content.fold` loses the rest of a text after a run of characters without a width of their own.
    """
    plain = text.plain
    if plain.isascii():
        breaks = list(range(width, len(plain), width))
    else:
        breaks = []
        cells = begun = 0
        for index, character in enumerate(plain):
            size = get_character_cell_size(character)
            if cells + size > width or index - begun >= _CROWD * width:
                breaks.append(index)
                cells, begun = 0, index
            cells += size
    return text.divide(breaks) if breaks else [text]
