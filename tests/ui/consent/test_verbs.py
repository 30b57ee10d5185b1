"""Answers beyond yes and no: for the next few, for calls alike, for good, and the model's reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.agent.policy import Pattern, Rule
from smol_chat.messages import ArgumentOrigin, Origin, OriginSpan
from smol_chat.tools.spec import Effect, Preview
from smol_chat.ui.consent.contents import consent_lines
from smol_chat.ui.consent.guard import Choice
from smol_chat.ui.consent.verbs import needs_second_key
from support.screen import Stage, on_stage
from support.scripted_conversation import Ask, ScriptedBackend, request
from support.scripted_inquiry import ScriptedInquiry, asked_back

READ = request("read_file", {"path": "notes/a"}, effect=Effect.READ, preview=Preview("Read notes/a"))
ALIKE = replace(READ, pattern=Pattern(Rule("allow", "read_file", path="notes/"), "all it reads in notes/"))
LONG = request("run", {"code": "x"}, effect=Effect.READ, preview=Preview("Run", "\n".join(map(str, range(80)))))


async def listening(stage: Stage) -> None:
    await stage.send("go")
    await stage.card_listens()
    await stage.pilot.pause()


@pytest.mark.parametrize(
    ("asked", "key", "decision"),
    [
        (READ, "5", READ.allow("next", count=5)),
        (ALIKE, "p", ALIKE.allow("pattern")),
    ],
)
async def test_one_key_answers_for_more_than_this_call(
    tmp_path: Path, asked: ApprovalRequest, key: str, decision: object
) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((asked,))]])
    async with on_stage(backend) as stage:
        await listening(stage)
        if asked.pattern is not None:
            assert "p covers all it reads in notes/" in stage.text
        await stage.press(key)
        await stage.wait(1.1)
        await stage.until(lambda: bool(backend.conversation.decisions))
        assert backend.conversation.decisions[0][1] == decision


async def test_a_pattern_is_no_answer_where_none_is_offered(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((READ,))]])
    async with on_stage(backend) as stage:
        await listening(stage)
        assert "all like this" not in stage.text
        await stage.press("p")
        await stage.wait(1.1)
        assert backend.conversation.decisions == []
        assert stage.composer.text == "p", "it was typing"


async def test_always_shows_the_rule_before_the_second_key_writes_it(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((READ,))]])
    async with on_stage(backend, size=(120, 40)) as stage:
        await listening(stage)
        await stage.press("a")
        await stage.wait(1.1)
        assert 'press a again to write into policy.toml: action = "allow", tool = "read_file"' in stage.text
        assert backend.conversation.decisions == []
        await stage.press("a")
        await stage.wait(1.1)
        await stage.until(lambda: bool(backend.conversation.decisions))
        assert backend.conversation.decisions[0][1] == READ.allow("always")


async def test_a_click_on_the_next_few_asks_how_many(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((READ,))]])
    async with on_stage(backend) as stage:
        await listening(stage)
        await stage.click("next")
        await stage.until(lambda: "[3] 3 calls" in stage.text)
        await stage.click("3")
        await stage.until(lambda: bool(backend.conversation.decisions))
        assert backend.conversation.decisions[0][1] == READ.allow("next", count=3)


async def test_the_models_reason_stands_on_the_card_as_its_own_claim(tmp_path: Path) -> None:
    asked = asked_back(READ, ScriptedInquiry(reason="[b]You[/b] asked \x1b[31mfor it."))
    backend = ScriptedBackend(tmp_path, [[Ask((asked,))]])
    async with on_stage(backend) as stage:
        await listening(stage)
        await stage.press("x")
        await stage.wait(1.1)
        await stage.until(lambda: "The model says (its own claim):" in stage.text)
        assert "[b]You[/b] asked ␛[31mfor it." in stage.text
        assert backend.conversation.decisions == []
        assert "[y] allow once" in stage.text, "the question is still open"


async def test_asking_the_model_is_not_reading_the_question(tmp_path: Path) -> None:
    asked = asked_back(LONG, ScriptedInquiry())
    backend = ScriptedBackend(tmp_path, [[Ask((asked,))]])
    async with on_stage(backend) as stage:
        await listening(stage)
        await stage.press("x")
        await stage.wait(1.1)
        await stage.until(lambda: "stands at the end" in stage.text)
        await stage.press("y")
        await stage.wait(1.1)
        assert backend.conversation.decisions == []


async def test_a_model_that_cannot_be_asked_is_said_to_be(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((asked_back(READ, ScriptedInquiry(problem="No [model].")),))]])
    async with on_stage(backend) as stage:
        await listening(stage)
        await stage.press("x")
        await stage.wait(1.1)
        await stage.until(lambda: "No [model]." in stage.text)


@pytest.mark.parametrize(
    ("choice", "asked", "twice"),
    [
        ("once", READ, False),
        ("session", READ, False),
        ("always", READ, True),
        ("once", replace(READ, raised="Out of a web page."), True),
        ("once", replace(READ, effect=Effect.WRITE), True),
        ("once", replace(READ, effect=Effect.EXECUTE), True),
        ("once", replace(READ, effect=Effect.SEND), True),
        ("deny", replace(READ, effect=Effect.SEND), False),
    ],
)
def test_the_second_key_is_for_what_changes_something_lasts_or_was_raised(
    choice: Choice, asked: ApprovalRequest, twice: bool
) -> None:
    assert needs_second_key(choice, [asked]) is twice


def test_every_argument_says_where_it_came_from_by_sign_and_word() -> None:
    origins = (
        ArgumentOrigin("to", (OriginSpan(0, 3, Origin.USER), OriginSpan(5, 8, Origin.WEB, "news.example"))),
        ArgumentOrigin("body", (OriginSpan(0, 2, Origin.USER),)),
    )
    asked = replace(request("mail", {"to": "ana, eve", "body": "hi", "subject": "s"}), origins=origins, raised="Look.")
    shown = [line.text.plain for line in consent_lines(asked, 80)]
    assert shown == [
        "⚠ Look.",
        "to       ana, eve   ← from you, ⚠ untrusted, from the web: news.example",
        "  ⚠ “eve” from the web: news.example",
        "body     hi   ← from you",
        "subject  s   ← chosen by the model",
    ]
