"""What every command does first: options to parts, and where the log goes."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from smol_chat.assembly import Assembly, Options
from smol_chat.errors import UsageError
from smol_chat.paths import open_private

LOG_BYTES = 1_000_000
"""Size at which the log starts anew; the one before is kept."""


def options_of(arguments: argparse.Namespace) -> Options:
    """Return the common options, wherever on the command line they stood."""
    given = vars(arguments)
    return Options(
        model=given.get("model"),
        server=given.get("server"),
        workspace=given.get("workspace"),
        config=_absolute(given.get("config")),
        data_dir=_absolute(given.get("data_dir")),
        theme=given.get("theme"),
    )


def assemble(arguments: argparse.Namespace) -> Assembly:
    """Build the parts and begin to log.

    Raises:
        SmolChatError: an option, a setting or the data folder cannot be used.
    """
    assembly = Assembly.create(options_of(arguments))
    log_to(assembly.paths.logs)
    return assembly


def log_to(folder: Path) -> None:
    """Send the log to a file: without one, Python prints warnings into the terminal."""
    file = folder / "smol-chat.log"
    try:
        if file.exists() and file.stat().st_size > LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        os.close(open_private(str(file), os.O_CREAT | os.O_WRONLY))
        handler: logging.Handler = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError:
        handler = logging.NullHandler()  # a disk that cannot be written is no reason not to answer
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("smol_chat").setLevel(logging.INFO)


def chosen_conversation(arguments: argparse.Namespace, assembly: Assembly) -> str | None:
    """Return the id of the conversation to go on with; None for a new one.

    Raises:
        UsageError: there is no such conversation.
        JournalError: the history cannot be read.
    """
    given = vars(arguments)
    if "conversation" in given:
        return assembly.journal().find(given["conversation"])
    if "resume" not in given:
        return None
    latest = assembly.journal().latest()
    if latest is None:
        raise UsageError("There is no conversation to go on with yet; start one without --continue.")
    return latest


def _absolute(path: Path | None) -> Path | None:
    return path.expanduser().absolute() if path is not None else None
