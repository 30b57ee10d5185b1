"""Two runs of one suite, example by example, and the differences of their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smol_chat.errors import UsageError
from smol_chat.evaluation.judge import Verdict
from smol_chat.evaluation.score import METRICS, Evaluation, Figure, Metric, interval, ratio, resamples

COMPARED = ("f1", "card_f1", "argument_match", "no_tool_accuracy", "task_accuracy")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the second run does other than the first, over the examples both have."""

    pairs: tuple[tuple[Verdict, Verdict], ...]
    differences: Mapping[str, Figure]
    """Second minus first, with the paired 95 % interval."""

    @property
    def gained(self) -> tuple[str, ...]:
        """Examples only the second run does."""
        return tuple(second.example for first, second in self.pairs if second.done and not first.done)

    @property
    def lost(self) -> tuple[str, ...]:
        """Examples only the first run does."""
        return tuple(first.example for first, second in self.pairs if first.done and not second.done)

    @property
    def both(self) -> int:
        """How many examples both do."""
        return sum(first.done and second.done for first, second in self.pairs)


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations of the same suite.

    Raises:
        UsageError: they have no example in common.
    """
    others = {verdict.example: verdict for verdict in second.verdicts}
    pairs = tuple((one, others[one.example]) for one in first.verdicts if one.example in others)
    if not pairs:
        raise UsageError("The two runs have no example in common.")
    return Comparison(pairs, {name: _difference(METRICS[name], pairs) for name in COMPARED})


def _difference(metric: Metric, pairs: tuple[tuple[Verdict, Verdict], ...]) -> Figure:
    """Resample the examples, the same ones for both: what is hard for both then cancels out."""
    added = [(metric.adds(first), metric.adds(second)) for first, second in pairs]

    def between(places: list[int]) -> float | None:
        one, other = ratio([added[place][0] for place in places]), ratio([added[place][1] for place in places])
        return None if one is None or other is None else other - one

    value = between(list(range(len(pairs))))
    if value is None:
        return Figure(None)
    low, high = interval([found for places in resamples(len(pairs)) if (found := between(places)) is not None])
    return Figure(value, low, high, len(pairs))
