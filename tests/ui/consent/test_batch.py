"""Several calls of one round on one card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.tools.spec import Effect, Preview
from smol_chat.ui.consent.batch import Batch, BatchList
from support.screen import Stage, on_stage
from support.scripted_conversation import Ask, ScriptedBackend, request


def read(name: str, step: int = 1) -> ApprovalRequest:
    preview = Preview(f"Read {name}.txt")
    return replace(request("read_file", {"path": name}, effect=Effect.READ, preview=preview, call_id=name), step=step)


A, B = read("a"), read("b")
WRITE = replace(
    request("write_file", {"path": "c"}, effect=Effect.WRITE, preview=Preview("Write c"), call_id="c"), step=2
)


async def shown(stage: Stage) -> None:
    await stage.send("go")
    await stage.until(lambda: stage.dock.card is not None and len(stage.card.calls.requests) > 1)
    await stage.card_listens()
    await stage.pilot.pause()


def decisions(backend: ScriptedBackend) -> dict[str, Decision]:
    return dict(backend.conversation.decisions)


def test_rows_tell_what_each_call_does_and_when() -> None:
    rows = Batch([A, B, WRITE]).rows(70)
    assert [" ".join(row.plain.split()) for row in rows] == [
        "▸☑ 1 read_file a• ○ reads · beside 2",
        "☑ 2 read_file b• ○ reads · beside 1",
        "☑ 3 write_file c• ± changes files · after 1 and 2",
    ]
    assert all(row.cell_length <= 70 for row in rows)


def test_an_edit_makes_a_call_unread_again() -> None:
    calls = Batch([A, B])
    calls.read(A)
    calls.read(B)
    assert calls.first_unread() is None
    edited = replace(A, call=replace(A.call, arguments={"path": "other"}))
    calls.replace(A, edited)
    assert calls.first_unread() == 0


async def test_no_call_is_allowed_that_was_not_shown(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((A, B))]])
    async with on_stage(backend) as stage:
        await shown(stage)
        assert "which is ticked and not read yet" in stage.text
        await stage.press("y")
        await stage.wait(1.1)
        assert decisions(backend) == {}
        await stage.until(lambda: "Read b.txt" in stage.text)
        await stage.press("y")
        await stage.wait(1.1)
        await stage.until(lambda: len(decisions(backend)) == 2)
        assert decisions(backend) == {"a": A.allow(), "b": B.allow()}


async def test_arrows_show_the_calls_and_space_ticks(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((A, B, WRITE))]])
    async with on_stage(backend) as stage:
        await shown(stage)
        await stage.press("right", "right")
        assert "Write c" in stage.text
        await stage.press("space")
        await stage.wait(0.3)
        assert "☐ 3" in stage.text
        assert "[y] allow 2 ticked" in stage.text
        await stage.press("left")
        await stage.pilot.pause()
        await stage.press("y")
        await stage.wait(1.1)
        await stage.until(lambda: len(stage.card.calls.requests) == 1)
        assert stage.card.request is WRITE, "what was not ticked is still asked about"
        await stage.card_listens()
        await stage.press("n")
        await stage.wait(1.1)
        await stage.until(lambda: len(decisions(backend)) == 3)
        assert decisions(backend) == {"a": A.allow(), "b": B.allow(), "c": Decision(False)}


async def test_one_risky_call_among_the_ticked_asks_for_the_second_key(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((A, WRITE))]])
    async with on_stage(backend) as stage:
        await shown(stage)
        await stage.press("right")
        await stage.pilot.pause()
        await stage.press("y")
        await stage.wait(1.1)
        assert "press y again to change files" in stage.text
        await stage.press("space")
        await stage.wait(0.3)
        assert "press y again" not in stage.text, "other calls are ticked now"
        await stage.press("y")
        await stage.wait(1.1)
        await stage.until(lambda: len(stage.card.calls.requests) == 1)
        assert stage.card.request is WRITE


async def test_denying_what_is_ticked_needs_no_reading(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((A, B))]])
    async with on_stage(backend) as stage:
        await shown(stage)
        await stage.press("n")
        await stage.wait(1.1)
        await stage.until(lambda: len(decisions(backend)) == 2)
        assert not any(decision.allowed for decision in decisions(backend).values())


async def test_an_answer_for_the_conversation_is_about_the_call_that_is_shown(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((A, WRITE))]])
    async with on_stage(backend) as stage:
        await shown(stage)
        await stage.press("s")
        await stage.wait(1.1)
        await stage.until(lambda: stage.dock.card is not None and stage.card.request is WRITE)
        await stage.press("y", every=0.1)
        await stage.pilot.pause()
        assert stage.card.request is WRITE, "the rest is a new question, which nobody has read yet"


async def test_clicks_on_the_list_show_and_tick(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((A, B))]])
    async with on_stage(backend) as stage:
        await shown(stage)
        calls = stage.card.query_one(BatchList)
        await stage.pilot.click(calls, offset=(20, 1))
        await stage.until(lambda: "Read b.txt" in stage.text)
        assert "☑ 2" in stage.text
        await stage.pilot.click(calls, offset=(1, 0))
        await stage.until(lambda: "☐ 1" in stage.text)


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (200, 60)])
async def test_the_answers_stay_on_screen_with_many_calls(tmp_path: Path, size: tuple[int, int]) -> None:
    many = tuple(read(f"file {number}") for number in range(12))
    backend = ScriptedBackend(tmp_path, [[Ask(many)]])
    async with on_stage(backend, size=size) as stage:
        await shown(stage)
        for part in ("[y] allow 12 ticked", "[n] deny 12 ticked", "Write a message", "Read file 0.txt"):
            assert part in stage.text, part
        await stage.press("left")
        await stage.until(lambda: "Read file 11.txt" in stage.text)
        assert "▸☑ 12" in stage.text
