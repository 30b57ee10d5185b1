"""Highlight source code with Pygments, as spans whose styles the theme decides."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from smol_chat.ui.transcript.lines import Span

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

_ROW_LIMIT = 2_000
"""Some lexers take quadratic time for long lines; code with longer ones stays plain."""

_STYLES = {
    "Keyword": "code keyword",
    "Keyword.Constant": "code number",
    "Name.Builtin": "code builtin",
    "Name.Class": "code name",
    "Name.Decorator": "code keyword",
    "Name.Function": "code name",
    "Name.Namespace": "code name",
    "Name.Tag": "code keyword",
    "Name.Attribute": "code builtin",
    "Name.Exception": "code builtin",
    "Operator.Word": "code keyword",
    "Literal.String": "code string",
    "Literal.Number": "code number",
    "Literal.Date": "code number",
    "Comment": "code comment",
    "Generic.Deleted": "code deleted",
    "Generic.Inserted": "code inserted",
    "Generic.Heading": "code keyword",
    "Generic.Subheading": "code keyword",
    "Generic.Prompt": "code comment",
    "Generic.Error": "code deleted",
    "Error": "code",
}


def highlight(source: str, language: str) -> list[list[Span]]:
    """Return the spans of each line; plain ones where the language is unknown."""
    rows = source.split("\n")
    lexer = _lexer(language) if language and max(map(len, rows)) <= _ROW_LIMIT else None
    if lexer is None:
        return [[Span(row, "code")] if row else [] for row in rows]
    result: list[list[Span]] = [[]]
    for _, token, text in lexer.get_tokens_unprocessed(source):
        style = _style(token)
        first, *others = text.split("\n")
        _append(result[-1], first, style)
        for row in others:
            result.append([])
            _append(result[-1], row, style)
    # A lexer may add or drop the last line end; the rows of the source decide.
    return result if len(result) == len(rows) else [[Span(row, "code")] if row else [] for row in rows]


def _append(row: list[Span], text: str, style: str) -> None:
    if not text:
        return
    if row and row[-1].style == style:
        row[-1] = Span(row[-1].text + text, style)
    else:
        row.append(Span(text, style))


@lru_cache(maxsize=32)
def _lexer(language: str) -> Lexer | None:
    # Late: Pygments costs start-up time and most sessions begin without code.
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _style(token: _TokenType) -> str:
    names = list(map(str, token))
    while names:
        if style := _STYLES.get(".".join(names)):
            return style
        names.pop()
    return "code"
