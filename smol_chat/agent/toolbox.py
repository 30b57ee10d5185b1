"""The tools a session can use, made of the registry and what calls run with."""

from __future__ import annotations

import logging
from collections.abc import Callable

from smol_chat.errors import SmolChatError
from smol_chat.messages import ToolCall, ToolResult, ToolSchema
from smol_chat.tools.context import ToolWorkbench
from smol_chat.tools.earlier import EarlierResults
from smol_chat.tools.registry import ToolRegistry
from smol_chat.tools.run import preview_call, run_tool
from smol_chat.tools.spec import Effect, Preview, Tool

log = logging.getLogger(__name__)


class RegistryToolbox:
    """Answer for the registry's tools; calls run on the workbench."""

    def __init__(self, registry: ToolRegistry, workbench: ToolWorkbench, conversation: str = "") -> None:
        self._registry = registry
        self._workbench = workbench
        self._conversation = conversation
        self.earlier: EarlierResults | None = None
        """Finds the results of the conversation's earlier calls, for a tool that reads one on."""

    def schemas(self) -> tuple[ToolSchema, ...]:
        """Return what the model is told, in a stable order."""
        return self._registry.schemas()

    def isolation(self) -> str:
        """Name what keeps code and commands in."""
        return self._workbench.isolation()

    def usual_effect(self, name: str) -> Effect:
        """Return what the tool's calls usually do: what a rule that allows the tool is about."""
        return self._tool(name).effect

    def effect(self, call: ToolCall) -> Effect:
        """Return what this call does."""
        tool = self._tool(call.name)
        try:
            return tool.effect_of(call.arguments, self._workbench.context(tool).own_settings)
        except SmolChatError:  # settings that cannot be used: the call will say so and do nothing
            return tool.effect
        except Exception:  # the border to code that may be a plug-in's: it is asked about as the worst there is
            log.exception("the effect of a call of %s could not be told", tool.name)
            return Effect.SEND

    async def preview(self, call: ToolCall) -> Preview:
        """Return what the call would do."""
        return await preview_call(
            self._tool(call.name),
            call.arguments,
            self._workbench,
            conversation=self._conversation,
            earlier=self.earlier,
        )

    async def run(self, call: ToolCall, progress: Callable[[str], None]) -> ToolResult:
        """Run the call for real."""
        return await run_tool(
            self._tool(call.name),
            call.arguments,
            self._workbench,
            call_id=call.id,
            conversation=self._conversation,
            progress=progress,
            earlier=self.earlier,
        )

    def _tool(self, name: str) -> Tool:
        """Return a tool; the parser has already refused names that are not on offer."""
        tool = self._registry.get(name)
        if tool is None:
            raise KeyError(name)
        return tool
