"""What the commands' tests share: the program, and a real model that follows a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.gguf_models import write_scripted_model
from support.program import Program

CALL = '<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'
CALCULATE = CALL.format(name="calculate", arguments='{"expression": "6*7"}')
WRITE = CALL.format(name="write_file", arguments='{"path": "answer.txt", "content": "42"}')

ROUNDS = (
    (
        "<think>",
        "The user",
        " wants six times seven.",
        "</think>",
        "I will",
        " work it out.\n\n",
        CALCULATE,
        "\n",
        WRITE,
    ),
    ("<think>", "I have it.", "</think>", "It is", " 42", "."),
)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    workspace, data = tmp_path / "work", tmp_path / "data"
    workspace.mkdir()
    return Program(data, workspace)


@pytest.fixture(scope="session")
def scripted_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real model that thinks, asks for two calls, and answers when it has their results."""
    return write_scripted_model(tmp_path_factory.mktemp("models") / "script.gguf", ROUNDS)
