"""One round: a request to the engine, its output parsed into turn events as it streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

from typing_extensions import assert_never

from smol_chat import events as turn
from smol_chat.engine.base import Engine, GenerationRequest
from smol_chat.errors import EngineError
from smol_chat.events import (
    EngineEvent,
    EngineNotice,
    GenerationFinished,
    PromptProgress,
    PromptReady,
    ServerReasoning,
    ServerToolCall,
    TextDelta,
    TurnEvent,
)
from smol_chat.messages import ToolCall, ToolSchema
from smol_chat.protocol import (
    ContentDelta,
    MalformedCall,
    ParserEvent,
    ReasoningDelta,
    StreamParser,
    ToolCallParsed,
    read_server_call,
)
from smol_chat.protocol.schema import typed

PROGRESS_INTERVAL = 0.2
"""Seconds between two reports of speed and context use; the status line needs no more."""


class Round:
    """Run one generation. Afterwards `calls`, `malformed` and `finished` say how it came out."""

    def __init__(
        self, *, tools: tuple[ToolSchema, ...], first_call: int, context_size: int, clock: Callable[[], float]
    ) -> None:
        """Prepare a round.

        Args:
            tools: the tools on offer.
            first_call: number of the first call the round may propose; ids are `call_N`.
            context_size: tokens, 0 where unknown.
            clock: monotonic seconds.
        """
        self.calls: list[ToolCall] = []
        self.malformed = 0
        self.finished: GenerationFinished | None = None
        self.first_token_at: float | None = None
        self._tools = {tool.name: tool for tool in tools}
        self._next_call = first_call
        self._context_size = context_size
        self._clock = clock
        self._parser = StreamParser(self._tools.keys())
        self._prompt_tokens = 0
        self._tokens = 0
        self._reported_at = 0.0
        self._reasoning_since: float | None = None
        self._reasoning_tokens = 0

    async def events(self, engine: Engine, request: GenerationRequest) -> AsyncGenerator[TurnEvent, None]:
        """Stream the round's turn events.

        Raises:
            EngineError: the engine failed; everything it said before has been yielded.
        """
        try:
            async with aclosing(engine.generate(request)) as stream:
                async for event in stream:
                    for out in self._translate(event):
                        yield out
        except EngineError:
            for out in self._flush():
                yield out
            raise
        for out in self._flush():
            yield out

    def _translate(self, event: EngineEvent) -> Iterator[TurnEvent]:
        match event:
            case PromptReady():
                self._prompt_tokens = event.prompt_tokens
                self._parser = StreamParser(self._tools.keys(), starts_in_reasoning=event.starts_in_reasoning)
            case PromptProgress():
                yield event
            case TextDelta():
                yield from self._parsed(self._parser.feed(event.text), event.tokens)
            case ServerReasoning():
                yield from self._parsed([ReasoningDelta(event.text)], event.tokens)
            case ServerToolCall():
                yield from self._parsed([read_server_call(event.name, event.arguments, self._tools.keys())], 0)
            case EngineNotice():
                yield turn.Notice(event.message)
            case GenerationFinished():
                self.finished = event
            case _:
                assert_never(event)

    def _flush(self) -> Iterator[TurnEvent]:
        for event in self._parser.finish():
            yield from self._turn_events(event)
        yield from self._end_reasoning()
        if self._tokens:
            yield self._progress()

    def _parsed(self, parsed: Sequence[ParserEvent], tokens: int) -> Iterator[TurnEvent]:
        """Turn a batch of parser events that took `tokens` tokens into turn events, and report progress."""
        now = self._clock()
        if self.first_token_at is None:
            self.first_token_at = now
        self._tokens += tokens
        if any(isinstance(event, ReasoningDelta) for event in parsed):
            self._reasoning_tokens += tokens
        for event in parsed:
            yield from self._turn_events(event)
        if now - self._reported_at >= PROGRESS_INTERVAL:
            self._reported_at = now
            yield self._progress()

    def _turn_events(self, event: ParserEvent) -> Iterator[TurnEvent]:
        match event:
            case ReasoningDelta(text=text):
                if self._reasoning_since is None and text.strip():
                    self._reasoning_since = self._clock()
                yield turn.ReasoningDelta(text)
            case ContentDelta(text=text):
                yield from self._end_reasoning()
                yield turn.ContentDelta(text)
            case ToolCallParsed():
                yield from self._end_reasoning()
                yield turn.ToolCallProposed(self._call(event))
            case MalformedCall(raw=raw, kind=kind, message=message):
                yield from self._end_reasoning()
                self.malformed += 1
                yield turn.MalformedCall(raw, kind, message)
            case _:
                assert_never(event)

    def _end_reasoning(self) -> Iterator[TurnEvent]:
        if self._reasoning_since is None:
            return
        duration = self._clock() - self._reasoning_since
        yield turn.ReasoningFinished(round(duration * 1000), self._reasoning_tokens)
        self._reasoning_since, self._reasoning_tokens = None, 0

    def _call(self, parsed: ToolCallParsed) -> ToolCall:
        arguments = parsed.arguments
        if not parsed.typed:
            arguments = typed(self._tools[parsed.name].parameters, arguments)
        call = ToolCall(f"call_{self._next_call}", parsed.name, arguments, parsed.repaired)
        self._next_call += 1
        self.calls.append(call)
        return call

    def _progress(self) -> turn.GenerationProgress:
        elapsed = self._clock() - (self.first_token_at or 0.0)
        return turn.GenerationProgress(
            completion_tokens=self._tokens,
            tok_s=self._tokens / elapsed if elapsed > 0 else 0.0,
            context_used=self._prompt_tokens + self._tokens,
            context_size=self._context_size,
            writing_call=self._parser.in_call,
        )
