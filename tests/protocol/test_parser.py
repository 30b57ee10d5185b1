"""What counts as a call, one situation a row, and how promptly the rest streams out."""

from __future__ import annotations

import json

import pytest

from smol_chat.protocol import (
    ContentDelta,
    MalformedCall,
    ParserEvent,
    ReasoningDelta,
    StreamParser,
    ToolCallParsed,
)
from support.streams import cut, parse

CALL = '<tool_call>\n{"name": "calculate", "arguments": {"expression": "2+2"}}\n</tool_call>'
CALLED = ToolCallParsed("calculate", {"expression": "2+2"})
TOOLS = ("calculate", "send_email", "write_file", "get_current_datetime")


def outcome_of(text: str, *, starts_in_reasoning: bool = False) -> list[ParserEvent]:
    """Parse in one piece, in single characters and in odd pieces; all must agree."""
    outcome = parse(text, TOOLS, starts_in_reasoning=starts_in_reasoning)
    for size in (1, 7):
        assert parse(cut(text, size), TOOLS, starts_in_reasoning=starts_in_reasoning) == outcome
    return outcome


def json_call(body: str) -> str:
    return f"<tool_call>{body}</tool_call>"


# --- reasoning ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param("<think>a</think>b", [ReasoningDelta("a"), ContentDelta("b")], id="closed"),
        pytest.param(
            "<think>\n\n</think>\n\nHi", [ReasoningDelta("\n\n"), ContentDelta("\n\nHi")], id="empty, nothing trimmed"
        ),
        pytest.param("<think></think>Hi", [ContentDelta("Hi")], id="without any text"),
        pytest.param("<think>never closed", [ReasoningDelta("never closed")], id="never closed"),
        pytest.param("<think>cut </thi", [ReasoningDelta("cut </thi")], id="closing tag cut"),
        pytest.param(
            f"<think>draft {CALL}</think>ok", [ReasoningDelta(f"draft {CALL}"), ContentDelta("ok")], id="call"
        ),
        pytest.param(f"<think>draft {CALL}", [ReasoningDelta(f"draft {CALL}")], id="call in unclosed reasoning"),
        pytest.param(
            "<think>a<think>b</think>c</think>", [ReasoningDelta("a<think>b"), ContentDelta("c</think>")], id="nested"
        ),
        pytest.param(
            "<think>a</think>b<think>c</think>d",
            [ReasoningDelta("a"), ContentDelta("b"), ReasoningDelta("c"), ContentDelta("d")],
            id="second block",
        ),
        pytest.param(f"{CALL}<think>x</think>", [CALLED, ReasoningDelta("x")], id="behind a call"),
        pytest.param("a </think> b </tool_call> c", [ContentDelta("a </think> b </tool_call> c")], id="nothing open"),
    ],
)
def test_reasoning_is_what_a_think_block_holds(text: str, outcome: list[ParserEvent]) -> None:
    assert outcome_of(text) == outcome


def test_a_prompt_that_opened_the_block_starts_in_reasoning() -> None:
    assert outcome_of(f"I calculate.\n</think>\n\n{CALL}", starts_in_reasoning=True) == [
        ReasoningDelta("I calculate.\n"),
        ContentDelta("\n\n"),
        CALLED,
    ]
    assert outcome_of("cut in the mid", starts_in_reasoning=True) == [ReasoningDelta("cut in the mid")]
    assert outcome_of("<think>again</think>x", starts_in_reasoning=True) == [
        ReasoningDelta("<think>again"),
        ContentDelta("x"),
    ]


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "a < b > c <b>bold</b> <tool> <br/>",
        "<THINK>x</THINK>",
        "<think >x",
        "<thinking>x</thinking>",
        '<think lang="en">x',
        '<TOOL_CALL>{"name": "calculate", "arguments": {}}</TOOL_CALL>',
        '<tool_call id="1">{}',
        "<tool_calls>[]</tool_calls>",
        "< tool_call>",
        '&lt;tool_call&gt;{"name": "calculate", "arguments": {}}&lt;/tool_call&gt;',
        '{"name": "calculate", "arguments": {"expression": "1"}}',
        '```json\n{"name": "calculate", "arguments": {}}\n```',
        "<function=calculate>\n<parameter=expression>\n1\n</parameter>\n</function>",
        "<tool_cal",
        "ends in <",
        "<tool_call",
        "<<<<tool_cal",
        "done<|im_end|>\n<|endoftext|>",
        "\x1b[31mred\x00 \u202e",
    ],
)
def test_what_is_no_tag_of_ours_is_text(text: str) -> None:
    assert outcome_of(text) == ([ContentDelta(text)] if text else [])


def test_markdown_around_a_call_is_not_read() -> None:
    assert outcome_of(f"```\n{CALL}\n```") == [ContentDelta("```\n"), CALLED, ContentDelta("\n```")]
    assert outcome_of(f"`{CALL}`") == [ContentDelta("`"), CALLED, ContentDelta("`")]


def test_a_tag_opens_behind_a_false_start() -> None:
    assert outcome_of(f"<<tool_call{CALL}") == [ContentDelta("<<tool_call"), CALLED]


# --- JSON calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param(CALL, [CALLED], id="as trained"),
        pytest.param(f"Sure.{CALL} and", [ContentDelta("Sure."), CALLED, ContentDelta(" and")], id="text around"),
        pytest.param(f"{CALL}\n{CALL}", [CALLED, ContentDelta("\n"), CALLED], id="two calls"),
        pytest.param(
            json_call('{"arguments": {}, "name": "get_current_datetime"}'),
            [ToolCallParsed("get_current_datetime", {})],
            id="empty arguments, other order",
        ),
        pytest.param(
            json_call('{"id": 7, "name": "calculate", "arguments": {"expression": "1"}, "why": [null]}'),
            [ToolCallParsed("calculate", {"expression": "1"})],
            id="extra keys",
        ),
        pytest.param(
            json_call(
                r'{"name": "write_file", "arguments": {"text": "</tool_call> <think> \"<tool_call>\" <|im_end|>"}}'
            ),
            [ToolCallParsed("write_file", {"text": '</tool_call> <think> "<tool_call>" <|im_end|>'})],
            id="tags in a string",
        ),
        pytest.param(
            json_call(r'{"name": "write_file", "arguments": {"text": "ends in \\"}}'),
            [ToolCallParsed("write_file", {"text": "ends in \\"})],
            id="backslash before the quote",
        ),
        pytest.param(
            json_call(
                '{"name": "calculate", "arguments": {"n": 123456789012345678901234567890, "x": 1e-05, "y": -0.5}}'
            ),
            [ToolCallParsed("calculate", {"n": 123456789012345678901234567890, "x": 1e-05, "y": -0.5})],
            id="numbers beyond 64 bits",
        ),
        pytest.param(
            json_call(r'{"name": "calculate", "arguments": {"e": "\ud83c\udf38"}}'),
            [ToolCallParsed("calculate", {"e": "🌸"})],
            id="escaped pair of surrogates",
        ),
        pytest.param(
            json_call('{"name": "calculate", "arguments": {"a": ' + "[" * 62 + "]" * 62 + "}}"),
            [ToolCallParsed("calculate", {"a": json.loads("[" * 62 + "]" * 62)})],
            id="64 levels",
        ),
    ],
)
def test_strict_json_is_a_call(text: str, outcome: list[ParserEvent]) -> None:
    assert outcome_of(text) == outcome


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        pytest.param(
            json_call('\n```json\n{"name": "calculate", "arguments": {"a": 1}}\n```\n'), {"a": 1}, id="code fence"
        ),
        pytest.param(
            json_call('```{"name": "calculate", "arguments": {"a": "```"}}```'), {"a": "```"}, id="bare fence"
        ),
        pytest.param(json_call('{"name": "calculate", "arguments": {"a": [1, 2, ],},}'), {"a": [1, 2]}, id="commas"),
        pytest.param(
            json_call('{"name": "calculate", "arguments": {"a": ",}\n\tb,]", },}'), {"a": ",}\n\tb,]"}, id="raw newline"
        ),
        pytest.param(
            json_call(r'{"name": "calculate", "arguments": "{\"a\": \"x\", \"b\": [1]}"}'),
            {"a": "x", "b": [1]},
            id="packed",
        ),
        pytest.param('<tool_call>{"name": "calculate", "arguments": {"a": 1}}', {"a": 1}, id="no closing tag"),
        pytest.param('<tool_call>\n{"name": "calculate", "arguments": {"a": 1}}\n\n', {"a": 1}, id="only newlines"),
        pytest.param('<tool_call>{"name": "calculate", "arguments": {"a": 1}}\n</tool_ca', {"a": 1}, id="tag cut"),
        pytest.param('<tool_call>{"name": "calculate", "arguments": {"a": 1}}<', {"a": 1}, id="tag cut short"),
        pytest.param('<tool_call>```json\n{"name": "calculate", "arguments": {"a": 1}}\n``', {"a": 1}, id="fence cut"),
    ],
)
def test_noise_that_cannot_change_the_meaning_is_repaired(text: str, arguments: dict[str, object]) -> None:
    [call] = outcome_of(text)
    assert isinstance(call, ToolCallParsed)
    assert (call.name, call.arguments, call.repaired, call.typed) == ("calculate", arguments, True, True)


MALFORMED = [
    ("invalid_json", "{'name': 'calculate', 'arguments': {}}"),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": True}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": None}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": undefined}}'),
    ("invalid_json", '{name: "calculate", arguments: {}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {}} // done'),
    ("invalid_json", '{"name": "calculate", /* no */ "arguments": {}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": 1}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": 1}}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {}},'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": "\\x41"}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": "\\\n"}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": 007}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": .5}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": NaN}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": -Infinity}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": 1e999}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": ' + "9" * 5000 + "}}"),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": "\\ud800"}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": "\ud800"}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": "\x1b"}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": [1,,2]}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {,}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": [ ,]}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": ,}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {"a": 1 "b": 2}}'),
    ("invalid_json", '\ufeff{"name": "calculate", "arguments": {}}'),
    ("invalid_json", 'I would call {"name": "calculate", "arguments": {}}'),
    ("invalid_json", '{"name": "calculate", "arguments": {}}<|im_end|>'),
    ("invalid_json", "calculate(2+2)"),
    ("invalid_json", ""),
    ("invalid_json", " \n"),
    ("invalid_json", "{"),
    ("invalid_json", '<tool_call>{"name": "calculate", "arguments": {}}'),
    ("duplicate_key", '{"name": "calculate", "name": "send_email", "arguments": {}}'),
    ("duplicate_key", '{"name": "send_email", "arguments": {"to": "ana", "to": "bob"}}'),
    ("duplicate_key", '{"name": "calculate", "arguments": {"a": [{"b": 1, "b": 1}]}}'),
    ("duplicate_key", '{"name": "calculate", "arguments": "{\\"a\\": 1, \\"a\\": 2}"}'),
    ("not_an_object", '["calculate", {}]'),
    ("not_an_object", '[{"name": "calculate", "arguments": {}}]'),
    ("not_an_object", '"calculate"'),
    ("not_an_object", "42"),
    ("not_an_object", "null"),
    ("multiple_objects", '{"name": "calculate", "arguments": {}}{"name": "calculate", "arguments": {}}'),
    ("multiple_objects", '{"name": "calculate", "arguments": {}}\n{"name": "calculate", "arguments": {}}'),
    ("multiple_objects", '{"name": "calculate", "arguments": {}}, {"name": "calculate", "arguments": {}}'),
    (
        "multiple_objects",
        '```json\n{"name": "calculate", "arguments": {}}\n{"name": "calculate", "arguments": {}}\n```',
    ),
    ("missing_name", "{}"),
    ("missing_name", '{"arguments": {}}'),
    ("missing_name", '{"name": null, "arguments": {}}'),
    ("missing_name", '{"name": "", "arguments": {}}'),
    ("missing_name", '{"name": ["calculate"], "arguments": {}}'),
    ("missing_name", '{"function": {"name": "calculate", "arguments": {}}}'),
    ("missing_arguments", '{"name": "calculate"}'),
    ("missing_arguments", '{"name": "calculate", "parameters": {"expression": "1"}}'),
    ("bad_arguments", '{"name": "calculate", "arguments": null}'),
    ("bad_arguments", '{"name": "calculate", "arguments": []}'),
    ("bad_arguments", '{"name": "calculate", "arguments": "2+2"}'),
    ("bad_arguments", '{"name": "calculate", "arguments": ""}'),
    ("bad_arguments", '{"name": "calculate", "arguments": "[1]"}'),
    ("bad_arguments", '{"name": "calculate", "arguments": "\\"{}\\""}'),
    ("unknown_tool", '{"name": "Calculate", "arguments": {}}'),
    ("unknown_tool", '{"name": " calculate", "arguments": {}}'),
    ("unknown_tool", '{"name": "calculate\\u0000", "arguments": {}}'),
    ("unknown_tool", '{"name": "functions.calculate", "arguments": {}}'),
    ("unknown_tool", '{"name": "rm", "arguments": {}}'),
    ("too_deep", '{"name": "calculate", "arguments": {"a": ' + "[" * 63 + "]" * 63 + "}}"),
    ("too_deep", '{"a":' * 100_000 + "1" + "}" * 100_000),
    ("too_deep", "[" * 200_000),
    ("too_deep", '{"name": "calculate", "arguments": "' + "[" * 100_000 + '"}'),
]


@pytest.mark.parametrize(("kind", "body"), MALFORMED, ids=lambda value: repr(value[:50]))
def test_a_call_that_needs_a_guess_is_never_run(kind: str, body: str) -> None:
    """Each is judged alone: what stands before and behind it still counts, in order."""
    text = json_call(body)
    before, malformed, between, after, end = outcome_of(f"{CALL}{text}\n{CALL} end")
    assert isinstance(malformed, MalformedCall)
    assert (malformed.kind, malformed.raw) == (kind, text)
    assert (before, between, after, end) == (CALLED, ContentDelta("\n"), CALLED, ContentDelta(" end"))


@pytest.mark.parametrize(("kind", "body"), MALFORMED, ids=lambda value: repr(value[:50]))
def test_every_message_is_one_short_sentence_that_says_what_to_do(kind: str, body: str) -> None:
    [malformed] = parse(json_call(body), TOOLS)
    assert isinstance(malformed, MalformedCall)
    message = malformed.message
    assert 20 < len(message) < 300 and message.endswith(".") and "\n" not in message
    assert any(hint in message for hint in ("write", "The tools are"))
    assert message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>",
        "<tool_call>\n",
        "<tool_call>{",
        '<tool_call>{"na',
        '<tool_call>{"name": "calculate"',
        '<tool_call>{"name": "calculate", "arguments": {"expression": "2+2"}',
        '<tool_call>{"name": "calculate", "arguments": {"expression": "2+2"}\n</tool_',
        '<tool_call>{"name": "write_file", "arguments": {"text": "see </tool_call> and',
        '<tool_call>{"name": "write_file", "arguments": {"text": "C:\\',
        "<tool_call>{'name': 'calculate'",
        '<tool_call>```json\n{"name": "calculate", "argum',
        "<tool_call></tool",
    ],
)
def test_a_call_cut_by_the_end_of_the_stream_is_truncated(text: str) -> None:
    before, malformed = outcome_of(f"Hm. {text}")
    assert before == ContentDelta("Hm. ")
    assert isinstance(malformed, MalformedCall)
    assert (malformed.kind, malformed.raw) == ("truncated", text)


def test_the_complete_call_before_a_cut_one_is_kept() -> None:
    first, malformed = outcome_of(f'{CALL}<tool_call>{{"name": "send_email", "arguments": {{"to": "a')
    assert first == CALLED
    assert isinstance(malformed, MalformedCall) and malformed.kind == "truncated"


def test_a_quote_too_few_spoils_only_its_own_call() -> None:
    broken = '<tool_call>{"name": "calculate", "arguments": {"expression": "2+2}}</tool_call>'
    malformed, text, call = outcome_of(f"{broken} I wrote: {CALL}")
    assert isinstance(malformed, MalformedCall)
    assert (malformed.kind, malformed.raw) == ("invalid_json", broken)
    assert (text, call) == (ContentDelta(" I wrote: "), CALLED)


def test_a_quote_too_few_in_the_last_call_is_broken_not_cut() -> None:
    broken = '<tool_call>{"name": "calculate", "arguments": {"expression": "2+2}}</tool_call>'
    [malformed] = outcome_of(broken + "\n")
    assert isinstance(malformed, MalformedCall)
    assert (malformed.kind, malformed.raw) == ("invalid_json", broken + "\n")


def test_many_calls_without_their_quote_are_each_their_own() -> None:
    broken = '<tool_call>{"name": "calculate", "arguments": {"expression": "2+2}}</tool_call>'
    outcome = outcome_of(broken * 5 + CALL)
    assert [event.raw for event in outcome if isinstance(event, MalformedCall)] == [broken] * 5
    assert outcome[-1] == CALLED


def test_an_unknown_tool_is_answered_with_the_ones_there_are() -> None:
    [malformed] = parse(json_call('{"name": "send_mail", "arguments": {}}'), TOOLS)
    assert isinstance(malformed, MalformedCall)
    assert malformed.message == (
        "There is no tool 'send_mail'. Did you mean 'send_email'? "
        "The tools are: calculate, get_current_datetime, send_email, write_file."
    )
    [malformed] = parse(json_call('{"name": "send_mail", "arguments": {}}'), ())
    assert isinstance(malformed, MalformedCall) and "no tools are on offer" in malformed.message


def test_any_name_is_read_where_no_tools_are_given() -> None:
    assert parse(json_call('{"name": "anything", "arguments": {}}')) == [ToolCallParsed("anything", {})]


# --- streaming ------------------------------------------------------------------------------------


def test_text_streams_out_but_for_what_may_begin_a_tag() -> None:
    parser = StreamParser()
    assert parser.feed("Hello, wor") == [ContentDelta("Hello, wor")]
    assert parser.feed("ld <") == [ContentDelta("ld ")]
    assert parser.feed("too") == []
    assert parser.feed("th> <thin") == [ContentDelta("<tooth> ")]
    assert parser.feed("k>") == []
    assert parser.feed("hm </") == [ReasoningDelta("hm ")]
    assert parser.feed("i></t") == [ReasoningDelta("</i>")]
    assert parser.finish() == [ReasoningDelta("</t")]


def test_a_call_comes_with_its_closing_tag_not_later() -> None:
    parser = StreamParser()
    assert parser.feed(CALL[:-1]) == []
    assert parser.feed(">") == [CALLED]


def test_the_parser_tells_what_is_being_written() -> None:
    parser = StreamParser(starts_in_reasoning=True)
    seen = []
    for piece in (
        "hm",
        "</think>",
        "text <tool_cal",
        "l>",
        '{"name": "f", "arguments": {}}',
        "</tool_call>",
        "x<think>",
    ):
        parser.feed(piece)
        seen.append((parser.in_reasoning, parser.in_call))
    assert seen == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
        (False, True),
        (False, False),
        (True, False),
    ]


def test_nothing_comes_twice_from_finishing_twice() -> None:
    parser = StreamParser()
    parser.feed("a<tool_call>{")
    assert len(parser.finish()) == 1
    assert parser.finish() == []
    assert not parser.in_call
