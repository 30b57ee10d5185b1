"""What every sandbox can do."""

from __future__ import annotations

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

    async def run_python(self, code: str, limits: PythonLimits) -> PythonOutcome:
        """Run one program in a process of its own that ends with it; cancelling kills it.

        Raises:
            ToolError: no process could be started (`unavailable`).
        """
        ...

    async def close(self) -> None:
        """End every process."""
        ...
