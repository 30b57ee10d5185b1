"""The settings one by one, for whoever lets a person change them: what each may be, when a change counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_origin, get_type_hints

from smol_chat.config.edit import SettingValue
from smol_chat.config.fields import Where, allowed, plain, read_section
from smol_chat.config.settings import SECTIONS, Settings
from smol_chat.errors import ConfigError

Applies = Literal["now", "conversation", "start"]
"""When a change counts: at once, from the next conversation that is begun or opened, after the next start."""

_APPLIES: dict[str, Applies] = {
    "sampling": "conversation",
    "chat": "conversation",
    "turn": "conversation",
    "approval": "conversation",
    "model.tools": "conversation",
    "model.constrain": "conversation",
    "ui.theme": "now",
    "ui.show_reasoning": "now",
    "ui.bell": "now",
    "ui.notify": "now",
}
"""By the name of a setting or of its table; all others are read once, at the start."""


@dataclass(frozen=True, slots=True)
class Item:
    """One setting."""

    name: str
    """Table and key, such as "ui.theme"."""
    help: str
    kind: object
    """Type of its values: bool, int, float, str, or a tuple of str."""
    value: object
    default: object
    allowed: str
    """What it may be, in words; empty where its type says it."""
    choices: Sequence[str]
    applies: Applies


def items(settings: Settings) -> Iterator[Item]:
    """Yield every setting in the order of the file."""
    for section, cls in SECTIONS.items():
        hints = get_type_hints(cls)
        table = getattr(settings, section)
        for declared in fields(cls):
            name = f"{section}.{declared.name}"
            metadata = declared.metadata
            limited = any(metadata[limit] is not None for limit in ("minimum", "maximum", "choices"))
            kind = plain(hints[declared.name])
            yield Item(
                name,
                metadata["help"],
                kind,
                getattr(table, declared.name),
                declared.default,
                allowed(kind, metadata) if limited else "",
                metadata["choices"] or (),
                _APPLIES.get(name, _APPLIES.get(section, "start")),
            )


def shown(value: object) -> str:
    """Return a value as a person types it: a list with commas, nothing for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def parsed(item: Item, typed: str) -> SettingValue | None:
    """Return what was typed as the setting's value; None for nothing, where that is its default.

    Raises:
        ConfigError: it is no such value; the sentence says what it may be.
    """
    value: SettingValue
    text = typed.strip()
    if not text and item.default is None:
        return None
    if item.kind is str:
        value = typed
    elif get_origin(item.kind) is tuple:
        value = [part for part in map(str.strip, text.split(",")) if part]
    else:
        try:
            value = int(text) if item.kind is int else float(text)
        except ValueError:
            raise ConfigError(f"That is no {'whole ' if item.kind is int else ''}number.") from None
    section, _, key = item.name.partition(".")
    try:
        read_section(cast("type[Any]", SECTIONS[section]), {key: value}, Where("", section))
    except ConfigError as error:
        raise ConfigError(error.message.partition(": ")[2] or error.message) from None
    return value
