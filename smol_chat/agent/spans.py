"""Where the parts of one argument came from: stretches of words it shares with what the model has read. Pure.

What counts as shared is what cannot well be chance: several words in a row of which some tell something, an address, a
path, a number of several digits, or the whole of a short argument. What the user wrote is the user's although a page
repeats it; what goes on beyond the user's words is the page's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from smol_chat.agent.sources import DIGITS, GROUPED, NUMBER, UNTRUSTED, Library, Source, digits_of
from smol_chat.agent.words import BREAK, COMMON, Word, fold, written_words
from smol_chat.messages import Origin, OriginSpan

ENOUGH = 3.0
"""Weight of words from which a stretch is no chance: three words that tell something, or one piece of an address."""

_SHORT = 6
"""Words up to which an argument is looked at as a whole."""
_FEW = 2.0
"""Weight that is enough in such an argument."""
_SENTENCE = 12
"""Words up to which an argument counts as taken when a source has its telling words together, in any order."""
_TOGETHER = 3
"""Telling words such an argument must have."""
_LOOSE = 4
"""Words up to which a stretch is the user's when the user wrote each of them, wherever they stood."""
_PIECE = 8
"""Letters and digits from which a piece of an address is looked for in what was written apart."""
_MOST_PIECES = 500
_PLACES = 16
"""Places in the argument at which one pair of words is looked at: more are repetition."""

_CHUNK = re.compile(r"\S+")
_EDGES = "\"'`\u201c\u201d\u2018\u2019«»()[]{}<>,;!?…*_|"
_ADDRESS = re.compile(
    r"\S@\S|://|^[~.]{0,2}/\w|^~$|\w[/\\]\w+[/\\]|^[\w.-]+\.[a-z][a-z0-9]{1,11}(?:[/:?#].*)?$|/[\w.-]+\.[a-z][a-z0-9]{0,5}$|^www\.",
    re.IGNORECASE,
)
"""Mail addresses, URLs, paths, hosts and names of files."""
_DATE = re.compile(
    r"\d{4}-\d\d(?:-\d\d)?(?:[T ]?\d\d:\d\d(?::\d\d)?)?(?:Z|[+-]\d\d:?\d\d)?|\d\d?[:.]\d\d(?::\d\d)?|(?:19|20)\d\d"
)
"""Dates, times and years: the model makes them of words such as "tomorrow", and every page has some."""
_PIECES = re.compile(r"[^/\\?&=#:,;<>\"'@()\[\]{}|]+")
_EVERYWHERE = """
http https www com org net html php txt csv json pdf index home tmp usr docs api wiki blog news search main static img
app web mail about page pages latest download
"""
_TRIVIAL = frozenset(_EVERYWHERE.split())
"""Pieces of addresses that many have, and none is known by."""
_MARKS = re.compile(r"[-/\\|&;$<>~*=:@]")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Words `first` to `last` (not included) of the argument, as a source has them."""

    first: int
    last: int
    source: Source
    weight: float
    whole: bool = False
    """It is what it is as a whole; no word of it has to tell something by itself."""
    scattered: bool = False
    """The source has the words close together, in another order."""


class Argument:
    """One string or number of a call's arguments."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = written_words(text)
        self._weights = self._weighed()
        self._enough = _FEW if len(self.words) <= _SHORT else ENOUGH
        self._pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
        for at, (word, after) in enumerate(pairwise(self.words)):
            places = self._pairs[word.text, after.text]
            if BREAK not in (word.text, after.text) and len(places) < _PLACES:
                places.append(at)

    def spans(self, library: Library) -> tuple[OriginSpan, ...]:
        """Return where its parts came from; what no span covers is the model's alone."""
        trusted: list[_Stretch] = []
        foreign: list[_Stretch] = []
        for source in self._near(library):
            (foreign if source.origin in UNTRUSTED else trusted).extend(self._stretches(source))
        owners: list[_Stretch | None] = [None] * len(self.words)
        for stretch in sorted(reversed(trusted), key=lambda found: found.weight):
            if stretch.source.origin is not Origin.MODEL and stretch.weight >= 1:
                owners[stretch.first : stretch.last] = [stretch] * (stretch.last - stretch.first)
        own = self._own(trusted)
        for stretch in sorted(reversed(foreign), key=lambda found: found.weight):
            for first, last in self._foreign_parts(stretch, own, library.trusted_words):
                owners[first:last] = [stretch] * (last - first)
        return self._joined(owners)

    def _near(self, library: Library) -> list[Source]:
        """Return the sources that can share something: to look at all of them at each call would be slow."""
        telling = {word.text: weight for word, weight in zip(self.words, self._weights, strict=True) if weight >= 1}
        pieces = [piece for _, _, piece in self._telling_pieces]
        if not telling:  # such as `rm -rf ~`
            pieces.append("".join(word.text for word in self.words))
        return library.near(
            [word for word, weight in telling.items() if weight >= ENOUGH],
            plain := [word for word, weight in telling.items() if weight < ENOUGH],
            [digits for _, _, digits in self._telling_numbers],
            pieces,
            enough=min(int(self._enough), len(plain)),
        )

    # --- what is shared with one source ---------------------------------------------------------

    def _stretches(self, source: Source) -> list[_Stretch]:
        found = [*self._runs(source), *self._numbers(source), *self._pieces(source)]
        return [*found, *(self._as_a_whole(source, found) or self._reordered(source))]

    def _runs(self, source: Source) -> list[_Stretch]:
        """Return the longest stretches of two words or more that stand in the source in the same order."""
        pairs, words, read = self._pairs, [word.text for word in self.words], source.words
        longest: dict[int, int] = {}
        before: list[int] = []
        for place, pair in enumerate(pairwise(read)):
            places = pairs.get(pair, [])
            for at in places:
                length = longest.get(at, 1) + 1
                if at - 1 in before or at + length > len(words):
                    continue  # it goes on from the word before, or cannot be longer than what is known
                if words[at : at + length] != read[place : place + length]:
                    continue
                while (
                    at + length < len(words)
                    and place + length < len(read)
                    and words[at + length] == read[place + length] != BREAK
                ):
                    length += 1
                longest[at] = length
            before = places
        return [
            _Stretch(at, at + length, source, sum(self._weights[at : at + length])) for at, length in longest.items()
        ]

    def _numbers(self, source: Source) -> list[_Stretch]:
        return [
            stretch
            for start, end, digits in self._telling_numbers
            if digits in source.numbers
            for stretch in self._stretch(start, end, source)
        ]

    @cached_property
    def _telling_numbers(self) -> list[tuple[int, int, str]]:
        """Return the numbers of several digits, however they are grouped."""
        found: set[tuple[int, int, str]] = set()
        for form in (NUMBER, GROUPED):
            for match in form.finditer(self.text):
                digits = digits_of(match.group())
                if len(digits) >= DIGITS and not _DATE.fullmatch(match.group()):
                    found.add((*match.span(), digits))
        return sorted(found)

    def _pieces(self, source: Source) -> list[_Stretch]:
        """Return the pieces of addresses that the source has in pieces, or backwards."""
        return [
            _Stretch(first, last, source, ENOUGH + last - first, whole=True)
            for first, last, piece in self._telling_pieces
            if source.squashed.holds(piece) or source.squashed.holds(piece[::-1])
        ]

    @cached_property
    def _telling_pieces(self) -> list[tuple[int, int, str]]:
        """Hosts, names of mailboxes and what else of an address is no plain word: their words, and them squashed."""
        found: list[tuple[int, int, str]] = []
        starts = [word.start for word in self.words]
        for begin, end in self._addresses:
            for match in _PIECES.finditer(self.text, begin, end):
                first, last = bisect_left(starts, match.start()), bisect_left(starts, match.end())
                piece = "".join(word.text for word in self.words[first:last])
                beside = self.text[max(0, match.start() - 1) : match.start()] + self.text[match.end() : match.end() + 1]
                plain = "@" not in beside and not any(mark in "._" or mark.isdigit() for mark in match.group())
                if len(piece) >= _PIECE and not plain:
                    found.append((first, last, piece))
        return found[:_MOST_PIECES]

    def _as_a_whole(self, source: Source, found: list[_Stretch]) -> list[_Stretch]:
        """Return the whole argument if it is short and stands in the source as it is."""
        count = len(self.words)
        if not 0 < count <= _SHORT or any(stretch.whole for stretch in found):
            return []
        telling = any(len(word.text) >= 4 and self._weights[at] >= 1 for at, word in enumerate(self.words))
        literal = " ".join(fold(self.text).split())
        if telling:
            stands = (
                self.words[0].text in source.vocabulary
                if count == 1
                else any(stretch.last - stretch.first == count for stretch in found)
            )
        else:  # such as `rm -rf ~`
            stands = (
                not _DATE.fullmatch(self.text.strip())
                and len(literal) >= _SHORT
                and bool(_MARKS.search(literal))
                and f" {literal} " in source.literal
            )
        return [_Stretch(0, count, source, ENOUGH, whole=True)] if stands else []

    def _reordered(self, source: Source) -> list[_Stretch]:
        """Return the whole argument if it is one sentence whose telling words stand in one place of the source."""
        wanted = {word.text for at, word in enumerate(self.words) if self._weights[at] >= 1}
        count = len(self.words)
        if not len(wanted) >= _TOGETHER or count > _SENTENCE or not wanted <= source.vocabulary:
            return []
        seen: deque[tuple[int, str]] = deque()
        for place, word in enumerate(source.words):
            if word not in wanted:
                continue
            seen.append((place, word))
            while seen[0][0] < place - count - _SENTENCE:
                seen.popleft()
            if len(seen) >= len(wanted) and {found for _, found in seen} == wanted:
                return [_Stretch(0, count, source, ENOUGH, whole=True, scattered=True)]
        return []

    def _stretch(self, start: int, end: int, source: Source) -> list[_Stretch]:
        inside = [at for at, word in enumerate(self.words) if start <= word.start and word.end <= end]
        return [_Stretch(inside[0], inside[-1] + 1, source, ENOUGH + len(inside), whole=True)] if inside else []

    # --- whose it is ----------------------------------------------------------------------------

    def _own(self, trusted: list[_Stretch]) -> list[bool]:
        own = [False] * len(self.words)
        for stretch in trusted:
            own[stretch.first : stretch.last] = [True] * (stretch.last - stretch.first)
        return own

    def _foreign_parts(self, stretch: _Stretch, own: list[bool], loose: set[str]) -> list[tuple[int, int]]:
        """Return the parts of a stretch that are nobody's but its source's, and enough to tell."""
        if stretch.weight < self._enough:
            return []
        short = stretch.scattered or stretch.last - stretch.first <= _LOOSE
        parts: list[tuple[int, int]] = []
        first = stretch.first
        for at in range(stretch.first, stretch.last + 1):
            if at == stretch.last or own[at] or (short and self._weights[at] <= 1 and self.words[at].text in loose):
                parts.append((first, at))
                first = at + 1
        if stretch.scattered and sum(sum(self._weights[begin:end]) for begin, end in parts) < _FEW:
            return []
        return [
            (begin, end)
            for begin, end in parts
            if end > begin
            and (sum(self._weights[begin:end]) >= self._enough or (stretch.whole and self._tells(begin, end)))
        ]

    def _tells(self, first: int, last: int) -> bool:
        return any(weight >= 1 for weight in self._weights[first:last]) or (first, last) == (0, len(self.words))

    def _joined(self, owners: Sequence[_Stretch | None]) -> tuple[OriginSpan, ...]:
        spans: list[OriginSpan] = []
        for word, owner in zip(self.words, owners, strict=True):
            if owner is None or word.text == BREAK:
                continue
            before = spans[-1] if spans else None
            origin, name = owner.source.origin, owner.source.name
            if before and (before.origin, before.source) == (origin, name) and not self._apart(before.end, word.start):
                spans[-1] = OriginSpan(before.start, max(before.end, word.end), origin, name)
            elif before is None or word.start >= before.end:
                spans.append(OriginSpan(word.start, word.end, origin, name))
        return tuple(spans)

    def _apart(self, end: int, start: int) -> bool:
        """Tell whether a word stands between two places of the text."""
        return any(character.isalnum() for character in self.text[end:start])

    # --- how much a word tells ------------------------------------------------------------------

    def _weighed(self) -> list[float]:
        self._addresses: list[tuple[int, int]] = []
        kinds: list[tuple[int, float]] = []
        for match in _CHUNK.finditer(self.text):
            chunk = match.group().strip(_EDGES).rstrip(".:")
            kinds.append((match.end(), _chunk_weight(chunk)))
            if kinds[-1][1] >= ENOUGH:
                self._addresses.append(match.span())
        weights: list[float] = []
        at = 0
        for word in self.words:
            while at < len(kinds) - 1 and kinds[at][0] <= word.start:
                at += 1
            weights.append(_word_weight(word, ENOUGH if word.decoded else kinds[at][1]))
        return weights


def _chunk_weight(chunk: str) -> float:
    """Return what a word between two spaces tells by its form; 1: no more than its letters."""
    if _DATE.fullmatch(chunk):
        return 0.2
    digits = sum(character.isdigit() for character in chunk)
    letters = sum(character.isalpha() for character in chunk)
    if digits >= DIGITS or (digits >= 3 and letters and len(chunk) >= 6) or _ADDRESS.search(chunk):
        return ENOUGH
    return 1.0


def _word_weight(word: Word, chunk: float) -> float:
    if chunk < 1:
        return chunk
    if len(word.text) < 3 and not (len(word.text) == 1 and word.text > "\u3040"):
        return 0.2 if chunk == 1 else 0.5
    if chunk > 1:
        return 0.5 if word.text in _TRIVIAL else chunk
    return 0.2 if word.text in COMMON else 1.0
