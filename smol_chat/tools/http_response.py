"""A whole HTTP answer, and what a tool asks of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from smol_chat.errors import ToolError
from smol_chat.messages import JsonValue


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer. `url` is where it came from after redirects."""

    url: str
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def host(self) -> str:
        """Host the answer came from."""
        return urlsplit(self.url).hostname or ""

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty where the server told none."""
        return media_type(self.headers)

    @property
    def charset(self) -> str | None:
        """The encoding the content type names."""
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip(" \"'")
        return None

    @property
    def text(self) -> str:
        """The content as text: by the charset it names, else UTF-8, else Latin-1."""
        from smol_chat.tools.text import decode

        try:
            return self.content.decode(self.charset or "utf-8")
        except (UnicodeDecodeError, LookupError, ValueError):
            return decode(self.content).text

    @property
    def binary(self) -> str | None:
        """What the content is where it is no text, else None."""
        from smol_chat.tools.text import binary_kind

        return binary_kind(self.content)

    def json(self) -> JsonValue:
        """Return the content as JSON.

        Raises:
            ToolError: `failed` where it is none.
        """
        try:
            # Python would read NaN and Infinity, which are no JSON and would be none when written again.
            return cast("JsonValue", json.loads(self.content, parse_constant=_number, parse_float=_number))
        except (ValueError, RecursionError):
            raise ToolError("failed", f"{self.host} did not answer with JSON.") from None

    def require_success(self) -> None:
        """Fail unless the status says that it went well.

        Raises:
            ToolError: `not_found`, `unavailable` or `failed` with the status.
        """
        if self.status < 400:
            return
        if self.status in (404, 410):
            raise ToolError("not_found", f"{self.host} has no such page (HTTP {self.status}).")
        if self.status == 429:
            raise ToolError("unavailable", f"{self.host} refuses more requests for now (HTTP 429); try again later.")
        if self.status >= 500:
            raise ToolError("unavailable", f"{self.host} has a problem of its own (HTTP {self.status}).")
        raise ToolError("failed", f"{self.host} refused the request (HTTP {self.status}).")


def _number(digits: str) -> float:
    """Return a number of JSON.

    Raises:
        ValueError: it is none, or too large to be one here.
    """
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is no number")
    return number


def media_type(headers: Mapping[str, str]) -> str:
    """Return the content type without its parameters, in lower case; empty where none is told."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
