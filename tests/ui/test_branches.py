"""Editing, answering again, branching off and walking between versions, by keys, mouse and commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.geometry import Offset

from smol_chat.messages import AssistantMessage, UserMessage
from smol_chat.ui.transcript.view import Transcript
from support.screen import Stage, on_stage
from support.scripted_engine import Step, WaitForStop
from support.stored_conversations import StoringBackend

VERSION = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} {} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"


def backend_of(folder: Path, *answers: Step) -> StoringBackend:
    return StoringBackend(folder, [[answer] for answer in answers])


async def say(stage: Stage, text: str, answer: str) -> None:
    await stage.send(text)
    await stage.until(lambda: answer in stage.text and not stage.chat.is_answering)


def model_read(backend: StoringBackend) -> list[str]:
    messages = backend.engine.requests[-1].messages
    return [
        message.content if isinstance(message, AssistantMessage) else message.text
        for message in messages
        if isinstance(message, (UserMessage, AssistantMessage))
    ]


def shows(stage: Stage, version: str) -> bool:
    return VERSION.format(version) in stage.text


async def test_a_message_is_edited_by_its_number_and_both_versions_are_there(tmp_path: Path) -> None:
    backend = backend_of(tmp_path, "One.", "Two.", "Other.")
    async with on_stage(backend) as stage:
        await say(stage, "first", "One.")
        await say(stage, "second", "Two.")
        await stage.type("/edit 1")
        await stage.press("enter")
        await stage.until(lambda: "editing message 1" in stage.text)
        assert stage.composer.text == "first"
        await say(stage, ", better", "Other.")
        await stage.until(lambda: shows(stage, "2/2"))
        assert "first, better" in stage.text and "second" not in stage.text and "editing" not in stage.text
        assert model_read(backend) == ["first, better"]
        await stage.press("ctrl+l", "k", "left")
        await stage.until(lambda: shows(stage, "1/2") and "Two." in stage.text)
        assert "better" not in stage.text


async def test_an_edit_that_is_left_changes_nothing_and_gives_the_draft_back(tmp_path: Path) -> None:
    async with on_stage(backend_of(tmp_path, "One.")) as stage:
        await say(stage, "first", "One.")
        await stage.type("a draft")
        await stage.press("ctrl+l", "k", "e")
        await stage.until(lambda: stage.composer.text == "first")
        await stage.press("x", "escape")
        await stage.until(lambda: stage.composer.text == "a draft")
        assert "editing" not in stage.text and "One." in stage.text


async def test_answering_again_while_the_answer_is_written_ends_it_first(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["Beg", WaitForStop()], ["Whole."]])
    async with on_stage(backend) as stage:
        await stage.send("first")
        await stage.until(lambda: "Beg" in stage.text)
        await stage.type("/regenerate")
        await stage.press("enter")
        await stage.until(lambda: "Whole." in stage.text and shows(stage, "2/2"))
        assert "Beg" not in stage.text
        assert model_read(backend) == ["first"]


async def test_messages_that_wait_are_not_lost_by_answering_again(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["Beg", WaitForStop()], ["Whole."], ["Second."]])
    async with on_stage(backend) as stage:
        await stage.send("first")
        await stage.until(lambda: "Beg" in stage.text)
        await stage.send("waiting")
        await stage.send("/regenerate")
        await stage.until(lambda: "Second." in stage.text)
        assert model_read(backend) == ["first", "Whole.", "waiting"]


async def test_a_branch_begins_behind_an_earlier_answer(tmp_path: Path) -> None:
    backend = backend_of(tmp_path, "One.", "Two.", "Aside.")
    async with on_stage(backend) as stage:
        await say(stage, "first", "One.")
        await say(stage, "second", "Two.")
        await stage.type("/branch 1")
        await stage.press("enter")
        await stage.until(lambda: "Two." not in stage.text)
        await say(stage, "aside", "Aside.")
        assert model_read(backend) == ["first", "One.", "aside"]
        await stage.until(lambda: shows(stage, "2/2"))
        await stage.send("/branches")
        await stage.until(lambda: "second → Two." in stage.text)
        await stage.press("down", "enter")
        await stage.until(lambda: "Two." in stage.text and shows(stage, "1/2"))


@pytest.mark.parametrize(("column", "shown"), [(0, "1/3"), (6, "3/3")])
async def test_a_click_beside_the_number_walks(tmp_path: Path, column: int, shown: str) -> None:
    backend = backend_of(tmp_path, "One.", "Other.", "Third.")
    async with on_stage(backend) as stage:
        await say(stage, "first", "One.")
        await stage.send("/regenerate")
        await stage.until(lambda: shows(stage, "2/2"))
        await stage.send("/regenerate")
        await stage.until(lambda: shows(stage, "3/3") and not stage.chat.is_answering)
        await stage.press("ctrl+l", "k", "left")
        await stage.until(lambda: shows(stage, "2/3"))
        row = next(y for y, line in enumerate(stage.text.split("\n")) if VERSION.format("2/3") in line)
        left = stage.text.split("\n")[row].index(VERSION[0])
        top = stage.chat.query_one(Transcript).region.y
        await stage.pilot.click(Transcript, offset=Offset(left + column, row - top))
        await stage.until(lambda: shows(stage, shown))


async def test_numbers_that_are_no_message_are_said(tmp_path: Path) -> None:
    async with on_stage(backend_of(tmp_path, "One.")) as stage:
        await stage.send("/edit")
        await stage.until(lambda: "There is no message yet." in stage.text)
        await say(stage, "first", "One.")
        for wrong in ("2", "0", "x", "²"):
            await stage.send(f"/edit {wrong}")
            await stage.until(lambda wrong=wrong: f"There is no message '{wrong}'" in stage.text)  # type: ignore[misc]


async def test_a_conversation_opens_with_its_versions(tmp_path: Path) -> None:
    backend = backend_of(tmp_path, "One.", "Other.")
    async with on_stage(backend) as stage:
        await say(stage, "first", "One.")
        await stage.send("/regenerate")
        await stage.until(lambda: shows(stage, "2/2"))
        name = backend.opened[-1]
        await stage.send("/new")
        await stage.until(lambda: "Other." not in stage.text)
        await stage.chat.open_conversation(name)
        await stage.until(lambda: shows(stage, "2/2") and "Other." in stage.text)
