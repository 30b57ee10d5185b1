"""The approval card: what one call would do, exactly, and the answers to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from smol_chat.agent.consent import ApprovalRequest, Decision
from smol_chat.tools.spec import Effect
from smol_chat.ui.consent.body import ConsentBody, consent_lines, exact, host_name, lists_hosts
from smol_chat.ui.consent.guard import GRANTS, Answering, Choice, Held, Keystrokes, Taken, Typed
from smol_chat.ui.entry import Entry

EFFECTS: dict[Effect, str] = {
    Effect.PURE: "○ only computes",
    Effect.READ: "○ reads",
    Effect.NETWORK: "→ uses the network",
    Effect.WRITE: "± changes files",
    Effect.EXECUTE: "! runs a program",
    Effect.SEND: "» sends something out",
}
TWICE = frozenset((Effect.WRITE, Effect.EXECUTE, Effect.SEND))
"""Effects that need a second key: they change something that may not be undone."""

_FRAME_ROWS = 6
"""Rows of a card besides what runs: border, destination with isolation (two when they wrap), note, answers."""
_SCROLLS = {
    "up": "scroll_up",
    "down": "scroll_down",
    "pageup": "scroll_page_up",
    "pagedown": "scroll_page_down",
    "home": "scroll_home",
    "end": "scroll_end",
}

Said = Literal["", "enter", "held", "scroll"]

_CHOICES: dict[str, Choice] = {"y": "once", "s": "session", "n": "deny", "w": "why", "?": "help"}
_LABELS: dict[Choice, str] = {
    "once": "allow once",
    "session": "this session",
    "deny": "deny",
    "why": "deny + why",
    "help": "help",
}
ANSWERS = {
    "y": "allow this one call",
    "s": "allow this tool for the rest of this conversation",
    "n": "deny",
    "w": "deny and tell the model why",
    "?": "this page",
    "↑ ↓ PgUp PgDn Home End": "read the whole question",
}
"""What the help page says about the keys of a card."""
_KEYS = {choice: key for key, choice in _CHOICES.items()}

_WAITING = "waiting until you stop typing · Tab or a click goes here now"
_UNSEEN = "scroll to the end before you allow it: ↓ PgDn End"
_SAYINGS: dict[Said, str] = {
    "enter": "Enter answers nothing here: press y to allow, n to deny",
    "held": "that was too quick to be an answer, nothing happened",
}
_AGAIN: dict[Effect, str] = {
    Effect.WRITE: "press {} again to change files",
    Effect.EXECUTE: "press {} again to run it",
    Effect.SEND: "press {} again to send it",
}


def destination(request: ApprovalRequest) -> Content:
    """Say in words whether anything leaves this machine, and to where; what does not fit here the body lists."""
    hosts = request.preview.hosts
    if not hosts:
        return Content.styled("stays on this machine", "$text-success")
    where = f"{len(hosts)} hosts, listed below" if lists_hosts(request) else ", ".join(map(host_name, hosts))
    return Content.assemble(("leaves this machine → ", "$text-warning"), (where, "$foreground"))


class ChoiceLabel(Static):
    """One answer, to be clicked; keys are the card's business, so it never takes focus."""

    DEFAULT_CSS = """
    ChoiceLabel {
        width: auto;
        margin-right: 2;
        color: $foreground;
        pointer: pointer;
        &:hover { text-style: underline; }
        &.-off { color: $text-disabled; }
    }
    """

    @dataclass
    class Chosen(Message):
        """The answer was clicked."""

        choice: Choice

    def __init__(self, choice: Choice) -> None:
        key, label = _KEYS[choice], _LABELS[choice]
        super().__init__(Content.assemble((f"[{key}]", "bold $text-accent"), f" {label}" if label else ""))
        self.choice: Choice = choice

    def on_click(self, event: events.Click) -> None:
        """Report the click."""
        event.stop()
        self.post_message(self.Chosen(self.choice))


class ApprovalCard(Vertical, can_focus=True):
    """Show one request and collect its answer. It keeps no truth: the approver does."""

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
        .card--note { height: 1; color: $text-warning; }
        .card--choices { height: 1; }
        .card--reason { display: none; }
        &.-why .card--reason { display: block; }
        &.-why .card--choices { display: none; }
    }
    """

    @dataclass
    class Answered(Message):
        """The person decided about the very `request` that was shown."""

        request: ApprovalRequest
        decision: Decision

    @dataclass
    class Typing(Message):
        """Text that was meant for the composer."""

        text: str

    class HelpWanted(Message):
        """The person asked what the answers mean."""

    def __init__(self, request: ApprovalRequest, keystrokes: Keystrokes) -> None:
        twice = request.effect in TWICE
        super().__init__(classes="-twice" if twice else None)
        self.request = request
        self._answering = Answering(keystrokes, twice=twice)
        self._reached = False
        self._said: Said = ""
        self._body = ConsentBody(consent_lines(request))
        self._note = Static(Content(_WAITING), classes="card--note")
        name = exact(request.call.name)
        self.border_title = Content(f"{name} · {EFFECTS[request.effect]}")
        if request.batch > 1:
            self.border_subtitle = Content(f"{request.position} of {request.batch}")

    def compose(self) -> ComposeResult:
        """Lay out destination, isolation, what runs, and the answers."""
        yield Static(self._head(), classes="card--head")
        yield self._body
        yield self._note
        with Horizontal(classes="card--choices"):
            yield from (ChoiceLabel(choice) for choice in _LABELS if self._offered(choice))
        yield Entry(placeholder="why? Enter denies and tells the model, Esc goes back", classes="card--reason")

    @property
    def asks_reason(self) -> bool:
        """Whether the reason of a denial is being written."""
        return self.has_class("-why")

    def fit(self, rows: int) -> None:
        """Take at most `rows` rows of the screen: what runs scrolls, the answers stay."""
        self._body.styles.max_height = max(3, rows - _FRAME_ROWS)

    def reach(self) -> None:
        """Take the focus because the user came here."""
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

    def on_click(self, event: events.Click) -> None:
        """Let a click anywhere on the card reach it."""
        event.stop()
        if not self.has_focus and not self.asks_reason:
            self.reach()

    def on_paste(self, event: events.Paste) -> None:
        """Hand pasted text to the composer: a paste answers nothing."""
        event.stop()
        if self.has_focus:
            self.post_message(self.Typing(event.text))

    def on_key(self, event: events.Key) -> None:
        """Judge a key: a scroll, an answer, or typing that was meant for the composer."""
        if not self.has_focus:
            return
        if event.key in _SCROLLS:
            event.stop()
            getattr(self._body, _SCROLLS[event.key])(animate=False)
            return
        text = event.character if event.is_printable and event.character else ""
        if text or event.key == "enter":
            event.stop()
            self.poll()
            self._judge(text)

    def on_choice_label_chosen(self, event: ChoiceLabel.Chosen) -> None:
        """Judge a click on an answer."""
        event.stop()
        choice = self._answering.click(self._possible(event.choice))
        if not self.has_focus:
            self.reach()
        if choice is not None:
            self._choose(choice)
        self._show_note()

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Deny with the reason that was written."""
        event.stop()
        self._answer(Decision(False, reason=event.value.strip()))

    def on_entry_left(self, event: Entry.Left) -> None:
        """Go back from the reason to the answers."""
        event.stop()
        self.remove_class("-why")
        self.reach()

    def on_consent_body_seen_to_the_end(self, event: ConsentBody.SeenToTheEnd) -> None:
        """Allow from now on."""
        event.stop()
        self._say("")

    def _head(self) -> Content:
        head = destination(self.request)
        if isolation := exact(self.request.preview.isolation):
            head = Content(" · ").join([head, Content(isolation)])
        return head

    def _possible(self, choice: Choice) -> Choice:
        """Turn a grant of what has not been seen whole into the advice to scroll."""
        return "scroll" if choice in GRANTS and not self._body.seen else choice

    def _offered(self, choice: Choice) -> bool:
        return choice != "session" or not self.request.once_only

    def _judge(self, text: str) -> None:
        choice = _CHOICES.get(text.lower())
        choice = choice if choice and self._offered(choice) else None
        match self._answering.press(self._possible(choice) if choice else None, text):
            case Typed(typed):
                if typed:
                    self.post_message(self.Typing(typed))
            case Held():
                self._say("held")
            case Taken():
                self._say("")
            case None:
                self._say("enter")

    def _choose(self, choice: Choice) -> None:
        match choice:
            case "once" | "session":
                self._answer(self.request.allow(choice))
            case "deny":
                self._answer(Decision(False))
            case "why":
                self.add_class("-why")
                self.query_one(Entry).focus(scroll_visible=False)
            case "help":
                self.post_message(self.HelpWanted())
            case "scroll":
                self._say("scroll")

    def _answer(self, decision: Decision) -> None:
        self.post_message(self.Answered(self.request, decision))

    def _say(self, said: Said) -> None:
        self._said = said
        self._show_note()

    def _show_note(self) -> None:
        note = self._note_text()
        if note != self._note.visual:
            self._note.update(note, layout=False)

    def _note_text(self) -> Content:
        if self.asks_reason:
            return Content("the model reads your reason")
        if not self.has_focus:
            return Content(_WAITING)
        if armed := self._answering.armed:
            return Content.styled(_AGAIN[self.request.effect].format(_KEYS[armed]), "bold")
        if not self._body.seen:
            return Content(_UNSEEN)
        return Content(_SAYINGS.get(self._said, ""))
