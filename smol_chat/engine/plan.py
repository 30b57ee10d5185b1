"""How to run a model on this machine: every number decided, each with its reason. Pure; the facts come from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from smol_chat.engine.fit import (
    Budget,
    KvType,
    Need,
    budget,
    can_quantise_kv,
    flash_attention,
    gigabytes,
    is_near,
    need,
    refusal,
)
from smol_chat.engine.hardware import Cores, Memory
from smol_chat.engine.model_facts import ModelFacts
from smol_chat.errors import EngineError

CPU_UBATCH, GPU_UBATCH = 128, 512
"""Tokens evaluated at a time: on a processor more gain nothing, cost memory and delay progress and stopping."""

SMALLER_CONTEXTS = (16_384, 8192, 4096)
"""Tried in turn where the one a model is made for does not fit; below them a conversation with tools has no room."""

GPU_SPARE_BYTES = 600_000_000
"""Of a graphics processor's memory, for its driver and the screen."""


@dataclass(frozen=True, slots=True)
class Device:
    """A graphics processor; `shared`: its memory is the machine's own."""

    name: str
    total: int
    free: int
    shared: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run a model on."""

    cores: Cores
    memory: Memory
    jetson: str = ""
    instructions: frozenset[str] = frozenset()
    """Of the processor, as far as llama.cpp was built to use them."""
    devices: tuple[Device, ...] = ()
    """None where llama.cpp was built for the processor only."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings ask for; None leaves the choice to us."""

    context_size: int = 4096
    may_shrink: bool = False
    """A smaller context will do where this one does not fit."""
    threads: int | None = None
    ubatch: int | None = None
    gpu_layers: int | None = None
    kv_type: Literal["auto", "f16", "q8_0"] = "auto"


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was measured to be fastest for a model on this machine."""

    threads: int
    ubatch: int
    repack: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision, as `doctor` shows it."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions, and what the model will take."""

    context_size: int
    threads: int
    ubatch: int
    gpu_layers: int
    kv_type: KvType
    repack: bool
    need: Need
    budget: Budget
    choices: tuple[Choice, ...]


Measure = Callable[[Plan], "Need | None"]
"""Returns the exact need of a plan; None where it cannot be had."""


def decide(
    name: str,
    facts: ModelFacts,
    machine: Machine,
    wishes: Wishes,
    *,
    tuned: Tuned | None = None,
    measure: Measure = lambda _plan: None,
) -> Plan:
    """Decide everything for the model called `name`.

    Raises:
        EngineError: it does not fit into memory; the sentence says by how much, and what would.
    """
    contexts = _contexts(facts, wishes)
    layers = _gpu_layers(facts, machine, wishes, contexts[0].number)
    on_gpu = layers.number > 0
    numbers = (_threads(machine, wishes, tuned), _ubatch(wishes, tuned, on_gpu=on_gpu), layers)
    limit = budget(machine.memory.available, jetson=bool(machine.jetson))
    on_host = _on_host(facts, machine, layers.number)
    plans = [
        _plan(facts, (context, *numbers), kv, repack, limit)
        for context in contexts
        for kv in _kv_types(facts, wishes)
        for repack in _repack(machine, facts, tuned, on_gpu=on_gpu)
    ]
    refused: list[Plan] = []
    for plan in plans:
        estimate = on_host(plan.need)
        exact = measure(plan) if is_near(estimate, limit) else None
        plan = replace(plan, need=on_host(exact) if exact else estimate)
        if plan.need.total <= limit.usable:
            return plan
        refused.append(plan)
    first = refused[0]
    raise EngineError(refusal(name, first.need, limit, facts, context=first.context_size, ubatch=first.ubatch))


def _plan(facts: ModelFacts, numbers: Sequence[_Number], kv: Choice, repack: Choice, limit: Budget) -> Plan:
    """Put decisions together; the need is that of a machine without a graphics processor."""
    context, threads, ubatch, layers = (item.number for item in numbers)
    kv_type: KvType = "q8_0" if kv.value == "q8_0" else "f16"
    repacks = repack.value == "on"
    return Plan(
        context_size=context,
        threads=threads,
        ubatch=ubatch,
        gpu_layers=layers,
        kv_type=kv_type,
        repack=repacks,
        need=need(facts, context=context, kv_type=kv_type, ubatch=ubatch, repack=repacks, gpu_layers=layers),
        budget=limit,
        choices=(*(item.choice for item in numbers), kv, repack, _flash(kv_type, layers)),
    )


def _flash(kv_type: KvType, layers: int) -> Choice:
    if not flash_attention(kv_type, layers):
        return Choice("flash attention", "off", "on a processor it slows writing down, and an f16 context needs none")
    return Choice("flash attention", "auto", "llama.cpp uses it where the model and the hardware can")


@dataclass(frozen=True, slots=True)
class _Number:
    number: int
    choice: Choice


def _chosen(name: str, number: int, reason: str, value: str = "") -> _Number:
    return _Number(number, Choice(name, value or f"{number:,}", reason))


def _contexts(facts: ModelFacts, wishes: Wishes) -> list[_Number]:
    """Return the windows to try, the best first."""
    if 0 < facts.trained_context < wishes.context_size:
        first = _chosen("context", facts.trained_context, "the model was trained on no more")
    else:
        reason = "chosen for this model, and it fits" if wishes.may_shrink else "as model.context says"
        first = _chosen("context", max(1, wishes.context_size), reason)
    if not wishes.may_shrink:
        return [first]
    smaller = [size for size in SMALLER_CONTEXTS if size < first.number]
    return [first, *(_chosen("context", size, "the largest that fits into memory") for size in smaller)]


def _threads(machine: Machine, wishes: Wishes, tuned: Tuned | None) -> _Number:
    if wishes.threads:
        return _chosen("threads", wishes.threads, "as model.threads says")
    if tuned:
        return _chosen("threads", tuned.threads, "measured to be fastest by models tune")
    cores = machine.cores
    if cores.count == 1:
        return _chosen("threads", 1, f"1 {cores.counted}")
    return _chosen(
        "threads", cores.count - 1, f"{cores.count} {cores.counted} - 1: a busy core would hold up all threads"
    )


def _ubatch(wishes: Wishes, tuned: Tuned | None, *, on_gpu: bool) -> _Number:
    if wishes.ubatch:
        return _chosen("ubatch", wishes.ubatch, "as model.ubatch says")
    if on_gpu:
        return _chosen("ubatch", GPU_UBATCH, "a graphics processor wants many tokens at once")
    if tuned:
        return _chosen("ubatch", tuned.ubatch, "measured to be fastest by models tune")
    return _chosen("ubatch", CPU_UBATCH, "more gains little on a processor, costs memory and delays stopping")


def _kv_types(facts: ModelFacts, wishes: Wishes) -> list[Choice]:
    """Return the types to try, the best first."""
    if not can_quantise_kv(facts):
        return [Choice("kv type", "f16", "this model's memory cannot be quantised")]
    if wishes.kv_type != "auto":
        return [Choice("kv type", wishes.kv_type, "as model.kv_type says")]
    return [
        Choice("kv type", "f16", "exact, and it fits"),
        Choice("kv type", "q8_0", "half the memory: f16 does not fit"),
    ]


def _repack(machine: Machine, facts: ModelFacts, tuned: Tuned | None, *, on_gpu: bool) -> list[Choice]:
    """Return the ways to try, the best first."""
    off = Choice("repack", "off", f"saves {gigabytes(facts.repackable)}: a second copy of the weights does not fit")
    if on_gpu:
        return [Choice("repack", "off", "the weights are on the graphics processor")]
    if tuned:
        best = Choice("repack", "on" if tuned.repack else "off", "measured to be fastest by models tune")
    elif "AVX512" in machine.instructions:
        best = Choice("repack", "off", "with AVX-512 it costs memory and is slower")
    elif not facts.repackable:
        best = Choice("repack", "on", "costs nothing: no weights of this model are stored twice")
    else:
        best = Choice("repack", "on", "faster on most processors; models tune measures it")
    return [best, off] if best.value == "on" and facts.repackable else [best]


def _gpu_layers(facts: ModelFacts, machine: Machine, wishes: Wishes, context: int) -> _Number:
    every = facts.layers + 1  # the output matrix counts as one
    if not machine.devices:
        return _chosen("gpu layers", 0, "llama.cpp is built for the processor only, or there is no graphics processor")
    device = machine.devices[0]
    if wishes.gpu_layers is not None:
        return _chosen("gpu layers", min(wishes.gpu_layers, every), "as model.gpu_layers says")
    if device.shared:
        return _chosen("gpu layers", every, f"all: {device.name} shares the machine's memory")
    fitting = _layers_that_fit(facts, device, context)
    if fitting >= every:
        return _chosen("gpu layers", every, f"all fit into {gigabytes(device.free)} free on {device.name}")
    return _chosen("gpu layers", fitting, f"as many of {every} as fit into {gigabytes(device.free)} on {device.name}")


def _layers_that_fit(facts: ModelFacts, device: Device, context: int) -> int:
    needed = need(facts, context=context, kv_type="f16", ubatch=GPU_UBATCH, repack=False, gpu_layers=1)
    every = facts.layers + 1
    room = device.free - GPU_SPARE_BYTES - needed.compute
    each = (needed.weights + needed.kv + needed.recurrent) // every or 1
    return max(0, min(every, room // each))


def _on_host(facts: ModelFacts, machine: Machine, layers: int) -> Callable[[Need], Need]:
    """Return what leaves out of a need the share that a graphics processor with memory of its own takes."""
    every = facts.layers + 1
    if not layers or machine.devices[0].shared:
        return lambda whole: whole
    left = every - min(layers, every)
    return lambda whole: replace(
        whole,
        weights=whole.weights * left // every,
        kv=whole.kv * left // every,
        recurrent=whole.recurrent * left // every,
    )


def fewer_layers(layers: int) -> int:
    """Return how many layers to try on the graphics processor after `layers` failed."""
    return layers * 2 // 3 if layers > 3 else 0
