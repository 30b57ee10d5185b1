"""The address of an OpenAI-compatible server, as people write it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from smol_chat.errors import ServerError

_ENDPOINTS = ("/chat/completions", "/completions", "/models")


def normalize_address(text: str) -> str:
    """Return the base URL that endpoints are appended to, such as `http://localhost:8080/v1`.

    Raises:
        ServerError: it is no address of a server.
    """
    written = text.strip()
    if "://" not in written:
        written = f"{_scheme(written)}://{written}"
    try:
        parts = urlsplit(written)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in written):
        raise ServerError(f"{text!r} is no server address. Write it like http://localhost:8080.")
    if parts.username or parts.password:
        raise ServerError("A server address holds no user name or password. Give the API key separately.")
    path = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def root_of(address: str) -> str:
    """Return scheme, host and port of a base URL."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def host_of(address: str) -> str:
    """Return host and port of a base URL."""
    return urlsplit(address).netloc


def _scheme(written: str) -> str:
    """Return https for a public name without a port, and http for everything on this machine or network."""
    host, _, rest = written.partition("/")[0].partition(":")
    if rest or host.startswith("[") or "." not in host or host.endswith((".local", ".lan", ".home", ".internal")):
        return "http"
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "https"
    return "http"
