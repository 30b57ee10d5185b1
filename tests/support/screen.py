"""The running screen for tests: a clock that stands still, typing, and what is to be read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from smol_chat.ui.app import SmolChatApp
from smol_chat.ui.composer import Composer
from smol_chat.ui.consent.card import ApprovalCard
from smol_chat.ui.consent.dock import ApprovalDock
from smol_chat.ui.consent.guard import Choice
from smol_chat.ui.consent.verbs import VerbBar
from smol_chat.ui.screens.chat import ChatScreen
from support.scripted_conversation import ScriptedBackend

_NAMES = {" ": "space", "\n": "ctrl+j", "/": "slash", "?": "question_mark", ".": "full_stop", "'": "apostrophe"}


class FakeClock:
    """Monotonic seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Stage:
    """One running app with everything a test touches."""

    def __init__(self, app: SmolChatApp, pilot: Pilot[int], clock: FakeClock, backend: ScriptedBackend) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock
        self.backend = backend

    @property
    def chat(self) -> ChatScreen:
        chat = self.app.chat
        assert chat is not None
        return chat

    @property
    def composer(self) -> Composer:
        return self.chat.query_one(Composer)

    @property
    def dock(self) -> ApprovalDock:
        return self.chat.query_one(ApprovalDock)

    @property
    def card(self) -> ApprovalCard:
        assert self.dock.card is not None, "no card is shown"
        return self.dock.card

    @property
    def text(self) -> str:
        """What the screen shows, line by line, without the spaces at the ends."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def press(self, *keys: str, every: float = 1.0) -> None:
        """Press keys `every` so many seconds."""
        for key in keys:
            self.clock.advance(every)
            await self.pilot.press(key)

    async def type(self, text: str, every: float = 0.1) -> None:
        """Type text as a quick typist does."""
        await self.press(*(_NAMES.get(character, character) for character in text), every=every)

    async def click(self, choice: Choice) -> None:
        """Click an answer of the card."""
        bar = self.card.query_one(VerbBar)
        await self.pilot.click(bar, offset=bar.place(choice))

    async def send(self, text: str) -> None:
        await self.type(text)
        await self.pilot.press("enter")
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the app work until the condition holds."""
        for _ in range(300):
            await self.pilot.pause()
            if condition():
                return
        raise AssertionError(f"it did not come about; the screen shows:\n{self.text}")

    async def wait(self, seconds: float) -> None:
        """Let time pass for the card."""
        self.clock.advance(seconds)
        self.dock.poll()
        await self.pilot.pause()
        self.dock.poll()
        await self.pilot.pause()

    async def card_listens(self) -> None:
        """Wait for a card, then for it to take the focus, then until it takes answers."""
        await self.until(lambda: self.dock.card is not None and self.dock.card.is_mounted)
        await self.wait(2.0)
        assert self.card.has_focus
        self.clock.advance(1.0)


@asynccontextmanager
async def on_stage(
    backend: ScriptedBackend,
    *,
    size: tuple[int, int] = (80, 24),
    conversation: str | None = None,
    ready: bool = True,
) -> AsyncGenerator[Stage, None]:
    """Run the app on a scripted backend; `ready`: wait until the model is loaded."""
    clock = FakeClock()
    app = SmolChatApp(backend, conversation=conversation, clock=clock)
    async with app.run_test(size=size, notifications=True) as pilot:
        stage = Stage(app, pilot, clock, backend)
        if ready:
            await stage.until(lambda: "loading" not in stage.text and bool(backend.opened))
            await pilot.pause()
        yield stage
