"""Consent on a real (pseudo) terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.agent.policy import Pattern, Rule
from smol_chat.commands.terminal import NobodyToAsk, Terminal, TerminalApprover, card
from smol_chat.messages import JsonObject, ToolCall
from smol_chat.tools.spec import Effect, Preview
from support.scripted_inquiry import ScriptedInquiry, asked_back

ONCE, SESSION, NO = "[y] once", "[s] for this conversation", "[n] no: "


class Person:
    """Sits at the other end of the terminal: reads until something is shown, then types."""

    def __init__(self) -> None:
        self.descriptor, self._terminal = os.openpty()
        self.terminal = Terminal(self._terminal)
        self.seen = ""
        self._looked = 0

    async def sees(self, text: str) -> None:
        while (found := self.seen.find(text, self._looked)) < 0:
            self.seen += (await asyncio.to_thread(os.read, self.descriptor, 4096)).decode()
        self._looked = found + len(text)

    def types(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def leave(self) -> None:
        self.terminal.close()
        os.close(self.descriptor)


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person()
    yield person
    person.leave()


def request(
    name: str = "write_file", arguments: JsonObject | None = None, preview: Preview | None = None
) -> ApprovalRequest:
    return ApprovalRequest(
        ToolCall("1", name, {"path": "a"} if arguments is None else arguments),
        Effect.WRITE,
        preview or Preview("Write 1 line to a (new file)"),
    )


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("y\n", request().allow()),
        ("YES\n", request().allow()),
        ("s\n", request().allow("session")),
        ("\x04", Decision(False)),
    ],
)
async def test_a_letter_and_enter_is_the_answer(person: Person, typed: str, decision: Decision) -> None:
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(request()))
    await person.sees(NO)
    person.types(typed)
    assert await asking == decision


async def test_a_denial_may_say_why(person: Person) -> None:
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(request()))
    await person.sees(NO)
    person.types("n\n")
    await person.sees("no reason): ")
    person.types("wrong folder\n")
    assert await asking == Decision(False, reason="wrong folder")


@pytest.mark.parametrize("typed", ["\n", "maybe\n", "yy\n", "1\n", "p\n"])
async def test_anything_else_is_no_answer(person: Person, typed: str) -> None:
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(request()))
    await person.sees(NO)
    person.types(typed)
    await person.sees("Type y, s or n")
    await person.sees(NO)
    assert not asking.done()
    person.types("y\n")
    assert (await asking).allowed


async def test_a_call_that_is_asked_about_each_time_is_not_allowed_for_the_conversation(person: Person) -> None:
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(replace(request(), once_only=True)))
    await person.sees("Allow? [y] once  [e] edit  [x] explain  [n] no: ")
    person.types("s\n")
    await person.sees("Type y or n")
    person.types("y\n")
    assert await asking == replace(request(), once_only=True).allow()


async def test_a_digit_allows_so_many_calls(person: Person) -> None:
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(request()))
    await person.sees(NO)
    person.types("4\n")
    assert await asking == request().allow("next", count=4)


async def test_a_pattern_says_what_it_covers(person: Person) -> None:
    pattern = Pattern(Rule("allow", "write_file", path="notes/"), "everything in the folder notes/")
    asked = replace(request(), pattern=pattern)
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(asked))
    await person.sees("[p] everything in the folder notes/")
    await person.sees(NO)
    person.types("p\n")
    assert await asking == asked.allow("pattern")


async def test_always_shows_the_rule_and_is_asked_twice(person: Person) -> None:
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(request()))
    await person.sees(NO)
    person.types("a\n")
    await person.sees('tool = "write_file"')
    await person.sees("Type a again: ")
    person.types("\n")
    await person.sees(NO)
    person.types("a\n")
    await person.sees("Type a again: ")
    person.types("a\n")
    assert await asking == request().allow("always")


async def test_arguments_are_edited_and_shown_again_before_they_are_allowed(person: Person) -> None:
    inquiry = ScriptedInquiry()
    schema: JsonObject = {"type": "object", "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}}}
    asked = asked_back(replace(request(), schema=schema), inquiry)
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(asked))
    await person.sees(NO)
    for typed, asks in (("e", "done): "), ("lines", "out): "), ("3", "done): "), ("path", "out): "), ("", "done): ")):
        person.types(f"{typed}\n")
        await person.sees(asks)
    person.types("\n")
    await person.sees("As edited")
    await person.sees(NO)
    person.types("y\n")
    assert await asking == inquiry.revisions[0].allow()
    assert inquiry.asked == [{"lines": 3}]


async def test_the_models_reason_is_harmless_and_marked_as_its_own(person: Person) -> None:
    asked = asked_back(request(), ScriptedInquiry(reason="You \x1b[2J asked."))
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(asked))
    await person.sees(NO)
    person.types("x\n")
    await person.sees("The model says (its own claim):")
    await person.sees("You ␛[2J asked.")
    await person.sees(NO)
    person.types("n\n")
    await person.sees("no reason): ")
    person.types("\n")
    assert await asking == Decision(False)


async def test_what_was_typed_before_the_question_does_not_answer_it(person: Person) -> None:
    person.types("y\ny\ny\n")
    asking = asyncio.create_task(TerminalApprover(person.terminal).decide(request()))
    await person.sees(NO)
    person.types("n\n")
    await person.sees("no reason): ")
    person.types("\n")
    assert await asking == Decision(False)


async def test_calls_are_asked_about_one_after_the_other(person: Person) -> None:
    approver = TerminalApprover(person.terminal)
    first = asyncio.create_task(approver.decide(request("first_tool")))
    second = asyncio.create_task(approver.decide(request("second_tool")))
    await person.sees(NO)
    assert "second_tool" not in person.seen
    person.types("y\n")
    await person.sees("second_tool")
    await person.sees(NO)
    person.types("s\n")
    assert await first == request("first_tool").allow()
    assert await second == request("second_tool").allow("session")


async def test_a_cancelled_question_goes_away_and_leaves_the_terminal_to_the_next(person: Person) -> None:
    approver = TerminalApprover(person.terminal)
    asking = asyncio.create_task(approver.decide(request()))
    await person.sees(NO)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    again = asyncio.create_task(approver.decide(request()))
    await person.sees(NO)
    person.types("y\n")
    assert await again == request().allow()


def test_the_card_shows_exactly_what_would_run_and_nothing_a_terminal_acts_on() -> None:
    arguments: JsonObject = {"path": "a\u202etxt.exe", "content": "line\n\x1b[2Jline", "deep": {"x": [1, None, True]}}
    preview = Preview(
        "Write \x1b]0;pwn\x07", "+line\r\n+\u200bline", hosts=("a.example", "b\x1b.example"), isolation="box"
    )
    shown = card(ApprovalRequest(ToolCall("1", "write_file", arguments), Effect.WRITE, preview, 2, 3))
    assert shown == (
        "\nwrite_file (2 of 3): changes something on this machine\n"
        "  Write ␛]0;pwn␇\n"
        '  path = "a⟨U+202E⟩txt.exe"\n'
        '  content = "line\\n\\u001b[2Jline"\n'
        '  deep = {"x": [1, null, true]}\n'
        "  │ +line␍\n"
        "  │ +⟨U+200B⟩line\n"
        "  leaves this machine → a.example, b␛.example\n"
        "  runs in: box\n"
    )


async def test_with_nobody_to_ask_a_call_is_refused_for_want_of_consent() -> None:
    nobody = NobodyToAsk()
    decision = await nobody.decide(request("send_email"))
    assert (decision.allowed, decision.unattended, decision.by) == (False, True, "policy")
    assert decision.reason
    assert nobody.refused == ["send_email"]
