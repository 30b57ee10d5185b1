"""A decision holds for what was shown: edited arguments are previewed anew, and nothing else runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.agent.edits import edit_note
from smol_chat.agent.replay import History
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.errors import SmolChatError, UsageError
from smol_chat.events import Decided, ToolCallProposed, ToolFinished, ToolStarted, TurnEvent
from smol_chat.messages import AssistantMessage, JsonObject, ToolCall, ToolMessage, UserMessage
from smol_chat.tools.spec import Effect, Preview
from support.approvers import ALLOW, FixedApprover, ManualApprover
from support.scripted_engine import ScriptedEngine
from support.scripted_toolbox import SmallToolbox

Answer = Callable[[ApprovalRequest], Awaitable[Decision]]


class Answering:
    """Answer each question by the next function."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[ApprovalRequest] = []
        self._answers = list(answers)

    async def decide(self, request: ApprovalRequest) -> Decision:
        self.asked.append(request)
        return await self._answers.pop(0)(request)


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def session(rounds: list[str], approver: Answering | FixedApprover | ManualApprover, toolbox: SmallToolbox) -> Session:
    engine = ScriptedEngine([[text] for text in rounds])
    return Session("c1", engine=engine, toolbox=toolbox, approver=approver, options=SessionOptions())


async def turn(running: Session) -> list[TurnEvent]:
    async with aclosing(running.run_turn("go")) as events:
        return [event async for event in events]


async def allow(request: ApprovalRequest) -> Decision:
    return request.allow()


def edited(**arguments: object) -> Answer:
    async def decide(request: ApprovalRequest) -> Decision:
        return (await request.inquiry.revised(dict(arguments))).allow()  # type: ignore[arg-type]  # plain JSON

    return decide


async def test_edited_arguments_run_and_the_proposed_ones_are_kept_apart() -> None:
    toolbox = SmallToolbox()
    engine = ScriptedEngine([[call("note", text="buy milk")], ["done"]])
    running = Session(
        "c1", engine=engine, toolbox=toolbox, approver=Answering(edited(text="buy oats")), options=SessionOptions()
    )
    events = await turn(running)
    assert toolbox.notes == ["buy oats"]
    (proposed,) = [event for event in events if isinstance(event, ToolCallProposed)]
    (decided,) = [event for event in events if isinstance(event, Decided)]
    assert proposed.call.arguments == {"text": "buy milk"}
    assert decided.arguments == {"text": "buy oats"}
    assistant, told = engine.requests[1].messages[-2:]
    assert isinstance(assistant, AssistantMessage)
    assert isinstance(told, ToolMessage)
    assert assistant.calls[0].arguments == {"text": "buy milk"}, "the model's own words stay as it wrote them"
    note, result = told.text.split("\n", 1)
    assert note == '[The user changed the arguments before the call ran: text is "buy oats" instead of "buy milk".]'
    assert result


async def test_a_reopened_conversation_tells_the_model_the_same() -> None:
    events = await turn(session([call("note", text="a"), "done"], Answering(edited(text="b")), SmallToolbox()))
    first = History(events).messages()
    assert any(isinstance(message, ToolMessage) and "instead of" in message.text for message in first)


async def test_an_edit_is_previewed_again_before_it_can_be_allowed() -> None:
    shown: list[ApprovalRequest] = []

    async def decide(request: ApprovalRequest) -> Decision:
        shown.append(await request.inquiry.revised({"erase": True}))
        return shown[0].allow()

    approver = Answering(decide)
    events = await turn(session([call("look"), "done"], approver, SmallToolbox()))
    (revised,) = shown
    assert (revised.effect, revised.once_only, revised.proposed) == (Effect.WRITE, True, {})
    assert revised.digest != approver.asked[0].digest
    assert [event.arguments for event in events if isinstance(event, Decided)] == [{"erase": True}]


async def test_arguments_that_do_not_fit_cannot_be_asked_about() -> None:
    problems: list[str] = []

    async def decide(request: ApprovalRequest) -> Decision:
        with pytest.raises(UsageError) as caught:
            await request.inquiry.revised({"a": "one", "b": 2})
        problems.append(caught.value.message)
        return request.allow()

    events = await turn(session([call("add", a=1, b=2), "done"], Answering(decide), SmallToolbox()))
    assert problems == ['The arguments do not fit: a: must be a whole number (got "one").']
    assert [event.arguments for event in events if isinstance(event, Decided)] == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("digest", ["", "0" * 64])
async def test_a_decision_about_anything_else_runs_nothing(digest: str) -> None:
    async def decide(request: ApprovalRequest) -> Decision:
        return Decision(True, digest=digest)

    toolbox = SmallToolbox()
    events = await turn(session([call("note", text="a"), "done"], Answering(decide), toolbox))
    assert not any(isinstance(event, ToolStarted) for event in events)
    assert toolbox.notes == []
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.result.error is not None
    assert finished.result.error.kind == "denied"


def test_the_digest_is_another_one_as_soon_as_anything_shown_is() -> None:
    request = ApprovalRequest(ToolCall("1", "note", {"text": "a"}), Effect.WRITE, Preview("Write"))
    others = [
        replace(request, call=ToolCall("1", "look", {"text": "a"})),
        replace(request, call=ToolCall("1", "note", {"text": "b"})),
        replace(request, effect=Effect.READ),
        replace(request, preview=Preview("Write", body="x")),
        replace(request, preview=Preview("Write", hosts=("example.org",))),
        replace(request, preview=Preview("Write", isolation="none")),
        replace(request, call=ToolCall("1", "note", {"text": True})),
        replace(request, call=ToolCall("1", "note", {"text": 1})),
    ]
    digests = {other.digest for other in others}
    assert len(digests) == len(others)
    assert request.digest not in digests
    assert replace(request, call=ToolCall("2", "note", {"text": "a"}), position=2).digest == request.digest


class Shifting(SmallToolbox):
    """What `note` would do depends on how many notes there are."""

    async def preview(self, call: ToolCall) -> Preview:
        return Preview(f"Run {call.name} as number {len(self.notes) + 1}")


async def test_a_call_that_would_do_another_thing_by_now_is_asked_about_again() -> None:
    toolbox = Shifting()
    approver = Answering(allow, allow, allow)
    events = await turn(session([call("note", text="a") + call("note", text="b"), "done"], approver, toolbox))
    assert toolbox.notes == ["a", "b"]
    assert [(asked.call.id, asked.preview.summary, asked.changed) for asked in approver.asked] == [
        ("call_1", "Run note as number 1", False),
        ("call_2", "Run note as number 1", False),
        ("call_2", "Run note as number 2", True),
    ]
    assert [event.call_id for event in events if isinstance(event, Decided)] == ["call_1", "call_2", "call_2"]


async def test_the_second_look_can_be_answered_with_no() -> None:
    async def deny(request: ApprovalRequest) -> Decision:
        return Decision(False)

    toolbox = Shifting()
    running = session([call("note", text="a") + call("note", text="b"), "done"], Answering(allow, allow, deny), toolbox)
    events = await turn(running)
    assert toolbox.notes == ["a"]
    assert [event.result.ok for event in events if isinstance(event, ToolFinished)] == [True, False]


class Restless(SmallToolbox):
    """Every look shows another thing."""

    looks = 0

    async def preview(self, call: ToolCall) -> Preview:
        self.looks += 1
        return Preview(f"Look {self.looks}")


async def test_what_keeps_changing_is_never_run() -> None:
    toolbox = Restless()
    events = await turn(session([call("note", text="a"), "done"], FixedApprover({"note": ALLOW}), toolbox))
    assert toolbox.notes == []
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.result.error is not None
    assert finished.result.error.kind == "blocked"


async def test_the_next_few_calls_of_a_tool_are_allowed_and_no_more() -> None:
    async def next_two(request: ApprovalRequest) -> Decision:
        return request.allow("next", count=2)

    approver = Answering(next_two, allow)
    rounds = [call("add", a=1, b=1), call("add", a=2, b=2), call("add", a=3, b=3), "done"]
    events = await turn(session(rounds, approver, SmallToolbox()))
    assert [asked.call.arguments["a"] for asked in approver.asked] == [1, 3]
    assert [event.scope for event in events if isinstance(event, Decided)] == ["next", "next", "once"]


async def test_the_next_few_calls_may_be_of_the_same_round() -> None:
    approver = ManualApprover()
    rounds = ["".join(call("add", a=number, b=0) for number in range(4)), "done"]
    running = asyncio.ensure_future(turn(session(rounds, approver, SmallToolbox())))
    await approver.wait_asked("call_1", "call_2", "call_3", "call_4")
    approver.answer("call_1", Decision(True, scope="next", count=3))
    approver.answer("call_4", Decision(False))
    events = await running
    assert approver.cancelled == ["call_2", "call_3"]
    assert [event.decision for event in events if isinstance(event, Decided)] == ["allow", "allow", "allow", "deny"]


async def test_a_call_that_changes_something_is_not_counted_among_the_next() -> None:
    async def next_five(request: ApprovalRequest) -> Decision:
        return request.allow("next", count=5)

    approver = Answering(next_five, allow)
    await turn(session([call("look"), call("look", erase=True), "done"], approver, SmallToolbox()))
    assert [asked.call.arguments for asked in approver.asked] == [{}, {"erase": True}]


async def test_requests_tell_when_each_call_would_run() -> None:
    approver = Answering(allow, allow, allow, allow)
    calls = call("look") + call("add", a=1, b=1) + call("note", text="a") + call("look", erase=False)
    await turn(session([calls, "done"], approver, SmallToolbox()))
    assert [asked.step for asked in approver.asked] == [1, 1, 2, 3]


async def test_the_model_explains_beside_the_conversation() -> None:
    said: list[str] = []

    async def decide(request: ApprovalRequest) -> Decision:
        said.append(await request.inquiry.explanation())
        return request.allow()

    engine = ScriptedEngine([[call("note", text="buy milk")], ["<think>hm</think>You asked me to note it."], ["done"]])
    running = Session("c1", engine=engine, toolbox=SmallToolbox(), approver=Answering(decide), options=SessionOptions())
    await turn(running)
    assert said == ["You asked me to note it."]
    asked = engine.requests[1]
    last = asked.messages[-1]
    assert isinstance(last, UserMessage)
    assert 'text: "buy milk"' in last.text
    assert asked.tool_choice == "none"
    assert not any("Before I decide" in getattr(message, "text", "") for message in engine.requests[2].messages)


async def test_a_model_that_gives_no_reason_is_said_to_give_none() -> None:
    said: list[str] = []

    async def decide(request: ApprovalRequest) -> Decision:
        with pytest.raises(SmolChatError) as caught:
            await request.inquiry.explanation()
        said.append(caught.value.message)
        return request.allow()

    await turn(session([call("add", a=1, b=1), "", "done"], Answering(decide), SmallToolbox()))
    assert said == ["The model gave no reason."]


@pytest.mark.parametrize(
    ("proposed", "runs", "note"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1}, {"a": True}, "a is true instead of 1"),
        ({"a": 1, "b": 2}, {"a": 1}, "b was left out"),
        ({}, {"b": [1]}, "b was set to [1]"),
        ({"t": "x" * 200}, {"t": "y"}, f't is "y" instead of "{"x" * 79}… (202 characters)'),
    ],
)
def test_the_note_about_an_edit_says_what_was_changed(proposed: JsonObject, runs: JsonObject, note: str) -> None:
    whole = f"[The user changed the arguments before the call ran: {note}.]" if note else ""
    assert edit_note(proposed, runs) == whole
