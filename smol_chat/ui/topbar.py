"""The line at the top: which model, which folder, how isolated, whether anything leaves this machine by itself."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from smol_chat.sanitise import single_line


class TopBar(Static):
    """Show what does not change during a turn."""

    DEFAULT_CSS = """
    TopBar {
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, workspace: Path, *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id)
        self._workspace = home_shortened(workspace)
        self._model = ""
        self._loading = False
        self._server = ""
        self._sandbox = ""
        self._egress = ""

    def show_model(self, name: str, *, loading: bool = False, server: str = "") -> None:
        """Name the model; `server` is the host it runs on when that is not this machine's own process."""
        self._model, self._loading, self._server = name, loading, server
        self._paint()

    def show_sandbox(self, strength: str) -> None:
        """Say what isolation programs run in."""
        self._sandbox = strength
        self._paint()

    def show_egress(self, connections: int, *, offline: bool) -> None:
        """Say how often tools have connected to something, or that they may not."""
        count = f"↗ {connections:,}" if connections else ""
        self._egress = "tools offline" if offline else count
        self._paint()

    def on_resize(self) -> None:
        """Shorten to the new width."""
        self._paint()

    def _paint(self) -> None:
        width = self.content_size.width
        if width <= 0:
            return
        right = self._right()
        name = self._model or "no model"
        model = single_line(f"loading {name}" if self._loading else name, max(8, width // 2))
        left = Content.assemble((model, "$text-muted" if self._loading else "bold $text-primary"))
        room = width - left.cell_length - right.cell_length - 5
        if room >= 8:
            left = Content.assemble(left, ("  ", ""), (_tail(self._workspace, room), "$text-muted"))
        gap = max(1, width - left.cell_length - right.cell_length)
        self.update(Content.assemble(left, " " * gap, right), layout=False)

    def _right(self) -> Content:
        badge = ("local", "$text-success") if not self._server else (single_line(self._server, 32), "$text-warning")
        between = (" · ", "$text-disabled")
        right = Content.assemble(badge)
        if self._egress:
            right = Content.assemble(right, between, (self._egress, "$text-warning"))
        if not self._sandbox:
            return right
        return Content.assemble((single_line(self._sandbox, 28), "$text-muted"), between, right)


def home_shortened(path: Path) -> str:
    """Return a path with the home folder written as ~."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def _tail(path: str, width: int) -> str:
    """Return the end of a path, which tells more than its beginning."""
    line = single_line(path, 1000)
    return line if len(line) <= width else "…" + line[1 - width :]
