"""Calls as examples to train on, in the columns that TRL reads.

A completion is a message in which the model called tools, every one of them was allowed, ran and worked: with the
arguments that ran. A pair puts what a person preferred beside what the model wrote: arguments they changed, or what it
did after they denied a call.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Union

from smol_chat.agent.export.masking import Masking
from smol_chat.agent.export.records import CallRecord, RoundRecord, TurnRecord
from smol_chat.messages import JsonObject, JsonValue, ToolCall, ToolSchema
from smol_chat.protocol.chat import attached
from smol_chat.protocol.schema import problems

COMPLETIONS, PAIRS = "completions", "pairs"

Answer = tuple[str, str, list[ToolCall]]
"""Reasoning, text and calls of one message of the model."""
Part = tuple[str, Union[str, Answer]]
"""Role and content of one message, not yet written out."""


class TrainingExport:
    """Make examples of turns, and count what was left out and why."""

    def __init__(self, tools: Sequence[ToolSchema], *, mask: bool = True, only: str = "") -> None:
        """Take the tools an example may call; `only` is `completions` or `pairs`, empty for both."""
        self.kept: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.masked: Counter[str] = Counter()
        self._schemas = {tool.name: tool for tool in tools}
        self._tools: JsonValue = [tool.as_openai() for tool in tools]
        self._mask = mask
        self._only = only
        self._seen: set[bytes] = set()

    def lines(self, before: Sequence[TurnRecord], turn: TurnRecord) -> Iterator[str]:
        """Yield the examples of one turn, each a line of JSON.

        Args:
            before: the turns of its branch before it.
            turn: the turn.
        """
        for number, one in enumerate(turn.rounds):
            if one.malformed:
                self.dropped["unreadable call"] += 1
            if not one.calls:
                continue
            prompt = [part for past in before for part in _whole(past, with_reasoning=False)]
            prompt += _whole(turn, number)
            if self._only != PAIRS:
                yield from self._completion(prompt, one)
            if self._only != COMPLETIONS:
                yield from self._pair(prompt, one, turn, number)

    def report(self) -> list[str]:
        """Return what was written, left out and masked, a sentence each."""
        kept, pairs = self.kept[COMPLETIONS], self.kept[PAIRS]
        said = [f"Wrote {_count(kept, 'completion')} and {_count(pairs, 'preference pair')}."]
        if self.dropped:
            left = ", ".join(f"{count:,} {why}" for why, count in self.dropped.most_common())
            said.append(f"Left out: {left}.")
        if masked := +self.masked:
            said.append(f"Masked: {', '.join(_count(count, kind) for kind, count in masked.most_common())}.")
        return said

    def _completion(self, prompt: list[Part], one: RoundRecord) -> Iterator[str]:
        why = self._unfit(one, _answer(one, ran=True)) or _not_done(one)
        if why:
            self.dropped[why] += 1
            return
        yield from self._example(COMPLETIONS, prompt, completion=_answer(one, ran=True))

    def _pair(self, prompt: list[Part], one: RoundRecord, turn: TurnRecord, number: int) -> Iterator[str]:
        if any(record.is_edited for record in one.calls):
            better, why = one, _not_done(one)
        elif any(_denied_by_user(record) for record in one.calls):
            following = turn.rounds[number + 1] if number + 1 < len(turn.rounds) else None
            if following is None or not turn.finished:
                self.dropped["denied call without a better answer"] += 1
                return
            better, why = following, _not_done(following)
        else:
            return
        chosen, rejected = _answer(better, ran=True), _answer(one, ran=False)
        why = why or self._unfit(better, chosen) or self._unfit(one, rejected)
        if why:
            self.dropped[f"pair with {why}"] += 1
            return
        yield from self._example(PAIRS, prompt, chosen=chosen, rejected=rejected)

    def _example(self, kind: str, prompt: list[Part], **answers: Answer) -> Iterator[str]:
        counts: Counter[str] = Counter()
        masking = Masking(counts) if self._mask else None
        example: JsonObject = {"prompt": [_message(role, _written(content, masking)) for role, content in prompt]}
        for column, answer in answers.items():
            example[column] = [_message("assistant", _written(answer, masking))]
        mark = blake2b(json.dumps(example, sort_keys=True).encode(), digest_size=16).digest()
        if mark in self._seen:
            self.dropped["duplicate"] += 1
            return
        self._seen.add(mark)
        self.kept[kind] += 1
        self.masked += counts
        yield json.dumps({**example, "tools": self._tools}) + "\n"

    def _unfit(self, one: RoundRecord, answer: Answer) -> str:
        """Return why a message is no example; empty where it is one."""
        if one.malformed:
            return "unreadable call"
        for call in answer[2]:
            schema = self._schemas.get(call.name)
            if schema is None:
                return "unknown tool"
            if problems(schema.parameters, call.arguments):
                return "arguments that do not fit the schema"
        return ""


def _whole(turn: TurnRecord, rounds: int | None = None, *, with_reasoning: bool = True) -> Iterator[Part]:
    """Yield the messages of a turn, of so many of its rounds. What was thought in earlier turns no model reads."""
    yield "user", "\n\n".join([turn.question, *map(attached, turn.attachments)])
    for one in turn.rounds[:rounds]:
        reasoning, text, calls = _answer(one, ran=True)
        yield "assistant", (reasoning if with_reasoning else "", text, calls)
        for record in one.calls:
            yield "tool", record.result.content if record.result is not None else "This call has no result."


def _answer(one: RoundRecord, *, ran: bool) -> Answer:
    text = "\n".join(filter(None, [one.content.strip(), *(bad.raw for bad in one.malformed)]))
    return one.reasoning.strip(), text, [record.ran if ran else record.call for record in one.calls]


def _not_done(one: RoundRecord) -> str:
    """Return why what a message asked for is no model of a good one; empty where all of it was allowed and worked."""
    for record in one.calls:
        if record.decision is None or record.result is None or record.decision.decision == "deny":
            return "denied call" if record.decision is not None else "call without an outcome"
        if not record.result.ok:
            return "failed call"
    return "" if one.calls or one.content.strip() else "empty answer"


def _denied_by_user(record: CallRecord) -> bool:
    decision = record.decision
    return decision is not None and decision.decision == "deny" and decision.by == "user"


def _written(content: str | Answer, masking: Masking | None) -> str:
    """Write a message out in the form smol-tools was trained on: reasoning, text, then one block for each call."""
    if isinstance(content, str):  # a user's or a page's: nothing in it may become a token that ends a message
        return (masking.text(content) if masking else content).replace("<|", "< |")
    reasoning, text, calls = content
    if masking:
        reasoning, text = masking.text(reasoning), masking.text(text)
    parts = [f"<think>{reasoning}</think>"] if reasoning else []
    parts += [text] if text else []
    for call in calls:
        arguments = masking.arguments(call.arguments) if masking else call.arguments
        written = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
        parts.append(f"<tool_call>{written}</tool_call>")
    return "\n".join(parts)


def _message(role: str, content: str) -> JsonObject:
    return {"role": role, "content": content}


def _count(number: int, what: str) -> str:
    plural = what + ("es" if what.endswith("ss") else "s")
    return f"{number:,} {what if number == 1 else plural}"
