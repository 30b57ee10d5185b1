"""The chat: routes what happens in a turn to the widgets, and what the user does to the conversation."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker

from smol_chat.engine.base import EngineInfo
from smol_chat.errors import SmolChatError
from smol_chat.events import Decided, Notice, ToolFinished, TurnEvent, TurnFailed, TurnFinished, TurnStarted
from smol_chat.messages import Attachment
from smol_chat.paths import open_private
from smol_chat.ui import commands
from smol_chat.ui.attention import Reason
from smol_chat.ui.backend import Backend, OpenConversation
from smol_chat.ui.branches import Branches
from smol_chat.ui.command_list import CommandProblem, is_command
from smol_chat.ui.completing import Completer
from smol_chat.ui.composer import Composer
from smol_chat.ui.consent.approver import CardApprover
from smol_chat.ui.consent.card import ApprovalCard
from smol_chat.ui.consent.dock import ApprovalDock
from smol_chat.ui.consent.guard import Keystrokes
from smol_chat.ui.drafts import NEW, Drafts
from smol_chat.ui.hints import Hints
from smol_chat.ui.history import InputHistory
from smol_chat.ui.naming import Naming
from smol_chat.ui.queue import MessageQueue
from smol_chat.ui.reviewer import ScreenReviewer
from smol_chat.ui.slow_line import frames_per_second
from smol_chat.ui.status import StatusLine
from smol_chat.ui.theme_shelf import ThemeShelf
from smol_chat.ui.topbar import TopBar
from smol_chat.ui.transcript.view import CopyKind, Transcript
from smol_chat.ui.turns import TurnRunner

if TYPE_CHECKING:
    from smol_chat.ui.search_bar import SearchBar
    from smol_chat.ui.tour import Tour

_DRAFT_S = 0.5
"""Seconds of writing that the end of the program may cost."""


class ChatScreen(Screen[None]):
    """One conversation on screen. Widgets hold what they show; the conversation and its journal hold the truth."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop the answer", show=False),
        Binding("ctrl+r", "toggle_reasoning", "Open or fold the reasoning", show=False),
        Binding("ctrl+t", "toggle_all_reasoning", "Open or fold all reasoning", show=False),
        Binding("ctrl+f", "find", "Find words in the conversation; then n and N step", show=False),
        Binding("alt+up", "jump(-1)", "Previous message", show=False),
        Binding("alt+down", "jump(1)", "Next message", show=False),
        Binding("ctrl+y", "copy_last", "Copy the last answer", show=False),
        Binding("ctrl+g", "edit", "Write the message in your editor", show=False),
        Binding("ctrl+s", "search_history", "Find what you wrote before", show=False),
        Binding("f2", "settings", "Settings", show=False),
        Binding("f3", "machine", "What the machine is doing: processor, memory, heat, power", show=False),
        Binding("f4", "zoom", "A result, reasoning or answer on the whole screen", show=False),
        Binding("ctrl+n", "new", "New conversation", show=False),
        Binding("ctrl+o", "question", "Go to the question that waits, and back", show=False),
        Binding("ctrl+l", "composer", "Go to the composer; from there to the conversation", show=False),
        Binding("pageup", "scroll(-1)", "Scroll the conversation up", show=False),
        Binding("pagedown", "scroll(1)", "Scroll the conversation down", show=False),
        Binding("ctrl+home", "scroll_home", "Beginning of the conversation", show=False),
        Binding("ctrl+end", "scroll_end", "End of the conversation, and follow it", show=False),
        Binding("ctrl+d", "app.quit", "Quit", show=False),
    ]
    AUTO_FOCUS = "Composer"

    class AttentionWanted(Message):
        """A question waits, or an answer is there."""

        def __init__(self, reason: Reason) -> None:
            self.reason: Reason = reason
            super().__init__()

    def __init__(
        self,
        backend: Backend,
        keystrokes: Keystrokes,
        shelf: ThemeShelf,
        *,
        conversation: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        edit: Callable[[str], Awaitable[str | None]],
    ) -> None:
        super().__init__()
        self.edit_outside = edit
        self.backend = backend
        self.shelf = shelf
        self._first = conversation
        self._conversation: OpenConversation | None = None
        self._engine: EngineInfo | None = None
        self._has_turns = False
        self._rules_notice = ""
        self._turns = TurnRunner(self._route)
        self._approver = CardApprover(self._questions_changed)
        self.transcript = Transcript(paints_per_second=frames_per_second(backend.settings.ui), id="transcript")
        self._topbar = TopBar(backend.workspace)
        self._search: SearchBar | None = None
        self._tour: Tour | None = None
        self._dock = ApprovalDock(keystrokes)
        self._queue = MessageQueue()
        self._hints = Hints()
        self.branches = Branches(self)
        self.naming = Naming(self)
        self._composer = Composer(InputHistory(backend.paths.root / "input_history.jsonl"))
        self._drafts = Drafts(backend.paths.root / "drafts")
        self._draft_of = ""
        self._draft_is_due = False
        self._completer = Completer(
            self._composer, self._hints, backend.workspace, self._look_for_files, self.choose_file
        )
        self._status = StatusLine(clock)

    def compose(self) -> ComposeResult:
        """Stack the parts from the top to the bottom of the screen."""
        yield self._topbar
        yield self.transcript
        yield self._dock
        yield self._queue
        yield self.branches
        yield self._hints
        yield self._composer
        yield self._status

    def on_mount(self) -> None:
        """Show the empty chat first, then load what is heavy."""
        if not self.backend.settings.ui.show_reasoning:
            self.transcript.fold_all_reasoning(True)
        self._show_model(loading=True)
        self.call_after_refresh(self._begin)

    def on_resize(self, event: events.Resize) -> None:
        """Let a card know how much room there is."""
        self._dock.fit(event.size.height)

    @property
    def conversation(self) -> OpenConversation | None:
        """The conversation that is shown; None while one is being opened."""
        return self._conversation

    @property
    def composer(self) -> Composer:
        """Where the user writes."""
        return self._composer

    @property
    def is_answering(self) -> bool:
        """Whether a turn is running."""
        return self._turns.running

    # --- model and conversation -----------------------------------------------------------------

    def _begin(self) -> None:
        if self._is_first_time():
            self.run_worker(self.begin_tour(), group="tour")
        try:
            if self.backend.has_model():
                self._load(self._open_and_load(self._first))
                return
            problem = ""
        except SmolChatError as error:
            problem = error.message
        self._no_model(problem)

    def _is_first_time(self) -> bool:
        """Tell whether the tour was never shown here; from now on it was."""
        try:
            os.close(open_private(str(self.backend.paths.root / "tour_shown"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except OSError:
            return False
        return True

    def _no_model(self, problem: str) -> None:
        from smol_chat.ui.screens.first_start import FirstStart  # late: start-up; seldom needed

        self._show_model(loading=False)
        self.app.push_screen(FirstStart(self.backend, problem), self._model_chosen)

    def _model_chosen(self, info: EngineInfo | None) -> None:
        if info is None:
            self.say("No model is loaded yet: /model chooses one.")
        else:
            self._load(self._open_and_load(self._first))

    async def _open_and_load(self, conversation_id: str | None) -> None:
        """Show the conversation, then load the model behind it; a failure is one sentence, and the chat stays."""
        self._engine = None
        self._show_model(loading=True)
        try:
            await self._open(conversation_id)
            self._engine = await self.backend.start_engine()
        except SmolChatError as error:
            self.say(error.message)
            self.say("Choose another model with /model, or start again with --model or --server.")
        self._show_model(loading=False)
        if self._engine is not None:
            self._status.show_context(0, self._engine.context_size)
            self._advance()

    async def _open(self, conversation_id: str | None) -> None:
        self.keep_draft()
        self._conversation = None
        self.branches.leave()
        conversation = await self.backend.open_conversation(
            self._approver, conversation_id, reviewer=ScreenReviewer(self.app)
        )
        notice = await asyncio.to_thread(self.backend.rules_notice)
        self.transcript.clear()
        if conversation.past:
            self.transcript.load(conversation.past)
        self._conversation = conversation
        await self.branches.refresh_versions()
        self._has_turns = bool(conversation.past)
        self._show_draft(conversation.id if self._has_turns else NEW)
        self._topbar.show_sandbox(await asyncio.to_thread(self.backend.workbench().isolation))
        self.show_egress()
        for problem in self.backend.registry().problems:
            self.say(problem)
        if notice and notice != self._rules_notice:
            self._rules_notice = notice
            self.say(notice)
        if conversation.waiting:
            self.resume()
        elif conversation.can_resume:
            self.say("This turn was cut when the program ended: /resume goes on with it.")

    async def open_conversation(self, conversation_id: str | None) -> None:
        """Leave this conversation, which is kept, and open another one or begin a new one."""
        await self.wind_down()
        self._queue.clear()
        self._load(self._open_and_load(conversation_id))
        self._composer.focus()

    def choose_model(self, name: str) -> None:
        """Use another model from now on, in this conversation."""
        self._load(self._change_model(name))

    async def _change_model(self, name: str) -> None:
        await self.wind_down()
        try:
            await self.backend.use_model(name)
        except SmolChatError as error:
            self.say(error.message)
            return
        here = self._conversation
        await self._open_and_load(here.id if here is not None and self._has_turns else None)

    def _show_model(self, *, loading: bool) -> None:
        try:
            name = self.backend.model_name
        except SmolChatError:
            name = ""  # said in full where the model is loaded
        name = self._engine.name if self._engine is not None else name
        loading = loading and bool(name)
        self._topbar.show_model(name, loading=loading, server=server_host(self.backend.server))
        self._status.show_activity(f"loading {name}, you can write already" if loading else "")
        self._composer.placeholder = Content(
            "Write a message; it is sent when the model is loaded" if loading else "Write a message, / for commands"
        )

    # --- turns ----------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Begin the next turn when there is something to send and nothing in the way."""
        if self._turns.running or self._conversation is None or self._engine is None:
            return
        text = self._queue.next()
        self._composer.recallable = len(self._queue) > 0
        if text is not None:
            self._turns.begin(self._conversation)
            self.run_worker(self._send(self._conversation, text), group="turn")
        else:
            self.prepare()
            if self._has_turns:
                self.naming.later()

    def prepare(self) -> None:
        """Have the model read what the next turn will begin with."""
        if self._conversation is not None and self._engine is not None:
            self.run_worker(self._conversation.warm(), group="warm", exclusive=True)

    async def rewind(self, turns: int) -> None:
        """Go back to where the conversation had so many turns; what is running is ended, what came after is kept."""
        self._queue.hold()
        await self.wind_down()
        if self._conversation is not None:
            self._conversation.rewind(turns)
            self.transcript.rewind(turns)

    def send_first(self, text: str) -> None:
        """Send a message before those that wait."""
        self._queue.add_first(text)
        self._advance()

    async def show_turn(self, turn: int) -> None:
        """Show the branch through a turn of this conversation, at that turn."""
        await self.wind_down()
        try:
            await self.branches.show(turn)
        except SmolChatError as error:
            self.say(error.message)

    async def open_at(self, conversation_id: str, turn: int | None, words: str) -> None:
        """Open a conversation at one of its turns, with words of it shown."""
        if self._conversation is None or self._conversation.id != conversation_id:
            await self.wind_down()
            self._queue.clear()
            await self._load(self._open_and_load(conversation_id)).wait()
        if turn is not None:
            await self.show_turn(turn)
            await self.action_find(words)

    def on_transcript_branch_wanted(self, event: Transcript.BranchWanted) -> None:
        """Edit a message, have it answered again, or show another version of it."""
        self.run_worker(self.branches.act(event.act, event.position), group="command")

    @property
    def can_resume(self) -> bool:
        """Whether the last turn was cut where it can go on."""
        return not self._turns.running and self._conversation is not None and self._conversation.can_resume

    def resume(self) -> None:
        """Go on with the turn that the program's end cut.

        Raises:
            JournalError: another program has taken it up, or the history cannot be written.
        """
        if self.can_resume and self._conversation is not None:
            turn = self._conversation.resume()
            self._turns.begin(self._conversation)
            self.run_worker(self._run_turn(turn), group="turn")

    async def _send(self, conversation: OpenConversation, text: str) -> None:
        try:
            attachments = await self._attachments(text)
        except SmolChatError as error:
            self._turns.abandon()
            self.say(f"The message was not sent: {error.message}")
            self._queue.hold()
            self._composer.write("\n".join(filter(None, [text, self._composer.text])))
            return
        await self._run_turn(conversation.run_turn(text, attachments))

    async def _run_turn(self, turn: AsyncGenerator[TurnEvent, None]) -> None:
        self.naming.stop()
        await self._turns.run(turn)
        self._advance()

    async def _attachments(self, text: str) -> tuple[Attachment, ...]:
        """Read the files a message names, to half of what the model can read at most."""
        if "@" not in text:
            return ()
        from smol_chat.ui.attaching import attach  # late: start-up

        most = self.backend.settings.tools.result_limit
        limit = min(most, self._engine.context_size * 2) if self._engine is not None else most
        files, missing = await attach(text, self.backend.workbench().files, limit=limit)
        for path in missing:
            self.say(f"There is no file {path!r} in the workspace, so nothing goes along for it.")
        return files

    def _route(self, event: TurnEvent) -> None:
        self.transcript.feed(event)
        self._status.feed(event)
        match event:
            case TurnStarted():
                self._has_turns = True
                self.run_worker(self.branches.refresh_versions(), group="versions", exclusive=True)
                if self._draft_of == NEW:
                    self._drafts.save(NEW, "")
                    self._draft_of = event.conversation
            case Decided(call_id=call_id):
                self._approver.withdraw(call_id)
            case ToolFinished(result):
                self._approver.withdraw(result.call_id)
                self.show_egress()
            case TurnFinished(reason="stop" | "length" | "limit" | "refused"):
                self._turn_ended()
            case TurnFinished() | TurnFailed():
                self._queue.hold()
                self._turn_ended()
            case _:
                pass  # the two readers above take in everything; only these concern the screen itself

    def _turn_ended(self) -> None:
        self._approver.withdraw()
        self.post_message(self.AttentionWanted("answer"))

    def show_egress(self) -> None:
        """Show whether tools may leave this machine, and how often they have."""
        egress = self.backend.workbench().egress
        self._topbar.show_egress(egress.connections, offline=egress.offline)

    async def wind_down(self) -> None:
        """End what is running in an orderly way."""
        self.keep_draft()
        self.naming.stop()
        await self._turns.wind_down()

    def say(self, sentence: str) -> None:
        """Show a sentence of our own in the conversation."""
        self.transcript.feed(Notice(sentence))

    def _load(self, work: Awaitable[None]) -> Worker[None]:
        return self.run_worker(work, group="model", exclusive=True)

    # --- consent --------------------------------------------------------------------------------

    def _questions_changed(self) -> None:
        if not self.is_running:
            return
        requests = self._approver.open
        had_focus = self._dock.card is not None and self._dock.card.has_focus_within
        is_another = self._dock.show(requests)
        self._status.show_questions(len(requests))
        if self._tour is not None:
            self._tour.display = not requests  # a question needs the room
        if is_another and had_focus:
            self._composer.focus()
        if is_another and requests:
            self.post_message(self.AttentionWanted("question"))

    def on_approval_card_answered(self, event: ApprovalCard.Answered) -> None:
        """Pass the answer on to whoever asked."""
        self._composer.focus()
        self._approver.answer(event.answers)

    def on_approval_card_revised(self, event: ApprovalCard.Revised) -> None:
        """Keep in mind what is asked from now on."""
        self._approver.revise(event.old, event.new)

    def on_approval_card_typing(self, event: ApprovalCard.Typing) -> None:
        """Give the composer what was typed while a card had the focus."""
        self._composer.append(event.text)

    def on_approval_card_help_wanted(self) -> None:
        """Explain the answers."""
        self.run_command_line("/help")

    # --- drafts ---------------------------------------------------------------------------------

    def keep_draft(self) -> None:
        """Keep what is written and what waits to be sent, however the program may end."""
        self._draft_is_due = False
        if self._draft_of:
            waiting = [*self._queue.waiting, self._composer.text]
            self._drafts.save(self._draft_of, "\n\n".join(filter(str.strip, waiting)))

    def _show_draft(self, conversation: str) -> None:
        """Go on with what was being written in a conversation; what is written while it opens stays."""
        draft = self._drafts.read(conversation)
        if self._draft_of or self._composer.is_blank:
            self._composer.write(draft)
        self._draft_of = conversation

    # --- the composer ---------------------------------------------------------------------------

    def on_composer_written(self, event: Composer.Written) -> None:
        """Follow what is being written: the list of commands, and whether a card may take the focus."""
        self._dock.composer_empty = not event.text
        self._completer.follow(event.text)
        if not self._draft_is_due:
            self._draft_is_due = True
            self.set_timer(_DRAFT_S, self.keep_draft)

    async def on_composer_pick(self, event: Composer.Pick) -> None:
        """Move in the list of commands, or take one of it."""
        match event.step:
            case "up" | "down":
                self._completer.move(-1 if event.step == "up" else 1)
            case "reach" if self._dock.card is not None:
                self._dock.card.reach()
            case "reach":
                self.focus_next()
            case "complete" | "run":
                self._completer.take(run=event.step == "run")

    def on_hints_clicked(self) -> None:
        """Take what was clicked in the list."""
        self._completer.take(run=True)
        self._composer.focus()

    def _look_for_files(self) -> None:
        self.run_worker(self._completer.look(), group="files", exclusive=True)

    def choose_file(self) -> None:
        """Attach a file chosen in a tree."""
        self.run_command_line("/attach")

    def attach_file(self, path: str) -> None:
        """Name a file in the message that is being written."""
        self._completer.put_in(path)

    def on_composer_sent(self, event: Composer.Sent) -> None:
        """Carry out a command, or put the message where it will be sent next."""
        if is_command(event.text):
            self.run_command_line(event.text)
            return
        if self.branches.editing:
            self.run_worker(self.branches.send(event.text), group="command")
            return
        self._queue.add(event.text)
        self._composer.recallable = True
        self._advance()

    def on_composer_send_on(self) -> None:
        """Send what was held after a stop; during the tour go on with it."""
        if self._tour is not None and not len(self._queue):
            self._tour.go_on()
            return
        self._queue.release()
        self._advance()

    def on_composer_recall_wanted(self) -> None:
        """Take the last queued message back for editing."""
        text = self._queue.recall()
        self._composer.recallable = len(self._queue) > 0
        if text is not None:
            self._composer.write(text)

    async def on_composer_quit_wanted(self) -> None:
        """Leave."""
        await self.run_action("app.quit")

    def run_command_line(self, text: str) -> None:
        """Carry out a command in its own time."""
        self.run_worker(self._run_command(text), group="command")

    async def _run_command(self, text: str) -> None:
        try:
            await commands.run_command(self, text)
        except CommandProblem as problem:
            self.say(str(problem))
        except SmolChatError as error:
            self.say(error.message)

    # --- keys -----------------------------------------------------------------------------------

    def action_stop(self) -> None:
        """Close the list of commands, or stop the turn."""
        if self._completer.is_open:
            self._completer.close()
        elif self._search is not None and self._search.is_open:
            self._search.close()
        elif self._tour is not None and not self._turns.running:
            self._tour.end()
        elif self.branches.leave():
            pass  # nothing is edited any more
        elif self._turns.running:
            self._status.show_activity("stopping")
            self.run_worker(self._turns.cancel(), group="stop")

    def action_toggle_reasoning(self) -> None:
        """Open or fold the nearest reasoning."""
        self.transcript.toggle_reasoning()

    def action_toggle_all_reasoning(self) -> None:
        """Open all reasoning, or fold all of it."""
        self.transcript.fold_all_reasoning(self.transcript.unfolds_reasoning)

    async def action_edit(self) -> None:
        """Write the message in the user's editor."""
        text = await self.edit_outside(self._composer.text)
        if text is not None:
            self._composer.write(text)

    def action_settings(self) -> None:
        """Show the settings."""
        from smol_chat.ui.extras import open_settings  # late: start-up; so are the next

        open_settings(self)

    async def action_machine(self) -> None:
        """Show what the machine is doing, or no longer."""
        from smol_chat.ui.extras import toggle_machine

        await toggle_machine(self)

    def action_zoom(self) -> None:
        """Show one block on the whole screen."""
        from smol_chat.ui.extras import zoom

        zoom(self)

    def on_transcript_zoom_wanted(self) -> None:
        """Show what was clicked on the whole screen."""
        self.action_zoom()

    async def begin_tour(self) -> None:
        """Show the tour from its beginning."""
        from smol_chat.ui.tour import Tour

        await self.on_tour_ended()
        self._tour = Tour()
        await self.mount(self._tour, after=self.transcript)

    async def on_tour_ended(self) -> None:
        """Take the tour away."""
        if self._tour is not None:
            tour, self._tour = self._tour, None
            await tour.remove()

    def action_search_history(self) -> None:
        """Find what was written before and take it back."""
        from smol_chat.ui.pickers import pick_written  # late: start-up; lists are opened seldom

        pick_written(self, self._composer)

    def action_copy_last(self) -> None:
        """Copy the last answer."""
        self.copy("last answer")

    def copy(self, kind: CopyKind) -> None:
        """Copy the last answer or the last code as it was written."""
        text = self.transcript.copy_text(kind)
        if text:
            self.copy_text(text)
        else:
            self.app.notify(f"There is no {kind.removeprefix('last ')} to copy yet.", markup=False)

    def copy_text(self, text: str) -> None:
        """Put text on the clipboard and say so."""
        self.app.copy_to_clipboard(text)
        self.app.notify(f"Copied {len(text):,} characters.", markup=False, timeout=2)

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        """Copy what the cursor stands on."""
        self.copy_text(event.text)

    async def action_new(self) -> None:
        """Begin a new conversation."""
        await self.open_conversation(None)

    def action_question(self) -> None:
        """Go to the card that waits, or back to the composer."""
        card = self._dock.card
        if card is not None and not card.has_focus_within:
            card.reach()
        else:
            self._composer.focus()

    def action_composer(self) -> None:
        """Go to the composer; from there to the conversation."""
        (self.transcript if self._composer.has_focus else self._composer).focus()

    async def action_find(self, words: str = "") -> None:
        """Search the conversation."""
        if self._search is None:
            from smol_chat.ui.search_bar import SearchBar  # late: start-up

            self._search = SearchBar(self.transcript)
            await self.mount(self._search, after=self.transcript)
        self._search.open(words)

    def action_jump(self, step: int) -> None:
        """Go to the previous or the next message; the cursor that marks it belongs to the conversation."""
        self.transcript.focus()
        self.transcript.action_jump(step)

    def action_scroll(self, pages: int) -> None:
        """Scroll the conversation by pages."""
        (self.transcript.action_page_up if pages < 0 else self.transcript.action_page_down)()

    def action_scroll_home(self) -> None:
        """Go to the beginning of the conversation."""
        self.transcript.action_scroll_home()

    def action_scroll_end(self) -> None:
        """Go to the end of the conversation and follow it."""
        self.transcript.action_scroll_end()

    def choose_theme(self, name: str) -> None:
        """Change how the screen looks, now and for the next start."""
        if problem := self.shelf.choose(name):
            self.say(problem)
        else:
            self.run_worker(self._remember_theme(name), group="remember", exclusive=True)

    async def _remember_theme(self, name: str) -> None:
        from smol_chat.config.edit import write_setting  # late: start-up

        try:
            await asyncio.to_thread(write_setting, Path(self.backend.settings.where.file), "ui.theme", name)
        except SmolChatError as error:
            self.say(error.message)

    def set_tools(self, on: bool) -> None:
        """Offer the tools to the model from the next turn on, or no longer."""
        if self._conversation is None:
            self.say("No conversation is open yet.")
            return
        self._conversation.set_tools(on)
        self.say("Tools are on from the next message." if on else "Tools are off from the next message.")

    def choose_tool(self, choice: str) -> None:
        """Have the next answer begin with a call, or not, or leave it to the model."""
        if self._conversation is None:
            self.say("No conversation is open yet.")
            return
        try:
            self._conversation.choose_tool(choice)
        except SmolChatError as error:
            self.say(error.message)
            return
        said = {"auto": "The model decides", "none": "No tool is called", "required": "A tool is called"}
        self.say(f"{said.get(choice, f'{choice} is called')} in the next answer.")


def server_host(url: str) -> str:
    """Return the host a server runs on; empty for no server."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] if url else ""
