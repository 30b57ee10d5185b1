"""The chat as lines of words, for screen readers, bare terminals and slow lines.

Nothing is drawn over: no other screen, no spinner, no colour, nothing that moves. What a person must know is said in
words, once, in the order in which it happens; the end of an answer is said and rung. Questions are answered with words.

The terminal belongs to the main thread: it reads lines, and prints what the event loop, in a thread of its own, hands
over. So Ctrl+C is felt everywhere, and a line is edited with what the system offers.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import termios
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from itertools import chain
from typing import Any, TypeVar, Union

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.errors import SmolChatError, UsageError
from smol_chat.events import TurnEvent
from smol_chat.messages import Attachment
from smol_chat.ui.backend import Backend, OpenConversation
from smol_chat.ui.history import InputHistory
from smol_chat.ui.plain_commands import CommandNotKnown, run_plain_command
from smol_chat.ui.plain_words import Narrator, answer_to, question

T = TypeVar("T")

GREETING = (
    "smol-chat, plain mode. Write a message and press Enter. "
    "/help says the commands, /quit leaves, and Ctrl+C stops an answer."
)


class _Over:
    """What was waited for is over."""


class _Question:
    """A call that waits for consent; the answer goes into `answer`."""

    def __init__(self, request: ApprovalRequest, answer: asyncio.Future[Decision]) -> None:
        self.request = request
        self.answer = answer


Item = Union[TurnEvent, _Question, _Over]


class PlainApprover:
    """Hand questions to the thread that owns the terminal, one at a time."""

    def __init__(self, items: queue.SimpleQueue[Item]) -> None:
        self._items = items
        self._one_at_a_time = asyncio.Lock()

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Ask, and wait for the answer."""
        async with self._one_at_a_time:
            answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
            self._items.put(_Question(request, answer))
            return await answer


class PlainChat:
    """One chat on one terminal."""

    def __init__(
        self, backend: Backend, read: Callable[[str], str] = input, write: Callable[[str], None] = print
    ) -> None:
        """Prepare; nothing is said or loaded yet.

        Args:
            backend: The parts behind the chat.
            read: Shows a prompt and returns the line that was typed.
            write: Prints a line.
        """
        self.backend = backend
        self.write = write
        self._read = read
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._approver = PlainApprover(self._items)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="plain-chat", daemon=True)
        self.narrator = Narrator(write)
        self.conversation: OpenConversation | None = None
        self.context_size = 0
        self.leaving = False
        self._history = InputHistory(backend.paths.root / "input_history.jsonl")

    def run(self, conversation: str | None) -> int:
        """Chat until the user leaves; return the exit code."""
        self._thread.start()
        _remember(self._history.newest(200))
        try:
            self.write(GREETING)
            self.open(conversation)
            while not self.leaving:
                self._one_line()
        finally:
            with contextlib.suppress(SmolChatError):
                self.wait(self.backend.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        return 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the event loop and wait for it; Ctrl+C gives it up.

        Raises:
            SmolChatError: as the work does.
        """
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def open(self, conversation: str | None) -> None:
        """Open a conversation or begin a new one, and load the model."""
        try:
            if not self.backend.has_model():
                self.write(
                    "No model is chosen. Write /model and a GGUF file's path, a model's name or a server's address."
                )
                return
            self.write(f"Loading {self.backend.model_name}.")
            self.context_size = self.wait(self.backend.start_engine()).context_size
            self.conversation = self.wait(self.backend.open_conversation(self._approver, conversation))
        except SmolChatError as error:
            self.write(error.message)
            self.write("Write /model to choose another model.")
            return
        except KeyboardInterrupt:
            self.write("Stopped.")
            return
        past = self.conversation.past
        self.write("Ready." if not past else "Ready. The conversation so far:")
        for event in chain.from_iterable(past):
            self.narrator.tell(event, again=True)
        if past:
            self.write("End of what was said before.")
        if self.conversation.waiting:
            self.resume()
        elif self.conversation.can_resume:
            self.write("The last turn was cut when the program ended. Write /resume to go on with it.")

    def _one_line(self) -> None:
        try:
            line = self._read("You: ")
        except EOFError:
            self.leaving = True
            return
        except KeyboardInterrupt:
            self.write("\nNothing is running. Write /quit to leave.")
            return
        text = line.strip()
        if not text:
            return
        self._history.add(text)
        try:
            if text.startswith("/"):
                run_plain_command(self, text)
            else:
                self._turn(text)
        except (CommandNotKnown, SmolChatError) as problem:
            self.write(str(problem))

    def _turn(self, text: str) -> None:
        if self.conversation is None:
            self.write("No model is loaded yet; write /model to choose one.")
            return
        self._run(self.conversation, self.conversation.run_turn(text, self._attachments(text)))

    def resume(self) -> None:
        """Go on with a turn that the program's end cut.

        Raises:
            SmolChatError: there is none, another program has taken it up, or the history cannot be written.
        """
        if self.conversation is None or not self.conversation.can_resume:
            raise UsageError("There is no turn here that was cut; write what you want next.")
        self._run(self.conversation, self.conversation.resume())

    def _run(self, conversation: OpenConversation, turn: AsyncGenerator[TurnEvent, None]) -> None:
        """Tell what happens in a turn, and ask what it asks, to its end."""
        running = asyncio.run_coroutine_threadsafe(self._pass_on(turn), self._loop)
        while True:
            try:
                item = self._items.get()
                match item:
                    case _Over():
                        break
                    case _Question():
                        self._ask(item)
                    case _:
                        self.narrator.tell(item)
            except KeyboardInterrupt:
                self.write("\nStopping.")
                asyncio.run_coroutine_threadsafe(conversation.cancel(), self._loop)
        running.result()
        self.write("End of answer.\a")
        asyncio.run_coroutine_threadsafe(conversation.warm(), self._loop)

    def _attachments(self, text: str) -> Sequence[Attachment]:
        if "@" not in text:
            return ()
        from smol_chat.ui.attaching import attach  # late: few messages name a file

        limit = min(self.backend.settings.tools.result_limit, self.context_size * 2)
        files, missing = self.wait(attach(text, self.backend.workbench().files, limit=limit))
        for path in missing:
            self.write(f"There is no file {path!r} in the workspace, so nothing goes along for it.")
        return files

    async def _pass_on(self, turn: AsyncGenerator[TurnEvent, None]) -> None:
        try:
            async with aclosing(turn) as events:
                async for event in events:
                    self._items.put(event)
        finally:
            self._items.put(_Over())

    def _ask(self, asked: _Question) -> None:
        """Ask until there is an answer. What was typed before the question stood there is thrown away."""
        for line in question(asked.request):
            self.write(line)
        decision: Decision | None = None
        while decision is None and not asked.answer.cancelled():
            _forget_typed()
            try:
                typed = self._read("Your answer: \a")
            except EOFError:
                typed = "deny"
            if typed.strip().lower() == "explain":
                self._explain(asked.request)
                continue
            decision = answer_to(typed, asked.request)
            if decision is None:
                self.write(f"That is no answer. {question(asked.request)[-1]}")
        if decision is not None:
            self._loop.call_soon_threadsafe(_set, asked.answer, decision)

    def _explain(self, request: ApprovalRequest) -> None:
        try:
            said = self.wait(request.inquiry.explanation())
        except SmolChatError as error:
            self.write(error.message)
        else:
            self.narrator.quote("The model says", said)


def _set(answer: asyncio.Future[Decision], decision: Decision) -> None:
    if not answer.done():
        answer.set_result(decision)


def _forget_typed() -> None:
    with contextlib.suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _remember(entries: Sequence[str]) -> None:
    """Let the arrow keys bring back what was written before, where the system can edit lines."""
    try:
        import readline  # late: only this mode edits lines this way
    except ImportError:
        return
    readline.set_auto_history(False)
    for entry in entries:
        if "\n" not in entry:
            readline.add_history(entry)


def run_plain(backend: Backend, *, conversation: str | None) -> int:
    """Run the chat until the user leaves; return the exit code."""
    return PlainChat(backend).run(conversation)
