"""`smol-chat doctor` looks at what is there and says what to do."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from smol_chat.commands.doctor import heat
from smol_chat.commands.hardware import engine_build
from smol_chat.engine.sensors import Sensors
from support.gguf_models import write_scripted_model
from support.program import Program


def checks(program: Program, *arguments: str) -> dict[str, dict[str, str]]:
    report = json.loads(program("doctor", "--json", *arguments).stdout)
    assert report["ok"] == all(check["verdict"] != "fail" for check in report["checks"])
    return {check["name"]: check for check in report["checks"]}


def test_everything_is_looked_at(program: Program, scripted_model: Path) -> None:
    found = checks(program, "--model", str(scripted_model))
    assert list(found) == [
        "program",
        "packages",
        "engine",
        "processor",
        "memory",
        "heat",
        "terminal",
        "settings",
        "data",
        "model",
        "context",
        "threads",
        "ubatch",
        "gpu layers",
        "kv type",
        "repack",
        "flash attention",
        "tools",
        "sandbox",
        "history",
    ]
    assert "llama-cpp-python" in found["engine"]["detail"]
    assert found["model"]["detail"].startswith("script, ")
    assert "calculate" in found["tools"]["detail"]
    assert found["history"]["detail"].startswith("0 conversations")


def test_the_text_has_a_line_for_each_check(program: Program, scripted_model: Path) -> None:
    run = program("doctor", "--model", str(scripted_model))
    assert run.returncode == 0
    assert run.stderr == ""
    marked = [line for line in run.stdout.splitlines() if line[0] in "✓!✗"]
    assert len(marked) == 20


def test_a_folder_open_to_others_is_found_with_the_command_that_closes_it(program: Program) -> None:
    program("history", "list")
    program.data_dir.chmod(0o755)
    data = checks(program)["data"]
    assert data["verdict"] == "warn"
    assert data["advice"] == f"Close it: chmod -R go= {program.data_dir}"


def test_wrong_settings_fail_and_say_where(program: Program) -> None:
    program.data_dir.mkdir()
    (program.data_dir / "config.toml").write_text("[ui]\nbell = 3\n")
    settings = checks(program)["settings"]
    assert settings["verdict"] == "fail"
    assert "line 2: ui.bell" in settings["detail"]
    assert program("doctor").returncode == 1


def test_a_model_that_is_none_fails_and_the_rest_is_still_looked_at(program: Program) -> None:
    found = checks(program, "--model", "/no/such.gguf")
    assert found["model"]["verdict"] == "fail"
    assert "history" in found


def test_an_engine_that_cannot_be_loaded_is_told_from_one_that_can(tmp_path: Path) -> None:
    build = engine_build(sys.executable)
    assert build is not None and build.detail.startswith("llama-cpp-python ")
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -ILL $$\n")
    dying.chmod(0o755)
    assert engine_build(str(dying)) is None
    assert engine_build(str(tmp_path / "none")) is None


def test_how_the_model_would_be_run_is_told_with_reasons(program: Program, scripted_model: Path) -> None:
    program.data_dir.mkdir()
    (program.data_dir / "config.toml").write_text('[model]\nthreads = 2\ncontext = 1024\nkv_type = "q8_0"\n')
    found = checks(program, "--model", str(scripted_model))
    assert found["threads"]["detail"] == "2: as model.threads says"
    assert found["context"]["detail"] == "1,024: as model.context says"
    assert found["kv type"]["detail"] == "q8_0: as model.kv_type says"


def test_a_model_that_does_not_fit_fails_with_numbers(program: Program) -> None:
    model = write_scripted_model(program.workspace / "long.gguf", [["Hello"]])
    huge = struct.pack("<I", 2**31 - 1)
    data = model.read_bytes()
    key = b"llama.feed_forward_length"
    at = data.index(key) + len(key) + 4
    model.write_bytes(data[:at] + huge + data[at + 4 :])  # a header that asks for a terabyte of compute buffers
    found = checks(program, "--model", str(model))
    assert found["model"]["verdict"] == "fail"
    assert "needs 1099" in found["model"]["detail"]
    assert "can be used" in found["model"]["detail"]


def test_what_slows_the_machine_down_is_a_warning() -> None:
    quiet = heat(Sensors(45.4, 7.25, "on mains power", ()), "NVIDIA Jetson Orin Nano")
    assert (quiet.verdict, quiet.detail) == ("ok", "NVIDIA Jetson Orin Nano, 45 °C, 7.2 W, on mains power")
    slow = heat(Sensors(None, None, "", ("its clock is capped at 1.0 of 2.0 GHz",)), "")
    assert slow.verdict == "warn"
    assert "its clock is capped" in slow.detail
    assert heat(Sensors(95.0, None, "", ()), "").verdict == "warn"
    assert heat(Sensors(None, None, "", ()), "").detail == "this system does not tell"


def test_a_whole_turn_is_shown_to_leave_nothing(program: Program, scripted_model: Path) -> None:
    offline = checks(program, "--offline-check", "--model", str(scripted_model))["offline"]
    watched = "the kernel gave it no network and counted no attempt"
    audited = "as far as Python's audit tells"
    assert offline["verdict"] == ("ok" if watched in offline["detail"] else "warn")
    assert watched in offline["detail"] or audited in offline["detail"]
    assert "a turn of script" in offline["detail"]


def test_with_a_server_nothing_can_be_shown(program: Program) -> None:
    offline = checks(program, "--offline-check", "--server", "http://127.0.0.1:9/v1")["offline"]
    assert (offline["verdict"], "every turn leaves" in offline["detail"]) == ("warn", True)


def watched(code: str) -> tuple[bool, list[str]]:
    """Run code under watch in a process of its own; what is tried is refused before it leaves."""
    head = "import json, socket, ctypes\nfrom smol_chat.commands.offline_check import Watch\nw = Watch(); w.begin()\n"
    tail = "\nprint(json.dumps([w.isolated, w.found()]))"
    run = subprocess.run([sys.executable, "-c", head + code + tail], capture_output=True, text=True, check=True)
    isolated, found = json.loads(run.stdout)
    return isolated, found


@pytest.mark.parametrize(
    ("attempt", "event"),
    [
        ("socket.create_connection(('192.0.2.1', 80))", "socket.getaddrinfo"),
        ("socket.socket().connect(('192.0.2.1', 80))", "socket.connect"),
        ("socket.socket().connect_ex(('192.0.2.1', 80))", "socket.connect"),
        ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))", "socket.sendto"),
        ("socket.getaddrinfo('page.test', 80)", "socket.getaddrinfo"),
        ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))", "socket.connect"),
    ],
)
def test_an_attempt_to_leave_is_seen_and_refused(attempt: str, event: str) -> None:
    _, found = watched(f"try:\n    {attempt}\nexcept PermissionError:\n    pass\nelse:\n    raise SystemExit(9)")
    assert len(found) == 1
    assert found[0].startswith(event)


def test_loopback_and_local_sockets_are_no_attempt() -> None:
    code = (
        "s = socket.create_server(('127.0.0.1', 0)) if not w.isolated else None\n"
        "socket.create_connection(s.getsockname()) if s else None\n"
        "socket.socketpair()"
    )
    assert watched(code)[1] == []


def test_what_python_does_not_see_the_kernel_counts() -> None:
    """A child without the audit, and so without the refusal, tries it where the kernel has taken the network away."""
    code = (
        "import subprocess, sys\n"
        "program = \"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))\"\n"
        "subprocess.run([sys.executable, '-c', program], stderr=subprocess.DEVNULL) if w.isolated else None"
    )
    isolated, found = watched(code)
    assert found == (["the kernel counted Ip OutNoRoutes"] if isolated else [])
