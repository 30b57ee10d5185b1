from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from smol_chat.ui.consent.diff import parsed, split, unified

OLD = ["# Shopping", "", "buy milk", "buy bread", "", "that is all"]
NEW = ["# Shopping", "", "buy oats", "buy bread", "buy eggs", "", "that is all"]


def diff(old: list[str], new: list[str]) -> str:
    return "\n".join(difflib.unified_diff(old, new, "a/x", "b/x", lineterm=""))


def test_one_column_has_the_signs_and_the_lines_own_numbers() -> None:
    assert [f"{line.gutter}{line.text.plain}" for line in unified(parsed(diff(OLD, NEW)))] == [
        "  @@ -1,6 +1,7 @@",
        "1  # Shopping",
        "2  ",
        "3 -buy milk",
        "3 +buy oats",
        "4  buy bread",
        "5 +buy eggs",
        "6  ",
        "7  that is all",
    ]


def test_two_columns_have_before_and_after_side_by_side() -> None:
    rows = [[part.strip() for part in line.text.plain.split("│")] for line in split(parsed(diff(OLD, NEW)), 60)]
    assert rows == [
        ["@@ -1,6 +1,7 @@"],
        ["# Shopping", "# Shopping"],
        ["", ""],
        ["-buy milk", "+buy oats"],
        ["buy bread", "buy bread"],
        ["", "+buy eggs"],
        ["", ""],
        ["that is all", "that is all"],
    ]


def test_a_line_that_begins_like_the_name_of_a_file_is_not_left_out() -> None:
    shown = [line.text.plain for line in unified(parsed(diff(["-- x"], ["++ y"])))]
    assert shown == ["@@ -1 +1 @@", "--- x", "+++ y"]


def test_many_blank_lines_are_shown_as_their_number() -> None:
    shown = [line.text.plain for line in unified(parsed(diff([], ["a", *[""] * 100, "rm -rf ~"])))]
    assert shown == ["@@ -0,0 +1,102 @@", "+a", "+", "+", "+", "+", "⟨96 more blank lines⟩", "+rm -rf ~"]


def test_rows_of_a_table_need_no_numbers() -> None:
    shown = unified(parsed("@@ people: 1 updated (id | city) @@\n- 1 | Rome\n+ 1 | Oslo"))
    assert [f"{line.gutter}{line.text.plain}" for line in shown] == [
        "@@ people: 1 updated (id | city) @@",
        "- 1 | Rome",
        "+ 1 | Oslo",
    ]


LINES = st.lists(st.text(st.characters(categories=["L", "N", "Po"]), min_size=1, max_size=90), max_size=12)


@given(LINES, LINES, st.integers(60, 120))
def test_two_columns_lose_nothing(old: list[str], new: list[str], width: int) -> None:
    changes = parsed(diff(old, new))
    rows = split(changes, width)
    assert all(line.text.cell_length <= width for line in rows)
    room = (width - 3) // 2
    sides = {"-": "", "+": ""}
    for change in changes:
        for sign in sides:
            if change.sign in (sign, " "):
                sides[sign] += change.sign + change.text
    columns = {"-": "", "+": ""}
    for line in rows:
        parts = line.text.plain.split(" │ ")
        if len(parts) == 2 and not parts[0].startswith("@@"):
            columns["-"] += parts[0][:room].rstrip(" ")
            columns["+"] += parts[1].rstrip(" ")
    for sign in sides:
        assert columns[sign].replace(" ", "") == sides[sign].replace(" ", "")
