"""Runs shell commands in the strongest isolation that works here, and collects what they print."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.backends import SYSTEM, Backend, found_backends
from smol_chat.tools.sandbox.base import Isolation, ShellLimits, ShellOutcome
from smol_chat.tools.sandbox.command import run_job
from smol_chat.tools.sandbox.probe import choose

REFUSED = (
    "Shell commands cannot be isolated on this machine, so none is run. Install bubblewrap (the package of that name), "
    "or set allow_unisolated_shell = true under [sandbox] to run approved commands with all your rights."
)


class IsolatedShell:
    """Runs each command in a process tree of its own that ends with it."""

    def __init__(
        self, workspace: Path, *, allow_unisolated: bool = False, backends: Sequence[Backend] | None = None
    ) -> None:
        """Take where commands run.

        Args:
            workspace: the folder a command may read and change.
            allow_unisolated: run commands also where the kernel cannot keep them from other files.
            backends: the ways to isolate them, the best first; what this machine has where None.
        """
        self._workspace = workspace
        self._allow_unisolated = allow_unisolated
        self._backends = backends
        self._chosen: Backend | None = None
        self._choosing = threading.Lock()

    @property
    def name(self) -> str | None:
        """Name of the isolation, None before it was first tried out."""
        return None if self._chosen is None else self._chosen.isolation.name

    def isolation(self) -> Isolation:
        """Return what commands run in; tries it out when first asked."""
        return self._backend().isolation

    async def run(
        self,
        command: str,
        limits: ShellLimits,
        progress: Callable[[str], None] | None = None,
        *,
        network: bool = False,
    ) -> ShellOutcome:
        """Run one command in the workspace.

        Raises:
            ToolError: `unavailable` where it cannot be isolated or started.
        """
        backend = await asyncio.to_thread(self._backend)
        if not backend.isolation.contained and not self._allow_unisolated:
            raise ToolError("unavailable", REFUSED)
        if any(Path(path).is_relative_to(self._workspace) for path in SYSTEM):
            raise ToolError(
                "unavailable",
                f"The workspace {str(self._workspace)!r} holds the system itself; choose a folder with --workspace.",
            )
        private = Path(tempfile.mkdtemp(prefix="smol-chat-"))
        try:
            return await run_job(backend.job(command, self._workspace, private, network=network), limits, progress)
        finally:
            shutil.rmtree(private, ignore_errors=True)

    def _backend(self) -> Backend:
        with self._choosing:
            if self._chosen is None:
                self._chosen = choose(found_backends() if self._backends is None else self._backends)
        return self._chosen
