"""The parts put together: a real model, real tools, a real journal; only the person who consents is played."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from smol_chat.agent.consent import Decision
from smol_chat.agent.conversation import Conversation
from smol_chat.agent.replay import History
from smol_chat.assembly import Assembly, Options, TurnChoices
from smol_chat.errors import UsageError
from smol_chat.events import (
    ContentDelta,
    ReasoningDelta,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import JsonObject, ToolMessage
from support.approvers import ALLOW, FixedApprover
from support.gguf_models import write_scripted_model
from support.openai_server import Answer, OpenAIServer, Refusal, Stream, content, finish


def call_text(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


ROUNDS = [
    [
        "<think>",
        "I should compute ",
        "and write.",
        "</think>",
        call_text("calculate", expression="6*7"),
        call_text("write_file", path="answer.txt", content="42"),
    ],
    ["The answer ", "is 42; ", "the note was not written."],
]


@pytest.fixture(scope="session")
def scripted_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scripted_model(tmp_path_factory.mktemp("models") / "scripted.gguf", ROUNDS)


@asynccontextmanager
async def assembled(folder: Path, model: str | None) -> AsyncIterator[Assembly]:
    workspace = folder / "work"
    workspace.mkdir(exist_ok=True)
    assembly = Assembly.create(Options(model=model, workspace=workspace, data_dir=folder / "data"))
    try:
        yield assembly
    finally:
        await assembly.close()


async def turn(conversation: Conversation, text: str) -> list[TurnEvent]:
    async with aclosing(conversation.run_turn(text)) as events:
        return [event async for event in events]


def said(events: list[TurnEvent], kind: type[ContentDelta] | type[ReasoningDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


async def test_a_real_model_calls_real_tools_and_goes_on_with_their_results(
    scripted_gguf: Path, tmp_path: Path
) -> None:
    approver = FixedApprover({"calculate": ALLOW, "write_file": Decision(False, reason="no files today")})
    async with assembled(tmp_path, str(scripted_gguf)) as assembly:
        conversation = await assembly.open_conversation(approver)
        events = await turn(conversation, "What is six times seven? Note it.")

        assert said(events, ReasoningDelta) == "I should compute and write."
        assert said(events, ContentDelta) == "The answer is 42; the note was not written."
        results = {event.result.name: event.result for event in events if isinstance(event, ToolFinished)}
        assert results["calculate"].ok
        assert "42" in results["calculate"].content
        assert results["write_file"].content == "Denied by the user: no files today"
        assert not (tmp_path / "work" / "answer.txt").exists()
        last = events[-1]
        assert isinstance(last, TurnFinished)
        assert last.reason == "stop"
        assert last.usage.completion_tokens > 0
        assert last.timings.decode_tok_s > 0

        stored = await assembly.open_conversation(approver, conversation.id)
        past = [event for turn in stored.past for event in turn]
        assert said(past, ContentDelta) == said(events, ContentDelta)
        messages = History(past).messages()
        assert [message.text for message in messages if isinstance(message, ToolMessage)] == [
            results["calculate"].content,
            results["write_file"].content,
        ]


async def test_a_reopened_conversation_goes_on_in_another_program(scripted_gguf: Path, tmp_path: Path) -> None:
    approver = FixedApprover({"calculate": ALLOW, "write_file": ALLOW})
    async with assembled(tmp_path, str(scripted_gguf)) as first:
        begun = await first.open_conversation(approver)
        await turn(begun, "Compute.")
    assert (tmp_path / "work" / "answer.txt").read_text() == "42"
    async with assembled(tmp_path, str(scripted_gguf)) as second:
        (summary,) = second.conversations()
        assert (summary.id, summary.title, summary.turns) == (begun.id, "Compute.", 1)
        again = await second.open_conversation(approver, summary.id)
        assert next(iter(again.past[0])) == TurnStarted(begun.id, "Compute.")
        await turn(again, "And again.")
        assert second.conversations()[0].turns == 2


async def test_flags_need_no_question(scripted_gguf: Path, tmp_path: Path) -> None:
    async with assembled(tmp_path, str(scripted_gguf)) as assembly:
        choices = TurnChoices(allow=frozenset({"calculate", "write_file"}))
        conversation = await assembly.open_conversation(FixedApprover({}), choices=choices)
        events = await turn(conversation, "Compute.")
    assert all(event.result.ok for event in events if isinstance(event, ToolFinished))


async def test_choosing_another_model_closes_the_first_and_is_remembered(scripted_gguf: Path, tmp_path: Path) -> None:
    async with assembled(tmp_path, None) as assembly:
        await assembly.use_model(str(scripted_gguf))
        info = await assembly.start_engine()
        assert info.name == "scripted"
        with pytest.raises(UsageError, match="nowhere"):
            await assembly.use_model("/nowhere/at/all.gguf")
        assert (await assembly.start_engine()).name == "scripted"
        await assembly.use_model("localhost:9")
        assert assembly.server == "localhost:9"
    async with assembled(tmp_path, None) as again:
        assert again.server == "localhost:9"


async def test_a_workspace_that_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        Assembly.create(Options(workspace=tmp_path / "missing", data_dir=tmp_path))


async def test_a_pinned_turn_is_still_pinned_when_the_conversation_is_opened_again(
    scripted_gguf: Path, tmp_path: Path
) -> None:
    approver = FixedApprover({"calculate": ALLOW, "write_file": ALLOW})
    async with assembled(tmp_path, str(scripted_gguf)) as first:
        begun = await first.open_conversation(approver)
        await turn(begun, "My name is Ada.")
        await turn(begun, "Compute.")
        await begun.pin(0, True)
        await begun.pin(1, True)
        await begun.pin(1, False)
    async with assembled(tmp_path, str(scripted_gguf)) as second:
        again = await second.open_conversation(approver, begun.id)
        report = await again.context_report()
        assert report.pinned == ("My name is Ada.",)
        assert report.exact and report.turns == 2
        assert report.tools > report.system > 0 and report.results > 0 and report.history > 0
        assert not any(
            isinstance(event, TurnFailed) for turn in again.past for event in turn
        )  # neither turn counts as cut


async def test_no_key_of_the_settings_comes_into_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-a-very-secret-key-0123456789"
    monkeypatch.setenv("THE_KEY", key)
    (tmp_path / "data").mkdir()
    echoed: JsonObject = {"error": {"message": f"Incorrect API key provided: {key}."}}
    answers: list[Answer] = [Stream([*content("Hello"), *finish()]), Refusal(401, echoed)]
    async with OpenAIServer(answers) as server:
        settings = f'[server]\nurl = "{server.url}"\napi_key_env = "THE_KEY"\n'
        (tmp_path / "data" / "config.toml").write_text(settings)
        async with assembled(tmp_path, None) as assembly:
            conversation = await assembly.open_conversation(FixedApprover({}))
            assert isinstance((await turn(conversation, "Hi"))[-1], TurnFinished)
            assert isinstance((await turn(conversation, "Again"))[-1], TurnFailed)
        assert server.headers[-1]["authorization"] == f"Bearer {key}"
    kept = {file.name: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()}
    assert b"Again" in kept["history.db"]
    assert [name for name, body in kept.items() if key.encode() in body] == []
