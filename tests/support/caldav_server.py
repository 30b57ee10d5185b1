"""A real CalDAV server on loopback: Radicale with one user, whose calendar lies in a folder of the test."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

from radicale import config
from radicale.app import Application

USER, PASSWORD = "me", "correct horse battery"


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def calendar_server(folder: Path) -> Iterator[str]:
    """Serve until the block is left; gives the address of a calendar that is there and empty."""
    passwords = folder / "users"
    passwords.write_text(f"{USER}:{PASSWORD}\n")
    settings = config.load()
    settings.update(
        {
            "auth": {
                "type": "htpasswd",
                "htpasswd_filename": str(passwords),
                "htpasswd_encryption": "plain",
                "delay": 0,
            },
            "storage": {"filesystem_folder": str(folder / "collections")},
            "logging": {"level": "critical"},
        },
        "test",
    )
    with make_server("127.0.0.1", 0, Application(settings), handler_class=_Quiet) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/{USER}/home/"
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        with urlopen(Request(url, method="MKCALENDAR", headers={"Authorization": f"Basic {token}"})) as made:
            assert made.status == 201
        try:
            yield url
        finally:
            server.shutdown()
            serving.join()
