"""Show the screen in a browser."""

from __future__ import annotations

import argparse
import asyncio
import sys
from ipaddress import ip_address
from pathlib import Path

from smol_chat.commands.start import assemble
from smol_chat.config import write_default_config
from smol_chat.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    """Serve the screen until Ctrl+C."""
    try:
        address = ip_address(arguments.address)
    except ValueError:
        raise UsageError(
            f"{arguments.address!r} is no IP address; --address takes one of this machine, as in 192.168.0.7."
        ) from None
    try:
        from smol_chat.ui.web import ScreenServer  # late: an optional extra, and nothing else needs a web server
    except ImportError:
        raise UsageError("The browser needs an extra: pip install 'smol-chat[serve]'.") from None

    assembly = assemble(arguments)  # what is wrong with options and settings is said here, not in a window
    if "config" not in vars(arguments):
        write_default_config(assembly.paths.config_file)
    if not address.is_loopback:
        print(
            f"smol-chat: Listening on {address}: whoever learns the address below can use your tools, and what goes "
            "over the network is not encrypted.",
            file=sys.stderr,
        )

    async def serve() -> None:
        await ScreenServer(screen_command(arguments), str(address), arguments.port).run(_say)

    asyncio.run(serve())
    return 0


def _say(address: str) -> None:
    print(f"Open {address} in a browser; Ctrl+C ends it.", flush=True)


def screen_command(arguments: argparse.Namespace) -> list[str]:
    """Return program and arguments that open the screen with the same options."""
    words = [sys.executable, "-m", "smol_chat"]
    for name, value in vars(arguments).items():
        if name in ("model", "server", "workspace", "config", "data_dir", "theme", "conversation"):
            plain = str(Path(value).expanduser().absolute()) if isinstance(value, Path) else str(value)
            words += [f"--{name.replace('_', '-')}", plain]
    if vars(arguments).get("resume"):
        words.append("--continue")
    return words
