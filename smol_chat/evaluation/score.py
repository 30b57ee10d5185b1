"""The scores of a run: shares and means with 95 % intervals, over all examples and by scenario."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from smol_chat.evaluation.answers import Answer, AnsweredTurn
from smol_chat.evaluation.judge import Verdict, judge
from smol_chat.evaluation.suite import Suite
from smol_chat.messages import ToolSchema

RESAMPLES = 1000
"""Of a bootstrap."""

BOOTSTRAP_SEED = 20_261_125
"""Fixed: the same answers always get the same interval."""

_Z = 1.959964
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One score; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    of: int = 0
    """What it is a share or a mean of: calls or examples."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of a group of examples, by metric."""

    examples: int
    figures: Mapping[str, Figure]

    def __getitem__(self, metric: str) -> Figure:
        return self.figures[metric]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A scored run."""

    verdicts: tuple[Verdict, ...]
    total: Scores
    by_scenario: Mapping[str, Scores]
    floor: Scores
    """What a model gets that never calls a tool."""
    malformed: Mapping[str, int]
    """How many calls could not be read, by kind."""


Ratio = tuple[float, float]
"""Numerator and denominator that one example adds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a score is computed."""

    label: str
    adds: Callable[[Verdict], Ratio]
    proportion: bool = False
    """A share of trials, whose interval is Wilson's; else the examples are resampled."""
    about_work: bool = False
    """It tells what the answers took, not how good they are."""


METRICS: Mapping[str, Metric] = {
    "precision": Metric("precision, micro", lambda one: (one.first.matched, one.first.predicted)),
    "recall": Metric("recall, micro", lambda one: (one.first.matched, one.first.expected)),
    "f1": Metric("F1, micro", lambda one: (2 * one.first.matched, one.first.expected + one.first.predicted)),
    "card_precision": Metric("precision, mean", lambda one: (one.first.precision, 1)),
    "card_recall": Metric("recall, mean", lambda one: (one.first.recall, 1)),
    "card_f1": Metric("F1, mean", lambda one: (one.first.f1, 1)),
    "json_validity": Metric("JSON validity", lambda one: (one.readable, one.opened), proportion=True),
    "schema_validity": Metric("schema validity", lambda one: (one.valid, one.readable), proportion=True),
    "argument_match": Metric("argument match", lambda one: (one.fitting, one.matched), proportion=True),
    "no_tool_accuracy": Metric(
        "no-tool accuracy", lambda one: (float(bool(one.refrains)), one.refrains is not None), proportion=True
    ),
    "task_accuracy": Metric("task accuracy", lambda one: (one.done, 1), proportion=True),
    "repaired": Metric("calls repaired", lambda one: (one.repaired, one.readable), proportion=True, about_work=True),
    "cut": Metric("cut answers", lambda one: (one.cut > 0, 1), proportion=True, about_work=True),
    "tokens": Metric("tokens per example", lambda one: (one.completion_tokens, 1), about_work=True),
    "seconds": Metric("seconds per example", lambda one: (one.seconds, 1), about_work=True),
}
"""By the name that programs read. `card_…` are averaged as the model card does."""


def evaluate(suite: Suite, answers: Mapping[str, Answer], schemas: Mapping[str, ToolSchema]) -> Evaluation:
    """Score the answers there are, by the example's id."""
    asked = [example for example in suite.examples if example.id in answers]
    verdicts = tuple(judge(suite, example, answers[example.id], schemas) for example in asked)
    silent = [judge(suite, example, Answer(example.id, (AnsweredTurn(),)), schemas) for example in asked]
    groups = {name: [one for one in verdicts if one.scenario == name] for name in suite.scenarios()}
    return Evaluation(
        verdicts,
        scores(verdicts),
        {name: scores(group) for name, group in groups.items() if group},
        scores(silent),
        Counter(block.kind for one in asked for turn in answers[one.id].turns for block in turn.malformed),
    )


def scores(verdicts: Sequence[Verdict]) -> Scores:
    """Compute every metric over some examples."""
    return Scores(len(verdicts), {name: figure(metric, verdicts) for name, metric in METRICS.items()})


def figure(metric: Metric, verdicts: Sequence[Verdict]) -> Figure:
    """Compute one metric with its interval."""
    added = [metric.adds(one) for one in verdicts]
    total = sum(one[1] for one in added)
    value = ratio(added)
    if value is None:
        return Figure(None)
    if metric.proportion:
        low, high = wilson(sum(one[0] for one in added), total)
    else:
        low, high = bootstrap(added)
    return Figure(value, low, high, round(total))


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, spread = hits / trials, _Z * _Z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(added: Sequence[Ratio]) -> tuple[float, float]:
    """Return the 95 % interval of a ratio of sums, from resampled examples."""
    return interval(
        [found for sample in resamples(len(added)) if (found := ratio([added[i] for i in sample])) is not None]
    )


@lru_cache(maxsize=16)
def resamples(size: int) -> list[list[int]]:
    """Return the places of the examples each resample draws; always the same ones."""
    draw, places = random.Random(BOOTSTRAP_SEED), range(size)
    return [draw.choices(places, k=size) for _ in range(RESAMPLES)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % quantiles."""
    ordered = sorted(values)
    return ordered[round(0.025 * (len(ordered) - 1))], ordered[round(0.975 * (len(ordered) - 1))]


def ratio(added: Sequence[Ratio]) -> float | None:
    """Return the sum of the numerators over the sum of the denominators; None where that is 0."""
    below = sum(one[1] for one in added)
    return sum(one[0] for one in added) / below if below else None
