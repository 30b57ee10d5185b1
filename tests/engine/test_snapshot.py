"""Snapshots on disk: kept for this user, found by what they stand for, and no damage to one does any harm."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from smol_chat.engine import snapshot
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.engine.snapshot import MAX_FILES, Snapshots, fingerprint
from smol_chat.events import PromptProgress
from smol_chat.messages import SystemMessage, ToolSchema
from support.generations import ask, collect
from support.memory import Memory

SYSTEM = SystemMessage("You are a careful assistant who answers in few words and never invents anything. " * 3)
TOOLS = (ToolSchema("get_weather", "Weather of a place.", {"type": "object", "properties": {"location": {}}}),)
IDS = [*range(40, 120)] * 2


@pytest.fixture(scope="module")
def memory(hybrid_model: Path) -> Memory:
    return Memory(hybrid_model)


def stored(memory: Memory, folder: Path, ids: list[int] = IDS, *, of: bytes = b"model") -> Path:
    """Evaluate ids, store the state, return its file."""
    before = set(folder.glob("*.state"))
    memory.restart()
    for start in range(0, len(ids), 64):
        assert memory.model.evaluate(ids[start : start + 64], abortable=False)
    Snapshots(folder, of).store(memory.model)
    (path,) = set(folder.glob("*.state")) - before
    return path


class TestFiles:
    def test_one_is_readable_by_its_user_only_and_nothing_else_is_left(self, memory: Memory, tmp_path: Path) -> None:
        folder = tmp_path / "snapshots"
        path = stored(memory, folder)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list(folder.iterdir()) == [path]

    def test_at_most_three_are_kept_those_used_last(self, memory: Memory, tmp_path: Path) -> None:
        paths = []
        for number in range(MAX_FILES + 1):
            paths.append(stored(memory, tmp_path, [50 + number, *IDS]))
            os.utime(paths[-1], (number, number))
            if number == MAX_FILES - 1:
                assert Snapshots(tmp_path, b"model").load([50, *IDS]) is not None  # used again: not the oldest now
        assert {path for path in paths if path.exists()} == {paths[0], paths[2], paths[3]}

    def test_together_they_stay_below_their_size(
        self, memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        size = stored(memory, tmp_path).stat().st_size
        monkeypatch.setattr(snapshot, "MAX_BYTES", 2 * size + size // 2)
        stored(memory, tmp_path, [50, *IDS])
        stored(memory, tmp_path, [51, *IDS])
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * size + size // 2

    def test_what_an_interrupted_writer_left_is_removed(self, memory: Memory, tmp_path: Path) -> None:
        (tmp_path / "new-abc").write_bytes(b"half")
        path = stored(memory, tmp_path)
        assert list(tmp_path.iterdir()) == [path]

    def test_a_folder_that_cannot_be_written_is_no_failure(
        self, memory: Memory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        memory.restart()
        for start in range(0, len(IDS), 64):
            assert memory.model.evaluate(IDS[start : start + 64], abortable=False)
        Snapshots(tmp_path / "file", b"model").store(memory.model)
        assert "was not written" in capsys.readouterr().err

    def test_a_short_beginning_is_not_worth_a_file(self, memory: Memory, tmp_path: Path) -> None:
        memory.restart()
        assert memory.model.evaluate(IDS[:30], abortable=False)
        Snapshots(tmp_path, b"model").store(memory.model)
        assert list(tmp_path.iterdir()) == []


def cut(data: bytes) -> bytes:
    return data[:-1]


def longer(data: bytes) -> bytes:
    return data + b"\0"


def flipped(place: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


class TestDamage:
    @pytest.mark.parametrize(
        "damage",
        [
            cut,
            longer,
            lambda data: b"",
            lambda data: data[:50],
            lambda data: b"x" * len(data),
            flipped(0),
            flipped(9),
            flipped(20),
            flipped(60),
            flipped(70),
            flipped(-5),
            flipped(5000),
        ],
    )
    def test_a_damaged_one_is_ignored_and_removed(
        self, memory: Memory, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
    ) -> None:
        path = stored(memory, tmp_path)
        assert Snapshots(tmp_path, b"model").load(IDS) is not None
        path.write_bytes(damage(path.read_bytes()))
        assert Snapshots(tmp_path, b"model").load(IDS) is None
        assert "is ignored" in capsys.readouterr().err
        assert not path.exists()

    def test_one_of_another_model_or_text_is_not_found(self, memory: Memory, tmp_path: Path) -> None:
        stored(memory, tmp_path)
        assert Snapshots(tmp_path, b"other").load(IDS) is None
        assert Snapshots(tmp_path, b"model").load([*IDS, 40]) is None
        assert Snapshots(tmp_path, b"model").load(IDS) is not None

    def test_one_that_takes_another_s_name_is_refused(self, memory: Memory, tmp_path: Path) -> None:
        path, other = stored(memory, tmp_path), stored(memory, tmp_path, of=b"other")
        shutil.copy(other, path)
        assert Snapshots(tmp_path, b"model").load(IDS) is None


class TestFingerprint:
    def test_any_part_and_any_sampled_byte_changes_it(self, hybrid_model: Path, tmp_path: Path) -> None:
        seen = {fingerprint([hybrid_model], parts) for parts in ((), ("f16",), ("q8_0",), ("f", "16"), ("f16", 1))}
        copy = tmp_path / "copy.gguf"
        shutil.copy(hybrid_model, copy)
        assert fingerprint([copy], ()) in seen
        data = bytearray(copy.read_bytes())
        data[-1] ^= 1
        copy.write_bytes(data)
        seen.add(fingerprint([copy], ()))
        copy.write_bytes(data[:-1])
        seen.add(fingerprint([copy], ()))
        assert len(seen) == 7


@pytest.fixture
def engine_at(tmp_path: Path) -> Callable[[Path], LocalEngine]:
    def make(model: Path) -> LocalEngine:
        options = LocalOptions(context_size=2048, threads=1)
        return LocalEngine(model, options, log_file=tmp_path / "engine.log", snapshots=tmp_path / "snapshots")

    return make


@pytest.mark.parametrize("model", ["hybrid_model", "smol_model"])
async def test_the_next_start_reads_system_message_and_tools_from_disk(
    request: pytest.FixtureRequest, engine_at: Callable[[Path], LocalEngine], tmp_path: Path, model: str
) -> None:
    path: Path = request.getfixturevalue(model)
    outcomes = []
    for question in ("Hello.", "Hello.", "\nOther"):
        engine = engine_at(path)
        try:
            outcomes.append(await collect(engine, ask(SYSTEM, question, tools=TOOLS, max_tokens=8)))
        finally:
            await engine.close()
    first, second, other = outcomes
    (kept,) = (tmp_path / "snapshots").iterdir()
    assert first.finished.usage.reused_tokens == 0
    reused = second.finished.usage.reused_tokens
    assert reused == other.finished.usage.reused_tokens
    assert 0 < second.finished.usage.prompt_tokens - reused < 40
    assert second.of(PromptProgress)[0] == PromptProgress(reused, second.finished.usage.prompt_tokens, reused)
    assert second.text == first.text
    kept.write_bytes(kept.read_bytes()[:-100])
    engine = engine_at(path)
    try:
        again = await collect(engine, ask(SYSTEM, "Hello.", tools=TOOLS, max_tokens=8))
    finally:
        await engine.close()
    assert again.finished.usage.reused_tokens == 0
    assert again.text == first.text
    assert "is ignored" in (tmp_path / "engine.log").read_text()
