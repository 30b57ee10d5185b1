"""What the model has read in a conversation, and where the arguments of its calls came from.

Everything that was ever read counts, also before a conversation was reopened: the user's messages and edits, and the
results of tools. Nothing is computed before a call is proposed, so a conversation without calls pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from smol_chat.agent.facts import host_of, leaves
from smol_chat.agent.sources import UNTRUSTED, Library, Source
from smol_chat.agent.spans import Argument
from smol_chat.events import Decided, FileAttached, ToolCallProposed, ToolFinished, TurnEvent, TurnStarted
from smol_chat.messages import ArgumentOrigin, JsonObject, Origin, OriginSpan, ToolCall, ToolResult, ToolSchema
from smol_chat.tools.spec import Effect

_OWN_WORDS = ("denied", "invalid_arguments")
"""Failures whose sentence is this program's, about what the model itself wrote."""

_TRACED = 200
"""Calls of a reopened conversation whose arguments are looked up; those before are long forgotten by any model."""

_LIFTING = {
    Effect.PURE: frozenset[Origin](),
    Effect.READ: frozenset({Origin.WEB, Origin.MAIL}),
}
"""Whose text lifts a call to a question, for effects that not all untrusted text lifts.

What only computes has no effect anybody could want. What only reads stays on this machine, and what it reads is
untrusted for the calls that follow; so the user's own files, databases and programs may name what is read next, a page
or a mail may not.
"""


_TELLING = (TurnStarted, FileAttached, ToolCallProposed, Decided, ToolFinished)
"""Events with something the model has read, or that somebody has written."""


class Readings:
    """Tell for each call where its arguments came from, from the events of its conversation."""

    def __init__(
        self, past: Iterable[TurnEvent] = (), *, schemas: Callable[[], Iterable[ToolSchema]] = lambda: ()
    ) -> None:
        """Begin with the events of earlier turns, which are looked at when the first call is proposed.

        `schemas` tells what tools take: where all values are listed, one of them tells nothing.
        """
        self._schemas = schemas
        self._past = past
        self._unread: list[TurnEvent] = []
        self._library = Library()
        self._calls: dict[str, ToolCall] = {}
        self._origins: dict[str, tuple[ArgumentOrigin, ...]] = {}

    def add(self, event: TurnEvent) -> None:
        """Take in the next event."""
        if isinstance(event, _TELLING):
            self._unread.append(event)

    def origins(self, call: ToolCall) -> tuple[ArgumentOrigin, ...]:
        """Return where the call's arguments came from, as far as they are not the model's alone.

        What differs from the call as it was proposed is the user's: nobody else changes one.
        """
        self.read()
        proposed = self._calls.get(call.id)
        if proposed is None:
            return self._traced(call)
        known = {origin.argument: origin for origin in self._origins[call.id]}
        before = dict(leaves(proposed.arguments))
        now = [
            known.get(path) if before.get(path) == text else _from_user(path, text)
            for path, text in leaves(call.arguments)
        ]
        return tuple(origin for origin in now if origin is not None)

    def read(self) -> None:
        """Take in what has happened. It takes a while after a long conversation was reopened: call it in a thread."""
        past, self._past = self._past, ()
        events = [*(_read_by_the_model(event) for event in past if isinstance(event, _TELLING)), *self._unread]
        self._unread.clear()
        proposed = [event.call.id for event in events if isinstance(event, ToolCallProposed)]
        long_ago = set(proposed[:-_TRACED])
        for event in events:
            match event:
                case TurnStarted(text=text):
                    self._library.add(Source(Origin.USER, "", text))
                case FileAttached(attachment=file):
                    self._library.add(Source(Origin.FILE, file.path, file.text))
                case ToolCallProposed(call=call):
                    self._calls[call.id] = call
                    self._origins[call.id] = () if call.id in long_ago else self._traced(call)
                case Decided(by="user"):
                    self._heard(event)
                case ToolFinished(result=result):
                    self._finished(result, known=result.call_id not in long_ago)
                case _:
                    pass

    def _heard(self, decided: Decided) -> None:
        """Take in what the user wrote while deciding: a reason, or other arguments."""
        call = self._calls.get(decided.call_id)
        proposed = dict(leaves(call.arguments)) if call else {}
        written = [text for path, text in leaves(decided.arguments) if proposed.get(path) != text]
        for text in filter(None, (*written, decided.reason)):
            self._library.add(Source(Origin.USER, "", text))

    def _finished(self, result: ToolResult, *, known: bool) -> None:
        """Take in a result. `known`: it was looked up where the arguments of its call came from."""
        call = self._calls.get(result.call_id)
        origins = self._origins.get(result.call_id, ())
        drawn = [span for origin in origins for span in origin.spans if span.origin in UNTRUSTED]
        if call is not None and known:
            # A result often repeats what was asked for. That is the model's own, unless it was drawn from elsewhere.
            tainted = {origin.argument for origin in origins if any(span.origin in UNTRUSTED for span in origin.spans)}
            for path, text in leaves(call.arguments):
                if path not in tainted:
                    self._library.add(Source(Origin.MODEL, "", text))
        if result.error is not None and result.error.kind in _OWN_WORDS:
            return
        if result.origin in UNTRUSTED:
            self._library.add(Source(result.origin, _place(result, call), result.content))
        elif drawn:  # computed from untrusted text, such as its translation
            self._library.add(Source(drawn[0].origin, drawn[0].source, result.content))
        else:
            self._library.add(Source(Origin.LOCAL, result.name, result.content))

    def _traced(self, call: ToolCall) -> tuple[ArgumentOrigin, ...]:
        if not len(self._library):
            return ()
        fixed = _fixed_choices(call.name, self._schemas())
        traced: list[ArgumentOrigin] = []
        for path, text in leaves(call.arguments):
            if path not in fixed and (spans := Argument(text).spans(self._library)):
                traced.append(ArgumentOrigin(path, spans))
        return tuple(traced)


def _read_by_the_model(event: TurnEvent) -> TurnEvent:
    """Return the event without what is only kept: a long history has more of that than fits into memory easily."""
    if isinstance(event, ToolFinished):
        return ToolFinished(replace(event.result, full_content=None, data=None))
    return event


ORIGIN_NAMES = {
    Origin.FILE: "the file",
    Origin.WEB: "the web:",
    Origin.MAIL: "mail:",
    Origin.DATABASE: "the database:",
    Origin.PROGRAM: "a program:",
}
"""Untrusted origins in words that go before the name of a source."""


def raised(origins: Iterable[ArgumentOrigin], effect: Effect) -> str:
    """Return one sentence why a call is asked about whatever a rule allows; empty: no untrusted text is in its way."""
    lifts = _LIFTING.get(effect, UNTRUSTED)
    found = [(origin.argument, span) for origin in origins for span in origin.spans if span.origin in lifts]
    if not found:
        return ""
    names = list(dict.fromkeys(argument for argument, _ in found))
    place = f"{ORIGIN_NAMES[found[0][1].origin]} {found[0][1].source}"
    return f"Part of {' and '.join(names)} was not written by you but taken from {place}; no rule allows such a call."


def _from_user(path: str, text: str) -> ArgumentOrigin:
    return ArgumentOrigin(path, (OriginSpan(0, len(text), Origin.USER),))


def _fixed_choices(tool: str, schemas: Iterable[ToolSchema]) -> frozenset[str]:
    """Return the arguments of which the tool's schema lists all values there are."""
    schema = next((schema for schema in schemas if schema.name == tool), None)
    properties = schema.parameters.get("properties") if schema else None
    if not isinstance(properties, dict):
        return frozenset()
    return frozenset(name for name, about in properties.items() if isinstance(about, dict) and "enum" in about)


def _place(result: ToolResult, call: ToolCall | None) -> str:
    """Name where a result came from: the host, the file, else the tool."""
    arguments: JsonObject = call.arguments if call else {}
    for name in ("url", "path", "database"):
        named = arguments.get(name)
        if isinstance(named, str) and named:
            return (host_of(named) or named) if name == "url" else named
    return result.name
