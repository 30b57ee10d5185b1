"""Programs of one conversation that find each other's variables: what is kept, what still holds, when it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from smol_chat.messages import ToolResult
from smol_chat.tools import ToolWorkbench, preview_call, run_tool
from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome
from smol_chat.tools.sandbox.process import ProcessSandbox
from support.sandbox_escapes import ESCAPES, PRELUDE
from support.tool_context import failure, the_tool, workbench
from tool_impls.execute_python import ExecutePythonSettings

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
MEGABYTE = 1024 * 1024


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[ProcessSandbox]:
    made = ProcessSandbox()
    yield made
    await made.close()


async def run(
    sandbox: ProcessSandbox, code: str, limits: PythonLimits | None = None, keep: str = "one"
) -> PythonOutcome:
    return await sandbox.run_python(code, limits or PythonLimits(seconds=20), keep=keep)


def children() -> set[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in listed}


async def test_variables_functions_classes_and_imports_are_found_again(sandbox: ProcessSandbox) -> None:
    assert not sandbox.keeps("one")
    first = "import math\nx = 2\ndef double(n):\n    print('doubling')\n    return n * x\nclass Box:\n    side = 3"
    assert (await run(sandbox, first)).ended == "done"
    assert sandbox.keeps("one")
    second = await run(sandbox, "x += 1\nBox.side += 1\nprint(math.floor(2.5))\ndouble(5), Box().side")
    assert (second.output, second.value) == ("2\ndoubling\n", "(15, 4)")


async def test_without_being_told_to_nothing_is_kept(sandbox: ProcessSandbox) -> None:
    await run(sandbox, "x = 1", keep="")
    assert "NameError" in (await run(sandbox, "x", keep="")).error


@linux
async def test_another_conversation_finds_nothing_and_ends_what_was_kept(sandbox: ProcessSandbox) -> None:
    before = children()  # other tests may have left some that end in their own time
    await run(sandbox, "x = 1")
    (first,) = children() - before
    assert "NameError" in (await run(sandbox, "x", keep="two")).error
    assert first not in children()
    assert (sandbox.keeps("one"), sandbox.keeps("two")) == (False, True)
    await sandbox.forget()
    assert not children() - before


async def test_an_error_keeps_the_variables_and_names_the_lines_of_the_right_program(sandbox: ProcessSandbox) -> None:
    await run(sandbox, "x = 1\ndef divide(n):\n    return n / 0")
    failed = await run(sandbox, "# one\ndivide(2)")
    assert failed.error == (
        "line 2: divide(2)\nline 3 of an earlier program, in divide: return n / 0\nZeroDivisionError: division by zero"
    )
    assert (await run(sandbox, "x")).value == "1"


async def test_each_program_has_its_own_time_and_its_own_output(sandbox: ProcessSandbox) -> None:
    limits = PythonLimits(seconds=20, output=1000)
    for _ in range(3):
        outcome = await run(sandbox, "print('a' * 900)", limits)
        assert (len(outcome.output), outcome.output_cut) == (901, False)
    assert (await run(sandbox, "print('a' * 2000)", limits)).output_cut
    stopped = await run(sandbox, "while True: pass", PythonLimits(seconds=1))
    assert (stopped.ended, sandbox.keeps("one")) == ("time", False)
    assert "NameError" in (await run(sandbox, "x")).error


async def test_the_limit_on_memory_counts_what_is_kept_and_a_full_process_is_given_up(sandbox: ProcessSandbox) -> None:
    limits = PythonLimits(seconds=20, memory=256 * MEGABYTE)
    assert (await run(sandbox, "kept = bytearray(100 * 1024 * 1024)", limits)).ended == "done"
    assert (await run(sandbox, "more = bytearray(200 * 1024 * 1024)", limits)).ended == "memory"
    assert (await run(sandbox, "more = bytearray(100 * 1024 * 1024)", limits)).ended == "done"


async def test_a_later_program_may_ask_for_time_zones(sandbox: ProcessSandbox) -> None:
    await run(sandbox, "1")
    imports = "from zoneinfo import ZoneInfo\nfrom datetime import datetime\n"
    outcome = await run(sandbox, f"{imports}str(datetime(2026, 1, 1, tzinfo=ZoneInfo('Asia/Tokyo')))")
    assert outcome.value == "'2026-01-01 00:00:00+09:00'"


async def test_no_escape_works_better_where_others_were_tried_before(sandbox: ProcessSandbox) -> None:
    limits = PythonLimits(seconds=5)
    out = [name for name, code in ESCAPES.items() if "ESCAPED" in (await run(sandbox, PRELUDE + code, limits)).output]
    assert out == []


# --- the tool -----------------------------------------------------------------------------------


async def call(bench: ToolWorkbench, code: str, conversation: str = "one") -> ToolResult:
    return await run_tool(the_tool("execute_python"), {"code": code}, bench, conversation=conversation)


async def test_the_setting_decides_and_a_call_outside_of_a_conversation_keeps_nothing(tmp_path: Path) -> None:
    on = {ExecutePythonSettings: ExecutePythonSettings(keep_state=True)}
    async with workbench(tmp_path, settings=on) as bench:
        await call(bench, "x = 1")
        assert (await call(bench, "x")).content == "1"
        assert "NameError" in (await call(bench, "x", conversation="")).content
        await bench.turn_to("one")
        assert (await call(bench, "x")).content == "1"
        await bench.turn_to("two")
        assert "NameError" in (await call(bench, "x")).content
    async with workbench(tmp_path) as bench:
        await call(bench, "x = 1")
        assert "NameError" in (await call(bench, "x")).content


async def test_what_was_lost_is_said(tmp_path: Path) -> None:
    on = {ExecutePythonSettings: ExecutePythonSettings(keep_state=True, seconds=1)}
    async with workbench(tmp_path, settings=on) as bench:
        stopped = "The code was stopped after 1 seconds."
        assert failure(await call(bench, "while True: pass")) == ("timeout", stopped)
        await call(bench, "x = 1")
        lost = f"{stopped} The variables of earlier programs are gone."
        assert failure(await call(bench, "while True: pass")) == ("timeout", lost)


async def test_the_card_says_that_earlier_variables_are_there(tmp_path: Path) -> None:
    on = {ExecutePythonSettings: ExecutePythonSettings(keep_state=True)}
    async with workbench(tmp_path, settings=on) as bench:
        tool = the_tool("execute_python")
        assert (await preview_call(tool, {"code": "x"}, bench, conversation="one")).summary == "Run 1 line of Python."
        await call(bench, "x = 1")
        shown = await preview_call(tool, {"code": "x"}, bench, conversation="one")
    assert shown.summary == "Run 1 line of Python, with the variables of this conversation's earlier programs."
