"""Filters on kernel calls: written here as classic BPF, loaded for good into the process that asks.

Nothing but the standard library: scripts without site-packages import this.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from smol_chat.tools.sandbox.syscalls import AUDIT_ARCHITECTURES, NUMBERS

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
REFUSE = _ERRNO | errno.EPERM
PRETEND = _ERRNO
"""Do nothing and tell the caller that it worked."""
MISSING = _ERRNO | errno.ENOSYS

_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_X32 = 0x40000000
_LOAD, _JUMP_EQUAL, _JUMP_NOT_LESS, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_PROT_EXEC = 4
_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS … CLONE_NEWNET (linux/sched.h)."""
_SET_ID_BITS = 0o6000
_SOCK_TYPE, _SOCK_STREAM, _SOCK_SEQPACKET = 0xF, 1, 5
# TIOCSTI and TIOCLINUX type into a terminal; FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR change a file opened for reading.
_IOCTLS = (0x5412, 0x541C, 0x40086602, 0x401C5820)


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one call.

    `action`; where an argument is looked at, `otherwise` unless it is among `values`.
    """

    name: str
    action: int
    argument: int | None = None
    mask: int = 0xFFFFFFFF
    """Of the argument's lower half: everything looked at is 32 bits wide in the kernel too."""
    values: tuple[int, ...] = (0,)
    otherwise: int = ALLOW


def program(machine: str, rules: Iterable[Rule], default: int) -> bytes:
    """Return a filter for one machine; calls of another architecture end the process."""
    numbers = NUMBERS[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, AUDIT_ARCHITECTURES[machine], 1, 0),
        _step(_RETURN, KILL_PROCESS),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":  # the same architecture by its name, with other numbers
        code += [_step(_JUMP_NOT_LESS, _X32, 0, 1), _step(_RETURN, KILL_PROCESS)]
    for rule in rules:
        if rule.name in numbers:
            body = _body(rule)
            code += [_step(_JUMP_EQUAL, numbers[rule.name], 0, len(body)), *body]
    return b"".join([*code, _step(_RETURN, default)])


def _body(rule: Rule) -> list[bytes]:
    if rule.argument is None:
        return [_step(_RETURN, rule.action)]
    count = len(rule.values)
    tests = [_step(_JUMP_EQUAL, value, count - number, 0) for number, value in enumerate(rule.values)]
    return [
        _step(_LOAD, _ARGUMENTS + 8 * rule.argument),  # both processors are little-endian
        _step(_AND, rule.mask),
        *tests,
        _step(_RETURN, rule.otherwise),
        _step(_RETURN, rule.action),
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


# --- the two filters ----------------------------------------------------------------------------

_COMPUTING = (
    "read readv write writev close poll ppoll lseek munmap brk mremap madvise rt_sigaction rt_sigprocmask rt_sigreturn "
    "sigaltstack clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time futex membarrier getrandom "
    "getpid gettid exit exit_group rseq sched_yield sched_getaffinity getcpu getrusage times sysinfo uname "
    "restart_syscall"
)


def computing_filter(machine: str) -> bytes:
    """Return the filter of a process that only computes: it opens, connects, starts and signals nothing."""
    rules = [Rule(name, ALLOW) for name in _COMPUTING.split()]
    rules += [Rule(name, ALLOW, 2, _PROT_EXEC, otherwise=REFUSE) for name in ("mmap", "mprotect")]
    return program(machine, rules, REFUSE)


_REFUSED = (
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_open pidfd_getfd pidfd_send_signal process_madvise "
    "process_mrelease migrate_pages move_pages unshare setns mount umount2 pivot_root chroot open_tree move_mount "
    "fsopen fsconfig fsmount fspick mount_setattr swapon swapoff reboot sethostname setdomainname settimeofday "
    "clock_settime adjtimex clock_adjtime acct quotactl quotactl_fd syslog iopl ioperm modify_ldt lookup_dcookie "
    "name_to_handle_at open_by_handle_at init_module finit_module delete_module kexec_load kexec_file_load bpf "
    "userfaultfd perf_event_open keyctl add_key request_key io_uring_setup io_uring_enter io_uring_register "
    "fanotify_init fanotify_mark listen accept accept4"
)
_CONNECTING = "socket connect bind"
_INTERNET = (2, 10)
"""AF_INET and AF_INET6."""
_OWN_MACHINE = (
    "shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semctl semtimedop mq_open mq_unlink inotify_add_watch"
)
_METADATA = (
    "chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat utime utimes utimensat futimesat setxattr lsetxattr "
    "fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat file_setattr"
)
_SIGNALS = "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo"
_OF_ONESELF = {
    "prlimit64": 0,
    "setpriority": 1,
    "ioprio_set": 1,
    "sched_setaffinity": 0,
    "sched_setscheduler": 0,
    "sched_setparam": 0,
    "sched_setattr": 0,
}
"""Calls that change a process, and which argument says which one; 0 is the caller."""


def command_filter(machine: str, *, namespaces: bool, landlock_abi: int = 0, network: bool = False) -> bytes:
    """Return the filter of a shell command: no other process, nothing of the machine's own settings, no network.

    Args:
        machine: as `os.uname()` names it.
        namespaces: processes, mounts and messages are its own already, and no file outside can be changed.
        landlock_abi: what Landlock leaves open in its older forms is closed here.
        network: it may connect by IP, and by nothing else: a socket with a name leads to programs of this machine.
    """
    connecting = [Rule("socket", ALLOW, 0, values=_INTERNET, otherwise=REFUSE)] if network else []
    refused = _REFUSED if network else f"{_REFUSED} {_CONNECTING}"
    rules = [
        Rule("clone", ALLOW, 0, _NEW_NAMESPACES, otherwise=REFUSE),
        Rule("clone3", MISSING),  # its flags lie in memory, where no filter sees them; C libraries then use clone
        Rule("ioctl", REFUSE, 1, values=_IOCTLS),
        # Datagrams of a pair could be sent to a named socket all the same.
        Rule("socketpair", ALLOW, 1, _SOCK_TYPE, (_SOCK_STREAM, _SOCK_SEQPACKET), REFUSE),
        *connecting,
        *(Rule(name, REFUSE) for name in refused.split()),
    ]
    if namespaces:
        modes = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2}
        rules += [Rule(name, ALLOW, which, _SET_ID_BITS, otherwise=PRETEND) for name, which in modes.items()]
        return program(machine, rules, ALLOW)
    rules += [Rule(name, REFUSE) for name in _OWN_MACHINE.split()]
    rules += [Rule(name, ALLOW, which, otherwise=REFUSE) for name, which in _OF_ONESELF.items()]
    # No rule on paths covers these. Programs go on when told that it worked; the file stays as it was.
    rules += [Rule(name, PRETEND) for name in _METADATA.split()]
    if landlock_abi < 6:
        rules += [Rule(name, REFUSE) for name in _SIGNALS.split()]
    if landlock_abi < 3:
        rules.append(Rule("truncate", REFUSE))
    return program(machine, rules, ALLOW)


# --- loading ------------------------------------------------------------------------------------


class _Program(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def supported(machine: str) -> bool:
    """Tell whether the kernel takes filters and we know the machine's call numbers."""
    if machine not in NUMBERS:
        return False
    # Without a filter to load, a kernel that knows filters answers that the address is bad.
    return _prctl(_SET_SECCOMP, _MODE_FILTER, None) == errno.EFAULT


def no_new_privileges() -> None:
    """Never gain rights by running a program.

    Raises:
        OSError: the kernel refuses.
    """
    _must(_prctl(_NO_NEW_PRIVS, 1, None), "no_new_privs")


def load(code: bytes) -> None:
    """Filter this process's calls from now on; `no_new_privileges` comes first.

    Raises:
        OSError: the kernel refuses.
    """
    filled = _Program(len(code) // 8, code)
    _must(_prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filled)), "seccomp")


def refuses_local_sockets() -> bool:
    """Try whether the filter of a command holds: with the network or without, none has a socket of this machine."""
    library = ctypes.CDLL(None, use_errno=True)
    return bool(library.socket(1, 1, 0) < 0 and ctypes.get_errno() == errno.EPERM)


def _prctl(option: int, value: int, pointer: object) -> int:
    """Return the error number, 0 where it worked."""
    library = ctypes.CDLL(None, use_errno=True)
    given = ctypes.c_void_p(0) if pointer is None else pointer
    done = library.prctl(option, ctypes.c_ulong(value), given, ctypes.c_ulong(0), ctypes.c_ulong(0))
    return ctypes.get_errno() if done != 0 else 0


def _must(error: int, what: str) -> None:
    if error:
        raise OSError(error, f"{what} cannot be set")
