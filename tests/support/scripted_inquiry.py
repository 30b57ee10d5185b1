"""What may be asked back about a scripted request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.errors import UsageError
from smol_chat.messages import JsonObject
from smol_chat.tools.spec import Preview


@dataclass(eq=False)
class ScriptedInquiry:
    """Answer with what a test set; `go_on` holds an answer back."""

    reason: str = "You asked for it."
    problem: str = ""
    """Said instead of any answer."""
    asked: list[JsonObject] = field(default_factory=list)
    revisions: list[ApprovalRequest] = field(default_factory=list)
    go_on: asyncio.Event | None = None
    request: ApprovalRequest | None = None

    async def revised(self, arguments: JsonObject) -> ApprovalRequest:
        assert self.request is not None
        self.asked.append(arguments)
        await self._answer()
        call = replace(self.request.call, arguments=arguments)
        proposed = self.request.proposed or self.request.call.arguments
        revised = replace(
            self.request,
            call=call,
            preview=Preview(f"As edited, time {len(self.asked)}"),
            proposed=None if proposed == arguments else proposed,
        )
        self.revisions.append(revised)
        return revised

    async def explanation(self) -> str:
        await self._answer()
        return self.reason

    async def _answer(self) -> None:
        if self.go_on is not None:
            await self.go_on.wait()
        if self.problem:
            raise UsageError(self.problem)


def asked_back(request: ApprovalRequest, inquiry: ScriptedInquiry) -> ApprovalRequest:
    """Return the request with the inquiry behind it."""
    inquiry.request = replace(request, inquiry=inquiry)
    return inquiry.request
