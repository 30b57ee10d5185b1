"""The files of the workspace, and only those."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from smol_chat.errors import ToolError
from smol_chat.tools.beneath import joined, open_beneath, open_folder
from smol_chat.tools.text import DecodedText, binary_kind, decode
from smol_chat.tools.undo import Replaced, UndoStore, digest

T = TypeVar("T")
Parts = tuple[str, ...]

MAX_BYTES = 32 * 1024 * 1024
"""Largest file that is read or written whole."""
_LINKS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a folder; `path` is relative to the folder that was listed."""

    path: str
    kind: Literal["file", "folder", "link", "other"]
    size: int
    modified: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of a folder; `unseen` more were left out, at least."""

    entries: list[Entry]
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did."""

    path: str
    created: bool
    size: int


@dataclass(frozen=True, slots=True)
class Undone:
    """A write that was taken back; `removed`: there was no file before it, and there is none again."""

    path: str
    removed: bool

    @property
    def sentence(self) -> str:
        """What was done, for the user."""
        return f"{self.path} is removed again." if self.removed else f"{self.path} is again what it was before."


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file for a program that needs the file itself: descriptors of it and of its folder, to be closed."""

    path: str
    name: str
    folder: int
    file: int

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.file)
        os.close(self.folder)


class WorkspaceFiles:
    """Reads and writes beneath one folder. Paths are relative to it, or absolute and inside it."""

    def __init__(self, root: Path, undo: UndoStore | None = None) -> None:
        self.root = root.resolve()
        self._as_given = root.absolute()
        self._undo = undo

    def relative(self, path: str) -> str:
        """Return the path as the user should see it, relative to the workspace.

        Raises:
            ToolError: `invalid_arguments` or `blocked`, as every method here.
        """
        return "/".join(self._parts(path)) or "."

    async def read_bytes(self, path: str, *, max_bytes: int = MAX_BYTES) -> bytes:
        """Read a whole file.

        Raises:
            ToolError: not there, no file, outside the workspace, too large or not readable.
        """
        parts = self._parts(path)
        return await self._in_thread(parts, lambda root: _read(root, parts, max_bytes))

    async def read_text(self, path: str, *, max_bytes: int = MAX_BYTES) -> DecodedText:
        """Read a whole text file.

        Raises:
            ToolError: as `read_bytes`, and `failed` where it is no text.
        """
        return self.as_text(await self.read_bytes(path, max_bytes=max_bytes), path)

    def as_text(self, data: bytes, path: str) -> DecodedText:
        """Return what was read from `path` as text.

        Raises:
            ToolError: `failed` where it is none.
        """
        kind = binary_kind(data)
        if kind is not None:
            raise ToolError("failed", f"{self.relative(path)!r} is {kind}, not text.")
        return decode(data)

    async def write_text(self, path: str, text: str, *, append: bool = False, create: bool = False) -> Written:
        """Write a text file in one step: whoever looks sees the old content or the new one.

        Folders on the way are made. Appended text takes the encoding the file has. `create` refuses a file that is
        there already. What is replaced is kept before, where there is a store for it.

        Raises:
            ToolError: outside the workspace, no file, too large or not writable.
        """
        parts = self._parts(path)
        if not parts:
            raise ToolError("invalid_arguments", "Name a file to write, not the workspace itself.")
        job = _Write(text, append, create, self._undo, str(self.root))
        return await self._in_thread(parts, lambda root: job.run(root, parts))

    async def undo(self) -> Undone:
        """Take the last write back.

        Raises:
            ToolError: `not_found` (there is nothing to take back) or `blocked` (the file has changed since).
        """
        store = self._undo
        if store is None:
            raise ToolError("unavailable", "What writes replace is not kept here, so none can be taken back.")
        while True:
            entry = await asyncio.to_thread(store.latest, str(self.root))
            if entry is None:
                raise ToolError("not_found", f"There is no write in {self.root} that could be taken back.")
            parts = self._parts(entry.path)
            old = await asyncio.to_thread(store.old_content, entry)
            if await self._in_thread(parts, functools.partial(_put_back, parts=parts, entry=entry, old=old)):
                await asyncio.to_thread(store.drop, entry)
                return Undone(entry.path, removed=old is None)
            await asyncio.to_thread(store.drop, entry)  # the program ended before it was written

    async def open_file(self, path: str) -> OpenFile:
        """Open a file for reading, with the folder it lies in; links have been followed.

        Raises:
            ToolError: not there, no file or outside the workspace.
        """
        parts = self._parts(path)
        return await self._in_thread(parts, lambda root: _open(root, parts))

    async def list_folder(self, path: str, *, depth: int = 1, limit: int = 1000) -> Listing:
        """List a folder, folders first, `depth` levels down; links are listed and not followed.

        Raises:
            ToolError: not there, no folder or outside the workspace.
        """
        parts = self._parts(path)
        return await self._in_thread(parts, lambda root: _list(root, parts, depth, limit))

    def _parts(self, path: str) -> Parts:
        if not path.isprintable():
            raise ToolError("invalid_arguments", "A path may not hold control or invisible characters.")
        if path.split("/", 1)[0] == "~":
            raise ToolError("blocked", f"{path!r} is the home folder; only files in the workspace can be reached.")
        inside = path
        if path.startswith("/"):
            for root in (self.root, self._as_given):
                with contextlib.suppress(ValueError):
                    inside = str(Path(os.path.normpath(path)).relative_to(root))
        try:
            return joined((), inside)
        except OSError:
            raise _outside(path) from None

    async def _in_thread(self, parts: Parts, work: Callable[[int], T]) -> T:
        """Run `work` on a descriptor of the workspace, in a thread: a disk may take its time."""
        path = "/".join(parts) or "."

        def guarded() -> T:
            try:
                with _closing(os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
                    try:
                        return work(root)
                    except FileNotFoundError:
                        raise _missing(root, parts) from None
            except OSError as error:
                raise _sentence(path, error) from error

        return await asyncio.to_thread(guarded)


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(root: int, parts: Parts) -> OpenFile:
    if not parts:
        raise ToolError("failed", "The workspace is a folder, not a file.")
    parts = _behind_links(root, parts)
    folder = open_folder(root, parts[:-1])
    try:
        descriptor = open_beneath(folder, parts[-1:], os.O_RDONLY)
        try:
            _regular(descriptor, parts)
        except BaseException:
            os.close(descriptor)
            raise
    except BaseException:
        os.close(folder)
        raise
    return OpenFile("/".join(parts), parts[-1], folder, descriptor)


def _read(root: int, parts: Parts, max_bytes: int) -> bytes:
    with _closing(open_beneath(root, parts, os.O_RDONLY)) as descriptor:
        return _content(descriptor, parts, max_bytes)


def _content(descriptor: int, parts: Parts, max_bytes: int) -> bytes:
    size = _regular(descriptor, parts).st_size
    with os.fdopen(os.dup(descriptor), "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ToolError("limit", f"{'/'.join(parts)!r} has {size:,} bytes; at most {max_bytes:,} can be read.")
    return data


def _regular(descriptor: int, parts: Parts) -> os.stat_result:
    """Return the status of a file, refusing whatever is none: reading a pipe or device need never end."""
    status = os.fstat(descriptor)
    path = "/".join(parts) or "."
    if stat.S_ISDIR(status.st_mode):
        raise ToolError("failed", f"{path!r} is a folder, not a file.")
    if not stat.S_ISREG(status.st_mode):
        raise ToolError("blocked", f"{path!r} is a device, pipe or socket, not a file.")
    return status


@dataclass(frozen=True, slots=True)
class _Write:
    """One write; `workspace` names it in the store for undo."""

    text: str
    append: bool
    create: bool
    undo: UndoStore | None
    workspace: str

    def run(self, root: int, parts: Parts) -> Written:
        parts = _behind_links(root, parts)
        path = "/".join(parts)
        old, mode = _before(root, parts, whole=self.append or self.undo is not None)
        if self.create and old is not None:
            raise ToolError("failed", f"{path!r} is there already, and the mode is create: nothing was written.")
        data = self._content(old)
        if len(data) > MAX_BYTES:
            raise ToolError("limit", f"A file may have at most {MAX_BYTES:,} bytes; this one would have {len(data):,}.")
        with _closing(_made_folder(root, parts[:-1])) as folder:
            kept = None
            if self.undo is not None:
                kept = self.undo.keep(self.workspace, path, old=old, mode=mode, new=data)
            try:
                _replace(folder, parts[-1], data, mode, only_new=old is None and self.create)
            except BaseException as error:
                if self.undo is not None and kept is not None:
                    self.undo.drop(kept)
                if isinstance(error, FileExistsError):
                    raise ToolError("failed", f"{path!r} has just been created by another program.") from None
                raise
        return Written(path, created=old is None, size=len(data))

    def _content(self, old: bytes | None) -> bytes:
        if self.append and old:
            return old + _encoded_like(old, self.text)
        return self.text.encode("utf-8", "replace")


def _before(root: int, parts: Parts, *, whole: bool) -> tuple[bytes | None, int | None]:
    """Return content and mode of the file, None and None where there is none; `whole`: the content is needed."""
    with contextlib.suppress(FileNotFoundError), _closing(open_beneath(root, parts, os.O_RDONLY)) as existing:
        mode = stat.S_IMODE(_regular(existing, parts).st_mode)
        return _content(existing, parts, MAX_BYTES) if whole else b"", mode
    return None, None


def _put_back(root: int, parts: Parts, entry: Replaced, old: bytes | None) -> bool:
    """Make the file what it was before the write; False where the write itself never came about."""
    now, _ = _before(root, parts, whole=True)
    if now == old:
        return False
    if now is None or digest(now) != entry.new_digest:
        gone = "is gone" if now is None else "has changed"
        raise ToolError("blocked", f"{entry.path!r} {gone} since it was written, so it was left as it is.")
    with _closing(open_folder(root, parts[:-1])) as folder:
        if old is None:
            os.unlink(parts[-1], dir_fd=folder)
            os.fsync(folder)
        else:
            _replace(folder, parts[-1], old, entry.mode)
    return True


def _encoded_like(old: bytes, text: str) -> bytes:
    encoding = decode(old).encoding
    return text.encode("utf-8" if encoding == "utf-8-sig" else encoding, "replace")


def _behind_links(root: int, parts: Parts) -> Parts:
    """Return where a link leads, so that its target is written and the link stays a link."""
    for _ in range(_LINKS):
        try:
            with _closing(open_folder(root, parts[:-1])) as folder:
                target = os.readlink(parts[-1], dir_fd=folder)
        except FileNotFoundError:
            return parts
        except OSError as error:
            if error.errno == errno.EINVAL:  # no link
                return parts
            raise
        parts = joined(parts[:-1], target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), "/".join(parts))


def _made_folder(root: int, parts: Parts) -> int:
    """Open a folder beneath, making what is missing of it."""
    for index in range(1, len(parts) + 1):
        with contextlib.suppress(FileExistsError), _closing(open_folder(root, parts[: index - 1])) as parent:
            os.mkdir(parts[index - 1], dir_fd=parent)
    return open_folder(root, parts)


def _replace(folder: int, name: str, data: bytes, mode: int | None, *, only_new: bool = False) -> None:
    """Write beside and rename; `only_new` never replaces a file.

    Raises:
        FileExistsError: with `only_new`, where there is one.
    """
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if only_new:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            os.unlink(temporary, dir_fd=folder)
        else:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _list(root: int, parts: Parts, depth: int, limit: int) -> Listing:
    entries: list[Entry] = []
    unseen = 0
    pending: list[tuple[Parts, str, int]] = [(parts, "", depth)]
    while pending:
        folder, prefix, levels = pending.pop(0)
        with _closing(open_folder(root, folder)) as descriptor:
            found = sorted(_entries(descriptor), key=lambda entry: (entry.kind != "folder", entry.path.casefold()))
        for entry in found:
            if len(entries) >= limit:
                unseen += 1
                continue
            entries.append(Entry(prefix + entry.path, entry.kind, entry.size, entry.modified))
            if entry.kind == "folder" and levels > 1:
                pending.append(((*folder, entry.path), f"{prefix}{entry.path}/", levels - 1))
        if len(entries) >= limit:
            break
    return Listing(entries, unseen)


def _entries(folder: int) -> Iterator[Entry]:
    with os.scandir(folder) as scan:
        for found in scan:
            try:
                status = found.stat(follow_symlinks=False)
            except FileNotFoundError:  # gone since the folder was read
                continue
            yield Entry(found.name, _kind(status.st_mode), status.st_size, status.st_mtime)


def _kind(mode: int) -> Literal["file", "folder", "link", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _outside(path: str) -> ToolError:
    return ToolError("blocked", f"{path!r} is outside the workspace; only files in the workspace can be reached.")


def _missing(root: int, parts: Parts) -> ToolError:
    """Say that the name is not there, and which ones like it are."""
    from difflib import get_close_matches  # late: only an error's sentence needs it

    path, near = "/".join(parts), ""
    with contextlib.suppress(OSError), _closing(open_folder(root, parts[:-1])) as folder:
        names = [entry.path for entry in _entries(folder) if entry.path.isprintable()]
        close = get_close_matches(parts[-1], names, n=3) if parts else []
        near = f" There is {', '.join(repr('/'.join((*parts[:-1], name))) for name in close)}." if close else ""
    return ToolError("not_found", f"There is no {path!r} in the workspace.{near}")


def _sentence(path: str, error: OSError) -> ToolError:
    match error.errno:
        case errno.EXDEV | errno.ELOOP:
            return _outside(path)
        case errno.ENOENT:
            return ToolError("not_found", f"There is no {path!r} in the workspace.")
        case errno.ENOTDIR:
            return ToolError("failed", f"{path!r} is not a folder, or lies beneath something that is none.")
        case errno.ENAMETOOLONG:
            return ToolError("invalid_arguments", "The path is too long.")
        case errno.ENXIO:
            return ToolError("blocked", f"{path!r} is a device, pipe or socket, not a file.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return ToolError("failed", f"{path!r} may not be opened: {os.strerror(error.errno)}.")
        case errno.ENOSPC | errno.EDQUOT:
            return ToolError("limit", f"{path!r} could not be written: the disk is full.")
        case _:
            return ToolError("failed", f"{path!r} could not be used: {error.strerror or error}.")
