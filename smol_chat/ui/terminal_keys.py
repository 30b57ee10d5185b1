"""Key sequences that Textual does not know: Alt+Enter as terminals without the newer protocols send it."""

from __future__ import annotations

from enum import Enum
from typing import Any, cast

# Textual offers no public place to add a sequence; pyproject.toml pins its major version.
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

SHIFT_ENTER = "shift+\r"
"""What Textual makes of Shift+Enter as xterm's modifyOtherKeys and tmux report it."""


class _MoreKeys(str, Enum):
    ALT_ENTER = "alt+enter"


def teach() -> None:
    """Add the sequences; once is enough."""
    cast("dict[str, Any]", ANSI_SEQUENCES_KEYS)["\x1b\r"] = (_MoreKeys.ALT_ENTER,)
