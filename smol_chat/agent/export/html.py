"""A conversation as one HTML file that needs nothing else: no script, no font, no image, nothing is fetched."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from html import escape

from markdown_it import MarkdownIt

from smol_chat.agent.export.records import CallRecord, RoundRecord, TurnRecord
from smol_chat.journal import ConversationSummary
from smol_chat.sanitise import single_line, visible

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
"""Raw HTML is text, addresses with a script are no links, and an image, which would be fetched, is a link."""

_STYLE = """
:root { color-scheme: light dark; --quiet: #6a6f78; --line: #d9dce2; --you: #2f5fd0; --code: #f3f4f7 }
@media (prefers-color-scheme: dark) { :root { --quiet: #9aa1ad; --line: #3a3f48; --you: #8fb0ff; --code: #23272e } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
header p, .notice, summary { color: var(--quiet) }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
.you { border-left: 3px solid var(--you); padding-left: .8rem; margin: 2rem 0 1rem; white-space: pre-wrap }
.you, .answer { overflow-wrap: anywhere }
details { border-left: 3px solid var(--line); padding-left: .8rem; margin: .6rem 0 }
summary { cursor: pointer }
pre { background: var(--code); padding: .6rem .8rem; border-radius: 4px; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere }
code { font: .9em ui-monospace, monospace }
table { border-collapse: collapse } th, td { border: 1px solid var(--line); padding: .2rem .5rem }
"""

_HEAD = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{about}</p></header>
"""


def html(summary: ConversationSummary, turns: Sequence[TurnRecord]) -> Iterator[str]:
    """Yield the file part by part; reasoning, calls and results are folded."""
    date = time.strftime("%Y-%m-%d", time.localtime(summary.started))
    title, about = escape(single_line(summary.title, 300)), escape(single_line(f"{date} · {summary.model}", 300))
    yield _HEAD.format(title=title, about=about, style=_STYLE)
    for turn in turns:
        yield f'<section>\n<div class="you">{_text(turn.question)}</div>\n'
        for file in turn.attachments:
            yield _folded(f"attached: {single_line(file.path, 300)}", _pre(file.text))
        for one in turn.rounds:
            yield from _round(one)
        for notice in turn.notices:
            yield f'<p class="notice">{_text(notice)}</p>\n'
        yield "</section>\n"
    yield "</body>\n</html>\n"


def _round(one: RoundRecord) -> Iterator[str]:
    if one.reasoning.strip():
        yield _folded("thought", _pre(one.reasoning.strip()))
    if one.content.strip():
        yield f'<div class="answer">\n{_MARKDOWN.render(visible(one.content, prose=True))}</div>\n'
    for record in one.calls:
        yield _folded(_heading(record), _pre(_arguments(record)) + _result(record))
    for bad in one.malformed:
        yield _folded(f"a call that could not be read: {single_line(bad.message, 300)}", _pre(bad.raw))


def _heading(record: CallRecord) -> str:
    decision, result = record.decision, record.result
    parts = [f"call: {single_line(record.call.name, 100)}"]
    if decision is not None and decision.decision == "deny":
        parts.append(f"denied{f': {single_line(decision.reason, 300)}' if decision.reason else ''}")
    elif record.is_edited:
        parts.append("with other arguments than the model wrote")
    elif result is not None and not result.ok:
        parts.append("failed")
    return " · ".join(parts)


def _arguments(record: CallRecord) -> str:
    return json.dumps(record.ran.arguments, ensure_ascii=False, indent=2)


def _result(record: CallRecord) -> str:
    if record.result is None:
        return ""
    return _pre(record.result.content if record.result.full_content is None else record.result.full_content)


def _folded(heading: str, body: str) -> str:
    return f"<details><summary>{escape(heading)}</summary>\n{body}</details>\n"


def _pre(text: str) -> str:
    return f"<pre><code>{_text(text)}</code></pre>\n"


def _text(text: str) -> str:
    return escape(visible(text, prose=True))
