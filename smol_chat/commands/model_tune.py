"""`smol-chat models tune`: measure how a model runs fastest on this machine, and remember it."""

from __future__ import annotations

from pathlib import Path

from smol_chat.assembly import Assembly
from smol_chat.commands.json_lines import json_line
from smol_chat.engine.plan import Tuned
from smol_chat.engine.probe import ask
from smol_chat.engine.tuning import remember
from smol_chat.errors import EngineError, UsageError
from smol_chat.messages import JsonObject
from smol_chat.models.discover import InstalledModel
from smol_chat.sanitise import visible


def tune(assembly: Assembly, model: InstalledModel, *, as_json: bool) -> int:
    """Measure, say what was found, remember the best.

    Raises:
        EngineError: the model cannot be measured.
        UsageError: the answer cannot be kept.
    """
    if not as_json:
        print(visible(f"Measuring {model.name}; this takes some seconds …", keep_newlines=False), flush=True)
    answer = ask("tune", tune_request(assembly, model.path))
    best = _measured(answer, "best")
    tuned = Tuned(_whole(best, "threads"), _whole(best, "ubatch"), bool(best.get("repack")))
    try:
        remember(model.path, tuned, assembly.paths.tuning)
    except OSError as error:
        raise UsageError(f"{str(assembly.paths.tuning)!r} cannot be written: {error.strerror}.") from error
    if as_json:
        print(json_line(answer))
        return 0
    rows = answer.get("measured")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            print(_line(row))
    print(f"Remembered: {_line(best).strip()}")
    return 0


def tune_request(assembly: Assembly, model: Path) -> JsonObject:
    """Return what is measured: the settings, but for what is to be found out."""
    settings = assembly.settings.model
    return {
        "model": str(model),
        "context_size": settings.context or 4096,
        "may_shrink": settings.context == 0,
        "gpu_layers": None if settings.gpu_layers < 0 else settings.gpu_layers,
        "kv_type": settings.kv_type,
    }


def _line(row: JsonObject) -> str:
    repack = "repacked" if row.get("repack") else "as stored"
    return (
        f"  threads {row['threads']}, ubatch {row['ubatch']:>3}, {repack:9}  "
        f"prompt {row['prompt_tok_s']} tok/s, answer {row['answer_tok_s']} tok/s"
    )


def _measured(answer: JsonObject, key: str) -> JsonObject:
    value = answer.get(key)
    if not isinstance(value, dict):
        raise EngineError("The measurement gave no answer. Try again.")
    return value


def _whole(row: JsonObject, key: str) -> int:
    value = row.get(key)
    if not isinstance(value, int):
        raise EngineError("The measurement gave no answer. Try again.")
    return value
