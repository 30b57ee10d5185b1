"""Prove that a turn without network tools leaves nothing: run one where every way out is watched.

The turn runs in a process of its own, with the real model. Where the kernel allows it, that process and all it starts
have a network of their own that leads nowhere, and the kernel's counters tell whether anything was tried, by Python or
not. In the program's own process every socket that Python opens is audited besides, and refused beyond loopback.
"""

from __future__ import annotations

import asyncio
import ctypes
import ipaddress
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

_SECONDS = 300
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_REMOTE = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"))
_NAMES = frozenset(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"))


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen of one turn."""

    finished: bool
    """The turn came to its end."""
    tokens: int
    isolated: bool
    """The kernel gave the turn no network, and counted."""
    attempts: tuple[str, ...]
    """What would have left this machine."""
    problem: str = ""


def prove(model: Path) -> Proof:
    """Run one turn of a model in a watched process and return what was seen."""
    with tempfile.TemporaryDirectory(prefix="smol-chat-") as folder:
        command = [sys.executable, "-m", "smol_chat.commands.offline_check", str(model), folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return Proof(False, 0, False, (), f"it did not end within {_SECONDS} seconds")
    lines = done.stdout.splitlines()
    try:
        told = json.loads(lines[-1])
        return Proof(**{**told, "attempts": tuple(told["attempts"])})
    except (IndexError, ValueError, TypeError, KeyError):
        return Proof(False, 0, False, (), f"its process ended with code {done.returncode}")


@dataclass(slots=True)
class Watch:
    """Watches what this process and its children try to send."""

    attempts: list[str] = field(default_factory=list)
    isolated: bool = False
    _before: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Take the network away where the kernel allows it, and audit; both stay for the life of the process."""
        self.isolated = _without_network()
        self._before = network_counters() if self.isolated else {}
        sys.addaudithook(self.audit)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Note and refuse what goes beyond loopback.

        Raises:
            PermissionError: for such a thing.
        """
        if event in _REMOTE:
            address = arguments[1] if len(arguments) > 1 else None
            beyond = isinstance(address, tuple) and not _is_loopback(str(address[0]))
        else:
            beyond = event in _NAMES and not _is_loopback(str(arguments[0]))
            address = arguments[0] if arguments else None
        if beyond:
            self.attempts.append(f"{event} {address!r}")
            raise PermissionError("the offline check lets nothing leave this machine")

    def found(self) -> list[str]:
        """Return everything that was tried."""
        after = network_counters() if self.isolated else {}
        grown = [name for name, count in after.items() if count > self._before.get(name, 0)]
        return [*self.attempts, *(f"the kernel counted {name}" for name in grown)]


def _is_loopback(host: str) -> bool:
    if host in ("localhost", "None", ""):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _without_network() -> bool:
    """Move this process, which has one thread, into a network of its own that has no way out."""
    if not sys.platform.startswith("linux"):
        return False
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    return bool(unshare(_NEW_NET) == 0 or unshare(_NEW_USER | _NEW_NET) == 0)


def network_counters() -> dict[str, int]:
    """Return how often this process's network was used, or there was no route for what was to be sent."""
    counters: dict[str, int] = {}
    wanted = {"Ip": ("OutRequests", "OutNoRoutes"), "Tcp": ("ActiveOpens",), "Udp": ("OutDatagrams",)}
    lines = Path("/proc/self/net/snmp").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        protocol = names.partition(":")[0]
        found = dict(zip(names.split()[1:], values.split()[1:], strict=True))
        counters |= {f"{protocol} {name}": int(found[name]) for name in wanted.get(protocol, ())}
    for line in Path("/proc/self/net/snmp6").read_text().splitlines() if Path("/proc/self/net/snmp6").exists() else ():
        name, _, value = line.partition(" ")
        if name in ("Ip6OutNoRoutes", "Udp6OutDatagrams"):
            counters[name] = int(value)
    return counters


async def _turn(model: Path, folder: Path) -> tuple[bool, int, str]:
    """Run one turn and return whether it came to its end, its tokens, and what is said of its end."""
    from smol_chat.agent.consent import ApprovalRequest, Decision  # late: the watch begins before anything is loaded
    from smol_chat.assembly import Assembly, Options, TurnChoices
    from smol_chat.events import TurnFailed, TurnFinished
    from smol_chat.tools.run import run_tool

    class Refuse:
        async def decide(self, request: ApprovalRequest) -> Decision:
            return Decision(False, unattended=True)

    assembly = Assembly.create(Options(model=str(model), data_dir=folder, workspace=folder))
    assembly.settings = replace(assembly.settings, sampling=replace(assembly.settings.sampling, max_tokens=24))
    try:
        # All tools are loaded and one is run; offering them to the model would only make its prompt long.
        choices = TurnChoices(max_rounds=1, temperature=0.0, tools=False)
        conversation = await assembly.open_conversation(Refuse(), None, choices)
        if (calculate := assembly.registry().get("calculate")) is not None:
            await run_tool(calculate, {"expression": "6 * 7"}, assembly.workbench())
        async with aclosing(conversation.run_turn("Say hello.")) as events:
            async for event in events:
                if isinstance(event, TurnFinished):
                    done = event.reason in ("stop", "length", "limit", "refused")
                    return done, event.usage.completion_tokens, event.message
                if isinstance(event, TurnFailed):
                    return False, 0, event.message
    finally:
        await assembly.close()
    return False, 0, ""


def main(arguments: Sequence[str]) -> None:
    """Run the turn under watch and print the proof as the last line."""
    watch = Watch()
    watch.begin()
    finished, tokens, problem = False, 0, ""
    try:
        finished, tokens, problem = asyncio.run(_turn(Path(arguments[0]), Path(arguments[1])))
    except Exception as error:  # the border of this process: what failed is part of the report
        problem = f"{type(error).__name__}: {error}"
    proof = Proof(finished, tokens, watch.isolated, tuple(watch.found()), problem)
    print(json.dumps(asdict(proof)))


if __name__ == "__main__":
    main(sys.argv[1:])
