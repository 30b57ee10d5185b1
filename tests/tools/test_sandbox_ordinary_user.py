"""Every isolation as an ordinary user has it: where the tests run as the administrator, a child gives up all rights."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest

from smol_chat.tools.sandbox.layers import available_layers
from support.isolation import CONTAINED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these kinds of isolation are Linux only")

ROOT = Path(__file__).parents[2]
_NOBODY = 65534


def _copied(folder: Path) -> Path:
    """Copy what the child needs to where every user may read it."""
    library = importlib.util.find_spec("RestrictedPython")
    assert library is not None
    assert library.origin is not None
    leave_out = shutil.ignore_patterns("__pycache__", "ui")
    shutil.copytree(ROOT / "smol_chat", folder / "smol_chat", ignore=leave_out)
    shutil.copytree(Path(library.origin).parent, folder / "RestrictedPython", ignore=leave_out)
    script = folder / "as_ordinary_user.py"
    shutil.copy(ROOT / "tests" / "support" / "as_ordinary_user.py", script)
    shutil.copy(ROOT / "tests" / "support" / "attacks.py", folder)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What came of everything, as the child told it."""
    become = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    # An ordinary user may not reach the administrator's interpreter; the system's is everybody's.
    python = "/usr/bin/python3" if become else sys.executable
    assert Path(python).exists(), "install python3 of the system (3.10 or newer)"
    with tempfile.TemporaryDirectory() as source, tempfile.TemporaryDirectory() as own:
        script = _copied(Path(source))
        if become:
            os.chown(own, _NOBODY, _NOBODY)
        done = subprocess.run(
            [python, "-I", str(script), own],
            capture_output=True,
            text=True,
            check=False,
            env={},
            cwd="/",
            **cast("dict[str, Any]", become),
        )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_it_runs_without_the_administrators_rights(told: dict[str, Any]) -> None:
    assert told["user"] != 0


@pytest.mark.parametrize("name", [backend.isolation.name for backend in CONTAINED])
def test_the_isolation_holds_for_an_ordinary_user(name: str, told: dict[str, Any]) -> None:
    there = told[name]
    assert there["chosen"]
    assert there["through"] == []
    assert there["daemons"] == ["1\n", 0]
    assert there["sleeping"] == "time"
    assert there["bomb"]
    assert there["memory"]
    assert there["network"]


def test_python_runs_locked_for_an_ordinary_user(told: dict[str, Any]) -> None:
    expected = {"name": available_layers().name, "value": "21", "endless": "time", "files": "error"}
    assert told["python"] == expected
