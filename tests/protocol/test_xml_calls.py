"""Calls in the stock Qwen3.5 template's XML form."""

from __future__ import annotations

import pytest

from smol_chat.protocol import ContentDelta, MalformedCall, ParserEvent, ToolCallParsed
from support.streams import cut, parse

TOOLS = ("write_file", "get_weather", "get_current_datetime")


def outcome_of(text: str) -> list[ParserEvent]:
    outcome = parse(text, TOOLS)
    for size in (1, 5):
        assert parse(cut(text, size), TOOLS) == outcome
    return outcome


def xml_call(*parameters: tuple[str, str], name: str = "write_file") -> str:
    """Write a call as the template does."""
    lines = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in parameters)
    return f"<tool_call>\n<function={name}>\n{lines}</function>\n</tool_call>"


def called(**arguments: str) -> ToolCallParsed:
    return ToolCallParsed("write_file", dict(arguments), typed=False)


def test_values_stay_the_strings_they_are() -> None:
    assert outcome_of(xml_call(("path", "a.txt"), ("n", "02139"), ("json", '{"a": 1}'))) == [
        called(path="a.txt", n="02139", json='{"a": 1}')
    ]


def test_a_call_without_parameters_is_one() -> None:
    assert outcome_of(xml_call(name="get_current_datetime")) == [
        ToolCallParsed("get_current_datetime", {}, typed=False)
    ]


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\n",
        "\n\n",
        "one\ntwo\n",
        "\n  indented",
        "  spaces kept  ",
        "tabs\tand \\ backslashes \"quoted\" 'too'",
        "<b>&amp;</b>",
        "text with </parameter> inside",
        "Close with </function> then </tool_call>; open with <function=x>.",
        "</parameter> begins a line of text",
        "</tool_call> begins a line of text",
        "</function> begins a line of text",
        "<parameter=x> begins a line of text",
        "a\n</tool_call> b\nc\n  </parameter>\n  </tool_call>\nd",
        "ends with </tool_call>",
        "<tool_call> ... </tool_call>",
        "<think>no thought</think>",
        "<|im_end|>",
        "東京 ☀️\u202e\x1b[0m",
        "{'not': json}",
    ],
)
def test_a_value_is_exactly_what_is_between_its_newlines(value: str) -> None:
    assert outcome_of(xml_call(("content", value), ("path", "x"))) == [called(content=value, path="x")]


def test_a_value_may_be_empty_without_a_line() -> None:
    assert outcome_of("<tool_call><function=write_file><parameter=a></parameter></function></tool_call>") == [
        called(a="")
    ]
    assert outcome_of(xml_call(("a", "")).replace("\n\n", "\n")) == [called(a="")]


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call><function=write_file><parameter=a>Paris</parameter></function></tool_call>",
        "<tool_call>\n<function=write_file>\n<parameter=a>Paris</parameter>\n</function>\n</tool_call>",
        "<tool_call><function=write_file>\n<parameter=a>\nParis\n</parameter>\n</function></tool_call>",
        "<tool_call>\n<function=write_file>\n<parameter=a>\nParis\n</parameter></function></tool_call>",
        "<tool_call>\n<function=write_file>\n<parameter=a>Paris\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=write_file>\n<parameter=a>\nParis\n</parameter> \n</function> \n</tool_call>",
    ],
)
def test_tags_may_share_lines_as_long_as_nothing_is_ambiguous(text: str) -> None:
    assert outcome_of(f"before{text}after") == [ContentDelta("before"), called(a="Paris"), ContentDelta("after")]


def test_only_the_closing_tag_missing_at_the_end_is_repaired() -> None:
    whole = xml_call(("a", "x"))
    for kept in range(len("</tool_call>")):
        text = whole[: len(whole) - len("</tool_call>") + kept]
        assert outcome_of(text) == [ToolCallParsed("write_file", {"a": "x"}, repaired=True, typed=False)]


def test_a_call_cut_anywhere_before_is_truncated() -> None:
    whole = xml_call(("path", "/tmp/build.sh"), ("content", "rm -rf /tmp/x\n</tool_call> as text"))
    end = len(whole) - len("\n</tool_call>")
    for length in range(len("<tool_call>"), end):
        text = whole[:length]
        [malformed] = outcome_of(text)
        assert isinstance(malformed, MalformedCall)
        # A closing tag alone on the last line is what the model meant: the call is closed, and a parameter is not.
        kind = "invalid_xml" if text.endswith("\n</tool_call>") else "truncated"
        assert (malformed.kind, malformed.raw) == (kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter=a>\nx\n</function>\n</tool_call>"),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter=a>\nx\n</tool_call>"),
        (
            "invalid_xml",
            "<tool_call>\n<function=write_file>\n<parameter=a>\nx\n<parameter=b>\ny\n</parameter>\n</function>\n</tool_call>",
        ),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter=a>\nx</parameter>\n</function>\n</tool_call>"),
        ("invalid_xml", "<tool_call><function=write_file><parameter=a>x</function></tool_call>"),
        ("invalid_xml", "<tool_call><function=write_file><parameter=a>x</tool_call>"),
        (
            "invalid_xml",
            "<tool_call><function=write_file><parameter=a>x</parameter> y</parameter></function></tool_call>",
        ),
        (
            "invalid_xml",
            "<tool_call><function=write_file><parameter=a>x <parameter=b>y</parameter></function></tool_call>",
        ),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter=a>\nx\n</parameter>\n</tool_call>"),
        ("invalid_xml", "<tool_call>\n<function=write_file>\nSome prose.\n</function>\n</tool_call>"),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n</function>\nSome prose.\n</tool_call>"),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter>\nx\n</parameter>\n</function>\n</tool_call>"),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter=>\nx\n</parameter>\n</function>\n</tool_call>"),
        ("invalid_xml", '<tool_call>\n<function name="write_file">\n</function>\n</tool_call>'),
        ("invalid_xml", "<tool_call>\n<function>\n</function>\n</tool_call>"),
        ("invalid_json", "<tool_call><func<parameter=a>x</parameter>tion=write_file></function></tool_call>"),
        ("invalid_json", "<tool_call><parameter=a>x</parameter><function=write_file></function></tool_call>"),
        ("invalid_xml", "<tool_call>\n<function=write_file>\n<parameter=a>\nx\n</parameter></tool_call>"),
        ("invalid_xml", "<tool_call><function=write<parameter=a>x</parameter>_file></function></tool_call>"),
        ("invalid_xml", "<tool_call><function=write_file></fun<parameter=a>x</parameter>ction></tool_call>"),
        ("invalid_xml", "<tool_call><function=write_file></function><parameter=a>x</parameter></tool_call>"),
        ("invalid_xml", xml_call(("a", "half \ud83c of a flower"))),
        (
            "multiple_objects",
            "<tool_call>\n<function=write_file>\n</function>\n<function=write_file>\n</function>\n</tool_call>",
        ),
        ("duplicate_key", xml_call(("to", "ana"), ("to", "bob"))),
        ("missing_name", xml_call(name="")),
        ("unknown_tool", xml_call(name="rm")),
        ("unknown_tool", xml_call(name=" write_file")),
    ],
    ids=lambda value: repr(value[:60]),
)
def test_an_xml_call_that_needs_a_guess_is_never_run(kind: str, text: str) -> None:
    good = xml_call(("a", "1"))
    malformed, between, call = outcome_of(f"{text}\n{good}")
    assert isinstance(malformed, MalformedCall)
    assert (malformed.kind, malformed.raw) == (kind, text)
    assert (between, call) == (ContentDelta("\n"), called(a="1"))


def test_every_message_names_the_trouble() -> None:
    [malformed] = outcome_of("<tool_call>\n<function=write_file>\n<parameter=a>\nx\n</function>\n</tool_call>")
    assert isinstance(malformed, MalformedCall)
    assert malformed.message == (
        "The call cannot be read (parameter 'a' has no </parameter> on a line of its own): "
        "write it again with each of its tags on a line of its own."
    )


def test_a_value_cannot_smuggle_a_call_out_of_its_own() -> None:
    """Whole lines of tags inside a value could be either; nothing of it is run."""
    smuggled = xml_call(("a", "evil"))
    events = outcome_of(xml_call(("content", f"Example:\n{smuggled}\nend")))
    assert not [event for event in events if isinstance(event, ToolCallParsed)]
    assert isinstance(events[0], MalformedCall) and events[0].kind == "invalid_xml"
