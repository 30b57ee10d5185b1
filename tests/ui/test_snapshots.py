"""What every screen looks like: its text, its styles in every theme, and whether that can be read.

`UPDATE_SNAPSHOTS=1 pytest tests/ui/test_snapshots.py` accepts a new look. The text of a state and size is a file; the
styles of a theme are a digest of it, in one file for all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from smol_chat.events import (
    ContentDelta,
    FileAttached,
    GenerationProgress,
    MalformedCall,
    Notice,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    TurnFailed,
)
from smol_chat.messages import Attachment
from smol_chat.tools.spec import Effect, Preview
from support.contrast import looked_at, unreadable
from support.screen import Stage, on_stage
from support.scripted_conversation import DONE, Ask, Pause, ScriptedBackend, Step, request

FOLDER = Path(__file__).parent / "snapshots"
DIGESTS = FOLDER / "styles.json"
SIZES = [(80, 24), (200, 60)]
UPDATE = bool(os.environ.get("UPDATE_SNAPSHOTS"))

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
RICH: list[Step] = [
    FileAttached(Attachment("notes.txt", "text", 900, cut=True)),
    *THOUGHT,
    ContentDelta(
        "# One\n## Two\n> quoted *text*\n\n1. a [link](https://example.org)\n2. `code` ~~gone~~\n- [x] done\n\n"
    ),
    ContentDelta("```python\n@wraps\ndef f(x: int) -> str:  # why\n    return 'a' if x > 1 else None\n```\n"),
    ContentDelta("```diff\n-old\n+new\n```\n---\n"),
    MalformedCall('{"name": ', "truncated", "It ends too early."),
    Notice("A result of read_file is shortened."),
    TurnFailed("engine", "The model process ended."),
]


async def empty(stage: Stage) -> None:
    await stage.pilot.pause()


async def answered(stage: Stage) -> None:
    await stage.send("What's the weather in Oslo tomorrow?")
    await stage.until(lambda: "Tue" in stage.text and "F1 help" in stage.text)


async def rich(stage: Stage) -> None:
    await stage.send("show all @notes.txt ")
    await stage.until(lambda: "The model process ended." in stage.text)
    stage.chat.transcript.fold_all_reasoning(False)
    await stage.pilot.pause()


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


async def finding(stage: Stage) -> None:
    await answered(stage)
    await stage.press("ctrl+f")
    await stage.type("oslo")
    await stage.until(lambda: "2 of 2" in stage.text or "1 of 2" in stage.text)


async def attaching(stage: Stage) -> None:
    await stage.type("see @not")
    await stage.until(lambda: "▸ notes.txt" in stage.text)


async def tree(stage: Stage) -> None:
    await attaching(stage)
    await stage.press("tab")
    await stage.until(lambda: "Attach a file" in stage.text)


async def settings(stage: Stage) -> None:
    await stage.press("f2")
    await stage.until(lambda: "Settings" in stage.text)
    await stage.type("max_rounds")
    await stage.press("enter", "x")
    await stage.until(lambda: "no whole number" in stage.text)


async def zoomed(stage: Stage) -> None:
    await answered(stage)
    await stage.press("f4")
    await stage.until(lambda: "Esc goes back" in stage.text)


async def touring(stage: Stage) -> None:
    await stage.send("/tour")
    await stage.until(lambda: "1 of 6" in stage.text)


async def written(stage: Stage) -> None:
    await answered(stage)
    await stage.press("ctrl+s")
    await stage.until(lambda: "What you wrote before" in stage.text)


async def first_start(stage: Stage) -> None:
    await stage.until(lambda: "needs a language model" in stage.text)


STATES: dict[str, tuple[Callable[[Stage], Awaitable[None]], list[Step]]] = {
    "empty": (empty, []),
    "answered": (answered, [*THOUGHT, *ANSWER, DONE]),
    "rich": (rich, RICH),
    "working": (working, [*THOUGHT, *ANSWER]),
    "asking": (asking, [*THOUGHT, Ask((WEATHER,)), DONE]),
    "listening": (listening, [*THOUGHT, Ask((PYTHON, WRITE)), DONE]),
    "denied": (denied, [*THOUGHT, Ask((WEATHER,)), DONE]),
    "help": (help_page, []),
    "picking": (picking, []),
    "finding": (finding, [*THOUGHT, *ANSWER, DONE]),
    "attaching": (attaching, []),
    "tree": (tree, []),
    "settings": (settings, []),
    "zoomed": (zoomed, [*THOUGHT, *ANSWER, DONE]),
    "touring": (touring, []),
    "written": (written, [*THOUGHT, *ANSWER, DONE]),
    "first-start": (first_start, []),
}


async def in_theme(stage: Stage, theme: str) -> tuple[str, list[str]]:
    """Show the same state in a theme; return a digest of its styles, and what cannot be read in it."""
    stage.app.theme = theme
    await stage.pilot.pause()
    await stage.pilot.pause()
    strips = stage.app.screen._compositor.render_strips()
    runs = [(segment.text, str(segment.style)) for strip in strips for segment in strip.simplify()]
    return hashlib.sha256(repr(runs).encode("utf-8")).hexdigest()[:12], unreadable(looked_at(stage.app.screen, strips))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "200x60"])
@pytest.mark.parametrize("state", list(STATES))
async def test_every_screen_looks_as_it_looked_and_can_be_read_in_every_theme(
    tmp_path: Path, state: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # so that no path on the screen is another one each time
    bring_about, script = STATES[state]
    # A turn that is still running waits for something that never comes; made here, in this test's event loop.
    ends = any(isinstance(step, TurnFailed) for step in script) or DONE in script
    backend = ScriptedBackend(Path("data"), [[*script, *([] if ends else [Pause()])]])
    backend.workspace.mkdir()
    for name in ("notes.txt", "not-this.md", "src/main.py"):
        (backend.workspace / name).parent.mkdir(exist_ok=True)
        (backend.workspace / name).write_text("text")
    if state == "first-start":
        backend.model_name = ""
    async with on_stage(backend, size=size, ready=state != "first-start") as stage:
        await bring_about(stage)
        shown = stage.text + "\n"
        themes = {theme: await in_theme(stage, theme) for theme in stage.app.shelf.names}
    name = f"{state}-{size[0]}x{size[1]}"
    assert {theme: bad for theme, (_, bad) in themes.items() if bad} == {}
    digests = {theme: digest for theme, (digest, _) in themes.items()}
    if UPDATE:
        accept(name, shown, digests)
    assert shown == (FOLDER / f"{name}.txt").read_text("utf-8")
    assert digests == json.loads(DIGESTS.read_text())[name]


def accept(name: str, shown: str, digests: dict[str, str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text(shown, "utf-8")
    known = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    DIGESTS.write_text(json.dumps({**known, name: digests}, indent=1, sort_keys=True) + "\n")


def test_no_picture_is_left_of_a_state_that_is_gone() -> None:
    names = {f"{state}-{width}x{height}" for state in STATES for width, height in SIZES}
    assert {file.stem for file in FOLDER.glob("*.txt")} == names
    assert set(json.loads(DIGESTS.read_text())) == names
