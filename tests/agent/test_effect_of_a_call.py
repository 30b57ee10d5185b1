"""A call that changes something although its tool usually only reads: what rules and answers hold for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

from smol_chat.agent.policy import Rules, for_tools
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.events import Decided, ToolFinished, TurnEvent
from smol_chat.messages import ToolCall
from smol_chat.tools.spec import Effect
from support.approvers import ALLOW, ALLOW_SESSION, FixedApprover, ManualApprover
from support.scripted_engine import ScriptedEngine
from support.scripted_toolbox import SmallToolbox

EVERY_RULE = Rules(
    own=for_tools("allow", ["look"], "approval.allow"),
    given=(*for_tools("allow", ["look"], "--allow", by="flag"), *for_tools("allow", ["look"], "here", by="user")),
)


def look(erase: bool) -> str:
    return f"<tool_call>{json.dumps({'name': 'look', 'arguments': {'erase': erase}})}</tool_call>"


def session(rounds: list[str], approver: FixedApprover | ManualApprover, rules: Rules) -> Session:
    return Session(
        "c1",
        engine=ScriptedEngine([[text] for text in rounds]),
        toolbox=SmallToolbox(),
        approver=approver,
        options=SessionOptions(rules=rules),
    )


async def turn(running: Session) -> list[TurnEvent]:
    async with aclosing(running.run_turn("go")) as events:
        return [event async for event in events]


async def test_no_rule_that_allows_the_tool_allows_the_change() -> None:
    approver = FixedApprover({"look": ALLOW})
    events = await turn(session([look(False) + look(True), "done"], approver, EVERY_RULE))
    assert [request.call.arguments for request in approver.asked] == [{"erase": True}]
    assert [(request.effect, request.once_only) for request in approver.asked] == [(Effect.WRITE, True)]
    decided = [(event.call_id, event.by, event.scope) for event in events if isinstance(event, Decided)]
    assert decided == [("call_1", "user", "session"), ("call_2", "user", "once")]


async def test_an_answer_for_the_session_holds_for_a_change_once_and_for_nothing_else() -> None:
    approver = FixedApprover({"look": ALLOW_SESSION})
    running = session([look(True), look(True), look(False), "done"], approver, Rules())
    events = await turn(running)
    assert [request.once_only for request in approver.asked] == [True, True, False]
    scopes = [event.scope for event in events if isinstance(event, Decided)]
    assert scopes == ["once", "once", "session"]


async def test_the_answer_to_a_harmless_card_leaves_the_card_of_the_change_open() -> None:
    approver = ManualApprover()
    running = asyncio.ensure_future(turn(session([look(False) + look(True), "done"], approver, Rules())))
    await approver.wait_asked("call_1", "call_2")
    approver.answer("call_1", ALLOW_SESSION)
    approver.answer("call_2", ALLOW)
    events = await running
    assert approver.cancelled == []
    assert [event.scope for event in events if isinstance(event, Decided)] == ["session", "once"]


async def test_a_tool_that_was_stopped_may_say_what_it_left_behind() -> None:
    call = '<tool_call>{"name": "wait", "arguments": {}}</tool_call>'
    toolbox = SmallToolbox()
    toolbox.recallable = True
    running = Session(
        "c1",
        engine=ScriptedEngine([[call]]),
        toolbox=toolbox,
        approver=FixedApprover({"wait": ALLOW}),
        options=SessionOptions(),
    )
    events = asyncio.ensure_future(turn(running))
    await toolbox.waiting.wait()
    await running.cancel()
    (finished,) = [event for event in await events if isinstance(event, ToolFinished)]
    assert (finished.result.ok, finished.result.content) == (False, "It was recalled.")


def test_the_support_toolbox_tells_the_effect_of_each_call() -> None:
    toolbox = SmallToolbox()
    calls = [ToolCall("1", "look", {}), ToolCall("2", "look", {"erase": True})]
    assert [toolbox.effect(call) for call in calls] == [Effect.READ, Effect.WRITE]
