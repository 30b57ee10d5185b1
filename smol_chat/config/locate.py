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
    """Return the line (from 1) of each table header and each `key = value`, by the whole path of the key.

    In an array of tables, the place of a table in it (from "0") follows the array's name.
    """
    lines: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    line = 1
    statement: list[str] = []  # what the current statement has so far, up to its "="
    in_value = False
    depth = 0  # of brackets in a value, which may go on over lines
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n" and depth == 0:
            if statement and statement[0] == "[":
                table = _table(statement, counts)
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
        lines.setdefault(_table(statement, counts), line)
    return lines


def _table(header: list[str], counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """Return the path of a table; of one in an array, with its place."""
    path: tuple[str, ...] = ()
    for part in _path(header):  # a table inside one of an array belongs to the last one so far
        path = (*path, part)
        if path in counts and path != _path(header):
            path = (*path, str(counts[path] - 1))
    if header[:2] == ["[", "["]:
        counts[path] = counts.get(path, 0) + 1
        path = (*path, str(counts[path] - 1))
    return path


def _path(statement: list[str]) -> tuple[str, ...]:
    """Return the key path of a header or of what stands before "="."""
    return tuple(part.strip("\"'") for part in statement if part not in ("[", "]", "."))
