"""What every sandbox can do, for Python programs and for shell commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class PythonLimits:
    """How much one program may take."""

    seconds: float = 10.0
    """Wall clock and processor time."""
    memory: int = 512 * 1024 * 1024
    """Bytes of address space."""
    output: int = 64 * 1024
    """Bytes of text it may print."""


@dataclass(frozen=True, slots=True)
class PythonOutcome:
    """What a program did.

    `ended`: `done`, `error` (an exception or a syntax error), `policy` (the language policy refused it), `time`,
    `memory` or `died` (the process ended on its own).
    """

    ended: Literal["done", "error", "policy", "time", "memory", "died"]
    output: str = ""
    """What it printed, also where it was stopped."""
    value: str | None = None
    """The last expression's value as a REPL shows it."""
    error: str = ""
    """The exception with the program's own lines, or why it was refused."""
    output_cut: bool = False
    """It printed more than was kept."""


class Sandbox(Protocol):
    """A place to run code that nobody has read. Used from one event loop."""

    @property
    def name(self) -> str:
        """Name of the isolation, shown to the user."""
        ...

    @property
    def blocks(self) -> str:
        """What it keeps code from doing: half a sentence for the approval card."""
        ...

    def prepare(self) -> None:
        """Start the next worker ahead of need, so that the call itself is quick."""
        ...

    def keeps(self, conversation: str) -> bool:
        """Tell whether variables of the conversation's programs are there."""
        ...

    async def run_python(self, code: str, limits: PythonLimits, *, keep: str = "") -> PythonOutcome:
        """Run one program in a process of its own that ends with it; cancelling kills it.

        Args:
            code: the program.
            limits: how much it may take.
            keep: the conversation whose programs find each other's variables: they share one process, which ends when
                another conversation wants one, when a program takes too much, or with `forget`. Empty: nothing is kept.

        Raises:
            ToolError: no process could be started (`unavailable`).
        """
        ...

    async def forget(self) -> None:
        """End what a conversation has kept."""
        ...

    async def close(self) -> None:
        """End every process."""
        ...


@dataclass(frozen=True, slots=True)
class Isolation:
    """What shell commands run in."""

    name: str
    blocks: str
    """What it keeps a command from doing, the network aside: sentences for the approval card."""
    contained: bool = True
    """Whether the kernel keeps a command away from files outside the workspace."""
    blocks_network: bool = True
    """Whether the kernel refuses the network to a command that was not granted it."""

    def sentences(self, *, network: bool = False) -> str:
        """Return what it keeps a command from doing, and whether that one reaches the network."""
        if network:
            return f"{self.blocks} The NETWORK IS OPEN to it."
        return f"{self.blocks} It has no network." if self.blocks_network else self.blocks


@dataclass(frozen=True, slots=True)
class ShellLimits:
    """How much one command may take, with all the processes it starts."""

    seconds: float = 60.0
    """Wall clock; each process may use as much processor time."""
    memory: int = 2048 * 1024 * 1024
    """Bytes in use by all its processes."""
    processes: int = 256
    file_size: int = 1024 * 1024 * 1024
    """Bytes a file may grow to."""
    output: int = 64 * 1024
    """Bytes kept of what it prints, of standard output and standard error each: half from the beginning, half from the
    end."""


@dataclass(frozen=True, slots=True)
class ShellOutcome:
    """What a command did. `ended`: `done`, `time` or `limit` (it took too much, as `reason` says)."""

    ended: Literal["done", "time", "limit"]
    stdout: str = ""
    stderr: str = ""
    code: int | None = None
    """Exit code; 128 and the number of the signal where one ended it."""
    reason: str = ""


class Shell(Protocol):
    """A place to run shell commands that nobody has read. Used from one event loop."""

    @property
    def name(self) -> str | None:
        """Name of the isolation, None before it was first tried out."""
        ...

    def isolation(self) -> Isolation:
        """Return what commands run in. Tries it out when first asked, so ask in a thread."""
        ...

    async def run(
        self,
        command: str,
        limits: ShellLimits,
        progress: Callable[[str], None] | None = None,
        *,
        network: bool = False,
    ) -> ShellOutcome:
        """Run one command in the workspace; cancelling kills it and all it started.

        Args:
            command: for `/bin/sh`.
            limits: how much it may take.
            progress: is told the last line printed, now and then.
            network: let it connect to whatever it wants; nothing connects to it.

        Raises:
            ToolError: no isolation is to be had, or no process could be started (`unavailable`).
        """
        ...
