"""`smol-chat serve` as it is typed; what it serves is tested in `tests/ui/test_web.py` and in a browser."""

from __future__ import annotations

import pytest

from smol_chat.cli import build_parser
from smol_chat.commands.serve import screen_command
from support.program import Program


def test_the_screen_is_opened_with_the_options_that_were_given() -> None:
    typed = ["--model", "a b", "serve", "--data-dir", "/d", "--theme", "x'y", "--continue", "--port", "0"]
    words = screen_command(build_parser().parse_args(typed))
    assert words[1:3] == ["-m", "smol_chat"]
    again = vars(build_parser().parse_args(words[3:]))
    assert (again["model"], str(again["data_dir"]), again["theme"], again["resume"]) == ("a b", "/d", "x'y", True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--address", "localhost"], "'localhost' is no IP address; --address takes one of this machine"),
        (["--address", "203.0.113.1"], "Port 8321 of 203.0.113.1 cannot be used"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_one_sentence(
    program: Program, options: list[str], sentence: str
) -> None:
    run = program("serve", *options)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith(f"smol-chat: {sentence}")


def test_other_machines_are_let_in_only_with_a_warning(program: Program) -> None:
    run = program("serve", "--address", "203.0.113.1")
    assert run.stderr.startswith(
        "smol-chat: Listening on 203.0.113.1: whoever learns the address below can use your tools"
    )
