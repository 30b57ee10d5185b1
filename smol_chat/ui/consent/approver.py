"""The screen's approver: questions wait here until the person answers or the turn is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from typing_extensions import override

from smol_chat.agent.consent import ApprovalRequest, Approver, Decision


@dataclass(eq=False)
class _Question:
    request: ApprovalRequest
    answer: asyncio.Future[Decision]


class CardApprover(Approver):
    """Keep the open questions in the order in which they were asked."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Begin with no question. `changed` is called whenever other questions are open."""
        self._changed = changed
        self._questions: list[_Question] = []

    @property
    def open(self) -> list[ApprovalRequest]:
        """Return the questions to show."""
        return [question.request for question in self._questions if not question.answer.done()]

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

    def answer(self, answers: Iterable[tuple[ApprovalRequest, Decision]]) -> None:
        """Answer the very requests that were shown; one that is gone by now is left alone."""
        for request, decision in answers:
            for question in self._questions:
                if question.request is request and not question.answer.done():
                    question.answer.set_result(decision)
        self._changed()

    def revise(self, old: ApprovalRequest, new: ApprovalRequest) -> None:
        """Ask about other arguments of a call; the screen shows them already."""
        for question in self._questions:
            if question.request is old:
                question.request = new

    def withdraw(self, call_id: str | None = None) -> None:
        """Take down what is still asked about one call, or about all of them: the call has ended without an answer."""
        for question in self._questions:
            if call_id in (None, question.request.call.id):
                question.answer.cancel()
        self._changed()
