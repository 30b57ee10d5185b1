"""One call on its way to a decision: every request made of it, and which of them was allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from smol_chat.agent.consent import ApprovalRequest, Decision, Inquiry
from smol_chat.messages import JsonObject, ToolCall


class Question(Inquiry):
    """What is asked about one call, and what may be asked back."""

    def __init__(
        self,
        call: ToolCall,
        make: Callable[[ToolCall], Awaitable[ApprovalRequest]],
        explain: Callable[[ToolCall], Awaitable[str]],
    ) -> None:
        """Begin without a request.

        Args:
            call: as it would run unless its arguments are changed.
            make: makes the request of a call, with what the call would do.
            explain: asks the model about a call.
        """
        self._call = call
        self._make = make
        self._explain = explain
        self._made: dict[str, ApprovalRequest] = {}

    async def request(self) -> ApprovalRequest:
        """Return the request to begin with."""
        return await self.revised(self._call.arguments)

    async def revised(self, arguments: JsonObject) -> ApprovalRequest:
        """Return the request of the same call with these arguments."""
        request = replace(await self._make(replace(self._call, arguments=arguments)), inquiry=self)
        self._made[request.digest] = request
        return request

    async def explanation(self) -> str:
        """Return why the model says it wants the call."""
        return await self._explain(self._call)

    def allowed(self, decision: Decision) -> ApprovalRequest | None:
        """Return the request the decision was given for; None where it was given for nothing that was asked."""
        return self._made.get(decision.digest)
