"""Questions about a model that llama.cpp answers in a throw-away process: what it costs, how it would be run, how fast.

A process of its own, because a file or a driver may end it, and because what was measured is given back with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, cast

import smol_chat
from smol_chat.engine import hardware, wire
from smol_chat.engine.fit import KvType, Need
from smol_chat.engine.model_facts import ModelFacts, read_model
from smol_chat.engine.plan import Device, Machine, Plan, Wishes, decide
from smol_chat.engine.tuning import tuned_for
from smol_chat.errors import EngineError, SmolChatError
from smol_chat.messages import JsonObject

Question = Literal["memory", "plan", "tune"]

SECONDS = 120.0
"""A model is read from a slow disk in that time."""

_SIZE = re.compile(r"(?:(llama_kv_cache|llama_memory_recurrent): size|(compute) buffer size) += +([\d.]+) MiB")


def ask(question: Question, request: JsonObject, *, python: str = sys.executable) -> JsonObject:
    """Ask in a process of its own and return the answer.

    Raises:
        EngineError: there is none; the sentence says why.
    """
    try:
        done = subprocess.run(
            [python, "-m", "smol_chat.engine.probe", question],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=Path(smol_chat.__file__).parent.parent,  # `-m` looks there first: it must be ours, not the user's
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"The engine could not be asked about the model: {error}.") from error
    except ValueError as error:
        raise EngineError(
            f"The engine ended while it looked at the model ({_last_words(done)}). Try another build of the model."
        ) from error
    if "error" in answer:
        raise EngineError(str(answer["error"]))
    return cast(JsonObject, answer)


def exact_need(path: Path, facts: ModelFacts, plan: Plan) -> Need | None:
    """Return what llama.cpp itself would allocate for a plan; None where it does not tell."""
    try:
        sizes = ask(
            "memory",
            {
                "model": str(path),
                "context_size": plan.context_size,
                "ubatch": plan.ubatch,
                "kv_type": plan.kv_type,
                "repack": plan.repack,
            },
        )
    except EngineError:
        return None
    kv, recurrent, compute = (wire.number(sizes, key) for key in ("kv", "recurrent", "compute"))
    return replace(plan.need, kv=kv, recurrent=recurrent, compute=compute, exact=True)


def plan_load(request: JsonObject) -> tuple[Plan, ModelFacts]:
    """Decide how to load the model a request names. Imports llama.cpp: for the worker and the throw-away process.

    Raises:
        EngineError: it is no model, or does not fit.
    """
    path = Path(wire.text(request, "model"))
    facts = read_model(path)
    wishes = Wishes(
        context_size=wire.number(request, "context_size"),
        may_shrink=request.get("may_shrink") is True,
        threads=_optional(request, "threads"),
        ubatch=_optional(request, "ubatch"),
        gpu_layers=_optional(request, "gpu_layers"),
        kv_type=cast(Literal["auto", "f16", "q8_0"], wire.text(request, "kv_type")),
    )
    remembered = request.get("tuning_file")
    tuned = tuned_for(path, Path(remembered)) if isinstance(remembered, str) else None
    plan = decide(
        path.name,
        facts,
        this_machine(),
        wishes,
        tuned=tuned,
        measure=lambda plan: exact_need(path, facts, plan),
    )
    return plan, facts


def this_machine() -> Machine:
    """Return what this machine and this build of llama.cpp have. Imports llama.cpp."""
    from llama_cpp import llama_cpp as lib  # late: only processes that run a model load it

    info = lib.llama_print_system_info().decode("utf-8", "replace")
    jetson = hardware.jetson_model()
    return Machine(
        cores=hardware.cores(),
        memory=hardware.memory(),
        jetson=jetson,
        instructions=frozenset(re.findall(r"(\w+) = 1", info)),
        devices=_devices(shared=bool(jetson)) if lib.llama_supports_gpu_offload() else (),
    )


def _devices(*, shared: bool) -> tuple[Device, ...]:
    """Ask ggml for the graphics processors, those with memory of their own first."""
    import llama_cpp  # late, see this_machine

    folder = Path(llama_cpp.__file__).parent / "lib"
    ggml = next((ctypes.CDLL(str(file)) for file in sorted(folder.glob("*ggml.*"))), None)
    base = next((ctypes.CDLL(str(file)) for file in sorted(folder.glob("*ggml-base.*"))), None)
    if ggml is None or base is None:
        return ()
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    base.ggml_backend_dev_type.argtypes = base.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_description.restype = ctypes.c_char_p
    size = ctypes.POINTER(ctypes.c_size_t)
    base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, size, size]
    found = []
    for index in range(ggml.ggml_backend_dev_count()):
        device = ggml.ggml_backend_dev_get(index)
        kind = base.ggml_backend_dev_type(device)
        if kind in (_GPU, _INTEGRATED_GPU):
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            base.ggml_backend_dev_memory(device, free, total)
            name = base.ggml_backend_dev_description(device).decode("utf-8", "replace")
            found.append(Device(name, total.value, free.value, shared or kind == _INTEGRATED_GPU))
    return tuple(sorted(found, key=lambda device: device.shared))


_GPU, _INTEGRATED_GPU = 1, 2
"""ggml's numbers for kinds of devices."""


def _memory(request: JsonObject) -> JsonObject:
    """Have llama.cpp plan everything without allocating it, and read the sizes in its log."""
    from llama_cpp import llama_cpp as lib  # late: only the throw-away process loads it

    from smol_chat.engine.llama import LoadOptions, create_context, load_model

    lines: list[str] = []
    callback = lib.llama_log_callback(lambda _level, text, _data: lines.append(text.decode("utf-8", "replace")))
    lib.llama_log_set(callback, ctypes.c_void_p(0))
    lib.llama_backend_init()
    options = LoadOptions(
        context_size=wire.number(request, "context_size"),
        threads=1,
        ubatch=wire.number(request, "ubatch"),
        gpu_layers=0,
        kv_type=cast(KvType, wire.text(request, "kv_type")),
        repack=bool(request.get("repack")),
    )
    model = load_model(Path(wire.text(request, "model")), options, no_alloc=True)
    create_context(model, options, options.context_size, min(options.ubatch, options.context_size))
    return sizes_in("".join(lines))


def sizes_in(log: str) -> JsonObject:
    """Return the bytes of key-value memory, recurrent state and compute buffers that llama.cpp's log names."""
    found = {"llama_kv_cache": 0.0, "llama_memory_recurrent": 0.0, "compute": 0.0}
    for memory, compute, size in _SIZE.findall(log):
        found[memory or compute] += float(size)
    keys = {"kv": "llama_kv_cache", "recurrent": "llama_memory_recurrent", "compute": "compute"}
    return {key: int(found[name] * 1024 * 1024) for key, name in keys.items()}


def _plan(request: JsonObject) -> JsonObject:
    plan, facts = plan_load(request)
    return {
        "choices": [{"name": item.name, "value": item.value, "reason": item.reason} for item in plan.choices],
        "need": {**asdict(plan.need), "total": plan.need.total},
        "budget": {"available": plan.budget.available, "usable": plan.budget.usable},
        "layers": facts.layers,
    }


def _tune(request: JsonObject) -> JsonObject:
    from smol_chat.engine.tune import tune  # late: imports llama.cpp

    return tune(request)


def _optional(request: JsonObject, key: str) -> int | None:
    value = request.get(key)
    return value if isinstance(value, int) else None


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    words = "".join(character for character in (lines or [""])[-1] if character.isprintable())[:200]
    return words or f"exit code {done.returncode}"


def main() -> None:
    """Answer one question: its kind is the argument, its request on standard input, the answer on standard output."""
    answers = {"memory": _memory, "plan": _plan, "tune": _tune}
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever llama.cpp prints is no part of the answer
    try:
        answer = answers[sys.argv[1]](json.load(sys.stdin))
    except SmolChatError as error:
        answer = {"error": error.message}
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        answer = {"error": f"llama-cpp-python cannot be loaded: {error}."}
    out.write(json.dumps(answer))
    out.flush()


if __name__ == "__main__":
    main()
