"""Feed a parser in pieces and look at what came out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from smol_chat.protocol import ContentDelta, ParserEvent, ReasoningDelta, StreamParser


def parse(
    pieces: str | Iterable[str], tool_names: Collection[str] | None = None, *, starts_in_reasoning: bool = False
) -> list[ParserEvent]:
    """Parse a whole stream and join the deltas that follow each other: the outcome without its timing."""
    parser = StreamParser(tool_names, starts_in_reasoning)
    events: list[ParserEvent] = []
    for piece in [pieces] if isinstance(pieces, str) else pieces:
        events += parser.feed(piece)
    return joined([*events, *parser.finish()])


def joined(events: Sequence[ParserEvent]) -> list[ParserEvent]:
    """Join deltas of the same kind that follow each other."""
    outcome: list[ParserEvent] = []
    for event in events:
        last = outcome[-1] if outcome else None
        if isinstance(event, ReasoningDelta) and isinstance(last, ReasoningDelta):
            outcome[-1] = ReasoningDelta(last.text + event.text)
        elif isinstance(event, ContentDelta) and isinstance(last, ContentDelta):
            outcome[-1] = ContentDelta(last.text + event.text)
        else:
            outcome.append(event)
    return outcome


def cut(text: str, size: int) -> list[str]:
    """Cut a text into pieces of `size` characters."""
    return [text[start : start + size] for start in range(0, len(text), size)]
