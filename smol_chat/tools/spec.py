"""What a tool is: its effect, its schema, what it returns, what it would do, and the decorator that makes one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Union, cast

from smol_chat.messages import JsonObject, JsonValue, Origin, ToolSchema
from smol_chat.tools.signature import parameters_schema

if TYPE_CHECKING:
    from smol_chat.tools.context import ToolContext

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Effect(str, Enum):
    """The strongest thing a tool does to the world; consent and isolation are chosen by it."""

    PURE = "pure"
    READ = "read"
    WRITE = "write"
    NETWORK = "network"
    EXECUTE = "execute"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool returns: text for the model, the same as data for programs, where it came from."""

    content: str
    data: JsonValue = None
    origin: Origin = Origin.LOCAL


@dataclass(frozen=True, slots=True)
class Preview:
    """What a call would do, shown on the approval card. Making one has no effect on anything."""

    summary: str
    """The effect in words: "Write 12 lines to notes.txt (new file)"."""
    body: str = ""
    """What is worth seeing whole: a diff, the code, the request."""
    language: str = ""
    """What `body` is: a Pygments lexer's name, `diff`, or `mail` (fields, an empty line, the text); empty: plain."""
    changes: str = ""
    """What would be other afterwards, where that is not `body` itself: lines with the signs of a diff."""
    hosts: tuple[str, ...] = ()
    """Hosts the call would contact; empty: nothing leaves this machine."""
    isolation: str = ""
    """What it would run in, and what that blocks."""


ToolFunction = Callable[..., Awaitable[ToolOutput]]
PreviewFunction = Callable[..., Awaitable[Preview]]
Hosts = Union[Sequence[str], Callable[[Any], Sequence[str]]]
EffectOf = Callable[[JsonObject, Any], Effect]
"""Tells the effect of one call from its arguments and the tool's settings."""


class Tool:
    """One tool: a function of the model's arguments and a `ToolContext`, with what must be known before it runs."""

    def __init__(
        self,
        function: ToolFunction,
        *,
        effect: Effect,
        effect_of: EffectOf | None = None,
        hosts: Hosts = (),
        settings: type[Any] | None = None,
        timeout: float | None = None,
        keywords: str = "",
    ) -> None:
        name = function.__name__
        if not _NAME.fullmatch(name):
            raise TypeError(f"{name!r} cannot be the name of a tool.")
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"The tool {name} must be declared with `async def`.")
        description = inspect.cleandoc(function.__doc__ or "").partition("\n")[0]
        if not description:
            raise TypeError(f"The tool {name} needs a docstring: its first line is what the model reads.")
        self.function = function
        self.effect = effect
        self.settings = settings
        """The dataclass of the tool's own settings, declared with `setting`."""
        self.timeout = timeout
        """Seconds the tool may take where it needs more or less than the program's usual limit."""
        self.schema = ToolSchema(name, description, parameters_schema(function), tuple(keywords.split()))
        self.previewer: PreviewFunction | None = None
        self._hosts = hosts
        self._effect_of = effect_of

    @property
    def name(self) -> str:
        """The name the model calls it by."""
        return self.schema.name

    @property
    def module(self) -> str:
        """The module that defines the tool."""
        return self.function.__module__

    def hosts(self, settings: object = None) -> tuple[str, ...]:
        """Return the hosts a call contacts, as far as the settings decide them."""
        declared = self._hosts(settings) if callable(self._hosts) else self._hosts
        return tuple(dict.fromkeys(declared))

    def effect_of(self, arguments: JsonObject, settings: object = None) -> Effect:
        """Return the effect of one call whose arguments fit the schema."""
        return self.effect if self._effect_of is None else self._effect_of(arguments, settings)

    def preview(self, function: PreviewFunction) -> PreviewFunction:
        """Decorate the function that says what a call would do; it takes what the tool takes."""
        self.previewer = function
        return function

    async def run(self, arguments: JsonObject, ctx: ToolContext) -> ToolOutput:
        """Run the tool on arguments that fit its schema.

        Raises:
            ToolError: it failed in a way it expected.
        """
        return await self.function(**cast("dict[str, Any]", arguments), ctx=ctx)

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"


def tool(
    *,
    effect: Effect,
    effect_of: EffectOf | None = None,
    hosts: Hosts = (),
    settings: type[Any] | None = None,
    timeout: float | None = None,
    keywords: str = "",
) -> Callable[[ToolFunction], Tool]:
    """Make a tool of an `async def` function.

    Args:
        effect: what its calls do.
        effect_of: tells the effect of one call, where not all calls do the same. A call that changes something although
            `effect` does not is asked about each time, whatever rule allows the tool.
        hosts: hosts it contacts, or a function that tells them from the tool's settings.
        settings: a frozen dataclass whose fields are declared with `setting`.
        timeout: seconds a call may take, where the program's usual limit does not fit.
        keywords: words of requests the tool is for, beyond those of its name and description: where a context window
            has no room for all tools, they decide whether it is offered.
    """

    def decorate(function: ToolFunction) -> Tool:
        return Tool(
            function,
            effect=effect,
            effect_of=effect_of,
            hosts=hosts,
            settings=settings,
            timeout=timeout,
            keywords=keywords,
        )

    return decorate
