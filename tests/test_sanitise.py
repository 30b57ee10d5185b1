"""Nothing hidden and nothing a terminal would act on survives the border function."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.sanitise import is_hidden, single_line, visible

HOSTILE = "\x00\x07\x08\x1b\r\x0b\x0c\x7f\x80\x85\x9b\xad\u200b\u200d\u202e\u2028\u2029\u2066\ufe0f\ufeff\ud800\ue000"
FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

texts = st.text(
    st.one_of(st.characters(), st.sampled_from(HOSTILE + "\U000e0041\U000e0101👩❤1#\u20e3\U0001f3fd日\t\n"))
)


def assert_clean(text: str, kept: str) -> None:
    for character in text:
        if character not in kept:
            assert unicodedata.category(character) not in FORBIDDEN_CATEGORIES, f"U+{ord(character):04X}"
            assert not 0xFE00 <= ord(character) <= 0xFE0F
            assert not 0xE0000 <= ord(character) <= 0xE01EF


@given(texts, st.booleans())
def test_no_forbidden_character_is_left(text: str, keep_newlines: bool) -> None:
    assert_clean(visible(text, keep_newlines=keep_newlines), "\n\t" if keep_newlines else "")


@given(texts, st.booleans())
def test_prose_keeps_only_the_joiners_of_emoji(text: str, keep_newlines: bool) -> None:
    shown = visible(text, keep_newlines=keep_newlines, prose=True)
    assert_clean(shown, "\u200d\ufe0f" + ("\n\t" if keep_newlines else ""))


@given(texts, st.booleans(), st.booleans())
def test_making_visible_twice_changes_nothing(text: str, keep_newlines: bool, prose: bool) -> None:
    once = visible(text, keep_newlines=keep_newlines, prose=prose)
    assert visible(once, keep_newlines=keep_newlines, prose=prose) == once


def test_every_single_character_is_harmless_afterwards() -> None:
    # Planes 3 to 13 are unassigned and planes 15 and 16 private: their ends stand for them.
    for code in (*range(0x20000), 0x3FFFF, *range(0xE0000, 0xE1000), 0xF0000, sys.maxunicode):
        character = chr(code)
        shown = visible(character)
        assert shown == character or is_hidden(character)
        assert character in "\n\t" or not any(map(is_hidden, shown)), f"U+{code:04X}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("a\x9b31m", "a⟨U+009B⟩31m"),
        ("rm -rf ~\r ls -la", "rm -rf ~␍ ls -la"),
        ("x\x7f", "x␡"),
        ("safe\u202eexe.txt", "safe⟨U+202E⟩exe.txt"),
        ("pass\u200bword", "pass⟨U+200B⟩word"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("half \ud83d", "half ⟨U+D83D⟩"),
        ("fill\u3164er", "fill⟨U+3164⟩er"),
        ("ünïcödé 日本語 😀 → ✓", "ünïcödé 日本語 😀 → ✓"),
    ],
)
def test_what_hidden_characters_look_like(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_emoji_stay_whole_in_prose_and_are_taken_apart_elsewhere() -> None:
    family = "👩‍👩‍👧 ❤️ 1️⃣ 👍🏽"
    assert visible(family, prose=True) == family
    assert visible(family).count("⟨U+200D⟩") == 2
    assert visible("a\u200db", prose=True) == "a⟨U+200D⟩b"


def test_without_line_ends_line_feed_and_tab_are_symbols() -> None:
    assert visible("a\n\tb", keep_newlines=False) == "a␊␉b"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly 10", 10, "exactly 10"),
        ("a  b\n\tc", 10, "a b c"),
        ("hello wonderful world", 12, "hello wonde…"),
        ("日本語日本語", 5, "日本…"),
        ("title\x1b]0;x\x07", 20, "title␛]0;x␇"),
        ("anything", 0, ""),
        ("x" * 1_000_000, 4, "xxx…"),
    ],
)
def test_single_line_fits_its_width(text: str, width: int, shown: str) -> None:
    assert single_line(text, width) == shown


@given(texts, st.integers(0, 40))
def test_single_line_is_one_clean_line(text: str, width: int) -> None:
    shown = single_line(text, width)
    assert_clean(shown, "\u200d\ufe0f")
    assert len([c for c in shown if unicodedata.category(c) not in ("Mn", "Me", "Cf")]) <= width
