"""Read a text file, PDF or DOCX document in the workspace."""

from __future__ import annotations

from typing import Annotated

from smol_chat.tools import Effect, JsonObject, Origin, Preview, Range, ToolContext, ToolError, ToolOutput, tool


@tool(effect=Effect.READ)
async def read_file(
    path: Annotated[str, "File in the workspace"],
    start_line: Annotated[int, Range(min=1)] = 1,
    end_line: Annotated[int | None, Range(min=1)] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Read a text file."""
    name = ctx.files.relative(path)
    content = await ctx.files.read_bytes(path)
    document = await ctx.document_text(content)
    if document is None:
        decoded = ctx.files.as_text(content, path)
        text, encoding = decoded.text, decoded.encoding
        notes = [] if decoded.certain else ["[the encoding is unknown; read as Latin-1]"]
    else:
        text, encoding = document, None
        notes = ["[the text of the document]"]
    total = len(text.splitlines())
    if start_line > 1 or end_line is not None:
        text, place = _lines(text, name, start_line, end_line)
        notes.append(place)
    elif len(text.encode("utf-8", "replace")) > ctx.result_limit:
        notes.append(f"[{total:,} lines; it is longer than one result: start_line and end_line read on]")
    if not text:
        notes.append(f"[{name} is empty]")
    data: JsonObject = {"path": name, "text": text, "encoding": encoding}
    return ToolOutput("\n".join([*notes, text] if text else notes), data=data, origin=Origin.FILE)


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
    return Preview(f"Read {ctx.files.relative(path)}{lines}. The model sees its text.")
