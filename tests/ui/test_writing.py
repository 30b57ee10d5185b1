"""What is being written: kept over a crash, changed in an editor, found again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.ui.drafts import NEW, Drafts
from smol_chat.ui.editor import edit, editor_command
from support.screen import on_stage
from support.scripted_conversation import DONE, Pause, ScriptedBackend
from support.transcript_app import turn


def test_a_draft_is_kept_for_each_conversation_and_for_its_user_only(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path / "drafts")
    drafts.save("../up", "one\ntwo")
    drafts.save("c2", "other")
    drafts.save("c2", "")
    again = Drafts(tmp_path / "drafts")
    assert (again.read("../up"), again.read("c2"), again.read("c3")) == ("one\ntwo", "", "")
    (file,) = (tmp_path / "drafts").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_so_many_drafts_are_kept(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    for number in range(205):
        drafts.save(f"c{number}", "text")
    assert len(list(tmp_path.glob("*.txt"))) == 200


async def test_what_is_written_and_what_waits_comes_back_after_a_crash(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[Pause()]])) as stage:
        await stage.type("unfinished")
        stage.chat.keep_draft()  # as the clock does twice a second; then the program is gone
        assert Drafts(tmp_path / "drafts").read(NEW) == "unfinished"
        await stage.pilot.press("enter")
        await stage.send("waits")
        await stage.type("half")
        stage.chat.keep_draft()
        assert Drafts(tmp_path / "drafts").read(NEW) == ""
        assert Drafts(tmp_path / "drafts").read("conv-1") == "waits\n\nhalf"
    async with on_stage(ScriptedBackend(tmp_path, past=turn()), conversation="conv-1") as stage:
        assert stage.composer.text == "waits\n\nhalf"


async def test_each_conversation_has_its_own_draft(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[DONE]], past=turn())
    async with on_stage(backend, conversation="conv-1") as stage:
        await stage.type("for the old one")
        backend.conversation.past = []
        await stage.press("ctrl+n")
        await stage.until(lambda: len(backend.opened) == 2 and not stage.composer.text)
        backend.conversation.past = [turn()]
        await stage.chat.open_conversation("conv-1")
        await stage.until(lambda: stage.composer.text == "for the old one")


async def test_what_was_written_before_is_found_by_its_words(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[DONE], [DONE]])) as stage:
        for text in ("weather in Oslo", "weather in Rome"):
            await stage.send(text)
            await stage.until(lambda: stage.backend.conversation.read_to_the_end)
        await stage.press("ctrl+s")
        await stage.until(lambda: "What you wrote before" in stage.text)
        await stage.type("oslo")
        await stage.press("enter")
        assert stage.composer.text == "weather in Oslo"


def script(folder: Path, body: str) -> str:
    file = folder / "my editor"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o700)
    return f"'{file}' --wait"


async def test_the_editor_gets_the_text_and_gives_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", script(tmp_path, 'test "$1" = --wait && printf " and \\033[1mmore\\n" >> "$2"'))
    assert await edit("first\nsecond") == "first\nsecond and ␛[1mmore"


@pytest.mark.parametrize(
    ("editor", "said"),
    [("nowhere-to-be-found", "is not there"), ("'unclosed", "cannot be read"), ("false", "ended with an error")],
)
async def test_an_editor_that_fails_changes_nothing(editor: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(UsageError, match=said):
        await edit("text")


def test_without_a_wish_one_of_the_usual_editors_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"set \$EDITOR"):
        editor_command()
    (tmp_path / "vi").write_text("#!/bin/sh\n")
    (tmp_path / "vi").chmod(0o700)
    assert editor_command() == ["vi"]


async def test_where_no_editor_can_be_opened_the_text_stays(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await stage.type("kept")
        await stage.press("ctrl+g")
        await stage.until(lambda: "editor cannot be opened" in stage.text)
        assert stage.composer.text == "kept"
