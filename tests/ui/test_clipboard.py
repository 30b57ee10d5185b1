from __future__ import annotations

import base64

import pytest

from smol_chat.ui.clipboard import in_tmux, osc52

TEXT = "ä\x1b"


def test_a_text_goes_to_the_terminal_as_base64() -> None:
    assert osc52(TEXT, tmux=False) == f"\x1b]52;c;{base64.b64encode(TEXT.encode()).decode()}\x07"


def test_inside_tmux_it_goes_plain_and_wrapped() -> None:
    plain = osc52("text", tmux=False)
    assert osc52("text", tmux=True) == f"{plain}\x1bPtmux;\x1b{plain}\x1b\\"


def test_a_lone_surrogate_does_not_break_copying() -> None:
    assert base64.b64encode(b"a?").decode() in osc52("a\udc80", tmux=False)


@pytest.mark.parametrize(("value", "inside"), [("/tmp/tmux-0/default,1,0", True), ("", False)])
def test_tmux_is_known_by_its_variable(monkeypatch: pytest.MonkeyPatch, value: str, inside: bool) -> None:
    monkeypatch.setenv("TMUX", value)
    assert in_tmux() is inside
