"""Whether a model fits into memory: predicted from its header before anything is loaded.

The formulas are llama.cpp's own allocations. For each of them the exact numbers come from `probe`, which lets llama.cpp
plan everything without allocating it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from smol_chat.engine.model_facts import ModelFacts

KvType = Literal["f16", "q8_0"]

KV_BYTES: dict[KvType, tuple[int, int]] = {"f16": (2, 1), "q8_0": (34, 32)}
"""Bytes for how many values: q8_0 keeps 32 values and their scale in 34 bytes."""

PROGRAM_BYTES = 150 * 1024 * 1024
"""Of the worker beside the model: interpreter, libraries, the vocabulary's tables."""

MARGIN_BYTES, MARGIN_PERCENT = 1024 * 1024 * 1024, 15
"""Left free for everything else, whichever is less; all of the desktop lives on it."""

JETSON_MARGIN_BYTES = 1536 * 1024 * 1024
"""There the graphics processor takes its memory, the screen's too, from the same place."""

FEWEST_CHECKPOINTS, MOST_CHECKPOINTS, CHECKPOINT_BYTES = 3, 8, 256 * 1024 * 1024
"""How many checkpoints are kept of a hybrid model, and the bytes they may take while there are more than the fewest."""

KV_CELLS = 256
"""llama.cpp rounds the context window up to a multiple of this."""

NEAR_PERCENT = 10
"""An estimate this close to the limit is not trusted; the exact numbers are asked for."""

CONTEXTS = (2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)
"""Context windows that are proposed."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes a loaded model takes, by what takes them."""

    weights: int
    kv: int
    recurrent: int
    compute: int
    repack: int
    checkpoints: int
    """Copies of the recurrent state that turns go back to."""
    exact: bool = False
    """From llama.cpp's own planning, not from the formulas."""

    @property
    def total(self) -> int:
        """All of it, with the worker itself."""
        model = self.weights + self.kv + self.recurrent + self.compute + self.repack
        return model + self.checkpoints + PROGRAM_BYTES


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that are available, and of those the ones left alone."""

    available: int
    margin: int

    @property
    def usable(self) -> int:
        """What a model may take."""
        return max(0, self.available - self.margin)


def budget(available: int, *, jetson: bool = False) -> Budget:
    """Return what a model may take of the memory that is available."""
    least = JETSON_MARGIN_BYTES if jetson else MARGIN_BYTES
    share = available * MARGIN_PERCENT // 100
    return Budget(available, least if jetson else min(least, share))


def flash_attention(kv_type: KvType, gpu_layers: int) -> bool:
    """Tell whether llama.cpp may use its flash attention.

    On a processor it is slow for few tokens at once: with 1,900 tokens in memory a token takes twice as long to write
    and five times as long to read in small batches (SmolLM2, AVX-512), for a tenth gained in long prompts. A quantised
    context needs it.
    """
    return gpu_layers > 0 or kv_type != "f16"


def need(facts: ModelFacts, *, context: int, kv_type: KvType, ubatch: int, repack: bool, gpu_layers: int = 0) -> Need:
    """Predict what a model takes on the processor.

    The key-value memory of sliding-window layers is counted as if they saw the whole context: an upper bound. Compute
    buffers hold, for each token evaluated at once, the attention mask, and either the scores of the vocabulary and one
    feed-forward row or, without flash attention, the scores of the context for every head: whichever is more.
    """
    cells = -(-context // KV_CELLS) * KV_CELLS
    count, per = KV_BYTES[kv_type]
    flash = flash_attention(kv_type, gpu_layers)
    attention, mask = (0, 2) if flash else (cells * facts.heads, 4)
    values = cells * sum(facts.kv_heads) * (facts.key_length + facts.value_length)
    return Need(
        weights=facts.weights,
        kv=values * count // per,
        recurrent=facts.recurrent.state_bytes if facts.recurrent else 0,
        compute=ubatch * (4 * max(facts.vocabulary + facts.feed_forward, attention) + mask * cells),
        repack=facts.repackable if repack else 0,
        checkpoints=checkpoint_bytes(facts),
    )


def checkpoint_bytes(facts: ModelFacts) -> int:
    """Return what the copies of a hybrid model's state take; other models go back without any."""
    state = facts.recurrent.state_bytes if facts.recurrent else 0
    return max(FEWEST_CHECKPOINTS * state, min(MOST_CHECKPOINTS * state, CHECKPOINT_BYTES))


def is_near(need: Need, budget: Budget) -> bool:
    """Tell whether an estimate is too close to the limit to be trusted."""
    return abs(need.total - budget.usable) * 100 <= budget.usable * NEAR_PERCENT


def largest_context(facts: ModelFacts, budget: Budget, *, kv_type: KvType, ubatch: int) -> int:
    """Return the largest of `CONTEXTS` that fits and the model was trained on; 0 for none."""
    fitting = (
        size
        for size in CONTEXTS
        if size <= (facts.trained_context or size)
        and need(facts, context=size, kv_type=kv_type, ubatch=ubatch, repack=False).total <= budget.usable
    )
    return max(fitting, default=0)


def can_quantise_kv(facts: ModelFacts) -> bool:
    """Tell whether keys and values can be kept as q8_0: their rows must be whole blocks."""
    return bool(facts.kv_heads) and facts.key_length % 32 == 0 and facts.value_length % 32 == 0


def refusal(name: str, need: Need, budget: Budget, facts: ModelFacts, *, context: int, ubatch: int) -> str:
    """Say by how much a model does not fit, and what would."""
    return (
        f"The model {name!r} with a context of {context:,} tokens needs {gigabytes(need.total)} of memory "
        f"({parts(need)}), but {gigabytes(budget.usable)} can be used: {gigabytes(budget.available)} are available and "
        f"{gigabytes(budget.margin)} of them stay free for other programs. {_way_out(budget, facts, context, ubatch)}"
    )


def parts(need: Need) -> str:
    """Return what takes the memory, in words."""
    named = {
        "weights": need.weights,
        "context": need.kv,
        "recurrent state": need.recurrent,
        "compute": need.compute,
        "repacked weights": need.repack,
        "checkpoints": need.checkpoints,
        "the engine itself": PROGRAM_BYTES,
    }
    return ", ".join(f"{name} {gigabytes(size)}" for name, size in named.items() if size >= 5_000_000)


def gigabytes(count: int) -> str:
    """Return a number of bytes as people write it."""
    return f"{count / 1e9:.1f} GB" if count >= 950_000_000 else f"{count / 1e6:.0f} MB"


def _way_out(budget: Budget, facts: ModelFacts, context: int, ubatch: int) -> str:
    types: Iterable[KvType] = ("f16", "q8_0") if can_quantise_kv(facts) else ("f16",)
    ways = []
    for kv_type in types:
        size = min(largest_context(facts, budget, kv_type=kv_type, ubatch=ubatch), context)
        if size:
            setting = ', model.kv_type = "q8_0"' if kv_type == "q8_0" else ""
            ways.append(f"model.context = {size}{setting}")
    if ways:
        return f"It fits with {' or with '.join(dict.fromkeys(ways))}."
    smallest = need(replace(facts, weights=0), context=2048, kv_type="f16", ubatch=ubatch, repack=False).total
    room = budget.usable - smallest
    if room < 50_000_000:
        return "Close other programs, or use a server (--server URL)."
    return f"Choose a quantisation or a model whose file is at most {gigabytes(room)}, or close other programs."
