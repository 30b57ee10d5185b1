from __future__ import annotations

import pytest

from smol_chat.ui.consent.guard import (
    ANSWER_S,
    CONFIRM_S,
    GRANTS,
    QUIET_S,
    REACHED_S,
    READ_S,
    SETTLE_S,
    Answering,
    Choice,
    Held,
    Keystrokes,
    Taken,
    Typed,
    may_take_focus,
)
from support.screen import FakeClock

_CHOICES: dict[str, Choice] = {"y": "once", "s": "session", "n": "deny", "w": "why", "?": "help", "d": "columns"}


class Keyboard:
    """Press keys at given pauses and collect what the card would make of them."""

    def __init__(self, *, twice: bool = False) -> None:
        self.clock = FakeClock()
        self.keys = Keystrokes(self.clock)
        self.answering = Answering(self.keys, twice=lambda choice: twice and choice in GRANTS)
        self.typed = ""
        self.answers: list[Choice] = []

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._settle()

    def _settle(self) -> None:
        choice = self.answering.settled()
        if choice is not None:
            self.answers.append(choice)

    def press(self, key: str, after: float) -> object:
        self.after(after)
        self.keys.note()
        verdict = self.answering.press(_CHOICES.get(key), key)
        if isinstance(verdict, Typed):
            self.typed += verdict.text
        return verdict


def listening(*, twice: bool = False) -> Keyboard:
    keyboard = Keyboard(twice=twice)
    keyboard.answering.listen(reached=False)
    keyboard.after(READ_S + 0.01)
    return keyboard


@pytest.mark.parametrize(
    ("since_last_key", "empty", "may"),
    [
        (QUIET_S - 0.01, True, False),
        (QUIET_S, True, True),
        (QUIET_S + 60, False, False),
        (0.0, True, False),
    ],
)
def test_a_card_takes_focus_only_in_quiet_and_over_an_empty_composer(
    since_last_key: float, empty: bool, may: bool
) -> None:
    clock = FakeClock()
    keys = Keystrokes(clock)
    keys.note()
    clock.advance(since_last_key)
    assert may_take_focus(keys, composer_empty=empty) is may


def test_a_key_alone_answers_once_it_has_settled() -> None:
    keyboard = listening()
    assert keyboard.press("y", after=1.0) == Taken("once")
    keyboard.after(ANSWER_S - 0.01)
    assert keyboard.answers == []
    keyboard.after(0.02)
    assert keyboard.answers == ["once"]


@pytest.mark.parametrize("word", ["yes please", "no wait", "session", "what does it do", "yy", "ny", "sysadmin"])
@pytest.mark.parametrize("pause", [0.0, 0.03, 0.12, SETTLE_S - 0.01, ANSWER_S - 0.01])
@pytest.mark.parametrize("twice", [False, True])
def test_typing_at_any_speed_of_a_typist_answers_nothing(word: str, pause: float, twice: bool) -> None:
    keyboard = listening(twice=twice)
    for index, key in enumerate(word):
        keyboard.press(key, after=1.0 if index == 0 else pause)
    keyboard.after(0.05)
    assert keyboard.answers == []


def test_what_was_typed_over_a_card_is_kept_for_the_composer() -> None:
    keyboard = listening()
    for index, key in enumerate("yes, and tell me why"):
        keyboard.press(key, after=1.0 if index == 0 else 0.1)
    assert keyboard.typed == "yes, and tell me why"


def test_a_burst_that_was_under_way_when_the_card_began_to_listen_answers_nothing() -> None:
    keyboard = Keyboard()
    for key in "hello worl":
        keyboard.press(key, after=0.1)
    keyboard.answering.listen(reached=False)
    for key in "d y":
        keyboard.press(key, after=0.1)
    keyboard.after(0.1)
    assert keyboard.answers == []


def test_a_key_before_anybody_can_have_read_the_card_answers_nothing() -> None:
    keyboard = Keyboard()
    keyboard.answering.listen(reached=False)
    assert keyboard.press("y", after=READ_S - 0.01) == Typed("y")
    keyboard.after(1.0)
    assert keyboard.answers == []


def test_a_card_that_was_gone_to_listens_at_once() -> None:
    keyboard = Keyboard()
    keyboard.keys.note()  # the Tab that went there
    keyboard.answering.listen(reached=True)
    assert keyboard.press("y", after=SETTLE_S) == Taken("once")
    keyboard.after(REACHED_S)
    assert keyboard.answers == ["once"], "and takes an answer sooner than one that came by itself"


def test_an_unbracketed_paste_with_a_tab_in_it_answers_nothing() -> None:
    keyboard = Keyboard()
    keyboard.keys.note()  # the tab character of the paste reaches the card
    keyboard.answering.listen(reached=True)
    for key in "yyy":
        keyboard.press(key, after=0.0001)
    keyboard.after(1.0)
    assert keyboard.answers == []


def test_what_changes_something_needs_a_second_separate_key() -> None:
    keyboard = listening(twice=True)
    keyboard.press("y", after=1.0)
    keyboard.after(ANSWER_S)
    assert (keyboard.answers, keyboard.answering.armed) == ([], "once")
    keyboard.press("y", after=0.5)
    keyboard.after(ANSWER_S)
    assert keyboard.answers == ["once"]


def test_ticking_and_other_looks_take_effect_sooner_than_answers() -> None:
    keyboard = listening()
    keyboard.after(1.0)
    keyboard.keys.note()
    assert keyboard.answering.press("tick", " ") == Taken("tick")
    keyboard.after(SETTLE_S)
    assert keyboard.answers == ["tick"]


def test_a_held_key_never_confirms_itself() -> None:
    keyboard = listening(twice=True)
    keyboard.press("y", after=1.0)
    verdict = keyboard.press("y", after=0.5)  # the keyboard's delay before it repeats
    for _ in range(30):
        keyboard.press("y", after=0.033)
    keyboard.after(0.03)
    assert keyboard.answers == []
    assert verdict == Held()


def test_a_second_key_comes_too_late_after_a_while() -> None:
    keyboard = listening(twice=True)
    keyboard.press("y", after=1.0)
    keyboard.after(ANSWER_S)
    keyboard.press("y", after=CONFIRM_S + 0.1)
    keyboard.after(ANSWER_S)
    assert keyboard.answers == []


def test_another_grant_is_no_second_key() -> None:
    keyboard = listening(twice=True)
    keyboard.press("y", after=1.0)
    keyboard.press("s", after=1.0)
    keyboard.after(ANSWER_S)
    assert (keyboard.answers, keyboard.answering.armed) == ([], "session")


@pytest.mark.parametrize("key", ["n", "w", "?"])
def test_what_grants_nothing_needs_one_key_even_for_a_risky_call(key: str) -> None:
    keyboard = listening(twice=True)
    keyboard.press(key, after=1.0)
    keyboard.after(ANSWER_S)
    assert keyboard.answers == [_CHOICES[key]]


def test_a_key_that_answers_nothing_takes_the_confirmation_back() -> None:
    keyboard = listening(twice=True)
    keyboard.press("y", after=1.0)
    keyboard.press("", after=1.0)
    assert keyboard.answering.armed is None


def test_losing_the_focus_forgets_a_half_given_answer() -> None:
    keyboard = listening(twice=True)
    keyboard.press("y", after=1.0)
    keyboard.after(ANSWER_S)
    keyboard.answering.ignore()
    keyboard.answering.listen(reached=True)
    keyboard.press("y", after=1.0)
    keyboard.after(ANSWER_S)
    assert keyboard.answers == []


def test_a_click_on_a_card_that_has_just_appeared_is_meant_for_something_else() -> None:
    keyboard = Keyboard()
    assert keyboard.answering.click("once") is None
    keyboard.after(READ_S)
    assert keyboard.answering.click("once") == "once"


def test_a_double_click_does_not_confirm_itself() -> None:
    keyboard = listening(twice=True)
    assert keyboard.answering.click("once") is None
    keyboard.after(0.1)
    assert keyboard.answering.click("once") is None
    keyboard.after(1.0)
    assert keyboard.answering.click("once") == "once"
