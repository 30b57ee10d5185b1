"""Events as JSON objects for programs: the lines of `ask --json` and `history show --json`."""

from __future__ import annotations

import json

from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    GenerationProgress,
    MalformedCall,
    Notice,
    Pinned,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from smol_chat.messages import JsonObject, Timings, ToolFailure, ToolResult, Usage


def json_line(value: object) -> str:
    """Return a value as one line of JSON: ASCII, so that no text in it can act on a terminal or break an encoding."""
    return json.dumps(value)


def json_objects(event: TurnEvent, *, with_text: bool = False) -> list[JsonObject]:
    """Return the event's lines; none for an event that only a screen shows.

    `with_text` adds what the user sent to `turn_started`, for who was not there.
    """
    match event:
        case TurnStarted():
            started: JsonObject = {"type": "turn_started", "conversation": event.conversation}
            return [{**started, "text": event.text} if with_text else started]
        case TurnResumed():
            return [{"type": "turn_resumed", "conversation": event.conversation}]
        case FileAttached(attachment=file):
            return [{"type": "file_attached", "path": file.path, "bytes": file.size, "cut": file.cut}]
        case PromptProgress():
            return [{"type": "prompt_progress", "done": event.done, "total": event.total, "reused": event.reused}]
        case ReasoningDelta():
            return [{"type": "reasoning_delta", "text": event.text}]
        case ContentDelta():
            return [{"type": "content_delta", "text": event.text}]
        case ToolCallProposed(call=call):
            return [{"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}]
        case MalformedCall():
            return [{"type": "malformed_call", "raw": event.raw, "kind": event.kind, "message": event.message}]
        case Decided() | ToolFinished() | TurnFinished() | TurnFailed():
            return _outcome(event)
        case RoundStarted() | ReasoningFinished() | GenerationProgress() | ToolStarted() | ToolProgress():
            return []
        case TurnSettings() | Notice() | Summarised() | Pinned():
            return []


def _outcome(event: Decided | ToolFinished | TurnFinished | TurnFailed) -> list[JsonObject]:
    match event:
        case Decided():
            decision: JsonObject = {"type": "decision", "id": event.call_id, "decision": event.decision}
            return [{**decision, "by": event.by, "arguments": event.arguments}]
        case ToolFinished(result=result):
            return [_tool_result(result)]
        case TurnFinished():
            return [_turn_finished(event.reason, event.usage, event.timings)]
        case TurnFailed():
            failed: JsonObject = {"type": "error", "kind": event.kind, "message": event.message}
            return [failed, _turn_finished("error", event.usage, event.timings)]


def failure(error: ToolFailure | None) -> JsonObject | None:
    """Return why a call gave no result; None where it gave one."""
    return None if error is None else {"kind": error.kind, "message": error.message}


def _tool_result(result: ToolResult) -> JsonObject:
    return {
        "type": "tool_result",
        "id": result.call_id,
        "ok": result.ok,
        "content": result.content,
        "error": failure(result.error),
        "duration_ms": result.duration_ms,
    }


def _turn_finished(reason: str, usage: Usage, timings: Timings) -> JsonObject:
    return {
        "type": "turn_finished",
        "reason": reason,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "reused_tokens": usage.reused_tokens,
            "completion_tokens": usage.completion_tokens,
        },
        "timings": {
            "ttft_ms": timings.ttft_ms,
            "prompt_tok_s": round(timings.prompt_tok_s, 2),
            "decode_tok_s": round(timings.decode_tok_s, 2),
        },
    }
