"""The kernel's layers themselves: what a locked process can still do, and the texts and tables they are made of."""

# ruff: noqa: E501  # programs as they are written

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from smol_chat.tools.sandbox import seccomp
from smol_chat.tools.sandbox.backends import Seatbelt, seatbelt_profile
from smol_chat.tools.sandbox.syscalls import NUMBERS

ROOT = Path(__file__).parents[2]
_SYSTEM_PYTHON = "/usr/bin/python3"
linux = pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux only")

# Runs with any Python 3 and as any user; what it prints got through.
_LOCKED = """
import ctypes, mmap, os, signal, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from smol_chat.tools.sandbox import landlock, seccomp
pid = int(sys.argv[2])
library = ctypes.CDLL(None, use_errno=True)
read_end, write_end = os.pipe()
seccomp.no_new_privileges()
if sys.argv[3] == "both":
    landlock.restrict(landlock.abi())
seccomp.load(seccomp.computing_filter(os.uname().machine))
def executable():
    size = 4096
    library.mmap.restype = ctypes.c_void_p
    if library.mmap(None, ctypes.c_size_t(size), 7, 0x22, -1, 0) in (None, 2 ** 64 - 1): raise OSError("refused")
attempts = {
    "read": lambda: os.open("/etc/passwd", os.O_RDONLY), "write": lambda: os.open("/tmp/attack", os.O_CREAT | os.O_WRONLY),
    "list": lambda: os.listdir("/"), "stat": lambda: os.stat("/etc/passwd"), "access": lambda: os.readlink("/proc/self"),
    "chmod": lambda: os.chmod("/tmp", 0o1777), "unlink": lambda: os.unlink("/tmp/attack"), "mkdir": lambda: os.mkdir("/tmp/attack"),
    "chdir": lambda: os.chdir("/"), "signal": lambda: os.kill(pid, 0), "signal a group": lambda: os.killpg(0, 0),
    "tcp": lambda: socket.socket(), "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": lambda: socket.socket(socket.AF_UNIX), "pair": lambda: socket.socketpair(), "netlink": lambda: socket.socket(16, 3, 0),
    "exec": lambda: os.execv("/bin/true", ["true"]), "fork": os.fork, "thread": lambda: threading.Thread(target=print).start(),
    "pipe": os.pipe, "dup": lambda: os.dup(0), "priority": lambda: os.nice(0) or os.setpriority(os.PRIO_PROCESS, 0, 5),
    "limits": lambda: __import__("_posixsubprocess") and os.sched_setscheduler(0, 0, os.sched_param(0)),
    "set user": lambda: os.setuid(0), "memory file": lambda: os.memfd_create("x"), "executable memory": executable,
    "event": lambda: os.eventfd(0) if hasattr(os, "eventfd") else os.pipe(), "mount": lambda: os.chroot("/"),
}
through = []
for name, attempt in attempts.items():
    try: attempt()
    except (OSError, RuntimeError, ImportError): continue
    through.append(name)
os.write(1, (repr(through) + str(len(attempts)) + str(sum(range(10)))).encode())
os._exit(0)
"""


def _as(user: int | None, layers: str, folder: Path) -> str:
    """Run the locked program and return what got through; `folder` gets what it imports."""
    source = ROOT / "smol_chat" / "tools" / "sandbox"
    package = folder / "smol_chat" / "tools" / "sandbox"
    package.mkdir(parents=True)
    for name in ("landlock", "seccomp", "syscalls"):
        shutil.copy(source / f"{name}.py", package)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    done = subprocess.run(
        [_SYSTEM_PYTHON, "-I", "-S", "-c", _LOCKED, str(folder), str(os.getpid()), layers],
        capture_output=True,
        text=True,
        check=False,
        env={},
        user=user,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@linux
@pytest.mark.parametrize("layers", ["both", "seccomp"])
@pytest.mark.parametrize("user", [None, 65534], ids=["as we are", "ordinary user"])
def test_a_locked_process_computes_and_does_nothing_else(user: int | None, layers: str) -> None:
    assert Path(_SYSTEM_PYTHON).exists(), "install python3 of the system: an ordinary user may not reach ours"
    if user is not None and os.getuid() != 0:
        user = None  # an ordinary user already
    # Not in pytest's own folder, which no other user may enter.
    with tempfile.TemporaryDirectory() as folder:
        assert _as(user, layers, Path(folder)) == "[]2845"


def test_the_numbers_are_those_of_the_kernels_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    known = NUMBERS["x86_64"]
    assert len(set(known.values())) == len(known)
    assert len(set(NUMBERS["aarch64"].values())) == len(NUMBERS["aarch64"])
    if header.exists():
        there = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
        assert {name: there[name] for name in known if name in there} == {n: v for n, v in known.items() if n in there}
    # Calls newer than this have one number on every processor.
    assert {n: v for n, v in known.items() if v >= 424} == {n: v for n, v in NUMBERS["aarch64"].items() if v >= 424}


@pytest.mark.parametrize("machine", NUMBERS)
def test_every_call_a_filter_names_is_known_on_some_machine(machine: str) -> None:
    names = [*seccomp._COMPUTING.split(), *seccomp._REFUSED.split(), *seccomp._METADATA.split(), *seccomp._OF_ONESELF]
    assert [name for name in names if not any(name in numbers for numbers in NUMBERS.values())] == []
    for code in (seccomp.computing_filter(machine), seccomp.command_filter(machine, namespaces=False)):
        assert len(code) % 8 == 0
        assert len(code) // 8 <= 4096


def test_the_profile_for_macos_denies_all_but_what_it_names(tmp_path: Path) -> None:
    workspace = tmp_path / 'a "quoted" \\ place'
    profile = seatbelt_profile(workspace, tmp_path / "private").splitlines()
    assert profile[:2] == ["(version 1)", "(deny default)"]
    assert profile[-1] == "(deny network*)"
    writing = [line for line in profile if "file-write*" in line]
    assert len(writing) == 2
    assert r"a \"quoted\" \\ place" in writing[0]
    assert all(line.count("(") == line.count(")") for line in profile)
    job = Seatbelt().job("echo 1", workspace, tmp_path / "private")
    assert job["arguments"][:2] == ["/usr/bin/sandbox-exec", "-p"]
    assert job["arguments"][-3:] == ["/bin/sh", "-c", "echo 1"]
