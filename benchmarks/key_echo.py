"""How long a typed key takes to show while the bundled model reads and while it writes, with the threads chosen here.

Each character waits for the one before it, as a person's do; the figures include about 5 ms of tmux itself.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from cancel import LONG, STORY, asked
from stream import echo_seconds

CHARACTERS = "äöüßéèñçøåæœžščřďťňľĺŕáíóúýðþłđħıķŀŋŧ"
"""None of them stands in an English answer, so that seeing one means the key was echoed."""


def delays(prompt: str, busy: Callable[[str], bool]) -> list[float]:
    """Return the seconds each key took while the screen said that the model was busy."""
    with asked(prompt) as terminal:
        found: list[float] = []
        for character in CHARACTERS:
            terminal.wait(busy)
            delay = echo_seconds(terminal, character)
            if busy(terminal.screen()):
                found.append(delay)
            elif len(found) >= 10:
                break
            time.sleep(0.15)
        return sorted(found)


def figures(name: str, found: list[float]) -> dict[str, object]:
    """Return the figures of one phase; times in milliseconds."""
    return {
        "model": name,
        "keys": len(found),
        "median_ms": round(statistics.median(found) * 1000),
        "p95_ms": round(found[int(len(found) * 0.95)] * 1000),
    }


def main() -> None:
    """Measure both phases and print one JSON object each."""
    print(json.dumps(figures("reading", delays(LONG, lambda screen: "reading" in screen))), flush=True)
    print(json.dumps(figures("writing", delays(STORY, lambda screen: "writing" in screen))))


if __name__ == "__main__":
    main()
