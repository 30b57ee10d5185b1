"""The screen's approver: questions wait here until the person answers or the turn is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

from smol_chat.agent.consent import ApprovalRequest, Approver, Decision


@dataclass(eq=False)
class _Question:
    request: ApprovalRequest
    answer: asyncio.Future[Decision]


class CardApprover(Approver):
    """Keep the open questions in the order in which they were asked; the screen shows the first."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Begin with no question. `changed` is called whenever another question is the first one."""
        self._changed = changed
        self._questions: list[_Question] = []

    @property
    def current(self) -> ApprovalRequest | None:
        """Return the question to show."""
        return next((question.request for question in self._questions if not question.answer.done()), None)

    @property
    def waiting(self) -> int:
        """Return how many questions are open."""
        return sum(not question.answer.done() for question in self._questions)

    @override
    async def decide(self, request: ApprovalRequest) -> Decision:
        """Wait for the person; a cancelled wait takes the question down."""
        question = _Question(request, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self._changed()
        try:
            return await question.answer
        finally:
            self._questions.remove(question)
            self._changed()

    def answer(self, request: ApprovalRequest, decision: Decision) -> None:
        """Answer the very request that was shown; one that is gone by now is left alone."""
        for question in self._questions:
            if question.request is request and not question.answer.done():
                question.answer.set_result(decision)
        self._changed()

    def withdraw(self, call_id: str | None = None) -> None:
        """Take down what is still asked about one call, or about all of them: the call has ended without an answer."""
        for question in self._questions:
            if call_id in (None, question.request.call.id):
                question.answer.cancel()
        self._changed()
