"""What is opened now and then: settings, the machine, one thing on the whole screen, the tour."""

from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.config import load_settings
from smol_chat.config.change import items, parsed, shown
from smol_chat.config.edit import default_text, unset_setting, write_setting
from smol_chat.config.settings import Settings
from smol_chat.engine.hardware import Memory
from smol_chat.engine.load import Load, read_load
from smol_chat.engine.sensors import Sensors
from smol_chat.errors import ConfigError
from smol_chat.events import ContentDelta, ReasoningDelta, ReasoningFinished, ToolFinished, TurnEvent, TurnStarted
from smol_chat.messages import ToolResult
from smol_chat.ui.machine import machine_line, processor_line
from smol_chat.ui.tour import CARDS
from support.screen import Stage, on_stage
from support.scripted_conversation import DONE, Pause, ScriptedBackend
from support.transcript_app import call, turn

# --- settings -------------------------------------------------------------------------------


def test_every_setting_is_listed_and_takes_its_own_value_back() -> None:
    listed = list(items(Settings()))
    assert len(listed) == default_text().count(" = ")
    for item in listed:
        typed = "" if item.value is None else shown(item.value)
        if item.kind is not bool:
            value = parsed(item, typed)
            assert (tuple(value) if isinstance(value, list) else value) == item.value


@pytest.mark.parametrize(
    ("name", "typed", "problem"),
    [
        ("turn.max_rounds", "many", "That is no whole number."),
        ("turn.max_rounds", "0", "turn.max_rounds must be a whole number from 1 to 1000"),
        ("sampling.temperature", "nan", "sampling.temperature must be a number"),
    ],
)
def test_a_wrong_value_is_said_as_it_is_typed(name: str, typed: str, problem: str) -> None:
    item = next(item for item in items(Settings()) if item.name == name)
    with pytest.raises(ConfigError, match=problem):
        parsed(item, typed)


def test_a_setting_goes_back_to_its_default_and_the_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = default_text().replace("# theme =", "# mine, keep\ntheme = 'dark' # why\n# theme =")
    file.write_text(text)
    unset_setting(file, "ui.theme")
    assert "# mine, keep\n# theme = " in file.read_text()
    assert "'dark'" not in file.read_text()
    assert load_settings(file) == load_settings(tmp_path / "none.toml").__class__(where=load_settings(file).where)
    write_setting(file, "approval.allow", ["calculate", "translate"])
    unset_setting(file, "approval.allow")
    unset_setting(file, "approval.deny")
    assert load_settings(file).approval.allow == ()


async def settings(stage: Stage, wanted: str) -> None:
    await stage.press("f2")
    await stage.until(lambda: "Settings" in stage.text)
    await stage.type(wanted)


async def test_a_switch_a_choice_and_a_number_are_changed_in_place(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path), size=(100, 30)) as stage:
        await settings(stage, "bell")
        await stage.press("enter")
        await stage.until(lambda: "Saved." in stage.text)
        assert stage.backend.settings.ui.bell
        await stage.press(*["backspace"] * 4)
        await stage.type("max_rounds")
        await stage.press("enter", *["backspace"] * 2)
        await stage.type("0")
        assert "must be a whole number from 1 to 1000" in stage.text
        await stage.press("enter")
        assert load_settings(stage.backend.config_file).turn.max_rounds == 12
        await stage.press("backspace", "5", "enter")
        await stage.until(lambda: "from the next conversation" in stage.text)
        assert load_settings(stage.backend.config_file).turn.max_rounds == 5
        await stage.press("ctrl+r")
        await stage.until(lambda: stage.backend.settings.turn.max_rounds == 12)
        await stage.press("escape")
        await stage.until(lambda: "Settings" not in stage.text)


async def test_a_theme_is_chosen_and_shown_at_once(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path), size=(100, 30)) as stage:
        await settings(stage, "ui.theme")
        await stage.press("enter")
        await stage.until(lambda: stage.app.theme == "console")
        assert "theme = " in stage.backend.config_file.read_text()


# --- the machine ----------------------------------------------------------------------------


def test_the_machine_is_described_as_far_as_it_tells(tmp_path: Path) -> None:
    before = Load(at=10, own_s=1, others_s=5, own_bytes=0, others_bytes=0, busy_s=100)
    now = Load(at=12, own_s=1.1, others_s=7, own_bytes=60_000_000, others_bytes=3_000_000_000, busy_s=103)
    assert processor_line(before, now, 2, 22.4) == "CPU 75% of 2 cores · model 100% of a core · screen 5% · 22.4 tok/s"
    assert processor_line(None, now, 2, 0) == "CPU …"
    sensors = Sensors(celsius=71.4, watts=12.34, power="on battery, 40 %", slowed=("cooling by cpu is on",))
    assert machine_line(Memory(8_000_000_000, 2_000_000_000), now, sensors, "NVIDIA Jetson Orin Nano") == (
        "memory: model 3.0 GB, screen 60 MB · 2.0 GB of 8.0 GB free · 71 °C · 12.3 W · on battery, 40 % · "
        "cooling by cpu is on · NVIDIA Jetson Orin Nano"
    )
    silent = Sensors(celsius=None, watts=None, power="", slowed=())
    assert machine_line(Memory(1, 1), now, silent, "").count("·") == 1


def test_load_is_read_from_the_processes_of_the_system(tmp_path: Path) -> None:
    def process(number: int, parent: int, name: str) -> None:
        folder = tmp_path / f"proc/{number}"
        folder.mkdir(parents=True)
        fields = [str(parent), *["0"] * 9, "100", "50", *["0"] * 8, "1000", "0"]
        (folder / "stat").write_text(f"{number} ({name}) S {' '.join(fields)}")

    process(10, 1, "smol-chat")
    process(11, 10, "a (worker)) of it")
    process(12, 11, "its own")
    process(13, 1, "a stranger")
    (tmp_path / "proc/stat").write_text("cpu  100 0 50 900 0 0 0\ncpu0 …\n")
    load = read_load(tmp_path, 10)
    assert (load.own_s, load.others_s, load.busy_s) == (1.5, 3.0, 1.5)
    assert load.others_bytes == 2 * load.own_bytes > 0
    assert read_load(tmp_path / "nowhere", 10).own_s > 0


async def test_one_key_shows_the_machine_and_takes_it_away(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path), size=(100, 30)) as stage:
        await stage.press("f3")
        await stage.until(lambda: "memory: model" in stage.text)
        await stage.press("f3")
        await stage.until(lambda: "memory: model" not in stage.text)


# --- on the whole screen --------------------------------------------------------------------

LONG = "\n".join(f"row {number}" for number in range(100))


async def test_a_long_result_is_shown_whole_searched_and_copied(tmp_path: Path) -> None:
    result = ToolResult("1", "list_directory", content=LONG[:200], full_content=LONG)
    past: list[TurnEvent] = [TurnStarted("c", "q"), call({"path": "."}), ToolFinished(result), DONE]
    async with on_stage(ScriptedBackend(tmp_path, past=past), conversation="c") as stage:
        await stage.press("f4")
        await stage.until(lambda: "Result of get_weather" in stage.text)
        assert "row 20" in stage.text
        await stage.press("ctrl+f")
        await stage.type("row 77")
        await stage.until(lambda: "1 of 1" in stage.text)
        assert "row 77" in stage.text
        await stage.press("escape", "ctrl+y")
        assert stage.app.clipboard == LONG
        await stage.press("escape")
        await stage.until(lambda: "Result of" not in stage.text)


async def test_what_the_cursor_stands_on_is_shown_whole(tmp_path: Path) -> None:
    past = turn(reasoning=LONG)
    async with on_stage(ScriptedBackend(tmp_path, past=past), conversation="c") as stage:
        await stage.press("alt+up", "alt+up", "z")
        await stage.until(lambda: "Reasoning" in stage.text)
        assert "row 20" in stage.text
        await stage.press("q")
        await stage.pilot.click("Transcript", offset=(8, 1), control=True)
        await stage.until(lambda: "Your message" in stage.text)


async def test_without_anything_to_show_it_says_so(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.press("f4")
        await stage.until(lambda: "nothing to show" in stage.text)


# --- the tour -------------------------------------------------------------------------------


async def test_the_tour_comes_once_and_is_in_nobodys_way(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[ReasoningDelta("x"), ReasoningFinished(1, 1), ContentDelta("hello"), DONE]])
    (tmp_path / "tour_shown").unlink()
    async with on_stage(backend) as stage:
        await stage.until(lambda: f"1 of {len(CARDS)}" in stage.text)
        await stage.press("enter")
        assert f"2 of {len(CARDS)}" in stage.text
        await stage.send("hi")
        await stage.until(lambda: "hello" in stage.text)
        await stage.press(*["enter"] * (len(CARDS) - 1))
        await stage.until(lambda: f"of {len(CARDS)}" not in stage.text)
        await stage.send("/tour")
        await stage.until(lambda: f"1 of {len(CARDS)}" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: f"of {len(CARDS)}" not in stage.text)
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        assert f"of {len(CARDS)}" not in stage.text


async def test_the_tour_works_without_a_model_and_escape_stops_a_turn_first(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Pause()]])
    (tmp_path / "tour_shown").unlink()
    async with on_stage(backend) as stage:
        await stage.send("hi")
        await stage.press("escape")
        await stage.until(lambda: "stopped here" in stage.text)
        assert f"1 of {len(CARDS)}" in stage.text
    empty = ScriptedBackend(tmp_path)
    empty.model_name = ""
    (tmp_path / "tour_shown").unlink()
    async with on_stage(empty, ready=False) as stage:
        await stage.until(lambda: "It needs a language model" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: f"1 of {len(CARDS)}" in stage.text)
