"""Write the message in the user's own editor, while the program keeps working behind it."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from pathlib import Path

from smol_chat.errors import UsageError
from smol_chat.paths import open_private
from smol_chat.sanitise import visible

_USUAL = ("nano", "vim", "vi", "emacs")
_MOST = 4_000_000
"""Bytes that are taken back from the editor."""


def editor_command() -> list[str]:
    """Return the editor and its options: $VISUAL, $EDITOR, or one of the usual ones.

    Raises:
        UsageError: there is none.
    """
    for variable in ("VISUAL", "EDITOR"):
        if wanted := os.environ.get(variable, "").strip():
            try:
                command = shlex.split(wanted)
            except ValueError as error:
                raise UsageError(f"${variable} cannot be read ({error}): set it to an editor, such as nano.") from error
            if shutil.which(command[0]) is None:
                raise UsageError(f"${variable} names {command[0]!r}, which is not there: set it to an editor's name.")
            return command
    found = next((name for name in _USUAL if shutil.which(name)), None)
    if found is None:
        raise UsageError("No editor is found: set $EDITOR to one, such as nano.")
    return [found]


async def edit(text: str) -> str:
    """Open the text in the editor and return it as it was saved; the terminal must be free.

    Raises:
        UsageError: the editor could not be started, failed, or left what cannot be used; the text is as it was then.
    """
    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="smol-chat-") as folder:
        file = Path(folder) / "message.md"
        with open(file, "w", encoding="utf-8", errors="replace", opener=open_private) as stream:
            stream.write(text)
        try:
            process = await asyncio.create_subprocess_exec(*command, str(file))
        except OSError as error:
            raise UsageError(f"{command[0]!r} could not be started: {error.strerror}.") from error
        code = await process.wait()
        if code:
            raise UsageError(f"{command[0]!r} ended with an error ({code}), so the message is as it was.")
        try:
            if file.stat().st_size > _MOST:
                raise UsageError(f"That is more than {_MOST // 1_000_000} MB, so the message is as it was.")
            saved = file.read_text("utf-8", "replace")
        except OSError as error:
            raise UsageError(f"What was saved cannot be read ({error.strerror}); the message is as it was.") from error
    return visible(saved.replace("\r\n", "\n").replace("\r", "\n"), prose=True).removesuffix("\n")
