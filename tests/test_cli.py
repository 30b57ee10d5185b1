"""The command line as a whole: help, errors, and what a command does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smol_chat import __version__
from smol_chat.cli import build_parser, main
from support.on_terminal import OnTerminal
from support.program import Program

HEAVY = {"textual", "rich", "llama_cpp", "httpx", "trafilatura", "ddgs", "RestrictedPython", "numpy", "jinja2"}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    workspace = tmp_path / "work"
    workspace.mkdir()
    return Program(tmp_path / "data", workspace)


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_version_is_one_line() -> None:
    run = subprocess.run([sys.executable, "-m", "smol_chat", "--version"], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"smol-chat {__version__}\n", "")


def test_the_command_line_is_read_without_importing_anything_of_ours() -> None:
    code = "import sys; from smol_chat.cli import build_parser; build_parser(); print(*sorted(sys.modules))"
    modules = python(code).split()
    assert [name for name in modules if name.startswith("smol_chat")] == ["smol_chat", "smol_chat.cli"]
    heavy = {
        "asyncio",
        "dataclasses",
        "httpx",
        "jinja2",
        "llama_cpp",
        "sqlite3",
        "textual",
        "tomllib",
        "typing_extensions",
    }
    assert not heavy.intersection(modules)


@pytest.mark.parametrize("command", ["models", "history", "tools"])
def test_a_command_does_not_load_what_it_does_not_use(command: str, tmp_path: Path) -> None:
    code = (
        "import sys; from smol_chat.cli import main\n"
        f"assert main([{command!r}, 'list', '--json', '--data-dir', {str(tmp_path)!r}]) == 0\n"
        "print(*sorted(sys.modules))"
    )
    modules = set(python(code).splitlines()[-1].split())
    assert not modules & {
        "textual",
        "rich",
        "llama_cpp",
        "httpx",
        "trafilatura",
        "ddgs",
        "RestrictedPython",
        "numpy",
        "jinja2",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nonsense"], "smol-chat: unrecognized arguments: --nonsense; see smol-chat --help"),
        (["tools", "lst"], "smol-chat tools: argument ACTION: invalid choice: 'lst'"),
        (["ask", "x", "--seed", "-3"], "smol-chat ask: argument --seed: must be a whole number from 0 to 4294967295"),
        (
            ["ask", "x", "--max-rounds", "0"],
            "smol-chat ask: argument --max-rounds: must be a whole number from 1",
        ),
        (["ask", "x", "--temperature", "nan"], "smol-chat ask: argument --temperature: must be a number from 0 to 5"),
        (["ask", "x", "--continue", "--conversation", "a"], "smol-chat ask: argument --conversation: not allowed with"),
        (["tols\x1b[2J"], "smol-chat: argument COMMAND: invalid choice: 'tols\\x1b[2J'"),
        (["ask", "x", "--seed", "\x1b[2J"], "smol-chat ask: argument --seed: must be a whole number"),
        (["--vers"], "smol-chat: unrecognized arguments: --vers; see smol-chat --help"),
    ],
)
def test_a_wrong_command_line_is_one_harmless_sentence_and_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        build_parser().parse_args(arguments)
    printed = capsys.readouterr().err
    assert left.value.code == 2
    assert printed.startswith(sentence)
    assert printed.endswith("--help\n")
    assert printed[:-1].isprintable()


def test_common_options_stand_before_the_command_or_after_it() -> None:
    parser = build_parser()
    before = parser.parse_args(["--model", "m", "--data-dir", "d", "tools", "list", "--json"])
    between = parser.parse_args(["--model", "m", "tools", "--data-dir", "d", "list", "--json"])
    after = parser.parse_args(["tools", "list", "--json", "--model", "m", "--data-dir", "d"])
    assert vars(before) == vars(between) == vars(after)
    assert (after.model, after.data_dir) == ("m", Path("d"))
    assert "server" not in vars(after)


@pytest.mark.parametrize("command", ["tools", "models", "history"])
def test_without_an_action_a_command_lists(command: str) -> None:
    parser = build_parser()
    assert vars(parser.parse_args([command])).items() >= vars(parser.parse_args([command, "list"])).items()


@pytest.mark.parametrize("command", ["", "ask", "tools run", "models use", "history show", "doctor", "completion"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0
    assert "--data-dir" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["doctor", "--config", "/no/such.toml"], None),
        (["tools", "list", "--config", "/no/such.toml"], "There is no settings file '/no/such.toml'; check --config."),
        (["tools", "list", "--workspace", "/no/such"], "The workspace '/no/such' is not a folder:"),
        (
            ["tools", "list", "--data-dir", "/dev/null/x"],
            "The data folder '/dev/null/x' cannot be used (",
        ),
        ([], "The screen needs a terminal; without one ask a question with smol-chat ask."),
    ],
)
def test_a_wrong_option_is_one_sentence(program: Program, arguments: list[str], sentence: str | None) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "smol_chat", "--data-dir", str(program.data_dir), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=program.workspace,
    )
    assert "Traceback" not in run.stderr
    if sentence is None:  # the doctor tells it among its checks
        assert (run.returncode, run.stderr) == (1, "")
        assert "There is no settings file" in run.stdout
    else:
        assert run.returncode == 2
        assert run.stderr.startswith(f"smol-chat: {sentence}")
        assert run.stderr.count("\n") == 1


def test_a_bug_of_ours_is_one_sentence_and_its_traceback_is_in_the_log(program: Program) -> None:
    code = (
        "import sys, smol_chat.journal.store as store; from smol_chat.cli import main\n"
        "def broken(self, limit=100):\n    raise RuntimeError('one\\ntwo')\n"
        "store.Journal.conversations = broken\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "history", "list", "--data-dir", str(program.data_dir)],
        capture_output=True,
        text=True,
        cwd=program.workspace,
    )
    assert run.returncode == 1
    assert run.stderr == (
        "smol-chat: Something went wrong inside smol-chat (RuntimeError: one␊two); the log has the details.\n"
    )
    log = program.data_dir / "logs" / "smol-chat.log"
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_the_first_start_writes_the_commented_settings(program: Program) -> None:
    command = program.command()
    with OnTerminal(command, cwd=program.workspace) as terminal:
        terminal.sees("\x1b[?1049h")  # the screen is there
        terminal.types("\x11")
        terminal.process.wait()
    assert (program.data_dir / "config.toml").read_text().startswith("# Settings of smol-chat.")


def test_python_m_is_the_same_program(program: Program) -> None:
    listed = json.loads(program("tools", "list", "--json").stdout)
    assert {"name", "effect"} <= set(listed[0])
