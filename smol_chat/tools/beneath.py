"""Open names beneath a folder so that no link, `..` or race leads out of it."""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys

_OPENAT2 = 437  # the same number on every architecture of Linux
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_LINKS = 40  # as many as the kernel follows
_RACES = 8


def open_beneath(root: int, parts: tuple[str, ...], flags: int) -> int:
    """Open a name beneath the folder `root` (a descriptor) and return its descriptor.

    `parts` are names: none is empty, `.` or `..`. Links are followed as long as they stay beneath.

    Raises:
        OSError: as `open` does; EXDEV where the name leads out.
    """
    flags |= os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    if _has_openat2():
        return _retrying(root, "/".join(parts) or ".", flags)
    return _walk(root, parts, flags)


def open_folder(root: int, parts: tuple[str, ...]) -> int:
    """Open a folder beneath `root`."""
    return open_beneath(root, parts, os.O_RDONLY | os.O_DIRECTORY)


def _retrying(root: int, path: str, flags: int) -> int:
    """Renames in the folder make the kernel give up now and then; a few more attempts settle it."""
    for attempt in range(_RACES):
        try:
            return _openat2(root, path, flags)
        except OSError as error:
            if error.errno != errno.EAGAIN or attempt == _RACES - 1:
                raise
    raise AssertionError("the last attempt returned or raised")


def _openat2(root: int, path: str, flags: int) -> int:
    import ctypes  # late: costs 5 ms that start-up does not have

    class How(ctypes.Structure):
        _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))

    how = How(flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    descriptor = syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(root),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return int(descriptor)


@functools.cache
def _has_openat2() -> bool:
    if sys.platform != "linux":
        return False
    try:
        root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(_openat2(root, ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError:  # an older kernel, or a container that filters the call
        return False
    finally:
        os.close(root)
    return True


def _walk(root: int, parts: tuple[str, ...], flags: int) -> int:
    """Open name by name, never following a link in the kernel: each is read, checked and walked from the root again."""
    for _ in range(_LINKS):
        found = _walk_once(root, parts, flags)
        if isinstance(found, int):
            return found
        parts = found
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), "/".join(parts))


def _walk_once(root: int, parts: tuple[str, ...], flags: int) -> int | tuple[str, ...]:
    """Return the descriptor, or the names to walk instead where one of `parts` is a link."""
    folder = os.dup(root)
    try:
        for index, name in enumerate(parts):
            last = index == len(parts) - 1
            wanted = flags if last else os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
                target = os.readlink(name, dir_fd=folder)
                return joined(parts[:index], target) + parts[index + 1 :]
            opened = os.open(name, wanted | os.O_NOFOLLOW, dir_fd=folder)
            if last:
                return opened
            os.close(folder)
            folder = opened
        return os.open(".", flags, dir_fd=folder)
    finally:
        os.close(folder)


def joined(folder: tuple[str, ...], target: str) -> tuple[str, ...]:
    """Return the names a link's target leads to from its folder.

    Raises:
        OSError: EXDEV where they lead out.
    """
    if target.startswith("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), target)
    names = list(folder)
    for name in target.split("/"):
        if name == "..":
            if not names:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), target)
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return tuple(names)
