"""What this machine is made of, and what the engine's build makes of it."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from smol_chat.engine.hardware import cores, processor_name

_PROBE = (
    "import json, llama_cpp as l;"
    "print(json.dumps([l.llama_print_system_info().decode(), bool(l.llama_supports_gpu_offload()), l.__version__]))"
)

_CPU_FLAGS = {"avx2": "AVX2", "avx512f": "AVX512", "fma": "FMA", "f16c": "F16C", "asimddp": "DOTPROD"}
"""What Linux calls features of a processor that matter for speed, and what the engine calls them."""


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """What llama.cpp was built with. `missing`: what the processor has and the build does not use."""

    detail: str
    missing: tuple[str, ...]


def engine_build(python: str) -> EngineBuild | None:
    """Ask the engine in a process of its own, because a broken build may end it; None where it cannot be loaded."""
    try:
        asked = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=60)
        info, graphics, version = json.loads(asked.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return None
    used = set(re.findall(r"(\w+) = 1", info))
    known = [
        name for name in ("AVX", "AVX2", "AVX512", "FMA", "F16C", "NEON", "DOTPROD", "CUDA", "Metal") if name in used
    ]
    where = "graphics processor" if graphics else "processor only"
    return EngineBuild(
        f"llama-cpp-python {version}, {where}, {' '.join(known) or 'no special instructions'}",
        tuple(name for flag, name in _CPU_FLAGS.items() if flag in _flags() and name not in used),
    )


def processor() -> str:
    """Return the processor's name and how many cores a model may use."""
    found = cores()
    return f"{processor_name() or platform.processor() or platform.machine()}, {found.count} {found.counted} usable"


def _flags() -> set[str]:
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    return set(found[1].split()) if found else set()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
