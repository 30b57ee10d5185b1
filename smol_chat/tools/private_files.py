"""Files in the data folder that only this user reads: written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from smol_chat.errors import ToolError
from smol_chat.paths import open_private


def save_new(folder: Path, name: str, data: bytes) -> Path:
    """Write a file that is not there yet and return its path; the folder is made where it is missing.

    Raises:
        ToolError: `failed` or `limit` where that cannot be done.
    """
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(open_private(str(temporary), os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, folder / name)  # unlike a rename it never replaces
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ToolError("failed", f"{str(folder / name)!r} could not be written: {error.strerror or error}.") from error
    return folder / name
