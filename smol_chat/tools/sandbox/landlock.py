"""Landlock: rules of the kernel on which files a process may reach, set by the process itself, for good.

Nothing but the standard library: scripts without site-packages import this.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Sequence

# linux/landlock.h; the call numbers are the same on every processor.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
"""All rights on files that a version knows; from version 5 on there are sixteen."""
_NET_RIGHTS = 0b11
_SCOPES = 0b11
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi() -> int:
    """Return the version of Landlock in the running kernel, 0 where there is none."""
    return max(_call(_CREATE_RULESET, None, 0, _VERSION_FLAG), 0)


def restrict(version: int, *, read: Sequence[str] = (), write: Sequence[str] = (), network: bool = False) -> None:
    """Keep this process from every file but those beneath `read` and `write`; `no_new_privileges` comes first.

    From version 4 on TCP is denied too unless `network` says otherwise, from version 6 on signals to processes outside.
    Paths that do not exist are left out.

    Raises:
        OSError: the kernel refuses, or a path to write to cannot be opened.
    """
    handled = _FILE_RIGHTS.get(version, (1 << 16) - 1)
    network_rights = _NET_RIGHTS if version >= 4 and not network else 0
    attributes = struct.pack("=QQQ", handled, network_rights, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _must(_call(_CREATE_RULESET, attributes, size, 0))
    try:
        for path in read:
            _allow(ruleset, path, handled & _READING, must_exist=False)
        for path in write:
            _allow(ruleset, path, handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK), must_exist=True)
        _must(_call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int, *, must_exist: bool) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        if must_exist:
            raise
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_A_FILE
        _must(_call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0))
    finally:
        os.close(opened)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Return what the kernel answers, the error number below zero where it refuses."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    answer = int(library.syscall(ctypes.c_long(number), *given))
    return -(ctypes.get_errno() or errno.EINVAL) if answer < 0 else answer


def _must(answer: int) -> int:
    if answer < 0:
        raise OSError(-answer, "Landlock cannot be set")
    return answer
