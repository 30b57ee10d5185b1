"""Open the screen, or the chat in plain lines."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress

from smol_chat.commands.start import assemble, chosen_conversation
from smol_chat.config import write_default_config
from smol_chat.errors import ConfigError, UsageError


def run(arguments: argparse.Namespace) -> int:
    """Open it and return its exit code when it is left."""
    in_browser = os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")
    if not in_browser and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The screen needs a terminal; without one ask a question with smol-chat ask.")
    assembly = assemble(arguments)
    asked = vars(arguments).get("plain") or assembly.settings.ui.plain or os.environ.get("ACCESSIBLE")
    plain = bool(asked) and not in_browser
    if not plain and not in_browser and os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise UsageError("This terminal (TERM=dumb) cannot show the screen: smol-chat --plain chats in plain lines.")
    conversation = chosen_conversation(arguments, assembly)
    if "config" not in vars(arguments):
        with suppress(ConfigError):  # where it cannot be written, the defaults are what it would have said
            write_default_config(assembly.paths.config_file)

    if plain:
        from smol_chat.ui.plain import run_plain  # late: the screen does not need it, nor this the screen

        return run_plain(assembly, conversation=conversation)

    from smol_chat.ui.app import run_app  # late: an error above needs no screen

    return run_app(assembly, conversation=conversation, theme=vars(arguments).get("theme"))
