from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest

from smol_chat.messages import JsonObject
from smol_chat.tools import Effect, Range, ToolContext, ToolOutput, tool


@tool(effect=Effect.PURE)
async def everything(
    text: Annotated[str, "What it says"],
    number: Annotated[float, Range(0, 1)],
    unit: Literal["a", "b"],
    items: Annotated[list[int], Range(max=3)],
    mapping: dict[str, bool],
    body: str | dict[str, Any],
    free: Any,  # noqa: ANN401  # the point
    count: Annotated[int, "How many", Range(min=1)] = 3,
    maybe: Annotated[str, "Or not"] | None = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Do it all.

    This is not for the model.
    """
    return ToolOutput(text)


def test_the_schema_says_what_the_signature_says() -> None:
    expected: JsonObject = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What it says"},
            "number": {"type": "number", "minimum": 0, "maximum": 1},
            "unit": {"type": "string", "enum": ["a", "b"]},
            "items": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
            "mapping": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "body": {"type": ["string", "object"]},
            "free": {},
            "count": {"type": "integer", "description": "How many", "minimum": 1, "default": 3},
            "maybe": {"type": "string", "description": "Or not"},
        },
        "required": ["text", "number", "unit", "items", "mapping", "body", "free"],
        "additionalProperties": False,
    }
    assert everything.schema.parameters == expected


def test_the_model_reads_the_first_line_of_the_docstring() -> None:
    assert everything.schema.description == "Do it all."
    assert everything.name == "everything"


async def no_ctx(text: str) -> ToolOutput:
    """It."""
    return ToolOutput(text)


async def no_type(text, *, ctx: ToolContext) -> ToolOutput:  # type: ignore[no-untyped-def]  # noqa: ANN001  # the point
    """It."""
    return ToolOutput(text)


async def no_json(text: bytes, *, ctx: ToolContext) -> ToolOutput:
    """It."""
    return ToolOutput(text.decode())


async def stars(*texts: str, ctx: ToolContext) -> ToolOutput:
    """It."""
    return ToolOutput("".join(texts))


async def silent(*, ctx: ToolContext) -> ToolOutput:
    return ToolOutput("")


async def ranged(flag: Annotated[bool, Range(1, 2)], *, ctx: ToolContext) -> ToolOutput:
    """It."""
    return ToolOutput("")


def sync(*, ctx: ToolContext) -> ToolOutput:
    """It."""
    return ToolOutput("")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (no_ctx, "must take a keyword argument `ctx`"),
        (no_type, "'text' of the tool no_type needs a type"),
        (no_json, "has no JSON form"),
        (stars, "arguments by name"),
        (silent, "needs a docstring"),
        (ranged, "a Range bounds"),
        (sync, "async def"),
    ],
)
def test_a_signature_that_cannot_be_told_is_refused_with_the_reason(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        tool(effect=Effect.PURE)(function)
