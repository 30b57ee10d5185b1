"""Which tools there are: entry points name them, modules are imported after all names are known."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Protocol

from smol_chat.messages import ToolSchema
from smol_chat.tools.spec import Tool

GROUP = "smol_chat.tools"
OWN = "smol-chat"

_log = logging.getLogger(__name__)


class PlugIn(Protocol):
    """One line of the entry-point group: `name = "value"` of an installed distribution."""

    @property
    def name(self) -> str:
        """What the distribution calls it."""
        ...

    @property
    def value(self) -> str:
        """`package`, `package.module` or `module:tool`."""
        ...


class ToolRegistry:
    """The tools by name. A plug-in that fails leaves one sentence in `problems` and nothing else."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self.problems: list[str] = []
        """What could not be loaded, one sentence each."""

    @classmethod
    def load(cls, disabled: Sequence[str] = (), plug_ins: Iterable[PlugIn] | None = None) -> ToolRegistry:
        """Find and import every tool that is not disabled; ours come first, so nobody can take their names."""
        registry = cls()
        for plug_in in _installed() if plug_ins is None else plug_ins:
            registry._add_all(plug_in)
        for name in disabled:
            if registry._tools.pop(name, None) is None:
                registry.problems.append(f"The setting tools.disabled names {name!r}, which no tool is called.")
        return registry

    def get(self, name: str) -> Tool | None:
        """Return the tool of that name, None where there is none."""
        return self._tools.get(name)

    def names(self) -> tuple[str, ...]:
        """Return the names in alphabetical order."""
        return tuple(sorted(self._tools))

    def schemas(self) -> tuple[ToolSchema, ...]:
        """Return what a model is told, in the order of the names: an equal prompt is an equal cache."""
        return tuple(self._tools[name].schema for name in self.names())

    def add(self, tool: Tool) -> None:
        """Add one tool; a name already taken is refused, never replaced."""
        if tool.name in self._tools:
            holder = self._tools[tool.name].module
            self.problems.append(f"The tool {tool.name} of {tool.module} was left out: {holder} has that name already.")
            return
        self._tools[tool.name] = tool

    def _add_all(self, plug_in: PlugIn) -> None:
        try:
            for found in _tools_of(plug_in.value, self.problems):
                self.add(found)
        except Exception as error:  # the border to other people's code: whatever it raises, the program starts
            _log.exception("The plug-in %s could not be loaded", plug_in.value)
            self.problems.append(_sentence(plug_in.value, error))


def _installed() -> list[PlugIn]:
    from importlib.metadata import entry_points  # late: start-up cost of everything that needs no tool

    # An editable install beside an installed one lists the same line twice.
    found = {(entry.name, entry.value): entry for entry in entry_points(group=GROUP)}
    ordered = sorted(
        found.values(), key=lambda entry: (entry.dist is None or entry.dist.name != OWN, entry.name, entry.value)
    )
    return list(ordered)


def _tools_of(value: str, problems: list[str]) -> Iterator[Tool]:
    from importlib import import_module  # late: as above

    module_name, _, attribute = value.partition(":")
    module = import_module(module_name.strip())
    if attribute:
        named = getattr(module, attribute.strip())
        if not isinstance(named, Tool):
            raise TypeError(f"{value} is no tool")
        yield named
        return
    for name in _module_names(module):
        try:
            yield from _defined_in(import_module(name))
        except Exception as error:  # one broken module does not cost the others
            _log.exception("The tool module %s could not be loaded", name)
            problems.append(_sentence(name, error))


def _module_names(module: ModuleType) -> list[str]:
    """Return the module and, of a package, everything beneath it that is not private."""
    names = [module.__name__]
    path = getattr(module, "__path__", None)
    if path is not None:
        from pkgutil import walk_packages  # late: as above

        found = [info.name for info in walk_packages(path, f"{module.__name__}.", onerror=lambda name: None)]
        names += sorted(name for name in found if not any(part.startswith("_") for part in name.split(".")))
    return names


def _defined_in(module: ModuleType) -> list[Tool]:
    """Return the tools the module defines; one it imported belongs to where it came from."""
    return [value for value in vars(module).values() if isinstance(value, Tool) and value.module == module.__name__]


def _sentence(name: str, error: Exception) -> str:
    reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    return f"The tools of {name} were left out: {reason}."
