"""Open the screen."""

from __future__ import annotations

import argparse
import os
import sys

from smol_chat.commands.start import assemble, chosen_conversation
from smol_chat.config import write_default_config
from smol_chat.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    """Open the screen and return its exit code when it is left."""
    in_browser = os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")
    if not in_browser and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The screen needs a terminal; without one ask a question with smol-chat ask.")
    assembly = assemble(arguments)
    conversation = chosen_conversation(arguments, assembly)
    if "config" not in vars(arguments):
        write_default_config(assembly.paths.config_file)

    from smol_chat.ui.app import run_app  # late: an error above needs no screen

    return run_app(assembly, conversation=conversation, theme=vars(arguments).get("theme"))
