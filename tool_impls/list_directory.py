"""List a folder of the workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from smol_chat.tools import Effect, Entry, JsonValue, Origin, Preview, Range, ToolContext, ToolOutput, tool

_MOST = 200


@tool(effect=Effect.READ, keywords="folder directory files list workspace ls contents")
async def list_directory(
    path: Annotated[str, 'Folder in the workspace; "." is the workspace itself'],
    depth: Annotated[int, Range(min=1, max=4)] = 1,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """List the entries of a folder."""
    listing = await ctx.files.list_folder(path, depth=depth, limit=_MOST)
    name = ctx.files.relative(path)
    if not listing.entries:
        return ToolOutput(f"{name} is empty.", data={"path": name, "entries": []}, origin=Origin.FILE)
    rows = [_row(entry) for entry in listing.entries]
    if listing.unseen:
        rows.append(f"[the first {len(listing.entries)} entries are shown; there are at least {listing.unseen} more]")
    entries: list[JsonValue] = [
        {"path": _text(entry.path), "kind": entry.kind, "size": entry.size, "modified": _time(entry.modified)}
        for entry in listing.entries
    ]
    return ToolOutput("\n".join(rows), data={"path": name, "entries": entries}, origin=Origin.FILE)


@list_directory.preview
async def _preview(path: str, depth: int = 1, *, ctx: ToolContext) -> Preview:
    name = ctx.files.relative(path)
    deeper = "" if depth == 1 else f", {depth} levels deep"
    return Preview(f"List {'the workspace' if name == '.' else name}{deeper}. The model sees names, sizes and dates.")


def _row(entry: Entry) -> str:
    size = f"  {_size(entry.size)}" if entry.kind == "file" else ""
    return f"{_shown(entry.path, entry.kind)}{size}  {_time(entry.modified)}"


def _shown(path: str, kind: str) -> str:
    name = _text(path)
    return {"folder": f"{name}/", "link": f"{name} (link)", "other": f"{name} (device, pipe or socket)"}.get(kind, name)


def _text(path: str) -> str:
    """Return a name on one line; a line break in it would look like two entries."""
    return path if path.isprintable() else ascii(path)[1:-1]


def _size(size: int) -> str:
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
