"""The ways to isolate a shell command: each turns a command into a job for the launcher."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict

from smol_chat.tools.sandbox.base import Isolation

SHELL = "/bin/sh"

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/run/current-system")
"""Programs and libraries, which a command may read and run."""

_SETTINGS = (
    "alternatives bash.bashrc ca-certificates crypto-policies debian_version fonts gai.conf gitconfig group host.conf "
    "hostname hosts inputrc java-11-openjdk java-17-openjdk java-21-openjdk ld.so.cache ld.so.conf ld.so.conf.d "
    "locale.alias locale.conf localtime lsb-release magic mailcap mime.types nsswitch.conf os-release passwd perl "
    "pki/ca-trust pki/tls/certs profile protocols python3 services shells ssl/certs ssl/openssl.cnf static terminfo "
    "timezone vimrc xdg"
)
SYSTEM_FILES = tuple(f"/etc/{name}" for name in _SETTINGS.split())
"""What programs read of the system's settings; the rest can hold secrets."""
_NAME_SERVERS = "/etc/resolv.conf"
"""Only a command with the network is told whom to ask for names."""

_TEXT = {"LANG": "C.UTF-8", "TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROC_FILES = tuple(
    f"/proc/{name}" for name in ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version")
)
_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))

_LIMITED = "Time, memory, processes and file sizes are limited, and all it started is killed at the end."


class Job(TypedDict):
    """What the launcher does; all of it is plain data."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    filter: str
    """The filter of kernel calls in hexadecimal, empty for none."""
    inner: bool
    """The program that is started loads the filter, from the descriptor that stands for {filter} in its arguments."""
    landlock: int
    """Version of Landlock that is used, 0 for none."""
    network: bool
    """Landlock leaves TCP alone."""
    read: list[str]
    write: list[str]


class Backend(Protocol):
    """One way to isolate a command."""

    @property
    def isolation(self) -> Isolation:
        """What it is called and keeps a command from doing."""
        ...

    def available(self) -> bool:
        """Tell whether it may be there, at next to no cost; whether it works, only a trial shows."""
        ...

    def job(self, command: str, workspace: Path, private: Path, *, network: bool = False) -> Job:
        """Return the job of one command, which may connect to others where `network` says so.

        `private` is an empty folder of its own.
        """
        ...


def environment(home: str) -> dict[str, str]:
    """Return all a command finds in its environment: nothing of the user's but the time zone."""
    kept = {"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}
    return {"PATH": _PATH, "HOME": home, "TMPDIR": home, **_TEXT, **kept}


def _job(command: str, workspace: Path, home: str) -> Job:
    return Job(
        arguments=[SHELL, "-c", command],
        environment=environment(home),
        folder=str(workspace),
        filter="",
        inner=False,
        landlock=0,
        network=False,
        read=[],
        write=[],
    )


def _command_filter(*, namespaces: bool, network: bool, landlock_abi: int = 0) -> str:
    from smol_chat.tools.sandbox import seccomp  # late: ctypes, and only Linux has it

    machine = os.uname().machine
    return seccomp.command_filter(machine, namespaces=namespaces, landlock_abi=landlock_abi, network=network).hex()


def _filters_supported() -> bool:
    from smol_chat.tools.sandbox import seccomp  # as above

    return seccomp.supported(os.uname().machine)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Namespaces made by `bwrap`: the command sees its own processes and a file system of few parts."""

    program: str | None
    """Path of `bwrap`, None where it is not installed."""
    options: frozenset[str] = frozenset()
    """Options that not every version has."""

    isolation = Isolation(
        "bubblewrap",
        "The kernel lets it read and change the workspace and read the system's programs; it sees no other file "
        f"or process and nothing of your environment. {_LIMITED}",
    )

    def available(self) -> bool:
        """Tell whether it is installed on a machine whose calls can be filtered."""
        return self.program is not None and _filters_supported()

    def job(self, command: str, workspace: Path, private: Path, *, network: bool = False) -> Job:
        """Return the job of one command."""
        assert self.program is not None  # it is available
        job = _job(command, workspace, "/tmp")
        arguments = [self.program, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
        arguments += ["--cap-drop", "ALL", "--clearenv", *(("--share-net",) if network else ())]
        for name, value in job["environment"].items():
            arguments += ["--setenv", name, value]
        if "--disable-userns" in self.options:
            arguments.append("--disable-userns")
        for path in SYSTEM:
            # Of a link only its name is needed: what it leads to is there too.
            link = Path(path).is_symlink()
            arguments += ["--symlink", str(Path(path).readlink()), path] if link else ["--ro-bind-try", path, path]
        for path in (*SYSTEM_FILES, *((_NAME_SERVERS,) if network else ())):
            arguments += ["--ro-bind-try", path, path]
        # Read-only, or the administrator's commands could change settings of the kernel that hold for all.
        arguments += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
        for folder in ("/tmp", "/dev/shm"):
            arguments += [*(("--size", str(_PRIVATE_BYTES)) if "--size" in self.options else ()), "--tmpfs", folder]
        arguments += ["--bind", str(workspace), str(workspace), "--chdir", str(workspace), "--seccomp", "{filter}"]
        # Its own environment is empty too: the command can read it as that of the first process it sees.
        job["arguments"] = [*arguments, "--", *job["arguments"]]
        job.update({"environment": {}, "filter": _command_filter(namespaces=True, network=network), "inner": True})
        return job


_PRIVATE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Landlock:
    """Rules on paths, which need neither a program nor a right to make namespaces."""

    version: int

    @property
    def isolation(self) -> Isolation:
        """What it is called, with what its version leaves out."""
        signals = " Signals to other processes are refused, its own included." if self.version < 6 else ""
        return Isolation(
            "Landlock + seccomp",
            "The kernel lets it read and change the workspace and read the system's programs, and refuses other files "
            "and other programs' processes; names and sizes of other files can still be asked for, "
            f"changes of permissions and times are skipped.{signals} {_LIMITED}",
        )

    def available(self) -> bool:
        """Tell whether kernel and machine have it."""
        return self.version > 0 and _filters_supported()

    def job(self, command: str, workspace: Path, private: Path, *, network: bool = False) -> Job:
        """Return the job of one command."""
        job = _job(command, workspace, str(private))
        job["filter"] = _command_filter(namespaces=False, landlock_abi=self.version, network=network)
        job["landlock"] = self.version
        job["network"] = network
        job["read"] = [*SYSTEM, *SYSTEM_FILES, *_PROC_FILES, *((_NAME_SERVERS,) if network else ())]
        job["write"] = [str(workspace), str(private), *_DEVICES]
        return job


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter on kernel calls and limits: no network, but every file of the user's."""

    isolation = Isolation(
        "seccomp only",
        "NO file isolation: it can read and delete everything that you can. The kernel refuses it other processes. "
        f"{_LIMITED}",
        contained=False,
    )

    def available(self) -> bool:
        """Tell whether the kernel takes filters."""
        return _filters_supported()

    def job(self, command: str, workspace: Path, private: Path, *, network: bool = False) -> Job:
        """Return the job of one command."""
        job = _job(command, workspace, str(private))
        job["filter"] = _command_filter(namespaces=False, network=network)
        return job


@dataclass(frozen=True, slots=True)
class Seatbelt:
    """The sandbox of macOS, with a profile written for each command."""

    program: str = "/usr/bin/sandbox-exec"

    isolation = Isolation(
        "sandbox-exec",
        "The system lets it read and change the workspace and read the system's programs; other files are "
        f"refused, nothing of your environment is handed on. {_LIMITED}",
    )

    def available(self) -> bool:
        """Tell whether the program is there."""
        return Path(self.program).exists()

    def job(self, command: str, workspace: Path, private: Path, *, network: bool = False) -> Job:
        """Return the job of one command."""
        job = _job(command, workspace, str(private))
        job["arguments"] = [
            self.program,
            "-p",
            seatbelt_profile(workspace, private, network=network),
            *job["arguments"],
        ]
        return job


_MAC_SYSTEM = (
    "/bin /sbin /usr /System /Library /opt /Applications /dev /private/etc /private/var/db/dyld "
    "/private/var/db/timezone /private/var/select"
)


_MAC_NETWORK = (
    '(allow network-outbound (remote ip "*:*") (literal "/private/var/run/mDNSResponder"))',
    "(allow system-socket)",
)


def seatbelt_profile(workspace: Path, private: Path, *, network: bool = False) -> str:
    """Return the rules: all is denied that is not named here."""
    readable = " ".join(f"(subpath {_quoted(path)})" for path in _MAC_SYSTEM.split())
    own = " ".join(f"(subpath {_quoted(os.path.realpath(path))})" for path in (workspace, private))
    devices = " ".join(f"(literal {_quoted(path)})" for path in _DEVICES)
    return "\n".join(
        (
            "(version 1)",
            "(deny default)",
            "(allow process-exec process-fork)",
            "(allow signal (target same-sandbox))",
            "(allow sysctl-read)",
            "(allow file-read-metadata)",
            f"(allow file-read* {readable} (literal {_quoted('/')}))",
            f"(allow file-read* file-write* {own})",
            f"(allow file-read* file-write* {devices})",
            "(deny network*)",
            *(_MAC_NETWORK if network else ()),  # of two rules the later one holds
        )
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Limited:
    """Nothing but limits: where there is nothing else."""

    isolation = Isolation(
        "limits only",
        f"NO isolation: it can do everything that you can, on this machine and on the network. {_LIMITED}",
        contained=False,
        blocks_network=False,
    )

    def available(self) -> bool:
        """Tell that it is there, always."""
        return True

    def job(self, command: str, workspace: Path, private: Path, *, network: bool = False) -> Job:
        """Return the job of one command."""
        return _job(command, workspace, str(private))


def found_backends() -> list[Backend]:
    """Return the ways there may be on this machine, the strongest first."""
    if sys.platform == "darwin":
        return [each for each in (Seatbelt(), Limited()) if each.available()]
    if sys.platform != "linux":
        return [Limited()]
    from smol_chat.tools.sandbox import landlock  # late: ctypes, and only Linux has it

    program = shutil.which("bwrap", path=_PATH)
    help_text = ""
    if program is not None:
        asked = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, timeout=10, env={})
        help_text = asked.stdout + asked.stderr
    options = frozenset(option for option in ("--disable-userns", "--size") if f"    {option} " in help_text)
    found: list[Backend] = [Bubblewrap(program, options), Landlock(landlock.abi()), Filtered(), Limited()]
    return [each for each in found if each.available()]
