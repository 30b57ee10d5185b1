"""Ask the model why it wants a call, beside the conversation: neither question nor answer becomes part of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from smol_chat.agent.completion import REASONING_TOKENS, reply
from smol_chat.agent.open_round import NOT_RUN
from smol_chat.engine.base import Engine, GenerationRequest
from smol_chat.errors import UsageError
from smol_chat.messages import Message, ToolCall, ToolMessage, UserMessage

_WHY = (
    "Before I decide: why do you want to call {name} with these arguments?{arguments}\n"
    "Answer in one to three plain sentences: what it is for, and where each argument comes from. Call no tool now."
)
_PENDING = "This call waits for the user's consent."
_TOKENS = 200


async def explanation(engine: Engine, request: GenerationRequest, call: ToolCall) -> str:
    """Return the model's reason for a call that waits. `request` is one for the conversation up to that call.

    Raises:
        SmolChatError: the model cannot be used, or gave no reason.
    """
    said = "".join(f"\n{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items())
    question = UserMessage(_WHY.format(name=call.name, arguments=said))
    asked = replace(
        request,
        messages=(*_waiting(request.messages), question),
        sampling=replace(request.sampling, max_tokens=_TOKENS + REASONING_TOKENS),
        tool_choice="none",
    )
    text, _ = await reply(engine, asked, max_tokens=_TOKENS)
    if not text.strip():
        raise UsageError("The model gave no reason.")
    return text.strip()


def _waiting(messages: Sequence[Message]) -> list[Message]:
    """Say of the calls of this round that they wait, not that they were not run."""
    return [
        replace(message, text=_PENDING) if isinstance(message, ToolMessage) and message.text == NOT_RUN else message
        for message in messages
    ]
