"""The template of a tool in the documentation, installed as a package of its own: its test passes and it is found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Lay the template out as pip would; returns the environment in which Python finds it."""
    module, test = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (entry_point,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    name, target = re.findall(r"^(\w+) = \"(.+)\"$", entry_point, re.MULTILINE)[0]
    group = re.findall(r"entry-points\.\"(.+)\"", entry_point)[0]
    site = tmp_path / "site"
    files = {
        "my_package/__init__.py": "",
        "my_package/words.py": module,
        "my_package-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n",
        "my_package-1.0.dist-info/entry_points.txt": f"[{group}]\n{name} = {target}\n",
        "tests/test_words.py": test,
    }
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    return {**os.environ, "PYTHONPATH": str(site)}


def test_the_test_of_the_template_passes(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "site" / "tests")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_template_is_found_and_runs(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("apple")
    arguments = ["--data-dir", str(tmp_path / "data"), "--workspace", str(tmp_path), "tools", "run", "look_up_word"]
    done = subprocess.run(
        [sys.executable, "-m", "smol_chat", *arguments, json.dumps({"word": "apple"})],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "apple is a word.\n", "")
