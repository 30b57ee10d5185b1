"""Where the program keeps its data, readable by its user only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from smol_chat.errors import UsageError


@dataclass(frozen=True, slots=True)
class DataPaths:
    """The folder that holds everything the program writes, and the places in it."""

    root: Path

    @property
    def config_file(self) -> Path:
        """Return the settings file."""
        return self.root / "config.toml"

    @property
    def policy_file(self) -> Path:
        """Return the file of the rules on what tools may do."""
        return self.root / "policy.toml"

    @property
    def trusted_folders(self) -> Path:
        """Return the file that remembers the folders whose rules the user trusts."""
        return self.root / "trusted.json"

    @property
    def history_db(self) -> Path:
        """Return the conversations' database."""
        return self.root / "history.db"

    @property
    def egress_db(self) -> Path:
        """Return the record of the connections that tools have made."""
        return self.root / "egress.db"

    @property
    def undo(self) -> Path:
        """Return the folder of what writes have replaced."""
        return self.root / "undo"

    @property
    def cache(self) -> Path:
        """Return the folder of answers that tools keep."""
        return self.root / "cache"

    @property
    def models(self) -> Path:
        """Return the folder of GGUF models."""
        return self.root / "models"

    @property
    def snapshots(self) -> Path:
        """Return the folder of stored model states."""
        return self.root / "snapshots"

    @property
    def tuning(self) -> Path:
        """Return the file of what was measured to be fastest on this machine."""
        return self.root / "tuning.json"

    @property
    def evaluations(self) -> Path:
        """Return the folder of the runs of `smol-chat eval`."""
        return self.root / "evaluations"

    @property
    def themes(self) -> Path:
        """Return the folder of the user's own themes."""
        return self.root / "themes"

    @property
    def logs(self) -> Path:
        """Return the folder of log files."""
        return self.root / "logs"

    def create(self) -> None:
        """Make the folder and its sub-folders where they are missing, for this user only.

        One that is there but cannot be written will do: a chat goes on without what it would keep there.

        Raises:
            UsageError: the folder cannot be made.
        """
        try:
            for folder in (self.root, self.models, self.snapshots, self.themes, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            if not self.root.is_dir():
                raise UsageError(self._unusable(error.strerror or str(error))) from error

    def _unusable(self, problem: str) -> str:
        return f"The data folder {str(self.root)!r} cannot be used ({problem}); name another one with --data-dir."


def default_data_dir() -> Path:
    """Return the data folder this platform foresees for the program."""
    import platformdirs  # late: not needed with --data-dir, nor for --version

    return Path(platformdirs.user_data_dir("smol-chat", appauthor=False))


def open_private(path: str, flags: int) -> int:
    """Open a file as `os.open` does; a new one is readable by this user only. Fits the `opener` of `open`."""
    return os.open(path, flags, 0o600)
