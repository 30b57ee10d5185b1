"""A toolbox of small tools that do something real and visible to the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smol_chat.messages import JsonObject, ToolCall, ToolResult, ToolSchema
from smol_chat.tools.spec import Effect, Preview

EFFECTS = {"add": Effect.PURE, "note": Effect.WRITE, "look": Effect.READ, "wait": Effect.READ}


def _schema(name: str, properties: JsonObject, optional: JsonObject | None = None) -> ToolSchema:
    parameters: JsonObject = {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }
    return ToolSchema(name, f"The tool {name}.", parameters)


class SmallToolbox:
    """`add` sums, `note` keeps a text, `look` returns the notes and may erase them, `wait` runs until it is stopped.

    `wait` says that it was recalled when it is stopped, where `recallable` is set.
    """

    recallable = False

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.log: list[str] = []
        self.waiting = asyncio.Event()

    def schemas(self) -> tuple[ToolSchema, ...]:
        number: JsonObject = {"type": "integer"}
        return (
            _schema("add", {"a": number, "b": number}),
            _schema("note", {"text": {"type": "string"}}),
            _schema("look", {}, {"erase": {"type": "boolean"}}),
            _schema("wait", {}),
        )

    def isolation(self) -> str:
        return "a box"

    def usual_effect(self, name: str) -> Effect:
        return EFFECTS[name]

    def effect(self, call: ToolCall) -> Effect:
        return Effect.WRITE if call.arguments.get("erase") else EFFECTS[call.name]

    async def preview(self, call: ToolCall) -> Preview:
        if call.name == "note":
            await asyncio.sleep(0)  # takes longer than the others
        return Preview(f"Run {call.name}")

    async def run(self, call: ToolCall, progress: Callable[[str], None]) -> ToolResult:
        self.log.append(f"start {call.id}")
        progress(f"running {call.name}")
        content = await self._content(call)
        self.log.append(f"end {call.id}")
        return ToolResult(call.id, call.name, content=content)

    async def _content(self, call: ToolCall) -> str:
        match call.name, call.arguments:
            case "add", {"a": int(a), "b": int(b)}:
                return str(a + b)
            case "note", {"text": str(text)}:
                self.notes.append(text)
                return "noted"
            case "look", _:
                await asyncio.sleep(0)
                looked = "; ".join(self.notes)
                if call.arguments.get("erase"):
                    self.notes.clear()
                return looked
            case _:
                self.waiting.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    raise asyncio.CancelledError(*["It was recalled."] * self.recallable) from None
                raise AssertionError("only cancellation ends it")
