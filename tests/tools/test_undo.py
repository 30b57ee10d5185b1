"""Taking writes back: the file is what it was, or it is left alone and the reason is said."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from smol_chat.errors import ToolError
from smol_chat.tools.files import Undone, WorkspaceFiles
from smol_chat.tools.undo import UndoStore


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> UndoStore:
    return UndoStore(tmp_path / "undo")


async def refusal(files: WorkspaceFiles) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        await files.undo()
    return caught.value.kind, caught.value.message


async def test_an_overwritten_file_is_again_what_it_was_with_its_mode(workspace: Path, store: UndoStore) -> None:
    target = workspace / "run.sh"
    target.write_bytes(b"old \xff bytes")
    target.chmod(0o741)
    files = WorkspaceFiles(workspace, store)
    await files.write_text("run.sh", "new")
    assert await files.undo() == Undone("run.sh", removed=False)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"old \xff bytes", 0o741)


async def test_a_created_file_is_gone_again(workspace: Path, store: UndoStore) -> None:
    files = WorkspaceFiles(workspace, store)
    await files.write_text("sub/new.txt", "text")
    undone = await files.undo()
    assert (undone, undone.sentence) == (Undone("sub/new.txt", removed=True), "sub/new.txt is removed again.")
    assert not (workspace / "sub" / "new.txt").exists()


async def test_several_writes_are_taken_back_one_after_the_other(workspace: Path, store: UndoStore) -> None:
    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "one")
    await files.write_text("a.txt", " two", append=True)
    await files.write_text("b.txt", "b")
    assert [(await files.undo()).path for _ in range(2)] == ["b.txt", "a.txt"]
    assert (workspace / "a.txt").read_text() == "one"
    await files.undo()
    assert list(workspace.iterdir()) == []
    kind, message = await refusal(files)
    assert (kind, message) == ("not_found", f"There is no write in {workspace} that could be taken back.")


async def test_another_start_of_the_program_takes_it_back(workspace: Path, tmp_path: Path) -> None:
    (workspace / "a.txt").write_text("old")
    await WorkspaceFiles(workspace, UndoStore(tmp_path / "undo")).write_text("a.txt", "new")
    await WorkspaceFiles(workspace, UndoStore(tmp_path / "undo")).undo()
    assert (workspace / "a.txt").read_text() == "old"


@pytest.mark.parametrize("change", ["changed", None])
async def test_a_file_that_changed_since_is_left_as_it_is(
    workspace: Path, store: UndoStore, change: str | None
) -> None:
    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "old")
    await files.write_text("a.txt", "new")
    if change is None:
        (workspace / "a.txt").unlink()
    else:
        (workspace / "a.txt").write_text(change)
    kind, message = await refusal(files)
    assert kind == "blocked"
    assert message.endswith("since it was written, so it was left as it is.")
    assert change is None or (workspace / "a.txt").read_text() == change
    (workspace / "a.txt").write_text("new")  # put right by hand, it can be taken back
    assert (await files.undo()).path == "a.txt"


async def test_a_link_put_in_its_place_does_not_lead_out(workspace: Path, store: UndoStore) -> None:
    outside = workspace.parent / "outside.txt"
    outside.write_text("new")
    (workspace / "a.txt").write_text("old")
    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "new")
    (workspace / "a.txt").unlink()
    (workspace / "a.txt").symlink_to(outside)
    assert (await refusal(files))[0] == "blocked"
    assert outside.read_text() == "new"


async def test_a_write_that_never_came_about_is_passed_over(workspace: Path, store: UndoStore) -> None:
    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "one")
    # As after a program that was killed between keeping what is there and replacing it.
    store.keep(str(workspace), "a.txt", old=b"one", mode=0o644, new=b"never written")
    assert await files.undo() == Undone("a.txt", removed=True)


async def test_a_write_that_fails_leaves_nothing_to_take_back(
    workspace: Path, store: UndoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "one")
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", full)
        with pytest.raises(ToolError, match="disk is full"):
            await files.write_text("a.txt", "two")
    assert len(list((tmp_path / "undo").iterdir())) == 1
    assert (workspace / "a.txt").read_text() == "one"


async def test_what_cannot_be_kept_is_not_written(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "undo").write_text("a file where the folder should be")
    (workspace / "a.txt").write_text("old")
    with pytest.raises(ToolError) as caught:
        await WorkspaceFiles(workspace, UndoStore(tmp_path / "undo")).write_text("a.txt", "new")
    assert caught.value.kind == "unavailable"
    assert "could not be kept for undo" in caught.value.message
    assert (workspace / "a.txt").read_text() == "old"


async def test_each_workspace_has_its_own(workspace: Path, store: UndoStore) -> None:
    other = workspace.parent / "other"
    other.mkdir()
    await WorkspaceFiles(workspace, store).write_text("a.txt", "x")
    assert (await refusal(WorkspaceFiles(other, store)))[0] == "not_found"
    assert (workspace / "a.txt").exists()


async def test_the_store_is_capped_and_the_oldest_goes_first(workspace: Path, tmp_path: Path) -> None:
    files = WorkspaceFiles(workspace, UndoStore(tmp_path / "undo", most_entries=3, most_bytes=10_000))
    for number in range(6):
        await files.write_text("a.txt", f"{number}")
    for _ in range(3):
        await files.undo()
    assert (workspace / "a.txt").read_text() == "2"
    assert (await refusal(files))[0] == "not_found"

    by_size = WorkspaceFiles(workspace, UndoStore(tmp_path / "small", most_bytes=100))
    for text in ("x" * 80, "y" * 80, "z"):
        await by_size.write_text("b.txt", text)
    kept = sum(file.stat().st_size for file in (tmp_path / "small").glob("*.old"))
    assert kept == 80


async def test_what_is_kept_is_for_its_user_alone(workspace: Path, store: UndoStore, tmp_path: Path) -> None:
    (workspace / "a.txt").write_text("old")
    await WorkspaceFiles(workspace, store).write_text("a.txt", "new")
    assert stat.S_IMODE((tmp_path / "undo").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "undo").iterdir()} == {0o600}


async def test_a_damaged_entry_is_passed_over(workspace: Path, store: UndoStore, tmp_path: Path) -> None:
    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "one")
    (tmp_path / "undo" / "99999999999999999999-x.json").write_text('{"id": 3}')
    assert (await files.undo()).path == "a.txt"


async def test_an_old_content_that_is_gone_is_said(workspace: Path, store: UndoStore, tmp_path: Path) -> None:
    (workspace / "a.txt").write_text("old")
    files = WorkspaceFiles(workspace, store)
    await files.write_text("a.txt", "new")
    next((tmp_path / "undo").glob("*.old")).unlink()
    assert await refusal(files) == ("not_found", "What 'a.txt' was before is not kept any more.")


async def test_create_refuses_a_file_that_is_there(workspace: Path, store: UndoStore, tmp_path: Path) -> None:
    (workspace / "a.txt").write_text("old")
    files = WorkspaceFiles(workspace, store)
    with pytest.raises(ToolError, match="is there already"):
        await files.write_text("a.txt", "new", create=True)
    await files.write_text("b.txt", "new", create=True)
    assert ((workspace / "a.txt").read_text(), (workspace / "b.txt").read_text()) == ("old", "new")
    assert sorted(item.name for item in workspace.iterdir()) == ["a.txt", "b.txt"]
    assert len(list((tmp_path / "undo").glob("*.json"))) == 1


async def test_without_a_store_nothing_can_be_taken_back(workspace: Path) -> None:
    files = WorkspaceFiles(workspace)
    await files.write_text("a.txt", "x")
    assert (await refusal(files))[0] == "unavailable"
