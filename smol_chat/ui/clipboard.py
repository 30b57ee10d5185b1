"""Copy to the terminal's clipboard (OSC 52), also from inside tmux."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil

_TMUX_LOAD_S = 2.0


def osc52(text: str, *, tmux: bool) -> str:
    """Return the sequence that puts `text` on the clipboard; in tmux also wrapped, so that it passes through."""
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    sequence = f"\x1b]52;c;{encoded}\x07"
    if not tmux:
        return sequence
    return f"{sequence}\x1bPtmux;\x1b{sequence}\x1b\\"


def in_tmux() -> bool:
    """Tell whether the terminal is a tmux pane."""
    return bool(os.environ.get("TMUX"))


async def load_tmux_buffer(text: str) -> bool:
    """Hand `text` to tmux itself, which by default refuses clipboard sequences from programs but passes on its own."""
    tmux = shutil.which("tmux")
    if tmux is None:
        return False
    process = await asyncio.create_subprocess_exec(
        tmux,
        "load-buffer",
        "-w",
        "-",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(process.communicate(text.encode("utf-8", "replace")), _TMUX_LOAD_S)
    except asyncio.TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return process.returncode == 0
