"""Databases that the settings name by a URL: what a model can ask for is the name, never the URL."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from smol_chat.errors import ToolError

_ENTRY = re.compile(r"(?P<name>[A-Za-z][\w-]{0,63})=(?P<url>[a-z][a-z0-9+]*://.*)", re.DOTALL)
_PORTS = {"postgresql": 5432}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Connection:
    """A database by its name; the URL can hold a password and is shown to nobody."""

    name: str
    url: str

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port where it is on another machine."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme.partition("+")[0], 0)
        except ValueError:
            return None  # connecting will say what is wrong with it
        return (host, port) if host and not _is_here(host) else None

    def opened(self) -> str:
        """Return the URL with what the environment holds of it.

        Raises:
            ToolError: `unavailable` where a variable is not set.
        """
        return _VARIABLE.sub(self._variable, self.url)

    def _variable(self, found: re.Match[str]) -> str:
        value = os.environ.get(found[1])
        if value is None:
            raise ToolError(
                "unavailable",
                f"The environment variable {found[1]!r}, which the connection {self.name} names, is not set.",
            )
        # A password may hold what ends it in a URL.
        return quote(value, safe="") if found.end() <= self.url.rfind("@") else value


def find_connection(name: str, entries: Sequence[str]) -> Connection | None:
    """Return the connection of that name, None where none of the entries "name=URL" has it.

    Raises:
        ToolError: `unavailable` where an entry is none.
    """
    for entry in entries:
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise ToolError(
                "unavailable",
                "An entry of tools.database_query.connections is not of the form "
                '"name=postgresql+psycopg://user@host/database".',
            )
        if found["name"] == name:
            return Connection(name, found["url"])
    return None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
