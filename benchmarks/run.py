"""Run every benchmark and hold the figures against the budgets.

    .venv/bin/python benchmarks/run.py [NAME ...]

Each benchmark is a file of this folder that prints JSON lines. Machines are shared and noisy: a figure over its budget
is reported, it fails nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOT_BENCHMARKS = {"run", "attacks", "terminal", "fake_openai"}

BUDGETS: dict[str, tuple[str, float]] = {
    "startup.version_s": ("<=", 0.10),
    "startup.first_paint_s": ("<=", 0.5),
    "startup.usable_composer_s": ("<=", 0.8),
    "startup.memory_mb": ("<=", 70),
    "stream.fake-200-5000.cpu_s": ("<=", 4.0),
    "stream.fake-200-5000.lag_s": ("<=", 0.15),
    "stream.fake-200-5000.key_echo_p95_ms": ("<=", 40),
    "stream.fake-max-5000.lag_s": ("<=", 0.5),
    "decode_ratio.ratio": (">=", 0.97),
    "constrained.text.ratio": ("<=", 1.1),
    "kill.faults": ("<=", 0),
    "kill.oldest_lost_s": ("<=", 0.25),
    "history_open.turns_500_s": ("<=", 0.3),
    "history_open.turns_5000_s": ("<=", 1.0),
    "history_open.long_5000_s": ("<=", 1.0),
    "history_open.long_5000_memory_mb": ("<=", 20),
    "history_search.journal_open_s": ("<=", 1.0),
    "history_search.nothing_new_s": ("<=", 0.1),
    "history_search.one_turn_s": ("<=", 0.1),
    "history_search.common_word_s": ("<=", 0.1),
    "history_search.three_words_s": ("<=", 0.1),
    "history_search.phrase_s": ("<=", 0.1),
    "history_search.beginning_s": ("<=", 0.1),
    "follow_up.bundled.sooner": (">=", 20),
    "follow_up.bundled.beyond_new": ("<=", 16),
    "follow_up.hybrid.beyond_new": ("<=", 16),
    "cold_start.ratio": ("<=", 0.10),
    "cancel.prefill_s": ("<=", 0.2),
    "cancel.decode_s": ("<=", 0.2),
    "key_echo.reading.p95_ms": ("<=", 40),
    "key_echo.writing.p95_ms": ("<=", 40),
    "python_call.warm_ms": ("<=", 10),
    "python_call.cold_ms": ("<=", 80),
}


def figures(name: str) -> dict[str, float]:
    """Run one benchmark and return its numbers by dotted name."""
    command = [sys.executable, str(HERE / f"{name}.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{name}: failed with exit code {done.returncode}")
        return {}
    found: dict[str, float] = {}
    for line in done.stdout.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        prefix = f"{name}.{record['model']}" if "model" in record else name
        numbers = {f"{prefix}.{key}": value for key, value in record.items() if isinstance(value, (int, float))}
        found.update(numbers)
    return found


def verdict(name: str, value: float) -> str:
    """Return how the figure stands to its budget."""
    if name not in BUDGETS:
        return ""
    relation, limit = BUDGETS[name]
    kept = value <= limit if relation == "<=" else value >= limit
    return f"{relation} {limit:g}  {'ok' if kept else 'OVER BUDGET'}"


def main() -> None:
    """Run the named benchmarks, or all of them."""
    every = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    unknown = set(sys.argv[1:]) - set(every)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(every)}.")
    for name in sys.argv[1:] or every:
        for figure, value in figures(name).items():
            print(f"{figure:48} {value:>12g}  {verdict(figure, value)}", flush=True)


if __name__ == "__main__":
    main()
