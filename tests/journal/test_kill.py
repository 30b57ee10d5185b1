"""The program is killed while it streams, asks and runs tools; benchmarks/kill.py does it 300 times."""

from __future__ import annotations

from pathlib import Path

from kill import kill_rounds


def test_ten_kills_lose_nothing_repeat_nothing_and_every_card_waits_again(tmp_path: Path) -> None:
    tally = kill_rounds(10, seed=3, folder=tmp_path)
    assert tally.faults == []
    assert tally.rounds == 10
    assert tally.turns >= 2
    assert tally.calls_run > 0 and tally.decisions > 0
