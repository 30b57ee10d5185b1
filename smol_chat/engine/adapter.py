"""Look at a LoRA adapter before llama.cpp does, so that whatever is wrong with it gets one clear sentence."""

from __future__ import annotations

import mmap
from pathlib import Path

from smol_chat.engine.gguf_header import DamagedError, read_header
from smol_chat.errors import ModelFileError


def read_adapter_file(path: Path) -> str:
    """Check that a file looks like a whole GGUF adapter, and return the chat template it was trained with.

    Empty where it brings none: then the model's own is meant.

    Raises:
        ModelFileError: it does not; the sentence says what to do.
    """
    if not path.is_file():
        raise ModelFileError(f"There is no adapter file at {str(path)!r}. Check model.adapter in the configuration.")
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelFileError(f"{str(path)!r} is no GGUF adapter. Convert it to GGUF first.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                header, size = read_header(data), len(data)
    except DamagedError as error:
        raise ModelFileError(f"The adapter {str(path)!r} is damaged or cut off ({error}). Get it again.") from error
    except OSError as error:
        raise ModelFileError(f"The adapter {str(path)!r} cannot be read: {error.strerror}.") from error
    if header.text("general.type") != "adapter":
        raise ModelFileError(f"{str(path)!r} is a GGUF file, but no adapter. Name a LoRA adapter in model.adapter.")
    if header.end > size:
        raise ModelFileError(f"The adapter {str(path)!r} is incomplete. Get it again.")
    return header.text("tokenizer.chat_template")
