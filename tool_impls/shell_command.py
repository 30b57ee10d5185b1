"""Run a shell command in the isolation this machine has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from smol_chat.tools import (
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


@dataclass(frozen=True)
class ShellCommandSettings:
    """Limits of one command with all the processes it starts."""

    seconds: float = setting(60.0, "Seconds a command may run.", minimum=1, maximum=3600)
    memory_mb: int = setting(
        2048, "Memory its processes may use together, in megabytes.", minimum=64, maximum=1_048_576
    )
    processes: int = setting(256, "Processes that may run at once.", minimum=1, maximum=100_000)
    file_mb: int = setting(1024, "Size a file may grow to, in megabytes.", minimum=1, maximum=1_048_576)


@tool(effect=Effect.EXECUTE, settings=ShellCommandSettings, timeout=3660)
async def shell_command(command: Annotated[str, "For /bin/sh, without network"], *, ctx: ToolContext) -> ToolOutput:
    """Run one shell command and return its output."""
    _check(command)
    own = ctx.settings(ShellCommandSettings)
    limits = ShellLimits(own.seconds, own.memory_mb * _MEGABYTE, own.processes, own.file_mb * _MEGABYTE)
    outcome = await ctx.shell.run(command, limits, ctx.progress)
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
async def _preview(command: str, *, ctx: ToolContext) -> Preview:
    _check(command)
    isolation = await ctx.in_thread(ctx.shell.isolation)
    folder = ctx.files.root
    warning = " That is your home folder: all of it can be changed." if Path.home().is_relative_to(folder) else ""
    return Preview(
        f"Run a shell command in {folder}.{warning}",
        command,
        "bash",
        isolation=f"{isolation.name}: {isolation.blocks}",
    )
