"""The texts the model has read, found again by the words, numbers and pieces they have. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from smol_chat.agent.words import COMMON, Squashed, fold, read_words
from smol_chat.messages import Origin

UNTRUSTED = frozenset({Origin.FILE, Origin.WEB, Origin.MAIL, Origin.DATABASE, Origin.PROGRAM})
"""Text that somebody else may have written. What a tool computed here is harmless: it has no author."""

NUMBER = re.compile(r"\+?\d(?:[\d.,'\u00a0 ()/-]*\d)?")
GROUPED = re.compile(r"\d+(?:[.,']\d+)*")
_NO_CENTS = re.compile(r"[.,]0{1,2}$|(?<=[.,]\d)0$")
_NO_DIGIT = re.compile(r"\D")
DIGITS = 4
"""Digits from which a number is no chance."""

_MOST_FOUND = 200
"""Places of one piece that are looked at; a piece that stands in more is none of anybody's."""


@dataclass(frozen=True)
class Source:
    """One text the model has read."""

    origin: Origin
    name: str
    text: str = field(repr=False)

    @cached_property
    def words(self) -> list[str]:
        """Its words in order."""
        return read_words(self.text)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Its words."""
        return frozenset(self.words)

    @cached_property
    def squashed(self) -> Squashed:
        """Its words, put together."""
        return Squashed(self.words)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The digits of its numbers."""
        return frozenset(digits_of(number) for form in (NUMBER, GROUPED) for number in form.findall(self.text))

    @cached_property
    def literal(self) -> str:
        """The text, folded, with single spaces."""
        return f" {' '.join(fold(self.text).split())} "


class Library:
    """All texts, in the order in which they were read."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self.trusted_words: set[str] = set()
        """All words of the texts that are not untrusted."""
        self._sources: list[Source] = []
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)
        self._by_number: defaultdict[str, list[int]] = defaultdict(list)
        self._squashed: list[str] = []
        self._starts: list[int] = []
        self._length = 0
        for source in sources:
            self.add(source)

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, source: Source) -> None:
        """Take in one more text."""
        number = len(self._sources)
        self._sources.append(source)
        for word in source.vocabulary - COMMON:
            self._by_word[word].append(number)
        for digits in source.numbers:
            if len(digits) >= DIGITS:
                self._by_number[digits].append(number)
        if source.origin not in UNTRUSTED:
            self.trusted_words |= source.vocabulary
        squashed = "".join(source.words) + "\n"
        self._squashed.append(squashed)
        self._starts.append(self._length)
        self._length += len(squashed)

    def near(
        self,
        strong: Sequence[str],
        plain: Sequence[str],
        numbers: Sequence[str],
        pieces: Sequence[str],
        *,
        enough: int,
    ) -> list[Source]:
        """Return the texts that can have something in common with an argument.

        Args:
            strong: words of which one is enough, such as those of an address.
            plain: words of which some are enough; one less in what is trusted, so that it is never overlooked whose
                words they are.
            numbers: digits of numbers.
            pieces: what may stand in a text in pieces, or backwards.
            enough: how many plain words are.
        """
        found = {number for word in strong for number in self._by_word.get(word, ())}
        found.update(number for digits in numbers for number in self._by_number.get(digits, ()))
        shared = Counter(number for word in plain for number in self._by_word.get(word, ()))
        for number, count in shared.items():
            if count >= enough or (count >= enough - 1 and self._sources[number].origin not in UNTRUSTED):
                found.add(number)
        if pieces:
            text = self._whole
            found.update(number for piece in pieces for way in (piece, piece[::-1]) for number in self._with(way, text))
        return [self._sources[number] for number in sorted(found)]

    @property
    def _whole(self) -> str:
        if len(self._squashed) > 1:
            self._squashed = ["".join(self._squashed)]
        return self._squashed[0] if self._squashed else ""

    def _with(self, piece: str, text: str) -> set[int]:
        found: set[int] = set()
        at = text.find(piece) if piece else -1
        while at >= 0 and len(found) < _MOST_FOUND:
            number = bisect_right(self._starts, at) - 1
            found.add(number)
            following = self._starts[number + 1] if number + 1 < len(self._starts) else len(text)
            at = text.find(piece, following)
        return found


def digits_of(number: str) -> str:
    """Return the digits of a number; "2,450.00" has those of 2450."""
    return _NO_DIGIT.sub("", _NO_CENTS.sub("", number))
