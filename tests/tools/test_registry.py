from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smol_chat.tools import ToolRegistry

TOOL = '''
from smol_chat.tools import Effect, ToolContext, ToolOutput, tool

@tool(effect=Effect.PURE)
async def {name}(*, ctx: ToolContext) -> ToolOutput:
    """{description}"""
    return ToolOutput("done")
'''

BUILT_IN = {
    *("calculate", "execute_python", "get_current_datetime", "get_weather", "get_webpage"),
    *("list_directory", "read_file", "shell_command", "web_search", "write_file"),
}


@dataclass(frozen=True)
class Line:
    """One entry point."""

    name: str
    value: str


def write_tool(path: Path, name: str, description: str = "It.") -> None:
    path.write_text(TOOL.format(name=name, description=description))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "some_plugin"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_plugin"]:
        del sys.modules[name]


def test_the_built_in_tools_are_found_through_their_entry_point() -> None:
    registry = ToolRegistry.load()
    assert set(registry.names()) >= BUILT_IN
    assert registry.problems == []
    assert [schema.name for schema in registry.schemas()] == list(registry.names())


def test_a_disabled_tool_is_not_there_and_a_wrong_name_is_said() -> None:
    registry = ToolRegistry.load(disabled=("web_search", "web_serch"))
    assert registry.get("web_search") is None
    assert registry.problems == ["The setting tools.disabled names 'web_serch', which no tool is called."]


def test_a_package_is_walked_and_private_modules_are_not(package: Path) -> None:
    write_tool(package / "one.py", "one")
    write_tool(package / "_two.py", "two")
    (package / "more").mkdir()
    (package / "more" / "__init__.py").write_text("")
    write_tool(package / "more" / "three.py", "three")
    assert ToolRegistry.load(plug_ins=[Line("x", "some_plugin")]).names() == ("one", "three")


def test_an_entry_point_may_name_a_module_or_one_tool(package: Path) -> None:
    write_tool(package / "one.py", "one")
    (package / "pair.py").write_text(
        TOOL.format(name="left", description="L.") + TOOL.format(name="right", description="R.")
    )
    lines = [Line("a", "some_plugin.one"), Line("b", "some_plugin.pair:right")]
    assert ToolRegistry.load(plug_ins=lines).names() == ("one", "right")


def test_a_module_owns_only_the_tools_defined_in_it(package: Path) -> None:
    write_tool(package / "_hidden.py", "hidden")
    (package / "borrower.py").write_text("from some_plugin._hidden import hidden\n")
    registry = ToolRegistry.load(plug_ins=[Line("x", "some_plugin")])
    assert registry.names() == ()
    assert registry.problems == []


def test_a_broken_module_costs_one_sentence_and_no_other_tool(package: Path) -> None:
    write_tool(package / "good.py", "good")
    (package / "bad.py").write_text("import a_module_that_is_not_there\n")
    (package / "worse.py").write_text("raise SystemError('first line\\nsecond line')\n")
    registry = ToolRegistry.load(plug_ins=[Line("gone", "no_such_package"), Line("x", "some_plugin")])
    assert registry.names() == ("good",)
    assert registry.problems == [
        "The tools of no_such_package were left out: No module named 'no_such_package'.",
        "The tools of some_plugin.bad were left out: No module named 'a_module_that_is_not_there'.",
        "The tools of some_plugin.worse were left out: first line.",
    ]


def test_what_is_no_tool_is_refused(package: Path) -> None:
    (package / "thing.py").write_text("thing = 3\n")
    registry = ToolRegistry.load(plug_ins=[Line("x", "some_plugin.thing:thing")])
    assert registry.problems == [
        "The tools of some_plugin.thing:thing were left out: some_plugin.thing:thing is no tool."
    ]


def test_a_name_already_taken_is_refused_and_the_first_stays(package: Path) -> None:
    write_tool(package / "thief.py", "read_file", "Mine now.")
    registry = ToolRegistry.load(plug_ins=[Line("builtin", "tool_impls"), Line("evil", "some_plugin")])
    kept = registry.get("read_file")
    assert kept is not None
    assert kept.module == "tool_impls.read_file"
    assert registry.problems == [
        "The tool read_file of some_plugin.thief was left out: tool_impls.read_file has that name already."
    ]
