"""The completion scripts, asked by the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from smol_chat.cli import build_parser
from smol_chat.commands.completion import bash, fish, walk, zsh
from support.on_terminal import OnTerminal

NODES = list(walk(build_parser(), ""))

CASES = [
    (["smol-chat", ""], {"ask", "tools", "models", "history", "doctor", "completion"}),
    (["smol-chat", "tools", ""], {"list", "show", "run"}),
    (["smol-chat", "--model", "ask", "tools", "r"], {"run"}),
    (["smol-chat", "ask", "--sh"], {"--show-reasoning"}),
    (["smol-chat", "--ver"], {"--version"}),
    (["smol-chat", "history", "list", "--lim"], {"--limit"}),
    (["smol-chat", "completion", "z"], {"zsh"}),
    (["smol-chat", "--data-dir", "fold"], {"folder"}),
    (["smol-chat", "--model", "mod"], {"model file.gguf"}),
    (["smol-chat", "models", "info", "mod"], {"model file.gguf"}),
]


def shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed, so its script cannot be tried")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "model file.gguf").touch()
    return tmp_path


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_bash_completes(words: list[str], expected: set[str], place: Path) -> None:
    (place / "completions").write_text(bash(NODES))
    asked = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _smol_chat; printf "%s\\n" "${COMPREPLY[@]}"'
    ask = f"source ./completions; {asked}"
    run = subprocess.run([shell("bash"), "-c", ask, "bash", *words], cwd=place, capture_output=True, text=True)
    assert run.stderr == ""
    found = set(run.stdout.splitlines())
    assert expected <= found if words[-1] == "" else expected == found


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_fish_completes(words: list[str], expected: set[str], place: Path) -> None:
    (place / "completions").write_text(fish(NODES))
    line = " ".join(words)
    run = subprocess.run(
        [shell("fish"), "--no-config", "-c", "source ./completions; complete -C $argv[1]", line],
        cwd=place,
        capture_output=True,
        text=True,
        env={"HOME": str(place), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    assert run.stderr == ""
    found = {row.partition("\t")[0].rstrip("/").replace("\\", "") for row in run.stdout.splitlines()}
    assert expected <= found


def test_zsh_reads_the_script(place: Path) -> None:
    (place / "_smol-chat").write_text(zsh(NODES))
    run = subprocess.run([shell("zsh"), "-f", "-n", "_smol-chat"], cwd=place, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("smol-chat tools ", ["list the tools", "run one tool as an approved call would run"]),
        ("smol-chat ask --s", ["--seed", "fixed start of the randomness", "--server", "--system"]),
        ("smol-chat completion ", ["bash", "fish", "zsh"]),
    ],
)
def test_zsh_completes_with_descriptions(typed: str, expected: list[str], place: Path) -> None:
    (place / "_smol-chat").write_text(zsh(NODES))
    environment = {"HOME": str(place), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", "COLUMNS": "120"}
    with OnTerminal([shell("zsh"), "-f", "-i"], cwd=place, environment=environment) as terminal:
        terminal.types(f"fpath=({place} $fpath); autoload -Uz compinit; compinit -u -D; echo REA''DY\n")
        terminal.sees("READY")
        terminal.types(f"{typed}\t")
        for text in expected:
            terminal.sees(text)
        terminal.types("\x15exit\n")


def test_every_command_and_option_is_in_every_script() -> None:
    scripts = [bash(NODES), zsh(NODES), fish(NODES)]
    for node in NODES:
        for script in scripts:
            assert all(word in script for word in node.words)
    for script in scripts:
        assert all(option in script for option in ("allow", "temperature", "data-dir", "show-reasoning"))
