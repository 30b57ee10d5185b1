"""Make the picture of the README: the real program, a real model file that follows a script, one call allowed.

.venv/bin/python docs/make_screenshot.py [THEME] [COLUMNS] [ROWS]
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from smol_chat.assembly import Assembly, Options  # noqa: E402
from smol_chat.ui.app import SmolChatApp  # noqa: E402
from smol_chat.ui.screens.chat import ChatScreen  # noqa: E402
from support.gguf_models import write_scripted_model  # noqa: E402  the path above leads to it


def call(name: str, **arguments: object) -> str:
    """Return a tool call as the model writes it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


ROUNDS = [
    [
        "<think>",
        "The notes say what was booked, so I read them. ",
        "The total needs exact arithmetic: ",
        "18 days at 46.50 and the train.",
        "</think>",
        call("read_file", path="trip.md"),
        call("calculate", expression="18 * 46.50 + 129.90"),
    ],
    [
        "Your trip comes to **966.90 €**:\n\n",
        "| item | amount |\n|---|---:|\n| 18 days at 46.50 € | 837.00 € |\n| train | 129.90 € |\n\n",
        "I'll add the total to your notes.",
        call(
            "write_file", path="trip.md", content="# Trip\n\n- 18 days, 46.50 a day\n- train 129.90\n- total 966.90\n"
        ),
    ],
]


async def picture(theme: str, size: tuple[int, int]) -> str:
    """Run the program up to the card of a write and return its screen as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        workspace = home / "travel"
        workspace.mkdir()
        (workspace / "trip.md").write_text("# Trip\n\n- 18 days, 46.50 a day\n- train 129.90\n")
        model = write_scripted_model(home / "scripted-example.gguf", ROUNDS, context_size=16384)
        config = home / "config.toml"
        config.write_text("[model]\ncontext = 16384\n")
        os.environ["HOME"] = folder  # the picture shows ~/travel
        (home / "data").mkdir(mode=0o700)
        (home / "data" / "tour_shown").touch()
        options = Options(model=str(model), workspace=workspace, config=config, data_dir=home / "data")
        assembly = Assembly.create(options)
        app = SmolChatApp(assembly, theme=theme)
        async with app.run_test(size=size) as pilot:

            async def until_asked(name: str) -> None:
                for _ in range(60):
                    await pilot.pause(0.1)
                    screen = app.screen
                    card = screen._dock.card if isinstance(screen, ChatScreen) else None
                    if card is not None and card.request.call.name == name and card.has_focus:
                        await pilot.pause(0.8)  # the pause a card demands before it takes an answer
                        return
                raise TimeoutError(f"no card for {name}")

            await pilot.pause(1.0)
            await pilot.press(*"What does my trip cost? Add it to the notes.", "enter")
            for name in ("read_file", "calculate"):
                await until_asked(name)
                await pilot.press("y")
            await until_asked("write_file")
            svg = app.export_screenshot(title="smol-chat")
        return svg


def main() -> None:
    """Write docs/screenshot.svg."""
    theme = sys.argv[1] if len(sys.argv) > 1 else "smol"
    size = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (100, 44)
    (HERE / "screenshot.svg").write_text(asyncio.run(picture(theme, size)))


if __name__ == "__main__":
    main()
