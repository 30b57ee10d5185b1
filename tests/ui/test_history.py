from __future__ import annotations

import json
import stat
from pathlib import Path

from smol_chat.ui.history import KEPT, InputHistory


def test_going_back_and_forth_ends_at_the_draft(tmp_path: Path) -> None:
    history = InputHistory(tmp_path / "h")
    history.add("one")
    history.add("two")
    assert history.back("draft") == "two"
    assert history.back("two") == "one"
    assert history.back("one") is None
    assert history.forward() == "two"
    assert history.forward() == "draft"
    assert history.forward() is None


def test_it_is_there_again_after_a_restart_for_its_user_only(tmp_path: Path) -> None:
    file = tmp_path / "h"
    InputHistory(file).add("line 1\nline 2")
    assert InputHistory(file).back("") == "line 1\nline 2"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_same_twice_in_a_row_counts_once(tmp_path: Path) -> None:
    history = InputHistory(tmp_path / "h")
    history.add("a")
    history.add("a")
    assert (history.back(""), history.back("a")) == ("a", None)


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    file = tmp_path / "h"
    file.write_text("".join(json.dumps(f"entry {number}") + "\n" for number in range(3 * KEPT)))
    assert InputHistory(file).back("") == f"entry {3 * KEPT - 1}"
    assert len(file.read_text().splitlines()) == KEPT


def test_damaged_lines_are_left_out_and_controls_made_visible(tmp_path: Path) -> None:
    file = tmp_path / "h"
    file.write_bytes(b'"good"\n{"a": 1}\nnot json\n"\\u001b[31m"\n\xff\xfe\n')
    history = InputHistory(file)
    assert (history.back(""), history.back("")) == ("␛[31m", "good")


def test_a_folder_that_cannot_be_written_costs_only_the_history(tmp_path: Path) -> None:
    history = InputHistory(tmp_path / "missing" / "h")
    history.add("a")
    assert history.back("") == "a"
