"""Find the line of every key in a TOML text that is already known to be valid."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # multi-line strings first: they begin like short ones
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|\#[^\n]*"
    r"|[\[\]{}=.\n]"
    r"|[^\s\[\]{}=.\"'#]+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line (from 1) of each table header and each `key = value`, by the whole path of the key."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    line = 1
    statement: list[str] = []  # what the current statement has so far, up to its "="
    in_value = False
    depth = 0  # of brackets in a value, which may go on over lines
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n" and depth == 0:
            if statement and statement[0] == "[":
                table = _path(statement)
                lines.setdefault(table, line)
            statement, in_value = [], False
        elif in_value:
            depth += (token in "[{") - (token in "]}")
        elif token == "=":
            lines.setdefault(table + _path(statement), line)
            in_value = True
        elif not token.startswith("#"):
            statement.append(token)
        line += token.count("\n")
    if statement and statement[0] == "[":
        lines.setdefault(_path(statement), line)
    return lines


def _path(statement: list[str]) -> tuple[str, ...]:
    """Return the key path of a header or of what stands before "="."""
    return tuple(part.strip("\"'") for part in statement if part not in ("[", "]", "."))
