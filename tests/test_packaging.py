"""The wheel: built, installed into an empty folder, used from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_both_packages_the_themes_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"smol_chat", "tool_impls"}
    assert "smol_chat/py.typed" in names
    assert "tool_impls/py.typed" in names
    assert {f"smol_chat/evaluation/data/{suite}.jsonl" for suite in ("smol200", "natural60")} <= set(names)
    assert len([name for name in names if name.startswith("smol_chat/_themes/") and name.endswith(".toml")]) == 5
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_wheel_works_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """Install into an empty folder beside the dependencies of this environment and start it from elsewhere."""
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    env = {**os.environ, "PYTHONPATH": str(target)}

    def run(*words: str) -> str:
        code = "import sys; from smol_chat.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "--data-dir", str(tmp_path / "data"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=elsewhere, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [sys.executable, "-c", "import smol_chat, tool_impls; print(smol_chat.__file__, tool_impls.__file__)"],
        capture_output=True, text=True, check=True, cwd=elsewhere, env=env,
    ).stdout.split()  # fmt: skip
    assert all(name.startswith(str(target)) for name in where)
    assert "calculate" in run("tools", "list")
    assert "4" in run("tools", "run", "calculate", '{"expression": "2+2"}')
