from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from smol_chat.events import ContentDelta, ToolFinished
from smol_chat.journal.store import ConversationSummary
from smol_chat.messages import ToolResult
from smol_chat.models.discover import InstalledModel
from smol_chat.tools import Effect, ToolContext, ToolOutput, tool
from smol_chat.tools.egress import Caller
from smol_chat.ui.command_list import COMMANDS, is_command, matching
from support.screen import Stage, on_stage
from support.scripted_conversation import DONE, Pause, ScriptedBackend


@tool(effect=Effect.READ)
async def look_around(place: Annotated[str, "Where"], *, ctx: ToolContext) -> ToolOutput:
    """Say what is [/b] there."""
    return ToolOutput(place)


async def command(stage: Stage, text: str) -> None:
    stage.composer.write(text)
    stage.composer.send()
    await stage.pilot.pause()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/", list(COMMANDS)),
        ("/t", ["theme", "tools", "tool", "tour"]),
        ("/TH", ["theme"]),
        ("/theme ", []),
        ("/zzz", []),
        ("hello /t", []),
        ("/t\nmore", []),
    ],
)
def test_the_list_shows_what_fits(text: str, names: list[str]) -> None:
    assert [found.name for found in matching(text)] == names


def test_a_message_of_several_lines_is_no_command() -> None:
    assert not is_command("/help\nme")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/thme", "There is no command /thme; did you mean /theme?"),
        ("/qqqqqq", "There is no command /qqqqqq; /help lists the commands."),
        ("/new now", "/new takes nothing after its name."),
        ("/offline maybe", "Write /offline on or /offline off."),
        ("/tools maybe", "Write /tools, /tools on, /tools off, or /tools pin"),
        ("/copy everything", "Write /copy for the last answer"),
        ("/theme drak", "There is no theme 'drak'; there are console, dark, high-contrast, light, smol."),
        ("/model missing.gguf", "There is no model 'missing.gguf'; check the path."),
    ],
)
async def test_a_command_that_cannot_be_carried_out_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    async with on_stage(ScriptedBackend(tmp_path), size=(160, 24)) as stage:
        await command(stage, text)
        await stage.until(lambda: sentence in stage.text)
        assert stage.backend.conversation.sent == []


async def test_a_leading_space_sends_it_as_a_message(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[DONE]])) as stage:
        await command(stage, " /etc/hosts, what is it for?")
        await stage.until(lambda: bool(stage.backend.conversation.sent))
        assert stage.backend.conversation.sent == [" /etc/hosts, what is it for?"]


async def test_tab_completes_and_enter_runs_what_the_list_shows(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.type("/th")
        assert "▸ /theme [name]" in stage.text
        await stage.press("tab")
        assert stage.composer.text == "/theme "
        await stage.type("light")
        await stage.press("enter")
        await stage.pilot.pause()
        assert stage.app.theme == "light"


async def test_arrows_choose_in_the_list_and_escape_closes_it(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.type("/t")
        await stage.press("down")
        assert "▸ /tools" in stage.text
        await stage.press("up", "up")
        assert "▸ /tour" in stage.text
        await stage.press("escape")
        assert "▸" not in stage.text
        assert stage.composer.text == "/t"


async def test_a_chosen_theme_is_there_at_the_next_start(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    async with on_stage(backend) as stage:
        await command(stage, "/theme dark")
        await stage.until(lambda: stage.app.theme == "dark")
        await stage.until(lambda: not stage.app.workers._workers)
    assert 'theme = "dark"' in backend.config_file.read_text()


async def test_tools_are_offered_or_not(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await command(stage, "/tools off")
        await stage.until(lambda: "Tools are off from the next message." in stage.text)
        assert stage.backend.conversation.tools_on is False
        await command(stage, "/tools on")
        await stage.until(lambda: "Tools are on" in stage.text)
        assert stage.backend.conversation.tools_on is True


async def test_a_tool_is_chosen_for_the_next_message(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await command(stage, "/tool get_weather")
        await stage.until(lambda: "get_weather is called in the next answer." in stage.text)
        assert stage.backend.conversation.tool_choice == "get_weather"
        await command(stage, "/tool nonsense")
        await stage.until(lambda: "There is no tool 'nonsense'." in stage.text)
        assert stage.backend.conversation.tool_choice == "get_weather"
        await command(stage, "/tool required")
        await stage.until(lambda: "A tool is called in the next answer." in stage.text)


async def test_the_tools_are_listed_with_what_they_do(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.tools.add(look_around)
    async with on_stage(backend) as stage:
        await command(stage, "/tools")
        await stage.until(lambda: "look_around" in stage.text)
        assert "○ reads" in stage.text
        assert "Say what is [/b] there." in stage.text


async def test_the_last_answer_is_copied_as_it_was_written(tmp_path: Path) -> None:
    answer = "**Oslo**\n\n```python\nprint(1)\n```\n"
    async with on_stage(ScriptedBackend(tmp_path, [[ContentDelta(answer), DONE]])) as stage:
        await stage.send("go")
        await stage.until(lambda: "Oslo" in stage.text)
        await command(stage, "/copy")
        await stage.until(lambda: "Copied" in stage.text)
        assert stage.app.clipboard.strip() == answer.strip()
        await command(stage, "/copy code")
        await stage.until(lambda: stage.app.clipboard.strip() == "print(1)")


async def test_there_may_be_nothing_to_copy(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.press("ctrl+y")
        await stage.until(lambda: "There is no answer to copy yet." in stage.text)


async def test_an_earlier_conversation_is_found_by_typing(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.stored = [
        ConversationSummary("id-1", "Weather in Oslo [/b]", "m", 1.0, 2.0, 3),
        ConversationSummary("id-2", "Mail to Ana \x1b[2J", "m", 1.0, 2.0, 1),
    ]
    async with on_stage(backend) as stage:
        await command(stage, "/open")
        await stage.until(lambda: "Weather in Oslo [/b]" in stage.text)
        assert "3 turns" in stage.text
        assert "Mail to Ana ␛[2J" in stage.text
        await stage.type("mail ana")
        await stage.until(lambda: "Weather" not in stage.text)
        await stage.press("enter")
        await stage.until(lambda: backend.opened == [None, "id-2"])


async def test_nothing_is_chosen_on_the_way_out_of_a_list(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await command(stage, "/open")
        await stage.until(lambda: "No conversation is stored that fits." in stage.text)
        await stage.press("enter", "escape")
        await stage.until(lambda: "Conversations" not in stage.text)
        assert stage.backend.opened == [None]


async def test_another_model_is_chosen_from_the_list(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.models = [InstalledModel("other-model", tmp_path / "other.gguf", 2_900_000_000, "folder")]
    async with on_stage(backend) as stage:
        await command(stage, "/model")
        await stage.until(lambda: "2.9 GB · folder" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: backend.used_models == [str(tmp_path / "other.gguf")])


async def test_the_palette_finds_the_same_commands(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.press("ctrl+p")
        await stage.until(lambda: "Search for commands" in stage.text)
        await stage.type("tools")
        await stage.until(lambda: "list the tools" in stage.text)


async def test_help_is_made_of_the_bindings_and_the_commands(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path), size=(120, 160)) as stage:
        await command(stage, "/help")
        await stage.until(lambda: "Keys and commands" in stage.text)
        for part in ("ctrl+r", "PgUp", "ctrl+j  shift+Enter", "deny and tell the model why", "/reasoning [fold|open]"):
            assert part in stage.text, part
        await stage.press("escape")
        await stage.until(lambda: "Keys and commands" not in stage.text)


async def test_commands_work_while_an_answer_is_being_written(tmp_path: Path) -> None:
    pause = Pause()
    async with on_stage(ScriptedBackend(tmp_path, [[pause, DONE]])) as stage:
        await stage.send("go")
        await command(stage, "/stop")
        await stage.until(lambda: "stopped" in stage.text)


async def test_offline_is_said_in_the_top_bar_and_holds_for_the_tools(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path), size=(160, 24)) as stage:
        await command(stage, "/offline on")
        await stage.until(lambda: "Offline: no tool may leave this machine; 0 connections so far" in stage.text)
        assert "tools offline" in stage.text.splitlines()[0]
        assert stage.backend.bench.egress.offline
        await command(stage, "/offline off")
        await stage.until(lambda: "Online: a call you allow may leave" in stage.text)
        assert "tools offline" not in stage.text.splitlines()[0]
        assert not stage.backend.bench.egress.offline


async def test_the_top_bar_counts_what_has_left(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[ToolFinished(ToolResult("1", "get_webpage")), DONE]])
    async with on_stage(backend, size=(160, 24)) as stage:
        assert "\u2197" not in stage.text.splitlines()[0]
        for _ in range(3):
            backend.bench.egress.open(Caller("get_webpage"), "page.test", 80, "93.184.216.34").close()
        await stage.send("go")
        await stage.until(lambda: "\u2197 3" in stage.text.splitlines()[0])


async def test_undo_puts_a_file_back_or_says_why_not(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path)
    backend.workspace.mkdir()
    await backend.bench.files.write_text("a.txt", "one")
    await backend.bench.files.write_text("a.txt", "two")
    async with on_stage(backend, size=(160, 24)) as stage:
        await command(stage, "/undo")
        await stage.until(lambda: "a.txt is again what it was before." in stage.text)
        assert (backend.workspace / "a.txt").read_text() == "one"
        (backend.workspace / "a.txt").write_text("mine")
        await command(stage, "/undo")
        await stage.until(lambda: "'a.txt' has changed since it was written" in stage.text)
        assert (backend.workspace / "a.txt").read_text() == "mine"
