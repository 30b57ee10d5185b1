from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.content import Content

from smol_chat.messages import JsonValue
from smol_chat.sanitise import is_hidden
from smol_chat.tools.spec import Preview
from smol_chat.ui.consent.contents import argument_text, consent_lines, host_name
from smol_chat.ui.consent.lines import folded
from support.scripted_conversation import request

OF_THE_MODEL = "   ← chosen by the model"


def shown(preview: Preview | None = None, **arguments: JsonValue) -> list[str]:
    lines = consent_lines(request("tool", arguments, preview=preview), 80)
    return [f"{line.gutter}{line.text.plain}".removesuffix(OF_THE_MODEL) for line in lines]


def test_every_argument_is_shown_with_its_value() -> None:
    assert shown(location="Oslo", days=2, metric=True) == ["location  Oslo", "days      2", "metric    true"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Oslo", "Oslo"),
        ("2", '"2"'),
        ("true", '"true"'),
        ("", '""'),
        (" padded", '" padded"'),
        (2, "2"),
        (None, "null"),
        (["a", "ö"], '["a", "ö"]'),
        ({"k": 1}, '{"k": 1}'),
    ],
)
def test_a_value_is_never_taken_for_another_type(value: JsonValue, text: str) -> None:
    assert argument_text(value)[0] == text


def test_a_text_of_many_lines_is_shown_whole_and_numbered() -> None:
    code = "\n".join(f"line {number}" for number in range(1, 13))
    lines = shown(code=code)
    assert lines[:2] == ["code  12 lines, below", "code:"]
    assert lines[2:] == [f"{number:>2} line {number}" for number in range(1, 13)]


def test_an_argument_that_is_the_preview_is_shown_once() -> None:
    assert shown(Preview("Run it", body="print(1)", language="python"), code="print(1)") == [
        "Run it",
        "code  the whole text below",
        "print(1)",
    ]


def test_highlighting_changes_no_character() -> None:
    code = "def f(x):\n\treturn '''a\x1b[31m'''  # c\n\n"
    plain = shown(Preview("", body=code))
    assert shown(Preview("", body=code, language="python")) == plain
    assert shown(Preview("", body=code, language="no such language")) == plain


def test_a_long_run_of_spaces_is_shown_as_its_length() -> None:
    assert shown(command="ls" + " " * 300 + "; rm -rf ~") == ["command  ls⟨300 spaces⟩; rm -rf ~"]


def test_a_long_run_of_blank_lines_is_shown_as_its_length() -> None:
    lines = shown(Preview("", body="ls" + "\n" * 101 + "rm -rf ~"))
    assert [line.strip() for line in lines] == ["1 ls", "2", "3", "4", "5", "⟨96 more blank lines⟩", "102 rm -rf ~"]


def test_invisible_and_acting_characters_are_shown_as_symbols() -> None:
    (line,) = shown(command="ls\x1b[2K\u202egnp.\u200d\U000e0041\ufe0f")
    assert line == "command  ls␛[2K⟨U+202E⟩gnp.⟨U+200D⟩⟨U+E0041⟩⟨U+FE0F⟩"


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200) | st.integers() | st.lists(st.text(max_size=5))))
def test_nothing_hidden_reaches_the_card(arguments: dict[str, JsonValue]) -> None:
    everything = "".join(arguments)
    preview = Preview(everything, body=everything, hosts=(everything,))
    for line in consent_lines(request("tool", arguments, preview=preview), 80):
        assert not any(is_hidden(character) for character in line.text.plain)


@given(st.text(st.characters(categories=["L", "M", "So"])), st.integers(2, 20))
@example("e" + "\u0301" * 100 + "; rm -rf ~", 10)
@example("日本" * 40 + "; rm -rf ~", 7)
def test_folding_loses_nothing_and_keeps_to_the_width(text: str, width: int) -> None:
    rows = folded(Content(text), width)
    assert "".join(row.plain for row in rows) == text
    assert all(row.cell_length <= width for row in rows)


def test_a_host_is_shown_as_it_goes_over_the_wire() -> None:
    assert host_name("api.example.org") == "api.example.org"
    assert host_name("аpple.com") == "xn--pple-43d.com"  # the first letter is Cyrillic
    assert host_name("\u202eelpmaxe") == "'\\u202eelpmaxe'"


def test_many_hosts_are_listed_one_a_line() -> None:
    hosts = tuple(f"service-{number}.example.org" for number in range(4))
    assert shown(Preview("", hosts=hosts)) == [f"→ {host}" for host in hosts]
