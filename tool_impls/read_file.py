"""Read a text file, PDF or DOCX document in the workspace."""

from __future__ import annotations

from typing import Annotated

from smol_chat.tools import (
    Effect,
    JsonObject,
    Origin,
    Preview,
    Range,
    ToolContext,
    ToolError,
    ToolOutput,
    result_text,
    tool,
)


@tool(
    effect=Effect.READ,
    keywords="file read open show content text pdf docx txt md csv log notes document summarise summarize",
)
async def read_file(
    path: Annotated[str, "File in the workspace"],
    start_line: Annotated[int, Range(min=1)] = 1,
    end_line: Annotated[int | None, Range(min=1)] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Read a text file."""
    if (earlier := ctx.earlier_result(path)) is not None:
        text, encoding, name, origin, notes = result_text(earlier), None, path, earlier.origin, list[str]()
    else:
        name, origin = ctx.files.relative(path), Origin.FILE
        text, encoding, notes = await _text(path, ctx)
    total = len(text.splitlines())
    if start_line > 1 or end_line is not None:
        text, place = _lines(text, name, start_line, end_line)
        notes.append(place)
    elif len(text.encode("utf-8", "replace")) > ctx.result_limit:
        notes.append(f"[{total:,} lines; it is longer than one result: start_line and end_line read on]")
    if not text:
        notes.append(f"[{name} is empty]")
    data: JsonObject = {"path": name, "text": text, "encoding": encoding}
    return ToolOutput("\n".join([*notes, text] if text else notes), data=data, origin=origin)


async def _text(path: str, ctx: ToolContext) -> tuple[str, str | None, list[str]]:
    """Return a file's text, its encoding, and what is to be said of it."""
    content = await ctx.files.read_bytes(path)
    document = await ctx.document_text(content)
    if document is not None:
        return document, None, ["[the text of the document]"]
    decoded = ctx.files.as_text(content, path)
    notes = [] if decoded.certain else ["[the encoding is unknown; read as Latin-1]"]
    return decoded.text, decoded.encoding, notes


def _lines(text: str, name: str, start: int, end: int | None) -> tuple[str, str]:
    lines = text.splitlines(keepends=True)
    if end is not None and end < start:
        raise ToolError("invalid_arguments", f"end_line {end} lies before start_line {start}.")
    if start > len(lines):
        raise ToolError("not_found", f"{name!r} has only {len(lines):,} lines.")
    last = min(end or len(lines), len(lines))
    return "".join(lines[start - 1 : last]), f"[lines {start:,} to {last:,} of {len(lines):,}]"


@read_file.preview
async def _preview(path: str, start_line: int = 1, end_line: int | None = None, *, ctx: ToolContext) -> Preview:
    lines = "" if start_line == 1 and end_line is None else f", lines {start_line:,} to {end_line or 'the end'}"
    if (earlier := ctx.earlier_result(path)) is not None:
        return Preview(f"Read the earlier result of {earlier.name} on{lines}. The model sees its text.")
    return Preview(f"Read {ctx.files.relative(path)}{lines}. The model sees its text.")
