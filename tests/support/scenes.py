"""A short conversation that ends in one call: what the user said, what tools returned, what the model then wants."""

from __future__ import annotations

from dataclasses import dataclass

from smol_chat.agent.origin import Readings
from smol_chat.events import ToolCallProposed, ToolFinished, TurnStarted
from smol_chat.messages import ArgumentOrigin, JsonObject, Origin, ToolCall, ToolResult
from smol_chat.tools.registry import ToolRegistry

ORIGINS = {
    "web_search": Origin.WEB,
    "get_webpage": Origin.WEB,
    "http_request": Origin.WEB,
    "get_weather": Origin.WEB,
    "read_file": Origin.FILE,
    "list_directory": Origin.FILE,
    "database_query": Origin.DATABASE,
    "shell_command": Origin.PROGRAM,
    "execute_python": Origin.PROGRAM,
    "read_mail": Origin.MAIL,
    "send_email": Origin.MAIL,
    "translate": Origin.LOCAL,
    "calculate": Origin.LOCAL,
    "get_current_datetime": Origin.LOCAL,
    "write_file": Origin.LOCAL,
    "create_calendar_event": Origin.LOCAL,
}


@dataclass(frozen=True)
class Read:
    """One call that was made and what it returned."""

    tool: str
    arguments: JsonObject
    content: str


@dataclass(frozen=True)
class Scene:
    """`drawn`: paths of the arguments that were copied from what was read; all others are the user's or the model's."""

    user: str | tuple[str, ...]
    reads: tuple[Read, ...]
    call: tuple[str, JsonObject]
    drawn: tuple[str, ...] = ()


def traced(scene: Scene) -> tuple[ArgumentOrigin, ...]:
    """Return the origins of the arguments of the scene's last call."""
    readings = Readings(schemas=ToolRegistry.load().schemas)
    turns = (scene.user,) if isinstance(scene.user, str) else scene.user
    for text in turns:
        readings.add(TurnStarted("c1", text))
    for number, read in enumerate(scene.reads):
        call = ToolCall(f"read_{number}", read.tool, read.arguments)
        readings.add(ToolCallProposed(call))
        readings.add(ToolFinished(ToolResult(call.id, call.name, content=read.content, origin=ORIGINS[read.tool])))
    last = ToolCall("last", *scene.call)
    readings.add(ToolCallProposed(last))
    return readings.origins(last)
