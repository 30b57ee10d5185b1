from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.messages import Origin
from smol_chat.tools import preview_call
from smol_chat.tools.sandbox.layers import available_layers
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.execute_python import ExecutePythonSettings


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("print('a'); print('b')", "a\nb"),
        ("1 + 1", "2"),
        ("print('a')\n'b'", "a\n'b'"),
        ("x = 1", "The code ran and printed nothing."),
    ],
)
async def test_what_the_code_prints_and_its_value_come_back(code: str, content: str, tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        result = await call(bench, "execute_python", code=code)
    assert (result.content, result.origin, result.sandbox) == (content, Origin.PROGRAM, available_layers().name)


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("print('a')\n1 / 0", "failed", "a\nline 2: 1 / 0\nZeroDivisionError: division by zero"),
        ("x = ", "failed", "line 1: x =\nSyntaxError: invalid syntax"),
        ("_x_ = 1", "blocked", "The sandbox does not run this code: Line 1: the name '_x_' is not allowed"),
        ("print('a')\nwhile True: pass", "timeout", "a\nThe code was stopped after 1 seconds."),
        ("x = 'a' * 10 ** 10", "limit", "The code needed more than 256 MB of memory."),
        ("#" * 100_001, "limit", "The code has 100,001 characters; at most 100,000 can be run."),
    ],
)
async def test_each_way_to_fail_has_its_kind(code: str, kind: str, message: str, tmp_path: Path) -> None:
    own = {ExecutePythonSettings: ExecutePythonSettings(seconds=1, memory_mb=256)}
    async with workbench(tmp_path, settings=own) as bench:
        result = await call(bench, "execute_python", code=code)
    assert failure(result) == (kind, message)


async def test_the_preview_shows_the_code_and_where_it_runs(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("execute_python"), {"code": "a = 1\nprint(a)"}, bench)
        assert (await call(bench, "execute_python", code="2")).content == "2"
    assert (shown.summary, shown.body, shown.language) == ("Run 2 lines of Python.", "a = 1\nprint(a)", "python")
    assert shown.isolation.startswith(f"{available_layers().name}: ")
