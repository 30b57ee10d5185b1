"""`smol-chat models info`: what a model is, and what it would take on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from smol_chat.commands.json_lines import json_line
from smol_chat.engine.fit import Budget, KvType, Need, budget, can_quantise_kv, need
from smol_chat.engine.hardware import jetson_model, memory
from smol_chat.engine.model_facts import ModelFacts, read_model
from smol_chat.engine.plan import CPU_UBATCH
from smol_chat.messages import JsonObject
from smol_chat.models.catalogue import KnownModel, owner_of, siblings
from smol_chat.models.discover import SOURCES, InstalledModel
from smol_chat.sanitise import visible

CONTEXTS = (4096, 16_384, 32_768)
"""Context windows that are compared."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one context window takes."""

    context: int
    kv_type: KvType
    need: Need
    fits: bool


def show(model: InstalledModel, *, as_json: bool) -> None:
    """Print everything known of a model.

    Raises:
        ModelFileError: the file is no whole GGUF model.
    """
    facts = read_model(model.path)
    room = budget(memory().available, jetson=bool(jetson_model()))
    rows = table(facts, room)
    known = owner_of(model.name)
    advice = better_sibling(known, facts, room) if known else ""
    if as_json:
        print(json_line(_described(model, facts, room, rows, advice)))
        return
    for line in _lines(model, facts, room, rows, known, advice):
        print(visible(line, keep_newlines=False))


def table(facts: ModelFacts, room: Budget) -> list[Row]:
    """Return what the model takes with each context window it was trained on, in both precisions."""
    largest = min(facts.trained_context or CONTEXTS[0], CONTEXTS[-1])
    sizes = [*(size for size in CONTEXTS if size < largest), largest]
    types: list[KvType] = ["f16", "q8_0"] if can_quantise_kv(facts) else ["f16"]
    rows = []
    for size in sizes:
        for kv_type in types:
            takes = need(facts, context=size, kv_type=kv_type, ubatch=CPU_UBATCH, repack=False)
            rows.append(Row(size, kv_type, takes, takes.total <= room.usable))
    return rows


def better_sibling(known: KnownModel, facts: ModelFacts, room: Budget) -> str:
    """Say which model of the same family, with another context window, this machine would serve better."""
    family = siblings(known)
    if len(family) < 2:
        return ""
    kv_type: KvType = "q8_0" if can_quantise_kv(facts) else "f16"
    fitting = [
        each
        for each in family
        if need(facts, context=each.context, kv_type=kv_type, ubatch=CPU_UBATCH, repack=False).total <= room.usable
    ]
    best = fitting[-1] if fitting else family[0]
    if best.context > known.context:
        return (
            f"{best.short} fits this machine too and reads conversations of {best.context:,} tokens: "
            f"smol-chat models pull {best.short}"
        )
    if best.context < known.context:
        return (
            f"its whole context does not fit this machine; {best.short} is made for {best.context:,} tokens: "
            f"smol-chat models pull {best.short}"
        )
    return ""


def size_text(count: int) -> str:
    """Return a number of bytes as people write it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _described(model: InstalledModel, facts: ModelFacts, room: Budget, rows: list[Row], advice: str) -> JsonObject:
    figures = asdict(facts)
    figures["kv_heads"] = max(facts.kv_heads, default=0)
    figures["attention_layers"] = len(facts.kv_heads)
    return {
        "name": model.name,
        "path": str(model.path),
        "size_bytes": model.size_bytes,
        "source": model.source,
        "sha256": model.checksum or None,
        **figures,
        "memory": {
            "available": room.available,
            "usable": room.usable,
            "contexts": [
                {
                    "context": row.context,
                    "kv_type": row.kv_type,
                    "fits": row.fits,
                    **asdict(row.need),
                    "total": row.need.total,
                }
                for row in rows
            ],
        },
        "advice": advice or None,
    }


def _lines(
    model: InstalledModel, facts: ModelFacts, room: Budget, rows: list[Row], known: KnownModel | None, advice: str
) -> list[str]:
    calls = {"json": "as JSON", "xml": "as XML", "none": "none: its template knows no tools"}[facts.call_form]
    heads = f"{facts.heads} heads, {max(facts.kv_heads, default=0)} for keys and values"
    layers = f"{facts.layers}, {heads}"
    if facts.recurrent:
        layers = f"{facts.layers}: {len(facts.kv_heads)} with attention ({heads}), {facts.recurrent.layers} recurrent"
    lines = [
        model.name,
        f"  file          {model.path}",
        f"  size          {size_text(model.size_bytes)}, from: {SOURCES[model.source]}",
        f"  model         {facts.title or '(unnamed)'}, {facts.architecture}, "
        f"{facts.parameters / 1e9:.2f}B parameters, {facts.quantisation}",
        f"  layers        {layers}",
        f"  context       {facts.trained_context:,} tokens; vocabulary {facts.vocabulary:,}",
        f"  tool calls    {calls}",
    ]
    if model.checksum:
        lines.append(f"  sha256        {model.checksum}")
    if known:
        lines.append(f"  page          {known.page}" + (f" ({known.licence})" if known.licence else ""))
    lines.append(f"  memory        {size_text(room.available)} available, a model may take {size_text(room.usable)}")
    lines += [
        f"    {row.context:>7,} tokens, {row.kv_type:4}  {size_text(row.need.total):>8}  "
        f"{'fits' if row.fits else 'too much'}"
        for row in rows
    ]
    if advice:
        lines.append(f"  advice        {advice}")
    return lines
