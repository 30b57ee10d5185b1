"""A scored run as one HTML page that needs nothing else: intervals drawn, each failure in the model's words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from smol_chat.evaluation import card
from smol_chat.evaluation.answers import Answer, AnsweredTurn
from smol_chat.evaluation.compare import Comparison
from smol_chat.evaluation.judge import judge_turn
from smol_chat.evaluation.runs import Run
from smol_chat.evaluation.score import METRICS, Evaluation, Figure
from smol_chat.evaluation.suite import Alternative, Example, Step, Suite
from smol_chat.evaluation.tables import comparison_lines, number, span, title
from smol_chat.sanitise import visible

_LONGEST = 4000
"""Characters of one text of the model that are shown."""

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --fill: #4a90d9; --dim: #888; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { position: relative; height: .8rem; min-width: 10rem; background: #8882; }
.bar i { position: absolute; top: 0; bottom: 0; background: var(--fill); opacity: .4; }
.bar b { position: absolute; top: -2px; bottom: -2px; width: 2px; background: var(--fill); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .5rem; margin: .3rem 0; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; }
.dim { color: var(--dim); }
"""


@dataclass(frozen=True, slots=True)
class Scored:
    """A run with its suite and its scores."""

    run: Run
    suite: Suite
    evaluation: Evaluation


def page(scored: Sequence[Scored], comparison: Comparison | None = None) -> str:
    """Return the page; with a comparison, of the two runs it is about."""
    body = "".join(map(_section, scored))
    if comparison is not None:
        lines = "\n".join(comparison_lines(scored[0].run, scored[1].run, comparison))
        body = f"<h2>Comparison</h2><pre>{_text(lines)}</pre>{body}"
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>smol-chat eval</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>How well the model calls tools</h1>{body}"
        f'<p class="dim">Card: {_text(card.CAVEAT)}</p></body></html>\n'
    )


def _section(scored: Scored) -> str:
    evaluation = scored.evaluation
    failed = [verdict.example for verdict in evaluation.verdicts if not verdict.done]
    examples = {example.id: example for example in scored.suite.examples}
    failures = "".join(_failure(examples[name], scored.run.answers[name], scored.suite) for name in failed)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(evaluation.malformed.items())) or "none"
    return (
        f'<h2>{_text(title(scored.run))}</h2><p class="dim">run {_text(scored.run.id)}</p>'
        f"{_totals(evaluation)}{_scenarios(evaluation)}<p>Calls that could not be read: {_text(kinds)}.</p>"
        f"<h3>{len(failed)} of {len(evaluation.verdicts)} not done</h3>{failures}\n"
    )


def _totals(evaluation: Evaluation) -> str:
    rows = []
    for name, metric in METRICS.items():
        figure = evaluation.total[name]
        floor = "" if metric.about_work else number(evaluation.floor[name].value)
        rows.append(
            f'<tr><td>{metric.label}</td><td class="n">{number(figure.value)}</td><td>{_bar(figure)}</td>'
            f'<td class="n">{span(figure)}</td><td class="n">{figure.of or ""}</td><td class="n">{floor}</td>'
            f'<td class="n">{number(card.TOTAL[name]) if name in card.TOTAL else ""}</td></tr>'
        )
    heads = '<th></th><th class="n">score</th><th></th><th class="n">95 % interval</th><th class="n">of</th>'
    return f'<table><tr>{heads}<th class="n">never calls</th><th class="n">card</th></tr>{"".join(rows)}</table>'


def _scenarios(evaluation: Evaluation) -> str:
    rows = []
    for scenario, scores in evaluation.by_scenario.items():
        quoted = card.F1_BY_SCENARIO.get(scenario)
        rows.append(
            f'<tr><td>{_text(scenario)}</td><td class="n">{scores.examples}</td>'
            f'<td class="n">{number(scores["f1"].value)}</td><td class="n">{number(scores["card_f1"].value)}</td>'
            f'<td>{_bar(scores["card_f1"])}</td><td class="n">{span(scores["card_f1"])}</td>'
            f'<td class="n">{number(scores["task_accuracy"].value)}</td>'
            f'<td class="n">{"" if quoted is None else number(quoted)}</td></tr>'
        )
    heads = '<th>scenario</th><th class="n">n</th><th class="n">F1, micro</th><th class="n">F1, mean</th><th></th>'
    more = '<th class="n">95 % interval</th><th class="n">task</th><th class="n">card</th>'
    return f"<table><tr>{heads}{more}</tr>{''.join(rows)}</table>"


def _bar(figure: Figure) -> str:
    """Draw a score from 0 to 1 with its interval; nothing for one beyond."""
    if figure.value is None or figure.low is None or figure.high is None or figure.high > 1:
        return ""
    low, width, value = (f"{100 * part:.1f}%" for part in (figure.low, figure.high - figure.low, figure.value))
    return f'<div class="bar"><i style="left:{low};width:{width}"></i><b style="left:{value}"></b></div>'


def _failure(example: Example, answer: Answer, suite: Suite) -> str:
    parts = [f"<details><summary><b>{_text(example.id)}</b> {_text(example.request)}</summary>"]
    if answer.error:
        parts.append(f"<p>{_text(answer.error)}</p>")
    for step, turn in zip(example.judged, answer.turns, strict=False):
        right = judge_turn(step, turn, suite.free).right
        parts.append(f"<p>{'right' if right else 'wrong'}; the model:</p><pre>{_text(_said(turn))}</pre>")
        if not right:
            parts.append(f'<p class="dim">acceptable:</p><pre class="dim">{_text(_wanted(step))}</pre>')
    return f"{''.join(parts)}</details>"


def _said(turn: AnsweredTurn) -> str:
    calls = [f"{call.tool} {json.dumps(call.arguments, ensure_ascii=False)}" for call in turn.calls]
    broken = [f"unreadable ({block.kind}): {block.raw}" for block in turn.malformed]
    reasoning = [f"[thinks] {turn.reasoning.strip()}"] if turn.reasoning.strip() else []
    words = [turn.content.strip()] if turn.content.strip() else []
    cut = ["[cut by the limit on tokens]"] if turn.cut else []
    parts = [*reasoning, *words, *calls, *broken, *cut]
    return "\n".join(part if len(part) <= _LONGEST else f"{part[:_LONGEST]} […]" for part in parts) or "(nothing)"


def _wanted(step: Step) -> str:
    return "\nor\n".join(map(_alternative, step.accept))


def _alternative(alternative: Alternative) -> str:
    calls = [
        f"{call.tool} "
        + json.dumps({**call.required, **{f"{k}?": v for k, v in call.optional.items()}}, ensure_ascii=False)
        for call in alternative
    ]
    return "\n".join(calls) or "(no call)"


def _text(text: str) -> str:
    """Return a text for the page: invisible characters shown, nothing of it markup."""
    return escape(visible(text))
