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
from smol_chat.sanitise import visible
from smol_chat.tools.spec import Effect

UNATTENDED = "Nobody was there to be asked, so the call was refused."

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


_QUESTION = "Allow? [y] once  [s] for this conversation  [n] no: "


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
        question = "Allow? [y] once  [n] no: " if request.once_only else _QUESTION
        async with self._one_at_a_time:
            self._terminal.write(card(request))
            while True:
                answer = await self._terminal.ask(question)
                match (answer or "").lower():
                    case "y" | "yes":
                        return request.allow()
                    case "s" | "session" if not request.once_only:
                        return request.allow("session")
                    case "n" | "no":
                        reason = await self._terminal.ask("Why? The model reads it (Enter: no reason): ")
                        return Decision(allowed=False, reason=visible(reason or "", keep_newlines=False))
                    case "" if answer is None:
                        self._terminal.write("\n")
                        return Decision(allowed=False)
                    case _:
                        self._terminal.write(f"Type y{' or n' if request.once_only else ', s or n'}, then Enter.\n")


def card(request: ApprovalRequest) -> str:
    """Return exactly what would run, harmless to print."""
    call, preview = request.call, request.preview
    count = f" ({request.position} of {request.batch})" if request.batch > 1 else ""
    lines = [f"\n{_line(call.name)}{count}: {_EFFECTS[request.effect]}", f"  {_line(preview.summary)}"]
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
