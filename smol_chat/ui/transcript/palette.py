"""From style names to what the terminal shows: component classes of the transcript, combined and cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from smol_chat.ui.transcript.lines import Span

if TYPE_CHECKING:
    from textual.widget import Widget

COMPONENTS = (
    "you",
    "user",
    "heading",
    "heading1",
    "heading2",
    "heading3",
    "em",
    "strong",
    "strike",
    "link",
    "url",
    "code.inline",
    "code",
    "code.bar",
    "code.title",
    "keyword",
    "builtin",
    "name",
    "string",
    "number",
    "comment",
    "deleted",
    "inserted",
    "quote",
    "quote.bar",
    "rule",
    "marker",
    "done",
    "muted",
    "note",
    "fold",
    "reasoning",
    "call",
    "argument",
    "argument.name",
    "result",
    "more",
    "success",
    "warning",
    "error",
    "cursor",
    "found",
    "found.here",
    "hint",
)
"""Names of styles; each is the component class `transcript--NAME`, dots as dashes."""


LOOKS = """
    Transcript > .transcript--you { color: $text-primary; text-style: bold; }
    Transcript > .transcript--user { text-style: bold; }
    Transcript > .transcript--heading { color: $text-primary; text-style: bold; }
    Transcript > .transcript--heading1 { text-style: bold underline; }
    Transcript > .transcript--em { text-style: italic; }
    Transcript > .transcript--strong { text-style: bold; }
    Transcript > .transcript--strike { text-style: strike; }
    Transcript > .transcript--link { color: $text-secondary; text-style: underline; }
    Transcript > .transcript--url { color: $text-muted; }
    Transcript > .transcript--code-inline { color: $text-accent; }
    Transcript > .transcript--code { color: $foreground; background: $surface; }
    Transcript > .transcript--code-bar { color: $text-disabled; }
    Transcript > .transcript--code-title { color: $text-muted; }
    Transcript > .transcript--keyword { color: $text-primary; text-style: bold; }
    Transcript > .transcript--builtin { color: $text-secondary; }
    Transcript > .transcript--name { color: $text-accent; }
    Transcript > .transcript--string { color: $text-success; }
    Transcript > .transcript--number { color: $text-warning; }
    Transcript > .transcript--comment { color: $text-muted; text-style: italic; }
    Transcript > .transcript--deleted { color: $text-error; }
    Transcript > .transcript--inserted { color: $text-success; }
    Transcript > .transcript--quote { color: $text-muted; }
    Transcript > .transcript--quote-bar { color: $text-primary; }
    Transcript > .transcript--rule { color: $text-disabled; }
    Transcript > .transcript--marker { color: $text-primary; }
    Transcript > .transcript--done { color: $text-success; }
    Transcript > .transcript--muted { color: $text-muted; }
    Transcript > .transcript--note { color: $text-warning; text-style: italic; }
    Transcript > .transcript--fold { color: $text-muted; }
    Transcript > .transcript--reasoning { color: $text-muted; text-style: italic; }
    Transcript > .transcript--call { text-style: bold; }
    Transcript > .transcript--argument-name { color: $text-muted; }
    Transcript > .transcript--result { color: $text-muted; }
    Transcript > .transcript--more { color: $text-primary; }
    Transcript > .transcript--success { color: $text-success; }
    Transcript > .transcript--warning { color: $text-warning; }
    Transcript > .transcript--error { color: $text-error; }
    Transcript > .transcript--cursor { color: $text-accent; }
    Transcript > .transcript--found { color: $background; background: $secondary; }
    Transcript > .transcript--found-here { color: $background; background: $primary; text-style: bold; }
    Transcript > .transcript--hint { color: $background; background: $primary; text-style: bold; }
    Transcript:ansi > .transcript--found { color: ansi_black; background: ansi_bright_cyan; }
    Transcript:ansi > .transcript--found-here { color: ansi_black; background: ansi_bright_yellow; }
    Transcript:ansi > .transcript--hint { color: ansi_black; background: ansi_bright_yellow; }
"""
"""How the styles look under any theme: only variables of the theme, no colours."""


def component_class(name: str) -> str:
    """Return the component class of a style name."""
    return "transcript--" + name.replace(".", "-")


class Palette:
    """Styles of one widget under the current theme."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}

    @property
    def selection(self) -> Style:
        """How selected text looks."""
        return self._widget.screen.get_component_rich_style("screen--selection")

    def clear(self) -> None:
        """Forget everything: the theme or a style sheet changed."""
        self._styles.clear()

    def style(self, names: str) -> Style:
        """Return the style for names separated by spaces: later ones win, attributes add up."""
        style = self._styles.get(names)
        if style is None:
            style = self._styles[names] = self._combine(names.split())
        return style

    def segments(self, spans: tuple[Span, ...]) -> list[Segment]:
        """Return the spans as segments."""
        return [Segment(text, self.style(names)) for text, names in spans]

    def blank(self, width: int, names: str = "") -> Segment:
        """Return empty cells."""
        return Segment(" " * width, self.style(names))

    def _combine(self, names: list[str]) -> Style:
        base = self._widget.rich_style
        color: Color | None = base.color
        background: Color | None = base.bgcolor
        attributes = Style()
        for name in names:
            styles = self._widget.get_component_styles(component_class(name))
            full = self._widget.get_component_rich_style(component_class(name))
            if styles.has_rule("color"):
                color = full.color
            if styles.has_rule("background"):
                background = full.bgcolor
            if styles.has_rule("text_style"):
                attributes += styles.text_style
        return attributes + Style(color=color, bgcolor=background)
