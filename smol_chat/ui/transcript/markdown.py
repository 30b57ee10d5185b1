"""Render Markdown as lines: our own layout over markdown-it's tokens.

Text from a model is hostile: it is made visible before it is parsed, raw HTML stays text, a link shows where it leads
and is nothing to click on, and sizes are bounded so that no input takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from smol_chat.sanitise import visible
from smol_chat.ui.transcript.code import highlight
from smol_chat.ui.transcript.lines import Line, Span, fold, indent, plain, wrap
from smol_chat.ui.transcript.parts import Part
from smol_chat.ui.transcript.tables import Align, Table, column_widths, table_lines

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PROSE_WIDTH = 100
"""Longer lines of prose are hard to read; code and tables may use the whole width."""

_INLINE_LIMIT = 8_000
"""Characters of one paragraph that are parsed for emphasis and links; a longer one is shown as it is."""
_PART_LIMIT = 64_000
"""Characters of one part that are parsed for structure."""

_NESTING = 40
"""Levels of lists and quotes the parser goes down; a list takes two."""

_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
_TASK = re.compile(r"\[([ xX])\]\s+")
_MARKS = {"em": "em", "strong": "strong", "s": "strike"}
_BULLETS = ("•", "◦", "▪")


def render(part: Part, width: int) -> list[Line]:
    """Return the lines of one part, without the gap before it."""
    if part.kind == "code":
        return _code(visible(part.source), part.language, width, title=part.first)
    source = visible(part.source, prose=True)
    if len(source) > _PART_LIMIT:
        return plain(source, min(width, PROSE_WIDTH))
    if part.kind == "table" and not part.first:
        return _more_table(part, width)
    tokens = _tokens(source)
    if any(token.level >= _NESTING - 2 for token in tokens):
        return plain(source, min(width, PROSE_WIDTH))  # the parser drops what is nested deeper
    return _Renderer(tokens, width, number=part.number).blocks()


def last_code(markdown: str) -> str | None:
    """Return the code of the last fence (also one inside a list or a quote), or None."""
    blocks = [token for token in _parser().parse(markdown) if token.type in ("fence", "code_block")]
    return blocks[-1].content.removesuffix("\n") if blocks else None


def warm_up() -> None:
    """Import what the first Markdown and the first code need; meant for a thread."""
    _parser()
    highlight("pass", "python")


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Late: the parser costs start-up time and the first screen has no Markdown.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _NESTING}).enable(["table", "strikethrough"])
    # A reference would be resolved or not depending on which part it is in; shown as text it is always the same.
    # Inline text is parsed by the renderer, which looks at its size first.
    return parser.disable(["reference", "inline", "text_join"])


def _tokens(source: str) -> list[Token]:
    return _parser().parse(source)


def _code(source: str, language: str, width: int, *, title: bool) -> list[Line]:
    """Draw code with a bar at its left; the language stands above."""
    name = _LANGUAGE.match(language)
    lines: list[Line] = []
    bar = (Span("▎", "code.bar"), Span(" ", "code"))
    if title and name:
        lines.append(Line((), (bar[0], Span(f" {name[0]}", "code code.title")), "code"))
    if not source and not title:
        return lines
    for row in highlight(source.expandtabs(4), name[0].lower() if name else ""):
        lines += [Line(line.spans, bar, "code", line.joint) for line in fold(row, width - 3, fill="code")]
    return lines


def _more_table(part: Part, width: int) -> list[Line]:
    """Draw rows that go on with a table; its first rows decided the widths."""
    head_renderer = _Renderer(_tokens(visible(part.head, prose=True)), width)
    head = head_renderer.table()
    delimiters = "\n".join(part.head.split("\n")[:2])
    rows = _Renderer(_tokens(visible(f"{delimiters}\n{part.source}", prose=True)), width).table()
    return table_lines(rows, column_widths(head, width), width, head=False)


class _Renderer:
    """Walks a list of block tokens once, front to back."""

    def __init__(self, tokens: Sequence[Token], width: int, *, number: int | None = None, depth: int = 0) -> None:
        self._tokens = tokens
        self._at = 0
        self._width = max(width, 4)
        self._number = number
        self._depth = depth

    def blocks(self, until: str = "") -> list[Line]:
        """Render up to the closing token `until` (or the end), blocks apart by a blank line."""
        lines: list[Line] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.type == until:
                break
            block = self._block(token)
            nested_list = bool(self._depth) and token.type.endswith("list_open")
            tight = nested_list or (token.type == "paragraph_open" and token.hidden)
            if block and lines and not tight:
                lines.append(Line())
            lines += block
        return lines

    def table(self) -> Table:
        """Read the table the tokens begin with."""
        head: list[list[Span]] = []
        rows: list[list[list[Span]]] = []
        aligns: list[Align] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                cell = _one_line(_inline(self._tokens[self._at].content))
                if token.type == "td_open":
                    rows[-1].append(cell)
                    continue
                style = str(token.attrs.get("style", ""))
                aligns.append("right" if "right" in style else "center" if "center" in style else "left")
                head.append(cell)
        return Table(head, rows[1:], aligns)

    def _block(self, token: Token) -> list[Line]:
        match token.type:
            case "paragraph_open":
                return self._prose("")
            case "heading_open":
                return self._prose(f"heading heading{min(int(token.tag[1]), 3)}")
            case "bullet_list_open" | "ordered_list_open":
                return self._list(token)
            case "blockquote_open":
                return self._quote()
            case "fence" | "code_block":
                return _code(token.content.removesuffix("\n"), token.info, self._width, title=True)
            case "hr":
                return [Line((Span("─" * min(self._width, PROSE_WIDTH), "rule"),))]
            case "table_open":
                table = self.table()
                return table_lines(table, column_widths(table, self._width), self._width)
            case _:
                return []

    def _prose(self, style: str) -> list[Line]:
        content = self._tokens[self._at].content
        self._at += 2  # the inline token and the closing one
        lines: list[Line] = []
        for row in _rows(_inline(content, style)):
            lines += wrap(row, min(self._width, PROSE_WIDTH))
        return lines

    def _list(self, token: Token) -> list[Line]:
        ordered = token.type == "ordered_list_open"
        start = self._number if self._number is not None and not self._depth else int(token.attrs.get("start", 1) or 0)
        closing = token.type.replace("_open", "_close")
        bullet = _BULLETS[min(self._depth, len(_BULLETS) - 1)]
        lines: list[Line] = []
        loose = False
        while self._tokens[self._at].type != closing:
            self._at += 1  # list_item_open
            if lines and loose:
                lines.append(Line())
            loose = self._tokens[self._at].type == "paragraph_open" and not self._tokens[self._at].hidden
            marker = f"{start}. " if ordered else f"{bullet} "
            start += 1
            lines += self._item(marker)
        self._at += 1
        return lines

    def _item(self, marker: str) -> list[Line]:
        style = "marker"
        if self._tokens[self._at].type == "paragraph_open":
            inline = self._tokens[self._at + 1]
            if task := _TASK.match(inline.content):
                marker = "☐ " if task[1] == " " else "☑ "
                style = "marker" if task[1] == " " else "done"
                inline.content = inline.content[task.end() :]
        inner = self._nested("list_item_close", len(marker))
        return indent(inner or [Line()], Span(marker, style), Span(" " * len(marker)))

    def _quote(self) -> list[Line]:
        bar = Span("▎ ", "quote.bar")
        inner = self._nested("blockquote_close", 2)
        shaded = [
            Line(
                tuple(Span(s.text, f"quote {s.style}".strip()) for s in line.spans), line.gutter, line.fill, line.joint
            )
            for line in inner
        ]
        return indent(shaded, bar, bar, as_text=False)

    def _nested(self, closing: str, taken: int) -> list[Line]:
        inner = _Renderer(self._tokens, self._width - taken, depth=self._depth + 1)
        inner._at = self._at
        lines = inner.blocks(closing)
        self._at = inner._at
        return lines


# --- text inside a block --------------------------------------------------------------------


def _inline(content: str, style: str = "") -> list[Span]:
    """Return the spans of a paragraph's text; line ends are spans of their own."""
    if len(content) > _INLINE_LIMIT:
        return [Span(content, style)]
    tokens: list[Token] = []
    parser = _parser()
    parser.inline.parse(content, parser, {}, tokens)
    return _InlineReader(style).read(tokens)


class _InlineReader:
    """Turns inline tokens into spans, keeping the stack of styles."""

    def __init__(self, style: str) -> None:
        self._stack = [style] if style else []
        self._spans: list[Span] = []
        self._links: list[tuple[str, int]] = []

    def read(self, tokens: Sequence[Token]) -> list[Span]:
        for token in tokens:
            self._read(token)
        return self._spans

    def _add(self, text: str, *styles: str) -> None:
        if text:
            self._spans.append(Span(text, " ".join([*self._stack, *styles])))

    def _read(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self._spans.append(Span("\n"))
            case "code_inline":
                self._add(token.content, "code.inline")
            case "image":
                self._add(f"[image: {token.content}]", "link")
                self._add(f" ({visible(str(token.attrs.get('src', '')))})", "url")
            case "link_open":
                self._links.append((visible(str(token.attrs.get("href", ""))), len(self._spans)))
                self._stack.append("link")
            case "link_close":
                self._close_link()
            case _:
                self._mark_or_text(token)

    def _mark_or_text(self, token: Token) -> None:
        name, _, end = token.type.rpartition("_")
        if name in _MARKS and end == "open":
            self._stack.append(_MARKS[name])
        elif name in _MARKS and end == "close":
            self._stack.pop()
        else:
            # Character references are resolved by the parser, so what they stand for is looked at again.
            self._add(visible(token.content, keep_newlines=False, prose=True))

    def _close_link(self) -> None:
        self._stack.pop()
        target, start = self._links.pop()
        label = "".join(span.text for span in self._spans[start:])
        if label.strip() not in (target, target.removeprefix("mailto:")):
            self._add(f" ({target})", "url")


def _rows(spans: Sequence[Span]) -> list[list[Span]]:
    rows: list[list[Span]] = [[]]
    for span in spans:
        if span.text == "\n":
            rows.append([])
        elif "\n" in span.text:  # a paragraph too long to be parsed
            first, *others = span.text.split("\n")
            rows[-1].append(Span(first, span.style))
            rows += [[Span(text, span.style)] for text in others]
        else:
            rows[-1].append(span)
    return rows


def _one_line(spans: list[Span]) -> list[Span]:
    return [Span(" ", span.style) if span.text == "\n" else span for span in spans]
