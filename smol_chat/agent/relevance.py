"""Which tools a small context window has room for: those the request is about, and otherwise the ones it had before.

A changed list is a changed prompt from its beginning, which has to be evaluated anew. So a list stays as it is until a
request is about a tool that is not on it. Pure: no state, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from smol_chat.messages import JsonValue, ToolSchema

_WORD = re.compile(r"[^\W_]{2,}")
_COMMON = frozenset(
    {"an", "and", "are", "as", "at", "be", "by", "can", "do", "for", "from", "get", "has", "have", "how", "in", "is"}
    | {"it", "its", "me", "my", "no", "not", "of", "on", "one", "or", "please", "that", "the", "this", "to", "use"}
    | {"was", "what", "when", "which", "who", "will", "with", "would", "you", "your", "optional", "default", "name"}
    | {"value", "tool", "data", "set"}
)
"""Words that stand in requests and schemas of any kind."""
_ENDINGS = ("ings", "ing", "ers", "er", "ed", "es", "s")


def choose_tools(
    tools: Sequence[ToolSchema],
    *,
    cost: Mapping[str, int],
    budget: int,
    request: str,
    wanted: Collection[str] = (),
    before: Collection[str] = (),
) -> tuple[ToolSchema, ...]:
    """Return the tools to offer, in the order they came in.

    Args:
        tools: all that could be offered.
        cost: tokens each takes in the prompt, by name.
        budget: tokens they may take together.
        request: what the user wrote.
        wanted: names that are kept whatever they cost: pinned, demanded, or called earlier in the conversation.
        before: names that were offered last; without any, as many as fit are taken, the shortest first.
    """
    scores = {tool.name: score(tool, request) for tool in tools}
    relevant = sorted((name for name in scores if scores[name] > 0), key=lambda name: (-scores[name], cost[name]))
    chosen = [tool.name for tool in tools if tool.name in wanted]
    kept = [name for name in before if name in scores]
    if kept and {*chosen, *relevant[:2]} <= set(kept):
        return tuple(tool for tool in tools if tool.name in kept)
    left = budget - sum(cost[name] for name in chosen)
    for name in (*relevant, *kept, *sorted(scores, key=lambda name: (cost[name], name))):
        if name not in chosen and cost[name] <= left:
            chosen.append(name)
            left -= cost[name]
    return tuple(tool for tool in tools if tool.name in chosen)


def score(tool: ToolSchema, request: str) -> float:
    """Return how much a request has in common with a tool: its name and keywords count most, then what it says."""
    said = words(request)
    strong = words(f"{tool.name.replace('_', ' ')} {' '.join(tool.keywords)}")
    weak = words(" ".join([tool.description, *_texts(tool.parameters)])) - strong
    return 3.0 * len(said & strong) + 0.5 * len(said & weak)


def words(text: str) -> frozenset[str]:
    """Return the words that tell something, without their endings, in lower case."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _texts(value: JsonValue) -> list[str]:
    """Return the property names, descriptions and choices of a schema."""
    match value:
        case dict():
            properties = value.get("properties")
            named = [*properties] if isinstance(properties, dict) else []
            return [*named, *(text for part in value.values() for text in _texts(part))]
        case list():
            return [text for part in value for text in _texts(part)]
        case str():
            return [value]
        case _:
            return []
