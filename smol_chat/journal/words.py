"""The words of a query and of a text, alike for the index and for showing where they stand.

SQLite's tokenizer decides what is found: letters and digits, without regard to case and accents. Chinese, Japanese and
Korean have no spaces it could cut at, so each of their characters is made a word of its own, a run of them a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MOST_TERMS = 32
"""Terms of a query that are looked at; the expression that SQLite is given has a limit too."""
LONGEST_WORD = 100
BEFORE, SHOWN = 40, 160
"""Characters of a passage before its first match, and in all."""

_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_IS_SINGLE = re.compile(f"[{_SINGLE}]")
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")
_TERM = re.compile(r'"([^"]*)"?|(\S+)')

Span = tuple[str, bool]
"""A stretch of text, and whether it is what was looked for."""


class _Folding(dict[int, str]):
    """For each character one of the same letter in lower case and without accents."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFD", chr(code))
        # A Korean syllable comes apart into letters, none of them a mark.
        letter = parts[0] if all(map(unicodedata.combining, parts[1:])) else chr(code)
        folded = self[code] = letter.lower()[0]
        return folded


_FOLDING = _Folding()


class Term:
    """Words that follow each other; of the last one only the beginning, where `is_prefix`."""

    def __init__(self, words: Sequence[str], is_prefix: bool = False) -> None:
        """Take folded words."""
        self.words = tuple(words)
        self.is_prefix = is_prefix
        first, last = (bool(_IS_SINGLE.match(word)) for word in (words[0], words[-1]))
        gap = r"[\W_]*" if any(map(_IS_SINGLE.match, words)) else r"[\W_]+"
        self._pattern = re.compile(
            ("" if first else r"(?<![^\W_])")
            + gap.join(map(re.escape, words))
            + ("" if is_prefix or last else r"(?![^\W_])")
        )

    @property
    def expression(self) -> str:
        """What SQLite is asked for. The words are letters and digits, so nothing in them has a meaning of its own."""
        return f'"{" ".join(self.words)}"{"*" if self.is_prefix else ""}'

    def find(self, folded: str, start: int = 0) -> tuple[int, int] | None:
        """Return where it stands first in folded text."""
        while (start := folded.find(self.words[0], start)) >= 0:
            if match := self._pattern.match(folded, start):
                return match.span()
            start += 1
        return None


def fold(text: str) -> str:
    """Return text of the same length in lower case and without accents."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def terms_of(query: str) -> list[Term]:
    """Return what a query asks for: words, `"words in this order"`, `begin*`; of the last word the beginning is enough.

    Any text is a query; what has neither letters nor digits asks for nothing.
    """
    query = unicodedata.normalize("NFC", query)
    terms: list[Term] = []
    for match in _TERM.finditer(query):
        quoted, word = match.groups()
        words = [found[:LONGEST_WORD] for found in _WORD.findall(fold(quoted if word is None else word))]
        if words:
            # One letter begins too many words: while it is all that is written of a word, it is taken for the word.
            unfinished = match.end() == len(query) and len(words[-1]) > 1
            terms.append(Term(words[:MOST_TERMS], word is not None and (unfinished or word.endswith("*"))))
    return terms[:MOST_TERMS]


def for_index(text: str) -> str:
    """Return text as the tokenizer shall read it."""
    return text if text.isascii() else _IS_SINGLE.sub(lambda match: f" {match[0]} ", text)


def passage(texts: Sequence[str], terms: Sequence[Term]) -> tuple[int, list[Span]] | None:
    """Return the passage in which most of the terms stand first, and the number of its text; None without any."""
    best: tuple[int, int, int] | None = None
    for number, text in enumerate(texts):
        folded = fold(text)
        for term in terms:
            place = term.find(folded)
            if place is None:
                continue
            near = folded[place[0] : place[0] + SHOWN]
            count = sum(other.find(near) is not None for other in terms)
            if best is None or count > best[0]:
                best = count, number, place[0]
        if best is not None and best[0] == len(terms):
            break
    return (best[1], _around(texts[best[1]], best[2], terms)) if best is not None else None


def _around(text: str, start: int, terms: Sequence[Term]) -> list[Span]:
    begin = max(0, start - BEFORE)
    if begin:  # at the beginning of a word
        begin = text.find(" ", begin, start) + 1 or begin
    shown = text[begin : begin + SHOWN]
    folded = fold(shown)
    spans: list[Span] = [("…", False)] if begin else []
    at = 0
    while found := min(filter(None, (term.find(folded, at) for term in terms)), default=None):
        spans += [(shown[at : found[0]], False), (shown[found[0] : found[1]], True)]
        at = found[1]
    spans += [(shown[at:], False), ("…" if begin + SHOWN < len(text) else "", False)]
    return [(re.sub(r"\s+", " ", part), is_match) for part, is_match in spans if part]
