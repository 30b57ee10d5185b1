from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.tools.spec import Effect, Preview
from support.screen import Stage, on_stage
from support.scripted_conversation import Ask, Pause, ScriptedBackend, request

WEATHER = request(
    "get_weather",
    {"location": "Oslo", "days": 2},
    preview=Preview("Forecast for Oslo", hosts=("api.open-meteo.com",)),
)
LONG = "\n".join(f"print({number})" for number in range(1, 101))


def python(code: str = "print(1)") -> ApprovalRequest:
    preview = Preview("Run Python", body=code, language="python", isolation="no files, no network")
    return request("execute_python", {"code": code}, effect=Effect.EXECUTE, preview=preview)


def asking(root: Path, *requests: ApprovalRequest) -> ScriptedBackend:
    return ScriptedBackend(root, [[Ask(requests)]])


async def asked(stage: Stage) -> None:
    await stage.send("go")
    await stage.until(lambda: stage.dock.card is not None)


def decisions(stage: Stage) -> list[Decision]:
    return [decision for _, decision in stage.backend.conversation.decisions]


async def answered(stage: Stage) -> Decision:
    await stage.wait(1.1)
    await stage.until(lambda: bool(decisions(stage)))
    return decisions(stage)[-1]


async def test_the_card_shows_what_would_run(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        for part in (
            "get_weather · → uses the network",
            "leaves this machine → api.open-meteo.com",
            "Forecast for Oslo",
            "location  Oslo",
            "days      2",
            "[y] allow once",
            "waiting until you stop typing",
        ):
            assert part in stage.text, part


@pytest.mark.parametrize(
    ("key", "decision"),
    [("y", WEATHER.allow()), ("s", WEATHER.allow("session")), ("n", Decision(False))],
)
async def test_one_key_answers_a_harmless_call(tmp_path: Path, key: str, decision: Decision) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press(key)
        assert decisions(stage) == []
        assert await answered(stage) == decision
        await stage.until(lambda: stage.dock.card is None)
        assert stage.composer.has_focus


async def test_what_was_shown_is_the_very_request_that_is_answered(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        assert stage.card.request is WEATHER


async def test_a_denial_carries_the_reason_that_was_written(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press("w")
        await stage.wait(1.1)
        assert stage.card.is_written_in
        await stage.type("ask me first")
        await stage.pilot.press("enter")
        assert await answered(stage) == Decision(False, reason="ask me first")


async def test_escape_leaves_the_reason_and_stops_nothing(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press("w")
        await stage.wait(1.1)
        await stage.press("escape")
        await stage.pilot.pause()
        assert not stage.card.is_written_in
        assert stage.card.has_focus
        assert decisions(stage) == []


@pytest.mark.parametrize("key", ["enter", "space", "tab", "escape"])
async def test_no_usual_key_of_dialogs_allows_a_call(tmp_path: Path, key: str) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press(key)
        await stage.wait(1.1)
        assert not any(decision.allowed for decision in decisions(stage))


@pytest.mark.parametrize("every", [0.02, 0.1, 0.2])
async def test_typing_when_the_card_arrives_goes_to_the_composer(tmp_path: Path, every: float) -> None:
    pause = Pause()
    async with on_stage(ScriptedBackend(tmp_path, [[pause, Ask((WEATHER,))]])) as stage:
        await stage.send("go")
        await stage.type("yes", every=every)
        pause.go_on.set()
        await stage.until(lambda: stage.dock.card is not None)
        for character in "yyy no sure yes":
            await stage.type(character, every=every)
            stage.dock.poll()
        await stage.wait(5.0)
        assert stage.composer.text == "yesyyy no sure yes"
        assert stage.composer.has_focus
        assert decisions(stage) == []
        assert stage.dock.card is not None


async def test_typing_that_begins_on_a_listening_card_moves_to_the_composer(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.type("yes, and also tomorrow", every=0.12)
        await stage.wait(1.5)
        assert stage.composer.text == "yes, and also tomorrow"
        assert decisions(stage) == []
        assert stage.composer.has_focus


async def test_a_paste_never_answers(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        stage.app.post_message(events.Paste("y\ny"))
        await stage.pilot.pause()
        await stage.wait(1.0)
        assert stage.composer.text == "y\ny"
        assert decisions(stage) == []


async def test_a_risky_call_needs_the_key_twice(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, python())) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press("y")
        await stage.wait(1.1)
        assert "press y again to run it" in stage.text
        assert decisions(stage) == []
        await stage.press("y")
        assert await answered(stage) == python().allow()


async def test_a_long_call_is_allowed_only_after_its_end_was_in_view(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, python(LONG))) as stage:
        await asked(stage)
        await stage.card_listens()
        for _ in range(2):
            await stage.press("y")
            await stage.wait(1.1)
        assert "scroll to the end before you allow it" in stage.text
        assert decisions(stage) == []
        await stage.press("end")
        await stage.pilot.pause()
        assert "100 print(100)" in stage.text
        for _ in range(2):
            await stage.press("y")
            await stage.wait(1.1)
        assert await answered(stage) == python(LONG).allow()


WRAPPING = {"one line": "x" * 5000, "lines": ("y" * 200 + "\n") * 40, "wide": "日本" * 900}


@pytest.mark.parametrize("code", WRAPPING.values(), ids=WRAPPING)
async def test_the_end_of_lines_that_wrap_is_reached(tmp_path: Path, code: str) -> None:
    async with on_stage(asking(tmp_path, python(f"{code}■"))) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press("end")
        await stage.until(lambda: "■" in stage.text and "scroll to the end" not in stage.text)


async def test_a_long_call_can_be_denied_unread(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, python(LONG))) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press("n")
        assert await answered(stage) == Decision(False)


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (120, 40)])
async def test_the_answers_stay_on_screen_whatever_is_shown(tmp_path: Path, size: tuple[int, int]) -> None:
    async with on_stage(asking(tmp_path, python(LONG)), size=size) as stage:
        await asked(stage)
        await stage.pilot.pause()
        assert "[y] allow once" in stage.text
        assert "Write a message" in stage.text


@pytest.mark.parametrize("key", ["tab", "ctrl+o"])
async def test_going_to_the_card_lets_it_answer_at_once(tmp_path: Path, key: str) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.type("a draft")
        await stage.press(key)
        assert stage.card.has_focus
        await stage.press("y", every=0.4)
        assert await answered(stage) == WEATHER.allow()
        assert stage.composer.text == "a draft"


async def test_clicks_answer(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        stage.clock.advance(2.0)
        await stage.click("session")
        await stage.until(lambda: bool(decisions(stage)))
        assert decisions(stage) == [WEATHER.allow("session")]


async def test_a_stop_takes_the_card_down(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.card_listens()
        await stage.press("escape")
        await stage.until(lambda: stage.dock.card is None)
        assert "stopped" in stage.text
        assert stage.composer.has_focus


async def test_a_card_does_not_take_the_focus_from_under_another_screen(tmp_path: Path) -> None:
    async with on_stage(asking(tmp_path, WEATHER)) as stage:
        await asked(stage)
        await stage.press("f1")
        await stage.wait(10.0)
        assert not stage.card.has_focus
        await stage.press("y")
        await stage.wait(1.0)
        assert decisions(stage) == []


async def test_hostile_text_is_harmless_in_every_part_of_the_card(tmp_path: Path) -> None:
    hostile = "[/b][@click=app.quit]x[/]\x1b]0;title\x07\u202e\u200b"
    evil = request(
        hostile,
        {hostile: hostile, "lines": f"{hostile}\n{hostile}"},
        effect=Effect.WRITE,
        preview=Preview(hostile, body=hostile, language="diff", hosts=(hostile,), isolation=hostile),
    )
    async with on_stage(asking(tmp_path, evil), size=(120, 40)) as stage:
        await asked(stage)
        await stage.card_listens()
        assert "[/b][@click=app.quit]x[/]␛]0;title␇⟨U+202E⟩⟨U+200B⟩" in stage.text
        assert not set("\x1b\x07\u202e\u200b") & set(stage.text)
        await stage.press("w")
        await stage.wait(1.1)
        stage.app.post_message(events.Paste("\x1b[31mred\u202e"))
        await stage.pilot.pause()
        assert stage.card.query_one(Input).value == "␛[31mred⟨U+202E⟩"
