"""What the screen looks like, as text; `UPDATE_SNAPSHOTS=1 pytest tests/ui/test_snapshots.py` accepts a new look."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from smol_chat.events import ContentDelta, GenerationProgress, ReasoningDelta, ReasoningFinished, RoundStarted
from smol_chat.tools.spec import Effect, Preview
from support.screen import Stage, on_stage
from support.scripted_conversation import DONE, Ask, Pause, ScriptedBackend, Step, request

FOLDER = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 40)]

CODE = "\n".join(["import statistics", "", "values = [4, 8, 15, 16, 23, 42]", *(f"print({n})" for n in range(20))])
WEATHER = request(
    "get_weather",
    {"location": "Oslo", "days": 2},
    preview=Preview("Forecast for Oslo, 2 days", hosts=("api.open-meteo.com", "geocoding-api.open-meteo.com")),
)
PYTHON = request(
    "execute_python",
    {"code": CODE},
    effect=Effect.EXECUTE,
    preview=Preview("Run 23 lines of Python", body=CODE, language="python", isolation="no files, no network"),
    batch=2,
)
WRITE = request(
    "write_file",
    {"path": "notes.txt", "content": "buy milk\n"},
    effect=Effect.WRITE,
    preview=Preview("Write 1 line to notes.txt (new file)", body="+buy milk", language="diff"),
    call_id="call_2",
    position=2,
    batch=2,
)
THOUGHT: list[Step] = [
    RoundStarted(1),
    ReasoningDelta("The user asks about the weather."),
    ReasoningFinished(3200, 148),
    GenerationProgress(96, 22.4, 1590, 4096, False),
]
ANSWER: list[Step] = [
    ContentDelta("Tomorrow in **Oslo**: light rain, 4 to 7 °C.\n\n- Take an umbrella\n- Wind 5 m/s\n\n"),
    ContentDelta("```python\nprint('hello')\n```\n\n| day | °C |\n|---|---:|\n| Mon | 4 |\n| Tue | 7 |\n"),
]


async def empty(stage: Stage) -> None:
    await stage.pilot.pause()


async def answered(stage: Stage) -> None:
    await stage.send("What's the weather in Oslo tomorrow?")
    await stage.until(lambda: "Tue" in stage.text and "F1 help" in stage.text)


async def working(stage: Stage) -> None:
    await stage.send("What's the weather in Oslo tomorrow?")
    await stage.send("And in Rome?")
    await stage.type("/t")
    await stage.until(lambda: "● writing" in stage.text and "/tools" in stage.text)


async def asking(stage: Stage) -> None:
    await stage.send("go")
    await stage.until(lambda: stage.dock.card is not None)
    await stage.until(lambda: "waiting for" in stage.text.splitlines()[-1])


async def listening(stage: Stage) -> None:
    await asking(stage)
    await stage.card_listens()
    await stage.pilot.pause()


async def denied(stage: Stage) -> None:
    await listening(stage)
    await stage.press("w")
    await stage.wait(1.1)
    await stage.type("not now")
    await stage.press("enter")
    await stage.until(lambda: "F1 help" in stage.text)


async def help_page(stage: Stage) -> None:
    await stage.press("f1")
    await stage.until(lambda: "Keys and commands" in stage.text)


async def picking(stage: Stage) -> None:
    await stage.type("/theme")
    await stage.press("enter")
    await stage.until(lambda: "high-contrast" in stage.text)


STATES: dict[str, tuple[Callable[[Stage], Awaitable[None]], list[Step]]] = {
    "empty": (empty, []),
    "answered": (answered, [*THOUGHT, *ANSWER, DONE]),
    "working": (working, [*THOUGHT, *ANSWER]),
    "asking": (asking, [*THOUGHT, Ask((WEATHER,)), DONE]),
    "listening": (listening, [*THOUGHT, Ask((PYTHON, WRITE)), DONE]),
    "denied": (denied, [*THOUGHT, Ask((WEATHER,)), DONE]),
    "help": (help_page, []),
    "picking": (picking, []),
}


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("state", list(STATES))
async def test_the_screen_looks_as_it_looked(tmp_path: Path, state: str, size: tuple[int, int]) -> None:
    bring_about, script = STATES[state]
    # A turn that is still running waits for something that never comes; made here, in this test's event loop.
    backend = ScriptedBackend(tmp_path, [[*script, *([] if DONE in script else [Pause()])]])
    backend.workspace = Path("/srv/notes")
    async with on_stage(backend, size=size) as stage:
        await bring_about(stage)
        shown = stage.text + "\n"
    file = FOLDER / f"{state}-{size[0]}x{size[1]}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(shown, "utf-8")
    assert shown == file.read_text("utf-8")
