"""A turn that the program's end cut goes on: nothing runs twice, what waited waits again, the model knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from smol_chat.agent.consent import Approver
from smol_chat.agent.limits import TurnLimits
from smol_chat.agent.open_round import NOT_RUN, UNKNOWN_OUTCOME
from smol_chat.agent.policy import Rules, for_tools
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.events import (
    CUT,
    ContentDelta,
    Decided,
    GenerationProgress,
    MalformedCall,
    PromptProgress,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from smol_chat.messages import AssistantMessage, ToolCall, ToolFailure, ToolMessage, ToolResult, UserMessage
from support.approvers import ALLOW, DENY, FixedApprover, ManualApprover
from support.scripted_engine import ScriptedEngine
from support.scripted_toolbox import SmallToolbox

END = TurnFailed(CUT, "The program ended.")
ADD = ToolCall("call_1", "add", {"a": 2, "b": 3})
NOTE = ToolCall("call_2", "note", {"text": "x"})
BEGUN: list[TurnEvent] = [TurnStarted("c1", "hi"), RoundStarted(1), ContentDelta("I look.")]


class Reopened:
    """A session on what the journal kept."""

    def __init__(
        self,
        past: Sequence[TurnEvent],
        approver: Approver | None = None,
        *,
        rounds: Sequence[Sequence[str]] = (["done"],),
        options: SessionOptions | None = None,
    ) -> None:
        self.engine = ScriptedEngine(rounds)
        self.toolbox = SmallToolbox()
        self.session = Session(
            "c1",
            engine=self.engine,
            toolbox=self.toolbox,
            approver=approver or FixedApprover({}),
            options=options or SessionOptions(),
            past=[*past, END],
        )

    async def resume(self) -> list[TurnEvent]:
        left_out = (PromptProgress, GenerationProgress, TurnSettings, ToolProgress)
        async with aclosing(self.session.resume()) as events:
            return [event async for event in events if not isinstance(event, left_out)]


def outcomes(events: Sequence[TurnEvent]) -> dict[str, ToolResult]:
    return {event.result.call_id: event.result for event in events if isinstance(event, ToolFinished)}


async def test_a_call_that_waited_is_asked_about_again_and_the_turn_goes_on() -> None:
    approver = FixedApprover({"add": ALLOW})
    reopened = Reopened([*BEGUN, ToolCallProposed(ADD)], approver)
    cut = reopened.session.cut
    assert cut is not None
    assert cut.waiting == (ADD,)
    events = await reopened.resume()
    assert events[:4] == [
        TurnResumed("c1"),
        Decided("call_1", "allow", "user", ADD.arguments, effect="pure"),
        ToolStarted("call_1"),
        ToolFinished(ToolResult("call_1", "add", content="5")),
    ]
    assert events[4:6] == [RoundStarted(2), ContentDelta("done")]
    assert isinstance(events[-1], TurnFinished)
    assert [asked.call for asked in approver.asked] == [ADD]
    assert reopened.engine.requests[0].messages == (
        UserMessage("hi"),
        AssistantMessage("I look.", "", (ADD,)),
        ToolMessage("call_1", "add", "5"),
    )
    assert reopened.session.cut is None


async def test_a_call_that_was_running_is_not_run_again_and_the_model_is_told() -> None:
    decided = Decided("call_2", "allow", "user", NOTE.arguments, effect="write")
    reopened = Reopened([*BEGUN, ToolCallProposed(NOTE), decided, ToolStarted("call_2")])
    cut = reopened.session.cut
    assert cut is not None
    assert cut.waiting == ()
    events = await reopened.resume()
    unknown = ToolResult(
        "call_2", "note", ok=False, content=UNKNOWN_OUTCOME, error=ToolFailure("unknown", UNKNOWN_OUTCOME)
    )
    assert events[:3] == [TurnResumed("c1"), ToolFinished(unknown), RoundStarted(2)]
    assert reopened.toolbox.log == []
    assert reopened.engine.requests[0].messages[-1] == ToolMessage("call_2", "note", UNKNOWN_OUTCOME)


async def test_without_resuming_the_next_turn_tells_what_ran_from_what_did_not() -> None:
    past = [*BEGUN, ToolCallProposed(ADD), ToolCallProposed(NOTE), ToolStarted("call_1")]
    reopened = Reopened(past)
    async with aclosing(reopened.session.run_turn("never mind")) as events:
        assert isinstance([event async for event in events][-1], TurnFinished)
    assert reopened.engine.requests[0].messages[2:] == (
        ToolMessage("call_1", "add", UNKNOWN_OUTCOME),
        ToolMessage("call_2", "note", NOT_RUN),
        UserMessage("never mind"),
    )
    assert reopened.session.cut is None


async def test_a_call_that_was_allowed_but_had_not_run_is_asked_about_again() -> None:
    decided = Decided("call_2", "allow", "user", NOTE.arguments, effect="write")
    approver = FixedApprover({"note": DENY})
    reopened = Reopened([*BEGUN, ToolCallProposed(NOTE), decided], approver)
    assert outcomes(await reopened.resume())["call_2"].content == "Denied by the user."
    assert len(approver.asked) == 1
    assert reopened.toolbox.notes == []


async def test_a_denial_stands() -> None:
    decided = Decided("call_2", "deny", "user", NOTE.arguments, reason="not now")
    reopened = Reopened([*BEGUN, ToolCallProposed(NOTE), decided])
    assert outcomes(await reopened.resume())["call_2"].content == "Denied by the user: not now"


async def test_what_has_its_outcome_keeps_it() -> None:
    approver = FixedApprover({"note": ALLOW})
    kept = ToolFinished(ToolResult("call_1", "add", content="5"))
    past = [*BEGUN, ToolCallProposed(ADD), ToolCallProposed(NOTE), ToolStarted("call_1"), kept]
    reopened = Reopened(past, approver)
    assert set(outcomes(await reopened.resume())) == {"call_2"}
    assert reopened.toolbox.notes == ["x"]
    assert reopened.engine.requests[0].messages[2:] == (
        ToolMessage("call_1", "add", "5"),
        ToolMessage("call_2", "note", "noted"),
    )


async def test_rules_of_today_decide_about_what_waited() -> None:
    options = SessionOptions(rules=Rules(own=for_tools("deny", ["note"], "approval.deny")))
    reopened = Reopened([*BEGUN, ToolCallProposed(NOTE)], options=options)
    assert "A rule forbids this call" in outcomes(await reopened.resume())["call_2"].content


async def test_a_call_of_a_tool_that_is_gone_has_an_outcome_too() -> None:
    gone = ToolCall("call_3", "gone", {})
    reopened = Reopened([*BEGUN, ToolCallProposed(gone)])
    failure = outcomes(await reopened.resume())["call_3"].error
    assert failure is not None
    assert failure.kind == "unavailable"


async def test_results_the_model_has_not_read_and_unreadable_calls_can_go_on_too() -> None:
    kept = ToolFinished(ToolResult("call_1", "add", content="5"))
    for past in ([*BEGUN, ToolCallProposed(ADD), kept], [*BEGUN, MalformedCall("{", "json", "It ends too early.")]):
        reopened = Reopened(past)
        events = await reopened.resume()
        assert events[:2] == [TurnResumed("c1"), RoundStarted(2)]


async def test_a_round_that_had_not_said_anything_is_asked_for_again() -> None:
    past: list[TurnEvent] = [TurnStarted("c1", "hi")]
    assert (await Reopened(past).resume())[1] == RoundStarted(1)
    assert (await Reopened([*past, RoundStarted(1)]).resume())[1] == RoundStarted(1)
    results = [*BEGUN, ToolCallProposed(ADD), ToolFinished(ToolResult("call_1", "add", content="5"))]
    reopened = Reopened([*results, RoundStarted(2)])
    assert (await reopened.resume())[1] == RoundStarted(2)
    assert reopened.engine.requests[0].messages[-1] == ToolMessage("call_1", "add", "5")


@pytest.mark.parametrize("past", [BEGUN, [*BEGUN, ToolCallProposed(ADD), RoundStarted(2), ContentDelta("It is")]])
def test_an_answer_that_was_cut_stays_as_it_is(past: list[TurnEvent]) -> None:
    session = Reopened(past).session
    assert session.cut is None
    with pytest.raises(RuntimeError):
        session.resume()


async def test_limits_count_what_was_before_the_cut() -> None:
    for limits in (TurnLimits(max_rounds=1), TurnLimits(max_calls=0)):
        reopened = Reopened([*BEGUN, ToolCallProposed(NOTE)], options=SessionOptions(limits=limits))
        events = await reopened.resume()
        assert outcomes(events)["call_2"].content.startswith("Not run. The turn reached its limit")
        assert isinstance(events[-1], TurnFinished)
        assert events[-1].reason == "limit"
        assert reopened.engine.requests == []


async def test_a_turn_can_be_cut_and_resumed_more_than_once() -> None:
    past = [*BEGUN, ToolCallProposed(ADD), ToolCallProposed(NOTE), TurnResumed("c1"), ToolStarted("call_1")]
    approver = FixedApprover({"note": ALLOW})
    results = outcomes(await Reopened(past, approver).resume())
    assert {name: result.ok for name, result in results.items()} == {"call_1": False, "call_2": True}


async def test_stopping_a_resumed_turn_ends_it() -> None:
    approver = ManualApprover()
    reopened = Reopened([*BEGUN, ToolCallProposed(NOTE)], approver)
    seen: list[TurnEvent] = []
    async with aclosing(reopened.session.resume()) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, TurnResumed):
                await reopened.session.cancel()
    assert isinstance(seen[-1], TurnFinished)
    assert seen[-1].reason == "cancelled"
    assert not outcomes(seen)["call_2"].ok
    assert json.dumps(reopened.toolbox.log) == "[]"
