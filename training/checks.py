"""The filter of the smol-tools model card, as code: what is malformed, wrong or seen before is dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from sheets import Conversation

from smol_chat.messages import JsonObject
from smol_chat.protocol import StreamParser, ToolCallParsed
from smol_chat.protocol.schema import problems

NEAR = 0.6
"""Share of an evaluation item's word triples that a request may have in common with it, at most."""

SAME_REQUEST = 3
"""How often the same request may come, each time behind another list of tools."""


class Checker:
    """Judge conversations one by one; remembers the requests it has let through."""

    def __init__(self, evaluation: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            evaluation: requests of evaluation sets; what is near to one is dropped.
        """
        self._seen: dict[str, int] = {}
        self._items = [triples(text) for text in evaluation]
        self._by_triple: dict[tuple[str, ...], list[int]] = {}
        for number, item in enumerate(self._items):
            for triple in item:
                self._by_triple.setdefault(triple, []).append(number)

    def problem(self, conversation: Conversation, tools: Sequence[JsonObject]) -> str | None:
        """Return why a conversation is dropped; None where it is kept."""
        problem = self._wrong_call(conversation, tools)
        if problem is not None:
            return problem
        if self._is_near(conversation.request):
            return "near an evaluation item"
        key = json.dumps([message["content"] for message in conversation.messages]).lower()
        self._seen[key] = self._seen.get(key, 0) + 1
        return "duplicate" if self._seen[key] > SAME_REQUEST else None

    def _wrong_call(self, conversation: Conversation, tools: Sequence[JsonObject]) -> str | None:
        schemas = {str(function["name"]): function for tool in tools if isinstance(function := tool["function"], dict)}
        calls = [call for message in conversation.messages for call in _calls(message)]
        if not calls and conversation.scenario not in ("no_call", "missing", "absent"):
            return "no call"
        for call in calls:
            name, arguments = call["name"], call["arguments"]
            parsed = StreamParser(schemas).feed(f"<tool_call>{json.dumps(call, ensure_ascii=False)}</tool_call>")
            if not (len(parsed) == 1 and isinstance(parsed[0], ToolCallParsed) and parsed[0].arguments == arguments):
                return "malformed call"
            parameters = schemas[str(name)]["parameters"]
            assert isinstance(arguments, dict) and isinstance(parameters, dict)
            if problems(parameters, arguments):
                return "arguments do not fit the schema"
        known = " ".join(str(m["content"]) for m in conversation.messages if m["role"] != "assistant").lower()
        if any(not _grounded(value, known) for value in conversation.used):
            return "argument not grounded in the request"
        return None

    def _is_near(self, request: str) -> bool:
        own = triples(request)
        shared: dict[int, int] = {}
        for triple in own:
            for number in self._by_triple.get(triple, ()):
                shared[number] = shared.get(number, 0) + 1
        return any(count >= NEAR * len(self._items[number]) for number, count in shared.items())


def triples(text: str) -> set[tuple[str, ...]]:
    """Return the sequences of three words of a text; of a shorter one, the text itself."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + 3]) for place in range(max(1, len(words) - 2))} if words else set()


def _calls(message: JsonObject) -> list[JsonObject]:
    calls = message.get("tool_calls", [])
    assert isinstance(calls, list)
    return [call["function"] for call in calls if isinstance(call, dict) and isinstance(call["function"], dict)]


def _grounded(value: str, known: str) -> bool:
    """Tell whether a value was said before; a time in ISO 8601 is taken from another way to write it."""
    return value.lower() in known or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d|\d\d", value) is not None
