"""Results of earlier calls, for a tool that reads on where a result was cut."""

from __future__ import annotations

from collections.abc import Callable

from smol_chat.messages import ToolResult

RESULT_SCHEME = "result:"
"""What stands before a call's id where `read_file` is given an earlier result for a path."""

LINE_LENGTH = 400
"""Characters after which a line is broken, so that every place in a result has a line number near it."""

EarlierResults = Callable[[str], "ToolResult | None"]
"""Finds the outcome of an earlier call of the conversation by the call's id."""


def in_lines(text: str) -> str:
    """Break the lines of a result that are so long that no line number leads to their middle."""
    if all(len(line) <= LINE_LENGTH for line in text.split("\n")):
        return text
    return "\n".join(
        line[start : start + LINE_LENGTH]
        for line in text.split("\n")
        for start in range(0, max(1, len(line)), LINE_LENGTH)
    )


def result_text(result: ToolResult) -> str:
    """Return all a call gave, in lines that can be numbered."""
    return in_lines(result.content if result.full_content is None else result.full_content)


def pointer(call_id: str, line: int) -> str:
    """Say how to read a result from a line on."""
    return f'read_file with path "{RESULT_SCHEME}{call_id}" and start_line {line} reads on'
