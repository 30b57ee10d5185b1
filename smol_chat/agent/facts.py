"""What a rule can know of a call: the hosts, paths, tables and the command that its arguments name. Pure.

Where an argument cannot be read beyond doubt, the fact is an empty text, which no rule that allows fits.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from smol_chat.messages import ArgumentOrigin, JsonValue, Origin, ToolCall
from smol_chat.tools.spec import Effect

_ADDRESSES = frozenset({"url", "uri", "endpoint", "link"})
_PATHS = frozenset({"path", "file", "filename", "folder", "directory", "database", "source", "destination", "target"})
_COMMANDS = frozenset({"command", "cmd"})
_STATEMENTS = frozenset({"query", "sql", "statement"})

_PLAIN_URL = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?([/?#][^\s\\]*)?", re.IGNORECASE)
"""An address that every program reads alike: no user name, no backslash, no blanks."""

_UNQUOTED_META = frozenset(";&|<>()$`\\{}[]*?!#~\n\r\0")
_QUOTED_META = frozenset("$`\\!\n\r\0")

_SQL = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|[^\W\d][\w$]*|\d[\w.]*|--|/\*|\s+|.", re.DOTALL
)
_SQL_READS_OR_CHANGES = frozenset({"select", "insert", "update", "delete", "replace"})
_BEFORE_A_TABLE = frozenset({"from", "join", "into", "update", "in"})
_CLAUSES = """
where group order limit join inner left right full cross natural on using set values having union except intersect
offset window returning default select
"""
_AFTER_A_TABLE = frozenset(_CLAUSES.split())
"""Words that follow a table and are no other name of it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One call as rules see it."""

    tool: str
    effect: Effect
    leaves: tuple[tuple[str, str], ...] = ()
    """Path and text of each string and number."""
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    command: str | None = None
    """The command as it was written; None: the call has none."""
    tables: tuple[str, ...] = ()
    statement: str = ""
    origins: tuple[ArgumentOrigin, ...] = ()

    @property
    def sources(self) -> frozenset[Origin]:
        """Where the arguments came from, the model included where one has a part that is its own."""
        marked = {origin.argument: origin.spans for origin in self.origins}
        found = {span.origin for spans in marked.values() for span in spans}
        alone = any(not _covered(text, [(s.start, s.end) for s in marked.get(path, ())]) for path, text in self.leaves)
        return frozenset(found | {Origin.MODEL} if alone else found)


def facts_of(call: ToolCall, effect: Effect, origins: tuple[ArgumentOrigin, ...] = ()) -> Facts:
    """Return what rules can know of a call."""
    found = tuple(leaves(call.arguments))
    named = [(path.split("/")[0], text) for path, text in found]
    statement = next((text for name, text in named if name in _STATEMENTS), "")
    return Facts(
        call.name,
        effect,
        found,
        hosts=tuple(host_of(text) for name, text in named if name in _ADDRESSES or "://" in text[:32]),
        paths=tuple(_path(text) for name, text in named if name in _PATHS),
        command=next((text for name, text in named if name in _COMMANDS), None),
        tables=tables(statement) if statement else (),
        statement=statement,
        origins=origins,
    )


def leaves(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each string and number of a call's arguments with its path; a number as JSON writes it."""
    match value:
        case str():
            yield path, value
        case bool() | None:
            pass
        case int() | float():
            yield path, json.dumps(value)
        case list():
            for place, item in enumerate(value):
                yield from leaves(item, f"{path}/{place}" if path else str(place))
        case dict():
            for name, item in value.items():
                yield from leaves(item, f"{path}/{name}" if path else name)


def host_of(address: str) -> str:
    """Return the host that an address names; nothing where two programs could read it in two ways."""
    whole = address.strip() if "://" in address else f"https://{address.strip()}"
    if not _PLAIN_URL.fullmatch(whole):
        return ""
    try:
        return (urlsplit(whole).hostname or "").rstrip(".")
    except ValueError:
        return ""


def command_words(command: str) -> list[str] | None:
    """Return the words of a command that is one plain command; None where the shell would see anything else in it.

    Anything else is a second command, a redirect, a substitution, a variable, a pattern for file names, a comment.
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    for character in command.strip(" \t"):
        if quote:
            if character == quote:
                quote = ""
            elif character in ("\n", "\r", "\0") or (quote == '"' and character in _QUOTED_META):
                return None
            else:
                word = (word or "") + character
        elif character in "'\"":
            quote, word = character, word or ""
        elif character in " \t":
            words += [word] if word is not None else []
            word = None
        elif character in _UNQUOTED_META:
            return None
        else:
            word = (word or "") + character
    if quote:
        return None
    words += [word] if word is not None else []
    return None if not words or "=" in words[0] else words


def tables(statement: str) -> tuple[str, ...]:
    """Return the tables that one SQL statement names; an empty text among them where that is not beyond doubt."""
    tokens = [token for token in _SQL.findall(statement) if not token.isspace()]
    while tokens and tokens[-1] == ";":
        tokens.pop()
    unclear = {";", "--", "/*", "'", '"', "`", "["}.intersection(tokens)
    if not tokens or unclear or tokens[0].lower() not in _SQL_READS_OR_CHANGES:
        return ("",)
    found: list[str] = []
    for at, token in enumerate(tokens):
        if token.lower() in _BEFORE_A_TABLE:
            found += _tables_at(tokens, at + 1, many=token.lower() == "from", columns=token.lower() == "into")
    return tuple(dict.fromkeys(found))


def _tables_at(tokens: list[str], at: int, *, many: bool, columns: bool) -> Iterator[str]:
    """Yield the table that begins at a token and, in a list of them, those behind it."""
    while at < len(tokens) and tokens[at] != "(":
        if not _is_name(tokens[at]):
            yield ""
            return
        name = _bare(tokens[at])
        at += 1
        while at + 1 < len(tokens) and tokens[at] == "." and _is_name(tokens[at + 1]):
            name, at = f"{name}.{_bare(tokens[at + 1])}", at + 2
        is_function = at < len(tokens) and tokens[at] == "(" and not columns
        yield "" if is_function else name.lower()
        if at < len(tokens) and tokens[at].lower() == "as":
            at += 1
        if at < len(tokens) and _is_name(tokens[at]) and tokens[at].lower() not in _AFTER_A_TABLE:
            at += 1
        if not many or at >= len(tokens) or tokens[at] != ",":
            return
        at += 1
        if at < len(tokens) and tokens[at] == "(":
            yield ""  # a list that goes on behind a query in brackets is not followed


def _is_name(token: str) -> bool:
    return token[0] in '"`[' or token[0].isalpha() or token[0] == "_"


def _bare(token: str) -> str:
    return token[1:-1] if token[0] in '"`[' else token


def _path(text: str) -> str:
    """Return a path with nothing superfluous in it; nothing where it leads upwards."""
    if not text.strip() or "\0" in text or "\\" in text or text.startswith("~"):
        return ""
    normal = posixpath.normpath(text.strip())
    return "" if normal == ".." or normal.startswith("../") else normal


def _covered(text: str, spans: Iterable[tuple[int, int]]) -> bool:
    """Tell whether every letter and digit of a text lies in one of the spans."""
    at = 0
    for start, end in sorted(spans):
        if any(character.isalnum() for character in text[at:start]):
            return False
        at = max(at, end)
    return not any(character.isalnum() for character in text[at:])
