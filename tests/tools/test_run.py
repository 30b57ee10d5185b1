from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import pytest

from smol_chat.errors import ToolError
from smol_chat.messages import Origin
from smol_chat.tools import Effect, Preview, Range, ToolContext, ToolOutput, preview_call, run_tool, tool
from smol_chat.tools.run import capped
from support.tool_context import failure, workbench


@tool(effect=Effect.NETWORK, hosts=("example.org",))
async def speak(text: str, times: Annotated[int, Range(1, 100_000)] = 1, *, ctx: ToolContext) -> ToolOutput:
    """Say it."""
    ctx.progress(f"saying {text}")
    return ToolOutput(text * times, data={"times": times}, origin=Origin.WEB)


@tool(effect=Effect.PURE)
async def refuse(kind: str, *, ctx: ToolContext) -> ToolOutput:
    """Fail."""
    raise ToolError("blocked", f"Not {kind}.")


@tool(effect=Effect.PURE)
async def break_down(*, ctx: ToolContext) -> ToolOutput:
    """Fail unexpectedly."""
    raise ZeroDivisionError("secret detail")


@tool(effect=Effect.WRITE, timeout=0.01)
async def hang(*, ctx: ToolContext) -> ToolOutput:
    """Never end."""
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_result_carries_content_data_origin_and_call(tmp_path: Path) -> None:
    said: list[str] = []
    async with workbench(tmp_path) as bench:
        result = await run_tool(speak, {"text": "hi"}, bench, call_id="c7", progress=said.append)
    assert (result.ok, result.content, result.data, result.origin) == (True, "hi", {"times": 1}, Origin.WEB)
    assert (result.call_id, result.name, result.sandbox, result.full_content) == ("c7", "speak", None, None)
    assert said == ["saying hi"]


async def test_all_wrong_arguments_are_told_together(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        kind, message = failure(await run_tool(speak, {"times": 0, "loud": True}, bench))
    assert kind == "invalid_arguments"
    assert "text" in message
    assert "times" in message
    assert "loud" in message


async def test_an_expected_failure_keeps_kind_and_sentence(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        assert failure(await run_tool(refuse, {"kind": "now"}, bench)) == ("blocked", "Not now.")


async def test_an_unexpected_failure_is_logged_whole_and_told_in_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with workbench(tmp_path) as bench:
        with caplog.at_level(logging.ERROR):
            kind, message = failure(await run_tool(break_down, {}, bench))
    assert (kind, message) == ("failed", "The tool break_down failed unexpectedly (ZeroDivisionError).")
    assert "secret detail" in caplog.text


async def test_a_setting_that_cannot_be_used_is_told_as_it_is(tmp_path: Path) -> None:
    @tool(effect=Effect.NETWORK)
    async def connect(*, ctx: ToolContext) -> ToolOutput:
        """Connect."""
        await ctx.http.check("http://example.test/")
        raise AssertionError

    async with workbench(tmp_path, allow=("http://wrong",)) as bench:
        kind, message = failure(await run_tool(connect, {}, bench))
    assert kind == "unavailable"
    assert message.startswith("network.allow: 'http://wrong' is no host")


async def test_a_tool_that_hangs_is_stopped(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        assert failure(await run_tool(hang, {}, bench)) == ("timeout", "hang was stopped after 0.01 seconds.")


async def test_cancelling_the_call_cancels_the_tool(tmp_path: Path) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    @tool(effect=Effect.PURE)
    async def wait(*, ctx: ToolContext) -> ToolOutput:
        """Wait."""
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    async with workbench(tmp_path) as bench:
        call = asyncio.create_task(run_tool(wait, {}, bench))
        await entered.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert left.is_set()


async def test_a_tool_that_cancels_itself_fails_and_nothing_else_is_cancelled(tmp_path: Path) -> None:
    @tool(effect=Effect.PURE)
    async def give_up(*, ctx: ToolContext) -> ToolOutput:
        """Give up."""
        raise asyncio.CancelledError

    async with workbench(tmp_path) as bench:
        assert failure(await run_tool(give_up, {}, bench)) == ("failed", "give_up stopped itself.")


async def test_a_long_result_is_cut_in_words_and_kept_whole(tmp_path: Path) -> None:
    async with workbench(tmp_path, result_limit=1000) as bench:
        result = await run_tool(speak, {"text": "é", "times": 5000}, bench)
    assert result.full_content == "é" * 5000
    assert result.content.endswith("\n[cut: the first 1,000 of 10,000 bytes are shown]")
    assert result.content.startswith("é" * 500 + "\n")


async def test_a_long_failure_is_cut_too(tmp_path: Path) -> None:
    async with workbench(tmp_path, result_limit=500) as bench:
        result = await run_tool(refuse, {"kind": "x" * 10_000}, bench)
    _, message = failure(result)
    assert len(message) < 600
    assert result.full_content == f"Not {'x' * 10_000}."


def test_a_cut_never_splits_a_character_and_prefers_the_end_of_a_line() -> None:
    assert capped("short", 5) == "short"
    assert capped("ab€", 4).startswith("ab\n[cut: the first 2 of 5")
    lines = "\n".join(["x" * 9] * 100)
    kept = capped(lines, 995).split("\n[cut")[0]
    assert kept == "\n".join(["x" * 9] * 99)
    assert "\ud800" not in capped("\ud800" * 10, 5)


async def test_a_preview_falls_back_to_effect_and_hosts(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(speak, {"text": "x"}, bench)
    assert shown == Preview("Sends the arguments to example.org.", hosts=("example.org",))


async def test_a_preview_never_raises(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @tool(effect=Effect.PURE)
    async def odd(*, ctx: ToolContext) -> ToolOutput:
        """Odd."""
        return ToolOutput("")

    @odd.preview
    async def _(*, ctx: ToolContext) -> Preview:
        raise RuntimeError("broken preview")

    async with workbench(tmp_path) as bench:
        shown = await preview_call(odd, {}, bench)
        wrong = await preview_call(odd, {"x": 1}, bench)
    assert shown.summary == "What odd would do could not be shown; its arguments are all that is known."
    assert "broken preview" in caplog.text
    assert wrong.summary.startswith("This call would fail: Wrong arguments for odd")
