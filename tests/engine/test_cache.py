"""The turn cache: whatever way memory is brought to a prompt, what follows is what a fresh evaluation gives."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from smol_chat.engine.checkpoints import Checkpoints
from smol_chat.engine.fit import FEWEST_CHECKPOINTS
from smol_chat.engine.local import LocalEngine
from smol_chat.engine.prompt import Prompt
from smol_chat.engine.snapshot import Snapshots
from smol_chat.errors import EngineError
from smol_chat.events import GenerationFinished
from smol_chat.messages import AssistantMessage, JsonValue, Message, SystemMessage, ToolMessage, UserMessage
from smol_chat.protocol import ContentDelta, ReasoningDelta, StreamParser
from smol_chat.protocol.chat import as_chat
from support.generations import ask, collect
from support.gguf_models import write_hybrid_model
from support.memory import Fresh, Memory
from support.sliding_model import write_sliding_model

MakeEngine = Callable[..., LocalEngine]

SYSTEM = SystemMessage("You are a careful assistant who answers in few words, and never invents anything at all. " * 3)
LONG = "The quick brown fox jumps over the lazy dog near the old river bank. " * 12


@pytest.fixture(scope="session")
def sliding_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sliding_model(tmp_path_factory.mktemp("models") / "sliding.gguf")


@pytest.fixture(scope="session", params=["hybrid_model", "sliding_model", "smol_model"])
def pair(request: pytest.FixtureRequest) -> tuple[Memory, Fresh, float]:
    """A memory, what a fresh one says, and by how much their scores may differ: rounding depends on batches."""
    path: Path = request.getfixturevalue(request.param)
    tolerances = {"hybrid_model": 1e-4, "sliding_model": 0.05, "smol_model": 1.5}
    return Memory(path), Fresh(path), tolerances[request.param]


def prompt_of(ids: list[int], *, prefix: int = 0, turn: int = 0) -> Prompt:
    return Prompt(ids, "", 0, False, prefix=prefix, turn=turn)


def some_ids(length: int, seed: int = 0) -> list[int]:
    return random.Random(seed).choices(range(33, 126), k=length)


def answer(text: str) -> AssistantMessage:
    parser = StreamParser(starts_in_reasoning=True)
    events = [*parser.feed(text), *parser.finish()]
    return AssistantMessage(
        "".join(event.text for event in events if isinstance(event, ContentDelta)),
        "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
    )


class TestStateOperations:
    @pytest.mark.parametrize("back_to", [40, 200, 299])
    def test_going_back_and_on_another_way_is_a_fresh_evaluation(
        self, pair: tuple[Memory, Fresh, float], back_to: int
    ) -> None:
        memory, fresh, tolerance = pair
        memory.restart()
        ids = some_ids(300)
        memory.bring_to(prompt_of(ids, prefix=40, turn=200))
        other = ids[:back_to] + some_ids(50, seed=1)
        reused = memory.bring_to(prompt_of(other, prefix=40))
        if memory.model.is_recurrent:
            assert reused == max(place for place in (40, 200) if place <= back_to)
        else:
            assert reused == back_to
        assert memory.model.ids == other
        assert np.abs(memory.logits() - fresh.logits(other)).max() <= tolerance

    def test_the_same_prompt_again_is_not_evaluated_again(self, pair: tuple[Memory, Fresh, float]) -> None:
        memory, fresh, tolerance = pair
        memory.restart()
        ids = some_ids(150)
        memory.bring_to(prompt_of(ids, turn=140))
        assert memory.bring_to(prompt_of(ids, turn=140)) >= 140
        assert np.abs(memory.logits() - fresh.logits(ids)).max() <= tolerance

    @pytest.mark.parametrize("nodes", [1, 30, 90])
    def test_an_abort_inside_a_computation_costs_only_back_to_the_last_checkpoint(
        self, pair: tuple[Memory, Fresh, float], nodes: int
    ) -> None:
        memory, fresh, tolerance = pair
        memory.restart()
        ids = some_ids(400)
        prompt = prompt_of(ids, prefix=100, turn=390)
        memory.bring_to(prompt, steps=6)
        assert len(memory.model.ids) > 100
        memory.abort.nodes = nodes
        assert not memory.model.evaluate(ids[len(memory.model.ids) :][:64], abortable=True)
        memory.abort.nodes = None
        memory.abort.clear()
        reused = memory.bring_to(prompt)
        assert reused >= 100
        assert memory.model.ids == ids
        assert np.abs(memory.logits() - fresh.logits(ids)).max() <= tolerance

    def test_a_snapshot_of_the_beginning_is_as_good_as_evaluating_it(
        self, pair: tuple[Memory, Fresh, float], tmp_path: Path
    ) -> None:
        memory, fresh, tolerance = pair
        snapshots = Snapshots(tmp_path, b"model")
        memory.restart(snapshots)
        ids = some_ids(300)
        assert memory.bring_to(prompt_of(ids, prefix=200)) == 0
        memory.restart(snapshots)
        other = ids[:200] + some_ids(60, seed=2)
        assert memory.bring_to(prompt_of(other, prefix=200)) == 200
        assert np.abs(memory.logits() - fresh.logits(other)).max() <= tolerance


class TestCheckpoints:
    def test_long_texts_get_checkpoints_on_the_way(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model)
        ids = some_ids(1600)
        memory.bring_to(prompt_of(ids))
        assert memory.bring_to(prompt_of(ids[:1100] + some_ids(5, seed=1))) == 1024

    def test_few_are_kept_and_the_pinned_ones_always(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model)
        checkpoints = Checkpoints(memory.model, max_bytes=1)
        for token in some_ids(20):
            assert memory.model.evaluate((token,), abortable=False)
            checkpoints.save(pinned=(3, 7))
        assert len(checkpoints.lengths) == FEWEST_CHECKPOINTS
        assert {3, 7, 20} == set(checkpoints.lengths)

    def test_one_of_other_ids_is_never_restored(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model)
        checkpoints = Checkpoints(memory.model)
        ids = some_ids(10)
        assert memory.model.evaluate(ids, abortable=False)
        checkpoints.save(())
        assert not checkpoints.restore(some_ids(10, seed=1), 10)
        assert checkpoints.restore([*ids, 40], 10)
        assert memory.model.ids == ids


class TestTurns:
    def test_the_next_turn_evaluates_only_the_answer_and_the_question(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model)
        history: list[Message] = [SYSTEM, UserMessage(LONG)]
        first = memory.generate(history)
        opened = memory.prompt.turn
        history += [answer(first.text), UserMessage("And?")]
        memory.generate(history)
        assert memory.finished["reused_tokens"] == opened
        end_of_message = memory.model.vocabulary.tokenize("<|im_end|>", special=True)
        assert memory.prompt.ids[opened - 1 : opened] == end_of_message

    def test_the_turn_s_beginning_survives_a_long_tool_loop(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model, context_size=8192)
        history: list[Message] = [SYSTEM, UserMessage("Go.")]
        memory.generate(history)
        opened = memory.prompt.turn
        for number in range(6):
            history += [answer("x</think>"), ToolMessage(f"call_{number}", "read_file", LONG)]
            memory.generate(history)
        history += [answer("y</think>done"), UserMessage("Next.")]
        memory.generate(history)
        reused = memory.finished["reused_tokens"]
        assert isinstance(reused, int) and reused >= opened

    def test_what_was_prepared_ahead_is_not_evaluated_when_the_question_comes(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model)
        history: list[Message] = [SYSTEM, UserMessage(LONG)]
        history.append(answer(memory.generate(history).text))
        ahead = memory.prompts.ahead(as_chat(history), [])
        memory.bring_to(ahead, leave=0)
        assert memory.bring_to(ahead, leave=0) == len(ahead.ids)
        memory.generate([*history, UserMessage("And?")])
        assert memory.finished["reused_tokens"] == len(ahead.ids)

    def test_what_is_prepared_at_the_start_is_system_message_and_tools(self, hybrid_model: Path) -> None:
        memory = Memory(hybrid_model)
        tools: list[JsonValue] = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
        ahead = memory.prompts.ahead(as_chat([SYSTEM]), tools)
        text = b"".join(memory.model.vocabulary._bytes(token) for token in ahead.ids).decode()
        assert text.endswith("</tool_call><|im_end|>") and '"find"' in text and SYSTEM.text.strip() in text
        assert ahead.prefix == len(ahead.ids)
        for question in ("Hello.", "\n\nHello.", "<|im_end|>"):
            prompt = memory.prompts.build(as_chat([SYSTEM, UserMessage(question)]), tools)
            assert prompt.prefix == len(ahead.ids)


class Walk:
    """A user of a whim, and a model that must always say what a fresh one would."""

    def __init__(self, path: Path, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.snapshots = Snapshots(folder, b"model")
        self.memory = Memory(path, snapshots=self.snapshots)
        self.fresh = Fresh(path)
        self.history: list[Message] = [SYSTEM]
        self.reused = self.asked = 0

    def text(self) -> str:
        return "".join(
            self.random.choices("the quick brown fox in an inn, thin and then\n", k=self.random.randint(1, 90))
        )

    def generate(self, **how: int) -> None:
        memory, tokens = self.memory, self.random.randint(1, 10)
        generation = memory.generate(self.history, tokens=tokens, **how)
        expected = self.fresh.continuation(memory.prompt.ids, tokens)
        if memory.finished["reason"] == "cancelled":
            assert generation.generated == expected[: len(generation.generated)]
        else:
            assert generation.generated == expected
            self.asked += len(memory.prompt.ids)
            reused = memory.finished["reused_tokens"]
            assert isinstance(reused, int)
            self.reused += reused
        self.history.append(answer(generation.text))

    def say(self) -> None:
        self.history.append(UserMessage(self.text()))
        self.generate()

    def use_a_tool(self) -> None:
        self.say()
        for number in range(self.random.randint(1, 3)):
            result = self.random.choice(["The user refused this call.", self.text()])
            self.history.append(ToolMessage(f"call_{number}", "find", result))
            self.generate()

    def cancel_in_prefill(self) -> None:
        self.history.append(UserMessage(self.text()))
        self.memory.abort.nodes = self.random.randint(1, 400)
        self.generate()
        self.history.pop()
        self.generate()

    def cancel_in_decode(self) -> None:
        self.history.append(UserMessage(self.text()))
        self.generate(cancel_at=self.random.randint(2, 6))

    def regenerate(self) -> None:
        last = max(
            (number for number, message in enumerate(self.history) if isinstance(message, UserMessage)), default=0
        )
        if last:
            del self.history[last + 1 :]
            self.generate()

    def edit(self) -> None:
        users = [number for number, message in enumerate(self.history) if isinstance(message, UserMessage)]
        if users:
            del self.history[self.random.choice(users) :]
        self.say()

    def prepare(self) -> None:
        ahead = self.memory.prompts.ahead(as_chat(self.history), [])
        self.memory.bring_to(ahead, leave=0, steps=self.random.randint(0, 12))

    def crash(self) -> None:
        self.memory.restart(self.snapshots)

    def turn(self) -> None:
        if len(self.memory.model.ids) > 1500:
            self.history = [SYSTEM]
        acts: list[Callable[[], None]] = [
            self.say,
            self.say,
            self.use_a_tool,
            self.cancel_in_prefill,
            self.cancel_in_decode,
            self.regenerate,
            self.edit,
            self.prepare,
            self.prepare,
            self.crash,
        ]
        self.random.choice(acts)()


@pytest.mark.parametrize("model", ["hybrid_model", "sliding_model"])
def test_two_hundred_turns_of_whims_never_change_an_answer(
    request: pytest.FixtureRequest, tmp_path: Path, model: str
) -> None:
    walk = Walk(request.getfixturevalue(model), tmp_path, seed=7)
    for _ in range(200):
        walk.turn()
    assert walk.asked > 20_000
    assert walk.reused / walk.asked > 0.6


def worker_memory(engine: LocalEngine) -> int:
    """Return the kilobytes the worker holds."""
    status = Path(f"/proc/{engine.worker_pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


class TestWarmEngine:
    async def test_a_question_that_comes_meanwhile_is_answered_like_any_other(
        self, local_engine: MakeEngine, hybrid_model: Path
    ) -> None:
        engine, fresh = local_engine(hybrid_model), local_engine(hybrid_model)
        await engine.start()
        for number in range(10):
            await engine.warm(ask(SYSTEM, UserMessage(LONG * number), AssistantMessage("Yes.")))
            request = ask(SYSTEM, f"Question {number}?", max_tokens=6)
            assert (await collect(engine, request)).text == (await collect(fresh, request)).text

    async def test_stopping_works_while_it_reads_ahead(self, local_engine: MakeEngine, smol_model: Path) -> None:
        engine = local_engine(smol_model)
        await engine.start()
        await engine.warm(ask(SYSTEM, UserMessage(LONG * 5), AssistantMessage("Yes.")))
        async with aclosing(engine.generate(ask("Hello.", max_tokens=None))) as events:
            stopping = asyncio.ensure_future(engine.stop())
            seen = [event async for event in events]
            await stopping
        assert isinstance(seen[-1], GenerationFinished)
        assert (await collect(engine, ask("Hello.", max_tokens=2))).finished.reason == "length"

    async def test_a_conversation_the_template_refuses_harms_nobody(
        self, local_engine: MakeEngine, tmp_path: Path
    ) -> None:
        path = write_hybrid_model(tmp_path / "m.gguf", template="{{ raise_exception('no') }}")
        engine = local_engine(path)
        await engine.warm(ask(SYSTEM))
        with pytest.raises(EngineError, match="template"):
            await collect(engine, ask("Hello."))

    async def test_memory_stays_flat_and_crashes_change_nothing(
        self, local_engine: MakeEngine, hybrid_model: Path
    ) -> None:
        engine, fresh = local_engine(hybrid_model), Fresh(hybrid_model)
        builder = Memory(hybrid_model).prompts
        whims, sizes = random.Random(3), list[int]()
        history: list[Message] = [SYSTEM]
        for number in range(120):
            if number == 20:
                assert engine.worker_pid is not None
                os.kill(engine.worker_pid, signal.SIGKILL)
            history = [SYSTEM] if number % 10 == 0 else history
            history.append(UserMessage("".join(whims.choices("fox and hen\n", k=whims.randint(1, 200)))))
            said = (await collect(engine, ask(*history, max_tokens=6))).text
            if number % 10 == 0:  # nothing of the model's own is in the history: its ids are known
                ids = builder.build(as_chat(history), []).ids
                pieces = [builder._vocabulary.piece(token) for token in fresh.continuation(ids, 6)]
                assert said == b"".join(pieces).decode("utf-8", "replace")
            history.append(answer(said))
            await engine.warm(ask(*history))
            if number >= 40:
                sizes.append(worker_memory(engine))
        assert max(sizes) - sizes[0] < 4096
