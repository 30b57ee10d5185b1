"""Approvers for tests: fixed answers, and one that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from smol_chat.agent.consent import ApprovalRequest, Decision

ALLOW = Decision(True)
ALLOW_SESSION = Decision(True, scope="session")
DENY = Decision(False)


class FixedApprover:
    """Answer by tool name; a call nobody expected fails the test."""

    def __init__(self, answers: Mapping[str, Decision]) -> None:
        self.asked: list[ApprovalRequest] = []
        self._answers = answers

    async def decide(self, request: ApprovalRequest) -> Decision:
        self.asked.append(request)
        return replace(self._answers[request.call.name], digest=request.digest)


class ManualApprover:
    """Hold every question until the test answers it by call id."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.requests: dict[str, ApprovalRequest] = {}
        self._answers: dict[str, asyncio.Future[Decision]] = {}
        self._asked: asyncio.Condition = asyncio.Condition()

    async def decide(self, request: ApprovalRequest) -> Decision:
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._answers[request.call.id] = future
        self.requests[request.call.id] = request
        async with self._asked:
            self._asked.notify_all()
        try:
            decision = await future
            return decision if decision.digest else replace(decision, digest=request.digest)
        except asyncio.CancelledError:
            self.cancelled.append(request.call.id)
            raise

    async def wait_asked(self, *call_ids: str) -> None:
        async with self._asked:
            await self._asked.wait_for(lambda: all(call_id in self._answers for call_id in call_ids))

    def answer(self, call_id: str, decision: Decision) -> None:
        self._answers[call_id].set_result(decision)
