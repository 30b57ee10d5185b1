"""The answers to a question: their keys, what they are called, and the bar in which they can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from typing_extensions import override

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.tools.spec import Effect
from smol_chat.ui.consent.contents import has_changes
from smol_chat.ui.consent.guard import COUNTS, GRANTS, Choice

TWICE = frozenset((Effect.WRITE, Effect.EXECUTE, Effect.SEND))
"""Effects that need a second key: they change something that may not be undone."""

KEYS: dict[str, Choice] = {
    "y": "once",
    "s": "session",
    "p": "pattern",
    "a": "always",
    **{count: count for count in COUNTS},
    "n": "deny",
    "w": "why",
    "e": "edit",
    "x": "explain",
    "d": "columns",
    " ": "tick",
    "?": "help",
}
ANSWERS = {
    "y": "allow this one call; of several calls those that are ticked",
    "s": "allow this tool for the rest of this conversation",
    "p": "allow all calls like this one in this conversation; offered after two alike, the card says what it covers",
    "a, then a again": "allow from now on: writes the rule that is shown into policy.toml",
    "2 … 9": "allow so many calls of this tool, this one included",
    "n": "deny; of several calls those that are ticked",
    "w": "deny and tell the model why",
    "e": "edit the arguments; then what the call would do is shown anew",
    "x": "ask the model why it wants this call",
    "d": "show what would change in two columns, or in one",
    "Space, ← →": "of several calls: tick or untick this one, go to the one before or after",
    "?": "this page",
    "↑ ↓ PgUp PgDn Home End": "read the whole question",
}
"""What the help page says about the keys of a card."""
_LABELS: dict[Choice, tuple[str, str]] = {
    "once": ("y", "allow once"),
    "session": ("s", "this session"),
    "pattern": ("p", "all like this"),
    "always": ("a", "always"),
    "next": ("2-9", "next few"),
    "deny": ("n", "deny"),
    "why": ("w", "deny + why"),
    "edit": ("e", "edit"),
    "explain": ("x", "explain"),
    "columns": ("d", "two columns"),
    "tick": ("space", "tick"),
    "help": ("?", ""),
}
_AGAIN: dict[Effect, str] = {
    Effect.WRITE: "press {key} again to change files",
    Effect.EXECUTE: "press {key} again to run it",
    Effect.SEND: "press {key} again to send it",
}
_GAP = 2


def needs_second_key(choice: Choice, requests: Sequence[ApprovalRequest]) -> bool:
    """Tell whether a grant of these calls needs a second key."""
    if choice not in GRANTS:
        return False
    return choice == "always" or any(request.effect in TWICE or request.raised for request in requests)


def offered(request: ApprovalRequest, *, several: bool) -> list[Choice]:
    """Return the answers a card has for a request; `several`: it is one of several calls."""
    choices: list[Choice] = ["once"]
    if not request.once_only:
        choices += ["session", *(["pattern"] if request.pattern is not None else []), "always", "next"]  # type: ignore[list-item]  # literals
    choices += ["deny", "why", "edit", "explain"]
    if has_changes(request.preview):
        choices.append("columns")
    return [*choices, "tick", "help"] if several else [*choices, "help"]


def again(choice: Choice, request: ApprovalRequest, rule: str) -> str:
    """Return what is said while a grant waits for its second key; `rule` is what would be written."""
    key = key_of(choice)
    if choice == "always":
        return f"press {key} again to write into policy.toml: {rule}"
    said = _AGAIN.get(request.effect, "press {key} again to allow it all the same").format(key=key)
    if choice == "pattern" and request.pattern is not None:
        return f"{said}, and {request.pattern.covers}"
    return said


def key_of(choice: Choice) -> str:
    """Return the key of a choice."""
    return next((key for key, meant in KEYS.items() if meant == choice), "")


@dataclass(frozen=True, slots=True)
class _Item:
    choice: Choice
    key: str
    label: str

    @property
    def text(self) -> str:
        return f"[{self.key}] {self.label}".rstrip()


class VerbBar(Widget):
    """The answers in as many rows as they take; keys are the card's business, so it never takes focus."""

    DEFAULT_CSS = """
    VerbBar {
        height: auto;
        pointer: pointer;
    }
    """

    @dataclass
    class Chosen(Message):
        """An answer was clicked."""

        choice: Choice

    hovered: reactive[int | None] = reactive[int | None](None)
    """Index of the answer under the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[_Item] = []

    def show(self, choices: Sequence[Choice], *, ticked: int | None = None) -> None:
        """Offer these answers; `ticked` is the number of calls that are ticked, None for a single call."""
        items = [_item(choice, ticked) for choice in choices]
        if items != self._items:
            self._items = items
            self.refresh(layout=True)

    def rows(self, width: int) -> int:
        """Return the rows the answers take in so many cells."""
        places = self._places(width)
        return places[-1][0] + 1 if places else 0

    def place(self, choice: Choice) -> tuple[int, int]:
        """Return column and row where an answer begins."""
        index = next(index for index, item in enumerate(self._items) if item.choice == choice)
        row, start, _ = self._places(self.content_size.width)[index]
        return start, row

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the rows the answers take."""
        return self.rows(width)

    @override
    def render(self) -> Content:
        """Show key and name of each."""
        rows: dict[int, list[Content]] = {}
        for index, (row, _, _) in enumerate(self._places(self.content_size.width)):
            item = self._items[index]
            shown = Content.assemble((f"[{item.key}]", "bold $text-accent"), f" {item.label}" if item.label else "")
            rows.setdefault(row, []).append(shown.stylize("underline") if index == self.hovered else shown)
        return Content("\n").join(Content(" " * _GAP).join(items) for items in rows.values())

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Underline what the mouse is over."""
        self.hovered = self._at(event.x, event.y)

    def on_leave(self) -> None:
        """Underline nothing."""
        self.hovered = None

    def on_click(self, event: events.Click) -> None:
        """Report the click."""
        event.stop()
        index = self._at(event.x, event.y)
        if index is not None:
            self.post_message(self.Chosen(self._items[index].choice))

    def _at(self, x: int, y: int) -> int | None:
        places = enumerate(self._places(self.content_size.width))
        return next((index for index, (row, start, end) in places if y == row and start <= x < end), None)

    def _places(self, width: int) -> list[tuple[int, int, int]]:
        """Return row, first and end column of each answer."""
        places: list[tuple[int, int, int]] = []
        row = column = 0
        for item in self._items:
            size = len(item.text)
            if column and column + size > width:
                row, column = row + 1, 0
            places.append((row, column, column + size))
            column += size + _GAP
        return places


def _item(choice: Choice, ticked: int | None) -> _Item:
    if choice in COUNTS:
        return _Item(choice, choice, f"{choice} calls")
    key, label = _LABELS[choice]
    if ticked is not None and choice in ("once", "deny"):
        label = f"{'allow' if choice == 'once' else 'deny'} {ticked} ticked"
    return _Item(choice, key, label)
