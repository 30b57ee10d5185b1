"""Esc in the real program while the bundled model reads a long prompt, and while it writes: key to stopped."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from terminal import Terminal, program

RUNS = 3
LONG = "The quick brown fox jumps over the lazy dog near the old river bank. " * 120
STORY = "Write a very long story about a lighthouse."


@contextmanager
def asked(prompt: str) -> Iterator[Terminal]:
    """Start the program on the bundled model, and send it a prompt."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(program("--data-dir", folder, "--workspace", folder))
        try:
            terminal.wait(lambda screen: "Write a message, /" in screen)
            terminal.text(prompt)
            terminal.wait(lambda screen: prompt[-20:].strip() in screen)
            time.sleep(0.5)
            terminal.keys("Enter")
            yield terminal
        finally:
            terminal.close()


def stop_seconds(prompt: str, busy: Callable[[str], bool]) -> float:
    """Return the time from the key to the word on the screen; the key is pressed when `busy` sees the right moment."""
    with asked(prompt) as terminal:
        terminal.wait(busy)
        pressed = time.time()
        terminal.keys("Escape")
        return terminal.wait(lambda screen: "stopped here" in screen, every=0.002) - pressed


def main() -> None:
    """Measure and print one JSON object; times in seconds."""
    prefill = [stop_seconds(LONG, lambda screen: "reading" in screen) for _ in range(RUNS)]
    decode = [stop_seconds(STORY, lambda screen: "tok/s" in screen) for _ in range(RUNS)]
    print(
        json.dumps(
            {
                "prefill_s": round(statistics.median(prefill), 3),
                "prefill_worst_s": round(max(prefill), 3),
                "decode_s": round(statistics.median(decode), 3),
                "decode_worst_s": round(max(decode), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
