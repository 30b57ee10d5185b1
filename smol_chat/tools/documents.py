"""The text of PDF and DOCX files, read in a process of its own that is killed when its time is over."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

from smol_chat.errors import ToolError
from smol_chat.tools.document_worker import SECONDS
from smol_chat.tools.sandbox.ending import end_group

_GRACE = 5.0
"""Seconds beyond the processor time: a machine whose cores run a model is slow."""
_PACKAGES = ("pypdf", "docx")


def kind_of(data: bytes) -> str | None:
    """Tell a PDF and a DOCX document from everything else."""
    if data.startswith(b"%PDF-"):
        return "pdf"
    # A DOCX file is a ZIP archive; its directory at the end names what it holds.
    return "docx" if data.startswith(b"PK\x03\x04") and b"word/document.xml" in data[-65536:] else None


async def document_text(data: bytes) -> str | None:
    """Return the text of a PDF or DOCX document, None for anything else.

    Raises:
        ToolError: `failed` or `unavailable` where it cannot be read, `timeout` where that takes too long.
    """
    kind = kind_of(data)
    if kind is None:
        return None
    name = kind.upper()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-X", "utf8", str(Path(__file__).with_name("document_worker.py"))),
            *(kind, *_import_paths()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError("unavailable", f"No process could be started for the document: {error.strerror}.") from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(data), SECONDS + _GRACE)
    except asyncio.TimeoutError:
        raise ToolError("timeout", f"The {name} document could not be read within {SECONDS} seconds.") from None
    finally:
        await end_group(process)
    try:
        answer = json.loads(output)
    except ValueError:
        raise ToolError("limit", f"The {name} document takes more time or memory to read than it may.") from None
    if problem := answer.get("problem"):
        sentence = f"The {name} document cannot be read: {problem}."
        raise ToolError("unavailable" if "pip install" in problem else "failed", sentence)
    return str(answer["text"])


def _import_paths() -> list[str]:
    """Return where the readers are installed; where they are not, the worker says how to get them."""
    found = (importlib.util.find_spec(name) for name in _PACKAGES)
    origins = [Path(spec.origin).parents[1] for spec in found if spec is not None and spec.origin is not None]
    return list(dict.fromkeys(map(str, origins)))
