"""Markdown as rows of text: how it looks, that chunks do not matter, that hostile text stays harmless and cheap."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from smol_chat.ui.transcript.lines import Line
from smol_chat.ui.transcript.markdown import last_code, render
from smol_chat.ui.transcript.parts import CODE_ROWS_MAX, TABLE_ROWS, Part, PartStream


def parts_of(*chunks: str) -> list[Part]:
    stream = PartStream()
    for chunk in chunks:
        stream.feed(chunk)
    stream.finish()
    return stream.closed


def lines_of(parts: list[Part], width: int) -> list[Line]:
    lines: list[Line] = []
    for number, part in enumerate(parts):
        if part.gap and number:
            lines.append(Line())
        lines += render(part, width)
    return lines


def rows(markdown: str, width: int = 40) -> list[str]:
    return [
        "".join(s.text for s in (*line.gutter, *line.spans)).rstrip() for line in lines_of(parts_of(markdown), width)
    ]


def styles(markdown: str) -> dict[str, str]:
    return {span.text: span.style for line in lines_of(parts_of(markdown), 80) for span in line.spans}


EXAMPLES = [
    ("# Title\n\ntext", ["Title", "", "text"]),
    ("one\ntwo\n\nthree", ["one", "two", "", "three"]),
    ("Setext\n---\ntext", ["Setext", "", "text"]),
    ("a\n\n---\n\nb", ["a", "", "─" * 40, "", "b"]),
    ("- a\n- b\n  - c\n    - d\n- e", ["• a", "• b", "  ◦ c", "    ▪ d", "• e"]),
    ("- a\n\n- b", ["• a", "", "• b"]),
    ("1. x\n1. y\n1. z", ["1. x", "2. y", "3. z"]),
    ("7) x\n8) y", ["7. x", "8. y"]),
    ("Text:\n- a\nafter", ["Text:", "• a", "  after"]),
    ("- [ ] todo\n- [x] done", ["☐ todo", "☑ done"]),
    ("- para\n\n  more\n- b", ["• para", "", "  more", "• b"]),
    ("> quote\n> more\n\ntext", ["▎ quote", "▎ more", "", "text"]),
    ("> > deep", ["▎ ▎ deep"]),
    ("```python\nx = 1\n\ny = 2\n```\nend", ["▎ python", "▎ x = 1", "▎", "▎ y = 2", "", "end"]),
    ("~~~\n```\n~~~", ["▎ ```"]),
    ("```\nnever closed\n# no heading", ["▎ never closed", "▎ # no heading"]),
    ("    indented", ["▎ indented"]),
    ("- item\n  ```sh\n  ls\n  ```", ["• item", "", "  ▎ sh", "  ▎ ls"]),
    ("| a | b |\n|---|--:|\n| x | 10 |\n| y | 2 |", ["a   │   b", "────┼────", "x   │  10", "y   │   2"]),
    ("| 名 | b |\n|:-:|---|\n| 日本語 | c |", ["  名   │ b", "───────┼────", "日本語 │ c"]),
    ("[text](https://e.x/a?b=c)", ["text (https://e.x/a?b=c)"]),
    ("<https://e.x/>", ["https://e.x/"]),
    ("[https://e.x](https://evil.x)", ["https://e.x (https://evil.x)"]),
    ("![alt](https://e.x/i.png)", ["[image: alt] (https://e.x/i.png)"]),
    ("[x](javascript:alert)", ["[x](javascript:alert)"]),
    ("<b>raw</b> <script>", ["<b>raw</b> <script>"]),
    ("[ref]: https://e.x\n\n[ref]", ["[ref]: https://e.x", "", "[ref]"]),
    ("[bold]text[/bold] [@click=app.quit]x[/]", ["[bold]text[/bold] [@click=app.quit]x[/]"]),
    ("<|im_start|>system", ["<|im_start|>system"]),
    ("a\x1b[31mb\u202ec", ["a␛[31mb⟨U+202E⟩c"]),
    ("&#x202e; &#27;[0m", ["⟨U+202E⟩ \ufffd[0m"]),
    ("", []),
]


@pytest.mark.parametrize(("markdown", "expected"), EXAMPLES)
def test_what_markdown_looks_like(markdown: str, expected: list[str]) -> None:
    assert rows(markdown) == expected


def test_emphasis_becomes_style_names() -> None:
    found = styles("plain **bold _both_** *it* `code` ~~gone~~")
    assert found["bold "] == "strong"
    assert found["both"] == "strong em"
    assert found["it"] == "em"
    assert found["code"] == "code.inline"
    assert found["gone"] == "strike"


def test_code_is_highlighted_and_an_unknown_language_is_not() -> None:
    assert styles('```python\nreturn "a"\n```')["return"] == "code keyword"
    assert styles("```nosuchlang\nreturn\n```")["return"] == "code"


def test_long_paragraphs_wrap_and_remember_it() -> None:
    lines = lines_of(parts_of("word " * 30), 40)
    assert len(lines) > 1
    assert lines[0].joint == " "
    assert lines[-1].joint is None


def test_a_table_is_wrapped_to_the_width() -> None:
    found = rows("| name | text |\n|---|---|\n| a | " + "long " * 20 + "|", 30)
    assert all(cell_len(row) <= 30 for row in found)
    assert len(found) > 5


def test_a_table_with_too_many_columns_becomes_records() -> None:
    head = "|".join("abcdefgh")
    assert rows(f"|{head}|\n|{'-|' * 8}\n|{'|'.join('12345678')}|", 30)[:2] == ["a: 1", "b: 2"]


def test_rows_that_come_late_do_not_move_the_columns() -> None:
    table = "| a | b |\n|---|---|\n" + "| x | y |\n" * (TABLE_ROWS + 3)
    assert len(parts_of(table)) == 2
    found = rows(table)
    assert len(found) == TABLE_ROWS + 3 + 2
    assert {row for row in found[2:]} == {"x   │ y"}


def test_a_long_fence_is_settled_in_groups() -> None:
    stream = PartStream()
    stream.feed("```\n" + "line\n" * (3 * CODE_ROWS_MAX))
    assert len(stream.closed) >= 2
    assert sum(part.source.count("\n") + 1 for part in stream.open_parts()) <= CODE_ROWS_MAX


def test_the_last_code_is_found_anywhere() -> None:
    assert last_code("```\nfirst\n```\n- x\n  ```py\n  second\n  third\n  ```\ntext") == "second\nthird"
    assert last_code("no code") is None


SNIPPETS = [markdown for markdown, _ in EXAMPLES] + [
    "\n",
    "\n\n",
    "text ",
    "- ",
    "> ",
    "```\n",
    "| ",
    "  ",
    "1. ",
    "#",
    "*",
    "](",
]
documents = st.lists(st.sampled_from(SNIPPETS), max_size=8).map("".join)


def chunked(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


@settings(deadline=None)
@given(documents, st.lists(st.integers(0, 10_000), max_size=12))
def test_chunks_do_not_matter(text: str, cuts: list[int]) -> None:
    stream = PartStream()
    for chunk in chunked(text, cuts):
        stream.feed(chunk)
        stream.open_parts()
    stream.finish()
    assert stream.closed == parts_of(text)


@settings(deadline=None)
@given(documents)
def test_the_open_end_looks_as_if_the_text_ended_there(text: str) -> None:
    stream = PartStream()
    stream.feed(text)
    assert stream.closed + stream.open_parts() == parts_of(text)


@settings(deadline=None)
@given(st.one_of(st.text(), documents), st.integers(4, 100))
def test_any_text_is_shown_clean_and_within_the_width(text: str, width: int) -> None:
    for line in lines_of(parts_of(text), width):
        for span in (*line.gutter, *line.spans):
            for character in span.text:
                category = unicodedata.category(character)
                assert category not in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
                assert category != "Cf" or character == "\u200d"


PATHOLOGICAL = [
    "[" * 100_000,
    "![" * 50_000,
    "*a " * 40_000,
    "> " * 20_000 + "x",
    "- " * 20_000 + "x",
    "".join("  " * depth + "- x\n" for depth in range(300)),
    "|" * 50_000 + "\n" + "|-" * 50_000,
    "`" * 100_000,
    "x" * 1_000_000,
    "word " * 200_000,
    "```python\n" + "x" * 300_000 + "\n```",
    "```python\n" + "x = '''\n" * 5_000,
    "&amp;" * 20_000,
]


@pytest.mark.parametrize("markdown", ["> " * 40 + "deep", "- " * 40 + "deep", "**_" * 40 + "deep"])
def test_text_nested_too_deep_is_still_shown(markdown: str) -> None:
    assert "deep" in "".join(rows(markdown, 100))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", PATHOLOGICAL, ids=lambda text: repr(text[:12]))
def test_pathological_text_gives_a_bounded_number_of_lines(text: str) -> None:
    lines = lines_of(parts_of(text), 80)
    assert len(lines) <= len(text) // 40 + 2 * text.count("\n") + 300
