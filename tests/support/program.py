"""The command as a user runs it: a process of its own, with its own data folder and workspace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Program:
    """Runs `smol-chat` without a terminal and returns what it printed."""

    data_dir: Path
    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "smol_chat", *arguments, "--data-dir", str(self.data_dir)]

    def __call__(
        self, *arguments: str, text: str | None = None, model: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        chosen: Sequence[str] = ["--model", str(model)] if model else []
        return subprocess.run(
            self.command(*arguments, *chosen),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            cwd=self.workspace,
            env={**os.environ, **self.environment},
            start_new_session=True,  # no terminal: nobody can be asked
            timeout=100,
        )
