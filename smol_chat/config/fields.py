"""One setting as a dataclass field, and strict reading of a table of them."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from smol_chat.errors import ConfigError

T = TypeVar("T")


def setting(
    default: T,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | None = None,
) -> T:
    """Declare a setting: a dataclass field with its default, its help and what it may be.

    Types a setting may have: bool, int, float, str, `tuple[str, ...]`, and each of these or None.
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a table was written: the file, the dotted name of the table, the line of each key path."""

    file: str
    section: str = ""
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def inside(self, key: str) -> Where:
        """Return the place of the sub-table `key`."""
        return Where(self.file, self.name(key), self.lines)

    def name(self, key: str) -> str:
        """Return the dotted name of `key` in this table."""
        return f"{self.section}.{key}" if self.section else key

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise the error for `key`; `problem` follows the place in the sentence."""
        path = tuple(self.name(key).split("."))
        # A key inside an inline table has no line of its own: its table's line is where to look.
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        place = self.file if line is None else f"{self.file}, line {line}"
        # Names and values come from the file; nothing in them may reach a terminal as a control character.
        sentence = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in f"{place}: {problem}")
        raise ConfigError(sentence)


def read_section(cls: type[T], table: Mapping[str, object], where: Where) -> T:
    """Make `cls`, a dataclass of settings, from a TOML table; keys that are absent keep their default.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, out of range or not among the choices.
    """
    known = {declared.name: declared for declared in fields(cast("Any", cls))}
    hints = get_type_hints(cls)
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            where.fail(
                key, f"{where.name(key)} is not a setting; {suggestion(where.name(key), map(where.name, known))}"
            )
        metadata = known[key].metadata
        values[key] = _checked(value, hints[key], metadata, where, key)
    return cls(**values)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Say which name was probably meant, or which there are; ends the sentence."""
    from difflib import get_close_matches  # late: start-up time; needed only for an error's sentence

    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(names)}." if names else "there are none."


def _checked(value: object, hint: object, metadata: Mapping[str, Any], where: Where, key: str) -> object:
    kind = plain(hint)
    converted = _converted(value, kind)
    minimum, maximum, choices = metadata.get("minimum"), metadata.get("maximum"), metadata.get("choices")
    wrong = (
        converted is None
        or (minimum is not None and cast("float", converted) < minimum)
        or (maximum is not None and cast("float", converted) > maximum)
        or (choices is not None and converted not in choices)
    )
    if wrong:
        where.fail(key, f"{where.name(key)} must be {allowed(kind, metadata)} (got {_shown(value)}).")
    return converted


def _converted(value: object, kind: object) -> object | None:
    """Return the value in the setting's type, or None where it is of another type."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if get_origin(kind) is tuple:
        items = value if isinstance(value, list) else [None]
        return tuple(items) if all(isinstance(item, str) for item in items) else None
    # An exact type: TOML's true is no whole number although Python's bool is an int.
    return value if type(value) is kind and value == value else None


def plain(hint: object) -> object:
    """Return the type TOML is to give: without None, and text where a literal is declared."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return str if get_origin(hint) is Literal else hint


def allowed(kind: object, metadata: Mapping[str, Any]) -> str:
    """Describe in words what a setting may be."""
    if metadata.get("choices"):
        return "one of " + ", ".join(f'"{choice}"' for choice in metadata["choices"])
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}
    name = names.get(cast("type", kind), 'a list of texts, as in ["a", "b"]')
    minimum, maximum = metadata.get("minimum"), metadata.get("maximum")
    if minimum is not None and maximum is not None:
        return f"{name} from {minimum} to {maximum}"
    if minimum is not None:
        return f"{name} of at least {minimum}"
    return name if maximum is None else f"{name} of at most {maximum}"


def _shown(value: object) -> str:
    """Show a value as TOML would, cut to what a sentence bears."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    return (f'"{value}"' if isinstance(value, str) else str(value))[:60]
