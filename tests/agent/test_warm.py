"""Between turns the engine is given the conversation as it will go on."""

from __future__ import annotations

from contextlib import aclosing

from smol_chat.agent.session import Session, SessionOptions
from smol_chat.messages import AssistantMessage, SystemMessage, UserMessage
from support.approvers import FixedApprover
from support.scripted_engine import ScriptedEngine
from support.scripted_toolbox import SmallToolbox


def session(engine: ScriptedEngine, *, tools_on: bool | None = None) -> Session:
    options = SessionOptions(system="Be brief.", tools_on=tools_on)
    return Session("conv-1", engine=engine, toolbox=SmallToolbox(), approver=FixedApprover({}), options=options)


async def test_before_the_first_turn_it_gets_system_message_and_tools() -> None:
    engine = ScriptedEngine([])
    await session(engine).warm()
    (request,) = engine.warmed
    assert request.messages == (SystemMessage("Be brief."),)
    assert request.tools == SmallToolbox().schemas()


async def test_tools_that_are_off_are_not_prepared() -> None:
    engine = ScriptedEngine([])
    await session(engine, tools_on=False).warm()
    assert engine.warmed[0].tools == ()


async def test_after_a_turn_it_gets_the_whole_history() -> None:
    engine = ScriptedEngine([["Hello."]])
    talk = session(engine)
    async with aclosing(talk.run_turn("Hi.")) as events:
        async for _ in events:
            assert engine.warmed == []
            await talk.warm()  # nothing happens while a turn runs
    await talk.warm()
    assert engine.warmed[0].messages == (SystemMessage("Be brief."), UserMessage("Hi."), AssistantMessage("Hello."))
