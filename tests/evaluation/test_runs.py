"""Runs on disk: nothing that was answered is lost, nothing half written is read."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.evaluation.answers import Answer, AnsweredTurn
from smol_chat.evaluation.runs import RunKey, appending, begin_or_resume, find_run

KEY = RunKey("smol200", "abc", 2, "Tiny Model (Q4)", "1 2", "free", 0, "def")
ONE, TWO = (Answer(name, (AnsweredTurn(content="ü"),)) for name in ("one", "two"))


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    run = begin_or_resume(tmp_path / "runs", KEY)
    with appending(run) as keep:
        keep(ONE)
    again = begin_or_resume(tmp_path / "runs", KEY)
    assert (again.id, again.answers, again.complete) == (run.id, {"one": ONE}, False)
    with appending(again) as keep:
        keep(TWO)
    assert find_run(tmp_path / "runs", run.id).complete
    assert "tiny-model-q4-free" in run.id
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o600


def test_a_line_that_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    run = begin_or_resume(tmp_path, KEY)
    with appending(run) as keep:
        keep(ONE)
        keep(TWO)
    run.path.write_bytes(run.path.read_bytes()[:-7])
    again = begin_or_resume(tmp_path, KEY)
    assert (again.id, again.answers) == (run.id, {"one": ONE})
    with appending(again) as keep:
        keep(TWO)
    assert find_run(tmp_path, run.id).answers == {"one": ONE, "two": TWO}


@pytest.mark.parametrize(
    "change", [{"model_state": "3"}, {"seed": 1}, {"decoding": "constrained"}, {"prompt_digest": ""}]
)
def test_a_run_under_other_terms_is_another_run(tmp_path: Path, change: dict[str, str]) -> None:
    first = begin_or_resume(tmp_path, KEY)
    second = begin_or_resume(tmp_path, replace(KEY, **change))  # type: ignore[arg-type]  # by name
    assert first.id != second.id


def test_a_complete_run_is_left_as_it_is(tmp_path: Path) -> None:
    run = begin_or_resume(tmp_path, KEY)
    with appending(run) as keep:
        keep(ONE)
        keep(TWO)
    assert begin_or_resume(tmp_path, KEY).id != run.id


def test_two_programs_cannot_add_to_one_run(tmp_path: Path) -> None:
    run = begin_or_resume(tmp_path, KEY)
    with appending(run), pytest.raises(UsageError, match="Another smol-chat"), appending(run):
        pass


def test_a_run_is_found_by_the_beginning_of_its_id_or_by_its_file(tmp_path: Path) -> None:
    run = begin_or_resume(tmp_path, KEY)
    assert find_run(tmp_path, run.id[:8]).id == run.id
    assert find_run(tmp_path, str(run.path)).id == run.id
    (tmp_path / "note.txt").write_text("hello\n")
    with pytest.raises(UsageError, match="is no run"):
        find_run(tmp_path, str(tmp_path / "note.txt"))
    with pytest.raises(UsageError, match=f"There is no run 'x'; there are {run.id}"):
        find_run(tmp_path, "x")
    other = begin_or_resume(tmp_path, replace(KEY, seed=1))
    with pytest.raises(UsageError, match=f"Several runs begin with '20'; there are {run.id}, {other.id}"):
        find_run(tmp_path, "20")
    with pytest.raises(UsageError, match="There is no run yet"):
        find_run(tmp_path / "nowhere", "x")


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "hello\n", '{"key": {}}\n', "\x00"])
def test_files_that_are_no_runs_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    assert begin_or_resume(tmp_path, KEY).answers == {}


def test_a_folder_that_cannot_be_written_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        begin_or_resume(tmp_path / "file", KEY)
