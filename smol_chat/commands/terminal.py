"""Ask for consent on the terminal, with what would run in full; refuse where there is nobody to ask."""

from __future__ import annotations

import asyncio
import json
import os
import select
import termios

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.agent.facts import leaves
from smol_chat.agent.origin import ORIGIN_NAMES
from smol_chat.agent.policy_file import rule_text
from smol_chat.errors import SmolChatError
from smol_chat.protocol.schema import typed
from smol_chat.sanitise import visible
from smol_chat.tools.spec import Effect

UNATTENDED = "Nobody was there to be asked, so the call was refused."

_COUNTS = frozenset("23456789")

_EFFECTS = {
    Effect.PURE: "computes only",
    Effect.READ: "reads on this machine",
    Effect.WRITE: "changes something on this machine",
    Effect.NETWORK: "contacts the network",
    Effect.EXECUTE: "runs code",
    Effect.SEND: "sends something on your behalf",
}


class NobodyToAsk:
    """Refuse every call that needs consent.

    `refused` collects the names of the tools that could be allowed beforehand; `raised` says why others cannot.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.raised: list[str] = []

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Refuse."""
        if request.raised:
            self.raised.append(request.raised)
        else:
            self.refused.append(request.call.name)
        reason = f"{request.raised} {UNATTENDED}".strip()
        return Decision(allowed=False, by="policy", unattended=True, reason=reason)


class Terminal:
    """The terminal the program was started on, whatever its input and output are redirected to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls) -> Terminal | None:
        """Return the terminal; None where there is none, or where the program runs in its background."""
        try:
            descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return cls(descriptor)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)

    def write(self, text: str) -> None:
        """Print text as it is; what others wrote must have been made visible."""
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._descriptor, data) :]

    async def ask(self, question: str) -> str | None:
        """Print a question and return the line typed as its answer; None at the end of input (Ctrl+D).

        What was typed before the question stood there is no answer to it and is thrown away.
        """
        termios.tcflush(self._descriptor, termios.TCIFLUSH)
        self.write(question)
        woken, wake = os.pipe()
        reading = asyncio.ensure_future(asyncio.to_thread(_read_line, self._descriptor, woken))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            self.write("\n")
            os.close(wake)
            wake = -1
            await reading
            raise
        finally:
            os.close(woken)
            if wake >= 0:
                os.close(wake)


def _read_line(descriptor: int, woken: int) -> str | None:
    """Wait for a line on the terminal, or for the other end of `woken` to close."""
    ready, _, _ = select.select([descriptor, woken], [], [])
    if descriptor not in ready:
        return None
    data = os.read(descriptor, 4096)
    return data.decode("utf-8", "replace").strip() if data else None


class TerminalApprover:
    """Ask about one call after the other; only a letter followed by Enter is an answer."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._one_at_a_time = asyncio.Lock()
        self.refused: list[str] = []
        self.raised: list[str] = []
        """Both are empty: here every refusal is a person's."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Show the call and return what the person decided."""
        async with self._one_at_a_time:
            self._terminal.write(card(request))
            while True:
                answer = await self._terminal.ask(_question(request))
                if answer is None:
                    self._terminal.write("\n")
                    return Decision(allowed=False)
                match answer.lower():
                    case "n" | "no":
                        reason = await self._terminal.ask("Why? The model reads it (Enter: no reason): ")
                        return Decision(allowed=False, reason=visible(reason or "", keep_newlines=False))
                    case "e" | "edit":
                        request = await self._edited(request)
                    case "x" | "explain":
                        self._terminal.write(await _claim(request))
                    case letter:
                        if (decision := await self._allowed(request, letter)) is not None:
                            return decision

    async def _allowed(self, request: ApprovalRequest, letter: str) -> Decision | None:
        """Return the decision to allow that a letter stands for; None where it stands for none, or is taken back."""
        match letter:
            case "y" | "yes":
                return request.allow()
            case "s" | "session" if not request.once_only:
                return request.allow("session")
            case "p" if request.pattern is not None:
                return request.allow("pattern")
            case "a" if not request.once_only:
                self._terminal.write(f"{_line(rule_text(request.lasting).replace(chr(10), ', '))}\n")
                again = await self._terminal.ask("Write this rule into policy.toml? Type a again: ")
                return request.allow("always") if (again or "").lower() == "a" else None
            case count if count in _COUNTS and not request.once_only:
                return request.allow("next", count=int(count))
            case _:
                letters = "y or n" if request.once_only else "y, s or n"
                self._terminal.write(f"Type {letters}, or another letter in brackets, then Enter.\n")
                return None

    async def _edited(self, request: ApprovalRequest) -> ApprovalRequest:
        """Ask for other arguments until the person is done; return the question about them, shown like the first."""
        arguments = dict(request.call.arguments)
        while name := await self._terminal.ask("Argument to change (Enter: done): "):
            value = await self._terminal.ask(f"New value of {_line(name)} (Enter: leave it out): ")
            if value:
                arguments |= typed(request.schema, {name: value})
            else:
                arguments.pop(name, None)
        try:
            revised = await request.inquiry.revised(arguments)
        except SmolChatError as error:
            self._terminal.write(f"{_line(error.message)}\n")
            return request
        self._terminal.write(card(revised))
        return revised


def _question(request: ApprovalRequest) -> str:
    lasting = ["[s] for this conversation", "[a] always", "[2-9] next few"]
    offers = ["[y] once", *([] if request.once_only else lasting), "[e] edit", "[x] explain", "[n] no"]
    covers = f"[p] {_line(request.pattern.covers)}\n" if request.pattern is not None else ""
    return f"{covers}Allow? {'  '.join(offers)}: "


async def _claim(request: ApprovalRequest) -> str:
    try:
        claim = await request.inquiry.explanation()
    except SmolChatError as error:
        return f"{_line(error.message)}\n"
    lines = [f"  │ {line}" for line in visible(claim).split("\n")]
    return "\n".join(["The model says (its own claim):", *lines, ""])


def card(request: ApprovalRequest) -> str:
    """Return exactly what would run, harmless to print."""
    call, preview = request.call, request.preview
    count = f" ({request.position} of {request.batch})" if request.batch > 1 else ""
    lines = [f"\n{_line(call.name)}{count}: {_EFFECTS[request.effect]}", f"  {_line(preview.summary)}"]
    if request.changed:
        lines.append("  You allowed this already, but what it would do has changed since.")
    lines += [f"  {_line(name)} = {_line(_as_json(value))}" for name, value in call.arguments.items()]
    lines += [f"  {_line(line)}" for line in _drawn(request)]
    for text in filter(None, (preview.body, preview.changes)):
        lines += [f"  │ {line}" for line in visible(text).split("\n")]
    if preview.hosts:
        lines.append(f"  leaves this machine → {_line(', '.join(preview.hosts))}")
    if preview.isolation:
        lines.append(f"  runs in: {_line(preview.isolation)}")
    return "\n".join(lines) + "\n"


def _drawn(request: ApprovalRequest) -> list[str]:
    """Say of each argument which part was not the user's or the model's own, and where it came from."""
    texts = dict(leaves(request.call.arguments))
    lines: list[str] = []
    for origin in request.origins:
        for span in origin.spans:
            if span.origin in ORIGIN_NAMES:
                part = texts[origin.argument][span.start : span.end]
                lines.append(f'{origin.argument}: "{part}" is from {ORIGIN_NAMES[span.origin]} {span.source}')
    return [*lines, *([f"! {request.raised}"] if request.raised else [])]


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _line(text: str) -> str:
    return visible(text, keep_newlines=False)
