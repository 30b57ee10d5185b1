"""A toolbox with one tool that returns as much text as the test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smol_chat.messages import JsonObject, ToolCall, ToolResult, ToolSchema
from smol_chat.tools.spec import Effect, Preview

_WHAT: JsonObject = {
    "type": "object",
    "properties": {"what": {"type": "string", "maxLength": 40}},
    "required": ["what"],
    "additionalProperties": False,
}


class Library:
    """`fetch` returns lines that name the call; about as many characters as `size` says for each call."""

    def __init__(self, size: Callable[[], int] = lambda: 900, *, schemas: Sequence[ToolSchema] = ()) -> None:
        self._size = size
        self._schemas = (ToolSchema("fetch", "Fetch a text.", _WHAT), *schemas)

    def schemas(self) -> tuple[ToolSchema, ...]:
        return self._schemas

    def isolation(self) -> str:
        return ""

    def usual_effect(self, name: str) -> Effect:
        return Effect.READ

    def effect(self, call: ToolCall) -> Effect:
        return Effect.READ

    async def preview(self, call: ToolCall) -> Preview:
        return Preview("Fetch")

    async def run(self, call: ToolCall, progress: Callable[[str], None]) -> ToolResult:
        lines = [f"line {number} of {call.id}\n" for number in range(self._size() // 16)]
        return ToolResult(call.id, call.name, content="".join(lines))
