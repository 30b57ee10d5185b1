"""The themes of the running app: chosen by name, remembered, reloaded when a file changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from textual.app import App
from textual.theme import Theme

from smol_chat.sanitise import visible
from smol_chat.ui.themes import CONSOLE_THEME, DEFAULT_THEME, built_in_folder, load_themes, stamps

BARE_CONSOLES = frozenset(("linux", "vt100", "vt220", "ansi", "cons25"))
"""Values of TERM where sixteen colours are all there is."""


class ThemeShelf:
    """Load the theme folders into an app and keep an eye on them."""

    def __init__(self, app: App[int], user_folder: Path, notify: Callable[[str], None]) -> None:
        """Load nothing yet. `notify` is given one sentence for each theme that cannot be used."""
        self._app = app
        self._folders = (built_in_folder(), user_folder)
        self._notify = notify
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._failed: Mapping[Path, str] = {}
        self._themes: Mapping[str, Theme] = {}

    @property
    def names(self) -> list[str]:
        """Return the names of the themes that can be chosen."""
        return sorted(self._themes)

    def load(self) -> list[str]:
        """Read all theme files and register the good ones; return one sentence for each newly bad one."""
        self._stamps = stamps(self._folders)
        themes = load_themes(self._folders)
        news = [visible(problem) for file, problem in themes.failed.items() if self._failed.get(file) != problem]
        self._failed, self._themes = themes.failed, themes.good
        for theme in themes.good.values():
            self._app.register_theme(theme)
        return news

    def first(self, wanted: str) -> tuple[str, str]:
        """Return the theme to begin with, and a sentence when it is not the wanted one."""
        if wanted == DEFAULT_THEME and os.environ.get("TERM") in BARE_CONSOLES and CONSOLE_THEME in self._themes:
            return CONSOLE_THEME, ""
        if wanted in self._themes:
            return wanted, ""
        fallback = DEFAULT_THEME if DEFAULT_THEME in self._themes else self._app.theme
        return fallback, self._unknown(wanted)

    def choose(self, name: str) -> str:
        """Change the theme; return a sentence when that is not possible."""
        if name not in self._themes:
            return self._unknown(name)
        self._app.theme = name
        return ""

    def look(self) -> None:
        """Reload when a file has changed; to be called once a second."""
        if stamps(self._folders) == self._stamps:
            return
        before = self._themes.get(self._app.theme)
        for problem in self.load():
            self._notify(problem)
        now = self._themes.get(self._app.theme)
        if now is None:
            # Its file is gone or broken; a broken one keeps its last good colours until it is mended.
            if not any(file.stem == self._app.theme for file in self._failed):
                self.choose(DEFAULT_THEME)
        elif now != before:
            self._app.mutate_reactive(App.theme)

    def _unknown(self, name: str) -> str:
        return f"There is no theme {visible(name, keep_newlines=False)[:60]!r}; there are {', '.join(self.names)}."
