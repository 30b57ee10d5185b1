"""Editing the arguments of a call on its card."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.messages import JsonObject, JsonValue
from smol_chat.tools.spec import Effect, Preview
from smol_chat.ui.consent.fields import Field, Kind, UnreadableField, fields_of, written
from smol_chat.ui.consent.form import FieldRow
from smol_chat.ui.consent.inputs import ChoiceField, TextField
from support.screen import Stage, on_stage
from support.scripted_conversation import Ask, ScriptedBackend, request
from support.scripted_inquiry import ScriptedInquiry, asked_back

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "minLength": 1, "description": "A file"},
        "days": {"type": "integer", "minimum": 1, "maximum": 16},
        "mode": {"enum": ["overwrite", "append"]},
        "hidden": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "filter": {"type": "object"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["path", "days"],
    "additionalProperties": False,
}
ARGUMENTS: JsonObject = {"path": "a.txt", "days": 2, "mode": "append", "tags": ["x", "y"], "filter": {"a": [1]}}


def asked(arguments: JsonObject, preview: Preview | None = None, effect: Effect = Effect.READ) -> ApprovalRequest:
    return replace(request("tool", arguments, effect=effect, preview=preview), schema=SCHEMA)


def field(name: str, arguments: JsonObject) -> Field:
    return next(each for each in fields_of(asked(arguments)) if each.name == name)


# --- what is in a field -----------------------------------------------------------------------------


def test_every_argument_of_the_schema_has_a_field_of_its_kind() -> None:
    kinds: dict[str, Kind] = {each.name: each.kind for each in fields_of(asked(ARGUMENTS))}
    assert kinds == {
        "path": "text",
        "days": "number",
        "mode": "choice",
        "hidden": "choice",
        "tags": "list",
        "filter": "json",
        "note": "text",
    }


def test_code_that_the_preview_shows_is_coloured_in_its_field_too() -> None:
    code = "import math\nprint(1)"
    (path, *_) = fields_of(asked({"path": code, "days": 1}, Preview("Run", code, "python")))
    assert (path.kind, path.language) == ("lines", "python")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", " \u202e spaced\t\x1b[31m "),
        ("path", "two\r\nlines"),
        ("note", None),
        ("note", ""),
        ("tags", []),
        ("tags", ["", "a"]),
        ("tags", ["a\nb"]),
        ("filter", {}),
        ("days", 2),
        ("mode", "append"),
    ],
)
def test_a_field_nobody_touched_keeps_its_value_exactly(name: str, value: JsonValue) -> None:
    given = field(name, {**ARGUMENTS, name: value})
    assert written(given, given.text) == (value, True)


def test_an_argument_that_was_not_given_stays_away() -> None:
    given = field("note", ARGUMENTS)
    assert (given.text, written(given, given.text)) == ("", (None, False))
    assert written(given, "hello") == ("hello", True)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("path", "b c", ("b c", True)),
        ("path", "", ("", True)),
        ("note", "", (None, False)),
        ("days", "7", (7, True)),
        ("days", "2.5", (2.5, True)),
        ("days", "seven", ("seven", True)),
        ("tags", "a\n\nb", (["a", "b"], True)),
        ("filter", '{"b": null}', ({"b": None}, True)),
    ],
)
def test_what_is_written_becomes_a_value_of_the_schemas_type(
    name: str, text: str, value: tuple[JsonValue, bool]
) -> None:
    assert written(field(name, {**ARGUMENTS, "note": "old"}), text) == value


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100])
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UnreadableField, match="is no JSON"):
        written(field("filter", ARGUMENTS), text)


# --- on the card ------------------------------------------------------------------------------------


async def editing(stage: Stage) -> None:
    await stage.send("go")
    await stage.card_listens()
    await stage.press("e")
    await stage.wait(1.1)
    await stage.until(lambda: bool(stage.card.query(FieldRow)) and isinstance(stage.app.focused, TextField))


def row(stage: Stage, name: str) -> FieldRow:
    return next(row for row in stage.card.query(FieldRow) if row.field.name == name)


def stage_for(root: Path, inquiry: ScriptedInquiry, arguments: JsonObject = ARGUMENTS) -> ScriptedBackend:
    return ScriptedBackend(root, [[Ask((asked_back(asked(arguments), inquiry),))]])


async def test_an_edited_call_is_shown_anew_and_allowed_by_a_key_of_its_own(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry()
    backend = stage_for(tmp_path, inquiry)
    async with on_stage(backend) as stage:
        await editing(stage)
        await stage.type("x")
        await stage.press("ctrl+s")
        await stage.until(lambda: "As edited" in stage.text)
        assert inquiry.asked == [{**ARGUMENTS, "path": "a.txtx"}]
        assert "✎ changed by you, was: a.txt" in stage.text
        assert backend.conversation.decisions == []
        await stage.press("y")
        await stage.wait(1.1)
        await stage.until(lambda: bool(backend.conversation.decisions))
        (decision,) = [decision for _, decision in backend.conversation.decisions]
        assert decision == inquiry.revisions[0].allow()


async def test_escape_leaves_everything_as_it_was(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry()
    backend = stage_for(tmp_path, inquiry)
    async with on_stage(backend) as stage:
        await editing(stage)
        await stage.type("yyy")
        await stage.press("escape")
        await stage.until(lambda: not stage.card.is_written_in)
        await stage.until(lambda: stage.card.has_focus)
        assert inquiry.asked == []
        assert stage.card.request is inquiry.request
        assert "stopped" not in stage.text
        assert backend.conversation.decisions == []


@pytest.mark.parametrize("key", ["enter", "ctrl+j", "tab", "space", "y", "s"])
async def test_no_key_in_a_field_answers_the_question(tmp_path: Path, key: str) -> None:
    backend = stage_for(tmp_path, ScriptedInquiry())
    async with on_stage(backend) as stage:
        await editing(stage)
        for _ in range(3):
            await stage.press(key)
            await stage.wait(2.0)
        assert backend.conversation.decisions == []
        assert stage.card.is_written_in


async def test_what_does_not_fit_is_said_beneath_its_field_and_goes_nowhere(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry()
    async with on_stage(stage_for(tmp_path, inquiry), size=(80, 40)) as stage:
        await editing(stage)
        await stage.press("tab", "backspace")
        await stage.type("99")
        await stage.until(lambda: "✕ must be at most 16 (got 99)" in stage.text)
        assert "1 to mend" in stage.text
        await stage.press("ctrl+s")
        await stage.pilot.pause()
        assert inquiry.asked == []
        assert row(stage, "days").input.has_focus
        await stage.press("backspace", "backspace", "4")
        await stage.until(lambda: "✕" not in stage.text)
        await stage.press("ctrl+s")
        await stage.until(lambda: inquiry.asked == [{**ARGUMENTS, "days": 4}])


async def test_a_choice_is_made_by_arrows_or_a_click(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry()
    async with on_stage(stage_for(tmp_path, inquiry), size=(100, 40)) as stage:
        await editing(stage)
        await stage.press("tab", "tab", "right")
        hidden = row(stage, "hidden").input
        assert isinstance(hidden, ChoiceField)
        await stage.pilot.click(hidden, offset=(13, 0))
        await stage.press("ctrl+s")
        await stage.until(lambda: bool(inquiry.asked))
        without_mode = {name: value for name, value in ARGUMENTS.items() if name != "mode"}
        assert inquiry.asked == [{**without_mode, "hidden": True}]


async def test_hidden_characters_are_shown_and_kept_unless_edited(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry()
    arguments: JsonObject = {"path": "a\u202eb", "days": 1}
    async with on_stage(stage_for(tmp_path, inquiry, arguments), size=(80, 40)) as stage:
        await editing(stage)
        assert "a⟨U+202E⟩b" in stage.text
        assert "holds hidden characters" in stage.text
        await stage.press("ctrl+s")
        await stage.until(lambda: inquiry.asked == [arguments])


async def test_a_paste_into_a_field_stays_there_and_hides_nothing(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry()
    backend = stage_for(tmp_path, inquiry)
    async with on_stage(backend) as stage:
        await editing(stage)
        stage.app.post_message(events.Paste("y\x1b[31m"))
        await stage.pilot.pause()
        await stage.press("ctrl+s")
        await stage.until(lambda: inquiry.asked == [{**ARGUMENTS, "path": "a.txty␛[31m"}])
        assert stage.composer.text == ""


async def test_arguments_the_rules_forbid_are_said_to_be_and_stay_open(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry(problem="A rule [b]forbids[/b] this.")
    async with on_stage(stage_for(tmp_path, inquiry)) as stage:
        await editing(stage)
        await stage.press("ctrl+s")
        await stage.until(lambda: "A rule [b]forbids[/b] this." in stage.text)
        assert stage.card.is_written_in


async def test_a_stop_while_it_is_worked_out_takes_the_card_down(tmp_path: Path) -> None:
    inquiry = ScriptedInquiry(go_on=asyncio.Event())
    async with on_stage(stage_for(tmp_path, inquiry)) as stage:
        await editing(stage)
        await stage.press("ctrl+s")
        await stage.until(lambda: "working out" in stage.text)
        await stage.chat.wind_down()
        await stage.until(lambda: stage.dock.card is None)
