"""Run Python code in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from smol_chat.tools import (
    Effect,
    JsonObject,
    Origin,
    Preview,
    PythonLimits,
    PythonOutcome,
    ToolContext,
    ToolError,
    ToolOutput,
    setting,
    tool,
)

_LONGEST = 100_000
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class ExecutePythonSettings:
    """Limits of one program."""

    seconds: float = setting(10.0, "Seconds a program may run.", minimum=1, maximum=600)
    memory_mb: int = setting(512, "Memory a program may use, in megabytes.", minimum=128, maximum=65_536)
    keep_state: bool = setting(False, "Let the programs of a conversation find each other's variables.")


@tool(
    effect=Effect.EXECUTE,
    settings=ExecutePythonSettings,
    timeout=660,
    keywords="python code script program run compute simulate plot sort count function loop",
)
async def execute_python(
    code: Annotated[str, "The last expression's value is shown too"], *, ctx: ToolContext
) -> ToolOutput:
    """Run Python code in a sandbox and return what it prints."""
    if len(code) > _LONGEST:
        raise ToolError("limit", f"The code has {len(code):,} characters; at most {_LONGEST:,} can be run.")
    own = ctx.settings(ExecutePythonSettings)
    limits = PythonLimits(seconds=own.seconds, memory=own.memory_mb * _MEGABYTE)
    keep = _keep(ctx)
    kept = ctx.sandbox.keeps(keep)
    outcome = await ctx.sandbox.run_python(code, limits, keep=keep)
    if outcome.ended != "done":
        lost = kept and not ctx.sandbox.keeps(keep)
        raise _failure(outcome, own, " The variables of earlier programs are gone." if lost else "")
    output = outcome.output + ("[more was printed and dropped]\n" if outcome.output_cut else "")
    shown = output + (f"{outcome.value}\n" if outcome.value is not None else "")
    data: JsonObject = {"output": outcome.output, "value": outcome.value}
    return ToolOutput(shown.rstrip("\n") or "The code ran and printed nothing.", data=data, origin=Origin.PROGRAM)


def _keep(ctx: ToolContext) -> str:
    """Return the conversation whose variables are kept, empty for none."""
    return ctx.caller.conversation if ctx.settings(ExecutePythonSettings).keep_state else ""


def _failure(outcome: PythonOutcome, own: ExecutePythonSettings, lost: str) -> ToolError:
    """Tell why it ended, after what it printed until then, and what was lost with it."""
    printed = f"{outcome.output.rstrip()}\n" if outcome.output.strip() else ""
    match outcome.ended:
        case "policy":
            return ToolError("blocked", f"The sandbox does not run this code: {outcome.error}")
        case "time":
            return ToolError("timeout", f"{printed}{outcome.error}{lost}")
        case "memory":
            return ToolError("limit", f"{printed}The code needed more than {own.memory_mb} MB of memory.{lost}")
        case _:
            return ToolError("failed", f"{printed}{outcome.error}{lost}")


@execute_python.preview
async def _preview(code: str, *, ctx: ToolContext) -> Preview:
    kept = ctx.sandbox.keeps(_keep(ctx))
    if not kept:
        ctx.sandbox.prepare()  # while the person reads, the process starts
    lines = len(code.splitlines())
    earlier = ", with the variables of this conversation's earlier programs" if kept else ""
    return Preview(
        f"Run {lines:,} {'line' if lines == 1 else 'lines'} of Python{earlier}.",
        code,
        "python",
        isolation=f"{ctx.sandbox.name}: {ctx.sandbox.blocks}",
    )
