"""Wrapping loses nothing, fits the width, and remembers what it swallowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from smol_chat.ui.transcript.lines import LINE_LIMIT, Line, Span, fold, indent, plain, wrap

words = st.lists(st.sampled_from([*"ab  日本。é😀x…", "👩‍👧", "❤️"]), max_size=60).map("".join)
widths = st.integers(2, 20)


def spans_of(text: str) -> list[Span]:
    return [Span(text[start : start + 5], str(start)) for start in range(0, len(text), 5)]


def joined(lines: list[Line]) -> str:
    return "".join(line.text + (line.joint or "") for line in lines)


@given(words, widths)
def test_wrapping_keeps_every_character(text: str, width: int) -> None:
    lines = wrap(spans_of(text), width)
    assert joined(lines).rstrip(" ") == text.rstrip(" ")
    assert all(cell_len(line.text) <= width for line in lines)


@given(words, widths)
def test_folding_keeps_every_character_and_drops_no_space(text: str, width: int) -> None:
    lines = fold(spans_of(text), width)
    assert "".join(line.text for line in lines) == text
    assert all(cell_len(line.text) <= width for line in lines)


@given(words, widths)
def test_spans_keep_their_styles(text: str, width: int) -> None:
    for line in wrap(spans_of(text), width):
        for span in line.spans:
            assert span.text in text[int(span.style) : int(span.style) + 5]


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("the quick brown fox", 10, ["the quick", "brown fox"]),
        ("aaaaaaaaaaaaaaa b", 6, ["aaaaaa", "aaaaaa", "aaa b"]),
        ("  indented text here", 12, ["  indented", "text here"]),
        ("日本語のテキスト。終", 16, ["日本語のテキス", "ト。終"]),
        ("", 10, [""]),
    ],
)
def test_where_lines_break(text: str, width: int, rows: list[str]) -> None:
    assert [line.text for line in wrap((Span(text),), width)] == rows


def test_wrapped_lines_know_what_was_between_them() -> None:
    lines = wrap((Span("one  two"),), 4)
    assert joined(lines) == "one  two"
    assert lines[-1].joint is None


def test_a_huge_line_is_cut_on_the_screen_and_says_so() -> None:
    lines = wrap((Span("x" * 1_000_000),), 80)
    assert len(lines) < LINE_LIMIT // 70
    assert "980,000 more characters; copying gives all" in joined(lines)


def test_plain_text_keeps_its_lines_and_tabs_become_spaces() -> None:
    assert [line.text for line in plain("a\tb\n\nc", 20)] == ["a   b", "", "c"]


def test_indentation_of_wrapped_lines_is_no_text() -> None:
    lines = indent(wrap((Span("one two three"),), 8), Span("• "), Span("  "))
    assert [line.text for line in lines] == ["• one two", "three"]
    assert lines[1].gutter == (Span("  "),)
