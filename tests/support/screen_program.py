"""The screen as a program, for what only a terminal shows: python -m support.screen_program FOLDER [fault]."""

from __future__ import annotations

import sys
from pathlib import Path

from smol_chat.engine.base import EngineInfo
from smol_chat.ui.app import run_app
from support.scripted_conversation import ScriptedBackend


class FaultyBackend(ScriptedBackend):
    """Load a model in a way nobody foresaw."""

    async def start_engine(self) -> EngineInfo:
        raise ZeroDivisionError("secret detail")


if __name__ == "__main__":
    make = FaultyBackend if sys.argv[2:] == ["fault"] else ScriptedBackend
    sys.exit(run_app(make(Path(sys.argv[1])), conversation=None, theme=None))
