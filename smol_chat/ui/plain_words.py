"""What happens in a turn, said in words, a line at a time."""

from __future__ import annotations

import re
from collections.abc import Callable

from typing_extensions import assert_never

from smol_chat.agent.consent import ApprovalRequest, Decision
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
from smol_chat.messages import JsonObject, ToolResult
from smol_chat.sanitise import visible
from smol_chat.tools.spec import Effect

SHOWN = 8
"""Lines of a result that are said; /result says all."""
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_EFFECTS = {
    Effect.PURE: "It only computes.",
    Effect.READ: "It reads on this machine.",
    Effect.WRITE: "It changes something on this machine.",
    Effect.NETWORK: "It contacts the network.",
    Effect.EXECUTE: "It runs code.",
    Effect.SEND: "It sends something on your behalf.",
}
_TWICE = frozenset((Effect.EXECUTE, Effect.SEND))
_ENDINGS = {
    "stop": "",
    "length": "The answer was stopped at its length limit.",
    "cancelled": "Stopped.",
    "limit": "A limit of this turn was reached.",
    "refused": "A call was refused, so the turn ended.",
    "error": "The turn ended because of an error.",
}


class Narrator:
    """Say events; text is said sentence by sentence, so that nothing is read twice."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._open = ""
        self._speaking = False
        self._thinking = False
        self.says_reasoning = False
        """Whether reasoning is said in full, not only that there was some."""
        self.last_result = ""
        """The whole text of the last result."""

    def tell(self, event: TurnEvent, *, again: bool = False) -> None:
        """Say one event; `again`: it belongs to the past, so what the user sent is said too."""
        match event:
            case TurnStarted(text=text):
                if again:
                    self.quote("You said", text)
            case ContentDelta(text=text):
                self._text(text, "Assistant: ")
            case ReasoningDelta(text=text):
                self._reason(text)
            case ReasoningFinished(duration_ms=duration):
                self._end_text()
                self._thinking = False
                self._write(f"Thought for {duration / 1000:.0f} seconds.")
            case RoundStarted():
                self._end_text()
                self._thinking = False
            case TurnResumed():
                self._say("The program ended here. What ran then is not run again; what waited for you waits again.")
            case _:
                self._about_turn(event)

    def quote(self, who: str, text: str) -> None:
        """Say text of somebody, made harmless."""
        self._end_text()
        for number, line in enumerate(visible(text.strip("\n"), prose=True).split("\n")):
            self._write(line if number else f"{who}: {line}")

    def _about_turn(
        self,
        event: PromptProgress
        | GenerationProgress
        | FileAttached
        | ToolCallProposed
        | MalformedCall
        | Decided
        | ToolStarted
        | ToolProgress
        | ToolFinished
        | Notice
        | Summarised
        | Pinned
        | TurnSettings
        | TurnFinished
        | TurnFailed,
    ) -> None:
        match event:
            case FileAttached(attachment=file):
                cut = ", its beginning only" if file.cut else ""
                self._say(f"Attached: {file.path}, {file.size:,} bytes{cut}.")
            case ToolCallProposed(call=call):
                self._say(f"Tool call: {call.name}{_with(call.arguments)}.")
            case MalformedCall(message=message):
                self._say(f"The model wrote a call that cannot be read, so it was not run: {message}")
            case Decided(decision=decision, by=by, reason=reason):
                if by != "user":
                    why = f": {reason}" if reason else "."
                    self._say(f"{'Allowed' if decision == 'allow' else 'Denied'} by the rules{why}")
            case ToolFinished(result=result):
                self._result(result)
            case ToolProgress(message=message) | Notice(message=message) | TurnFailed(message=message):
                self._say(message)
            case TurnFinished(reason=reason, message=message):
                self._end_text()
                if ending := message or _ENDINGS[reason]:
                    self._say(ending)
            case Summarised():
                self._say("The first turns were replaced by a summary, so that the conversation fits.")
            case PromptProgress() | GenerationProgress() | ToolStarted() | Pinned() | TurnSettings():
                pass
            case _:
                assert_never(event)

    def _result(self, result: ToolResult) -> None:
        if result.error is not None:
            self._say(f"{result.name} gave no result: {result.error.message}")
            return
        self.last_result = result.full_content or result.content
        lines = visible(result.content).strip("\n").split("\n")
        self._say(f"Result of {result.name}, after {result.duration_ms / 1000:.1f} seconds:")
        for line in lines[:SHOWN]:
            self._write(line)
        if len(lines) > SHOWN:
            self._write(f"{len(lines) - SHOWN:,} more lines; /result says all of it.")

    def _reason(self, text: str) -> None:
        if self.says_reasoning:
            self._text(text, "" if self._thinking else "Thinking: ")
        elif not self._thinking:
            self._say("Thinking.")
        self._thinking = True

    def _text(self, text: str, who: str) -> None:
        if not self._speaking:
            text = text.lstrip("\n")
            if not text:
                return
            self._open = who
            self._speaking = True
        self._open += text
        *lines, rest = self._open.split("\n")
        for line in lines:
            self._write(visible(line, prose=True))
        *sentences, self._open = _SENTENCE.split(rest)
        for sentence in sentences:
            self._write(visible(sentence, prose=True))

    def _say(self, sentence: str) -> None:
        self._end_text()
        self._write(visible(sentence, keep_newlines=False))

    def _end_text(self) -> None:
        if self._open.strip():
            self._write(visible(self._open, prose=True))
        self._open = ""
        self._speaking = False


def question(request: ApprovalRequest) -> list[str]:
    """Return exactly what would run, in sentences; the last one says what can be answered."""
    call, preview = request.call, request.preview
    which = f", call {request.position} of {request.batch}" if request.batch > 1 else ""
    lines = [f"Question: may {_word(call.name)} run{which}? {_EFFECTS[request.effect]}", _word(preview.summary)]
    lines += [f"{_word(name)} is {_word(str(value))}." for name, value in call.arguments.items()]
    for traced in request.origins:
        sources = ", ".join(dict.fromkeys(span.origin.value for span in traced.spans))
        lines.append(f"{_word(traced.argument)} came from: {sources}.")
    if request.raised:
        lines.append(_word(request.raised))
    if request.changed:
        lines.append("You allowed this already, but what it would do has changed since.")
    for text in filter(None, (preview.body, preview.changes)):
        lines += ["What it would do:", *visible(text).split("\n"), "End of what it would do."]
    if preview.hosts:
        lines.append(f"It leaves this machine, to {_word(', '.join(preview.hosts))}.")
    if preview.isolation:
        lines.append(f"It runs in {_word(preview.isolation)}.")
    return [line for line in lines if line] + [_answers(request)]


def _answers(request: ApprovalRequest) -> str:
    allow = f"allow {_word(request.call.name)}" if _is_risky(request) else "allow"
    session = "" if request.once_only else f', "{allow} for this conversation"'
    return f'Type "{allow}"{session}, "deny", "deny" and why, or "explain"; then press Enter.'


def answer_to(typed: str, request: ApprovalRequest) -> Decision | None:
    """Return the decision that was typed in words; None for anything else. What is risky is allowed by its name."""
    words = typed.split()
    lowered = [word.lower() for word in words]
    if lowered[:1] == ["deny"]:
        return Decision(allowed=False, reason=visible(" ".join(words[1:]), keep_newlines=False))
    allow = ["allow", request.call.name.lower()] if _is_risky(request) else ["allow"]
    if lowered == allow:
        return request.allow()
    if lowered == [*allow, "for", "this", "conversation"] and not request.once_only:
        return request.allow("session")
    return None


def _is_risky(request: ApprovalRequest) -> bool:
    return request.effect in _TWICE or bool(request.raised)


def _with(arguments: JsonObject) -> str:
    shown = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return f", with {shown[:200]}" if shown else ""


def _word(text: str) -> str:
    return visible(text, keep_newlines=False)
