"""A hub shaped like huggingface.co on loopback: listings in pages, downloads with ranges, and what can go wrong."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubServer:
    """What the hub has and how it behaves. Files by repository and path."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    token: str = ""
    """Needed to read anything, where it is not empty."""
    ranges: bool = True
    cut_after: int | None = None
    """Bytes of a download after which the connection breaks."""
    hold_after: int | None = None
    """Bytes of a download after which nothing more comes until `released` is set."""
    lies: dict[str, bytes] = field(default_factory=dict)
    """Paths whose download is not what the listing says."""
    no_checksums: bool = False
    page_size: int = 1000
    statuses: dict[str, int] = field(default_factory=dict)
    """Answers by path, before anything else."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    holding: threading.Event = field(default_factory=threading.Event)
    """A download has sent what it sends before it waits."""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def downloads(self) -> list[tuple[str, str]]:
        """Return path and range of what was downloaded."""
        return [(path, headers.get("range", "")) for path, headers in self.requests if path.startswith("/cdn/")]

    def listing(self, repository: str) -> list[dict[str, object]]:
        entries: list[dict[str, object]] = [{"type": "directory", "path": "sub", "size": 0}]
        for path, data in self.files[repository].items():
            entry: dict[str, object] = {"type": "file", "path": path, "size": len(data)}
            if path.endswith(".gguf") and not self.no_checksums:
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
            entries.append(entry)
        return entries


@contextmanager
def serve_hub(hub: HubServer) -> Iterator[HubServer]:
    """Serve until the block is left."""

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: HubServer

    def do_GET(self) -> None:
        hub = self.served
        hub.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        path, _, query = self.path.partition("?")
        if path in hub.statuses:
            self._answer(hub.statuses[path], b"{}")
        elif hub.token and not path.startswith("/cdn/") and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._answer(401, b"{}")
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/tree/(\w+))?", path):
            self._about(found[1], listing=found[2] is not None, query=query)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(\w+)/(.+)", path):
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{hub.port}/cdn/{found[1]}/{found[3]}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._download(found[1], found[2])
        else:
            self._answer(404, b"{}")

    def _about(self, repository: str, *, listing: bool, query: str) -> None:
        hub = self.served
        if repository not in hub.files:
            self._answer(404, b"{}")
        elif not listing:
            self._answer(200, json.dumps({"id": repository, "sha": COMMIT}).encode())
        else:
            entries = hub.listing(repository)
            start = int(found[1]) if (found := re.search(r"cursor=(\d+)", query)) else 0
            end = start + hub.page_size
            headers = {}
            if end < len(entries):
                headers["Link"] = f'<{hub.url}{self.path.partition("?")[0]}?cursor={end}>; rel="next"'
            self._answer(200, json.dumps(entries[start:end]).encode(), headers)

    def _download(self, repository: str, path: str) -> None:
        hub = self.served
        data = hub.lies.get(path, hub.files[repository][path])
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and hub.ranges else 0
        body = data[start:]
        self.send_response(206 if wanted and hub.ranges else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if hub.cut_after is not None and len(body) > hub.cut_after:
            self.wfile.write(body[: hub.cut_after])
            self.wfile.flush()
            self.close_connection = True
            return
        if hub.hold_after is not None:
            self.wfile.write(body[: hub.hold_after])
            self.wfile.flush()
            hub.holding.set()
            hub.released.wait()
            return
        self.wfile.write(body)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
