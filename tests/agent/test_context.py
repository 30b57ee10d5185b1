"""A conversation that outgrows the window: what the model is shown of it, and that nothing of it is torn apart."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import aclosing

import pytest

from smol_chat.agent.context import reply_reserve
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.agent.shorten import LEAST, WORTH, shortened
from smol_chat.agent.summary import SummaryProposal
from smol_chat.engine.base import GenerationRequest, Sampling
from smol_chat.events import Notice, Summarised, TurnEvent, TurnFailed, TurnFinished
from smol_chat.messages import (
    AssistantMessage,
    JsonObject,
    Message,
    SystemMessage,
    ToolMessage,
    ToolSchema,
    UserMessage,
)
from smol_chat.tools.earlier import LINE_LENGTH, in_lines
from support.approvers import ALLOW, FixedApprover
from support.counting_engine import CountingEngine
from support.library import Library

WINDOW = 4096
LIMIT = WINDOW - reply_reserve(WINDOW, Sampling())
FACT = "My locker number is 7731."


FETCH = '<tool_call>{"name": "fetch", "arguments": {"what": "it"}}</tool_call>'


def is_summary(request: GenerationRequest) -> bool:
    return isinstance(first := request.messages[0], SystemMessage) and first.text.startswith("You shorten")


class Talk:
    """A session on a counting engine, and all that happened in it."""

    def __init__(
        self, answer: Callable[[GenerationRequest], str], *, counts: bool = True, library: Library | None = None
    ) -> None:
        self.engine = CountingEngine(answer, window=WINDOW, counts=counts)
        self.reviewed: list[SummaryProposal] = []
        self.events: list[TurnEvent] = []
        self.session = Session(
            "c",
            engine=self.engine,
            toolbox=library or Library(),
            approver=FixedApprover({"fetch": ALLOW}),
            options=SessionOptions(system="Be brief."),
            reviewer=self,
        )

    async def review(self, proposal: SummaryProposal) -> str:
        self.reviewed.append(proposal)
        return proposal.text

    async def say(self, text: str) -> TurnEvent:
        async with aclosing(self.session.run_turn(text)) as events:
            async for event in events:
                self.events.append(event)
        return self.events[-1]

    @property
    def asked(self) -> list[GenerationRequest]:
        """The requests that were no summaries."""
        return [request for request in self.engine.requests if not is_summary(request)]

    @property
    def last(self) -> tuple[Message, ...]:
        return self.asked[-1].messages


def assert_whole_exchanges(messages: Sequence[Message]) -> None:
    """Each result stands after the message with its call, each call has its result, users and assistants take turns."""
    open_calls: list[str] = []
    turn = "user"
    for message in messages[1:]:
        match message:
            case UserMessage():
                assert turn == "user" and not open_calls
                turn = "assistant"
            case AssistantMessage(calls=calls):
                assert turn == "assistant" and not open_calls
                open_calls = [call.id for call in calls]
                turn = "assistant" if calls else "user"
            case ToolMessage(call_id=call_id):
                assert call_id == open_calls.pop(0)
            case SystemMessage():
                raise AssertionError("a second system message")
    assert not open_calls


def two_rounds(request: GenerationRequest) -> str:
    """Fetch something first and then answer."""
    if is_summary(request):
        return "They talked about many things."
    if isinstance(request.messages[-1], ToolMessage):
        return "This is what it says. " * 8
    return FETCH


@pytest.mark.parametrize("counts", [True, False])
async def test_sixty_turns_with_tools_never_overflow_and_keep_what_is_pinned(counts: bool) -> None:
    chance = random.Random(4)
    talk = Talk(two_rounds, library=Library(lambda: chance.choice([40, 300, 2500, 9000, 16000])), counts=counts)
    last = await talk.say(f"Remember: {FACT}")
    assert isinstance(last, TurnFinished)
    talk.session.pin(0, True)
    for number in range(59):
        last = await talk.say(f"Question {number}: " + "what about this? " * chance.randrange(1, 30))
        assert isinstance(last, TurnFinished) and last.reason == "stop", last
        assert_whole_exchanges(talk.last)
        assert isinstance(first := talk.last[1], UserMessage) and FACT in first.text
    assert max(talk.engine.counted) <= LIMIT
    assert any(isinstance(event, Summarised) for event in talk.events)


async def test_long_results_are_shortened_before_any_turn_is_summarised() -> None:
    talk = Talk(two_rounds, library=Library(lambda: 5000))
    for number in range(3):
        await talk.say(f"Question {number}")
    assert not talk.reviewed
    results = [message.text for message in talk.last if isinstance(message, ToolMessage)]
    assert len(results) == 3
    assert 'read_file with path "result:call_1" and start_line' in results[0]
    assert len(results[0]) < 2500
    said = [event.message for event in talk.events if isinstance(event, Notice)]
    assert said and "shortened for the model" in said[0]


async def test_the_newest_result_is_cut_no_further_than_it_must() -> None:
    talk = Talk(two_rounds, library=Library(lambda: 30_000))
    await talk.say("Read it")
    (result,) = [message.text for message in talk.last if isinstance(message, ToolMessage)]
    assert 5000 < len(result) < 4 * LIMIT
    assert result.startswith("line 0 of call_1") and result.endswith("of call_1\n")


async def test_what_was_shortened_stays_so_while_it_is_shown() -> None:
    talk = Talk(two_rounds, library=Library(lambda: 5000))
    for number in range(4):
        await talk.say(f"Question {number}")
    texts: dict[str, list[int]] = {}
    for request in talk.asked:
        for message in request.messages:
            if isinstance(message, ToolMessage):
                texts.setdefault(message.call_id, []).append(len(message.text))
    for lengths in texts.values():
        assert lengths == sorted(lengths, reverse=True)


async def test_a_summary_can_be_changed_and_stands_for_whole_turns() -> None:
    class Editor(Talk):
        async def review(self, proposal: SummaryProposal) -> str:
            await super().review(proposal)
            return "My own words."

    def answer(request: GenerationRequest) -> str:
        return "A summary." if is_summary(request) else "An answer. " * 100

    talk = Editor(answer)
    while not talk.reviewed:
        await talk.say("Tell me more. " * 60)
    (event,) = [event for event in talk.events if isinstance(event, Summarised)]
    assert event.text == "My own words."
    assert event.turns == talk.reviewed[0].turns == talk.reviewed[0].replaced
    assert isinstance(first := talk.last[1], UserMessage)
    assert "My own words." in first.text and first.text.endswith("Tell me more. " * 60)
    assert talk.engine.counted[-1] <= LIMIT * 0.7  # room for some turns before the prompt changes again


async def test_a_reopened_conversation_begins_with_the_same_summary_and_fits() -> None:
    talk = Talk(two_rounds, library=Library(lambda: 900))
    for number in range(12):
        await talk.say(f"Question {number} " + "about the weather " * 20)
    again = Talk(two_rounds, library=Library(lambda: 900))
    again.session = Session(
        "c",
        engine=again.engine,
        toolbox=Library(),
        approver=FixedApprover({"fetch": ALLOW}),
        options=SessionOptions(system="Be brief."),
        past=talk.events,
    )
    assert any(isinstance(event, Summarised) for event in talk.events)
    await talk.say("And now?")
    await again.say("And now?")
    assert again.asked[0].messages[:2] == talk.asked[-2].messages[:2]
    assert max(again.engine.counted) <= LIMIT
    assert_whole_exchanges(again.last)


async def test_a_message_that_is_too_long_itself_is_refused_in_a_sentence() -> None:
    talk = Talk(lambda request: "ok")
    last = await talk.say("x" * 40_000)
    assert isinstance(last, TurnFailed) and last.kind == "context_overflow"
    assert "Send less text" in last.message
    assert talk.engine.requests == []


async def test_a_model_that_summarises_nothing_leaves_what_was_asked() -> None:
    talk = Talk(lambda request: "" if is_summary(request) else "An answer. " * 100)
    while not talk.reviewed:
        await talk.say("Where is the key? " * 40)
    assert "The user asked: Where is the key?" in talk.reviewed[0].text


async def test_a_summary_that_never_ends_is_cut() -> None:
    talk = Talk(lambda request: "and so on " * 4000 if is_summary(request) else "An answer. " * 100)
    for _ in range(20):
        assert isinstance(await talk.say("Tell me more. " * 60), TurnFinished)
    assert max(talk.engine.counted) <= LIMIT


async def test_stopping_while_a_summary_waits_for_its_reader_ends_the_turn() -> None:
    class Waiting(Talk):
        async def review(self, proposal: SummaryProposal) -> str:
            await self.session.cancel()
            return await super().review(proposal)

    talk = Waiting(lambda request: "A summary." if is_summary(request) else "An answer. " * 100)
    for _ in range(12):
        last = await talk.say("Tell me more. " * 60)
        if talk.reviewed:
            break
    assert isinstance(last, TurnFinished)
    assert last.reason == "cancelled"


def schema(name: str, description: str, size: int, *keywords: str) -> ToolSchema:
    parameters: JsonObject = {"type": "object", "properties": {"x": {"type": "string", "description": "z" * size}}}
    return ToolSchema(name, description, parameters, keywords)


MANY = [
    schema("get_weather", "Weather for a place.", 1500, "rain", "umbrella", "forecast"),
    *(schema(f"other_{number}", "Something else.", 700) for number in range(11)),
]


async def test_tools_that_have_no_room_are_left_out_and_the_user_is_told() -> None:
    talk = Talk(lambda request: "ok", library=Library(schemas=MANY))
    await talk.say("hello")
    offered = [tool.name for tool in talk.asked[-1].tools]
    assert "get_weather" not in offered and "fetch" in offered
    said = [event.message for event in talk.events if isinstance(event, Notice)]
    assert len(said) == 1 and f"room for {len(offered)} of 13 tools" in said[0]
    await talk.say("tell me a joke")
    assert talk.asked[-1].tools == talk.asked[-2].tools
    assert len([event for event in talk.events if isinstance(event, Notice)]) == 1


async def test_a_tool_the_message_is_about_takes_the_place_of_others() -> None:
    talk = Talk(lambda request: "ok", library=Library(schemas=MANY))
    await talk.say("hello")
    await talk.say("Do I need umbrellas tomorrow?")
    assert "get_weather" in [tool.name for tool in talk.asked[-1].tools]
    await talk.say("thanks")  # and it stays, so that the prompt does not change
    assert talk.asked[-1].tools == talk.asked[-2].tools


async def test_pinned_and_demanded_tools_are_always_among_them() -> None:
    talk = Talk(lambda request: "ok", library=Library(schemas=MANY))
    talk.session.pin_tool("get_weather", True)
    await talk.say("hello")
    assert "get_weather" in [tool.name for tool in talk.asked[-1].tools]
    talk.session.pin_tool("get_weather", False)
    talk.session.choose_tool("other_7")
    await talk.say("hello again")
    assert "other_7" in [tool.name for tool in talk.asked[-1].tools]


@pytest.mark.parametrize("text", ["", "short", "a\n" * 300, "x" * 5000, "é" * 3000, "row\n" * 4000])
@pytest.mark.parametrize("keep", [LEAST, 1600])
def test_a_shortened_text_keeps_both_ends_and_says_where_to_read_on(text: str, keep: int) -> None:
    short = shortened(text, "call_9", keep)
    if len(text) <= keep + WORTH:
        assert short == text
        return
    assert len(short) <= keep + WORTH
    head, rest = short.split("\n[", 1)
    tail = rest.split("reads on]\n", 1)[1]
    whole = in_lines(text)
    assert whole.startswith(head) and whole.endswith(tail)
    line = int(rest.split("start_line ")[1].split()[0])
    unread = "".join(whole.splitlines(keepends=True)[line - 1 :])
    assert len(whole) - len(head) - 1 <= len(unread) <= len(whole) - len(head) + LINE_LENGTH


def test_the_answer_has_room_in_every_window() -> None:
    assert reply_reserve(4096, Sampling()) == 1024
    assert reply_reserve(2048, Sampling()) == 512
    assert reply_reserve(32_768, Sampling(max_tokens=64)) == 64
