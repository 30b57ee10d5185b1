"""What a statement asks for, by its text. Safety does not rest on it: the engine refuses by its own means."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<quoted> '(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `(?:[^`]|``)*(?:`|\Z) | \[[^\]]*(?:\]|\Z) )
  | (?P<word> [^\W\d]\w* )
  | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_READING = frozenset(("SELECT", "VALUES", "EXPLAIN", "FROM", "SHOW", "DESCRIBE", "DESC", "SUMMARIZE"))
PRAGMAS = frozenset(("TABLE_INFO", "TABLE_XINFO", "TABLE_LIST", "INDEX_LIST", "INDEX_INFO", "FOREIGN_KEY_LIST"))
"""Those that only tell about the schema, whatever their argument."""
_VERBS = frozenset(("SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE", "FROM"))
_SCHEMA = re.compile(
    r"(?:\.?schema|\.?tables|show\s+(?:all\s+)?tables|show\s+schema|list\s+tables|\.?describe|\.?desc)"
    r"(?:\s+(?:table\s+)?(?P<table>\"[^\"]+\"|[^\s;]+))?\s*;?",
    re.IGNORECASE,
)


def reads_only(sql: str) -> bool:
    """Tell whether the statement reads; anything unclear counts as a change."""
    if schema_request(sql) is not None:
        return True
    words = _words(sql)
    first, _ = next(words, ("", 0))
    if first == "PRAGMA":
        return next((word for word, _ in words if word != "MAIN"), "") in PRAGMAS
    if first == "WITH":
        main = next((word for word, depth in words if depth == 0 and word in _VERBS), "")
        return main in ("SELECT", "VALUES", "FROM")
    return first in _READING


def schema_request(sql: str) -> str | None:
    """Return the table whose schema is asked for, empty for all of them, None where the text is something else."""
    found = _SCHEMA.fullmatch(sql.strip())
    return None if found is None else (found["table"] or "").strip('"')


def first_word(sql: str) -> str:
    """Return what the statement begins with, in upper case."""
    return next(_words(sql), ("", 0))[0]


def changes_schema(sql: str) -> bool:
    """Tell whether the statement changes tables rather than rows."""
    return first_word(sql) in ("CREATE", "DROP", "ALTER", "REINDEX", "ANALYZE")


def _words(sql: str) -> Iterator[tuple[str, int]]:
    """Yield each bare word in upper case with the depth of brackets it is at."""
    depth = 0
    for found in _TOKEN.finditer(sql):
        text = found[0]
        if found.lastgroup == "word":
            yield text.upper(), depth
        elif found.lastgroup == "sign":
            depth += (text == "(") - (text == ")")
