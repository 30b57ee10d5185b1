"""The words of a text without their disguises, each with the place it stands at.

What is read and what is written go through the same folding, so that neither case, accents, escapes, invisible
characters nor look-alike letters hide that one was copied from the other. Pure: no state but a table of characters.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from smol_chat.sanitise import is_hidden

_LOOKALIKES = str.maketrans(
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u043a\u043c\u0442"
    "\u03bf\u03b1\u03bd\u03c1\u03c4\u03c5\u03b9\u03ba",
    "aceopxyijsdhqwkmt" + "oavptuik",
)
"""Cyrillic and Greek letters that are drawn like Latin ones."""

_BLANKS = "\t\n\r\x0b\x0c\x85\u2028\u2029"

_ESCAPE = re.compile(
    r"(?:%(?:25)*[0-9A-Fa-f]{2})+"  # %25 is a per cent sign: escaped more than once
    r"|(?:\\u[0-9A-Fa-f]{4})+|(?:\\x[0-9A-Fa-f]{2})+|\\[nrtbf\"'/\\]"
    r"|&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ESCAPED_PER_CENT = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_CJK}]|[^\\W_{_CJK}]+")
"""A run of letters and digits; where a script has no spaces between words, one character."""

_SPOKEN = re.compile(r"\s*[\[({<]\s*(at|dot)\s*[\])}>]\s*|\s+(at|dot)\s+")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,4096}={0,2}")
_MOST_ENCODED = 200
"""Stretches of one text that are decoded; no page needs as many."""

BREAK = ""
"""Stands between words that do not follow each other; equal to no word."""


class Word(NamedTuple):
    """A folded word and the characters of the text it was made of."""

    text: str
    start: int
    end: int
    decoded: bool = False
    """It was read out of an encoded payload, which is where it stands."""


class _FoldingTable(dict[int, str]):
    """A `str.translate` table that learns each character when it first meets it."""

    _LIMIT = 8192
    """Hostile text can hold every code point there is; the table forgets before it grows with them."""

    def __missing__(self, code: int) -> str:
        if len(self) >= self._LIMIT:
            self.clear()
        self[code] = _folded(chr(code))
        return self[code]


def _folded(character: str) -> str:
    if character in _BLANKS:
        return " "
    if is_hidden(character):
        return ""
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold().translate(_LOOKALIKES)


_FOLD = _FoldingTable()


def fold(text: str) -> str:
    """Return the text without escapes, case, accents, invisible characters and look-alikes."""
    return _ESCAPE.sub(_unescaped, text).translate(_FOLD)


def read_words(text: str) -> list[str]:
    """Return the words of a text that was read, then those that can be read between its lines.

    Those are addresses that are spelled out ("eve at example dot org") and short payloads in base64 or hex.
    """
    folded = fold(text)
    found = _WORD.findall(folded)
    spelled = _SPOKEN.sub(lambda match: "@" if "at" in match.group() else ".", folded)
    if spelled != folded:
        found += [BREAK, *_WORD.findall(spelled)]
    for _, _, decoded in _payloads(text):
        found += [BREAK, *_WORD.findall(fold(decoded))]
    return found


def written_words(text: str) -> list[Word]:
    """Return the words of an argument with their places; an encoded payload's words stand where it stands."""
    folded, starts, ends = _with_places(text)
    found = [
        Word(match.group(), starts[match.start()], ends[match.end() - 1])
        if starts
        else Word(match.group(), match.start(), match.end())
        for match in _WORD.finditer(folded)
    ]
    for start, end, decoded in _payloads(text):
        found.append(Word(BREAK, start, start))
        found += [Word(word, start, end, decoded=True) for word in _WORD.findall(fold(decoded))]
    return found


def _with_places(text: str) -> tuple[str, list[int], list[int]]:
    """Return the folded text and for each of its characters where it began and ended; no places: the same ones."""
    if text.isascii() and not _ESCAPE.search(text) and not _CONTROL.search(text):
        return text.lower(), [], []
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece, start, end in _pieces(text):
        plain = piece.translate(_FOLD)
        folded.append(plain)
        starts += [start] * len(plain)
        ends += [end] * len(plain)
    return "".join(folded), starts, ends


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    at = 0
    for match in _ESCAPE.finditer(text):
        yield from ((text[place], place, place + 1) for place in range(at, match.start()))
        yield _unescaped(match), match.start(), match.end()
        at = match.end()
    yield from ((text[place], place, place + 1) for place in range(at, len(text)))


def _unescaped(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[0] == "%":
        return unquote(_ESCAPED_PER_CENT.sub("%", escape))
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[1] == "x":
        return bytes.fromhex(escape.replace("\\x", "")).decode("utf-8", "replace")
    if escape[1] == "u":
        return str(json.loads(f'"{escape}"'))
    return " " if escape[1] in "nrtbf" else escape[1]


def _payloads(text: str) -> list[tuple[int, int, str]]:
    """Return the readable texts that stand encoded in a text, each with where it begins and ends."""
    found: list[tuple[int, int, str]] = []
    for number, match in enumerate(_ENCODED.finditer(text)):
        if number >= _MOST_ENCODED:
            break
        decoded = _decoded(match.group())
        if decoded:
            found.append((match.start(), match.end(), decoded))
    return found


def _decoded(blob: str) -> str:
    """Return what base64 or hex stands for where that is readable; else nothing."""
    try:
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", blob):
            data = bytes.fromhex(blob)
        else:
            plain = blob.rstrip("=")
            data = base64.b64decode(
                plain + "=" * (-len(plain) % 4), altchars=b"-_" if "-" in plain or "_" in plain else None
            )
        decoded = data.decode("utf-8")
    except (ValueError, binascii.Error):
        return ""
    return decoded if decoded.isprintable() or decoded.replace("\n", "").isprintable() else ""


class Squashed:
    """A text's words without anything between them: finds what was written in pieces."""

    def __init__(self, words: list[str]) -> None:
        self._text = "".join(words)
        self._ends: list[int] = []
        at = 0
        for word in words:
            at += len(word)
            self._ends.append(at)

    def holds(self, piece: str) -> bool:
        """Tell whether whole words of the text, put together, are this piece."""
        at = self._text.find(piece)
        while at >= 0:
            if self._is_edge(at) and self._is_edge(at + len(piece)):
                return True
            at = self._text.find(piece, at + 1)
        return False

    def _is_edge(self, place: int) -> bool:
        if place == 0:
            return True
        found = bisect_right(self._ends, place) - 1
        return found >= 0 and self._ends[found] == place


_COMMON = """
    a about above after again against all almost along already also although always am among an and another any anyone
    anything are around as ask at away back be because been before begin being below best better between big both but by
    call came can cannot come could day days did different do does doing done down during each either else end enough
    even ever every everyone everything example far few file find first follow following for found from full further
    gave get give given go goes going good got great had has have having he hello help her here hers hi him his hour
    hours how however i if in include instead into is it items its itself just keep kind know large last later least
    left less let like line list little long look lot made main make makes making many may maybe me mean meet
    might mine minute minutes month months more most much must my name near need never new next no nor not note nothing
    now number of off often old on once one only onto open or order other others our out over own page part per perhaps
    place please point put question quite rather read really right said same say see seem send set several shall she
    should show since small so some someone something soon start still stop such sure take tell text than thank thanks
    that the their them then there these they thing things this those though three through time times to today together
    tomorrow tonight too took toward two under until up upon us use used user using very via want was way ways we week
    weeks well went were what when where whether which while who whole whose why will with within without word words
    work would write year years yes yesterday yet you your yours
    import print def return class self str int len range dict json select group limit count insert values table create
    update delete join
    am pm true false null none ok
    der die das und ein eine ist nicht mit von zu den im auf fur le la les un une des et est pas pour dans el los las
    una que en por con del
"""
COMMON = frozenset(_COMMON.split())
"""Words that stand in every text or program and tell nothing of where one came from."""
