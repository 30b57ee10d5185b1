"""A conversation as OpenAI messages, one JSON object a line: for other programs, and to be imported again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone

from smol_chat.agent.export.records import CallRecord, RoundRecord, TurnRecord
from smol_chat.journal import ConversationSummary
from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.chat import attached


def messages_line(summary: ConversationSummary, turns: Sequence[TurnRecord]) -> str:
    """Return one line. What could not be read of the model's calls is in `content`, as the model wrote it."""
    messages: list[JsonValue] = [message for turn in turns for message in chat_messages(turn)]
    about: JsonObject = {
        "id": summary.id,
        "title": summary.title,
        "named_by": summary.named_by,
        "model": summary.model,
        "started": datetime.fromtimestamp(summary.started, timezone.utc).isoformat(timespec="seconds"),
    }
    return json.dumps({"messages": messages, "metadata": about}) + "\n"


def chat_messages(turn: TurnRecord) -> list[JsonObject]:
    """Return a turn as messages in OpenAI's form, reasoning as `reasoning_content`."""
    question = "\n\n".join([turn.question, *map(attached, turn.attachments)])
    messages: list[JsonObject] = [{"role": "user", "content": question}]
    for one in turn.rounds:
        messages.append(_assistant(one))
        messages += [_tool(record) for record in one.calls]
    return messages


def _assistant(one: RoundRecord) -> JsonObject:
    content = "\n".join(text for text in (one.content, *(bad.raw for bad in one.malformed)) if text)
    message: JsonObject = {"role": "assistant", "content": content}
    if one.reasoning:
        message["reasoning_content"] = one.reasoning
    if one.calls:
        message["tool_calls"] = [
            {
                "id": record.call.id,
                "type": "function",
                "function": {"name": record.call.name, "arguments": json.dumps(record.ran.arguments)},
            }
            for record in one.calls
        ]
    return message


def _tool(record: CallRecord) -> JsonObject:
    content = record.result.content if record.result is not None else "This call has no result."
    return {"role": "tool", "tool_call_id": record.call.id, "name": record.call.name, "content": content}
