"""A call's arguments to edit, one field each, checked against the tool's schema with every key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.messages import JsonObject, JsonValue
from smol_chat.ui.consent.fields import (
    NOT_SET,
    Field,
    UnreadableField,
    arguments_of,
    fields_of,
    found_problems,
    written,
)
from smol_chat.ui.consent.inputs import ChoiceField, TextField
from smol_chat.ui.consent.lines import exact

_HIDES = "holds hidden characters, shown as symbols; edited, the symbols are what is sent"
_NAME_WIDTH = 16


class FieldRow(Vertical):
    """Name, field, and what is wrong with it."""

    DEFAULT_CSS = """
    FieldRow {
        height: auto;
        Horizontal { height: auto; }
        .row--name { width: 18; color: $text-muted; }
        .row--field { width: 1fr; height: auto; }
        .row--problem { display: none; height: auto; padding-left: 19; color: $text-error; }
        &.-wrong .row--problem, &.-hides .row--problem { display: block; }
        &.-hides .row--problem { color: $text-warning; }
        &.-wrong .row--problem { color: $text-error; }
    }
    """

    def __init__(self, field: Field) -> None:
        super().__init__(classes="-hides" if field.hides else None)
        self.field = field
        self.input: TextField | ChoiceField = _input(field)
        self._problem = Static(Content(_HIDES if field.hides else ""), classes="row--problem")

    def compose(self) -> ComposeResult:
        """Lay out name and field side by side."""
        with Horizontal():
            yield Static(Content(_label(self.field)), classes="row--name")
            with Vertical(classes="row--field"):
                yield self.input
        yield self._problem

    def value(self) -> tuple[JsonValue, bool]:
        """Return what is in the field, and whether the call has the argument.

        Raises:
            UnreadableField: it is no value at all.
        """
        if isinstance(self.input, TextField):
            return written(self.field, self.input.text)
        name, value = self.field.options[self.input.chosen]
        return value, self.field.shape.required or name != NOT_SET or value is not None

    def show(self, problem: str) -> None:
        """Show what is wrong; nothing for an empty sentence."""
        self.set_class(bool(problem), "-wrong")
        said = f"✕ {exact(problem)}" if problem else _HIDES if self.field.hides else ""
        self._problem.update(Content(said))


class ConsentForm(VerticalScroll, can_focus=False):
    """All fields. Nothing happens by it: what was written has to be looked at and allowed like any call."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back, nothing changed", show=False),
        Binding("ctrl+s", "review", "Show what the edited call would do", show=False),
        Binding("tab", "go('next')", "The next field", show=False),
        Binding("shift+tab", "go('previous')", "The field before", show=False),
    ]
    DEFAULT_CSS = """
    ConsentForm {
        height: auto;
        max-height: 1fr;
        scrollbar-size-vertical: 1;
    }
    """

    @dataclass
    class Reviewed(Message):
        """The arguments are to be looked at again."""

        arguments: JsonObject

    class Left(Message):
        """The form was left; nothing is changed."""

    @dataclass
    class Checked(Message):
        """How many fields do not fit, and what is wrong with none of them in particular."""

        wrong: int
        others: list[str]

    def __init__(self, request: ApprovalRequest) -> None:
        super().__init__()
        self._request = request
        self._rows = [FieldRow(field) for field in fields_of(request)]

    def compose(self) -> ComposeResult:
        """Lay out a row for each field."""
        yield from self._rows

    def on_mount(self) -> None:
        """Begin in the first field."""
        self.reach()

    def reach(self) -> None:
        """Take the focus: the first field that is wrong, else the first."""
        rows = [row for row in self._rows if row.has_class("-wrong")] or self._rows
        if rows:
            rows[0].input.focus()

    def action_leave(self) -> None:
        """Go back; what was written is forgotten."""
        self.post_message(self.Left())

    def action_go(self, where: str) -> None:
        """Go to the field after or before."""
        inputs: list[Widget] = [row.input for row in self._rows]
        if inputs:
            at = next((index for index, widget in enumerate(inputs) if widget.has_focus), 0)
            inputs[(at + (1 if where == "next" else -1)) % len(inputs)].focus()

    def action_review(self) -> None:
        """Hand over the arguments where all of them fit; else go to the first that does not."""
        arguments = self._check()
        if arguments is None:
            self.reach()
        else:
            self.post_message(self.Reviewed(arguments))

    def on_text_field_written(self, event: TextField.Written) -> None:
        """Check again."""
        event.stop()
        self._check()

    def on_text_field_done(self, event: TextField.Done) -> None:
        """Go to the next field."""
        event.stop()
        self.action_go("next")

    def on_choice_field_chosen(self, event: ChoiceField.Chosen) -> None:
        """Check again."""
        event.stop()
        self._check()

    def _check(self) -> JsonObject | None:
        """Show what is wrong with each field; return the arguments where nothing is."""
        values: dict[str, tuple[JsonValue, bool]] = {}
        unreadable: dict[str, str] = {}
        for row in self._rows:
            try:
                values[row.field.name] = row.value()
            except UnreadableField as problem:
                unreadable[row.field.name] = str(problem)
        arguments = arguments_of(values)
        by_name, others = found_problems(self._request.schema, arguments, [row.field.name for row in self._rows])
        wrong = {**by_name, **unreadable}
        for row in self._rows:
            row.show(wrong.get(row.field.name, ""))
        self.post_message(self.Checked(len(wrong), others))
        return None if wrong or others else arguments


def _label(field: Field) -> str:
    name = exact(field.name)
    name = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
    return f"{name}{' *' if field.shape.required else ''}"


def _input(field: Field) -> TextField | ChoiceField:
    if field.kind == "choice":
        return ChoiceField(field.options, _chosen(field))
    hint = exact(field.shape.description)
    hint = hint if field.shape.required else f"{NOT_SET}{f': {hint}' if hint else ''}"
    several = field.kind in ("lines", "list", "json")
    return TextField(field.text, several_lines=several, language=field.language, placeholder=hint)


def _chosen(field: Field) -> int:
    values: Iterable[tuple[int, JsonValue]] = ((index, value) for index, (_, value) in enumerate(field.options))
    if not field.present:
        return 0
    return next((index for index, value in values if value == field.value and type(value) is type(field.value)), 0)
