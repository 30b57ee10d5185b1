"""Build the training data: make sheets, check every conversation, drop what is wrong, and count."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from checks import Checker
from sheets import Writer

from smol_chat.evaluation.sources import open_suite

KEPT_APART = "smol200"
"""The suite on board that a model is worked on with; the other one is not even read here."""


def evaluation_requests() -> list[str]:
    """Return the requests of the suite from which the training data is kept apart."""
    return [example.request for example in open_suite(KEPT_APART).examples]


def main() -> None:
    """Write the sheets and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--split", choices=("train", "dev"), default="train")
    parser.add_argument("--out", type=Path, default=Path("build/train.jsonl"))
    options = parser.parse_args()
    writer, checker = Writer(options.seed, options.split), Checker(evaluation_requests())
    counts: Counter[str] = Counter()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as file:
        for _ in range(options.sheets):
            sheet = writer.sheet()
            kept = []
            for conversation in sheet.conversations:
                problem = checker.problem(conversation, sheet.tools)
                counts[f"dropped: {problem}" if problem else conversation.scenario] += 1
                if problem is None:
                    kept.append({"scenario": conversation.scenario, "messages": conversation.messages})
            if kept:
                line = {"system": sheet.system, "tools": sheet.tools, "conversations": kept}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    report = {"seed": options.seed, "sheets": options.sheets, **dict(sorted(counts.items()))}
    options.out.with_suffix(".counts.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
