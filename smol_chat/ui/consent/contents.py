"""Everything a card must show of one request, in order: what would happen, the arguments, what nobody vouches for."""

from __future__ import annotations

import json
from collections.abc import Iterator

from textual.content import Content

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.agent.edits import changed_arguments
from smol_chat.messages import JsonValue
from smol_chat.sanitise import single_line
from smol_chat.tools.spec import Preview
from smol_chat.ui.consent.diff import NARROWEST_SPLIT, Change, parsed, split, unified
from smol_chat.ui.consent.lines import Line, exact, marked, plain_lines, text_lines
from smol_chat.ui.consent.origins import origin_words, origins_of, quoted_spans, underlined

_HOSTS_WIDTH = 50
_NAME_WIDTH = 24
_WAS_WIDTH = 60
CHANGED_MEANWHILE = "You allowed this already, but what it would do has changed since. Look again:"


def consent_lines(request: ApprovalRequest, width: int, *, columns: bool = False, claim: str = "") -> list[Line]:
    """Return the lines of a request.

    Args:
        request: what waits.
        width: cells a line may take; only two columns depend on it.
        columns: show what would change in two columns.
        claim: why the model says it wants the call.
    """
    preview = request.preview
    lines = [Line("", Content.styled(CHANGED_MEANWHILE, "bold $text-warning"))] if request.changed else []
    if preview.summary:
        lines += [Line("", line.stylize("bold")) for line in plain_lines(preview.summary)]
    if request.raised:
        lines += [Line("", line.stylize("$text-warning")) for line in plain_lines(f"⚠ {request.raised}")]
    if lists_hosts(request):
        lines += [Line("", Content.assemble(("→ ", "$text-warning"), host_name(host))) for host in preview.hosts]
    short, long = _argument_lines(request)
    lines += short
    lines += _preview_lines(preview, width if columns else 0)
    lines += long
    if claim:
        lines += [Line("", Content("")), Line("", Content.styled("The model says (its own claim):", "$text-muted"))]
        lines += [Line("│ ", line) for line in plain_lines(claim)]
    return lines


def has_changes(preview: Preview) -> bool:
    """Tell whether the preview shows changes that could stand in two columns."""
    return bool(preview.changes) or (preview.language == "diff" and bool(preview.body))


def lists_hosts(request: ApprovalRequest) -> bool:
    """Tell whether the hosts are too many for one line."""
    return sum(len(host_name(host)) + 2 for host in request.preview.hosts) > _HOSTS_WIDTH


def host_name(host: str) -> str:
    """Return a host as it goes over the wire: letters that look alike have no place on a card."""
    try:
        return exact(host if host.isascii() else host.encode("idna").decode("ascii"))
    except UnicodeError:
        return ascii(host)


def argument_text(value: JsonValue) -> tuple[str, bool]:
    """Return an argument as text, and whether that is the string itself rather than JSON.

    A string that could be taken for something else (empty, spaces around it, the text of a number) is put in quotes.
    """
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, indent=None), False
    if not value or (value != value.strip() and "\n" not in value):
        return json.dumps(value, ensure_ascii=False), False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return value, True
    return json.dumps(value, ensure_ascii=False), False


# --- arguments --------------------------------------------------------------------------------------


def _argument_lines(request: ApprovalRequest) -> tuple[list[Line], list[Line]]:
    """Return the lines of the arguments: one for each, and those with many lines whole, to stand further down."""
    arguments = request.call.arguments
    edited = changed_arguments(request.proposed, arguments) if request.proposed is not None else set()
    left_out = [name for name in request.proposed or {} if name not in arguments]
    width = min(_NAME_WIDTH, max((len(exact(name)) for name in [*arguments, *left_out]), default=0)) + 2
    short: list[Line] = []
    long: list[Line] = []
    for name, value in arguments.items():
        label = Content.styled(f"{exact(name):<{width}}", "$text-muted")
        text, is_plain = argument_text(value)
        origins = [] if name in edited else origins_of(name, request.origins)
        origin = origin_words(origins, text)
        if "\n" in text:
            shown_below = _is_part(text, request.preview)
            said = "the whole text below" if shown_below else f"{text.count(chr(10)) + 1} lines, below"
            shown = Content.styled(said, "$text-muted")
            if not shown_below:
                long += [Line("", Content.styled(f"{exact(name)}:", "$text-muted")), *text_lines(text)]
        elif is_plain and text == request.preview.body:
            shown = Content.styled("the whole text below", "$text-muted")
        else:
            shown = Content(exact(text))
            shown = marked(underlined(shown, origins, text) if is_plain else shown)
        note = _edit_note(request, name) if name in edited else origin
        short.append(Line("", Content("").join([label, shown, Content.styled("   ← ", "$text-muted"), note])))
        short += quoted_spans(origins, value) if isinstance(value, str) else []
    for name in left_out:
        label = Content.styled(f"{exact(name):<{width}}", "$text-muted")
        short.append(Line("", label + Content.styled("← ", "$text-muted") + _edit_note(request, name)))
    return short, long


def _edit_note(request: ApprovalRequest, name: str) -> Content:
    proposed = request.proposed or {}
    if name not in proposed:
        return Content.styled("✎ added by you", "$text-accent")
    was = single_line(argument_text(proposed[name])[0], _WAS_WIDTH)
    done = "changed" if name in request.call.arguments else "left out"
    return Content.styled(f"✎ {done} by you, was: {was}", "$text-accent")


def _is_part(text: str, preview: Preview) -> bool:
    """Tell whether a text stands whole in the preview, line by line: as it is, or as all there is of a new file."""
    if f"\n{text}\n" in f"\n{preview.body}\n":
        return True
    if preview.language != "diff":
        return False
    changes = [change for change in parsed(preview.body) if change.sign != "@"]
    return bool(changes) and all(change.sign == "+" for change in changes) and _joined(changes) == text.rstrip("\n")


def _joined(changes: list[Change]) -> str:
    return "\n".join(change.text for change in changes)


# --- preview ----------------------------------------------------------------------------------------


def _preview_lines(preview: Preview, columns: int) -> Iterator[Line]:
    """Return the lines of a preview; `columns` is the width of two columns, 0 for one."""
    if preview.body:
        match preview.language:
            case "diff":
                yield from _diff_lines(preview.body, columns)
            case "mail":
                yield from _mail_lines(preview.body)
            case language:
                yield from text_lines(preview.body, language)
    if preview.changes:
        yield from _diff_lines(preview.changes, columns)


def _diff_lines(diff: str, columns: int) -> list[Line]:
    changes = parsed(diff)
    return split(changes, columns) if columns >= NARROWEST_SPLIT else unified(changes)


def _mail_lines(mail: str) -> Iterator[Line]:
    """Return a mail as mail programs show it: the fields, a rule, the text."""
    head, _, text = mail.partition("\n\n")
    for field in head.split("\n"):
        name, colon, value = field.partition(":")
        address, arrow, remark = value.strip().partition("   ← ")
        shown = Content.assemble((f"{exact(name + colon):<9}", "$text-muted"), marked(Content(exact(address))))
        yield Line("", shown + Content.styled(f"   ⚠ {exact(remark)}", "bold $text-error") if arrow else shown)
    yield Line("", Content.styled("─" * 20, "$text-disabled"))
    yield from text_lines(text)
