"""What is offered while a message is written: commands after a slash, files after an @."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from smol_chat.ui.command_list import is_command, matching
from smol_chat.ui.composer import Composer
from smol_chat.ui.files import FileList, best, list_files, mention
from smol_chat.ui.hints import Hint, Hints

_OFFERED = 50
_AT = re.compile(r'(?:^|(?<=\s))@("?)([^"\n]*)$')
_HELP = "Enter attaches · Tab shows the tree"


class Completer:
    """Keep the list above the composer to what is being written, and put in what is chosen."""

    def __init__(
        self, composer: Composer, hints: Hints, workspace: Path, work: Callable[[], object], tree: Callable[[], None]
    ) -> None:
        """Offer nothing yet.

        Args:
            composer: Where the message is written.
            hints: The list.
            workspace: The folder whose files can be attached.
            work: Runs `look` in its own time.
            tree: Opens the tree of files.
        """
        self._composer = composer
        self._hints = hints
        self._workspace = workspace
        self._work = work
        self._tree = tree
        self._kind: Literal["command", "file", ""] = ""
        self._closed_at = ""
        self.files: FileList | None = None
        """The files of the workspace, since the last @ was begun."""

    @property
    def is_open(self) -> bool:
        """Whether something is offered."""
        return bool(self._kind)

    def follow(self, text: str) -> None:
        """Offer what fits the text as it is now."""
        before, self._kind = self._kind, ""
        rows: list[Hint] = []
        note = ""
        wanted = self._wanted()
        if is_command(text):
            rows = [Hint(c.name, f"/{c.name} {c.argument}".rstrip(), c.summary) for c in matching(text)]
            self._kind = "command" if rows else ""
        elif wanted is not None and text != self._closed_at:
            if before != "file":
                self.files = None
                self._work()
            rows, note = self._fitting(wanted)
            self._kind = "file" if rows or self.files is None else ""
            note = note if self._kind else ""
        self._hints.show(rows, note)
        self._composer.choosing = self.is_open

    async def look(self) -> None:
        """List the files of the workspace, and offer those that fit what is written by then."""
        self.files = await asyncio.to_thread(list_files, self._workspace)
        if self._kind == "file":
            self.follow(self._composer.text)

    def move(self, step: int) -> None:
        """Choose the next or the previous row."""
        self._hints.move(step)

    def close(self) -> None:
        """Offer nothing until something else is written."""
        self._closed_at = self._composer.text
        self._kind = ""
        self._hints.show([])
        self._composer.choosing = False

    def take(self, *, run: bool) -> None:
        """Put in what is chosen; `run` (Enter) also carries out a command that needs nothing more."""
        chosen = self._hints.chosen
        if self._kind == "file" and not run:
            self._tree()
        elif self._kind == "file" and (chosen is None or chosen.value == self._wanted()):
            self._composer.send()
        elif chosen is not None and self._kind == "file":
            self.put_in(chosen.value)
        elif chosen is not None:
            written = self._composer.text.removeprefix("/").lower()
            self._composer.write(f"/{chosen.value}" if run else f"/{chosen.value} ")
            if run and (written == chosen.value or chosen.title == f"/{chosen.value}"):
                self._composer.send()

    def put_in(self, path: str) -> None:
        """Write a file's name where an @ was begun, or at the cursor."""
        row, column = self._composer.cursor_location
        match = _AT.search(self._before_cursor())
        start = match.start() if match else column
        gap = "" if match or self._before_cursor().endswith((" ", "\t")) or not column else " "
        self._composer.replace(f"{gap}{mention(path)} ", (row, start), (row, column))
        self._composer.focus()

    def _wanted(self) -> str | None:
        """Return what is written after an @ before the cursor; None where there is none."""
        match = _AT.search(self._before_cursor())
        if match is None or (not match[1] and " " in match[2]):
            return None
        return match[2]

    def _before_cursor(self) -> str:
        row, column = self._composer.cursor_location
        return self._composer.document.get_line(row)[:column]

    def _fitting(self, wanted: str) -> tuple[list[Hint], str]:
        if self.files is None:
            return [], "looking for files …"
        paths = best(self.files.paths, wanted, _OFFERED)
        more = "" if self.files.complete else f" · only the first {len(self.files.paths):,} files are listed"
        return [Hint(path, path) for path in paths], f"{_HELP}{more}"
