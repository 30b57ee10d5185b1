"""Themes as TOML files: ours, then the user's, which win; `themes/smol.toml` explains the format."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from textual.color import Color, ColorParseError
from textual.theme import Theme

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_THEME = "smol"
CONSOLE_THEME = "console"

COLORS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
    "success",
    "warning",
    "error",
)
VARIABLE_DEFAULTS = {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
"""Variables that Textual's own styles use but that only some kinds of theme define."""
_TEXT_STYLES = frozenset(("none", "bold", "italic", "underline", "reverse", "dim", "strike", "b", "i", "u", "r"))
_WITH_OPACITY = re.compile(r"(?P<color>.+?)(?: +\d{1,3}(?:\.\d+)?%)?")
_MAX_BYTES = 64 * 1024
LEAST_CONTRAST = 4.5
"""Of text to what is behind it, as WCAG 2 asks for."""
_FOCUS_TINT = 0.05


class ThemeProblem(Exception):
    """Say in one sentence why a theme file cannot be used."""


@dataclass(frozen=True, slots=True)
class Themes:
    """What the theme folders gave."""

    good: Mapping[str, Theme]
    failed: Mapping[Path, str]
    """One sentence for each file that could not be used."""


def built_in_folder() -> Path:
    """Return where our themes are: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_themes"
    return installed if installed.is_dir() else package.parent / "themes"


def load_themes(folders: Iterable[Path]) -> Themes:
    """Read every theme of `folders`; a later folder's theme replaces an earlier one of the same name."""
    good: dict[str, Theme] = {}
    failed: dict[Path, str] = {}
    for folder in folders:
        for file in theme_files(folder):
            try:
                good[file.stem] = read_theme(file)
            except ThemeProblem as problem:
                failed[file] = str(problem)
    return Themes(good, failed)


def theme_files(folder: Path) -> list[Path]:
    """Return the theme files of a folder in a fixed order; none where the folder is missing."""
    try:
        return sorted(folder.glob("*.toml"))
    except OSError:
        return []


def stamps(folders: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Return each theme file's time of change and size, to compare with an earlier look."""
    found: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        for file in theme_files(folder):
            try:
                status = file.stat()
            except OSError:
                continue  # removed between the two looks: the next one agrees again
            found[file] = (status.st_mtime_ns, status.st_size)
    return found


def read_theme(file: Path) -> Theme:
    """Read one theme file.

    Raises:
        ThemeProblem: it cannot be used; the sentence names the file and what to change.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ThemeProblem(f"Theme {file.name!r}: a theme file has at most {_MAX_BYTES // 1024} kB.")
        tables = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise ThemeProblem(f"Theme {file.name!r} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ThemeProblem(f"Theme {file.name!r} is not valid TOML: {error}.") from error
    return _theme(file.name, file.stem, tables)


def _theme(file: str, name: str, tables: dict[str, Any]) -> Theme:
    for key in tables:
        if key not in ("dark", "ansi", "colors", "variables"):
            raise ThemeProblem(f"Theme {file!r}: {key!r} is unknown; use dark, ansi, [colors] and [variables].")
    flags = {key: tables.get(key, default) for key, default in (("dark", True), ("ansi", False))}
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise ThemeProblem(f"Theme {file!r}: {key} is true or false.")
    colors = _strings(file, "colors", tables)
    if "primary" not in colors:
        raise ThemeProblem(f"Theme {file!r}: [colors] needs at least primary.")
    for key, value in colors.items():
        if key not in COLORS:
            raise ThemeProblem(f"Theme {file!r}: [colors] has no {key!r}; it knows {', '.join(COLORS)}.")
        _check_color(file, key, value)
    # The keys are checked against the fields of Theme just above.
    theme = Theme(name=name, dark=flags["dark"], ansi=flags["ansi"], **cast("dict[str, Any]", colors))
    known = {**VARIABLE_DEFAULTS, **theme.to_color_system().generate()}
    variables = _strings(file, "variables", tables)
    for key, value in variables.items():
        if key not in known:
            raise ThemeProblem(f"Theme {file!r}: [variables] has no {key!r}.")
        _check_variable(file, key, value)
    theme.variables = variables if theme.ansi else {**_quiet_text(known), **variables}
    return theme


def _quiet_text(colors: Mapping[str, str]) -> dict[str, str]:
    """Return colours for text of less weight: Textual's own are known only where it knows what lies beneath."""
    foreground = Color.parse(colors["foreground"])
    grounds = [Color.parse(colors[name]) for name in ("background", "surface", "panel")]
    # A widget that has the focus is tinted a little.
    grounds += [ground.blend(foreground, _FOCUS_TINT) for ground in grounds]
    return {
        "text-muted": _readable(grounds, foreground, 0.64),
        "text-disabled": _readable(grounds, foreground, 0.4),
    }


def _readable(grounds: Sequence[Color], foreground: Color, weight: float) -> str:
    """Return a colour between ground and foreground: of this weight, or of the least that can be read everywhere."""
    while True:
        color = grounds[0].blend(foreground, weight, alpha=1)
        if weight >= 1 or all(contrast(color, ground) >= LEAST_CONTRAST for ground in grounds):
            return color.hex
        weight += 0.01


def contrast(first: Color, second: Color) -> float:
    """Return the contrast ratio of WCAG 2 of two opaque colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _strings(file: str, name: str, tables: dict[str, Any]) -> dict[str, str]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise ThemeProblem(f"Theme {file!r}: write {name} as a table, [{name}].")
    for key, value in table.items():
        if not isinstance(value, str):
            raise ThemeProblem(f'Theme {file!r}: {name}.{key} is text in quotes, as in "#e8a05c".')
    return table


def _check_variable(file: str, key: str, value: str) -> None:
    if key.endswith("-style"):
        if not set(value.removeprefix("not ").split()) <= _TEXT_STYLES:
            raise ThemeProblem(f"Theme {file!r}: {key} is made of {', '.join(sorted(_TEXT_STYLES))}.")
        return
    match = _WITH_OPACITY.fullmatch(value)
    _check_color(file, key, match["color"] if match else value)


def _check_color(file: str, key: str, value: str) -> None:
    try:
        Color.parse(value)
    except ColorParseError:
        raise ThemeProblem(f'Theme {file!r}: {key} = {value!r} is no colour; write it as "#e8a05c".') from None
