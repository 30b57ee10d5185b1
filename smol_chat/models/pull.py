"""Fetch what a user named: from the name to whole files in our folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from smol_chat.models.download import Downloader, Fetched, new_client
from smol_chat.models.hub import Hub, choose, environment_endpoint, wanted

FileProgress = Callable[[str, int, int], None]
"""Called with a file's name, its bytes that are here, and all of them."""


def pull(name: str, folder: Path, progress: FileProgress) -> list[Fetched]:
    """Fetch a model by its name in the catalogue or as `org/repo[:file]`; of a split one, all parts.

    What `progress` raises ends it; what came so far stays, and the next call goes on.

    Raises:
        UsageError: the name means nothing.
        HubError: it cannot be fetched.
    """
    what = wanted(name)
    with new_client() as client:
        hub = Hub(client, environment_endpoint(), os.environ.get("HF_TOKEN", ""))
        files = choose(hub.files(what.repository), what.file, what.repository)
        downloader = Downloader(hub, client, folder)
        downloader.check_room(files)
        return [downloader.fetch(file, _of(file.name, progress)) for file in files]


def _of(name: str, progress: FileProgress) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
