"""What was measured is remembered for that file, machine and library; the default stays unless clearly slower."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from smol_chat.engine.plan import Tuned
from smol_chat.engine.tune import Measured, fastest
from smol_chat.engine.tuning import KEPT, remember, tuned_for

DEFAULT = Tuned(3, 128, repack=False)


def test_an_answer_is_kept_for_its_model(tmp_path: Path) -> None:
    one, two, file = tmp_path / "one.gguf", tmp_path / "two.gguf", tmp_path / "tuning.json"
    one.write_bytes(b"GGUF1")
    two.write_bytes(b"GGUF2")
    remember(one, DEFAULT, file)
    assert tuned_for(one, file) == DEFAULT
    assert tuned_for(two, file) is None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    remember(two, Tuned(1, 64, repack=True), file)
    remember(one, Tuned(2, 64, repack=True), file)
    assert (tuned_for(one, file), tuned_for(two, file)) == (Tuned(2, 64, True), Tuned(1, 64, True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.gguf", "tuning.json", "two.gguf"]
    one.write_bytes(b"GGUF1, another build")
    assert tuned_for(one, file) is None


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "tuning.json"
    file.write_text(json.dumps({f"old{number}": {} for number in range(KEPT)}))
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    remember(model, DEFAULT, file)
    kept = json.loads(file.read_text())
    assert len(kept) == KEPT
    assert "old0" not in kept


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"KEY": 5}', '{"KEY": {"threads": "2", "ubatch": 1, "repack": 1}}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: str) -> None:
    file, model = tmp_path / "tuning.json", tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    remember(model, DEFAULT, file)
    (key,) = json.loads(file.read_text())
    file.write_text(damage.replace("KEY", key))
    assert tuned_for(model, file) is None
    remember(model, DEFAULT, file)
    assert tuned_for(model, file) == DEFAULT
    assert tuned_for(tmp_path / "gone.gguf", file) is None


def test_the_default_is_left_only_for_something_clearly_faster() -> None:
    base = Measured(DEFAULT, 100.0, 10.0)
    barely = Measured(Tuned(4, 128, False), 103.0, 10.3)
    better = Measured(Tuned(4, 64, False), 120.0, 10.0)
    worse = Measured(Tuned(1, 128, False), 200.0, 2.0)
    assert fastest([base, barely, worse]).variant == DEFAULT
    assert fastest([base, barely, better, worse]).variant == better.variant


def test_a_lucky_moment_does_not_decide() -> None:
    lucky = [Measured(Tuned(4, 128, False), prompt, 10.0) for prompt in (180.0, 60.0)]
    base = [Measured(DEFAULT, prompt, 10.0) for prompt in (100.0, 140.0)]
    assert fastest([*base, *lucky]).variant == DEFAULT
