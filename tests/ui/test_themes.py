from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.color import Color

from smol_chat.ui.themes import built_in_folder, contrast, load_themes, read_theme, stamps
from support.screen import on_stage
from support.scripted_conversation import ScriptedBackend

MINE = 'dark = true\n[colors]\nprimary = "#112233"\n[variables]\nscrollbar = "#445566 40%"\n'


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.toml"
    file.write_text(text)
    return file


def test_five_themes_come_with_the_program() -> None:
    themes = load_themes([built_in_folder()])
    assert set(themes.good) == {"smol", "dark", "light", "high-contrast", "console"}
    assert not themes.failed


def test_a_theme_of_the_user_wins_over_ours(tmp_path: Path) -> None:
    written(tmp_path, "dark", MINE)
    themes = load_themes([built_in_folder(), tmp_path])
    assert themes.good["dark"].primary == "#112233"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dark = ", "is not valid TOML"),
        ("\udcff", "is not valid TOML"),
        ("", "[colors] needs at least primary"),
        ('[colors]\nprimary = "reddish"', "primary = 'reddish' is no colour; write it as \"#e8a05c\""),
        ("[colors]\nprimary = 7", "colors.primary is text in quotes"),
        ('[colors]\nprimary = "#fff"\ntertiary = "#fff"', "[colors] has no 'tertiary'"),
        ('[colors]\nprimary = "#fff"\n[variables]\nnonsense = "#fff"', "[variables] has no 'nonsense'"),
        ('[colors]\nprimary = "#fff"\n[variables]\nscrollbar = "#fff; color: red"', "is no colour"),
        ('[colors]\nprimary = "#fff"\n[variables]\nlink-style = "blinking"', "link-style is made of"),
        ('dark = "yes"\n[colors]\nprimary = "#fff"', "dark is true or false"),
        ('palette = 1\n[colors]\nprimary = "#fff"', "'palette' is unknown"),
        ("colors = 1", "write colors as a table"),
        ("#" * 70_000, "at most 64 kB"),
    ],
)
def test_a_theme_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    themes = load_themes([tmp_path])
    assert not themes.good
    (sentence,) = themes.failed.values()
    assert "mine.toml" in sentence
    assert problem in sentence


@pytest.mark.parametrize("name", ["smol", "dark", "light", "high-contrast"])
def test_muted_text_can_be_read(name: str) -> None:
    theme = read_theme(built_in_folder() / f"{name}.toml")
    colors = {**theme.to_color_system().generate(), **theme.variables}
    least = {"text-muted": 4.5, "foreground": 7.0, "text-warning": 4.5, "text-error": 4.5, "text-success": 4.5}
    for color, ratio in least.items():
        assert contrast(Color.parse(colors[color]), Color.parse(colors["background"])) >= ratio, color
        assert contrast(Color.parse(colors[color]), Color.parse(colors["surface"])) >= min(ratio, 4.5), color


def test_a_change_of_a_file_is_noticed(tmp_path: Path) -> None:
    file = written(tmp_path, "mine", MINE)
    before = stamps([tmp_path])
    assert stamps([tmp_path]) == before
    os.utime(file, ns=(1, 1))
    assert stamps([tmp_path]) != before


@pytest.mark.parametrize("theme", ["smol", "dark", "light", "high-contrast", "console"])
async def test_the_screen_starts_in_every_theme(tmp_path: Path, theme: str) -> None:
    async with on_stage(ScriptedBackend(tmp_path).with_theme(theme)) as stage:
        assert stage.app.theme == theme


async def test_a_changed_theme_file_changes_the_screen(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path).with_theme("mine")
    file = written(backend.paths.themes, "mine", MINE)
    async with on_stage(backend) as stage:
        assert stage.app.theme_variables["primary"] == "#112233"
        file.write_text(MINE.replace("#112233", "#a1b2c3d4"[:7]))
        stage.app.shelf.look()
        await stage.pilot.pause()
        assert stage.app.theme_variables["primary"] == "#A1B2C3"


async def test_a_broken_theme_file_keeps_the_last_good_colours_and_says_so(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path).with_theme("mine")
    file = written(backend.paths.themes, "mine", MINE)
    async with on_stage(backend) as stage:
        file.write_text("[/b] = not toml [")
        stage.app.shelf.look()
        await stage.until(lambda: "is not valid TOML" in stage.text)
        assert stage.app.theme_variables["primary"] == "#112233"


async def test_a_removed_theme_falls_back(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path).with_theme("mine")
    file = written(backend.paths.themes, "mine", MINE)
    async with on_stage(backend) as stage:
        file.unlink()
        stage.app.shelf.look()
        await stage.pilot.pause()
        assert stage.app.theme == "smol"


async def test_an_unknown_theme_is_said_and_the_screen_comes_up(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path).with_theme("drak")) as stage:
        await stage.until(lambda: "There is no theme 'drak'" in stage.text)
        assert stage.app.theme == "smol"


async def test_a_bare_console_gets_its_sixteen_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with on_stage(ScriptedBackend(tmp_path).with_theme("smol")) as stage:
        assert stage.app.theme == "console"
