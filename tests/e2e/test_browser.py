"""The screen in a real browser: a turn with an approval given by mouse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.browser import CHROMIUM, browser
from support.openai_server import OpenAIServer, Stream, content, finish, tool_call

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed, so nothing is seen in a browser: apt-get install chromium"
)


@asynccontextmanager
async def served(folder: Path, *options: str) -> AsyncIterator[str]:
    """Run `smol-chat serve` and yield the address it prints."""
    (folder / "work").mkdir()
    command = [
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(folder / "data"),
        "--workspace",
        str(folder / "work"),
        *options,
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "smol_chat", *command, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        said = (await process.stdout.readline()).decode()
        assert said.startswith("Open http://127.0.0.1:")
        yield said.split()[1]
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_a_call_is_allowed_by_mouse_and_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    call = Stream([*tool_call("write_file", '{"path": "n.txt", "content": "forty-two"}'), *finish("tool_calls")])
    answer = Stream([*content("Written ", "as you wished."), *finish()])
    async with (
        OpenAIServer([call, answer]) as server,
        served(tmp_path, "--server", server.url) as address,
        browser() as page,
    ):
        await page.open(address)
        await page.until(lambda: "Write a message" in page.text)
        await page.click("Write a message")
        await page.type("Note it, please\r")
        await page.until(lambda: "allow once" in page.text)
        assert not (tmp_path / "work" / "n.txt").exists()
        await page.click_until("allow once", lambda: "allow once" not in page.text)
        await page.until(lambda: "Written as you wished." in page.text)
        assert (tmp_path / "work" / "n.txt").read_text() == "forty-two"

        await page.type("/quit\r")
        await page.until(lambda: page.sockets_closed == 1)
        ended = await page.evaluate("getComputedStyle(document.getElementById('ended')).display")
        assert ended == "flex"
    own = (address, address.replace("http", "ws", 1), "data:")
    assert [asked for asked in page.addresses if not asked.startswith(own)] == []
