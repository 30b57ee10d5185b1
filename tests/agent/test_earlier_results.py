"""What a call gave stays readable for the model after it was cut: the real tool, given an earlier result for a path."""

from __future__ import annotations

from pathlib import Path

from smol_chat.agent.shorten import shortened
from smol_chat.agent.toolbox import RegistryToolbox
from smol_chat.messages import JsonValue, Origin, ToolCall, ToolResult
from smol_chat.tools.registry import ToolRegistry
from support.tool_context import workbench

ROWS = "".join(f"row {number}\n" for number in range(1, 4001))
PAGE = ToolResult("call_3", "get_webpage", content=ROWS[:500], full_content=ROWS, origin=Origin.WEB)
ONE_LINE = ToolResult("call_4", "http_request", content="x" * 5000 + "y" * 5000, origin=Origin.WEB)


async def read(tmp_path: Path, **arguments: JsonValue) -> tuple[ToolResult, str]:
    """Return what `read_file` gives, and what its card says."""
    results = {result.call_id: result for result in (PAGE, ONE_LINE)}
    async with workbench(tmp_path) as bench:
        toolbox = RegistryToolbox(ToolRegistry.load(), bench, "c")
        toolbox.earlier = results.get
        call = ToolCall("call_9", "read_file", dict(arguments))
        preview = await toolbox.preview(call)
        return await toolbox.run(call, lambda message: None), preview.summary


async def test_a_result_is_read_on_from_the_line_its_pointer_names(tmp_path: Path) -> None:
    short = shortened(ROWS, "call_3", 600)
    line = int(short.split("start_line ")[1].split()[0])
    result, card = await read(tmp_path, path="result:call_3", start_line=line, end_line=line + 1)
    assert result.content == f"[lines {line} to {line + 1} of 4,000]\nrow {line}\nrow {line + 1}\n"
    assert f"row {line - 1}\n" in short and f"row {line}\n" not in short
    assert card == f"Read the earlier result of get_webpage on, lines {line} to {line + 1}. The model sees its text."


async def test_it_stays_as_untrusted_as_it_was(tmp_path: Path) -> None:
    result, _card = await read(tmp_path, path="result:call_3", start_line=2, end_line=3)
    assert result.origin is Origin.WEB


async def test_a_cut_that_is_read_says_again_where_to_go_on(tmp_path: Path) -> None:
    result, _card = await read(tmp_path, path="result:call_3")
    assert len(result.content) < 17_000
    assert 'read_file with path "result:call_9" and start_line' in result.content


async def test_a_result_without_line_breaks_has_lines_all_the_same(tmp_path: Path) -> None:
    result, _card = await read(tmp_path, path="result:call_4", start_line=13, end_line=13)
    assert result.content.splitlines()[-1] == "x" * 200 + "y" * 200


async def test_a_call_that_never_was_is_not_found(tmp_path: Path) -> None:
    result, card = await read(tmp_path, path="result:call_77")
    assert result.error is not None and result.error.kind == "not_found"
    assert "no earlier result" in result.error.message and "would fail" in card
