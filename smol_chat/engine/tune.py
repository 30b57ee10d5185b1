"""Measure on this machine how a model runs fastest: threads, tokens evaluated at once, repacked weights.

Runs in the throw-away process. Some seconds: a prompt and a few tokens for every variant, more of them only while there
is time. The default is left only for something clearly faster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from llama_cpp import llama_cpp as lib

from smol_chat.engine import wire
from smol_chat.engine.llama import LoadOptions, create_context, load_model
from smol_chat.engine.plan import Plan, Tuned
from smol_chat.engine.probe import plan_load
from smol_chat.errors import EngineError
from smol_chat.messages import JsonObject, JsonValue

SECONDS = 5.0
"""Of measuring, loading not counted; a variant that has begun is finished."""

SLOW_SECONDS = 1.0
"""A model that needs longer for the prompt is measured with a short one, and keeps the default ubatch."""

PROMPT_TOKENS, SHORT_PROMPT, ANSWER_TOKENS = 256, 32, 6
UBATCHES = (64, 128, 256)

CLEARLY = 1.05
"""A variant must be this much faster to be preferred over the default: less is noise."""

PROMPT_SHARE = 0.5
"""Weight of prompt speed against answer speed: a tool's result is read about as often as an answer is written."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How fast one variant was, in tokens a second."""

    variant: Tuned
    prompt: float
    answer: float

    def gain_over(self, other: Measured) -> float:
        """Return how many times faster this is, prompt and answer weighed."""
        prompt, answer = self.prompt / other.prompt, self.answer / other.answer
        return float(prompt**PROMPT_SHARE * answer ** (1 - PROMPT_SHARE))


def tune(request: JsonObject) -> JsonObject:
    """Return the fastest variant for the model of a request, and everything that was measured.

    Raises:
        EngineError: the model cannot be loaded, or runs on a graphics processor, where there is nothing to choose.
    """
    plan, facts = plan_load({**request, "tuning_file": None})
    if plan.gpu_layers:
        raise EngineError(
            "The model runs on the graphics processor: there is nothing to tune. Set model.gpu_layers = 0."
        )
    path = Path(wire.text(request, "model"))
    rig = _Rig(path, plan)
    default = Tuned(plan.threads, plan.ubatch, plan.repack)
    spare = plan.budget.usable - plan.need.total
    may_repack = plan.repack or facts.repackable <= spare
    measured = [*_rounds(rig, default, max_threads=plan_cores(plan), may_repack=may_repack)]
    best = fastest(measured)
    return {
        "best": _as_json(best),
        "default": _as_json(measured[0]),
        "measured": [_as_json(one) for one in measured],
    }


def plan_cores(plan: Plan) -> int:
    """Return the most threads worth a try: one more than the default, which leaves a core free."""
    return plan.threads + 1


def fastest(measured: list[Measured]) -> Measured:
    """Return the best variant; the first, which is the default, unless another is clearly faster."""
    variants = list(dict.fromkeys(one.variant for one in measured))
    means = [_mean([one for one in measured if one.variant == variant]) for variant in variants]
    best = max(means, key=lambda one: one.gain_over(means[0]))
    return best if best.gain_over(means[0]) >= CLEARLY else means[0]


def _mean(measured: list[Measured]) -> Measured:
    count = len(measured)
    return Measured(
        measured[0].variant, sum(one.prompt for one in measured) / count, sum(one.answer for one in measured) / count
    )


def _rounds(rig: _Rig, default: Tuned, *, max_threads: int, may_repack: bool) -> Iterator[Measured]:
    """Measure the default, then change one thing at a time and keep what helps."""
    best = first = rig.measure(default)
    yield first
    changes: list[list[Tuned]] = [
        [
            replace(default, threads=count)
            for count in sorted({1, max_threads // 2, max_threads} - {0, default.threads})
        ],
        [replace(default, repack=not default.repack)] if may_repack else [],
        [replace(default, ubatch=size) for size in UBATCHES if size != default.ubatch and not rig.slow],
    ]
    for variants in changes:
        for variant in variants:
            if rig.seconds > SECONDS:
                return
            tried = rig.measure(_merged(best.variant, default, variant))
            yield tried
            if tried.gain_over(best) < CLEARLY:
                continue
            base, again = rig.measure(best.variant), rig.measure(tried.variant)  # it may have been a lucky moment
            yield base
            yield again
            best = again if again.gain_over(base) >= CLEARLY else base


def _merged(best: Tuned, default: Tuned, variant: Tuned) -> Tuned:
    """Apply to the best so far what a variant changes of the default."""
    if variant.threads != default.threads:
        return replace(best, threads=variant.threads)
    if variant.ubatch != default.ubatch:
        return replace(best, ubatch=variant.ubatch)
    return replace(best, repack=variant.repack)


class _Rig:
    """Load as a variant asks and time it; the model stays loaded while only threads or sizes change."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self._plan = plan
        self._model: lib.llama_model_p | None = None
        self._repack = False
        self.seconds = 0.0
        """Spent on measuring."""
        self.slow: bool | None = None
        """The prompt is a short one; None before anything was measured."""
        lib.llama_backend_init()

    def measure(self, variant: Tuned) -> Measured:
        options = LoadOptions(
            context_size=2 * PROMPT_TOKENS,
            threads=variant.threads,
            ubatch=variant.ubatch,
            gpu_layers=0,
            kv_type=self._plan.kv_type,
            repack=variant.repack,
        )
        if self._model is None or variant.repack != self._repack:
            if self._model is not None:
                lib.llama_model_free(self._model)
            self._model, self._repack = load_model(self._path, options), variant.repack
        context = create_context(self._model, options, options.context_size, variant.ubatch)
        try:
            begun = time.perf_counter()
            _evaluate(context, 8)  # pages come in, threads start
            if self.slow is None:
                self.slow = _speed(context, SHORT_PROMPT, variant.ubatch) * SLOW_SECONDS < PROMPT_TOKENS
            prompt = _speed(context, SHORT_PROMPT if self.slow else PROMPT_TOKENS, variant.ubatch)
            answer = _speed(context, ANSWER_TOKENS, 1)
            self.seconds += time.perf_counter() - begun
        finally:
            lib.llama_free(context)
        return Measured(variant, prompt, answer)


def _speed(context: lib.llama_context_p, count: int, step: int) -> float:
    """Return tokens a second; fewer than `count` where that takes long."""
    begun = time.perf_counter()
    for done in range(0, count, step):
        _evaluate(context, min(step, count - done))
        if (took := time.perf_counter() - begun) > SLOW_SECONDS:
            break
    return min(count, done + step) / max(1e-9, took)


def _evaluate(context: lib.llama_context_p, count: int) -> None:
    tokens = (lib.llama_token * count)(*[1] * count)
    if lib.llama_decode(context, lib.llama_batch_get_one(tokens, count)) != 0:
        raise EngineError("The model cannot be measured: it could not evaluate a text. Try another build of it.")


def _as_json(measured: Measured) -> dict[str, JsonValue]:
    return {
        "threads": measured.variant.threads,
        "ubatch": measured.variant.ubatch,
        "repack": measured.variant.repack,
        "prompt_tok_s": round(measured.prompt, 1),
        "answer_tok_s": round(measured.answer, 1),
    }
