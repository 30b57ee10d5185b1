"""The Textual app: theme, keys that work everywhere, orderly ends. What is on screen is the screens' business."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.screen import Screen
from typing_extensions import override

from smol_chat.errors import UsageError
from smol_chat.ui import terminal_keys
from smol_chat.ui.attention import Attention
from smol_chat.ui.backend import Backend
from smol_chat.ui.clipboard import in_tmux, load_tmux_buffer, osc52
from smol_chat.ui.consent.guard import Keystrokes
from smol_chat.ui.screens.chat import ChatScreen
from smol_chat.ui.slow_line import is_slow
from smol_chat.ui.terminal_guard import TerminalGuard
from smol_chat.ui.theme_shelf import ThemeShelf
from smol_chat.ui.themes import VARIABLE_DEFAULTS

log = logging.getLogger(__name__)

_TITLE_ON = "\x1b[22;2t\x1b]2;smol-chat\x07"
"""Keep the window's title on the terminal's stack and set ours; a constant, so nothing foreign gets into it."""
_TITLE_OFF = "\x1b[23;2t"
"""Take the old title back."""
_CLEAN = "\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[23;2t"
"""Switch off every mode a screen may have left on, and take the title back."""
_CLEAN_IF_KILLED = f"\x1b[<u{_CLEAN}\x1b[?7h\x1b[?1049l".replace("\x1b", r"\033")
"""The same when the program is killed: the keyboard's protocol, cut lines and the other screen are left on then too."""
_HANG_UP_S = 5.0
"""Seconds for an orderly end after the terminal has gone."""
_AGAIN_S = 2.0
"""Seconds in which a second ctrl+c quits."""


def _command_provider() -> type[Provider]:
    from smol_chat.ui.palette import CommandProvider  # late: start-up; the palette is opened seldom

    return CommandProvider


class SmolChatApp(App[int]):
    """Own the theme, the keys of every screen, and the way out."""

    TITLE = "smol-chat"
    CSS_PATH = "smol_chat.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_command_provider}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "This page", show=False),
        Binding("ctrl+p", "command_palette", "Find a command", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "Copy what is selected; else stop; twice: quit", show=False, system=True),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]
    NOTIFICATION_TIMEOUT = 4

    def __init__(
        self,
        backend: Backend,
        *,
        conversation: str | None = None,
        theme: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        terminal_keys.teach()
        self._backend = backend
        self._conversation = conversation
        self._clock = clock
        self.keystrokes = Keystrokes(clock)
        self.shelf = ThemeShelf(self, backend.paths.themes, self._warn)
        self.guard = TerminalGuard(_CLEAN_IF_KILLED)
        self.attention = Attention(self._to_terminal, lambda: self.app_focus, lambda: backend.settings.ui)
        self._elsewhere = False
        self._interrupted_at = float("-inf")
        self._leaving = False
        self.failure = ""
        """What to say after the terminal is back, when the screen ended because of a fault."""
        self._news = self.shelf.load()
        name, problem = self.shelf.first(theme or backend.settings.ui.theme)
        self._news += [problem] if problem else []
        # Set before the first style is computed: a change afterwards would compute all of them again.
        self.set_reactive(App.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())

    @override
    def get_default_screen(self) -> Screen[None]:
        """Begin with the chat."""
        return ChatScreen(
            self._backend,
            self.keystrokes,
            self.shelf,
            conversation=self._conversation,
            clock=self._clock,
            edit=self.edit_outside,
        )

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Define what some themes leave out."""
        return VARIABLE_DEFAULTS

    @property
    def chat(self) -> ChatScreen | None:
        """The chat screen, beneath whatever is open above it."""
        return next((screen for screen in self.screen_stack if isinstance(screen, ChatScreen)), None)

    def on_mount(self) -> None:
        """Take over signals, watch the theme files, say what did not work."""
        self.set_interval(1.0, self.shelf.look)
        for problem in self._news:
            self._warn(problem)
        if is_slow(self._backend.settings.ui):
            self.animation_level = "none"
        if not self.is_headless:
            self._catch_signals()
            self._to_terminal(_TITLE_ON)
            self.call_after_refresh(self.guard.begin)
            self.app_suspend_signal.subscribe(self, lambda _: self._to_terminal(_TITLE_OFF))
            self.app_resume_signal.subscribe(self, self._back_in_front)

    def _back_in_front(self, _: App[int]) -> None:
        """Draw all of it again: nothing of it is left on the terminal."""
        self._to_terminal(_TITLE_ON)
        self.refresh(layout=True)

    async def on_unmount(self) -> None:
        """Free the engine and the journal; the terminal is the user's again by now."""
        await self._backend.close()

    @override
    async def on_event(self, event: events.Event) -> None:
        """Note every key and paste for the consent guard, whatever has the focus."""
        if isinstance(event, (events.Key, events.Paste, events.AppFocus)) and not event.is_forwarded:
            self.keystrokes.note()
        await super().on_event(event)

    def on_app_focus(self) -> None:
        """The user looks here again."""
        self.attention.given()

    def on_chat_screen_attention_wanted(self, event: ChatScreen.AttentionWanted) -> None:
        """Tell a user who looks elsewhere."""
        self.attention.ask(event.reason)

    def _to_terminal(self, sequence: str) -> None:
        """Write past the screen, unless another program has the terminal."""
        if self._driver is not None and not self._elsewhere:
            self._driver.write(sequence)

    async def edit_outside(self, text: str) -> str | None:
        """Let the user change a text in their own editor; None, said why, where that did not work."""
        from smol_chat.ui.editor import edit  # late: seldom needed

        try:
            # Everything goes on meanwhile, but nothing is drawn.
            with self.suspend(), self.batch_update():
                self._elsewhere = True
                try:
                    return await edit(text)
                finally:
                    self._elsewhere = False
        except SuspendNotSupported:
            self._warn("Your editor cannot be opened from here.")
        except UsageError as error:
            self._warn(error.message)
        return None

    @override
    def copy_to_clipboard(self, text: str) -> None:
        """Copy by OSC 52; inside tmux through tmux, whose default refuses that from programs."""
        super().copy_to_clipboard(text)
        if in_tmux() and self._driver is not None:
            self.run_worker(self._copy_in_tmux(text), group="clipboard", exclusive=True)

    async def _copy_in_tmux(self, text: str) -> None:
        if not await load_tmux_buffer(text) and self._driver is not None:
            self._driver.write(osc52(text, tmux=True))

    def action_help(self) -> None:
        """Show every key and command."""
        from smol_chat.ui.composer import Composer  # late: as the page itself
        from smol_chat.ui.help import help_page
        from smol_chat.ui.screens.sheet import SheetScreen
        from smol_chat.ui.transcript.view import Transcript

        if isinstance(self.screen, SheetScreen):
            return
        sections = (
            ("Everywhere", self.BINDINGS),
            ("Chat", ChatScreen.BINDINGS),
            ("Composer", Composer.BINDINGS),
            ("Conversation, when it has the focus", Transcript.BINDINGS),
        )
        self.push_screen(SheetScreen("Keys and commands", help_page(sections)))

    def action_interrupt(self) -> None:
        """Stop what runs; a second time within two seconds quits."""
        now = self._clock()
        if now - self._interrupted_at <= _AGAIN_S:
            self.run_worker(self.action_quit(), group="quit")
            return
        self._interrupted_at = now
        if self.chat is not None:
            self.chat.action_stop()
        self.notify("Press ctrl+c again to quit.", markup=False, timeout=_AGAIN_S)

    @override
    async def action_quit(self) -> None:
        """End a running turn in an orderly way, then leave."""
        await self._leave(0)

    async def _leave(self, code: int) -> None:
        if self._leaving:
            return
        self._leaving = True
        if self.chat is not None:
            await self.chat.wind_down()
        self.exit(code, return_code=code)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(number, self._signalled, number)

        def hung_up(*_: object) -> None:
            if not _terminal_answers():
                self._forget_terminal()
            loop.call_soon_threadsafe(self._signalled, signal.SIGHUP)

        # Not through the loop: a closing terminal sends SIGCONT too, on which the toolkit writes to it at once.
        signal.signal(signal.SIGHUP, hung_up)

    def _signalled(self, number: signal.Signals) -> None:
        if self._elsewhere and number == signal.SIGINT:
            return  # it was meant for the program that has the terminal
        self.run_worker(self._leave(128 + number), group="quit")

    def _forget_terminal(self) -> None:
        """Go on without a terminal: it is gone, and whoever writes to it fails or waits for ever."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (sys.__stdout__, sys.__stderr__):
            if descriptor is not None:
                os.dup2(nowhere, descriptor.fileno())
        os.close(nowhere)
        # The toolkit's writing thread may have died of the loss already; then its way out never ends.
        last_resort = threading.Timer(_HANG_UP_S, os._exit, [128 + signal.SIGHUP])
        last_resort.daemon = True
        last_resort.start()

    def _warn(self, sentence: str) -> None:
        self.notify(sentence, severity="warning", markup=False, timeout=8)

    @override
    def _fatal_error(self) -> None:
        """Log a fault whole and leave with one sentence instead of a traceback."""
        self._fail(self._exception)

    @override
    def panic(self, *renderables: RenderableType) -> None:
        """Leave with one sentence, whatever was to be printed."""
        for renderable in renderables:
            log.error("panic: %r", renderable)
        self._fail(self._exception)

    def _fail(self, error: Exception | None) -> None:
        log.error("the screen ended because of a fault", exc_info=error)
        self.failure = (
            f"smol-chat ended because of a fault of its own; your conversation is kept. "
            f"Details are in {self._backend.paths.logs}."
        )
        self._close_messages_no_wait()


def _terminal_answers() -> bool:
    import termios  # late: not on every system, and only a hang-up asks

    try:
        termios.tcgetattr(sys.__stderr__ or 2)
    except (OSError, termios.error, ValueError):
        return False
    return True


def run_app(backend: Backend, *, conversation: str | None, theme: str | None) -> int:
    """Run the screen until the user leaves; return the exit code."""
    app = SmolChatApp(backend, conversation=conversation, theme=theme)
    try:
        code = app.run()
    finally:
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(sys.stderr.fileno(), _CLEAN.encode("ascii"))
        app.guard.release()
    if app.failure:
        print(app.failure, file=sys.stderr)
        return 1
    return code or app.return_code or 0
