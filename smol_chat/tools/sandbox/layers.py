"""What the kernel here adds to the process that runs Python programs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers of the kernel around the language policy and the limits."""

    landlock: bool = False
    """No file can be reached."""
    seccomp: bool = False
    """No call of the kernel but those of computing."""

    @property
    def name(self) -> str:
        """Name of the isolation."""
        found = [name for name, there in (("seccomp", self.seccomp), ("Landlock", self.landlock)) if there]
        return " + ".join(found) or "process + limits"

    @property
    def blocks(self) -> str:
        """What it keeps code from doing, in a sentence."""
        if self.seccomp:
            return (
                "The kernel refuses this process every file, the network, other programs and new processes; your "
                "environment is not handed on, and time and memory are limited."
            )
        return (
            "A separate process without files, network, other programs or your environment by Python's rules, "
            "with limits on time and memory; no isolation by the kernel."
        )


def available_layers() -> Layers:
    """Ask the kernel what it has; whether a layer then holds, each worker tries on itself before it runs anything."""
    if sys.platform != "linux":
        return Layers()
    from smol_chat.tools.sandbox import landlock, seccomp  # late: ctypes, and Linux alone needs them

    if not seccomp.supported(os.uname().machine):
        return Layers()
    return Layers(landlock=landlock.abi() > 0, seccomp=True)
