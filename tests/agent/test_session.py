"""The turn loop: a script of rounds in, the exact events out, and what the engine was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict

import pytest

from smol_chat import __version__
from smol_chat.agent.consent import Approver, Decision
from smol_chat.agent.limits import TurnLimits
from smol_chat.agent.open_round import UNKNOWN_OUTCOME
from smol_chat.agent.policy import Rules, for_tools
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.engine.base import Sampling
from smol_chat.errors import ContextOverflowError, EngineCrashedError, UsageError
from smol_chat.events import (
    ContentDelta,
    Decided,
    EngineNotice,
    GenerationFinished,
    GenerationProgress,
    MalformedCall,
    Notice,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    ServerReasoning,
    ServerToolCall,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnSettings,
    TurnStarted,
)
from smol_chat.messages import (
    AssistantMessage,
    SystemMessage,
    Timings,
    ToolCall,
    ToolFailure,
    ToolMessage,
    ToolResult,
    Usage,
    UserMessage,
)
from support.approvers import ALLOW, ALLOW_SESSION, DENY, FixedApprover, ManualApprover
from support.scripted_engine import ScriptedEngine, Step, WaitForStop
from support.scripted_toolbox import SmallToolbox


def call_text(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def stopped_clock() -> float:
    return 100.0


class Stage:
    """A session with everything around it at hand."""

    def __init__(
        self,
        rounds: Sequence[Sequence[Step]],
        approver: Approver | None = None,
        *,
        options: SessionOptions | None = None,
        past: Sequence[TurnEvent] = (),
        starts_in_reasoning: bool = False,
    ) -> None:
        self.engine = ScriptedEngine(rounds, starts_in_reasoning=starts_in_reasoning)
        self.toolbox = SmallToolbox()
        self.session = Session(
            "c1",
            engine=self.engine,
            toolbox=self.toolbox,
            approver=approver or FixedApprover({}),
            options=options or SessionOptions(),
            past=past,
            clock=stopped_clock,
        )
        self.events: list[TurnEvent] = []

    async def turn(self, text: str = "hi") -> list[TurnEvent]:
        """Run a turn; return its events without the reports of progress and the settings."""
        self.events = []
        async with aclosing(self.session.run_turn(text)) as events:
            async for event in events:
                self.events.append(event)
        left_out = (PromptProgress, GenerationProgress, TurnSettings)
        return [event for event in self.events if not isinstance(event, left_out)]


async def test_an_answer_without_calls_is_one_round() -> None:
    stage = Stage([["<think>I greet.</think>", "Hello", " there"]])
    assert await stage.turn() == [
        TurnStarted("c1", "hi"),
        RoundStarted(1),
        ReasoningDelta("I greet."),
        ReasoningFinished(0, 1),
        ContentDelta("Hello"),
        ContentDelta(" there"),
        TurnFinished("stop", Usage(10, 4, 3), Timings(0, 100.0, 10.0)),
    ]


async def test_a_denied_and_an_allowed_call_reach_the_next_request() -> None:
    approver = FixedApprover({"add": ALLOW, "note": Decision(False, reason="not in my notes")})
    calls = call_text("add", a=2, b=3) + call_text("note", text="x")
    stage = Stage([["<think>Two calls.</think>" + calls], ["It is 5."]], approver)
    events = await stage.turn("sum and note")

    first, second = ToolCall("call_1", "add", {"a": 2, "b": 3}), ToolCall("call_2", "note", {"text": "x"})
    denied = "Denied by the user: not in my notes"
    assert events == [
        TurnStarted("c1", "sum and note"),
        RoundStarted(1),
        ReasoningDelta("Two calls."),
        ReasoningFinished(0, 1),
        ToolCallProposed(first),
        ToolCallProposed(second),
        Decided("call_1", "allow", "user", {"a": 2, "b": 3}, effect="pure"),
        Decided("call_2", "deny", "user", {"text": "x"}, reason="not in my notes", effect="write"),
        ToolFinished(ToolResult("call_2", "note", ok=False, content=denied, error=ToolFailure("denied", denied))),
        ToolStarted("call_1"),
        ToolProgress("call_1", "running add"),
        ToolFinished(ToolResult("call_1", "add", content="5")),
        RoundStarted(2),
        ContentDelta("It is 5."),
        TurnFinished("stop", Usage(20, 8, 2), Timings(0, 100.0, 10.0)),
    ]
    assert stage.engine.requests[1].messages == (
        UserMessage("sum and note"),
        AssistantMessage("", "Two calls.", (first, second)),
        ToolMessage("call_1", "add", "5"),
        ToolMessage("call_2", "note", denied),
    )
    assert stage.toolbox.notes == []
    assert [(ask.position, ask.batch) for ask in approver.asked] == [(1, 2), (2, 2)]


async def test_the_system_prompt_and_tools_open_every_request() -> None:
    stage = Stage([["yes"]], options=SessionOptions(system="Be brief."))
    await stage.turn()
    request = stage.engine.requests[0]
    assert request.messages == (SystemMessage("Be brief."), UserMessage("hi"))
    assert [tool.name for tool in request.tools] == ["add", "note", "look", "wait"]


async def test_a_chosen_tool_is_asked_for_once_and_offered_although_tools_are_off() -> None:
    approver = FixedApprover({"look": ALLOW})
    stage = Stage([[call_text("look")], ["seen"], ["again"]], approver, options=SessionOptions(tools_on=False))
    stage.session.choose_tool("look")
    await stage.turn()
    await stage.turn()
    asked = [(request.tool_choice, bool(request.tools)) for request in stage.engine.requests]
    assert asked == [("look", True), ("auto", True), ("auto", False)]


async def test_the_choice_of_the_options_holds_for_the_first_round_of_every_turn() -> None:
    stage = Stage(
        [[call_text("look")], ["seen"], [call_text("look")], ["seen"]],
        FixedApprover({"look": ALLOW}),
        options=SessionOptions(tool_choice="required", constrain=False),
    )
    await stage.turn()
    await stage.turn()
    assert [request.tool_choice for request in stage.engine.requests] == ["required", "auto"] * 2
    assert not any(request.constrain for request in stage.engine.requests)


async def test_choosing_none_offers_no_tools_for_one_turn() -> None:
    stage = Stage([["a"], ["b"]])
    stage.session.choose_tool("none")
    await stage.turn()
    await stage.turn()
    assert [bool(request.tools) for request in stage.engine.requests] == [False, True]


async def test_a_tool_that_is_not_there_cannot_be_chosen() -> None:
    stage = Stage([["a"]])
    with pytest.raises(UsageError, match=r"There is no tool 'lock'\. Did you mean 'look'\?"):
        stage.session.choose_tool("lock")
    await stage.turn()
    assert stage.engine.requests[0].tool_choice == "auto"


async def test_without_tools_none_is_offered_and_a_call_is_malformed() -> None:
    stage = Stage([[call_text("look")], ["ok"]], options=SessionOptions(tools_on=False))
    events = await stage.turn()
    assert stage.engine.requests[0].tools == ()
    assert [event.kind for event in events if isinstance(event, MalformedCall)] == ["unknown_tool"]


async def test_allowed_for_the_session_is_not_asked_again() -> None:
    approver = FixedApprover({"look": ALLOW_SESSION})
    stage = Stage([[call_text("look")], ["a"], [call_text("look")], ["b"]], approver)
    await stage.turn()
    events = await stage.turn()
    assert len(approver.asked) == 1
    assert Decided("call_2", "allow", "user", {}, "session", "this conversation", "read") in events


async def test_an_answer_for_the_session_settles_the_other_cards_of_the_same_tool() -> None:
    approver = ManualApprover()
    stage = Stage([[call_text("add", a=1, b=1) + call_text("add", a=2, b=2)], ["done"]], approver)
    turn = asyncio.ensure_future(stage.turn())
    await approver.wait_asked("call_1", "call_2")
    approver.answer("call_1", ALLOW_SESSION)
    events = await turn
    assert approver.cancelled == ["call_2"]
    results = [event.result.content for event in events if isinstance(event, ToolFinished)]
    assert results == ["2", "4"]


async def test_questions_come_in_the_order_of_the_calls_however_long_their_previews_take() -> None:
    approver = FixedApprover({"note": ALLOW, "add": ALLOW})
    stage = Stage([[call_text("note", text="x") + call_text("add", a=1, b=2)], ["ok"]], approver)
    await stage.turn()
    assert [request.call.name for request in approver.asked] == ["note", "add"]


async def test_bad_arguments_are_reported_together_and_nobody_is_asked() -> None:
    stage = Stage([[call_text("add", a="two", c=1)], ["sorry"]])
    events = await stage.turn()
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.result.error is not None
    assert finished.result.error.kind == "invalid_arguments"
    for name in ("a", "b", "c"):
        assert name in finished.result.content
    assert not any(isinstance(event, (Decided, ToolStarted)) for event in events)


async def test_a_malformed_call_is_shown_and_reported_to_the_model() -> None:
    stage = Stage(
        [['<tool_call>{"name": "add"</tool_call>', call_text("look")], ["ok"]], FixedApprover({"look": ALLOW})
    )
    events = await stage.turn()
    (bad,) = [event for event in events if isinstance(event, MalformedCall)]
    assistant, result, diagnosis = stage.engine.requests[1].messages[1:]
    assert isinstance(assistant, AssistantMessage)
    assert assistant.malformed == (bad.raw,)
    assert result == ToolMessage("call_1", "look", "")
    assert isinstance(diagnosis, ToolMessage)
    assert bad.message in diagnosis.text


async def test_xml_values_are_typed_by_the_schema() -> None:
    text = (
        "<tool_call>\n<function=add>\n<parameter=a>\n2\n</parameter>\n<parameter=b>\n3\n</parameter>\n"
        "</function>\n</tool_call>"
    )
    stage = Stage([[text], ["5"]], FixedApprover({"add": ALLOW}))
    events = await stage.turn()
    assert ToolCallProposed(ToolCall("call_1", "add", {"a": 2, "b": 3})) in events


async def test_calls_a_server_already_separated_are_read_the_same_way() -> None:
    steps: list[Step] = [ServerReasoning("Hm."), ServerToolCall("xyz", "add", '{"a": 1, "b": 1}')]
    stage = Stage([steps, ["2"]], FixedApprover({"add": ALLOW}))
    events = await stage.turn()
    assert ReasoningFinished(0, 1) in events
    assert ToolCallProposed(ToolCall("call_1", "add", {"a": 1, "b": 1})) in events


async def test_reasoning_opened_by_the_template_is_reasoning() -> None:
    stage = Stage([["I see.</think>", "Yes"]], starts_in_reasoning=True)
    events = await stage.turn()
    assert events[2:5] == [ReasoningDelta("I see."), ReasoningFinished(0, 1), ContentDelta("Yes")]


async def test_the_third_identical_call_in_a_row_is_stopped_and_the_model_told() -> None:
    look = [call_text("look")]
    stage = Stage([look, look, look, ["I stop."]], FixedApprover({"look": ALLOW}))
    events = await stage.turn()
    results = [event.result for event in events if isinstance(event, ToolFinished)]
    assert [result.ok for result in results] == [True, True, False]
    last = stage.engine.requests[3].messages[-1]
    assert isinstance(last, ToolMessage)
    assert "3 times in a row" in last.text


async def test_the_round_limit_ends_the_turn_with_a_message() -> None:
    rounds = [[call_text("add", a=n, b=n)] for n in range(2)]
    options = SessionOptions(limits=TurnLimits(max_rounds=2))
    stage = Stage(rounds, FixedApprover({"add": ALLOW}), options=options)
    events = await stage.turn()
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert last.reason == "limit"
    assert "2 rounds" in last.message
    # The call that could no longer be answered has an outcome too.
    assert [e.result.ok for e in events if isinstance(e, ToolFinished)] == [True, False]


async def test_the_call_limit_ends_the_turn_with_a_message() -> None:
    calls = "".join(call_text("add", a=n, b=n) for n in range(3))
    options = SessionOptions(limits=TurnLimits(max_calls=2))
    stage = Stage([[calls]], options=options)
    events = await stage.turn()
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert (last.reason, "2 tool calls" in last.message) == ("limit", True)
    assert len([e for e in events if isinstance(e, ToolFinished)]) == 3


async def test_rules_and_flags_decide_without_asking() -> None:
    rules = Rules(
        own=for_tools("deny", ["note"], "approval.deny"), given=for_tools("allow", ["add"], "--allow", by="flag")
    )
    calls = call_text("add", a=1, b=2) + call_text("note", text="x")
    stage = Stage([[calls], ["done"]], options=SessionOptions(rules=rules))
    events = await stage.turn()
    decided = [(event.decision, event.by) for event in events if isinstance(event, Decided)]
    assert decided == [("allow", "flag"), ("deny", "policy")]
    assert stage.toolbox.notes == []


async def test_a_call_nobody_could_be_asked_about_ends_the_turn_as_refused() -> None:
    approver = FixedApprover({"note": Decision(False, by="policy", reason="nobody to ask", unattended=True)})
    stage = Stage([[call_text("note", text="x")], ["I could not."]], approver)
    events = await stage.turn()
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert last.reason == "refused"


async def test_effects_that_disturb_each_other_run_in_order() -> None:
    calls = call_text("note", text="one") + call_text("look") + call_text("look") + call_text("note", text="two")
    stage = Stage([[calls], ["ok"]], FixedApprover({"note": ALLOW, "look": ALLOW}))
    events = await stage.turn()
    results = {event.result.call_id: event.result.content for event in events if isinstance(event, ToolFinished)}
    assert results == {"call_1": "noted", "call_2": "one", "call_3": "one", "call_4": "noted"}
    log = stage.toolbox.log
    assert log[:2] == ["start call_1", "end call_1"]
    assert log[2:4] == ["start call_2", "start call_3"]  # the two lookers run side by side
    assert log[-2:] == ["start call_4", "end call_4"]


async def test_stopping_in_mid_answer_keeps_what_was_said() -> None:
    stage = Stage([["Half an ans", WaitForStop()], ["Again."]])
    turn = asyncio.ensure_future(stage.turn())
    await stage.engine.waiting.wait()
    await stage.session.cancel()
    events = await turn
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert last.reason == "cancelled"
    await stage.turn("and now?")
    assert stage.engine.requests[1].messages == (
        UserMessage("hi"),
        AssistantMessage("Half an ans"),
        UserMessage("and now?"),
    )


async def test_stopping_takes_the_question_down() -> None:
    approver = ManualApprover()
    stage = Stage([[call_text("note", text="x")]], approver)
    turn = asyncio.ensure_future(stage.turn())
    await approver.wait_asked("call_1")
    await stage.session.cancel()
    events = await turn
    assert approver.cancelled == ["call_1"]
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.result.content == "The user stopped the turn before this call ran."
    assert isinstance(events[-1], TurnFinished)


async def test_stopping_a_running_tool_says_its_effect_is_unknown() -> None:
    stage = Stage([[call_text("wait") + call_text("note", text="x")]], FixedApprover({"wait": ALLOW, "note": ALLOW}))
    turn = asyncio.ensure_future(stage.turn())
    await stage.toolbox.waiting.wait()
    await stage.session.cancel()
    events = await turn
    outcomes = {event.result.call_id: event.result.content for event in events if isinstance(event, ToolFinished)}
    assert "not known" in outcomes["call_1"]
    assert "before this call ran" in outcomes["call_2"]
    assert stage.toolbox.notes == []


async def test_a_crash_in_mid_answer_keeps_what_was_said_and_the_next_turn_works() -> None:
    stage = Stage([["Half", "<thi", EngineCrashedError("The model's process ended.")], ["Whole."]])
    events = await stage.turn()
    assert events[-3:-1] == [ContentDelta("Half"), ContentDelta("<thi")]
    last = events[-1]
    assert isinstance(last, TurnFailed)
    assert (last.kind, last.message) == ("engine_crashed", "The model's process ended.")
    assert isinstance((await stage.turn())[-1], TurnFinished)


async def test_an_overflowing_prompt_fails_the_turn_with_its_sentence() -> None:
    overflow = ContextOverflowError("Too long.", prompt_tokens=9, context_size=8)
    events = await Stage([[overflow]]).turn()
    last = events[-1]
    assert isinstance(last, TurnFailed)
    assert last.kind == "context_overflow"


async def test_a_bug_of_ours_ends_the_turn_in_one_sentence() -> None:
    events = await Stage([[ValueError("boom")]]).turn()
    last = events[-1]
    assert isinstance(last, TurnFailed)
    assert (last.kind, "boom" in last.message) == ("internal", False)


async def test_a_notice_of_the_engine_is_shown() -> None:
    events = await Stage([[EngineNotice("The model was restarted."), "Hi"]]).turn()
    assert Notice("The model was restarted.") in events


async def test_a_cut_answer_says_why() -> None:
    cut = GenerationFinished("length", Usage(10, 0, 5), Timings())
    events = await Stage([["Half", cut]]).turn()
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert last.reason == "length"
    assert "4,096" in last.message


async def test_a_reopened_conversation_is_sent_as_it_was() -> None:
    approver = FixedApprover({"add": ALLOW})
    stage = Stage([[call_text("add", a=1, b=2)], ["3"]], approver)
    await stage.turn()
    reopened = Stage([["yes"]], past=stage.events)
    await reopened.turn("sure?")
    assert reopened.engine.requests[0].messages[:-1] == (
        *stage.engine.requests[1].messages,
        AssistantMessage("3"),
    )


async def test_a_call_cut_off_by_a_crash_of_the_program_reads_as_unknown() -> None:
    past: list[TurnEvent] = [
        TurnStarted("c1", "note it"),
        RoundStarted(1),
        ToolCallProposed(ToolCall("call_1", "note", {"text": "x"})),
        ToolStarted("call_1"),
    ]
    stage = Stage([[call_text("look")], ["ok"]], FixedApprover({"look": DENY}), past=past)
    events = await stage.turn("and?")
    assert ToolMessage("call_1", "note", UNKNOWN_OUTCOME) in stage.engine.requests[0].messages
    (proposed,) = [event for event in events if isinstance(event, ToolCallProposed)]
    assert proposed.call.id == "call_2"


async def test_two_turns_at_once_are_a_bug() -> None:
    stage = Stage([[WaitForStop()]])
    turn = asyncio.ensure_future(stage.turn())
    await stage.engine.waiting.wait()
    with pytest.raises(RuntimeError):
        await stage.session.run_turn("again").__anext__()
    await stage.session.cancel()
    await turn


async def test_leaving_early_takes_everything_down() -> None:
    approver = ManualApprover()
    stage = Stage([[call_text("note", text="x")]], approver)

    async def leave_at_the_question() -> None:
        async with aclosing(stage.session.run_turn("hi")) as events:
            async for _ in events:
                pass

    task = asyncio.ensure_future(leave_at_the_question())
    await approver.wait_asked("call_1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert approver.cancelled == ["call_1"]


async def test_a_turn_says_what_it_runs_with() -> None:
    options = SessionOptions(sampling=Sampling(temperature=0.2, seed=7), adapter="mine.gguf")
    stage = Stage([["yes"]], options=options)
    await stage.turn()
    (settings,) = (event for event in stage.events if isinstance(event, TurnSettings))
    assert settings == TurnSettings(
        model="scripted",
        engine="plays a script",
        context_size=4096,
        sampling=asdict(options.sampling),
        tools=["add", "note", "look", "wait"],
        adapter="mine.gguf",
        isolation="a box",
        version=__version__,
    )
    assert stage.events.index(settings) < stage.events.index(RoundStarted(1))
