"""Files named in a message by an @: which they are, and what of them goes along."""

from __future__ import annotations

import re
from typing import NamedTuple

from smol_chat.errors import ToolError
from smol_chat.messages import Attachment
from smol_chat.tools.files import WorkspaceFiles

_MENTION = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"]+))')
_TRAILING = ".,;:!?)]}'\""
_LISTED = 200
"""Entries of a folder that are listed."""


class Attached(NamedTuple):
    """What goes along with a message."""

    files: tuple[Attachment, ...]
    missing: tuple[str, ...]
    """What looks like a path and is not there; it goes as it was written."""


def mentioned(text: str) -> list[str]:
    """Return the paths that a message names, each once, in their order."""
    return list(dict.fromkeys(quoted or plain for quoted, plain in _MENTION.findall(text)))


async def attach(text: str, files: WorkspaceFiles, *, limit: int) -> Attached:
    """Read what a message names; `limit` is how many bytes all of it together may have, the rest is cut.

    Raises:
        ToolError: a file is there but cannot be attached: no text, too large, outside the workspace.
    """
    attachments: list[Attachment] = []
    missing: list[str] = []
    for path in mentioned(text):
        read = await _read(path, files)
        if read is None:
            if "/" in path or "." in path.strip(_TRAILING):
                missing.append(path)
            continue
        name, content, size = read
        kept = content.encode("utf-8", "replace")[: max(0, limit)].decode("utf-8", "ignore")
        limit -= len(kept.encode("utf-8", "replace"))
        attachments.append(Attachment(name, kept, size, cut=len(kept) < len(content)))
    return Attached(tuple(attachments), tuple(missing))


async def _read(path: str, files: WorkspaceFiles) -> tuple[str, str, int] | None:
    for name in dict.fromkeys((path, path.rstrip(_TRAILING))):
        if not name:
            continue
        try:
            data = await files.read_bytes(name)
            return files.relative(name), files.as_text(data, name).text, len(data)
        except ToolError as error:
            if (listed := await _folder(name, files)) is not None:
                return listed
            if error.kind not in ("not_found", "invalid_arguments"):
                raise
    return None


async def _folder(path: str, files: WorkspaceFiles) -> tuple[str, str, int] | None:
    try:
        listing = await files.list_folder(path, depth=2, limit=_LISTED)
    except ToolError:
        return None
    rows = [f"{entry.path}/" if entry.kind == "folder" else entry.path for entry in listing.entries]
    if listing.unseen:
        rows.append(f"… and at least {listing.unseen} more")
    text = "\n".join(rows)
    return f"{files.relative(path)}/", text, len(text.encode("utf-8", "replace"))
