"""Run a shell command in the isolation this machine has."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from smol_chat.tools import (
    ANY_HOST,
    Effect,
    JsonObject,
    Origin,
    Preview,
    ShellLimits,
    ShellOutcome,
    ToolContext,
    ToolError,
    ToolOutput,
    setting,
    tool,
)

_LONGEST = 100_000
_MEGABYTE = 1024 * 1024
_REACH = (
    "it can connect to any host, to your local network and to services of this machine too, and send them whatever it "
    "can read. The isolation does not block that."
)


@dataclass(frozen=True)
class ShellCommandSettings:
    """Limits of one command with all the processes it starts."""

    seconds: float = setting(60.0, "Seconds a command may run.", minimum=1, maximum=3600)
    memory_mb: int = setting(
        2048, "Memory its processes may use together, in megabytes.", minimum=64, maximum=1_048_576
    )
    processes: int = setting(256, "Processes that may run at once.", minimum=1, maximum=100_000)
    file_mb: int = setting(1024, "Size a file may grow to, in megabytes.", minimum=1, maximum=1_048_576)


def _effect(arguments: JsonObject, settings: object) -> Effect:
    """Tell a command with the network apart: what it sends, nobody sees, so no rule allows it."""
    return Effect.SEND if arguments.get("network") else Effect.EXECUTE


@tool(
    effect=Effect.EXECUTE,
    effect_of=_effect,
    settings=ShellCommandSettings,
    timeout=3660,
    keywords="shell command terminal run bash git grep disk process install ls execute",
)
async def shell_command(
    command: Annotated[str, "For /bin/sh"],
    network: Annotated[bool, "Let it reach the network"] = False,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Run one shell command and return its output."""
    _check(command)
    own = ctx.settings(ShellCommandSettings)
    limits = ShellLimits(own.seconds, own.memory_mb * _MEGABYTE, own.processes, own.file_mb * _MEGABYTE)
    isolation = await ctx.in_thread(ctx.shell.isolation)
    with ctx.egress.unseen(ctx.caller) if network or not isolation.blocks_network else contextlib.nullcontext():
        outcome = await ctx.shell.run(command, limits, ctx.progress, network=network)
    printed = _printed(outcome)
    match outcome.ended:
        case "time":
            raise ToolError("timeout", f"{printed}The command was stopped after {own.seconds:g} seconds.")
        case "limit":
            raise ToolError("limit", f"{printed}The command was stopped: {outcome.reason}.")
    data: JsonObject = {"exit_code": outcome.code, "stdout": outcome.stdout, "stderr": outcome.stderr}
    return ToolOutput(f"exit code {outcome.code}\n{printed}".rstrip("\n"), data=data, origin=Origin.PROGRAM)


def _check(command: str) -> None:
    if not command.strip():
        raise ToolError("invalid_arguments", "The command is empty; write what /bin/sh is to run.")
    if "\0" in command:
        raise ToolError("invalid_arguments", "The command has a NUL character; no shell takes one.")
    if len(command) > _LONGEST:
        raise ToolError("limit", f"The command has {len(command):,} characters; at most {_LONGEST:,} can be run.")


def _printed(outcome: ShellOutcome) -> str:
    """Return both outputs under their names, without those that are empty."""
    named = (("stdout", outcome.stdout), ("stderr", outcome.stderr))
    return "".join(f"--- {name}\n{text.rstrip()}\n" for name, text in named if text.strip())


@shell_command.preview
async def _preview(command: str, network: bool = False, *, ctx: ToolContext) -> Preview:
    _check(command)
    isolation = await ctx.in_thread(ctx.shell.isolation)
    open_to_it = network or not isolation.blocks_network
    if open_to_it:
        ctx.egress.require_online()
    folder = ctx.files.root
    warning = " That is your home folder: all of it can be changed." if Path.home().is_relative_to(folder) else ""
    return Preview(
        f"Run a shell command in {folder}{f' with the network: {_REACH}' if network else '.'}{warning}",
        command,
        "bash",
        hosts=(ANY_HOST,) if open_to_it else (),
        isolation=f"{isolation.name}: {isolation.sentences(network=network)}",
    )
