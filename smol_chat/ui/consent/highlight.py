"""Colours for code and diffs on a card; imported late, Pygments is heavy."""

from __future__ import annotations

from collections.abc import Iterator

from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound
from textual.content import Content, Span

STYLES: dict[_TokenType, str] = {
    Token.Comment: "$text-muted",
    Token.Keyword: "$text-primary",
    Token.Operator.Word: "$text-primary",
    Token.Name.Builtin: "$text-secondary",
    Token.Name.Function: "$text-secondary",
    Token.Name.Class: "$text-secondary",
    Token.Name.Decorator: "$text-accent",
    Token.Name.Tag: "$text-primary",
    Token.Name.Attribute: "$text-secondary",
    Token.Literal.Number: "$text-accent",
    Token.Literal.String: "$text-success",
    Token.Generic.Inserted: "$text-success",
    Token.Generic.Deleted: "$text-error",
    Token.Generic.Heading: "bold",
    Token.Generic.Subheading: "$text-muted",
}


def highlighted(text: str, language: str) -> Content:
    """Return `text`, unchanged, with the colours of `language`; plain where the language is unknown."""
    return Content(text, [Span(start, end, style) for start, end, style in coloured_parts(text, language)])


def coloured_parts(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """Return which characters have which style; none where the language is unknown."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return
    for start, kind, token in lexer.get_tokens_unprocessed(text + "\n"):  # some lexers need the last newline
        found: _TokenType | None = kind
        while found is not None and found not in STYLES:
            found = found.parent
        if found is not None:
            yield start, min(start + len(token), len(text)), STYLES[found]
