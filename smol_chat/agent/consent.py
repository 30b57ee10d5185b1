"""How the session asks whether a call may run. The answer comes from a person, or from nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from smol_chat.agent.policy import Pattern
from smol_chat.messages import ArgumentOrigin, ToolCall
from smol_chat.tools.spec import Effect, Preview


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """One call that waits for consent. `position` of `batch` calls proposed in the same round (from 1)."""

    call: ToolCall
    effect: Effect
    preview: Preview
    position: int = 1
    batch: int = 1
    once_only: bool = False
    """The answer holds for this call only, whatever its scope."""
    origins: tuple[ArgumentOrigin, ...] = ()
    """Where the arguments came from; those that are the model's alone are not among them."""
    raised: str = ""
    """One sentence why this call is asked about whatever a rule allows, and needs a second key; empty: it is not."""
    pattern: Pattern | None = None
    """What an answer for all calls like this one would cover; offered after two calls alike."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to an approval request."""

    allowed: bool
    by: Literal["user", "policy", "flag"] = "user"
    scope: Literal["once", "session"] = "once"
    """`session`: this tool is not asked about again in this conversation."""
    reason: str = ""
    """With a denial: why, in words the model will read."""
    unattended: bool = False
    """Nobody could be asked: the call is denied for want of consent."""


class Approver(Protocol):
    """Whoever is asked. All calls of a round are asked about at once, one `decide` each.

    An implementation is cancelled when the turn is: it takes its question down and lets the cancellation pass.
    """

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Show exactly what would run and return what the person decided."""
        ...
