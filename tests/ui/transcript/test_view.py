"""The transcript in a running app: what it shows, when it follows, what keys and mouse do, what it never does."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence

import pytest
from textual.geometry import Region

from smol_chat.errors import JournalError
from smol_chat.events import (
    ContentDelta,
    Decided,
    GenerationProgress,
    MalformedCall,
    Notice,
    ReasoningDelta,
    ReasoningFinished,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnStarted,
)
from smol_chat.messages import JsonObject, Origin, ToolCall, ToolFailure, ToolResult
from smol_chat.ui.transcript.blocks import ReasoningBlock
from smol_chat.ui.transcript.view import Transcript
from support.transcript_app import TranscriptApp, call, finished, turn


def numbered(count: int, start: int = 0) -> str:
    return "".join(f"line {number}\n\n" for number in range(start, start + count))


async def shown(events: Sequence[TurnEvent], size: tuple[int, int] = (80, 40)) -> list[str]:
    app = TranscriptApp(events)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        return [row for row in app.rows() if row]


# --- what events look like ------------------------------------------------------------------


async def test_a_turn_shows_question_reasoning_and_answer() -> None:
    rows = await shown(turn("Hi\nthere", "**Hello** you", "hmm"))
    assert rows == [
        " you  Hi",
        "      there",
        "   ▸  thought for 3.2 s · 148 tokens",
        "      Hello you",
    ]


async def test_reasoning_shows_its_last_rows_while_it_streams() -> None:
    rows = await shown([TurnStarted("c", "q"), ReasoningDelta("".join(f"step {n}\n" for n in range(20)))])
    assert rows[1:] == ["   ▾  thinking", *(f"      step {n}" for n in range(14, 20))]


async def test_blank_reasoning_and_content_show_nothing() -> None:
    rows = await shown([TurnStarted("c", "q"), ReasoningDelta("\n"), ReasoningFinished(1, 1), ContentDelta("\n\n")])
    assert rows == [" you  q"]


ARGUMENTS: JsonObject = {"location": "Oslo", "days": 2}


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "waiting for your answer"),
        ([Decided("1", "allow", "user", ARGUMENTS)], "allowed by you"),
        ([Decided("1", "allow", "user", ARGUMENTS, scope="session")], "allowed by you for this session"),
        ([Decided("1", "allow", "policy", ARGUMENTS, scope="session")], "allowed for this session"),
        ([Decided("1", "allow", "policy", ARGUMENTS)], "allowed by the rules"),
        ([Decided("1", "allow", "flag", ARGUMENTS)], "allowed by --allow"),
        ([Decided("1", "deny", "user", ARGUMENTS, reason="too far")], "denied by you: too far"),
        ([Decided("1", "deny", "policy", ARGUMENTS)], "denied by the rules"),
        ([Decided("1", "allow", "user", ARGUMENTS), ToolStarted("1")], "allowed by you · running"),
        (
            [Decided("1", "allow", "user", ARGUMENTS), ToolStarted("1"), ToolProgress("1", "asking yr.no")],
            "allowed by you · asking yr.no",
        ),
        (
            [
                Decided("1", "allow", "user", ARGUMENTS),
                ToolFinished(ToolResult("1", "get_weather", duration_ms=812, origin=Origin.WEB, sandbox="seccomp")),
            ],
            "allowed by you · 0.8 s · from the web · in seccomp",
        ),
        (
            [
                Decided("1", "allow", "user", ARGUMENTS),
                ToolFinished(
                    ToolResult("1", "get_weather", ok=False, error=ToolFailure("timeout", "No answer."), duration_ms=9)
                ),
            ],
            "allowed by you · No answer. · 0.0 s",
        ),
        ([finished("cancelled")], "stopped before it finished"),
    ],
)
async def test_a_call_says_what_became_of_it(events: list[TurnEvent], status: str) -> None:
    rows = await shown([TurnStarted("c", "q"), call(ARGUMENTS), *events])
    assert rows[1:3] == [f"   ●  get_weather  {status}", '      location: "Oslo" · days: 2']


async def test_edited_arguments_are_shown_as_they_ran() -> None:
    rows = await shown([TurnStarted("c", "q"), call(ARGUMENTS), Decided("1", "allow", "user", {"location": "Bergen"})])
    assert rows[1:] == ["   ●  get_weather  allowed by you · arguments edited by you", '      location: "Bergen"']


async def test_text_with_line_ends_in_arguments_is_shown_as_it_is() -> None:
    rows = await shown([TurnStarted("c", "q"), call({"path": "a.txt", "text": "one\n\ttwo"})])
    assert rows[2:] == ['      path: "a.txt"', "      text:", "      │ one", "      │     two"]


async def test_a_long_result_is_folded_and_enter_unfolds_it() -> None:
    result = ToolResult("1", "get_weather", content="\n".join(f"day {n}" for n in range(20)))
    app = TranscriptApp([TurnStarted("c", "q"), call(ARGUMENTS), ToolFinished(result), finished()])
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        assert "      +14 lines" in app.rows()
        assert "      │ day 6" not in app.rows()
        await pilot.press("k", "enter")
        assert "      │ day 19" in app.rows()
        await pilot.press("enter")
        assert "      │ day 19" not in app.rows()


async def test_a_click_on_the_rest_of_a_result_unfolds_it() -> None:
    result = ToolResult("1", "get_weather", content="\n".join(f"day {n}" for n in range(20)))
    app = TranscriptApp([TurnStarted("c", "q"), call(ARGUMENTS), ToolFinished(result), finished()])
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        await pilot.click(Transcript, offset=(8, app.rows().index("      +14 lines")))
        assert "      │ day 19" in app.rows()


async def test_an_unreadable_call_shows_why_and_its_raw_text() -> None:
    rows = await shown([TurnStarted("c", "q"), MalformedCall('{"name": \x1b', "truncated", "It ends too early.")])
    assert rows[1:] == ["   ✕  unreadable call  not run: It ends too early.", '      │ {"name": ␛']


@pytest.mark.parametrize(
    ("event", "row"),
    [
        (finished("cancelled"), "   ■  stopped here"),
        (finished("length", "The context window is full."), "   ■  The context window is full."),
        (finished("limit"), "   ■  stopped: a limit of this turn was reached"),
        (
            TurnFailed("engine_crashed", "The engine crashed; it starts again."),
            "   ✕  The engine crashed; it starts again.",
        ),
        (Notice("The engine was restarted."), "   ·  The engine was restarted."),
    ],
)
async def test_how_a_turn_ends_is_said_in_words(event: TurnEvent, row: str) -> None:
    assert (await shown([TurnStarted("c", "q"), ContentDelta("partial"), event]))[-1] == row


async def test_a_call_being_written_is_announced_until_it_is_there() -> None:
    writing = GenerationProgress(10, 20.0, 100, 4096, writing_call=True)
    before: list[TurnEvent] = [TurnStarted("c", "q"), ContentDelta("Let me look."), writing]
    assert (await shown(before))[-1] == "   ○  writing a tool call…"
    assert "writing a tool call…" not in "".join(await shown([*before, call(ARGUMENTS)]))


# --- following and scrolling ----------------------------------------------------------------


async def test_the_view_follows_the_end() -> None:
    app = TranscriptApp([TurnStarted("c", "q"), ContentDelta(numbered(60))])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert app.rows()[-1] == "      line 59"
        app.transcript.feed(ContentDelta(numbered(30, 60)))
        assert app.rows()[-1] == "      line 89"


@pytest.mark.parametrize("key", ["up", "pageup", "home"])
async def test_scrolling_up_stops_following_and_new_text_moves_nothing(key: str) -> None:
    app = TranscriptApp([TurnStarted("c", "q"), ContentDelta(numbered(60))])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.press(key)
        assert not app.transcript.following
        before = app.rows()
        for start in range(60, 160, 20):
            app.transcript.feed(ContentDelta(numbered(20, start)))
            assert app.rows()[:-1] == before[:-1]
        assert app.rows()[-1].endswith("↓ 200 new lines")
        await pilot.press("end")
        assert app.transcript.following
        assert app.rows()[-1] == "      line 159"


async def test_reasoning_that_ends_moves_nothing_under_the_readers_eyes() -> None:
    thought = "".join(f"step {n}\n" for n in range(20))
    app = TranscriptApp([*turn(answer=numbered(20)), TurnStarted("c", "q"), ReasoningDelta(thought)])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.press("up")
        before = app.rows()
        app.transcript.feed(ReasoningFinished(1_000, 60))
        app.transcript.feed(ContentDelta("The answer."))
        after = app.rows()
        assert [row.replace("thought for 1.0 s · 60 tokens", "thinking") for row in after[:-1]] == before[:-1]
        app.transcript.toggle_reasoning()
        assert "   ▸  thought for 1.0 s · 60 tokens" in app.rows()


async def test_scrolling_back_to_the_end_follows_again() -> None:
    app = TranscriptApp([TurnStarted("c", "q"), ContentDelta(numbered(60))])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.press("up", "up")
        assert not app.transcript.following
        await pilot.press("down")
        assert not app.transcript.following
        await pilot.press("down")
        assert app.transcript.following


async def test_sending_follows_again() -> None:
    app = TranscriptApp([*turn(answer=numbered(60))])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.press("home")
        app.transcript.feed(TurnStarted("c", "next question"))
        assert app.rows()[-1] == " you  next question"


async def test_a_click_on_the_hint_goes_to_the_end() -> None:
    app = TranscriptApp([TurnStarted("c", "q"), ContentDelta(numbered(60))])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.press("home")
        app.transcript.feed(ContentDelta(numbered(5, 60)))
        app.rows()
        await pilot.click(Transcript, offset=(52, 19))
        assert app.rows()[-1] == "      line 64"


async def test_a_resize_keeps_following() -> None:
    app = TranscriptApp(turn(answer="word " * 400 + "\n\nthe end"))
    async with app.run_test(size=(60, 20)) as pilot:
        for size in ((100, 30), (40, 10), (80, 50)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.transcript.following
            assert "      the end" in app.rows()


async def test_a_resize_keeps_what_was_read_in_view() -> None:
    app = TranscriptApp(turn(answer=numbered(100)))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.press("pageup", "pageup")
        top = app.rows()[0]
        await pilot.resize_terminal(90, 30)
        await pilot.pause()
        assert app.rows()[0] == top


def uneven_turns(count: int) -> list[list[TurnEvent]]:
    return [
        turn(f"question {n}", f"## {n}\n\n" + f"word{n} " * (n * 37 % 400) + "\n\n- a\n- b\n", "why " * (n % 50))
        for n in range(count)
    ]


async def test_a_long_conversation_is_laid_out_only_near_the_view() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        app.transcript.load(uneven_turns(5_000))
        assert "      • b" in app.rows()
        document = app.transcript._document
        assert sum(stored.is_built for stored in document.turns) < 60
        await pilot.press("home")
        assert app.rows()[1] == " you  question 0"
        assert sum(stored.is_built for stored in document.turns) < 120


async def test_scrolling_through_stored_turns_moves_one_row_at_a_time() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(70, 20)) as pilot:
        await pilot.pause()
        app.transcript.load(uneven_turns(60))
        before = app.rows()
        for _ in range(300):
            app.transcript.scroll_up(animate=False)
            after = app.shown()
            assert after[1:] == before[:-1]
            before = after
        for _ in range(300):
            app.transcript.scroll_down(animate=False)
            after = app.shown()
            assert after[:-1] == before[1:]
            before = after
        assert app.transcript.following


async def test_laid_out_lines_are_forgotten_when_nobody_looked_at_them_for_long() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        app.transcript.load(uneven_turns(400))
        for _ in range(300):
            app.transcript.scroll_page_up()
        document = app.transcript._document
        kept = sum(len(s.piece._lines or ()) for t in document.turns if t.is_built for s in t.slots())
        assert kept <= 6_100


class Unreadable:
    """A stored turn of a history that is damaged."""

    def __iter__(self) -> Iterator[TurnEvent]:
        raise JournalError("The history is damaged.")


async def test_a_stored_turn_that_cannot_be_read_is_a_sentence_in_its_place() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        app.transcript.load([turn("one"), Unreadable(), turn("two")])
        shown = "\n".join(app.rows())
        assert "The history is damaged." in shown
        assert shown.index("one") < shown.index("damaged") < shown.index("two")


async def test_a_stored_conversation_can_be_loaded_and_cleared() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        app.transcript.load([turn("one"), turn("two")])
        assert [row for row in app.rows() if "you" in row] == [" you  one", " you  two"]
        app.transcript.clear()
        assert not any(app.rows())


async def test_a_turn_that_was_never_finished_loads_as_it_was() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        events: list[TurnEvent] = [TurnStarted("c", "q"), ReasoningDelta("hm"), call(ARGUMENTS)]
        app.transcript.load([events])
        assert [row for row in app.rows() if row][1] == "   ▸  thought, interrupted"
        app.transcript.feed(TurnStarted("c", "again"))
        assert " you  again" in app.rows()


# --- folding, cursor, copying ---------------------------------------------------------------


async def test_reasoning_is_folded_and_unfolded() -> None:
    app = TranscriptApp(turn(reasoning="because\nof this"))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert "      because" not in app.rows()
        app.transcript.toggle_reasoning()
        assert "      because" in app.rows()
        await pilot.click(Transcript, offset=(8, app.rows().index("   ▾  thought for 3.2 s · 148 tokens")))
        assert "      because" not in app.rows()
        app.transcript.fold_all_reasoning(False)
        assert "      because" in app.rows()
        app.transcript.feed(TurnStarted("c", "q"))
        app.transcript.feed(ReasoningDelta("more reasons"))
        app.transcript.feed(ReasoningFinished(100, 3))
        assert "      more reasons" in app.rows()
        app.transcript.fold_all_reasoning(True)
        assert "      because" not in app.rows()


async def test_unfolding_keeps_the_header_in_view() -> None:
    app = TranscriptApp(turn(reasoning=numbered(80)))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        app.transcript.toggle_reasoning()
        assert "   ▾  thought for 3.2 s · 148 tokens" in app.rows()
        assert not app.transcript.following


async def test_the_cursor_walks_from_message_to_message() -> None:
    app = TranscriptApp([*turn("first", numbered(30)), *turn("second", numbered(30))])
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert not app.marked()
        for key, text in (
            ("k", "▌     line 0"),
            ("k", "▌you  second"),
            ("alt+up", "▌     line 0"),
            ("j", "▌you  second"),
        ):
            await pilot.press(key)
            assert app.marked()[0] == text
        app.transcript.blur()
        await pilot.pause()
        assert not app.marked()


@pytest.mark.parametrize(
    ("presses", "copied"),
    [
        (
            ["c"],
            "Some *Markdown* that is long enough to be wrapped at this width, surely.\n\n```py\nx = 1\n\ny = 2\n```",
        ),
        (["k", "k", "c"], "reason one\nreason two"),
        (["k", "k", "k", "c"], "What?"),
    ],
)
async def test_c_copies_the_original_text_of_a_block(presses: list[str], copied: str) -> None:
    answer = "Some *Markdown* that is long enough to be wrapped at this width, surely.\n\n```py\nx = 1\n\ny = 2\n```"
    app = TranscriptApp(turn("What?", answer, "reason one\nreason two"))
    async with app.run_test(size=(50, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*presses)
        assert app.copied == [copied]


async def test_the_last_answer_and_the_last_code_can_be_copied() -> None:
    app = TranscriptApp([*turn(answer="```py\nx = 1\n```"), *turn(answer="No code here.")])
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.transcript.copy_text("last answer") == "No code here."
        assert app.transcript.copy_text("last code") == "x = 1"
        app.transcript.clear()
        assert app.transcript.copy_text("last answer") == app.transcript.copy_text("last code") == ""
        assert app.transcript.copy_text("block under cursor") == ""


async def test_selected_text_is_what_was_written() -> None:
    answer = (
        "A paragraph that is long enough to be wrapped.\n\n- item of a list that wraps as well\n\n```py\nif x:\n    y()"
    )
    app = TranscriptApp(turn("Hello", answer))
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.pause()
        rows = app.rows()
        first = next(y for y, row in enumerate(rows) if "A paragraph" in row)
        last = next(y for y, row in enumerate(rows) if "y()" in row)
        await pilot.mouse_down(Transcript, offset=(8, first))
        await pilot.hover(Transcript, offset=(15, last))
        await pilot.mouse_up(Transcript, offset=(15, last))
        expected = (
            "paragraph that is long enough to be wrapped.\n\n• item of a list that wraps as well\n\n\nif x:\n    y()"
        )
        assert app.screen.get_selected_text() == expected


async def test_a_selection_stays_where_it_is_while_text_arrives() -> None:
    app = TranscriptApp([TurnStarted("c", "select me"), ContentDelta(numbered(60))])
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        await pilot.press("home")
        await pilot.mouse_down(Transcript, offset=(6, 1))
        await pilot.hover(Transcript, offset=(11, 1))
        await pilot.mouse_up(Transcript, offset=(11, 1))
        assert app.screen.get_selected_text() == "select"
        app.transcript.feed(ContentDelta(numbered(40, 60)))
        app.rows()
        assert app.screen.get_selected_text() == "select"


async def test_selecting_everything_gives_the_whole_conversation() -> None:
    app = TranscriptApp(turn("one\ntwo", "three\n\nfour"))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        app.screen.text_select_all()
        text = app.screen.get_selected_text()
        assert text is not None
        assert text.split() == ["one", "two", "three", "four"]


# --- hostile text ---------------------------------------------------------------------------

HOSTILE = (
    "\x1b]0;owned\x07 \x1b[2J \x9b31m [bold]x[/bold] [/b] [@click=app.quit]click[/] <|im_start|>system \u202egnp.exe "
    "\u200b\ufeff\U000e0041 \ud800 [link](https://e.x/\x1b[0m) &#27;[31m \r\x0b\x0c `\x1b` "
)


def hostile_turn(text: str) -> list[TurnEvent]:
    return [
        TurnStarted(text, text),
        ReasoningDelta(text),
        ReasoningFinished(1, 1),
        ContentDelta(f"{text}\n\n# {text}\n\n- {text}\n\n|{text}|b|\n|-|-|\n|{text}|c|\n\n```{text}\n{text}\n```\n"),
        ToolCallProposed(ToolCall("1", text, {text: text, "lines": f"{text}\n{text}"})),
        Decided("1", "deny", "user", {text: text}, reason=text),
        ToolStarted("1"),
        ToolProgress("1", text),
        ToolFinished(ToolResult("1", text, ok=False, content=f"{text} more", error=ToolFailure("failed", text))),
        MalformedCall(text, text, text),
        Notice(text),
        TurnFailed(text, text),
    ]


async def test_hostile_text_reaches_the_screen_harmless_and_is_nothing_to_click_on() -> None:
    app = TranscriptApp(hostile_turn(HOSTILE))
    async with app.run_test(size=(100, 200)) as pilot:
        await pilot.pause()
        app.transcript.fold_all_reasoning(False)
        text = "".join(app.rows())
        for character in text:
            assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}, repr(character)
        assert "[bold]x[/bold][/b][@click=app.quit]click[/]<|im_start|>system⟨U+202E⟩gnp.exe" in "".join(text.split())
        size = app.transcript.size
        for strip in app.transcript.render_lines(Region(0, 0, size.width, size.height)):
            for segment in strip:
                assert segment.style is None or (not segment.style.link and "@click" not in segment.style.meta)


async def test_a_huge_line_is_shown_in_part_and_copied_whole() -> None:
    huge = "x" * 1_000_000
    app = TranscriptApp(
        [*turn(huge, huge, huge), call({"text": huge}), ToolFinished(ToolResult("1", "t", content=huge))]
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.rows()
        assert app.transcript._document.height < 2_000
        assert app.transcript.copy_text("last answer") == huge


async def test_colours_come_from_the_theme() -> None:
    app = TranscriptApp(turn(answer="# Title"))
    async with app.run_test() as pilot:
        await pilot.pause()
        colours = set()
        for theme in ("textual-dark", "textual-light", "ansi-dark"):
            app.theme = theme
            await pilot.pause()
            app.rows()
            row = next(strip for strip in app.transcript.render_lines(Region(0, 0, 80, 24)) if "Title" in strip.text)
            colours.add(next(segment.style.color for segment in row if segment.style and segment.text == "Title"))
        assert len(colours) == 3


async def test_what_was_fed_before_the_widget_was_mounted_is_shown() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(60, 20)) as pilot:
        second = Transcript()
        second.feed(TurnStarted("c", "early"))
        second.feed(ContentDelta("bird"))
        await app.transcript.remove()
        await app.mount(second)
        await pilot.pause()
        assert [row for row in app.shown() if row] == [" you  early", "      bird"]
        second.feed(ContentDelta(" and worm"))
        assert [row for row in app.rows() if row][1] == "      bird and worm"


def test_seconds_of_reasoning_are_shown_once_there_are_any() -> None:
    block = ReasoningBlock()
    block.feed("hm")
    assert not block.elapse(0)
    assert block.elapse(3)
    assert not block.elapse(3)
    assert block.pieces()[0].lines(40)[0].text == "thinking · 3 s"


@pytest.mark.parametrize("module", ["markdown_it", "pygments", "rich.markdown", "textual.widgets.markdown"])
def test_importing_the_transcript_is_light(module: str) -> None:
    code = f"import sys, smol_chat.ui.transcript.view; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
