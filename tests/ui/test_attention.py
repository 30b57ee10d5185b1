"""Who looks elsewhere is told; who looks here is not; nothing foreign gets into a title."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from smol_chat.config.settings import UiSettings
from smol_chat.ui.attention import TITLE, Attention
from smol_chat.ui.slow_line import frames_per_second, is_slow
from support.screen import on_stage
from support.scripted_conversation import Ask, Pause, ScriptedBackend, request


@pytest.mark.parametrize(
    ("in_front", "bell", "notify", "written"),
    [
        (True, False, True, []),
        (True, True, True, ["\x07"]),
        (False, False, False, []),
        (False, False, True, ["\x1b]2;(?) smol-chat asks you\x07\x1b]9;smol-chat: a question waits for you\x07"]),
    ],
)
def test_the_settings_decide_and_whether_the_terminal_is_in_front(
    in_front: bool, bell: bool, notify: bool, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("TMUX", raising=False)
    said: list[str] = []
    Attention(said.append, lambda: in_front, lambda: UiSettings(bell=bell, notify=notify)).ask("question")
    assert said == written


def test_tmux_is_asked_to_pass_it_on_and_a_bare_console_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    attention = Attention(said.append, lambda: False, UiSettings)
    monkeypatch.setenv("TERM", "linux")
    attention.ask("answer")
    assert said == []
    monkeypatch.setenv("TERM", "tmux-256color")
    monkeypatch.setenv("TMUX", "/tmp/x,1,0")
    attention.ask("answer")
    assert "\x1bPtmux;\x1b\x1b]9;" in said[0]
    attention.given()
    attention.given()
    assert said[1:] == [TITLE]


async def test_a_card_and_an_answer_ask_for_attention_while_another_window_is_in_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    pause = Pause()
    backend = ScriptedBackend(tmp_path, [[pause, Ask((request("get_weather", {"location": "Oslo"}),)), Pause()]])
    async with on_stage(backend) as stage:
        said: list[str] = []
        stage.app.attention = Attention(said.append, lambda: stage.app.app_focus, UiSettings)
        await stage.send("go")
        stage.app.post_message(events.AppBlur())
        await stage.until(lambda: not stage.app.app_focus)
        pause.go_on.set()
        await stage.until(lambda: "asks you" in "".join(said))
        stage.app.post_message(events.AppFocus())
        await stage.until(lambda: said[-1] == TITLE)
        stage.app.post_message(events.AppBlur())
        await stage.until(lambda: not stage.app.app_focus)
        await stage.backend.conversation.cancel()
        await stage.until(lambda: "is done" in said[-1])


@pytest.mark.parametrize(
    ("setting", "ssh", "slow"),
    [
        ("auto", "", False),
        ("auto", "10.0.0.1 1 10.0.0.2 22", True),
        ("on", "", True),
        ("off", "10.0.0.1 1 2 22", False),
    ],
)
def test_a_slow_line_is_noticed_or_said(setting: str, ssh: str, slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", ssh)
    monkeypatch.delenv("SSH_TTY", raising=False)
    settings = replace(UiSettings(), low_bandwidth=setting)  # type: ignore[arg-type]  # one of the choices
    assert is_slow(settings) == slow
    assert frames_per_second(settings) == (3 if slow else 12)
