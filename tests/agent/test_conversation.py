"""A conversation that branches: what the model is sent, what is kept, what the engine evaluates again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from smol_chat.agent.conversation import Conversation, Version
from smol_chat.agent.replay import History
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.engine.base import Engine, Sampling
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.events import (
    ContentDelta,
    Pinned,
    Summarised,
    ToolCallProposed,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import Journal
from smol_chat.messages import AssistantMessage, Message, Usage, UserMessage
from support.approvers import ALLOW, FixedApprover
from support.gguf_models import write_hybrid_model
from support.scripted_engine import ScriptedEngine, Step
from support.scripted_toolbox import SmallToolbox

ADD = '<tool_call>{"name": "add", "arguments": {"a": 2, "b": 3}}</tool_call>'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        yield journal


def opened(journal: Journal, engine: Engine, name: str = "c", options: SessionOptions | None = None) -> Conversation:
    branch = journal.branch(name)
    session = Session(
        name,
        engine=engine,
        toolbox=SmallToolbox(),
        approver=FixedApprover({"add": ALLOW}),
        options=options or SessionOptions(),
        past=branch.last,
        earlier=branch.past[:-1],
        calls_made=branch.calls_made,
    )
    return Conversation(name, branch.past, session, journal, branch.turns)


async def say(conversation: Conversation, text: str) -> list[TurnEvent]:
    async with aclosing(conversation.run_turn(text)) as events:
        return [event async for event in events]


def scripted(answers: Sequence[Step]) -> ScriptedEngine:
    return ScriptedEngine([[answer] for answer in answers])


def texts(messages: Sequence[Message]) -> list[str]:
    return [
        message.content if isinstance(message, AssistantMessage) else message.text
        for message in messages
        if isinstance(message, (UserMessage, AssistantMessage))
    ]


def asked(conversation: Conversation) -> list[str]:
    return [event.text for turn in conversation.past for event in turn if isinstance(event, TurnStarted)]


async def test_an_edited_message_replaces_what_came_after_it_for_the_model_and_keeps_it_for_the_user(
    journal: Journal,
) -> None:
    engine = scripted(["One.", "Two.", "Other."])
    conversation = opened(journal, engine)
    await say(conversation, "1")
    await say(conversation, "2")
    conversation.rewind(1)
    await say(conversation, "2, better")
    assert texts(engine.requests[-1].messages) == ["1", "One.", "2, better"]
    assert await conversation.versions() == [Version(1, 1), Version(2, 2)]

    assert await conversation.walk(1, -1)
    assert asked(conversation) == ["1", "2"]
    assert await conversation.versions() == [Version(1, 1), Version(1, 2)]
    assert not await conversation.walk(1, -1)
    assert not await conversation.walk(0, 1)


async def test_the_branch_that_was_walked_to_is_open_for_the_model_and_after_reopening(journal: Journal) -> None:
    engine = scripted(["One.", "Two.", "Other.", "Three."])
    conversation = opened(journal, engine)
    for text in ("1", "2"):
        await say(conversation, text)
    conversation.rewind(0)
    await say(conversation, "1, better")
    await conversation.walk(0, -1)
    again = opened(journal, engine)
    assert asked(again) == ["1", "2"]
    await say(again, "3")
    assert texts(engine.requests[-1].messages) == ["1", "One.", "2", "Two.", "3"]
    assert await again.walk(0, 1)
    assert asked(again) == ["1, better"]


async def test_a_turn_that_was_found_is_shown_on_its_branch(journal: Journal) -> None:
    conversation = opened(journal, scripted(["a", "b", "c", "d"]))
    for text in ("1", "2"):
        await say(conversation, text)
    conversation.rewind(1)
    for text in ("2, better", "3"):
        await say(conversation, text)
    first, second, better, third = range(1, 5)
    assert await conversation.show(second) == 1
    assert asked(conversation) == ["1", "2"]
    assert await conversation.show(first) == 0
    assert asked(conversation) == ["1", "2, better", "3"]
    assert await conversation.show(third) == 2
    assert await conversation.show(better) == 1


async def test_two_programs_in_one_conversation_each_go_on_with_their_own_branch(journal: Journal) -> None:
    here, there = opened(journal, scripted(["a", "b"])), opened(journal, scripted(["x", "y"]))
    for number in "12":
        await say(here, f"here {number}")
        await say(there, f"there {number}")
    assert asked(opened(journal, scripted([]))) == ["there 1", "there 2"]
    assert await here.walk(0, -1) is False
    assert await here.versions() == [Version(1, 2), Version(1, 1)]


async def test_calls_of_all_branches_have_numbers_of_their_own(journal: Journal) -> None:
    engine = scripted([ADD, "5.", ADD, "5 again.", ADD, "5 once more."])
    conversation = opened(journal, engine)
    await say(conversation, "1")
    conversation.rewind(0)
    events = await say(conversation, "1, better")
    await conversation.walk(0, -1)
    reopened = opened(journal, engine)
    events += await say(reopened, "2")
    assert [event.call.id for event in events if isinstance(event, ToolCallProposed)] == ["call_2", "call_3"]


async def test_what_could_not_be_stored_is_branched_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()  # no database can be made here
    engine = scripted(["One.", "Two.", "Other."])
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        session = Session(
            "c", engine=engine, toolbox=SmallToolbox(), approver=FixedApprover({}), options=SessionOptions()
        )
        conversation = Conversation("c", [], session, journal, [])
        for text in ("1", "2"):
            await say(conversation, text)
        conversation.rewind(1)
        await say(conversation, "2, better")
    assert texts(engine.requests[-1].messages) == ["1", "One.", "2, better"]


async def test_the_engine_evaluates_again_only_what_differs(journal: Journal, tmp_path: Path) -> None:
    model = write_hybrid_model(tmp_path / "hybrid.gguf")
    engine = LocalEngine(model, LocalOptions(context_size=4096, threads=1), log_file=tmp_path / "engine.log")
    options = SessionOptions(system="Be brief. " * 20, sampling=Sampling(temperature=0, max_tokens=12), tools_on=False)
    conversation = opened(journal, engine, options=options)
    long = "The quick brown fox jumps over the lazy dog. " * 8

    async def usage(text: str) -> Usage:
        last = (await say(conversation, text))[-1]
        assert isinstance(last, TurnFinished)
        await conversation.warm()
        return last.usage

    try:
        await usage(long)
        second = await usage("And then?")
        conversation.rewind(1)
        regenerated = await usage("And then?")
        assert regenerated.prompt_tokens == second.prompt_tokens
        assert regenerated.prompt_tokens - regenerated.reused_tokens < 16  # what opens the answer, in letters

        conversation.rewind(1)
        edited = await usage("Who else?")
        assert edited.reused_tokens >= second.reused_tokens  # everything up to this message

        await conversation.walk(1, -1)
        walked = await usage("Go on.")
        assert walked.reused_tokens > len("Be brief. ") * 20 // 4
        assert walked.prompt_tokens - walked.reused_tokens < walked.prompt_tokens // 2
    finally:
        await engine.close()


def test_going_back_is_the_same_as_never_having_gone_on() -> None:
    events: list[TurnEvent] = [
        TurnStarted("c", "1"),
        ContentDelta("One."),
        Pinned(True),
        TurnStarted("c", "2"),
        ContentDelta("Two."),
        TurnStarted("c", "3"),
        Summarised(2, "One and two."),
        ContentDelta("Three."),
        Pinned(True),
        TurnStarted("c", "4"),
        Summarised(3, "One, two, three."),
        ContentDelta("Fo"),
    ]
    starts = [number for number, event in enumerate(events) if isinstance(event, TurnStarted)]
    for turns in range(5):
        history = History(events)
        history.rewind(turns)
        expected = History(events[: [*starts, len(events)][turns]])
        assert history.messages() == expected.messages()
        assert (history.summary, history.pinned, history.turns) == (expected.summary, expected.pinned, turns)
        assert history.cut is None
