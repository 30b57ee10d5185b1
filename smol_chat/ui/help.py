"""The help page, made of the bindings and commands themselves."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from textual.binding import Binding, BindingType
from textual.content import Content

from smol_chat.ui.command_list import COMMANDS
from smol_chat.ui.consent.verbs import ANSWERS

_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "f1": "F1",
}
_KEY_WIDTH = 26
_TEXT_WIDTH = 38

ABOUT_CARDS = (
    "A question takes the keys only when nothing is being written and no key came for a second; Tab, ctrl+o or a click "
    "goes there at once. What you type meanwhile stays in the composer. Enter never allows anything, a paste never "
    "answers, a key counts once no other follows, and what changes files, runs or sends something needs it twice."
)


def key_name(key: str) -> str:
    """Return how a key is called on screen."""
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, _NAMES.get(last, last)])


def help_page(sections: Iterable[tuple[str, Iterable[BindingType]]]) -> Content:
    """Return the page: keys by the place where they work, the answers to a question, the commands."""
    parts: list[Content] = []
    seen: set[tuple[str, str]] = set()  # a key that means the same in two places is said once
    for title, bindings in sections:
        new = [b for b in bindings if isinstance(b, Binding) and (b.key, b.description) not in seen]
        seen.update((binding.key, binding.description) for binding in new)
        rows = list(map(_row, new))
        parts += [_heading(title), *rows]
    parts += [_heading("A question"), *(_line(key, meaning) for key, meaning in ANSWERS.items())]
    parts += [Content(""), Content.styled(ABOUT_CARDS, "$text-muted"), _heading("Commands")]
    parts += [_line(f"/{name} {command.argument}", command.summary) for name, command in COMMANDS.items()]
    return Content("\n").join(parts)


def _heading(title: str) -> Content:
    return Content.assemble("\n", (title, "bold $text-primary"))


def _row(binding: Binding) -> Content:
    return _line("  ".join(map(key_name, binding.key.split(","))), binding.description)


def _line(left: str, right: str) -> Content:
    first, *others = wrap(right, _TEXT_WIDTH) or [""]
    rest = "".join(f"\n{'':<{_KEY_WIDTH}}{line}" for line in others)
    return Content.assemble((f"{left:<{_KEY_WIDTH - 1}} ", "$text-accent"), first, rest)
