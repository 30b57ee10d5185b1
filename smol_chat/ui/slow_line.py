"""A slow line between the program and the terminal: fewer frames, nothing that moves by itself."""

from __future__ import annotations

import os

from smol_chat.config.settings import UiSettings

_FRAMES_PER_S = 3


def is_slow(settings: UiSettings) -> bool:
    """Tell whether to draw as little as can be; by itself over SSH."""
    if settings.low_bandwidth == "auto":
        return bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"))
    return settings.low_bandwidth == "on"


def frames_per_second(settings: UiSettings) -> int:
    """Return how often a growing answer is painted."""
    return min(settings.frames_per_second, _FRAMES_PER_S) if is_slow(settings) else settings.frames_per_second
