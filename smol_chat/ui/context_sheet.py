"""What fills the context window, as a picture: one bar, and what each part of it stands for."""

from __future__ import annotations

from textual.content import Content

from smol_chat.agent.context_report import ContextReport
from smol_chat.sanitise import single_line

_CELLS = 60
_FULL = "█"


def context_page(report: ContextReport) -> Content:
    """Return the page: the bar, the parts with their tokens, what the model is not shown whole."""
    parts = [
        ("system message", report.system, "$text-secondary", "▓"),
        ("tools", report.tools, "$text-accent", "▒"),
        ("messages", report.history, "$text-primary", _FULL),
        ("reasoning", report.reasoning, "$text-muted", "░"),
        ("tool results", report.results, "$text-warning", "▚"),
        ("kept for the answer", report.reserve, "$text-disabled", "·"),
    ]
    window = report.window or report.used or 1
    about = "" if report.exact else "about "
    lines = [Content(""), _bar(parts, window), Content("")]
    for name, tokens, color, sign in parts:
        if tokens:
            share = f"{tokens / window:5.0%}"
            lines.append(Content.assemble((f"{sign * 2}  ", color), f"{name:<22}{tokens:>9,} tokens {share}"))
    free = max(0, window - report.used - report.reserve)
    lines.append(Content(f"    {'free':<22}{free:>9,} tokens {free / window:5.0%}"))
    of = f"{report.window:,}" if report.window else "a window the server does not tell"
    lines += [Content(""), Content(f"The next prompt begins with {about}{report.used:,} tokens of {of}.")]
    lines += [Content(sentence) for sentence in _sentences(report)]
    return Content("\n").join(lines)


def _bar(parts: list[tuple[str, int, str, str]], window: int) -> Content:
    """Draw the parts by signs and colours: where there are no colours the signs tell them apart."""
    drawn: list[tuple[str, str]] = []
    cells = 0
    total = 0
    for _name, tokens, color, sign in parts:
        total += tokens
        until = min(_CELLS, round(total / window * _CELLS))
        drawn.append((sign * max(until - cells, 1 if tokens and cells < _CELLS else 0), color))
        cells = max(until, cells + len(drawn[-1][0]))
    return Content.assemble("    ", *drawn, ("─" * max(0, _CELLS - cells), "$text-disabled"))


def _sentences(report: ContextReport) -> list[str]:
    said: list[str] = []
    if report.summarised:
        said.append(f"A summary stands for the first {report.summarised} of {report.turns} turns.")
    if report.shortened:
        said.append(f"{report.shortened} long tool results are shown shortened; the model can ask for the rest.")
    if report.offered:
        names = ", ".join(single_line(name, 40) for name in report.offered)
        said.append(f"Of the tools these are offered: {names}. /tools pin NAME keeps one among them.")
    said += [f"◆ pinned: {single_line(text, 70)}" for text in report.pinned]
    if not report.pinned and report.turns:
        said.append("/pin keeps a turn from being summarised.")
    return ["", *said] if said else []
