"""Find a suite by what the user calls it: one on board, or a file in either format."""

from __future__ import annotations

from pathlib import Path

from smol_chat.errors import UsageError
from smol_chat.evaluation.bfcl import is_bfcl, read_bfcl
from smol_chat.evaluation.suite import SUITES, Suite, load_suite, read_suite


def open_suite(name: str) -> Suite:
    """Read a suite.

    Args:
        name: one on board, or a file.

    Raises:
        UsageError: there is none, or something in it cannot be used; the sentence names the line.
    """
    if name in SUITES:
        return load_suite(name)
    path = Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(SUITES)
        raise UsageError(f"There is no suite {name!r} ({error.strerror}): name a file, or one of {known}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The suite {name!r} is no UTF-8 text.") from error
    return read_bfcl(path, text) if is_bfcl(text) else read_suite(text, name)
