"""Make one HTTP request, as a program that uses an interface of the web."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal, Union, cast

from smol_chat.tools import (
    Effect,
    HttpResponse,
    JsonObject,
    JsonValue,
    Origin,
    Preview,
    ToolContext,
    ToolError,
    ToolOutput,
    tool,
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
Body = Union[str, dict[str, Any]]

_SEND_NOTHING = ("GET", "HEAD")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect")
)
"""Headers that say how the message travels, which is not the caller's business."""
_SECRET = re.compile(r"auth|cookie|token|secret|key|passw|session|signature|credential", re.IGNORECASE)
_SHOWN = (
    "content-type", "content-length", "location", "last-modified", "etag", "link", "retry-after", "allow",
    "www-authenticate", "x-ratelimit-remaining", "x-request-id",
)  # fmt: skip
"""Headers of an answer that tell a model what to do next."""
_SMALL_JSON = 6000
_MAX_BYTES = 2 * 1024 * 1024
_MAX_BODY = 1024 * 1024
_MOST_HEADERS = 50


def _effect(arguments: JsonObject, _: object) -> Effect:
    return Effect.NETWORK if arguments.get("method") in _SEND_NOTHING else Effect.SEND


@tool(
    effect=Effect.NETWORK,
    effect_of=_effect,
    keywords="http api post put get delete endpoint request url webhook json rest server",
)
async def http_request(
    method: Method,
    url: str,
    headers: dict[str, Any] | None = None,
    body: Annotated[Body | None, "Text, or an object sent as JSON"] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Make one HTTP request and return status and body."""
    fields, content = _request(method, headers, body)
    ctx.progress(f"{method} {ctx.http.host(url)}")
    response = await ctx.http.request(method, url, headers=fields, content=content, max_bytes=_MAX_BYTES)
    text, parsed = _readable(response)
    shown = {name: response.headers[name] for name in _SHOWN if name in response.headers}
    lines = [f"HTTP {response.status} {_phrase(response.status)} from {response.url}".replace("  ", " ")]
    lines += [f"{name}: {value[:500]}" for name, value in shown.items()]
    data: JsonObject = {"status": response.status, "url": response.url}
    data |= {"headers": cast("JsonObject", dict(response.headers)), "body": text if parsed is None else parsed}
    return ToolOutput("\n".join([*lines, "", text]).rstrip(), data=data, origin=Origin.WEB)


@http_request.preview
async def _preview(
    method: Method, url: str, headers: dict[str, Any] | None = None, body: Body | None = None, *, ctx: ToolContext
) -> Preview:
    fields, content = _request(method, headers, body)
    ctx.http.require_online()
    host = ctx.http.host(url)
    lines = [f"{method} {url}", *(f"{name}: {_masked(name, value)}" for name, value in fields.items())]
    if content is None:
        what = "Ask" if method in _SEND_NOTHING else "Send a request without a body to"
        summary = f"{what} {host} ({method})."
    else:
        summary = f"Send {len(content):,} bytes to {host} ({method})."
        lines += ["", content.decode("utf-8", "replace")]
    return Preview(summary, "\n".join(lines), "http", hosts=(host,))


def _request(method: str, headers: Mapping[str, Any] | None, body: Body | None) -> tuple[dict[str, str], bytes | None]:
    """Return headers and body as they are sent.

    Raises:
        ToolError: `invalid_arguments` or `limit`.
    """
    fields = _fields(headers or {})
    if body is None or body == "":
        return fields, None if method in (*_SEND_NOTHING, "DELETE") else b""
    if method in _SEND_NOTHING:
        raise ToolError("invalid_arguments", f"{method} sends no body; leave it out, or use POST.")
    if isinstance(body, str):
        text, kind = body, "application/json" if _is_json(body) else "text/plain; charset=utf-8"
    else:
        text, kind = json.dumps(body, ensure_ascii=False), "application/json"
    content = text.encode("utf-8", "replace")
    if len(content) > _MAX_BODY:
        raise ToolError("limit", f"The body has {len(content):,} bytes; at most {_MAX_BODY:,} are sent.")
    return {"content-type": kind} | fields, content


def _fields(headers: Mapping[str, Any]) -> dict[str, str]:
    fields: dict[str, str] = {}
    if len(headers) > _MOST_HEADERS:
        raise ToolError("invalid_arguments", f"At most {_MOST_HEADERS} headers can be sent.")
    for name, value in headers.items():
        key = name.strip().lower()
        if not _TOKEN.fullmatch(key):
            raise ToolError("invalid_arguments", f"{name[:60]!r} cannot be the name of a header.")
        if key in _OURS:
            raise ToolError("invalid_arguments", f"The header {key} is set by the program; leave it out.")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ToolError("invalid_arguments", f"The header {key} must be text.")
        text = str(value).strip()
        if not text.isprintable():
            raise ToolError("invalid_arguments", f"The header {key} may not hold line breaks or control characters.")
        if key in fields:
            raise ToolError("invalid_arguments", f"The header {key} is given twice.")
        fields[key] = text
    return fields


def _masked(name: str, value: str) -> str:
    """Show a header; of a secret only what kind it is and how long."""
    if not _SECRET.search(name):
        return value
    scheme, space, rest = value.partition(" ")
    kept, secret = (f"{scheme} ", rest) if space and scheme.isalpha() else ("", value)
    return f"{kept}•••••• ({len(secret)} characters)"


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _readable(response: HttpResponse) -> tuple[str, JsonValue]:
    """Return the body as text for the model, and as JSON where it is some."""
    if not response.content:
        return "[no body]", None
    kind = response.binary
    if kind is not None:
        declared = f", sent as {response.media_type}" if response.media_type else ""
        return f"[the body is {kind}{declared}, {len(response.content):,} bytes; it is not shown]", None
    text = response.text
    if "json" not in response.media_type and not text.lstrip().startswith(("{", "[")):
        return text, None
    try:
        parsed = response.json()
    except ToolError:
        return text, None
    if len(response.content) > _SMALL_JSON:
        return text, parsed
    return json.dumps(parsed, ensure_ascii=False, indent=1), parsed


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
