"""A title by the model: when it is taken, and that it disturbs nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from smol_chat.agent.conversation import Conversation
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.agent.titles import PROMPT, cleaned
from smol_chat.engine.base import Engine, Sampling
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.errors import EngineError
from smol_chat.events import GenerationFinished, TurnEvent, TurnFinished
from smol_chat.journal import Journal
from smol_chat.messages import AssistantMessage, Timings, Usage, UserMessage
from support.approvers import FixedApprover
from support.gguf_models import write_hybrid_model
from support.scripted_engine import ScriptedEngine, WaitForStop
from support.scripted_toolbox import SmallToolbox


def conversation_of(journal: Journal, engine: Engine, options: SessionOptions | None = None) -> Conversation:
    session = Session(
        "c", engine=engine, toolbox=SmallToolbox(), approver=FixedApprover({}), options=options or SessionOptions()
    )
    return Conversation("c", [], session, journal, [])


async def say(conversation: Conversation, text: str) -> list[TurnEvent]:
    async with aclosing(conversation.run_turn(text)) as events:
        return [event async for event in events]


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Lemons in Sicily", "Lemons in Sicily"),
        ('\n "Lemons in Sicily." \n', "Lemons in Sicily"),
        ("**Title: Lemons**", "Lemons"),
        ("# Lemons\n\nmore", "Lemons"),
        ("\x1b[31mLemons", "\N{SYMBOL FOR ESCAPE}[31mLemons"),
        ("", ""),
        ("...", ""),
        ("one two three four five six seven eight nine ten eleven", ""),
        ("x" * 61, ""),
        ('<tool_call>{"name": 1}', ""),
    ],
)
def test_what_is_taken_as_a_title(said: str, title: str) -> None:
    assert cleaned(said) == title


async def test_the_model_names_a_conversation_once_and_it_is_no_part_of_it(tmp_path: Path) -> None:
    engine = ScriptedEngine([["They grow."], ["<think>Hm.</think>Lemons in Sicily"], ["Yes."]])
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        conversation = conversation_of(journal, engine)
        await conversation.name_itself()  # there is nothing to name yet
        await say(conversation, "Where do lemons grow?")
        await conversation.name_itself()
        (summary,) = journal.conversations()
        assert (summary.title, summary.named_by, summary.turns) == ("Lemons in Sicily", "model", 1)
        asked = engine.requests[1]
        assert asked.messages[-1] == UserMessage(PROMPT) and asked.tool_choice == "none"
        assert asked.tools == engine.requests[0].tools
        await conversation.name_itself()
        await say(conversation, "Sure?")
        assert engine.requests[2].messages == (
            UserMessage("Where do lemons grow?"), AssistantMessage("They grow."), UserMessage("Sure?"),
        )  # fmt: skip


async def test_a_title_a_person_gave_is_kept(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        conversation = conversation_of(journal, ScriptedEngine([["They grow."]]))
        await say(conversation, "Where do lemons grow?")
        journal.rename("c", "Mine")
        await conversation.name_itself()
        journal.rename("c", "Not mine", by="model")
        assert journal.conversations()[0].title == "Mine"


@pytest.mark.parametrize(
    "answer", [[EngineError("gone")], ["word " * 40], [GenerationFinished("length", Usage(), Timings())]]
)
async def test_a_model_that_gives_no_title_costs_nothing(tmp_path: Path, answer: list[str]) -> None:
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        conversation = conversation_of(journal, ScriptedEngine([["They grow."], answer]))
        await say(conversation, "Where do lemons grow?")
        await conversation.name_itself()
        (summary,) = journal.conversations()
        assert (summary.title, summary.named_by) == ("Where do lemons grow?", "text")


async def test_a_turn_comes_first(tmp_path: Path) -> None:
    engine = ScriptedEngine([["One."], ["Lem", WaitForStop()], ["Two."]])
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        conversation = conversation_of(journal, engine)
        await say(conversation, "1")
        naming = asyncio.ensure_future(conversation.name_itself())
        await engine.waiting.wait()
        naming.cancel()
        await asyncio.wait({naming})
        assert isinstance((await say(conversation, "2"))[-1], TurnFinished)
        assert journal.conversations()[0].named_by == "text"


async def test_naming_takes_nothing_out_of_the_engines_memory(tmp_path: Path) -> None:
    model = write_hybrid_model(tmp_path / "hybrid.gguf")
    options = SessionOptions(system="Be brief. " * 20, sampling=Sampling(temperature=0, max_tokens=12), tools_on=False)
    reused: list[int] = []
    for named in (False, True):
        engine = LocalEngine(model, LocalOptions(context_size=4096, threads=1), log_file=tmp_path / "engine.log")
        try:
            with closing(Journal.open(tmp_path / f"{named}.db")) as journal:
                conversation = conversation_of(journal, engine, options)
                await say(conversation, "The quick brown fox. " * 10)
                if named:
                    await conversation.name_itself()
                last = (await say(conversation, "And then?"))[-1]
                assert isinstance(last, TurnFinished)
                reused.append(last.usage.reused_tokens)
        finally:
            await engine.close()
    without, after = reused
    assert after >= without
