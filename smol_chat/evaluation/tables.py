"""A scored run as lines of text and as JSON."""

from __future__ import annotations

from dataclasses import asdict

from smol_chat.evaluation import card
from smol_chat.evaluation.compare import Comparison
from smol_chat.evaluation.runs import Run
from smol_chat.evaluation.score import METRICS, Evaluation, Figure, Scores
from smol_chat.messages import JsonObject


def number(value: float | None) -> str:
    """Return a score as it is shown; a dash where it is not defined."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def span(figure: Figure) -> str:
    """Return a figure's interval as it is shown."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{number(figure.low)} to {number(figure.high)}"


def lines(run: Run, evaluation: Evaluation) -> list[str]:
    """Return the whole result as lines for a terminal."""
    shown = [title(run), "", _row("", "score", "95 % interval", "of", "never calls", "card *")]
    for name, metric in METRICS.items():
        figure = evaluation.total[name]
        floor = "" if metric.about_work else number(evaluation.floor[name].value)
        quoted = number(card.TOTAL[name]) if name in card.TOTAL else ""
        shown.append(_row(metric.label, number(figure.value), span(figure), str(figure.of or ""), floor, quoted))
    shown += ["", _row("", "F1, mean", "95 % interval", "of", "F1, micro", "card *", "task accuracy")]
    for scenario, scores in evaluation.by_scenario.items():
        mean, micro = scores["card_f1"], number(scores["f1"].value)
        quoted = number(card.F1_BY_SCENARIO[scenario]) if scenario in card.F1_BY_SCENARIO else ""
        task = number(scores["task_accuracy"].value)
        shown.append(_row(scenario, number(mean.value), span(mean), str(scores.examples), micro, quoted, task))
    if evaluation.malformed:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(evaluation.malformed.items()))
        shown += ["", f"calls that could not be read: {kinds}"]
    errors = [answer.error for answer in run.answers.values() if answer.error]
    if errors:
        shown += ["", f"examples that broke off: {len(errors)}, the first because: {errors[0]}"]
    return [*shown, "", f"* {card.CAVEAT}", f"run {run.id}"]


def _row(label: str, value: str, interval: str, of: str, *more: str) -> str:
    return f"{label:22} {value:>9}   {interval:16} {of:>5} " + " ".join(f"{cell:>13}" for cell in more)


def title(run: Run) -> str:
    """Return in one line what was measured."""
    key = run.key
    asked = f"{len(run.answers)} of {key.examples}" if not run.complete else f"{key.examples}"
    return f"{key.suite}, {asked} examples, {key.model}, {key.decoding} decoding, seed {key.seed}"


def as_object(run: Run, evaluation: Evaluation) -> JsonObject:
    """Return the whole result for programs."""
    return {
        "run": run.id,
        "complete": run.complete,
        **asdict(run.key),
        "errors": sum(bool(answer.error) for answer in run.answers.values()),
        "total": _scores(evaluation.total),
        "by_scenario": {scenario: _scores(scores) for scenario, scores in evaluation.by_scenario.items()},
        "never_calls": _scores(evaluation.floor),
        "malformed": dict(evaluation.malformed),
        "examples_done": [verdict.example for verdict in evaluation.verdicts if verdict.done],
        "quoted_card": {
            "source": card.SOURCE,
            "total": dict(card.TOTAL),
            "card_f1_by_scenario": dict(card.F1_BY_SCENARIO),
        },
    }


def comparison_lines(first: Run, second: Run, comparison: Comparison) -> list[str]:
    """Return two runs side by side as lines for a terminal."""
    neither = len(comparison.pairs) - comparison.both - len(comparison.gained) - len(comparison.lost)
    shown = [f"first   {title(first)}", f"second  {title(second)}", ""]
    shown.append(f"{'second minus first':22} {'':>8}   95 % interval, paired over {len(comparison.pairs)} examples")
    for name, figure in comparison.differences.items():
        sign = "+" if figure.value is not None and figure.value > 0 else ""
        shown.append(f"{METRICS[name].label:22} {sign + number(figure.value):>8}   {span(figure)}")
    shown += ["", f"both do {comparison.both}, neither does {neither}"]
    shown.append(f"only the second does {len(comparison.gained)}: {', '.join(comparison.gained)}")
    shown.append(f"only the first does {len(comparison.lost)}: {', '.join(comparison.lost)}")
    return shown


def comparison_object(first: Run, second: Run, comparison: Comparison) -> JsonObject:
    """Return two runs side by side for programs."""
    return {
        "first": {"run": first.id, **asdict(first.key)},
        "second": {"run": second.id, **asdict(second.key)},
        "differences": {name: asdict(figure) for name, figure in comparison.differences.items()},
        "both": comparison.both,
        "only_second": list(comparison.gained),
        "only_first": list(comparison.lost),
    }


def _scores(scores: Scores) -> JsonObject:
    figures: JsonObject = {name: asdict(figure) for name, figure in scores.figures.items()}
    return {"examples": scores.examples, **figures}
