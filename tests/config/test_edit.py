"""The settings file the program writes, and the one value it changes in a file a person wrote."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.config import Settings, load_settings
from smol_chat.config.edit import default_text, write_default_config, write_setting
from smol_chat.config.settings import parse_settings
from smol_chat.errors import ConfigError


def test_the_first_file_changes_nothing_and_shows_every_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_default_config(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    defaults = replace(Settings(), where=load_settings(path).where)
    assert load_settings(path) == defaults
    uncommented = re.sub(r"^# (\w+ = )", r"\1", default_text(), flags=re.MULTILINE)
    shown = parse_settings(uncommented, str(path))
    assert replace(shown, sampling=replace(shown.sampling, seed=None), where=defaults.where) == defaults


def test_the_first_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n")
    write_default_config(path)
    assert path.read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("before", "name", "value", "after"),
    [
        ("", "ui.theme", "a", '[ui]\ntheme = "a"\n'),
        ("# mine\n[ui] # look\nbell = true\n", "ui.theme", "a", '# mine\n[ui] # look\ntheme = "a"\nbell = true\n'),
        ("[ui]", "ui.theme", "a", '[ui]\ntheme = "a"\n'),
        ("[ui]\n# theme = 'x'\n\n# next\n[chat]\n", "ui.theme", "a", '[ui]\ntheme = "a"\n\n# next\n[chat]\n'),
        ("[ui]\ntheme = 'b' # why\n[chat]\n", "ui.theme", "a", '[ui]\ntheme = "a" # why\n[chat]\n'),
        ("ui = {bell = true}\n", "ui.theme", "a", 'ui = {bell = true,theme = "a"}\n'),
        ("ui.theme = 'b'\n", "ui.theme", "a", 'ui.theme = "a"\n'),
        ("[model]\npath = '''\nx'''\n", "model.path", '/m/ü"\\.gguf', '[model]\npath = "/m/ü\\"\\\\.gguf"\n'),
        ("[approval]\n", "approval.allow", ["calculate"], '[approval]\nallow = ["calculate"]\n'),
        ("[chat]\n# theme = 1\n[ui]\n", "ui.bell", True, "[chat]\n# theme = 1\n[ui]\nbell = true\n"),
    ],
)
def test_one_setting_changes_and_the_rest_stays(
    tmp_path: Path, before: str, name: str, value: str | bool | list[str], after: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(before)
    write_setting(path, name, value)
    assert path.read_text() == after
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


def test_without_a_file_the_commented_one_is_written_with_the_value_in_place(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_setting(path, "ui.theme", "dark")
    assert path.read_text() == re.sub(r"^# theme = .*$", 'theme = "dark"', default_text(), flags=re.MULTILINE)


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text("")
    link.symlink_to(real)
    write_setting(link, "ui.theme", "a")
    assert link.is_symlink()
    assert load_settings(real).ui.theme == "a"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [("ui.frames_per_second", 99, "from 1 to 30"), ("ui.colour", "x", "not a setting"), ("look.x", 1, "not a table")],
)
def test_a_wrong_value_leaves_the_file_as_it_was(tmp_path: Path, name: str, value: str | int, problem: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n")
    with pytest.raises(ConfigError, match=problem):
        write_setting(path, name, value)
    assert path.read_text() == "# mine\n"


def test_a_broken_file_is_reported_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[ui\n")
    with pytest.raises(ConfigError, match="line 1"):
        write_setting(path, "ui.theme", "a")
    assert path.read_text() == "[ui\n"


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for write in (lambda p: write_setting(p, "ui.theme", "a"), write_default_config):
        with pytest.raises(ConfigError, match=r"cannot be written: No such file or directory\.$"):
            write(tmp_path / "gone" / "config.toml")


def test_text_of_any_kind_survives_being_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    value = json.loads('"a\\"\\\\\\n\\u001b\\u007f\\t é 漢 \\ud83d\\ude00"')
    write_setting(path, "chat.system", value)
    assert load_settings(path).chat.system == value
