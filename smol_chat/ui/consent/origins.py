"""Where the parts of an argument came from, in words; what nobody vouches for has a sign too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.content import Content

from smol_chat.agent.origin import ORIGIN_NAMES
from smol_chat.agent.sources import UNTRUSTED
from smol_chat.messages import ArgumentOrigin, Origin, OriginSpan
from smol_chat.sanitise import single_line
from smol_chat.ui.consent.lines import Line, exact

MODEL = "chosen by the model"
_MOST_QUOTED = 3
_QUOTE_WIDTH = 50
_SOURCE_WIDTH = 40
_STYLE = "$text-warning"


def origins_of(name: str, origins: Iterable[ArgumentOrigin]) -> list[ArgumentOrigin]:
    """Return what is known of an argument and of the parts inside it."""
    return [each for each in origins if each.argument == name or each.argument.startswith(f"{name}/")]


def origin_words(origins: Iterable[ArgumentOrigin], text: str) -> Content:
    """Say where an argument came from. `text` is the argument's own text."""
    spans = [span for each in origins for span in each.spans]
    if not spans:
        return Content.styled(MODEL, "$text-muted")
    covered = sum(span.end - span.start for span in spans)
    partly = "" if covered * 4 >= 3 * len(text.strip()) else "partly "
    places = dict.fromkeys(_place(span) for span in spans)
    parts = [
        Content.styled(f"⚠ untrusted, {partly}{words}", f"bold {_STYLE}")
        if untrusted
        else Content.styled(f"{partly}{words}", "$text-muted")
        for words, untrusted in places
    ]
    return Content(", ").join(parts)


def quoted_spans(origins: Iterable[ArgumentOrigin], text: str) -> Iterator[Line]:
    """Return a line for each of the first untrusted parts: what it says and where it came from."""
    spans = [span for each in origins if "/" not in each.argument for span in each.spans if _place(span)[1]]
    for span in spans[:_MOST_QUOTED]:
        quote = single_line(text[span.start : span.end], _QUOTE_WIDTH)
        yield Line("", Content.styled(f"  ⚠ “{quote}” {_place(span)[0]}", _STYLE))
    if len(spans) > _MOST_QUOTED:
        yield Line("", Content.styled(f"  ⚠ and {len(spans) - _MOST_QUOTED} parts more", _STYLE))


def underlined(shown: Content, origins: Iterable[ArgumentOrigin], text: str) -> Content:
    """Underline the untrusted parts of a one-line text, as it is shown."""
    for each in origins:
        for span in each.spans:
            if "/" not in each.argument and _place(span)[1]:
                start, end = len(exact(text[: span.start])), len(exact(text[: span.end]))
                shown = shown.stylize(f"underline {_STYLE}", start, end)
    return shown


def _place(span: OriginSpan) -> tuple[str, bool]:
    """Return the words for where a span came from, and whether nobody vouches for it."""
    if span.origin is Origin.USER:
        return "from you", False
    if span.origin is Origin.MODEL:
        return MODEL, False
    source = single_line(span.source, _SOURCE_WIDTH) or "an earlier call"
    return f"from {ORIGIN_NAMES.get(span.origin, '')} {source}".replace("  ", " "), span.origin in UNTRUSTED
