"""Make text we did not write harmless to look at: nothing invisible, nothing a terminal would act on.

The bottom layer, beside messages, errors and paths: screens, the headless command, logs and window titles all pass
foreign text through here. Imports the standard library only.
"""

from __future__ import annotations

import re
import unicodedata

_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""Characters that variation selector 16 and the zero-width joiner may follow in an emoji."""

_SAFE = (
    " -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0377\u037a-\u037f\u0400-\u052f\u05d0-\u05ea\u0904-\u0939\u0e01-\u0e30"
    "\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u218b\u2190-\u23ff\u2500-\u2b73\u3001-\u303f"
    "\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9ffc\uac00-\ud7a3\uff01-\uff9f"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6d7\U0001f910-\U0001f978"
)
"""Characters that are visible in every Unicode version we meet; only text with others is looked at one by one."""

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"  # joiners, fillers
    + "".join(map(chr, range(0xFE00, 0xFE10)))  # variation selectors
)
_VARIATION_SUPPLEMENT = range(0xE0100, 0xE01F0)

_SUSPECT = re.compile(f"[^\n\t{_SAFE}]")
_SUSPECT_SINGLE = re.compile(f"[^{_SAFE}]")
_STRAY_JOINER = re.compile(
    f"(?<![{_EMOJI}])(?<![{_EMOJI}]\ufe0f)\u200d|\u200d(?![{_EMOJI}])"
    f"|(?<![{_EMOJI}])\ufe0f(?!\u20e3)|(?<![{_EMOJI}0-9#*])\ufe0f"
)
_SPACES = re.compile(r"\s+")


def is_hidden(character: str) -> bool:
    """Tell whether one character would be invisible, or act on the terminal, if it were printed."""
    return (
        unicodedata.category(character) in _INVISIBLE_CATEGORIES
        or character in _INVISIBLE_LETTERS
        or ord(character) in _VARIATION_SUPPLEMENT
    )


def _symbol(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"\u27e8U+{code:04X}\u27e9"


class _SymbolTable(dict[int, str]):
    """A `str.translate` table that learns each character when it first meets it."""

    _LIMIT = 4096
    """Hostile text can hold every code point there is; the table forgets before it grows with them."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shown = character if character in self._kept or not is_hidden(character) else _symbol(character)
        if len(self) >= self._LIMIT:
            self.clear()
        self[code] = shown
        return shown


_LINES = _SymbolTable("\n\t")
_LINES_PROSE = _SymbolTable("\n\t\u200d\ufe0f")
_SINGLE = _SymbolTable("")
_SINGLE_PROSE = _SymbolTable("\u200d\ufe0f")


def visible(text: str, *, keep_newlines: bool = True, prose: bool = False) -> str:
    """Show every hidden character as a symbol: controls as control pictures, others as ⟨U+202E⟩.

    Args:
        text: Any string, lone surrogates included.
        keep_newlines: Keep line feed and tab; without it they become ␊ and ␉.
        prose: Keep the joiner and variation selector 16 where they hold an emoji together. Leave it off where exactness
            matters more than looks, as on an approval card.
    """
    suspect = _SUSPECT if keep_newlines else _SUSPECT_SINGLE
    if not suspect.search(text):
        return text
    if not prose:
        return text.translate(_LINES if keep_newlines else _SINGLE)
    text = text.translate(_LINES_PROSE if keep_newlines else _SINGLE_PROSE)
    return _STRAY_JOINER.sub(lambda match: _symbol(match[0]), text)


def single_line(text: str, width: int) -> str:
    """Return text for a title or a list row: one line of at most `width` cells, an ellipsis where it was cut."""
    # Only so much can fit; the rest of a huge text is not worth looking at.
    head = text[: 16 * (width + 1)]
    shown = visible(_SPACES.sub(" ", head).strip(), keep_newlines=False, prose=True)
    cells = 0
    fits = 0
    for position, character in enumerate(shown):
        cells += _cells(character)
        if cells > width:
            return shown[:fits].rstrip() + "…" if width > 0 else ""
        if cells < width:
            fits = position + 1
    return shown if len(head) == len(text) else shown[:fits].rstrip() + "…"


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
