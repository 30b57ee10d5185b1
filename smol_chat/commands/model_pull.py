"""`smol-chat models pull`: fetch a model, with its progress in sight."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from smol_chat.commands.model_info import size_text
from smol_chat.models.catalogue import CATALOGUE
from smol_chat.models.pull import pull
from smol_chat.paths import DataPaths
from smol_chat.sanitise import visible

BAR_CELLS = 30
BETWEEN_SECONDS = 0.1
STEP_PERCENT = 10


def run_pull(name: str, paths: DataPaths) -> int:
    """Fetch what `name` means into our folder.

    Raises:
        UsageError: the name means nothing.
        HubError: it cannot be fetched.
    """
    meters: dict[str, Meter] = {}

    def show(file: str, done: int, total: int) -> None:
        if file not in meters:
            meters[file] = Meter(file, sys.stderr)
        meters[file](done, total)

    try:
        fetched = pull(name, paths.models, show)
    except KeyboardInterrupt:
        print("\nStopped; what is here stays. The same command goes on with it.", file=sys.stderr)
        raise
    for file in fetched:
        checked = "its checksum is right" if file.verified else "the hub tells no checksum"
        size = size_text(file.path.stat().st_size)
        print(visible(f"{file.path}  {size}, {checked}", keep_newlines=False))
    print(visible(f"Use it: smol-chat models use {fetched[0].path.stem}", keep_newlines=False))
    return 0


def show_catalogue() -> None:
    """Print the models that have a name here."""
    width = max(len(model.short) for model in CATALOGUE)
    for model in CATALOGUE:
        sizes = ", ".join(f"{name} {size} GB" for name, size in model.sizes.items())
        licence = model.licence or "see its page"
        print(f"{model.short:{width}}  {model.context:>7,} tokens  {sizes:28}  {licence:12}  {model.about}")


class Meter:
    """Show how far a download is: a bar on a terminal, a line every tenth elsewhere."""

    def __init__(self, name: str, out: TextIO) -> None:
        self._name = visible(name, keep_newlines=False)
        self._out = out
        self._bar = out.isatty()
        self._begun = self._shown = time.monotonic()
        self._first: int | None = None
        self._percent = -STEP_PERCENT

    def __call__(self, done: int, total: int) -> None:
        """Show it, where that is due."""
        if self._first is None:
            self._first = done
        percent = 100 * done // total
        if self._bar:
            now = time.monotonic()
            if now - self._shown >= BETWEEN_SECONDS or done == total:
                self._shown = now
                self._out.write(f"\r\x1b[2K{self._line(done, total, now)}" + ("\n" if done == total else ""))
                self._out.flush()
        elif percent >= self._percent + STEP_PERCENT:
            self._percent = percent - percent % STEP_PERCENT
            self._out.write(f"{self._name}: {percent} % of {size_text(total)}\n")
            self._out.flush()

    def _line(self, done: int, total: int, now: float) -> str:
        full = BAR_CELLS * done // total
        speed = (done - (self._first or 0)) / max(0.001, now - self._begun)
        left = f", {(total - done) / speed:.0f} s left" if speed > 0 and done < total else ""
        bar = "█" * full + "░" * (BAR_CELLS - full)
        return f"{self._name[:40]} {bar} {100 * done // total:3} %  {size_text(int(speed))}/s{left}"
