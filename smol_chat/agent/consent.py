"""How the session asks whether a call may run. The answer comes from a person, or from nobody."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol

from smol_chat.agent.policy import Pattern, Rule
from smol_chat.errors import UsageError
from smol_chat.events import Scope
from smol_chat.messages import ArgumentOrigin, JsonObject, ToolCall
from smol_chat.tools.spec import Effect, Preview


class Inquiry(Protocol):
    """What may be asked back while a call waits for consent; the question stays open meanwhile."""

    async def revised(self, arguments: JsonObject) -> ApprovalRequest:
        """Return the same question about other arguments, with what the call would do then.

        Raises:
            UsageError: the arguments do not fit the tool, or a rule forbids the call.
        """
        ...

    async def explanation(self) -> str:
        """Return why the model says it wants the call: its own claim, untrusted like all it writes.

        Raises:
            SmolChatError: it said nothing, or cannot be asked.
        """
        ...


class _NobodyToAskBack:
    """For a request that was made by no session."""

    async def revised(self, arguments: JsonObject) -> ApprovalRequest:
        raise UsageError("The arguments of this call cannot be changed.")

    async def explanation(self) -> str:
        raise UsageError("The model cannot be asked about this call.")


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """One call that waits for consent. `position` of `batch` calls proposed in the same round (from 1)."""

    call: ToolCall
    """The call with the arguments that would run."""
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
    step: int = 1
    """When it would run: calls of a round with the same step run side by side, steps one after the other."""
    schema: JsonObject = field(default_factory=dict)
    """JSON Schema of the tool's arguments."""
    proposed: JsonObject | None = None
    """What the model had written, where the arguments are others by now."""
    changed: bool = False
    """It was allowed already, but what it would do is no longer what was shown."""
    inquiry: Inquiry = field(default_factory=_NobodyToAskBack, compare=False, repr=False)

    @property
    def digest(self) -> str:
        """Return what a decision refers to: the same only while name, arguments, effect and preview are the same."""
        shown = [self.call.name, self.call.arguments, self.effect.value, asdict(self.preview)]
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode("ascii")).hexdigest()

    @property
    def lasting(self) -> Rule:
        """Return the rule that the scope `always` writes: the pattern's where one is offered, else the tool's."""
        if self.pattern is not None:
            return self.pattern.rule
        return Rule("allow", self.call.name, effects=(self.effect,))

    def allow(self, scope: Scope = "once", *, count: int = 1) -> Decision:
        """Return the decision to run exactly this."""
        return Decision(True, scope=scope, count=count, digest=self.digest)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to an approval request."""

    allowed: bool
    by: Literal["user", "policy", "flag"] = "user"
    scope: Scope = "once"
    reason: str = ""
    """With a denial: why, in words the model will read."""
    unattended: bool = False
    """Nobody could be asked: the call is denied for want of consent."""
    digest: str = ""
    """Digest of the request that was allowed; nothing else runs."""
    count: int = 1
    """With the scope `next`: how many calls of the tool are allowed, this one included."""


class Approver(Protocol):
    """Whoever is asked. All calls of a round are asked about at once, one `decide` each.

    An implementation is cancelled when the turn is: it takes its question down and lets the cancellation pass.
    """

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Show exactly what would run and return what the person decided.

        What is allowed is the request itself or one that its `inquiry` returned.
        """
        ...
