"""The documentation says what the program does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from smol_chat.cli import build_parser
from smol_chat.config.edit import default_text
from smol_chat.tools import ToolRegistry

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def shell_blocks(text: str) -> list[list[str]]:
    return [block.strip().splitlines() for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def smol_chat_commands() -> list[str]:
    pages = [README, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))]
    lines = [line for page in pages for block in shell_blocks(page)[2 * (page is README) :] for line in block]
    return [line.partition("| ")[2] or line for line in lines if "smol-chat" in line]


def test_the_first_two_commands_of_the_readme_are_one_line_each() -> None:
    first, second = shell_blocks(README)[:2]
    assert [len(first), len(second)] == [1, 1]
    assert first[0].endswith("smol-chat")
    assert second[0].endswith("pytest")


@pytest.mark.parametrize("command", smol_chat_commands())
def test_every_documented_command_is_understood(command: str) -> None:
    build_parser().parse_args(shlex.split(command)[1:])


def test_the_configuration_page_is_the_default_file() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert default_text().strip() in page


def test_the_tool_table_names_every_tool() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    assert named == set(ToolRegistry.load().names())


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_every_path_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    paths = re.findall(r"`((?:docs|smol_chat|tests|benchmarks|themes|tool_impls)/[\w./]+)`|\((docs/[\w./]+)\)", text)
    missing = [path for pair in paths for path in pair if path and not (ROOT / path).exists()]
    assert missing == []
