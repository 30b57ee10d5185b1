"""Fetch a file of a hub: resumed where it broke off, checked, and in its place only when it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from smol_chat.errors import HubError, UsageError
from smol_chat.models.discover import CHECKSUM, PARTIAL
from smol_chat.models.hub import Hub, HubFile, unreachable
from smol_chat.paths import open_private

if TYPE_CHECKING:  # loaded when a model is pulled
    import httpx

CHUNK = 1024 * 1024
SPARE_BYTES = 500_000_000
"""Left free on the disk: the conversations must still be written."""

ATTEMPTS = 5
"""A connection that breaks is made again, as long as each brings something."""

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where a file lies now; `verified`: its checksum was compared with the hub's."""

    path: Path
    verified: bool


class Downloader:
    """Fetch files into one folder. `free_bytes` tells how much its disk takes."""

    def __init__(
        self,
        hub: Hub,
        client: httpx.Client,
        folder: Path,
        *,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._hub = hub
        self._client = client
        self._folder = folder
        self._free_bytes = free_bytes

    def check_room(self, files: list[HubFile]) -> None:
        """Refuse what the disk does not take.

        Raises:
            HubError: with the numbers.
        """
        missing = sum(file.size - self._partial_size(file) for file in files if not self.is_here(file))
        free = self._free_bytes(self._folder)
        if missing > free - SPARE_BYTES:
            raise HubError(
                f"The download needs {missing / 1e9:.1f} GB, but {str(self._folder)!r} has {free / 1e9:.1f} GB free, "
                f"of which {SPARE_BYTES / 1e9:.1f} GB stay free. Remove some, or name another folder with --data-dir."
            )

    def is_here(self, file: HubFile) -> bool:
        """Tell whether that very file was fetched before."""
        path = self._folder / file.name
        try:
            written = path.with_name(path.name + CHECKSUM).read_text(encoding="ascii", errors="replace")
            return path.stat().st_size == file.size and bool(file.sha256) and written.startswith(file.sha256)
        except OSError:
            return False

    def fetch(self, file: HubFile, progress: Progress) -> Fetched:
        """Fetch a file; what came so far stays when it is interrupted, and the next call goes on.

        Raises:
            HubError: it cannot be fetched, or is not what the hub said it is.
        """
        path = self._folder / file.name
        if self.is_here(file):
            return Fetched(path, verified=True)
        if path.exists():
            raise HubError(f"There is another file {str(path)!r} already; move it away or remove it first.")
        partial = self._partial(file)
        with open(partial, "ab", opener=open_private) as out:
            _claim(out, file)
            growing = _Growing(out, partial)
            self._receive_all(growing, file, progress)
            os.fsync(out.fileno())
        digest = growing.digest.hexdigest()
        if file.sha256 and digest != file.sha256:
            partial.unlink()
            raise HubError(f"{file.name} arrived damaged: its checksum is not the hub's. Try again.")
        with open(path.with_name(path.name + CHECKSUM), "w", opener=open_private) as written:
            written.write(f"{digest}  {file.name}\n")
        partial.replace(path)
        self._forget_older(file)
        return Fetched(path, verified=bool(file.sha256))

    def _receive_all(self, growing: _Growing, file: HubFile, progress: Progress) -> None:
        import httpx  # late: start-up time

        if growing.size > file.size:
            growing.restart()
        progress(growing.size, file.size)
        fruitless = 0
        while growing.size < file.size:
            before, broken = growing.size, f"it sends no more of {file.name}"
            try:
                self._receive(growing, file, progress)
            except httpx.HTTPError as error:
                broken = str(error) or type(error).__name__
            except OSError as error:
                raise HubError(f"{file.name} cannot be written to {str(self._folder)!r}: {error.strerror}.") from error
            fruitless = fruitless + 1 if growing.size <= before else 0
            if fruitless == ATTEMPTS:
                raise unreachable(self._hub.endpoint, broken)

    def _receive(self, growing: _Growing, file: HubFile, progress: Progress) -> None:
        """Take one answer."""
        answer = self._client.send(self._hub.request(file, growing.size), stream=True)
        try:
            _check_encrypted(str(answer.url), self._hub.endpoint)
            if answer.status_code not in (200, 206):
                raise self._hub.refusal(answer.status_code, file.repository)
            if answer.status_code == 200:  # from the beginning, whatever was asked for
                growing.restart()
            for chunk in answer.iter_raw():
                if growing.size + len(chunk) > file.size:
                    raise HubError(f"{file.name} is longer than the hub said ({file.size:,} bytes). Try again later.")
                growing.append(chunk)
                progress(growing.size, file.size)
        finally:
            growing.flush()
            answer.close()

    def _partial(self, file: HubFile) -> Path:
        """Return where it grows; another version of the file grows elsewhere."""
        mark = (file.sha256 or file.commit)[:12]
        return self._folder / f"{file.name}.{mark}{PARTIAL}"

    def _partial_size(self, file: HubFile) -> int:
        try:
            return min(file.size, self._partial(file).stat().st_size)
        except OSError:
            return 0

    def _forget_older(self, file: HubFile) -> None:
        for older in self._folder.glob(f"*{PARTIAL}"):
            if older.name.startswith(f"{file.name}."):
                older.unlink(missing_ok=True)


class _Growing:
    """A file on its way, with the digest of what is there."""

    def __init__(self, out: BinaryIO, path: Path) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.size = 0
        with path.open("rb") as data:
            while chunk := data.read(CHUNK):
                self.digest.update(chunk)
                self.size += len(chunk)

    def append(self, chunk: bytes) -> None:
        self._out.write(chunk)
        self.digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        self._out.truncate(0)
        self.digest, self.size = hashlib.sha256(), 0

    def flush(self) -> None:
        self._out.flush()


def new_client() -> httpx.Client:
    """Return what talks to a hub."""
    import httpx  # late: start-up time

    return httpx.Client(follow_redirects=True, timeout=30.0, headers={"User-Agent": "smol-chat"})


def remove_download(path: Path) -> None:
    """Remove a model file of ours with its checksum.

    Raises:
        UsageError: it cannot be removed.
    """
    try:
        path.unlink()
        path.with_name(path.name + CHECKSUM).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be removed: {error.strerror}.") from error


def _claim(out: BinaryIO, file: HubFile) -> None:
    """Keep a second program from writing the same file."""
    try:
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise HubError(f"{file.name} is being downloaded by another smol-chat; wait for it.") from error


def _check_encrypted(url: str, endpoint: str) -> None:
    if urlsplit(endpoint).scheme == "https" and urlsplit(url).scheme != "https":
        raise HubError(f"{endpoint} passed the download on to an address that is not encrypted; it was not followed.")
