"""Write the settings file: the commented one of the first start, and one value at a time."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Union, cast, get_type_hints

from smol_chat.config.fields import allowed, plain
from smol_chat.config.locate import key_lines
from smol_chat.config.settings import SECTIONS, load_settings, parse_settings
from smol_chat.errors import ConfigError
from smol_chat.paths import open_private

SettingValue = Union[str, bool, int, float, list[str]]


def default_text() -> str:
    """Return a settings file that shows every setting with its help and default, commented out."""
    parts = ["# Settings of smol-chat. Take the # from a line to change its setting.\n"]
    for name, section in SECTIONS.items():
        hints = get_type_hints(section)
        parts.append(f"\n# {section.__doc__}\n[{name}]\n")
        parts += [_commented(declared, hints[declared.name]) for declared in fields(section)]
    return "".join(parts)


def _commented(declared: Field[Any], hint: object) -> str:
    metadata = declared.metadata
    limited = any(metadata[limit] is not None for limit in ("minimum", "maximum", "choices"))
    limits = f" ({allowed(plain(hint), metadata)})" if limited else ""
    return f"# {metadata['help']}{limits}\n# {declared.name} = {toml_value(_default(declared))}\n"


def _default(declared: Field[Any]) -> object:
    """Return what a setting is shown with; one that is absent by default with the least value it may have."""
    return declared.metadata["minimum"] if declared.default in (None, MISSING) else declared.default


def write_default_config(path: Path) -> None:
    """Write the commented settings file where there is none yet.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with open(path, "x", encoding="utf-8", opener=open_private) as file:
            file.write(default_text())
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def write_setting(path: Path, name: str, value: SettingValue) -> None:
    """Change one setting, such as "ui.theme", in the file; everything else in it stays as it is.

    Raises:
        ConfigError: the file or the value cannot be used, or the file cannot be written; then it is unchanged.
    """
    load_settings(path)  # a broken file is reported with its line before anything is changed
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else default_text()
        section, key = name.split(".")
        changed = _changed(text if text.endswith("\n") else text + "\n", section, key, value)
        parse_settings(changed, str(path))
        replace_file(path.resolve(), changed)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def unset_setting(path: Path, name: str) -> None:
    """Take one setting out of the file, which then shows its default, commented; everything else stays as it is.

    Raises:
        ConfigError: the file cannot be used or written; then it is unchanged.
    """
    load_settings(path)
    section, key = name.split(".")
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else ""
        line = key_lines(text).get((section, key))
        if line is None:
            return
        declared = next(declared for declared in fields(SECTIONS[section]) if declared.name == key)
        default = f"# {key} = {toml_value(_default(declared))}\n"
        changed = _without(text, section, key, line - 1, default)
        parse_settings(changed, str(path))
        replace_file(path.resolve(), changed)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def _without(text: str, section: str, key: str, line: int, instead: str) -> str:
    """Return the text without a setting that begins on a line; `instead` takes its place."""
    import tomlkit  # late: as below

    document = tomlkit.parse(text)
    before = text.splitlines(keepends=True)[:line]
    table = cast("dict[str, object]", document[section])
    table.pop(key)
    rest = tomlkit.dumps(document)[len("".join(before)) :]
    return "".join(before) + instead + rest


def _changed(text: str, section: str, key: str, value: object) -> str:
    """Return the text with the setting in the place where a person would have written it."""
    known = key_lines(text)
    lines = text.splitlines(keepends=True)
    if (section, key) not in known and (section,) not in known:
        return f"{text.rstrip()}\n\n[{section}]\n{key} = {toml_value(value)}\n".lstrip()
    header = known.get((section,), 0)
    if (section, key) in known or not lines[header - 1].lstrip().startswith("["):
        import tomlkit  # late: 40 ms that reading does not need; it knows where an old value ends

        document = tomlkit.parse(text)
        cast("dict[str, dict[str, object]]", document)[section][key] = value
        return tomlkit.dumps(document)
    end = next((n for n in range(header, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    written = f"{key} = {toml_value(value)}\n"
    shown = next((n for n in range(header, end) if lines[n].startswith(f"# {key} =")), None)
    if shown is None:
        lines.insert(header, written)
    else:
        lines[shown] = written
    return "".join(lines)


def toml_value(value: object) -> str:
    """Return a plain value as TOML: as JSON, but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def replace_file(path: Path, text: str) -> None:
    """Write the whole file beside the old one, then put it in its place: a crash leaves one or the other."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8", newline="", opener=open_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
