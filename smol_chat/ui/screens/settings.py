"""Every setting with its help, changed in place: checked while it is typed, written into the file with its comments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from smol_chat.config.change import Applies, Item, items, parsed, shown
from smol_chat.config.edit import SettingValue
from smol_chat.errors import SmolChatError
from smol_chat.sanitise import single_line, visible
from smol_chat.ui.backend import Backend
from smol_chat.ui.entry import Entry
from smol_chat.ui.screens.box import BoxScreen

_WHEN: dict[Applies, str] = {
    "now": "A change counts at once.",
    "conversation": "A change counts from the next conversation you begin or open.",
    "start": "A change counts after the next start.",
}


class SettingsScreen(BoxScreen[None]):
    """List the settings; typing narrows the list, Enter changes the one the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("up", "move(-1)", "Previous setting", show=False),
        Binding("down", "move(1)", "Next setting", show=False),
        Binding("pageup", "move(-8)", "Settings further up", show=False),
        Binding("pagedown", "move(8)", "Settings further down", show=False),
        Binding("enter", "change", "Change, switch, or save what is typed", show=False, priority=True),
        Binding("ctrl+r", "reset", "Back to the default", show=False, priority=True),
        Binding("ctrl+g", "edit_outside", "Change a text in your editor", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    SettingsScreen .box {
        width: 92%;
        max-width: 110;
        height: 92%;
    }
    SettingsScreen OptionList {
        height: 1fr;
    }
    SettingsScreen OptionList > .option-list--option-highlighted {
        color: $foreground;
        background: $panel;
        text-style: bold;
    }
    SettingsScreen:ansi OptionList > .option-list--option-highlighted { text-style: bold reverse; }
    SettingsScreen .settings--about { height: auto; min-height: 4; margin-top: 1; padding: 0 1; }
    SettingsScreen .settings--new { display: none; margin: 0 0; }
    SettingsScreen .-editing .settings--new { display: block; }
    """

    def __init__(
        self,
        backend: Backend,
        changed: Callable[[str], None],
        edit: Callable[[str], Awaitable[str | None]],
        choices: Mapping[str, Sequence[str]],
    ) -> None:
        """Prepare.

        Args:
            backend: Has the settings and writes them.
            changed: Called with a setting's name after it was changed, to make it count.
            edit: Opens a text in the user's editor.
            choices: What settings may be that only the screen knows, such as the themes.
        """
        super().__init__()
        self._backend = backend
        self._changed = changed
        self._edit = edit
        self._choices = choices
        self._shown: list[Item] = []
        self._editing: Item | None = None
        self._said = ""
        self._said_of = ""

    def compose(self) -> ComposeResult:
        """Lay out what is looked for, the list, and what is said about one setting."""
        with Vertical(classes="box") as box:
            box.border_title = Content("Settings")
            box.border_subtitle = Content("type to find · Enter changes · ctrl+r default · Esc goes back")
            yield Entry(placeholder="find", classes="settings--find")
            yield OptionList()
            yield Static(classes="settings--about")
            yield Entry(placeholder="", classes="settings--new")

    def on_mount(self) -> None:
        """List everything."""
        self.query_one(OptionList).can_focus = False
        self._find.focus()
        self._list()

    @property
    def _find(self) -> Entry:
        return self.query_one(".settings--find", Entry)

    @property
    def _new(self) -> Entry:
        return self.query_one(".settings--new", Entry)

    @property
    def _current(self) -> Item | None:
        index = self.query_one(OptionList).highlighted
        return self._shown[index] if index is not None and index < len(self._shown) else None

    def on_resize(self, event: events.Resize) -> None:
        """Shorten the rows to the new width."""
        self.call_after_refresh(self._list)

    def on_input_changed(self, event: Entry.Changed) -> None:
        """Narrow the list, or check what is typed."""
        event.stop()
        if event.input is self._find:
            self._list(first=True)
        else:
            self._said = self._problem(event.value)
            self._describe()

    def on_entry_left(self, event: Entry.Left) -> None:
        """Give up the change, or leave."""
        event.stop()
        self.action_back()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Describe the setting under the cursor."""
        event.stop()
        if self._current is None or self._current.name != self._said_of:
            self._said = ""
        self._describe()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Change the setting that was clicked."""
        event.stop()
        if self._editing is None:
            self._begin()

    def action_back(self) -> None:
        """Give up the change, or leave."""
        if self._editing is None:
            self.dismiss()
        else:
            self._end()

    def action_move(self, step: int) -> None:
        """Go up or down in the list."""
        options = self.query_one(OptionList)
        if self._editing is None and self._shown:
            options.highlighted = max(0, min((options.highlighted or 0) + step, len(self._shown) - 1))

    def action_change(self) -> None:
        """Switch or begin to change the setting; save what is typed."""
        if self._editing is None:
            self._begin()
        elif not (problem := self._problem(self._new.value)):
            item = self._editing
            self._end()
            self._write(item, parsed(item, self._new.value))
        else:
            self._said = problem
            self._describe()

    def action_reset(self) -> None:
        """Take the setting out of the file."""
        if self._editing is None and (item := self._current) is not None:
            self._write(item, None)

    async def action_edit_outside(self) -> None:
        """Change a text in the user's editor."""
        item = self._editing or self._current
        if item is None or item.kind is not str:
            return
        self._end()
        edited = await self._edit(str(item.value))
        if edited is not None:
            self._write(item, edited)

    def _begin(self) -> None:
        item = self._current
        if item is None:
            return
        choices = self._choices.get(item.name, item.choices)
        if item.kind is bool:
            self._write(item, not item.value)
        elif choices:
            place = list(choices).index(str(item.value)) if item.value in choices else -1
            self._write(item, choices[(place + 1) % len(choices)])
        elif "\n" in str(item.value):
            self._said = "It has several lines: ctrl+g changes it in your editor."
            self._describe()
        else:
            self._editing = item
            self.query_one(".box").add_class("-editing")
            self._new.value = visible(shown(item.value), keep_newlines=False, prose=True)
            self._new.focus()
            self._describe()

    def _end(self) -> None:
        self._editing = None
        self._said = ""
        self.query_one(".box").remove_class("-editing")
        self._find.focus()
        self._describe()

    def _problem(self, typed: str) -> str:
        if self._editing is None:
            return ""
        try:
            parsed(self._editing, typed)
        except SmolChatError as error:
            return error.message
        return ""

    def _write(self, item: Item, value: SettingValue | None) -> None:
        self.run_worker(self._write_in_thread(item, value), group="write", exclusive=True)

    async def _write_in_thread(self, item: Item, value: SettingValue | None) -> None:
        try:
            await asyncio.to_thread(self._backend.change_setting, item.name, value)
        except SmolChatError as error:
            said = error.message
        else:
            said = f"Saved. {_WHEN[item.applies]}" if item.applies != "now" else "Saved."
            self._changed(item.name)
        self._said, self._said_of = said, item.name
        self._list()
        self._describe()

    def _list(self, *, first: bool = False) -> None:
        words = self._find.value.lower().split()
        options = self.query_one(OptionList)
        at = 0 if first else options.highlighted or 0
        self._shown = [
            item
            for item in items(self._backend.settings)
            if all(word in f"{item.name} {item.help}".lower() for word in words)
        ]
        width = max(30, options.size.width - 3)
        options.clear_options()
        options.add_options([Option(_row(item, width)) for item in self._shown])
        if self._shown:
            options.highlighted = min(at, len(self._shown) - 1)
        else:
            self._describe()

    def _describe(self) -> None:
        item = self._editing or self._current
        about = self.query_one(".settings--about", Static)
        if item is None:
            about.update(Content("No setting fits."))
            return
        said = (f"\n{visible(self._said)}", "$text-success" if self._said.startswith("Saved") else "$text-warning")
        default = f"Default: {single_line(shown(item.default) or 'none', 60)}. "
        allowed = f"{item.allowed[:1].upper()}{item.allowed[1:]}. " if item.allowed else ""
        about.update(
            Content.assemble(
                (item.help, "$foreground"),
                (f"\n{allowed}{default}{_WHEN[item.applies]}", "$text-muted"),
                said if self._said else "",
            )
        )


def _row(item: Item, width: int) -> Content:
    name = item.name
    room = max(8, width - len(name) - 2)
    value = single_line(shown(item.value), room) or "none"
    gap = " " * max(1, width - len(name) - Content(value).cell_length)
    style = "$text-primary" if item.value != item.default else "$text-muted"
    return Content.assemble(name, gap, (value, style))
