"""Runs commands and programs in each isolation and prints as JSON what came of them; no test library is needed.

Started as a script by any Python 3.10 or newer, as any user, with a copy of the package beside it and an empty folder
of that user's as argument.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent
_EVERY = 4
"""One attack of so many is tried here; `benchmarks/attacks.py` runs as an ordinary user too, with all of them."""
_FORK_BOMB = "f() { f | f & }; f; sleep 1000"


def main() -> None:
    """Run everything and print what came of it."""
    sys.path.insert(0, str(ROOT))
    package = types.ModuleType("smol_chat.tools")  # its own imports need libraries that are not here
    package.__path__ = [str(ROOT / "smol_chat" / "tools")]
    sys.modules["smol_chat.tools"] = package
    print(json.dumps(asyncio.run(_all(Path(sys.argv[1])))))


async def _all(folder: Path) -> dict[str, object]:
    backends = importlib.import_module("smol_chat.tools.sandbox.backends")
    found = [backend for backend in backends.found_backends() if backend.isolation.contained]
    told: dict[str, object] = {"user": os.getuid(), "python": await _python()}
    for number, backend in enumerate(found):
        own = folder / str(number)
        for name in ("workspace", "outside"):
            (own / name).mkdir(parents=True)
        told[backend.isolation.name] = await _shell(backend, own)
    return told


async def _shell(backend: object, folder: Path) -> dict[str, object]:
    attacks = importlib.import_module("attacks")
    base = importlib.import_module("smol_chat.tools.sandbox.base")
    shells = importlib.import_module("smol_chat.tools.sandbox.shell")
    probe = importlib.import_module("smol_chat.tools.sandbox.probe")
    shell = shells.IsolatedShell(folder / "workspace", backends=[backend])
    canary = folder / "outside" / "canary"
    through: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        places = {"outside": str(canary.parent), "pid": str(os.getpid()), "port": str(tcp.getsockname()[1])}
        for name, command in list(attacks.SHELL.items())[::_EVERY]:
            canary.write_text(f"echo {attacks.SECRET}\n")
            before = canary.stat()
            for place, value in {**places, "abstract": "nothing"}.items():
                command = command.replace(f"{{{place}}}", value)
            command = command.replace("{{", "{").replace("}}", "}")
            outcome = await shell.run(command, base.ShellLimits(seconds=2, memory=200_000_000, processes=60))
            said = outcome.stdout + outcome.stderr
            after = canary.stat()
            same = (before.st_mode, before.st_mtime_ns, before.st_size) == (
                after.st_mode,
                after.st_mtime_ns,
                after.st_size,
            )
            if attacks.SECRET in said or "REACHED" in said or not same or list(canary.parent.iterdir()) != [canary]:
                through.append(name)
    mark = f"54321{os.getpid()}"
    daemons = await shell.run(f"setsid sleep {mark} & (setsid sh -c 'sleep {mark} &' &); echo 1", base.ShellLimits())
    sleeping = await shell.run("sleep 1000", base.ShellLimits(seconds=1))
    bomb = await shell.run(_FORK_BOMB, base.ShellLimits(seconds=2, processes=60))
    memory = await shell.run("head -c 900000000 /dev/zero | tail", base.ShellLimits(seconds=20, memory=100_000_000))
    granted = base.ShellLimits(seconds=20)
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        connect = attacks.py(f"s = socket.create_connection(('127.0.0.1', {tcp.getsockname()[1]}))", "True")
        connected = await shell.run(connect, granted, network=True)
    return {
        "chosen": await asyncio.to_thread(probe.choose, [backend]) is backend,
        "through": through,
        "daemons": [daemons.stdout, _running(mark)],
        "sleeping": sleeping.ended,
        "bomb": bomb.ended in ("limit", "time") or "fork" in bomb.stderr.lower(),
        "memory": memory.ended == "limit" or "exhausted" in memory.stderr,
        "network": "REACHED" in connected.stdout,
    }


async def _python() -> dict[str, object]:
    base = importlib.import_module("smol_chat.tools.sandbox.base")
    process = importlib.import_module("smol_chat.tools.sandbox.process")
    sandbox = process.ProcessSandbox()
    limits = base.PythonLimits(seconds=1)
    try:
        kept = [(await sandbox.run_python(code, limits, keep="one")).value for code in ("x = 20", "x + 1")]
        return {
            "name": sandbox.name,
            "value": kept[1],
            "endless": (await sandbox.run_python("while True: pass", limits)).ended,
            "files": (await sandbox.run_python("open('/etc/passwd')", limits)).ended,
        }
    finally:
        await sandbox.close()


def _running(mark: str) -> int:
    found = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found += f"sleep\0{mark}".encode() in (folder / "cmdline").read_bytes()
            except OSError:
                continue
    return found


if __name__ == "__main__":
    main()
