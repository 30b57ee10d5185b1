"""Import direction by running it: each module in a fresh interpreter, and what it must not bring along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

HEAVY = {
    "textual",
    "rich",
    "llama_cpp",
    "httpx",
    "ddgs",
    "trafilatura",
    "RestrictedPython",
    "jinja2",
    "pygments",
}
"""Packages that cost start-up time or memory: nothing imports them before it needs them."""

MAY_IMPORT = {
    "smol_chat.ui": {"textual", "rich"},
    "smol_chat.tools.sandbox": {"RestrictedPython"},
    "smol_chat.ui.consent.highlight": {"pygments"},
    "smol_chat.protocol.template": {"jinja2"},
    "smol_chat.engine.llama": {"llama_cpp", "jinja2"},
    "smol_chat.engine.prompt": {"llama_cpp", "jinja2"},
    "smol_chat.engine.cache": {"llama_cpp", "jinja2"},
    "smol_chat.engine.checkpoints": {"llama_cpp", "jinja2"},
    "smol_chat.engine.snapshot": {"llama_cpp", "jinja2"},
    "smol_chat.engine.decode": {"llama_cpp", "jinja2"},
    "smol_chat.engine.constrain": {"llama_cpp", "jinja2"},
    "smol_chat.engine.grammar": {"llama_cpp", "jinja2"},
    "smol_chat.engine.tune": {"llama_cpp", "jinja2"},
    "smol_chat.engine.worker": {"llama_cpp", "jinja2"},
}


def _modules(package: str) -> list[str]:
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def _loaded_by(module: str) -> set[str]:
    code = f"import sys, json, importlib; importlib.import_module({module!r}); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def _allowed(module: str) -> set[str]:
    return {name for prefix, names in MAY_IMPORT.items() if module.startswith(prefix) for name in names}


@pytest.mark.parametrize("module", [*_modules("smol_chat"), *_modules("tool_impls")])
def test_a_module_imports_alone_and_brings_nothing_heavy(module: str) -> None:
    if module == "smol_chat.__main__":
        pytest.skip("running it is the command line; tests/test_cli.py does")
    assert _loaded_by(module) & (HEAVY - _allowed(module)) == set()


def test_the_version_loads_next_to_nothing() -> None:
    code = (
        "import sys, contextlib\n"
        "sys.argv = ['smol-chat', '--version']\n"
        "from smol_chat.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(*sorted(name for name in sys.modules if name.startswith('smol_chat')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded <= {"smol_chat", "smol_chat.cli", "smol_chat.errors", "smol_chat.messages"}
