"""The process that runs one shell command and ends everything the command started.

Started as a script, `python -I -S launcher.py ROOT STATUS`, with the folder it imports from and a descriptor. Standard
input brings the job (four bytes of length, JSON) and stays open: its end is the order to stop, so the command also ends
with the program. What came of it goes to the descriptor as one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import struct
import sys
import time
import types
from collections.abc import Iterator
from typing import Any, NoReturn

LENGTH = struct.Struct(">I")

_PACKAGES = ("smol_chat.tools", "smol_chat.tools.sandbox")
_GLANCE_SECONDS, _LOOK_SECONDS = 0.02, 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SUBREAPER, _DEATH_SIGNAL, _DROP_CAPABILITY = 36, 1, 24
_CAPABILITIES = 64
_NEW_PROCESSES = 0x20000000
_LINUX = sys.platform == "linux"


def main() -> None:
    """Run the one command of this process."""
    _import_from(sys.argv[1])
    status = int(sys.argv[2])
    os.set_inheritable(status, False)
    job = json.loads(_exactly(LENGTH.unpack(_exactly(LENGTH.size))[0]))
    _prctl(_SUBREAPER, 1)  # what a process of the command's leaves behind becomes our child
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    alone = _new_process_namespace()
    _come_first()
    child = os.fork()
    if child == 0:
        _die_with_parent()
        if alone:
            _be_first(job, status)
        _become(job, status)
    nothing = os.open(os.devnull, os.O_RDWR)
    for output in (1, 2):
        os.dup2(nothing, output)  # the program sees the end of the output when the last process of the command is gone
    result = _watch(child, woken, job["limits"])
    _end_all(child)
    _tell(status, result)


def _import_from(root: str) -> None:
    """Make our neighbours importable without the packages around them, which import what is not needed here."""
    for name in _PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = [f"{root}/{name.replace('.', '/')}"]
        sys.modules[name] = package
    sys.path.insert(0, root)


def _exactly(size: int) -> bytes:
    read = b""
    while len(read) < size:
        piece = os.read(0, size - len(read))
        if not piece:
            os._exit(0)
        read += piece
    return read


def _tell(status: int, result: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, json.dumps(result).encode())


def _prctl(option: int, value: int) -> None:
    if not _LINUX:
        return
    import ctypes

    ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)


def _die_with_parent() -> None:
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _new_process_namespace() -> bool:
    """Let the next child be the first of a process namespace, with which all the others end; tell whether it will be.

    For the administrator, whom no limit on processes holds: what forks faster than it can be looked for still ends.
    Others may not do this, and do not need it.
    """
    if not _LINUX or os.geteuid() != 0:
        return False
    import ctypes

    return bool(ctypes.CDLL(None).unshare(_NEW_PROCESSES) == 0)


def _come_first() -> None:
    """Run before any number of processes of the command; the kernel lets the administrator alone do so."""
    if _LINUX:
        with contextlib.suppress(OSError):
            policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK  # the command itself is an ordinary process again
            os.sched_setscheduler(0, policy, os.sched_param(1))


def _be_first(job: dict[str, Any], status: int) -> NoReturn:
    """Start the command, collect whatever ends, and end with the command."""
    command = os.fork()
    if command == 0:
        _become(job, status)
    code = None
    while code is None:
        pid, ended = os.wait()
        if pid == command:
            code = os.waitstatus_to_exitcode(ended)
    os._exit(128 - code if code < 0 else code)


# --- the command --------------------------------------------------------------------------------


def _become(job: dict[str, Any], status: int) -> NoReturn:
    """Turn this process into the command, or say why it cannot and end."""
    try:
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(job["folder"])
        _limit(job["limits"])
        arguments = [str(argument) for argument in job["arguments"]]
        if job["inner"]:
            arguments = [argument.replace("{filter}", str(_as_descriptor(job["filter"]))) for argument in arguments]
        else:
            _lock(job)
        os.execve(arguments[0], arguments, job["environment"])
    except BaseException as error:  # the border of this process: it has no one else to tell
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _tell(status, {"ended": "refused", "reason": f"{reason} ({type(error).__name__})"})
    os._exit(125)


def _as_descriptor(filter_hex: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, bytes.fromhex(filter_hex))
    os.close(writing)
    os.set_inheritable(reading, True)
    return reading


def _lock(job: dict[str, Any]) -> None:
    """Give up every right but those of the job for good, and try whether that holds."""
    if not job["filter"]:
        return
    from smol_chat.tools.sandbox import landlock, seccomp

    for capability in range(_CAPABILITIES):  # the administrator's; others have none, and none to take away
        _prctl(_DROP_CAPABILITY, capability)
    seccomp.no_new_privileges()
    if job["landlock"]:
        landlock.restrict(job["landlock"], read=job["read"], write=job["write"], network=job["network"])
    seccomp.load(bytes.fromhex(job["filter"]))
    if not seccomp.refuses_local_sockets():
        raise OSError(0, "the filter of kernel calls does not hold")


def _limit(limits: dict[str, int]) -> None:
    processes = min(limits["processes"] + _own_tasks(), 1_000_000)
    wanted = {
        "CORE": 0,
        "CPU": limits["seconds"],
        "FSIZE": limits["file_size"],
        "NOFILE": 1024,
        "MEMLOCK": 0,
        "NPROC": processes,
        # Programs reserve more than they use; what they all use together is watched.
        "AS": 2 * limits["memory"],
    }
    for name, value in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            if _LINUX:  # macOS takes no limit on address space
                raise


def _own_tasks() -> int:
    """Return how many threads this user runs: the limit on processes counts them all."""
    found, own = 0, os.getuid()
    for process in os.scandir("/proc") if _LINUX else ():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if process.stat().st_uid == own:
                    found += len(os.listdir(f"/proc/{process.name}/task"))  # noqa: PTH208  # pathlib costs 10 ms
    return found


# --- watching it --------------------------------------------------------------------------------


def _watch(child: int, woken: int, limits: dict[str, int]) -> dict[str, object]:
    """Wait for the command's end, the order to stop, or a limit."""
    look_at = time.monotonic() + _LOOK_SECONDS
    many = _tasks() + limits["processes"] // 2
    while True:
        ready = select.select([0, woken], [], [], _GLANCE_SECONDS)[0]
        if 0 in ready:
            return {"ended": "stopped"}
        if woken in ready:
            os.read(woken, 4096)
            code = _reap(child)
            if code is not None:
                return {"ended": "done", "code": code}
        if time.monotonic() >= look_at or _tasks() > many:
            started = time.monotonic()
            over = _over(limits)
            if over:
                return {"ended": "limit", "reason": over}
            # Looking costs more where many processes run; a tenth of one core at most.
            look_at = time.monotonic() + max(_LOOK_SECONDS, 10 * (time.monotonic() - started))


def _tasks() -> int:
    """Return how many threads there are on the whole machine: one small read, and a bomb shows in it at once."""
    if not _LINUX:
        return 0
    with open("/proc/loadavg", "rb") as file:  # noqa: PTH123  # pathlib costs 10 ms
        return int(file.read().split()[3].partition(b"/")[2])


def _reap(child: int) -> int | None:
    """Collect ended processes; return the command's exit code as a shell tells it, once it has ended."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                code = 128 - code if code < 0 else code
    return code


def _over(limits: dict[str, int]) -> str:
    pages = [pages for _, pages in _descendants()]
    if len(pages) > limits["processes"]:
        return f"it started more than {limits['processes']} processes"
    if sum(pages) * _PAGE > limits["memory"]:
        return f"it needed more than {limits['memory'] // 1_048_576} MB of memory"
    return ""


def _descendants() -> list[tuple[int, int]]:
    """Return number and resident pages of each process beneath this one."""
    if not _LINUX:
        return []
    children: dict[int, list[tuple[int, int]]] = {}
    for pid, parent, pages in _processes():
        children.setdefault(parent, []).append((pid, pages))
    found: list[tuple[int, int]] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [pid for pid, _ in below]
    return found


def _processes() -> Iterator[tuple[int, int, int]]:
    """Tell number, parent and resident pages of every process that still runs."""
    for name in os.listdir("/proc"):  # noqa: PTH208  # pathlib costs 10 ms
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  # likewise
            fields = file.read().rpartition(b")")[2].split()
            if len(fields) > 21:
                yield int(name), int(fields[1]), int(fields[21])


def _end_all(child: int) -> None:
    """Kill every process beneath this one, whatever group or session it is in."""
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    _signal(child, signal.SIGKILL)
    stopped: set[int] = set()
    while True:
        found = {pid for pid, _ in _descendants()}
        for pid in found - stopped:  # first to a halt, or one that doubles itself is never caught up with
            _signal(pid, signal.SIGSTOP)
        if found - stopped:
            stopped |= found
            continue
        for pid in found:
            _signal(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, 0 if found else os.WNOHANG)[0] and not found:
                pass
        except ChildProcessError:
            return
        if not _LINUX:
            return


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


if __name__ == "__main__":
    main()
