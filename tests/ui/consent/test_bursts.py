"""Typing at the moment a card arrives: no key that was meant for the composer decides anything."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from textual import events

from smol_chat.tools.spec import Effect, Preview
from smol_chat.ui.consent.guard import ANSWER_S, Answering, Choice, Keystrokes, Taken, Typed, may_take_focus
from smol_chat.ui.consent.verbs import KEYS, needs_second_key
from support.screen import FakeClock, on_stage
from support.scripted_conversation import Ask, ScriptedBackend, request

BURSTS = 10_000
POLL_S = 0.1
WORDS = (
    *("yes", "no", "sure", "save", "send", "please", "what", "why", "explain", "edit", "always", "deny", "all"),
    *("y", "n", "a", "s", "2", "yy", "nn", "ss", "aa", "55", "??", "the", "quick"),
)
READ = request("read_file", {"path": "a"}, effect=Effect.READ)
RUN = request("execute_python", {"code": "1"}, effect=Effect.EXECUTE)
DECIDING = frozenset(choice for choice in KEYS.values() if choice not in ("columns", "tick", "help"))


class Desk:
    """A composer and the place for a card, as far as keys are concerned; time passes in polls."""

    def __init__(self, effect: Effect) -> None:
        asked = request("tool", {}, effect=effect)
        self.clock = FakeClock()
        self.keys = Keystrokes(self.clock)
        self._answering = Answering(self.keys, twice=lambda choice: needs_second_key(choice, [asked]))
        self.composer = ""
        self.decided: list[Choice] = []
        self._arrives_at = float("inf")
        self._listens = False

    def card_arrives_in(self, seconds: float) -> None:
        self._arrives_at = self.clock() + seconds

    def wait(self, seconds: float) -> None:
        until = self.clock() + seconds
        while self.clock() < until:
            self.clock.now = min(until, self.clock() + POLL_S)
            self._poll()

    def _poll(self) -> None:
        if self._listens:
            choice = self._answering.settled()
            if choice in DECIDING:
                self.decided.append(choice)
        elif self.clock() >= self._arrives_at and may_take_focus(self.keys, composer_empty=not self.composer):
            self._listens = True
            self._answering.listen(reached=False)

    def type(self, character: str, after: float) -> None:
        self.wait(after)
        self.keys.note()
        if not self._listens:
            self.composer += character
            return
        match self._answering.press(KEYS.get(character.lower()), character):
            case Typed(text):
                self.composer += text
                self._listens = False
                self._answering.ignore()
            case _:
                pass


def pauses(chance: random.Random, count: int) -> list[float]:
    """Return pauses between the keys of one burst: of typists quick and slow, of key repeat, of a pasting terminal.

    No burst holds a pause as long as an answer's: that is what tells a decision from typing.
    """
    kind = chance.choice(["typist", "slow", "any", "repeat", "paste"])
    longest = ANSWER_S - 0.001
    makers = {
        "typist": lambda: min(longest, chance.lognormvariate(-1.53, 0.45)),
        "slow": lambda: min(longest, chance.lognormvariate(-0.85, 0.3)),
        "any": lambda: chance.uniform(0.0, longest),
        "repeat": lambda: 0.033,
        "paste": lambda: 0.0001,
    }
    return [makers[kind]() for _ in range(count)]


@pytest.mark.parametrize("effect", [Effect.PURE, Effect.NETWORK, Effect.SEND])
def test_no_burst_around_the_arrival_of_a_card_decides_anything(effect: Effect) -> None:
    chance = random.Random(f"bursts {effect.value}")
    for _ in range(BURSTS // 3 + 1):
        desk = Desk(effect)
        desk.card_arrives_in(chance.uniform(0.0, 4.0))
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 3)))
        text = text if len(text) > 1 else text * 2
        first = chance.uniform(0.0, 8.0)
        for character, pause in zip(text, [first, *pauses(chance, len(text) - 1)], strict=True):
            desk.type(character, pause)
        desk.wait(chance.choice([0.05, 0.3, 0.9]))
        assert desk.decided == [], text


def test_what_was_typed_is_in_the_composer_but_for_keys_that_came_twice_at_once() -> None:
    chance = random.Random("kept")
    for _ in range(500):
        desk = Desk(Effect.READ)
        desk.card_arrives_in(chance.uniform(0.0, 4.0))
        text = "".join(chance.sample("abcdefghijklmnopqrstuvwxyz ", 9))
        for character, pause in zip(text, [chance.uniform(0, 8), *pauses(chance, 8)], strict=True):
            desk.type(character, pause)
        assert desk.composer.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("effect", "keys"), [(Effect.PURE, 1), (Effect.READ, 1), (Effect.NETWORK, 1), (Effect.SEND, 2)]
)
def test_a_decision_takes_as_many_keys_as_its_risk(effect: Effect, keys: int) -> None:
    desk = Desk(effect)
    desk.card_arrives_in(0.0)
    desk.wait(2.0)
    pressed = 0
    while not desk.decided:
        desk.type("y", 0.5)
        pressed += 1
        desk.wait(1.2)
        assert pressed <= 2
    assert (desk.decided, pressed) == (["once"], keys)


def test_an_answer_for_ever_takes_two_keys_even_for_what_only_reads() -> None:
    desk = Desk(Effect.READ)
    desk.card_arrives_in(0.0)
    desk.wait(2.0)
    desk.type("a", 0.5)
    desk.wait(1.0)
    assert desk.decided == []
    desk.type("a", 0.1)
    desk.wait(1.2)
    assert desk.decided == ["always"]


def test_the_desk_takes_answers_as_the_guard_does() -> None:
    """Were the desk deaf, the bursts would prove nothing."""
    clock = FakeClock()
    keys = Keystrokes(clock)
    answering = Answering(keys, twice=lambda choice: False)
    answering.listen(reached=True)
    clock.advance(1.0)
    keys.note()
    assert answering.press("once", "y") == Taken("once")


async def test_real_keys_in_bursts_decide_nothing(tmp_path: Path) -> None:
    chance = random.Random("real keys")
    rounds = 12
    calls = [READ, RUN]
    asked = [
        request(
            calls[number % 2].call.name,
            calls[number % 2].call.arguments,
            effect=calls[number % 2].effect,
            preview=Preview("Do it"),
            call_id=f"call_{number}",
        )
        for number in range(rounds)
    ]
    backend = ScriptedBackend(tmp_path, [[Ask((each,))] for each in asked])
    async with on_stage(backend) as stage:
        for number in range(rounds):
            await stage.send("go")
            if chance.random() < 0.5:  # the card is listening already
                await stage.card_listens()
            await stage.until(lambda: stage.dock.card is not None)
            text = " ".join(chance.choices(WORDS, k=2))
            for character, pause in zip(text, [chance.uniform(0, 3), *pauses(chance, len(text) - 1)], strict=True):
                await stage.type(character, every=pause)
                stage.dock.poll()
            if chance.random() < 0.3:
                stage.app.post_message(events.Paste("y\ny\ny"))
            await stage.wait(0.3)
            assert backend.conversation.decisions == [], (number, text)
            assert stage.dock.card is not None
            stage.composer.write("")
            await stage.chat.wind_down()
            await stage.until(lambda: stage.dock.card is None and "● " not in stage.text.splitlines()[-1])
            stage.composer.focus()
            await stage.pilot.pause()
            stage.clock.advance(1.0)
