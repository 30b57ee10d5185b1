"""Conversations as files: nothing in them acts on who reads them, and what is taken in again is the same."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from smol_chat.agent.export.html import html
from smol_chat.agent.export.importing import conversations
from smol_chat.agent.export.markdown import markdown
from smol_chat.agent.export.messages import messages_line
from smol_chat.agent.export.records import turn_records
from smol_chat.agent.replay import History
from smol_chat.errors import UsageError
from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    MalformedCall,
    Notice,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import ConversationSummary
from smol_chat.messages import AssistantMessage, Attachment, Timings, ToolCall, ToolFailure, ToolResult, Usage

END = TurnFinished("stop", Usage(), Timings())
HOSTILE = (
    "</pre></div><script>alert(1)</script>\n```\n# out\n````\n[x](javascript:alert(1)) "
    "![i](http://a.test/i.png) <img src=x>"
)
SUMMARY = ConversationSummary("c1", f"A title {HOSTILE}", "m<b>", 0.0, 0.0, 2)
DENIED = ToolResult("2", "note", ok=False, content="Denied: no", error=ToolFailure("denied", "no"))
EVENTS: list[TurnEvent] = [
    TurnStarted("c1", f"Add. {HOSTILE}"),
    FileAttached(Attachment("a`b.txt", f"in the file {HOSTILE}", 10)),
    RoundStarted(1),
    ReasoningDelta(f"Thinking {HOSTILE}"),
    ContentDelta("I **add**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
    ToolCallProposed(ToolCall("1", "add", {"a": 2, "b": 3})),
    ToolCallProposed(ToolCall("2", "note", {"text": HOSTILE})),
    Decided("1", "allow", "user", {"a": 2, "b": 4}),
    Decided("2", "deny", "user", {"text": HOSTILE}, reason=HOSTILE),
    ToolFinished(ToolResult("1", "add", content="6", full_content=f"6 {HOSTILE}")),
    ToolFinished(DENIED),
    MalformedCall(f"<tool_call>{HOSTILE}", "json", f"cut {HOSTILE}"),
    RoundStarted(2),
    ContentDelta(f"Six. {HOSTILE}"),
    END,
    TurnStarted("c1", "And?"),
    RoundStarted(1),
    ContentDelta("half \x1b[31m\u202e"),
    Notice("a notice"),
    TurnFailed("interrupted", f"It ended. {HOSTILE}"),
]


class Reader(HTMLParser):
    """Take note of every element, its attributes and the text outside of styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_html_file_shows_everything_and_needs_and_runs_nothing() -> None:
    text = "".join(html(SUMMARY, turn_records(EVENTS)))
    reader = Reader(text)
    assert not {"script", "img", "link", "iframe", "object", "form", "base"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "srcset")]
    links = [value for name, value in reader.attributes if name == "href"]
    assert links == ["http://a.test/i.png"]
    assert reader.tags.count("details") == 5 and "table" in reader.tags and "strong" in reader.tags
    for shown in (
        "Add. </pre>",
        "Thinking </pre>",
        "in the file",
        '"b": 4',
        "6 </pre>",
        "It ended.",
        "half ",
        "cut </pre>",
    ):
        assert shown in reader.text, shown
    assert "\x1b" not in text and "\u202e" not in text


def test_markdown_keeps_what_is_not_prose_in_fences_that_hold() -> None:
    text = "".join(markdown(SUMMARY, turn_records(EVENTS)))
    tokens = MarkdownIt("commonmark").parse(text)
    fences = [token.content for token in tokens if token.type == "fence"]
    assert [json.loads(fence) for fence in fences if fence.startswith("{")] == [{"a": 2, "b": 4}, {"text": HOSTILE}]
    assert f"6 {HOSTILE}\n" in fences and f"in the file {HOSTILE}\n" in fences
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[0].startswith("A title") and headings.count("You") == 2
    assert "\x1b" not in text


def test_messages_are_taken_in_again_as_they_were() -> None:
    line = messages_line(SUMMARY, turn_records(EVENTS))
    assert line.count("\n") == 1 and line.isascii()
    messages = json.loads(line)["messages"]
    assert [message["role"] for message in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
        "assistant",
    ]
    assert messages[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 2, "b": 4}'}
    assert messages[1]["reasoning_content"] == f"Thinking {HOSTILE}"
    (taken,) = conversations([line])
    assert (taken.model, taken.started, len(taken.turns)) == ("m<b>", 0.0, 2)
    events = [event for turn in taken.turns for event in turn]
    assert messages_line(SUMMARY, turn_records(events)) == line
    first = History(events).messages()[1]
    assert isinstance(first, AssistantMessage) and first.calls[1].arguments == {"text": HOSTILE}


USER = {"role": "user", "content": "hi"}
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is no JSON"),
        ('{"messages": [NaN]}', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", 'is no object with a list "messages"'),
        (json.dumps({"messages": []}), "has no message of a user"),
        (json.dumps({"messages": ["x"]}), "has a message 1 that is no object"),
        (json.dumps({"messages": [USER, {"role": "x"}]}), "has a message 2 that cannot stand there (role 'x')"),
        (json.dumps({"messages": [{"role": "assistant", "content": "x"}]}), "has a message 1 that cannot stand there"),
        (json.dumps({"messages": [{"role": "user", "content": 5}]}), "has content in message 1 that is no text"),
        (
            json.dumps({"messages": [USER, {"role": "tool", "tool_call_id": "9"}]}),
            "that cannot stand there (role 'tool')",
        ),
        (
            json.dumps({"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}]}),
            "ends with a call without a result",
        ),
        (
            json.dumps({"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, USER]}),
            "has a call without a result",
        ),
        (json.dumps({"messages": [USER, {"role": "assistant", "tool_calls": [CALL, CALL]}]}), "two calls with one id"),
        (json.dumps({"messages": [USER, {"role": "assistant", "tool_calls": [{}]}]}), "has a tool call in message 2"),
        (json.dumps({"messages": [USER], "metadata": {"started": "soon"}}), 'has a "started" that is no time'),
        (json.dumps({"messages": [USER], "metadata": {"title": 3}}), 'has a "title" that is no text'),
    ],
)
def test_a_bad_line_is_said_with_its_number(line: str, problem: str) -> None:
    good = json.dumps({"messages": [USER]})
    with pytest.raises(UsageError) as caught:
        conversations([good, "", line, good])
    assert caught.value.message.startswith("Nothing was imported: line 3 ") and problem in caught.value.message


def test_messages_of_other_programs_are_taken_in() -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": "hi "}, {"type": "text", "text": "there"}]}
    system = {"role": "system", "content": "Be brief."}
    answer = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "1", "content": "0"}
    (taken,) = conversations([json.dumps({"messages": [system, parts, answer, result]})])
    assert (taken.title, taken.named_by) == ("hi there", "text")
    assert [type(event).__name__ for event in taken.turns[0]] == [
        "TurnStarted", "RoundStarted", "ToolCallProposed", "ToolFinished", "TurnFinished",
    ]  # fmt: skip
