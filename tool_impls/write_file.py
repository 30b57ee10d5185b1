"""Create or change a text file in the workspace."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal

from smol_chat.tools import Effect, JsonObject, Origin, Preview, ToolContext, ToolError, ToolOutput, tool

Mode = Literal["overwrite", "append", "create"]


@tool(effect=Effect.WRITE, keywords="file write save create store append note list txt md draft put")
async def write_file(
    path: Annotated[str, "File in the workspace"],
    content: str,
    mode: Annotated[Mode, "append: add to the end; create: refuse a file that exists"] = "overwrite",
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Create or overwrite a text file."""
    append = mode == "append"
    written = await ctx.files.write_text(path, content, append=append, create=mode == "create")
    lines = len(content.splitlines())
    what = "Created" if written.created else ("Appended to" if append else "Overwrote")
    sentence = (
        f"{what} {written.path}: {lines:,} {_plural('line', lines)} written, the file has {written.size:,} bytes."
    )
    data: JsonObject = {"path": written.path, "created": written.created, "bytes": written.size}
    return ToolOutput(sentence, data=data, origin=Origin.LOCAL)


@write_file.preview
async def _preview(path: str, content: str, mode: Mode = "overwrite", *, ctx: ToolContext) -> Preview:
    append = mode == "append"
    name = ctx.files.relative(path)
    try:
        old = (await ctx.files.read_text(path)).text
    except ToolError as error:
        if error.kind == "not_found":
            lines = len(content.splitlines())
            return Preview(f"Create {name} with {lines:,} {_plural('line', lines)}.", _diff("", content, name), "diff")
        if error.kind == "failed" and "not text" in error.message:
            return Preview(f"Overwrite {name}, which is no text file now: {error.message}", content)
        raise
    if mode == "create":
        return Preview(f"This call would fail: {name!r} is there already, and the mode is create.")
    new = old + content if append else content
    if new == old:
        return Preview(f"Write {name} as it is already: nothing changes.")
    diff = _diff(old, new, name)
    added, removed = _counted(diff)
    return Preview(f"{'Append to' if append else 'Change'} {name}: +{added:,} -{removed:,} lines.", diff, "diff")


def _diff(old: str, new: str, name: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines)


def _counted(diff: str) -> tuple[int, int]:
    lines = diff.splitlines()[2:]
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
