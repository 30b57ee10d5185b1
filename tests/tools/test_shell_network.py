"""A command that was granted the network: it connects by IP, and nothing else of its isolation opens."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smol_chat.tools.sandbox.backends import Filtered, seatbelt_profile
from smol_chat.tools.sandbox.base import ShellLimits
from smol_chat.tools.sandbox.shell import IsolatedShell
from support.attacks import py
from support.isolation import CONTAINED

linux = pytest.mark.skipif(sys.platform != "linux", reason="these kinds of isolation are Linux only")


@pytest.fixture(params=[*CONTAINED, Filtered()], ids=lambda backend: backend.isolation.name)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> IsolatedShell:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return IsolatedShell(workspace, backends=[request.param], allow_unisolated=True)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@linux
async def test_only_a_granted_command_connects(shell: IsolatedShell, port: int) -> None:
    command = py(f"s = socket.create_connection(('localhost', {port}))", "True")
    assert "REACHED" not in (await shell.run(command, ShellLimits(seconds=30))).stdout
    assert "REACHED" in (await shell.run(command, ShellLimits(seconds=30), network=True)).stdout


@linux
async def test_only_a_granted_command_is_told_the_name_servers(shell: IsolatedShell) -> None:
    if (await asyncio.to_thread(shell.isolation)).contained:
        assert (await shell.run("cat /etc/resolv.conf", ShellLimits(seconds=30))).code != 0
    assert (await shell.run("cat /etc/resolv.conf", ShellLimits(seconds=30), network=True)).code == 0


@linux
@pytest.mark.parametrize("what", ["unix", "abstract", "listen", "netlink", "raw", "pair of datagrams"])
async def test_what_leads_to_this_machine_stays_closed(what: str, shell: IsolatedShell, tmp_path: Path) -> None:
    abstract = f"smol-chat-granted-{os.getpid()}"
    attempts = {
        "unix": f"socket.socket(socket.AF_UNIX).connect('{tmp_path}/socket')",
        "abstract": f"socket.socket(socket.AF_UNIX).connect(chr(0) + '{abstract}')",
        "listen": "socket.create_server(('127.0.0.1', 0))",
        "netlink": "socket.socket(16, 3, 0)",
        "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "pair of datagrams": "socket.socketpair(type=socket.SOCK_DGRAM)",
    }
    with socket.socket(socket.AF_UNIX) as named, socket.socket(socket.AF_UNIX) as nameless:
        named.bind(f"{tmp_path}/socket")
        nameless.bind(f"\0{abstract}")
        named.listen()
        nameless.listen()
        outcome = await shell.run(py(attempts[what], "True"), ShellLimits(seconds=30), network=True)
    assert "REACHED" not in outcome.stdout
    assert "PermissionError" in outcome.stderr


@linux
async def test_files_outside_stay_closed_to_a_granted_command(shell: IsolatedShell, tmp_path: Path) -> None:
    if not (await asyncio.to_thread(shell.isolation)).contained:
        pytest.skip("this isolation leaves files open, with the network or without")
    (tmp_path / "canary").write_text("canary")
    command = f"cat {tmp_path}/canary; echo x > {tmp_path}/canary; cat /proc/{os.getpid()}/environ; true"
    outcome = await shell.run(command, ShellLimits(seconds=30), network=True)
    assert outcome.stdout == ""
    assert (tmp_path / "canary").read_text() == "canary"


def test_the_profile_for_macos_opens_what_goes_out_and_nothing_else(tmp_path: Path) -> None:
    shut = seatbelt_profile(tmp_path, tmp_path / "private").splitlines()
    opened = seatbelt_profile(tmp_path, tmp_path / "private", network=True).splitlines()
    assert opened[: len(shut)] == shut
    assert [line.split()[1] for line in opened[len(shut) :]] == ["network-outbound", "system-socket)"]
