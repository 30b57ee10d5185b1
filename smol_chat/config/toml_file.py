"""A TOML file as tables and the lines they stand on, with every failure as one sentence."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from smol_chat.config.fields import Where
from smol_chat.config.locate import key_lines
from smol_chat.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_utf8(path: Path) -> str:
    """Return the text of a file.

    Raises:
        FileNotFoundError: it is not there.
        ConfigError: it cannot be read, or is no text.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8.") from error


def parse_tables(text: str, file: str) -> tuple[dict[str, Any], Where]:
    """Return the tables of a text and where they stand; `file` is its name in errors.

    Raises:
        ConfigError: it is no TOML.
    """
    text = text.replace("\r\n", "\n")
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(_syntax_problem(error, file)) from error
    return tables, Where(file, "", key_lines(text))


def _syntax_problem(error: Exception, file: str) -> str:
    """Return in one sentence, with the line, why a text is no TOML."""
    message = str(error)
    found = re.search(r" \(at (line \d+), column (\d+)\)", message)
    if found is None:
        return f"{file} is not valid TOML: {message or 'nested too deep'}."
    problem = message[: found.start()]
    return f"{file}, {found.group(1)}, column {found.group(2)}: not valid TOML: {problem[0].lower()}{problem[1:]}."
