"""The approval card: what calls would do, exactly, and the answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.agent.policy_file import rule_text
from smol_chat.errors import SmolChatError
from smol_chat.messages import JsonObject
from smol_chat.ui.consent.batch import Batch, BatchList
from smol_chat.ui.consent.body import ConsentBody
from smol_chat.ui.consent.contents import consent_lines
from smol_chat.ui.consent.effects import EFFECTS, reach
from smol_chat.ui.consent.form import ConsentForm
from smol_chat.ui.consent.guard import COUNTS, GRANTS, Answering, Choice, Held, Keystrokes, Taken, Typed
from smol_chat.ui.consent.lines import exact
from smol_chat.ui.consent.verbs import KEYS, TWICE, VerbBar, again, needs_second_key, offered
from smol_chat.ui.entry import Entry

_FRAME_ROWS = 5
"""Rows of a card besides what runs and the answers: border, where it reaches (two when they wrap), note."""
_LEAST_ROWS = 3
"""Rows for what runs on the smallest screen."""
_SCROLLS = {
    "up": "scroll_up",
    "down": "scroll_down",
    "pageup": "scroll_page_up",
    "pagedown": "scroll_page_down",
    "home": "scroll_home",
    "end": "scroll_end",
}
_USUAL_WIDTH = 74
_STEPS = {"left": -1, "right": 1}

Mode = Literal["read", "why", "edit"]
"""What the card is used for: reading and answering, writing the reason of a denial, editing the arguments."""

_WAITING = "waiting until you stop typing · Tab or a click goes here now"
_UNSEEN = "scroll to the end before you allow it: ↓ PgDn End"
_ENTER = "Enter answers nothing here: press y to allow, n to deny"
_HELD = "that was too quick to be an answer, nothing happened"
_NONE_TICKED = "no call is ticked: Space ticks this one"
_SETTLING = "… any other key takes it back"
_WHY = "the model reads your reason"
_EDITING = "ctrl+s shows what the edited call would do, Esc leaves it as it was; nothing runs yet"
_WORKING = "working out what the edited call would do…"
_CLAIM_BELOW = "what the model says stands at the end: ↓ PgDn End"
_ASKING = "asking the model why…"
_HOW_MANY = "how many calls of this tool, this one included? 2 to 9"


class ApprovalCard(Vertical, can_focus=True):
    """Show the calls of one round and collect the answers. It keeps no truth: the approver does."""

    DEFAULT_CSS = """
    ApprovalCard {
        height: auto;
        max-height: 100%;
        border: round $border-blurred;
        border-title-color: $text-primary;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        background: $surface;
        &:focus, &:focus-within { border: round $primary; }
        &.-twice { border-title-color: $text-warning; }
        &.-twice:focus, &.-twice:focus-within { border: round $warning; }
        .card--head { height: auto; color: $text-muted; }
        .card--note { height: auto; min-height: 1; max-height: 3; color: $text-warning; }
        .card--reason { display: none; }
        &.-why .card--reason { display: block; }
        &.-why VerbBar, &.-edit VerbBar { display: none; }
        &.-edit ConsentBody { display: none; }
    }
    """

    @dataclass
    class Answered(Message):
        """The person decided about these very requests, which were shown."""

        answers: list[tuple[ApprovalRequest, Decision]]

    @dataclass
    class Revised(Message):
        """A call is asked about with other arguments from now on."""

        old: ApprovalRequest
        new: ApprovalRequest

    @dataclass
    class Typing(Message):
        """Text that was meant for the composer."""

        text: str

    class HelpWanted(Message):
        """The person asked what the answers mean."""

    def __init__(self, requests: Sequence[ApprovalRequest], keystrokes: Keystrokes) -> None:
        super().__init__()
        self.calls = Batch(requests)
        self._answering = Answering(keystrokes, twice=self._needs_second)
        self._reached = False
        self._said = ""
        self._mode: Mode = "read"
        self._counting = False
        self._columns = False
        self._claims: dict[str, str] = {}
        self._rows = 16
        self._form: ConsentForm | None = None
        self._head = Static(Content(""), classes="card--head")
        self._list = BatchList(self.calls)
        self._body = ConsentBody()
        self._note = Static(Content(_WAITING), classes="card--note")
        self._verbs = VerbBar()
        self._reason = Entry(placeholder="why? Enter denies and tells the model, Esc goes back", classes="card--reason")

    def compose(self) -> ComposeResult:
        """Lay out where it reaches, the calls, what runs, and the answers."""
        yield self._head
        yield self._list
        yield self._body
        yield self._note
        yield self._verbs
        yield self._reason

    def on_mount(self) -> None:
        """Draw the first call."""
        self._show_call()

    # --- what is asked --------------------------------------------------------------------------

    @property
    def request(self) -> ApprovalRequest:
        """The request that is shown."""
        return self.calls.current

    @property
    def is_written_in(self) -> bool:
        """Whether a reason or arguments are being written."""
        return self._mode != "read"

    def add(self, requests: Sequence[ApprovalRequest]) -> None:
        """Take in more calls of the same round."""
        self.calls.requests += requests
        self._answering.forget()
        self.fit(self._rows)
        self._show_batch()

    def fit(self, rows: int) -> None:
        """Take at most `rows` rows of the screen: what runs scrolls, the answers stay."""
        self._rows = rows
        answers = self._verbs.rows(self.content_size.width or _USUAL_WIDTH)
        room = rows - _FRAME_ROWS - max(2, answers)
        room -= self._list.fit(room - _LEAST_ROWS)
        self._body.styles.max_height = max(_LEAST_ROWS, room)
        if self._form is not None:
            self._form.styles.max_height = max(_LEAST_ROWS, room + answers)

    def on_resize(self) -> None:
        """Leave the answers the rows they take in this width."""
        self.fit(self._rows)

    def _show_call(self) -> None:
        """Draw the call the list stands on, as something nobody has read yet."""
        request = self.request
        self._answering.forget()
        self._counting = False
        self.set_class(request.effect in TWICE or bool(request.raised), "-twice")
        self.border_title = Content(f"{exact(request.call.name)} · {EFFECTS[request.effect]}")
        self._head.update(reach(request))
        self._show_body(anew=True)
        self._show_batch()

    def _show_body(self, *, anew: bool) -> None:
        claim = self._claims.get(self.request.call.id, "")
        self._body.show(partial(consent_lines, self.request, columns=self._columns, claim=claim), anew=anew)

    def _show_batch(self) -> None:
        several = self.calls.several
        self.border_subtitle = Content(f"{self.calls.at + 1} of {len(self.calls.requests)}") if several else ""
        self._list.show()
        choices: Sequence[Choice] = COUNTS if self._counting else offered(self.request, several=several)
        self._verbs.show(choices, ticked=len(self.calls.ticked) if several else None)
        self._show_note()

    def on_consent_body_seen_to_the_end(self, event: ConsentBody.SeenToTheEnd) -> None:
        """Allow it from now on."""
        event.stop()
        self.calls.read(self.request)
        self._list.show()
        self._say("")

    # --- focus ----------------------------------------------------------------------------------

    def reach(self) -> None:
        """Take the focus because the user came here."""
        if self._form is not None:
            self._form.reach()
        elif self._mode == "why":
            self._reason.focus(scroll_visible=False)
        else:
            self._reached = True
            self.focus(scroll_visible=False)

    def poll(self) -> None:
        """Act on an answer that has settled; to be called a few times a second."""
        choice = self._answering.settled()
        if choice is not None:
            self._choose(choice)
        self._show_note()

    def on_focus(self) -> None:
        """Begin to listen."""
        self._answering.listen(reached=self._reached)
        self._reached = False
        self._say("")

    def on_blur(self) -> None:
        """Stop listening."""
        self._answering.ignore()
        self._say("")

    # --- keys and clicks ------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Let a click anywhere on the card reach it."""
        event.stop()
        if not self.has_focus and not self.is_written_in:
            self.reach()

    def on_paste(self, event: events.Paste) -> None:
        """Hand pasted text to the composer: a paste answers nothing."""
        event.stop()
        if self.has_focus:
            self.post_message(self.Typing(event.text))

    def on_key(self, event: events.Key) -> None:
        """Judge a key: a way to read, an answer, or typing that was meant for the composer."""
        if not self.has_focus:
            return
        if event.key in _SCROLLS:
            event.stop()
            self._answering.interrupt()
            getattr(self._body, _SCROLLS[event.key])(animate=False)
            return
        if event.key in _STEPS and self.calls.several:
            event.stop()
            self._go(self.calls.at + _STEPS[event.key])
            return
        text = event.character if event.is_printable and event.character else ""
        if text or event.key == "enter":
            event.stop()
            self.poll()
            self._judge(text)

    def on_verb_bar_chosen(self, event: VerbBar.Chosen) -> None:
        """Judge a click on an answer."""
        event.stop()
        choice = self._answering.click(self._possible(event.choice))
        if not self.has_focus:
            self.reach()
        if choice is not None:
            self._choose(choice)
        self._show_note()

    def on_batch_list_picked(self, event: BatchList.Picked) -> None:
        """Show a call that was clicked, and tick it where its tick was."""
        event.stop()
        if not self.is_written_in:
            self._go(event.index)
            if event.tick:
                self._choose("tick")

    def _go(self, index: int) -> None:
        self.calls.at = index % len(self.calls.requests)
        self._show_call()

    def _judge(self, text: str) -> None:
        choice = KEYS.get(text.lower())
        choice = choice if choice and self._is_offered(choice) else None
        match self._answering.press(self._possible(choice) if choice else None, text):
            case Typed(typed):
                if typed:
                    self.post_message(self.Typing(typed))
            case Held():
                self._say(_HELD)
            case Taken():
                self._say(_SETTLING if choice in GRANTS else "")
            case None:
                self._say(_ENTER)

    def _is_offered(self, choice: Choice) -> bool:
        offers = offered(self.request, several=self.calls.several)
        return "next" in offers if choice in COUNTS else choice in offers

    def _possible(self, choice: Choice) -> Choice:
        """Turn a grant of what has not been seen whole into the advice to read it."""
        if choice == "once" and self.calls.first_unread() is not None:
            return "scroll"
        return "scroll" if choice in GRANTS and not self.calls.is_read(self.request) else choice

    def _needs_second(self, choice: Choice) -> bool:
        return needs_second_key(choice, self.calls.ticked if choice == "once" else [self.request])

    # --- answers --------------------------------------------------------------------------------

    def _choose(self, choice: Choice) -> None:
        match choice:
            case "once" | "deny":
                self._answer_ticked(choice)
            case "session" | "pattern" | "always":
                self._answer(self.request.allow(choice))
            case "why":
                self._write("why")
                self._reason.focus(scroll_visible=False)
            case "edit":
                self._edit()
            case "explain":
                self._say(_ASKING)
                self.run_worker(self._explain(self.request), group="explain", exclusive=True)
            case "columns":
                self._columns = not self._columns
                self._show_body(anew=False)
            case "tick":
                self.calls.toggle()
                self._answering.forget()
                self._show_batch()
            case "next":
                self._counting = True
                self._show_batch()
            case "help":
                self.post_message(self.HelpWanted())
            case "scroll":
                self._read_on()
            case count:
                self._answer(self.request.allow("next", count=int(count)))

    def _read_on(self) -> None:
        """Show the first ticked call that has not been read to its end."""
        unread = self.calls.first_unread()
        if self.calls.is_read(self.request) and unread is not None:
            self._go(unread)
        self._say("")

    def _answer_ticked(self, choice: Literal["once", "deny"]) -> None:
        ticked = self.calls.ticked
        if not ticked:
            self._say(_NONE_TICKED)
        else:
            answers = [(each, each.allow() if choice == "once" else Decision(False)) for each in ticked]
            self.post_message(self.Answered(answers))

    def _answer(self, decision: Decision) -> None:
        self.post_message(self.Answered([(self.request, decision)]))

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Deny with the reason that was written."""
        event.stop()
        self._answer(Decision(False, reason=event.value.strip()))

    def on_entry_left(self, event: Entry.Left) -> None:
        """Go back from the reason to the answers."""
        event.stop()
        self._write("read")
        self.reach()

    def _write(self, mode: Mode) -> None:
        self._mode = mode
        self.set_class(mode == "why", "-why")
        self.set_class(mode == "edit", "-edit")
        self._say("")

    # --- editing and asking back ----------------------------------------------------------------

    def _edit(self) -> None:
        self._form = ConsentForm(self.request)
        self.mount(self._form, after=self._body)
        self.fit(self._rows)
        self._write("edit")

    def _close_form(self) -> None:
        if self._form is not None:
            self._form.remove()
            self._form = None
        self._write("read")
        self.reach()

    def on_consent_form_checked(self, event: ConsentForm.Checked) -> None:
        """Say how much is still wrong."""
        event.stop()
        wrong = [f"{event.wrong} to mend"] if event.wrong else []
        self._say("; ".join(map(exact, [*wrong, *event.others])))

    def on_consent_form_left(self, event: ConsentForm.Left) -> None:
        """Go back; nothing is changed."""
        event.stop()
        self._close_form()

    def on_consent_form_reviewed(self, event: ConsentForm.Reviewed) -> None:
        """Have it worked out what the edited call would do."""
        event.stop()
        self._say(_WORKING)
        self.run_worker(self._revise(self.request, event.arguments), group="revise", exclusive=True)

    async def _revise(self, request: ApprovalRequest, arguments: JsonObject) -> None:
        try:
            revised = await request.inquiry.revised(arguments)
        except SmolChatError as error:
            self._say(exact(error.message))
            return
        self.calls.replace(request, revised)
        self._claims.pop(request.call.id, None)
        self.post_message(self.Revised(request, revised))
        self._close_form()
        self._show_call()

    async def _explain(self, request: ApprovalRequest) -> None:
        try:
            claim = await request.inquiry.explanation()
        except SmolChatError as error:
            self._say(exact(error.message))
            return
        self._claims[request.call.id] = claim
        self._say("")
        if request is self.request:
            self._show_body(anew=False)
            if self.calls.is_read(request):
                self._body.scroll_end(animate=False)
            else:  # jumping there would count as having read what stands before it
                self._say(_CLAIM_BELOW)

    # --- the note -------------------------------------------------------------------------------

    def _say(self, said: str) -> None:
        self._said = said
        self._show_note()

    def _show_note(self) -> None:
        note = self._note_text()
        if note != self._note.visual:
            self._note.update(note)

    def _note_text(self) -> Content:
        if self._mode == "edit":
            return Content(self._said or _EDITING)
        if self._mode == "why":
            return Content(_WHY)
        if not self.has_focus:
            return Content(_WAITING)
        if armed := self._answering.armed:
            rule = ", ".join(rule_text(self.request.lasting).split("\n")[1:])
            return Content.styled(again(armed, self._riskiest(armed), exact(rule)), "bold")
        if self._said:
            return Content(self._said)
        if self._counting:
            return Content(_HOW_MANY)
        if not self.calls.is_read(self.request):
            return Content(_UNSEEN)
        if (unread := self.calls.first_unread()) is not None:
            return Content(f"→ shows call {unread + 1}, which is ticked and not read yet")
        return self._offer()

    def _offer(self) -> Content:
        pattern = self.request.pattern
        return Content(f"p covers {exact(pattern.covers)}" if pattern is not None else "")

    def _riskiest(self, choice: Choice) -> ApprovalRequest:
        """Return the call whose second key is waited for."""
        ticked = self.calls.ticked if choice == "once" else [self.request]
        return next((request for request in ticked if request.effect in TWICE), ticked[0])
