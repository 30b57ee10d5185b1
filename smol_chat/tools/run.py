"""Run one call and show what one would do; neither raises, whatever the tool does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from smol_chat.errors import SmolChatError, ToolError
from smol_chat.messages import JsonObject, Origin, ToolFailure, ToolResult
from smol_chat.protocol.schema import problems
from smol_chat.tools.context import ToolContext, ToolWorkbench
from smol_chat.tools.earlier import EarlierResults, in_lines, pointer
from smol_chat.tools.egress import Caller
from smol_chat.tools.spec import Effect, Preview, Tool, ToolOutput

_log = logging.getLogger(__name__)

_ORIGINS = {
    Effect.READ: Origin.FILE,
    Effect.NETWORK: Origin.WEB,
    Effect.SEND: Origin.WEB,
    Effect.EXECUTE: Origin.PROGRAM,
}
"""Where the words of a tool come from that does not tell, and of one that fails: they may quote what it read."""

_GRACE = 2.0
"""Seconds a cancelled tool has to clean up after itself."""


async def run_tool(
    tool: Tool,
    arguments: JsonObject,
    workbench: ToolWorkbench,
    *,
    call_id: str = "",
    conversation: str = "",
    progress: Callable[[str], None] | None = None,
    earlier: EarlierResults | None = None,
) -> ToolResult:
    """Run an approved call: validate, run within the limits, cap what the model reads.

    Never raises but for cancellation, which stops the tool; what the tool says of it is the error's argument.
    """
    started = time.monotonic()
    context = workbench.context(
        tool, progress=progress, caller=Caller(tool.name, call_id, conversation), earlier=earlier
    )
    result = ToolResult(call_id, tool.name, origin=_ORIGINS.get(tool.effect, Origin.LOCAL))
    try:
        output = await _run(tool, arguments, context, tool.timeout or workbench.timeout)
        shown = capped(output.content, workbench.result_limit, call_id=call_id if earlier else "")
        whole = output.content if shown != output.content else None
        origin = result.origin if output.origin is Origin.LOCAL else output.origin
        result = replace(result, content=shown, data=output.data, origin=origin, full_content=whole)
    except ToolError as error:
        result = _failed(result, ToolFailure(error.kind, error.message), workbench.result_limit)
    except SmolChatError as error:  # a setting of the tool or the network that cannot be used
        result = _failed(result, ToolFailure("unavailable", error.message), workbench.result_limit)
    except Exception as error:  # the border to a tool's code: a bug in it is logged whole and ends nothing else
        _log.exception("The tool %s failed", tool.name)
        message = f"The tool {tool.name} failed unexpectedly ({type(error).__name__})."
        result = _failed(result, ToolFailure("failed", message), workbench.result_limit)
    duration = round((time.monotonic() - started) * 1000)
    return replace(result, duration_ms=duration, sandbox=context.sandbox_used)


async def _run(tool: Tool, arguments: JsonObject, context: ToolContext, timeout: float) -> ToolOutput:
    _validate(tool, arguments)
    task = asyncio.ensure_future(tool.run(arguments, context))
    try:
        await asyncio.wait({task}, timeout=timeout)
    except asyncio.CancelledError:
        said = await _stop(task, tool.name)
        raise asyncio.CancelledError(*said) from None
    if not task.done():
        said = await _stop(task, tool.name)
        raise ToolError("timeout", " ".join([f"{tool.name} was stopped after {timeout:g} seconds.", *said]))
    if task.cancelled():
        raise ToolError("failed", f"{tool.name} stopped itself.")
    return task.result()


async def _stop(task: asyncio.Future[ToolOutput], name: str) -> list[str]:
    """Cancel the task where it still runs; one that swallows its cancellation holds nobody up for long.

    Return what the tool says of having been stopped, where it raised a `ToolError` to say it.
    """
    if task.done():
        return []
    task.cancel()
    await asyncio.wait({task}, timeout=_GRACE)
    if not task.done():
        _log.error("The tool %s goes on although it was cancelled", name)
    elif not task.cancelled() and (error := task.exception()) is not None:
        if isinstance(error, ToolError):
            return [error.message]
        _log.error("The tool %s failed while it was cancelled", name, exc_info=error)
    return []


def _validate(tool: Tool, arguments: JsonObject) -> None:
    found = problems(tool.schema.parameters, arguments)
    if found:
        raise ToolError("invalid_arguments", f"Wrong arguments for {tool.name}: {'; '.join(found)}.")


def _failed(result: ToolResult, failure: ToolFailure, limit: int) -> ToolResult:
    shown = capped(failure.message, limit)
    whole = failure.message if shown != failure.message else None
    error = ToolFailure(failure.kind, shown)
    return replace(result, ok=False, content=shown, error=error, full_content=whole)


def capped(text: str, limit: int, *, call_id: str = "") -> str:
    """Return the text with at most about `limit` bytes of UTF-8, saying in words what was cut.

    `call_id` names the call where its result can be read on.
    """
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return text
    kept = encoded[:limit].decode("utf-8", "ignore")
    # End on a whole line where one is near: half a line of a table misleads a model.
    line_end = kept.rfind("\n")
    if line_end > len(kept) * 3 // 4:
        kept = kept[:line_end]
    shown, total = len(kept.encode("utf-8", "replace")), len(encoded)
    more = f"; {pointer(call_id, len(in_lines(kept).splitlines()) + 1)}" if call_id else ""
    return f"{kept}\n[cut: the first {shown:,} of {total:,} bytes are shown{more}]"


async def preview_call(
    tool: Tool,
    arguments: JsonObject,
    workbench: ToolWorkbench,
    *,
    conversation: str = "",
    earlier: EarlierResults | None = None,
) -> Preview:
    """Say what a call would do; where that cannot be told, the summary says so."""
    try:
        _validate(tool, arguments)
        caller = Caller(tool.name, conversation=conversation)
        context = workbench.context(tool, caller=caller, earlier=earlier)
        hosts = tool.hosts(context.own_settings)
        if tool.previewer is None:
            return Preview(_summary(tool, hosts), hosts=hosts)
        made = await asyncio.wait_for(tool.previewer(**arguments, ctx=context), workbench.timeout)
        return made if made.hosts else replace(made, hosts=hosts)
    except SmolChatError as error:
        return Preview(f"This call would fail: {error.message}")
    except Exception:  # as in run_tool; the user decides without a preview
        _log.exception("The preview of %s failed", tool.name)
        return Preview(f"What {tool.name} would do could not be shown; its arguments are all that is known.")


def _summary(tool: Tool, hosts: tuple[str, ...]) -> str:
    names = ", ".join(hosts) or "a host the arguments name"
    match tool.effect:
        case Effect.PURE:
            return "Computes an answer; reads and changes nothing."
        case Effect.READ:
            return "Reads on this machine; changes nothing."
        case Effect.WRITE:
            return "Changes something on this machine."
        case Effect.NETWORK:
            return f"Sends the arguments to {names}."
        case Effect.EXECUTE:
            return "Runs code on this machine."
        case Effect.SEND:
            return f"Sends something on your behalf to {names}."
