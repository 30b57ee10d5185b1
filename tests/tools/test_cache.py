from __future__ import annotations

import stat
from pathlib import Path

from smol_chat.tools.cache import Remembered, ToolCache


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_remembered_for_as_long_as_it_may_be() -> None:
    clock = Clock()
    cache = ToolCache(clock=clock)
    cache.put("a", [1])
    clock.now += 60
    assert cache.get("a", max_age=60) == Remembered([1], 60.0)
    assert cache.get("a", max_age=59) is None
    assert cache.get("b", max_age=60) is None


def test_only_what_is_kept_outlives_the_program(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "tool.json"
    clock = Clock()
    first = ToolCache(file, clock=clock)
    first.put("kept", {"a": "é\ud800"}, keep=True)
    first.put("passing", 1)
    clock.now += 5
    later = ToolCache(file, clock=clock)
    assert later.get("passing", max_age=60) is None
    kept = later.get("kept", max_age=60)
    assert kept is not None and kept.age == 5
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [item.name for item in file.parent.iterdir()] == ["tool.json"]


def test_the_oldest_answers_go_first(tmp_path: Path) -> None:
    for keep in (True, False):
        cache = ToolCache(tmp_path / "tool.json")
        for number in range(150):
            cache.put(str(number), number, keep=keep)
        assert cache.get("49", max_age=60) is None
        assert cache.get("50", max_age=60) is not None
        assert cache.get("149", max_age=60) is not None


def test_a_disk_that_cannot_be_written_makes_it_forget_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ToolCache(tmp_path / "file" / "tool.json")
    cache.put("a", 1, keep=True)
    assert cache.get("a", max_age=60) is not None
    assert ToolCache(tmp_path / "file" / "tool.json").get("a", max_age=60) is None


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    clock = Clock()
    cache = ToolCache(clock=clock)
    cache.put("a", 1)
    clock.now -= 500
    assert cache.get("a", max_age=60) == Remembered(1, 0.0)
