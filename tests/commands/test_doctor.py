"""`smol-chat doctor` looks at what is there and says what to do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from smol_chat.commands.hardware import available_memory, engine_build, total_memory
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
        "terminal",
        "settings",
        "data",
        "model",
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
    assert len(marked) == 12


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


def test_memory_is_told_in_bytes() -> None:
    assert 0 < available_memory() <= total_memory()
    assert total_memory() > 100_000_000
