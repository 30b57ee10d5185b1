"""What a settings file may say, and the sentence for each thing it may not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.config import Settings, Where, load_settings, read_section, setting
from smol_chat.config.locate import key_lines
from smol_chat.config.settings import parse_settings
from smol_chat.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Weather:
    base_url: str = setting("https://api.example", "Where the forecast comes from.")
    days: int = setting(3, "Days of forecast.", minimum=1, maximum=16)


def sentence(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, "c.toml")
    return caught.value.message


WRONG = [
    ("[modle]\n", "c.toml, line 1: [modle] is not a table of settings; did you mean model?"),
    ("model = 3\n", "c.toml, line 1: model is a table: write it as [model] on a line of its own."),
    ("[ui]\n# x\ntheem = 'a'\n", "c.toml, line 3: ui.theem is not a setting; did you mean ui.theme?"),
    (
        "[network]\nzzzzzz = 1\n",
        "c.toml, line 2: network.zzzzzz is not a setting; there are network.allow, network.offline.",
    ),
    (
        "[ui]\nframes_per_second = 60\n",
        "c.toml, line 2: ui.frames_per_second must be a whole number from 1 to 30 (got 60).",
    ),
    ("[ui]\nbell = 1\n", "c.toml, line 2: ui.bell must be true or false (got 1)."),
    ("[ui]\ntheme = 1\n", "c.toml, line 2: ui.theme must be text in quotes (got 1)."),
    (
        "[model]\ncontext = true\n",
        "c.toml, line 2: model.context must be a whole number from 0 to 1048576 (got true).",
    ),
    ("[model]\ncontext = 'x'\n", 'c.toml, line 2: model.context must be a whole number from 0 to 1048576 (got "x").'),
    ("[model]\ntools = 'no'\n", 'c.toml, line 2: model.tools must be one of "auto", "on", "off" (got "no").'),
    ("[sampling]\nseed = -1\n", "c.toml, line 2: sampling.seed must be a whole number of at least 0 (got -1)."),
    ("[sampling]\ntemperature = nan\n", "c.toml, line 2: sampling.temperature must be a number from 0 to 5 (got nan)."),
    (
        "[tools]\ndisabled = 'x'\n",
        'c.toml, line 2: tools.disabled must be a list of texts, as in ["a", "b"] (got "x").',
    ),
    (
        "[approval]\nallow = [\n 1,\n]\n",
        'c.toml, line 2: approval.allow must be a list of texts, as in ["a", "b"] (got [1]).',
    ),
    ("[model.path]\n", "c.toml, line 1: model.path must be text in quotes (got a table)."),
    ("ui = { bell = 3 }\n", "c.toml, line 1: ui.bell must be true or false (got 3)."),
    (
        "[chat]\nsystem = '''a\n[ui]\nbell = 3\n'''\n[ui]\nbell = 4\n",
        "c.toml, line 7: ui.bell must be true or false (got 4).",
    ),
    ("ui.bell = 'a\\u001b'\n", 'c.toml, line 1: ui.bell must be true or false (got "a\\u001b").'),
    ('ui.bell = "a\\u001b"\n', 'c.toml, line 1: ui.bell must be true or false (got "a\\x1b").'),
    (
        '[chat]\n"\\u202ex" = 1\n',
        "c.toml, line 1: chat.\\u202ex is not a setting; there are chat.review_summaries, chat.system.",
    ),
    ("[ui\n", "c.toml, line 1, column 4: not valid TOML: expected ']' at the end of a table declaration."),
    ("a = " + "[" * 100_000, "c.toml is not valid TOML: "),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_wrong_setting_is_named_with_its_line_and_what_it_may_be(text: str, expected: str) -> None:
    said = sentence(text)
    assert said == expected or (expected.endswith(": ") and said.startswith(expected))
    assert "\n" not in said
    assert said.isprintable()


def test_an_empty_file_and_no_file_give_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "config.toml").model.context == 0
    assert parse_settings("", "c.toml").ui == Settings().ui


def test_values_arrive_in_their_types() -> None:
    settings = parse_settings(
        "[sampling]\ntemperature = 1\nseed = 7\n[tools]\ndisabled = ['a', 'b']\n[ui]\nbell = true\n", "c.toml"
    )
    assert (settings.sampling.temperature, type(settings.sampling.temperature)) == (1.0, float)
    assert settings.sampling.seed == 7
    assert settings.tools.disabled == ("a", "b")
    assert settings.ui.bell is True


def test_lines_are_counted_with_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"[ui]\r\n\r\nbell = 4\r\n")
    with pytest.raises(ConfigError, match=r"line 3: ui\.bell"):
        load_settings(path)


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no settings file"):
        load_settings(tmp_path / "x.toml", must_exist=True)


def test_a_file_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_settings(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_tools_own_table_is_checked_when_the_tool_asks_for_it() -> None:
    settings = parse_settings("[tools]\ntimeout = 5\n[tools.get_weather]\n\ndays = 40\n", "c.toml")
    assert settings.tools.timeout == 5.0
    with pytest.raises(ConfigError) as caught:
        settings.tool_section("get_weather", Weather)
    assert caught.value.message == (
        "c.toml, line 5: tools.get_weather.days must be a whole number from 1 to 16 (got 40)."
    )
    assert settings.tool_section("other", Weather) == Weather()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[tools.get_wether]\n",
            "c.toml, line 1: tools.get_wether: there is no tool 'get_wether'; did you mean get_weather?",
        ),
        ("[tools]\ndisabled = ['x']\n", "c.toml, line 2: tools.disabled: there is no tool 'x'; there are get_weather."),
        ("[approval]\nallow = ['x']\n", "c.toml, line 2: approval.allow: there is no tool 'x'; there are get_weather."),
        ("[approval]\ndeny = ['x']\n", "c.toml, line 2: approval.deny: there is no tool 'x'; there are get_weather."),
    ],
)
def test_a_name_that_is_no_tool_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, "c.toml").check_tool_names(["get_weather"])
    assert caught.value.message == expected


def test_a_table_without_lines_names_the_file_alone() -> None:
    with pytest.raises(ConfigError) as caught:
        read_section(Weather, {"days": 0}, Where("c.toml", "tools.get_weather"))
    assert caught.value.message == "c.toml: tools.get_weather.days must be a whole number from 1 to 16 (got 0)."


keys = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
values = st.one_of(
    st.integers(),
    st.booleans(),
    st.text(max_size=20),
    st.text(st.sampled_from("a\n='\"[]{}#."), max_size=20),
    st.lists(st.text(st.sampled_from("a\n[]=#"), max_size=5), max_size=3),
)


@given(st.dictionaries(keys, st.dictionaries(keys, values, max_size=4), max_size=4))
def test_every_key_is_found_on_its_line(tables: dict[str, dict[str, object]]) -> None:
    document = tomlkit.document()
    for name, table in tables.items():
        document[name] = table
    text = tomlkit.dumps(document)
    written = text.split("\n")
    found = key_lines(text)
    expected = {(name,) for name in tables} | {(name, key) for name, table in tables.items() for key in table}
    assert set(found) == expected
    for path, line in found.items():
        assert written[line - 1].startswith(f"[{path[0]}]" if len(path) == 1 else f"{path[1]} = ")
