"""One answer against one example: which alternative it comes nearest to, and what of it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from smol_chat.evaluation.answers import Answer, AnsweredTurn, MadeCall
from smol_chat.evaluation.assignment import assign
from smol_chat.evaluation.matchers import matches
from smol_chat.evaluation.suite import Alternative, CallPattern, Example, Step, Suite
from smol_chat.messages import JsonObject, ToolSchema
from smol_chat.protocol.schema import problems


@dataclass(frozen=True, slots=True)
class JudgedTurn:
    """One turn against the alternative it comes nearest to; counts of calls."""

    expected: int
    predicted: int
    matched: int
    """Calls whose tool was expected: what both multisets of names have in common."""
    fitting: int
    """Of these, calls whose arguments are acceptable too."""
    right: bool
    """Names, number and values are all acceptable, and nothing unreadable was written."""

    @property
    def precision(self) -> float:
        """Share of the calls that were expected; 1 for none where none was, 0 for none where one was."""
        if self.predicted:
            return self.matched / self.predicted
        return float(self.expected == 0)

    @property
    def recall(self) -> float:
        """Share of the expected calls that were made; 1 where none was expected, as the card counts."""
        return self.matched / self.expected if self.expected else 1.0

    @property
    def f1(self) -> float:
        """Agreement of the two multisets of names; 1 where both are empty."""
        total = self.expected + self.predicted
        return 2 * self.matched / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answer adds to the scores."""

    example: str
    scenario: str
    first: JudgedTurn
    opened: int = 0
    """Calls begun in all turns, readable or not."""
    readable: int = 0
    valid: int = 0
    """Readable calls whose arguments satisfy the tool's schema."""
    matched: int = 0
    fitting: int = 0
    repaired: int = 0
    refrains: bool | None = None
    """Whether the first turn opened no call; None where one is acceptable."""
    done: bool = False
    """Every turn was right."""
    completion_tokens: int = 0
    cut: int = 0
    seconds: float = 0.0


def judge(suite: Suite, example: Example, answer: Answer, schemas: Mapping[str, ToolSchema]) -> Verdict:
    """Judge an answer; turns it does not have count as turns without a call that were wrong."""
    steps = example.judged
    schemas = {schema.name: schema for schema in example.schemas} or schemas
    turns = [judge_turn(step, turn, suite.free) for step, turn in zip(steps, answer.turns, strict=False)]
    calls = [call for turn in answer.turns for call in turn.calls]
    first = turns[0] if turns else judge_turn(steps[0], AnsweredTurn(), suite.free)
    return Verdict(
        example.id,
        example.scenario,
        first,
        opened=sum(turn.opened for turn in answer.turns),
        readable=len(calls),
        valid=sum(_is_valid(call, schemas) for call in calls),
        matched=sum(turn.matched for turn in turns),
        fitting=sum(turn.fitting for turn in turns),
        repaired=sum(call.repaired for call in calls),
        refrains=bool(answer.turns) and answer.turns[0].opened == 0 if example.wants_no_call else None,
        done=len(turns) == len(steps) and all(turn.right for turn in turns),
        completion_tokens=sum(turn.completion_tokens for turn in answer.turns),
        cut=sum(turn.cut for turn in answer.turns),
        seconds=answer.seconds,
    )


def judge_turn(step: Step, turn: AnsweredTurn, free: Mapping[str, JsonObject]) -> JudgedTurn:
    """Judge a turn by the alternative that fits it best."""
    judged = [_against(alternative, turn, free) for alternative in step.accept]
    return max(judged, key=lambda one: (one.right, one.f1, one.fitting))


def accepted(step: Step, turn: AnsweredTurn, free: Mapping[str, JsonObject]) -> list[int] | None:
    """Return, for each call of a right turn, which of its tool's calls on record it is; None where it is not right."""
    for alternative in step.accept:
        pairs = _pairs(alternative, turn, free)
        if len(pairs) == len(alternative) == turn.opened:
            places = {call: place for place, call in pairs.items()}
            tools = [pattern.tool for pattern in alternative]
            return [tools[: places[call]].count(tools[places[call]]) for call in range(len(pairs))]
    return None


def _against(alternative: Alternative, turn: AnsweredTurn, free: Mapping[str, JsonObject]) -> JudgedTurn:
    names = Counter(pattern.tool for pattern in alternative) & Counter(call.tool for call in turn.calls)
    fitting = len(_pairs(alternative, turn, free))
    right = fitting == len(alternative) == turn.opened
    return JudgedTurn(len(alternative), len(turn.calls), sum(names.values()), fitting, right)


def _pairs(alternative: Alternative, turn: AnsweredTurn, free: Mapping[str, JsonObject]) -> dict[int, int]:
    """Return the patterns that have a call of their own, and which."""
    return assign(
        [
            [place for place, call in enumerate(turn.calls) if _fits(pattern, call, free.get(call.tool, {}))]
            for pattern in alternative
        ]
    )


def _fits(pattern: CallPattern, call: MadeCall, free: JsonObject) -> bool:
    """Tell whether a call has every argument it needs, none that is not allowed, and acceptable values."""
    matchers = {**free, **pattern.optional, **pattern.required}
    return (
        call.tool == pattern.tool
        and pattern.required.keys() <= call.arguments.keys() <= matchers.keys()
        and all(matches(matchers[name], value, call.result) for name, value in call.arguments.items())
    )


def _is_valid(call: MadeCall, schemas: Mapping[str, ToolSchema]) -> bool:
    schema = schemas.get(call.tool)
    return schema is not None and not problems(schema.parameters, call.arguments)
