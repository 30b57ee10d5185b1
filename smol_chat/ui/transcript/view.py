"""The transcript: one scroll view that draws a conversation line by line.

Nothing is mounted for a message, a block or a token. Events change plain blocks; a timer that runs only while something
changes lays out what moved, compares the rows of the view with those on the screen and repaints the ones that differ.
Following the end is a state: only the user leaves it (by scrolling up) and takes it up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from smol_chat.events import TurnEvent, TurnFailed, TurnFinished, TurnStarted
from smol_chat.ui.transcript.attachment import AttachmentBlock
from smol_chat.ui.transcript.blocks import AnswerBlock, Block, ReasoningBlock, UserBlock
from smol_chat.ui.transcript.calls import CallBlock
from smol_chat.ui.transcript.document import Document, Place, Row
from smol_chat.ui.transcript.finding import Finder, Found, Hit, ranges
from smol_chat.ui.transcript.lines import Line
from smol_chat.ui.transcript.markdown import last_code, warm_up
from smol_chat.ui.transcript.painting import MARGIN, RIGHT_MARGIN, Painter
from smol_chat.ui.transcript.palette import COMPONENTS, LOOKS, component_class
from smol_chat.ui.transcript.pieces import Piece
from smol_chat.ui.transcript.selecting import block_selection, row_number, selected_range, selected_text
from smol_chat.ui.transcript.turns import Turn
from smol_chat.ui.transcript.viewport import Viewport

if TYPE_CHECKING:
    from textual import events
    from textual.selection import Selection
    from textual.timer import Timer

_DUTY = 6
"""However long a layout takes, so many times as long passes before the next: hostile text slows itself down, not us."""
_REASONING_SEARCH = 40
"""Blocks that are looked at for the nearest reasoning."""

BranchAct = Literal["edit", "regenerate", "branch", "earlier", "later"]
CopyKind = Literal["last answer", "last code", "block under cursor"]


class Transcript(ScrollView, can_focus=True):
    """Shows a conversation from its turn events."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,alt+down", "jump(1)", "Next message", show=False),
        Binding("k,alt+up", "jump(-1)", "Previous message", show=False),
        Binding("enter", "fold", "Fold or unfold; while finding: next match", show=False),
        Binding("c", "copy", "Copy", show=False),
        Binding("z", "screen.zoom", "Show it on the whole screen; ctrl+click does too", show=False),
        Binding("e", "branch('edit')", "Edit the message and send it again", show=False),
        Binding("r", "branch('regenerate')", "Answer the message again", show=False),
        Binding("b", "branch('branch')", "Go on from here, on a branch of its own", show=False),
        Binding("left", "branch('earlier')", "The version of the message before this one", show=False),
        Binding("right", "branch('later')", "The next version of the message", show=False),
        Binding("slash", "screen.find", "Find words in the conversation", show=False),
        Binding("n", "find_step(1)", "Next match of what was found", show=False),
        Binding("N", "find_step(-1)", "Previous match", show=False),
        Binding("end,ctrl+end", "scroll_end", "End", show=False),
        Binding("home,ctrl+home", "scroll_home", "Beginning", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {component_class(name) for name in COMPONENTS}
    DEFAULT_CSS = (
        """
    Transcript {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
    }
    """
        + LOOKS
    )

    following: var[bool] = var(True)
    """Whether the view stays at the end while content arrives; changed by the user only."""

    found: var[Found] = var((0, 0, True))
    """How a search stands: number of the match that is shown, matches in all, whether all turns were looked at."""

    class ZoomWanted(Message):
        """The block under the cursor is to be shown on the whole screen."""

    class CopyRequested(Message):
        """The user asked for a text to be copied."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    class BranchWanted(Message):
        """The user wants other words to follow: `position` is the number of the message, from 0."""

        def __init__(self, act: BranchAct, position: int) -> None:
            self.act: BranchAct = act
            self.position = position
            super().__init__()

    def __init__(self, *, paints_per_second: int = 12, id: str | None = None, classes: str | None = None) -> None:
        """Begin empty; what grows is painted at most `paints_per_second` times a second."""
        super().__init__(id=id, classes=classes)
        self._paint_interval = 1 / paints_per_second
        self._document = Document()
        self._painter = Painter(self)
        self._view = Viewport(self._document)
        self._finder = Finder(self._document)
        self._found_at: tuple[Place, int] | None = None
        self._find_from: Place | None = None
        self._found_ranges: dict[Piece, tuple[list[Line], dict[int, list[tuple[int, int]]]]] = {}
        self._cursor: Place | None = None
        self._laid_out_for = Size(0, 0)
        self._scrolls_itself = False
        self._unfold_reasoning = False
        self._clock: Timer | None = None
        self._changed = False
        self._rest_until = 0.0
        self._reasoning_since: float | None = None
        self._painting = False
        self._thumb = (0, 0, 0)
        self._is_warm = False

    # --- content ----------------------------------------------------------------------------

    def feed(self, event: TurnEvent) -> None:
        """Show one event of the running turn."""
        turns = self._document.turns
        if isinstance(event, TurnStarted) or not turns:
            if turns:
                turns[-1].close()
                self._document.update(len(turns) - 1)
            self._document.append(Turn(unfolded=self._unfold_reasoning))
            self.following = True
        turns[-1].keeps_windows = not self.following
        turns[-1].feed(event)
        if isinstance(event, TurnStarted) and self.is_running and not self._is_warm:
            # While the model reads its prompt: the first heading or fence must not wait for imports.
            self._is_warm = True
            self.run_worker(warm_up, thread=True, exit_on_error=False)
        if isinstance(event, (TurnStarted, TurnFinished, TurnFailed)):
            self.flush()
        else:
            self._change()

    def load(self, turns: Sequence[Iterable[TurnEvent]]) -> None:
        """Show a stored conversation instead, at its end; of most turns nothing is read before somebody looks."""
        self.clear()
        self._document.load(turns, unfolded=self._unfold_reasoning)
        self.flush()

    def clear(self) -> None:
        """Show an empty conversation."""
        self.find("")
        self._document.load([], unfolded=self._unfold_reasoning)
        self._painter.clear()
        self._cursor = None
        self._view.reset()
        self.following = True
        self.flush()

    def flush(self) -> None:
        """Show at once what arrived, without waiting for the clock."""
        self._changed = True
        self._rest_until = 0.0
        self._tick()

    def copy_text(self, kind: CopyKind) -> str:
        """Return the original text of something, not as it is wrapped on the screen; empty where there is none.

        Without a cursor the block under it is the last answer.
        """
        blocks = self._document.newest_first()
        if kind == "block under cursor" and self._cursor is not None:
            block = self._document.block_at(self._cursor)
            return block.copy_text() if block else ""
        answers = (block.copy_text() for block in blocks if isinstance(block, AnswerBlock))
        if kind == "last code":
            return next(filter(None, map(last_code, answers)), "")
        return next(answers, "")

    @property
    def unfolds_reasoning(self) -> bool:
        """Whether reasoning, also what is still to come, is shown unfolded."""
        return self._unfold_reasoning

    def toggle_reasoning(self) -> None:
        """Fold or unfold the last reasoning in view, or the nearest one before it."""
        if not self._view.rows:
            return
        place: Place | None = self._view.rows[-1].place
        for _ in range(_REASONING_SEARCH):
            if place is None or isinstance(self._document.block_at(place), ReasoningBlock):
                break
            place = self._document.starts(place, -1)
        if place is not None and isinstance(self._document.block_at(place), ReasoningBlock):
            self._toggle(place)

    def fold_all_reasoning(self, folded: bool) -> None:
        """Fold (or unfold) all reasoning, also what is still to come."""
        self._unfold_reasoning = not folded
        self._document.fold_reasoning(folded)
        self.flush()

    def show_block(self, block: Block) -> None:
        """Show one block alone, from its beginning."""
        self.clear()
        self._document.append(Turn.of(block))
        self.following = False
        self.flush()

    def block_to_look_at(self) -> Block | None:
        """Return the block under the cursor; without one the last in view that may have more to show."""
        if self._cursor is not None and self.has_focus:
            return self._document.block_at(self._cursor)
        for row in reversed(self._view.rows):
            block = self._document.block_at(row.place)
            if isinstance(block, (AnswerBlock, ReasoningBlock, CallBlock, AttachmentBlock)):
                return block
        return None

    def follow_end(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        self._lay_out()

    # --- messages and their versions ----------------------------------------------------------

    @property
    def position(self) -> int | None:
        """Number, from 0, of the message that the cursor is on or after; of the last one without a cursor."""
        messages = self._document.messages()
        if self._cursor is not None:
            messages = [turn for turn in messages if turn <= self._cursor.turn]
        return len(messages) - 1 if messages else None

    def message_text(self, position: int) -> str | None:
        """Return what was sent as a message, None where there is no such message."""
        messages = self._document.messages()
        if not 0 <= position < len(messages):
            return None
        message = self._document.turns[messages[position]].message
        return message.copy_text() if message else None

    def rewind(self, messages: int) -> None:
        """Show only the first messages and what followed them."""
        turns = self._document.messages()
        self.find("")
        if messages < len(turns):
            self._document.truncate(turns[messages])
        self._cursor = None
        self._view.reset()
        self.follow_end()
        self.flush()

    def show_versions(self, versions: Sequence[tuple[int, int]]) -> None:
        """Say at each message which of how many versions it is."""
        for number, version in zip(self._document.messages(), versions, strict=False):
            turn = self._document.turns[number]
            if turn.version != version:
                turn.version = version
                self._document.update(number)
        self._lay_out()

    def reveal_message(self, position: int) -> None:
        """Put the cursor on a message and bring it into view."""
        messages = self._document.messages()
        if position < len(messages):
            self._put_cursor(Place(messages[position], 0, 0, 0))

    def action_branch(self, act: BranchAct) -> None:
        """Ask for another branch from the message under the cursor."""
        if (position := self.position) is not None:
            self.post_message(self.BranchWanted(act, position))

    # --- finding ----------------------------------------------------------------------------

    @property
    def is_finding(self) -> bool:
        """Whether something is being looked for."""
        return self._finder.pattern is not None

    def find(self, words: str) -> None:
        """Show where words are, from where the view was when the search began; no words end it."""
        if self._find_from is None or not self.is_finding:
            self._find_from = self._view.rows[0].place if self._view.rows else None
        self._finder.begin(words)
        self._found_at = None
        self._found_ranges.clear()
        self.found = self._finder.found()
        if self.is_finding and self._find_from is not None:
            self.run_worker(self._search(self._find_from), group="find", exclusive=True)
        else:
            self.workers.cancel_group(self, "find")
            self.following = self.following or self._view.at_end
        self.refresh()

    async def _search(self, start: Place) -> None:
        async with aclosing(self._finder.search(start)) as hits:
            async for hit in hits:
                if hit is not None and self._finder.hit is None:
                    self._show_hit(hit)
                self.found = self._finder.found()

    def _show_hit(self, hit: Hit) -> None:
        self._finder.hit = hit
        self._found_at = self._finder.place(hit)
        place = self._found_at[0]
        self._cursor = Place(place.turn, place.block, 0, 0)
        self.following = False
        self._view.reveal(place, lead=self.size.height // 3)
        self._lay_out()
        self.refresh()

    def _found_in(self, row: Row | None) -> list[tuple[int, int, str]]:
        """Return the ranges of a row's text that were looked for, with their styles."""
        pattern = self._finder.pattern
        if pattern is None or row is None or row.line is None:
            return []
        lines = row.piece.lines(self._document.width)
        kept = self._found_ranges.get(row.piece)
        if kept is None or kept[0] is not lines:
            kept = self._found_ranges[row.piece] = lines, ranges(lines, pattern)
        here = self._found_at[1] if self._found_at and self._found_at[0] == row.place else -1
        found = kept[1].get(row.place.row - row.piece.gap, ())
        return [(start, end, "found.here" if start == here else "found") for start, end in found]

    def action_find_step(self, step: int) -> None:
        """Go to the next or the previous match."""
        hit = self._finder.step(step)
        if hit is not None:
            self._show_hit(hit)
            self.found = self._finder.found()

    # --- painting on a clock ----------------------------------------------------------------

    def on_mount(self) -> None:
        """Start the clock, at rest."""
        self._clock = self.set_interval(self._paint_interval, self._tick, pause=True)
        self._changed = False
        self._change()

    def _change(self) -> None:
        """Take note of a change; the first after a quiet time is shown at once, the others by the clock."""
        if self._changed:
            return
        self._changed = True
        if self._clock is not None:
            self._clock.resume()
            self.call_later(self._tick)

    def _tick(self) -> None:
        live = self._time_reasoning()
        now = perf_counter()
        if not self._changed:
            if not live and self._clock is not None:
                self._clock.pause()
            return
        if now < self._rest_until:
            return
        self._changed = False
        if self._document.turns:
            self._document.update(len(self._document.turns) - 1)
        self._lay_out()
        spent = perf_counter() - now
        self._rest_until = now + max(_DUTY * spent, 0.9 * self._paint_interval)

    def _time_reasoning(self) -> bool:
        """Count the seconds of reasoning that streams; tell whether there is any."""
        turns = self._document.turns
        block = turns[-1].live_reasoning if turns and turns[-1].is_built else None
        if block is None:
            self._reasoning_since = None
            return False
        if self._reasoning_since is None:
            self._reasoning_since = monotonic()
        if block.elapse(int(monotonic() - self._reasoning_since)):
            turns[-1].invalidate()
            self._changed = True
        return True

    # --- layout and scrolling ---------------------------------------------------------------

    def on_resize(self) -> None:
        """Wrap what is in view for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Measure what is near the view, set the scroll position, repaint the rows that differ."""
        width, height = self.size
        if not width or not height:
            return
        if self._laid_out_for != self.size:
            self._laid_out_for = self.size
            self._painter.clear()
            self._view.reset()
            self._view.height = height
            if self._document.width != width - MARGIN - RIGHT_MARGIN:
                self._document.set_width(width - MARGIN - RIGHT_MARGIN)
        self._view.lay_out(at_end=self.following)
        self._scroll_self(self._view.top)
        self._repaint(self._view.update_rows(at_end=self.following))

    def _scroll_self(self, top: int) -> None:
        size = Size(self.size.width, self._document.height)
        if size != self.virtual_size:
            # Past the reactive, which would lay out the whole screen for every line that arrives.
            self.set_reactive(Widget.virtual_size, size)
        if self.scroll_y != top:
            self._scrolls_itself = True
            self.scroll_target_y = top
            self.scroll_y = top
            self._scrolls_itself = False
        view, total = self.size.height, max(1, size.height)
        thumb = (view * view // total, view * top // total, view)
        if thumb != self._thumb:
            # Only when the thumb moves by a cell: drawing it costs as much as the text.
            self._thumb = thumb
            bar = self.vertical_scrollbar
            bar.window_size, bar.window_virtual_size, bar.position = view, total, top

    def _repaint(self, stale: list[int]) -> None:
        if not self.following and self.size.height - 1 not in stale:
            stale.append(self.size.height - 1)  # the hint may have changed
        if len(stale) > self.size.height // 2:
            self.refresh(self.size.region)
        elif stale:
            self.refresh(*[Region(0, y, self.size.width, 1) for y in stale])

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Take over where the user scrolled to; what the view does by itself changes nothing."""
        old, new = round(old_value), round(new_value)
        if self._scrolls_itself or old == new or self._laid_out_for != self.size or not self._document.turns:
            return
        self.following = new > old and new >= self.max_scroll_y
        self._view.move_to(new)
        self._lay_out()

    def scroll_to(  # noqa: D102  as inherited
        self, x: float | None = None, y: float | None = None, *, animate: bool = True, **options: object
    ) -> None:
        # Heights become known while scrolling, so the end of an animation would not be where it was meant to be.
        super().scroll_to(x, y, animate=False)

    # --- drawing ----------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw rows. The base class, which draws the widget's box as well, is asked only where there is one."""
        self._painting = True
        try:
            if self.styles.gutter:
                return super().render_lines(crop)
            strips = [self.render_line(y) for y in crop.line_range]
        finally:
            self._painting = False
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view."""
        row = self._view.rows[y] if y < len(self._view.rows) else None
        selection = self.text_selection
        span = selected_range(selection, row) if selection is not None and row else None
        found = self._found_in(row)
        strip = self._painter.strip(row, marked=self._is_marked(row), selection=span, found=found)
        if y == self.size.height - 1 and (below := self._new_lines()):
            strip = self._painter.with_hint(strip, f"↓ {below:,} new line{'' if below == 1 else 's'}")
        if self._painting or row is None:
            return strip
        # Only for finding what is under the mouse: offsets in every style would make painting several times dearer.
        return strip.apply_offsets(-self._painter.text_start(row), row_number(row.place))

    def notify_style_update(self) -> None:
        """Draw everything again in other colours."""
        super().notify_style_update()
        self._painter.clear()

    def _is_marked(self, row: Row | None) -> bool:
        cursor = self._cursor
        return (
            cursor is not None
            and row is not None
            and row.line is not None
            and self.has_focus
            and row.place[:2] == cursor[:2]
        )

    def _new_lines(self) -> int:
        return 0 if self.following else self._view.lines_below()

    # --- selection --------------------------------------------------------------------------

    @property
    def allow_select(self) -> bool:
        """Text can be selected with the mouse."""
        return True

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text as it was written, without margins and bars."""
        return selected_text(self._document, selection), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show the selection."""
        self.refresh()

    def text_select_all(self) -> None:
        """Select the block that was clicked twice, not the whole conversation."""
        if self._cursor is not None:
            self.screen.selections = {self: block_selection(self._cursor)}

    # --- keys and mouse ---------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Fold or unfold by a click on a header; go to the end by a click on the hint."""
        if event.y == self.size.height - 1 and self._new_lines() and event.x >= self.size.width // 2:
            self.follow_end()
            return
        if not 0 <= event.y < len(self._view.rows):
            return
        row = self._view.rows[event.y]
        self._cursor = row.place
        block = row.piece.block
        if isinstance(block, UserBlock) and (step := block.step_at(row.piece, event.x - MARGIN)):
            self.action_branch("earlier" if step < 0 else "later")
        elif event.ctrl:
            self.focus()
            self.post_message(self.ZoomWanted())
        elif row.piece.toggles and row.line is not None and event.chain == 1 and self.text_selection is None:
            self._toggle(row.place)
        else:
            self.refresh()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def action_jump(self, step: int) -> None:
        """Put the cursor on the next or the previous block and bring its beginning into view."""
        if not self._view.rows:
            return
        if self._cursor is None:
            target: Place | None = self._view.rows[-1 if step < 0 else 0].place
        else:
            target = self._document.starts(self._cursor, step)
        if target is not None:
            self._put_cursor(Place(target.turn, target.block, 0, 0))

    def _put_cursor(self, place: Place) -> None:
        self._cursor = place
        self.following = self._view.reveal(place)
        self._lay_out()
        self.refresh()

    def action_fold(self) -> None:
        """Fold or unfold the block under the cursor; while finding go to the next match."""
        if self.is_finding:
            self.action_find_step(1)
        elif self._cursor is not None:
            self._toggle(self._cursor)

    def action_copy(self) -> None:
        """Ask for the block under the cursor to be copied; without a cursor the last answer."""
        if text := self.copy_text("block under cursor"):
            self.post_message(self.CopyRequested(text))

    def action_scroll_end(self) -> None:
        """Go to the end and stay there."""
        self.follow_end()

    def _toggle(self, place: Place) -> None:
        """Fold or unfold a block; its header stays where it is."""
        block = self._document.block_at(place)
        if block is None or not block.foldable:
            return
        block.toggle()
        turn = self._document.turns[place.turn]
        turn.invalidate()
        self._document.update(place.turn)
        header = Place(place.turn, place.block, 0, 0)
        live = isinstance(block, ReasoningBlock) and block.streaming
        if self.following and not live:
            # Unfolding something long leaves the end: what was unfolded is what the user wants to see.
            self.following = self._view.end_shows(header)
        if not self.following:
            self._view.keep_header(header)
        self._lay_out()
        self.refresh()
