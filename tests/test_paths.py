"""Where data lives, and who may read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.paths import DataPaths, default_data_dir, open_private


def test_folders_are_made_for_the_user_alone(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "a" / "b")
    paths.create()
    paths.create()
    folders = [paths.root, paths.models, paths.snapshots, paths.themes, paths.logs]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 5
    assert all(place.parent == paths.root for place in (paths.config_file, paths.history_db))


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        DataPaths(tmp_path / "file" / "x").create()
    assert caught.value.message.startswith(f"The data folder '{tmp_path}/file/x' cannot be used (Not a directory)")
    assert "--data-dir" in caught.value.message


def test_a_folder_that_is_there_will_do_although_nothing_can_be_made_in_it(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("stands in the way")
    DataPaths(tmp_path).create()


def test_a_private_file_is_readable_by_its_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with open(tmp_path / "x", "w", opener=open_private):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_the_default_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir().name == "smol-chat"
