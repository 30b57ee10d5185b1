from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events

from smol_chat.errors import EngineError
from smol_chat.events import (
    CUT,
    ContentDelta,
    ReasoningDelta,
    ReasoningFinished,
    ToolCallProposed,
    TurnEvent,
    TurnFailed,
    TurnStarted,
)
from support.screen import on_stage
from support.scripted_conversation import DONE, Ask, Crash, Pause, ScriptedBackend, Step, request


async def test_a_turn_is_shown_from_the_question_to_the_answer(tmp_path: Path) -> None:
    script: list[Step] = [ReasoningDelta("hm"), ReasoningFinished(3200, 148), ContentDelta("It is **sunny**."), DONE]
    async with on_stage(ScriptedBackend(tmp_path, [script])) as stage:
        await stage.send("What is the weather?")
        await stage.until(lambda: "It is sunny." in stage.text)
        assert "What is the weather?" in stage.text
        assert "thought for 3.2 s · 148 tokens" in stage.text
        assert "22.4 tok/s" in stage.text
        assert stage.backend.conversation.sent == ["What is the weather?"]


async def test_messages_sent_meanwhile_wait_and_go_one_after_another(tmp_path: Path) -> None:
    first, second = Pause(), Pause()
    async with on_stage(ScriptedBackend(tmp_path, [[first, DONE], [second, DONE], [DONE]])) as stage:
        for text in ("one", "two", "three"):
            await stage.send(text)
        assert "↳ queued  two" in stage.text
        assert "↳ queued  three" in stage.text
        assert stage.backend.conversation.sent == ["one"]
        first.go_on.set()
        await stage.until(lambda: stage.backend.conversation.sent == ["one", "two"])
        second.go_on.set()
        await stage.until(lambda: stage.backend.conversation.sent == ["one", "two", "three"])
        await stage.until(lambda: "queued" not in stage.text)


async def test_a_stop_holds_the_queue_and_enter_sends_it_on(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[Pause()], [DONE]])) as stage:
        await stage.send("one")
        await stage.send("two")
        await stage.press("escape")
        await stage.until(lambda: "held after the stop" in stage.text)
        assert stage.backend.conversation.sent == ["one"]
        await stage.press("enter")
        await stage.until(lambda: stage.backend.conversation.sent == ["one", "two"])


async def test_up_brings_the_last_queued_message_back(tmp_path: Path) -> None:
    pause = Pause()
    async with on_stage(ScriptedBackend(tmp_path, [[pause, DONE], [DONE]])) as stage:
        for text in ("one", "two", "three"):
            await stage.send(text)
        await stage.press("up")
        assert stage.composer.text == "three"
        assert "three" not in stage.text.replace(" three", "", 1).split("queued", 1)[1].split("\n")[0]
        pause.go_on.set()
        await stage.until(lambda: stage.backend.conversation.sent == ["one", "two"])
        assert stage.composer.text == "three"


async def test_writing_is_possible_while_the_model_loads(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[DONE]])
    backend.loaded.clear()
    async with on_stage(backend, ready=False) as stage:
        await stage.until(lambda: "loading smol-tools-4b-Q4_K_M" in stage.text)
        await stage.send("hello")
        assert "↳ queued  hello" in stage.text
        assert backend.conversation.sent == []
        backend.loaded.set()
        await stage.until(lambda: backend.conversation.sent == ["hello"])
        assert "loading" not in stage.text


async def test_a_model_that_cannot_be_loaded_is_one_sentence_and_another_can_be_chosen(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[DONE]])
    backend.load_error = EngineError("The file 'x.gguf' is cut off: [/b] 3 of 9 bytes.")
    async with on_stage(backend, size=(120, 24)) as stage:
        await stage.until(lambda: "is cut off: [/b] 3 of 9 bytes." in stage.text)
        await stage.send("hello")
        assert backend.conversation.sent == []
        await stage.send("/model other")
        await stage.until(lambda: backend.conversation.sent == ["hello"])
        assert backend.used_models == ["other"]


async def test_a_failed_turn_is_said_and_the_next_one_works(tmp_path: Path) -> None:
    script: list[list[Step]] = [
        [TurnFailed("engine_crashed", "The model's process ended.")],
        [ContentDelta("fine"), DONE],
    ]
    async with on_stage(ScriptedBackend(tmp_path, script)) as stage:
        await stage.send("one")
        await stage.until(lambda: "The model's process ended." in stage.text)
        await stage.send("two")
        await stage.until(lambda: "fine" in stage.text)


async def test_a_fault_in_a_turn_does_not_end_the_chat(tmp_path: Path) -> None:
    script: list[list[Step]] = [[Crash(ZeroDivisionError("secret detail"))], [ContentDelta("fine"), DONE]]
    async with on_stage(ScriptedBackend(tmp_path, script), size=(120, 24)) as stage:
        await stage.send("one")
        await stage.until(lambda: "a fault in smol-chat" in stage.text)
        assert "secret detail" not in stage.text
        await stage.send("two")
        await stage.until(lambda: "fine" in stage.text)


async def test_a_reopened_conversation_looks_as_it_looked(tmp_path: Path) -> None:
    past: list[TurnEvent] = [TurnStarted("c", "the question"), ContentDelta("the answer"), DONE]
    backend = ScriptedBackend(tmp_path, past=past)
    async with on_stage(backend, conversation="id-7") as stage:
        await stage.until(lambda: "the answer" in stage.text)
        assert "the question" in stage.text
        assert backend.opened == ["id-7"]


def cut_while_waiting(name: str = "get_weather") -> list[TurnEvent]:
    call = request(name, {"location": "Oslo"}).call
    return [TurnStarted("conv-1", "Weather?"), ContentDelta("I look."), ToolCallProposed(call), TurnFailed(CUT, "Cut.")]


async def test_a_card_that_waited_when_the_program_ended_waits_again(tmp_path: Path) -> None:
    asked = Ask((request("get_weather", {"location": "Oslo"}),), result="rain", again=True)
    backend = ScriptedBackend(tmp_path, [[asked, ContentDelta("It rains."), DONE]], past=cut_while_waiting())
    backend.conversation.waiting = 1
    async with on_stage(backend, conversation="conv-1") as stage:
        await stage.card_listens()
        assert "The program ended here." in stage.text
        assert "Cut." not in stage.text
        await stage.press("y")
        await stage.wait(1.0)
        await stage.until(lambda: "It rains." in stage.text)
        assert [(name, decision.allowed) for name, decision in backend.conversation.decisions] == [("call_1", True)]
        assert backend.conversation.sent == []
        assert stage.text.count("get_weather") == 1
        assert "stopped before it finished" not in stage.text


async def test_a_card_waits_again_although_the_model_cannot_be_loaded(tmp_path: Path) -> None:
    asked = Ask((request("get_weather", {"location": "Oslo"}),), again=True)
    backend = ScriptedBackend(tmp_path, [[asked, DONE]], past=cut_while_waiting())
    backend.conversation.waiting = 1
    backend.load_error = EngineError("The server is gone.")
    async with on_stage(backend, conversation="conv-1", ready=False) as stage:
        await stage.until(lambda: "The server is gone." in stage.text)
        await stage.card_listens()


async def test_a_turn_cut_where_nothing_waits_is_gone_on_with_when_that_is_wanted(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[ContentDelta("It rains."), DONE]], past=cut_while_waiting()[:1])
    backend.conversation.may_resume = True
    async with on_stage(backend, conversation="conv-1") as stage:
        await stage.until(lambda: "/resume goes on with it" in stage.text)
        await stage.send("/resume")
        await stage.until(lambda: "It rains." in stage.text)
        await stage.send("/resume")
        await stage.until(lambda: "There is no turn here that was cut" in stage.text)


async def test_a_new_conversation_stops_the_running_one_and_begins_empty(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[ContentDelta("half"), Pause()]])) as stage:
        await stage.send("one")
        await stage.until(lambda: "half" in stage.text)
        await stage.press("ctrl+n")
        await stage.until(lambda: "half" not in stage.text and len(stage.backend.opened) == 2)
        assert stage.backend.opened == [None, None]


async def test_rules_of_a_folder_that_do_not_count_are_said_once(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.notice = "The rules in x do not count."
    async with on_stage(backend) as stage:
        await stage.until(lambda: backend.notice in stage.text)
        await stage.press("ctrl+n")
        await stage.until(lambda: len(backend.opened) == 2)
        await stage.pilot.pause()
        assert backend.notice not in stage.text


async def test_quitting_in_the_middle_of_a_turn_ends_it_in_an_orderly_way(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Pause()]])
    async with on_stage(backend) as stage:
        await stage.send("one")
        await stage.app.action_quit()
    assert backend.conversation.read_to_the_end
    assert backend.closed
    assert stage.app.return_code == 0


async def test_ctrl_c_stops_first_and_quits_the_second_time(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Pause()]])
    async with on_stage(backend) as stage:
        await stage.send("one")
        await stage.press("ctrl+c")
        await stage.until(lambda: "stopped" in stage.text and "Press ctrl+c again to quit." in stage.text)
        await stage.press("ctrl+c", every=5.0)
        await stage.pilot.pause()
        assert stage.app.return_code is None
        await stage.press("ctrl+c", every=0.5)
        await asyncio.wait_for(stage.app._task or asyncio.sleep(0), 10)
    assert stage.app.return_code == 0


async def test_ctrl_d_quits_only_when_nothing_is_written(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.type("ab")
        await stage.press("home", "ctrl+d")
        assert stage.composer.text == "b"
        await stage.press("ctrl+d")
        assert stage.composer.text == ""
        await stage.pilot.press("ctrl+d")
        await asyncio.wait_for(stage.app._task or asyncio.sleep(0), 10)
    assert stage.app.return_code == 0


async def test_the_composer_grows_with_its_lines_and_shrinks_again(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[DONE]])) as stage:
        for keys in ("ctrl+j", "shift+enter", "alt+enter"):
            await stage.type("line")
            await stage.press(keys)
        await stage.pilot.pause()
        assert stage.composer.size.height == 4
        stage.app.post_message(events.Paste("a\r\nb\r" * 40))
        await stage.pilot.pause()
        assert stage.composer.size.height == 8
        await stage.press("enter")
        await stage.until(lambda: stage.composer.size.height == 1)
        assert stage.backend.conversation.sent[0].startswith("line\nline\nline\na\nb\na\n")


async def test_pasted_controls_are_made_visible(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        stage.app.post_message(events.Paste("a\x1b]52;c;eA==\x07b\u202ec 👩\u200d👩"))
        await stage.pilot.pause()
        assert stage.composer.text == "a␛]52;c;eA==␇b⟨U+202E⟩c 👩\u200d👩"


async def test_up_and_down_walk_the_history_and_keep_the_draft(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[DONE], [DONE]])) as stage:
        await stage.send("one")
        await stage.send("two")
        await stage.until(lambda: stage.backend.conversation.sent == ["one", "two"])
        await stage.type("draft")
        await stage.press("up", "up")
        assert stage.composer.text == "one"
        await stage.press("down", "down")
        assert stage.composer.text == "draft"


async def test_the_top_bar_names_model_isolation_and_where_it_runs(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    async with on_stage(backend, size=(120, 24)) as stage:
        line = stage.text.splitlines()[0]
        assert line.startswith(" smol-tools-4b-Q4_K_M")
        assert line.endswith("landlock · local")


async def test_the_top_bar_names_the_server(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.server = "http://user:secret@192.0.2.7:8080/v1"
    async with on_stage(backend, size=(120, 24)) as stage:
        assert stage.text.splitlines()[0].endswith("landlock · 192.0.2.7:8080")


async def test_a_fault_of_the_screen_ends_with_one_sentence(tmp_path: Path) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    with pytest.raises(ZeroDivisionError):  # what the test driver sees; a user sees the sentence
        async with on_stage(ScriptedBackend(tmp_path)) as stage:
            app = stage.app
            app.call_later(broken)
            await asyncio.wait_for(app._exception_event.wait(), 10)
    assert "fault of its own" in app.failure
    assert str(tmp_path / "logs") in app.failure
    assert "secret detail" not in app.failure
    assert not app._exit_renderables
