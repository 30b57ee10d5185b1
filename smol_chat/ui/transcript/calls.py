"""Tool calls on the screen: what was asked for, who allowed it, what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from smol_chat.events import Decided, MalformedCall
from smol_chat.messages import JsonObject, JsonValue, Origin, ToolCall, ToolResult
from smol_chat.sanitise import single_line, visible
from smol_chat.ui.transcript.blocks import Block
from smol_chat.ui.transcript.lines import Line, Span, indent, plain, wrap
from smol_chat.ui.transcript.pieces import Piece, chunks, measure

_ARGUMENT_ROWS = 8
_RESULT_ROWS = 6
_BAR = Span("│ ", "rule")

_FROM = {
    Origin.FILE: "from a file",
    Origin.WEB: "from the web",
    Origin.MAIL: "from mail",
    Origin.DATABASE: "from a database",
    Origin.PROGRAM: "from a program",
}


class CallBlock(Block):
    """One readable call, from proposal to outcome."""

    foldable = True

    def __init__(self, call: ToolCall) -> None:
        self.unfolded = False
        self._call = call
        self._decided: Decided | None = None
        self._running = False
        self._progress = ""
        self._result: ToolResult | None = None
        self._ended = False
        self._pieces: list[Piece] | None = None

    def decide(self, decided: Decided) -> None:
        """Take note of who allowed or denied it."""
        self._decided = decided
        self._pieces = None

    def start(self) -> None:
        """Take note that it runs."""
        self._running = True
        self._pieces = None

    def progress(self, message: str) -> None:
        """Show what it is doing."""
        self._progress = message
        self._pieces = None

    def finish(self, result: ToolResult) -> None:
        """Show the outcome."""
        self._result = result
        self._pieces = None

    def end(self) -> None:
        """Say that no outcome will come any more."""
        if self._result is None and not self._ended:
            self._ended = True
            self._pieces = None

    def reopen(self) -> None:
        """Take that back: the turn goes on."""
        self._ended = self._running = False
        self._pieces = None

    def toggle(self) -> None:
        """Show everything, or the first lines only."""
        self.unfolded = not self.unfolded
        self._pieces = None

    def copy_text(self) -> str:
        """Return the result where there is one, else the call as JSON."""
        if self._result is not None and self._result.content:
            return self._result.content
        return json.dumps({"name": self._call.name, "arguments": self._arguments()}, ensure_ascii=False, indent=2)

    @property
    def name(self) -> str:
        """The tool's name."""
        return self._call.name

    def full_text(self) -> str:
        """Return the whole result, also what the model was not given; without one the call as JSON."""
        full = self._result.full_content if self._result is not None else None
        return full or self.copy_text()

    def find_text(self) -> str:
        """Return name, arguments and result."""
        arguments = [
            f"{key}: {value if isinstance(value, str) and chr(10) in value else _shown(value)}"
            for key, value in self._arguments().items()
        ]
        return "\n".join([self._call.name, *arguments, self._result.content if self._result else ""])

    def pieces(self) -> Sequence[Piece]:
        """Return header, arguments and result."""
        if self._pieces is None:
            arguments = self._arguments()
            symbol = Span("●", self._symbol_style())
            self._pieces = [
                Piece(self, partial(header, self._call.name, self._status()), gap=True, label=symbol, toggles=True),
                *([Piece(self, partial(_argument_lines, arguments, self.unfolded))] if arguments else []),
                *self._outcome(),
            ]
        return self._pieces

    def _arguments(self) -> JsonObject:
        """Return what runs, or ran; before a decision what was proposed."""
        return self._decided.arguments if self._decided else self._call.arguments

    def _symbol_style(self) -> str:
        if self._result is None:
            return "muted" if self._ended else "warning"
        return "success" if self._result.ok else "error"

    def _status(self) -> list[Span]:
        words = [self._verdict()]
        if self._decided and self._decided.arguments != self._call.arguments:
            words.append("arguments edited by you")
        if self._call.repaired:
            words.append("syntax repaired")
        if (result := self._result) is not None:
            words += _outcome_words(result)
        elif self._ended:
            words.append("stopped before it finished")
        elif self._running:
            words.append(single_line(self._progress, 60) or "running")
        failed = self._result is not None and not self._result.ok
        return [Span(" · ".join(filter(None, words)), "error" if failed else "muted")]

    def _verdict(self) -> str:
        decided = self._decided
        if decided is None:
            return "" if self._result or self._ended else "waiting for your answer"
        if decided.decision == "deny":
            who = {"user": "denied by you", "policy": "denied by the rules", "flag": "denied"}[decided.by]
            return f"{who}: {visible(decided.reason, keep_newlines=False)}" if decided.reason else who
        if decided.by == "flag":
            return "allowed by --allow"
        if decided.scope == "session":
            return "allowed by you for this session" if decided.by == "user" else "allowed for this session"
        return "allowed by you" if decided.by == "user" else "allowed by the rules"

    def _outcome(self) -> list[Piece]:
        result = self._result
        if result is None or (result.error is not None and result.error.message == result.content):
            return []
        text = result.content.replace("\r\n", "\n").strip("\n")
        return foldable_text(self, text, "result") if text.strip() else []


class MalformedBlock(Block):
    """A call that could not be read: why, and the raw text."""

    foldable = True

    def __init__(self, event: MalformedCall) -> None:
        self._event = event
        self.unfolded = False
        self._pieces: list[Piece] | None = None

    def toggle(self) -> None:
        """Show all of the raw text, or its first lines only."""
        self.unfolded = not self.unfolded
        self._pieces = None

    def copy_text(self) -> str:
        """Return the raw text of the call."""
        return self._event.raw

    def pieces(self) -> Sequence[Piece]:
        """Return the diagnosis and the raw text."""
        if self._pieces is None:
            title = [Span(f"not run: {visible(self._event.message, keep_newlines=False)}", "error")]
            head = Piece(
                self, partial(header, "unreadable call", title), gap=True, label=Span("✕", "error"), toggles=True
            )
            raw = self._event.raw.strip("\n")
            self._pieces = [head, *(foldable_text(self, raw, "result") if raw.strip() else [])]
        return self._pieces


def _outcome_words(result: ToolResult) -> list[str]:
    took = f"{result.duration_ms / 1000:.1f} s"
    if result.error is not None:
        if result.error.kind == "denied":
            return []
        return [visible(result.error.message, keep_newlines=False), took]
    if not result.ok:
        return ["failed", took]
    cut = "cut for the model" if result.full_content is not None else ""
    sandbox = f"in {single_line(result.sandbox, 30)}" if result.sandbox else ""
    return [took, _FROM.get(result.origin, ""), sandbox, cut]


def header(name: str, status: list[Span], width: int) -> list[Line]:
    """Lay out a name and what is said about it."""
    title = Span(visible(name, keep_newlines=False), "call")
    return wrap([title, Span("  "), *status] if any(span.text for span in status) else [title], width)


def _argument_lines(arguments: JsonObject, unfolded: bool, width: int) -> list[Line]:
    """Show arguments exactly: on one line where they fit, else one below the other, text with line ends as it is."""
    items = [(visible(key, keep_newlines=False), value) for key, value in arguments.items()]
    multiline = any(isinstance(value, str) and "\n" in value for _, value in items)
    if not multiline:
        row = _joined([(key, _shown(value)) for key, value in items])
        lines = wrap(row, width)
        if len(lines) == 1:
            return lines
    lines = []
    for key, value in items:
        if isinstance(value, str) and "\n" in value:
            lines.append(Line((Span(f"{key}:", "argument.name"),)))
            lines += indent(plain(visible(value), width - 2, "argument"), _BAR, _BAR, as_text=False)
        else:
            lines += wrap([Span(f"{key}: ", "argument.name"), Span(_shown(value), "argument")], width)
    hidden = len(lines) - _ARGUMENT_ROWS
    if unfolded or hidden <= 1:
        return lines
    return [*lines[:_ARGUMENT_ROWS], _more(hidden)]


def _joined(items: list[tuple[str, str]]) -> list[Span]:
    row: list[Span] = []
    for key, value in items:
        row += [Span(" · " if row else "", "muted"), Span(f"{key}: ", "argument.name"), Span(value, "argument")]
    return row


def _shown(value: JsonValue) -> str:
    return visible(json.dumps(value, ensure_ascii=False), keep_newlines=False)


def foldable_text(block: Block, text: str, style: str) -> list[Piece]:
    """Return the first lines and how many more there are, or everything in chunks."""
    if block.unfolded:
        pieces = [Piece(block, partial(_barred, chunk, style, 0), size=measure(chunk)) for chunk in chunks(text)]
        if text.count("\n") >= _RESULT_ROWS:
            pieces.append(Piece(block, lambda _: [Line((Span("fold", "more"),))], toggles=True))
        return pieces
    rows = text.split("\n", _RESULT_ROWS)
    hidden = text.count("\n") + 1 - _RESULT_ROWS
    if hidden == 1:
        rows, hidden = text.split("\n"), 0
    else:
        rows = rows[:_RESULT_ROWS]
    pieces = [Piece(block, partial(_barred, "\n".join(rows), style, 2 * _RESULT_ROWS), size=(0, len(rows)))]
    if hidden > 0:
        pieces.append(Piece(block, lambda _: [_more(hidden)], toggles=True))
    return pieces


def _barred(text: str, style: str, limit: int, width: int) -> list[Line]:
    """Lay out text behind a bar, at most `limit` rows (0: all)."""
    lines = indent(plain(visible(text), width - 2, style), _BAR, _BAR, as_text=False)
    if limit and len(lines) > limit:
        return [*lines[: limit - 1], Line((Span("…", "more"),), (_BAR,))]
    return lines


def _more(count: int) -> Line:
    return Line((Span(f"+{count:,} lines", "more"),))
