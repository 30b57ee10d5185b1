"""The server engine: what servers send, how they fail, and what they are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from smol_chat.engine.server import ServerEngine
from smol_chat.engine.server_address import normalize_address
from smol_chat.engine.sse import MAX_EVENT, EventReader, EventTooLongError
from smol_chat.errors import ContextOverflowError, EngineError, ServerError
from smol_chat.events import EngineEvent, EngineNotice, ServerReasoning, ServerToolCall, TextDelta
from smol_chat.messages import AssistantMessage, JsonObject, JsonValue, ToolCall, ToolMessage, ToolSchema, Usage
from support.generations import Collected, ask, collect
from support.openai_server import (
    Answer,
    Chunk,
    OpenAIServer,
    Refusal,
    Stream,
    content,
    finish,
    listed,
    reasoning,
    tool_call,
)

TOOL = ToolSchema("get_weather", "Weather.", {"type": "object", "properties": {}})
COUNTS: JsonObject = {
    "prompt_tokens": 20,
    "completion_tokens": 5,
    "total_tokens": 25,
    "prompt_tokens_details": {"cached_tokens": 8},
}


@asynccontextmanager
async def serving(*answers: Answer, model: str | None = None) -> AsyncIterator[tuple[OpenAIServer, ServerEngine]]:
    async with OpenAIServer([*answers]) as server, connected(server, model) as engine:
        yield server, engine


async def at_once(seconds: float) -> None:
    """Wait for nothing."""


@asynccontextmanager
async def connected(server: OpenAIServer, model: str | None = None) -> AsyncIterator[ServerEngine]:
    engine = ServerEngine(server.url, model, api_key="secret-key", wait=at_once)
    try:
        yield engine
    finally:
        await engine.close()


async def events_of(*answers: Answer) -> list[EngineEvent]:
    async with serving(*answers) as (_, engine):
        return (await collect(engine, ask("Hi"))).events


async def error_of(*answers: Answer, model: str | None = None) -> EngineError:
    async with serving(*answers, model=model) as (_, engine):
        with pytest.raises(EngineError) as failed:
            await collect(engine, ask("Hi"))
    assert "\n" not in failed.value.message
    assert "secret-key" not in failed.value.message
    return failed.value


def calls_in(events: Sequence[EngineEvent]) -> list[tuple[str, str, str]]:
    return [(event.id, event.name, event.arguments) for event in events if isinstance(event, ServerToolCall)]


class TestStreams:
    async def test_reasoning_and_content_come_apart_and_counts_are_the_servers(self) -> None:
        chunks = [*reasoning("Let me ", "see."), *content("It is ", "so."), *finish(usage=COUNTS)]
        collected = Collected(await events_of(Stream(chunks)))
        assert "".join(event.text for event in collected.of(ServerReasoning)) == "Let me see."
        assert collected.text == "It is so."
        assert collected.finished.reason == "stop"
        assert collected.finished.usage == Usage(prompt_tokens=20, reused_tokens=8, completion_tokens=5)

    async def test_reasoning_has_two_names(self) -> None:
        events = await events_of(Stream([*reasoning("Hm.", field_name="reasoning"), *finish()]))
        assert ServerReasoning("Hm.") in events

    async def test_events_that_arrive_together_become_one_delta(self) -> None:
        events = await events_of(Stream([*content(*"abcdef"), *finish()], in_one_piece=True))
        assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("abcdef", 6)]

    @pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
    async def test_every_line_end_is_read(self, line_end: bytes) -> None:
        collected = Collected(await events_of(Stream([*content("a", "b"), *finish()], line_end=line_end)))
        assert collected.text == "ab"

    async def test_comments_and_odd_events_are_passed_over(self) -> None:
        odd: list[Chunk] = [
            b": keep-alive\n\n",
            b"event: ping\nid: 3\n\n",
            b"data: 7\n\n",
            b'data: {"choices": []}\n\n',
        ]
        assert Collected(await events_of(Stream([*odd, *content("a"), *odd, *finish()]))).text == "a"

    async def test_one_event_may_have_many_data_lines(self) -> None:
        chunk = b'data: {"choices": [{"delta":\ndata: {"content": "a"}}]}\n\n'
        assert Collected(await events_of(Stream([chunk, *finish()]))).text == "a"

    async def test_a_server_that_does_not_stream_is_read_too(self) -> None:
        message: JsonObject = {
            "content": "It is so.",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        }
        body: JsonObject = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": COUNTS}
        events = await events_of(Refusal(200, json.dumps(body, indent=2).encode()))
        assert Collected(events).text == "It is so."
        assert calls_in(events) == [("c", "f", "{}")]

    async def test_the_answer_may_end_without_done(self) -> None:
        collected = Collected(await events_of(Stream([*content("a"), *finish("length")], done=False)))
        assert collected.finished.reason == "length"

    async def test_a_content_filter_is_told(self) -> None:
        collected = Collected(await events_of(Stream([*content("a"), *finish("content_filter")])))
        assert "filter" in collected.of(EngineNotice)[0].message


def delta(*calls: JsonObject) -> JsonObject:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [*calls]}}]}


class TestToolCalls:
    async def test_parallel_calls_are_put_together(self) -> None:
        chunks = [
            *tool_call("get_weather", '{"location": "Oslo"}', call_id="a", index=0),
            *tool_call("calculate", '{"expression": "6*7"}', call_id="b", index=1),
            *finish("tool_calls"),
        ]
        events = await events_of(Stream(chunks))
        assert calls_in(events) == [
            ("a", "get_weather", '{"location": "Oslo"}'),
            ("b", "calculate", '{"expression": "6*7"}'),
        ]
        assert Collected(events).finished.reason == "stop"

    @pytest.mark.parametrize(
        ("chunks", "expected"),
        [
            pytest.param(
                [delta({"function": {"name": "f", "arguments": '{"a": 1}'}})],
                [("call_1", "f", '{"a": 1}')],
                id="one piece, neither id nor index",
            ),
            pytest.param(
                [delta({"index": 0, "id": "x", "function": {"name": "f", "arguments": {"a": 1}}})],
                [("x", "f", '{"a": 1}')],
                id="arguments as an object",
            ),
            pytest.param(
                [delta({"index": 0, "id": name, "function": {"name": "f", "arguments": "{}"}}) for name in "xy"],
                [("x", "f", "{}"), ("y", "f", "{}")],
                id="always index 0, ids differ",
            ),
            pytest.param(
                [delta({"function": {"name": name, "arguments": "{}"}}) for name in "ff"],
                [("call_1", "f", "{}"), ("call_2", "f", "{}")],
                id="whole calls without id or index",
            ),
            pytest.param(
                [
                    delta({"id": "x", "function": {"name": "f", "arguments": ""}}),
                    delta({"function": {"arguments": '{"a":'}}),
                    delta({"function": {"arguments": "1}"}}),
                    delta({"id": "y", "function": {"name": "g", "arguments": "{}"}}),
                ],
                [("x", "f", '{"a":1}'), ("y", "g", "{}")],
                id="no index, pieces follow their call",
            ),
            pytest.param(
                [
                    delta({"index": 1, "id": "y", "function": {"name": "g"}}, {"index": 0, "function": {"name": "f"}}),
                    delta({"index": 0, "function": {"arguments": "{}"}}),
                    delta({"index": 1, "function": {"arguments": "[]"}}),
                ],
                [("y", "g", "[]"), ("call_2", "f", "{}")],
                id="interleaved by index",
            ),
            pytest.param(
                [delta({"index": 0, "id": "x", "function": {"name": "f", "arguments": part}}) for part in ("{", "}")],
                [("x", "f", "{}")],
                id="id and name in every piece",
            ),
        ],
    )
    async def test_servers_tell_less_or_more_than_they_should(
        self, chunks: list[Chunk], expected: list[tuple[str, str, str]]
    ) -> None:
        assert calls_in(await events_of(Stream([*chunks, *finish("tool_calls")]))) == expected

    async def test_a_cut_answer_has_no_calls(self) -> None:
        async with serving(Stream(tool_call("f", '{"path": "/home"}')[:2], cut=True)) as (_, engine):
            collected = Collected()
            with pytest.raises(ServerError, match="was lost"):
                await collect(engine, ask("Hi"), collected)
        assert not calls_in(collected.events)


class TestRequests:
    @pytest.mark.parametrize(
        ("choice", "sent"),
        [
            ("auto", None),
            ("none", "none"),
            ("required", "required"),
            ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
        ],
    )
    async def test_say_whether_a_tool_is_to_be_called(self, choice: str, sent: JsonValue) -> None:
        async with serving(Stream([*content("a"), *finish()])) as (server, engine):
            await collect(engine, replace(ask("Hi", tools=(TOOL,)), tool_choice=choice))
        assert server.requests[0].get("tool_choice") == sent

    async def test_hold_the_conversation_the_tools_and_the_sampling(self) -> None:
        history = (
            AssistantMessage("", "Look.", (ToolCall("call_1", "get_weather", {"location": "Ås"}),)),
            ToolMessage("call_1", "get_weather", "sunny"),
        )
        async with serving(Stream([*content("a"), *finish()])) as (server, engine):
            await collect(engine, ask("Hi", *history, tools=(TOOL,), temperature=0.3, max_tokens=7))
        (request,) = server.requests
        assert request["model"] == "fake"
        assert request["stream"] is True
        assert request["tools"] == [TOOL.as_openai()]
        assert (request["temperature"], request["max_tokens"], request["seed"]) == (0.3, 7, 1)
        messages = request["messages"]
        assert isinstance(messages, list)
        assert messages[0] == {"role": "user", "content": "Hi"}
        assert messages[1] == {
            "role": "assistant",
            "content": "",
            "reasoning_content": "Look.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"location": "Ås"}'},
                }
            ],
        }
        assert messages[2] == {"role": "tool", "tool_call_id": "call_1", "name": "get_weather", "content": "sunny"}
        assert {headers["authorization"] for headers in server.headers} == {"Bearer secret-key"}

    async def test_are_sent_once_more_without_what_a_strict_server_does_not_know(self) -> None:
        refusal = Refusal(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}})
        good = [Stream([*content("a"), *finish()]) for _ in range(2)]
        async with serving(refusal, *good) as (server, engine):
            assert (await collect(engine, ask("Hi"))).text == "a"
            assert (await collect(engine, ask("Hi"))).text == "a"
        assert ["stream_options" in request for request in server.requests] == [True, False, False]

    async def test_are_not_repeated_for_ever(self) -> None:
        refusal = Refusal(400, {"error": {"message": "no stream_options"}})
        assert "no stream_options" in (await error_of(refusal, refusal)).message

    async def test_without_tool_support_the_servers_words_are_told(self) -> None:
        error = await error_of(Refusal(400, {"error": {"message": "this model does not support tools"}}))
        assert "does not support tools" in error.message


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "says"),
        [
            (401, {"error": {"message": "Incorrect API key"}}, ("API key", "Incorrect")),
            (403, b"", ("API key",)),
            (404, {"error": {"message": "The model does not exist"}}, ("has no model 'fake'", "other")),
            (404, {"detail": "Not Found"}, ("has no model 'fake'",)),
            (429, {"error": {"message": "Rate limit"}}, ("too much to do", "Rate limit")),
            (500, {"error": "boom"}, ("failed (status 500)", "boom")),
            (503, b"<html><body>nginx</body></html>", ("web page", "503")),
            (200, b"<!doctype html><title>Welcome</title>", ("web page",)),
            (307, b"", ("redirects",)),
            (418, b"\x1b[31mnonsense", ("refused", "418")),
            (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, ("field required",)),
            (400, {"error": {"message": "x" * 5000}}, ("xxx",)),
        ],
    )
    async def test_become_one_sentence(self, status: int, body: JsonValue | bytes, says: tuple[str, ...]) -> None:
        kind = "text/html" if isinstance(body, bytes) else "application/json"
        message = (await error_of(*[Refusal(status, body, kind)] * 3)).message
        assert all(part in message for part in says), message
        assert len(message) < 700

    @pytest.mark.parametrize(
        ("body", "prompt", "size"),
        [
            (
                {
                    "code": 400,
                    "message": "the request exceeds the available context size, try increasing it",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 5000,
                    "n_ctx": 4096,
                },
                5000,
                4096,
            ),
            (
                "This model's maximum context length is 4096 tokens. However, you requested 5100 tokens (5000 in the "
                "messages, 100 in the completion). Please reduce the length of the messages or completion.",
                5100,
                4096,
            ),
            ({"code": "context_length_exceeded", "message": "too long"}, 0, 0),
            ({"message": "Requested tokens (431) exceed context window of 256"}, 431, 256),
        ],
    )
    async def test_of_a_long_conversation_are_a_context_overflow(self, body: JsonValue, prompt: int, size: int) -> None:
        error = await error_of(Refusal(400, {"error": body}))
        assert isinstance(error, ContextOverflowError)
        assert (error.prompt_tokens, error.context_size) == (prompt, size)

    @pytest.mark.parametrize(
        "chunk",
        [
            b'data: {"error": {"message": "CUDA out of memory"}}\n\n',
            b'error: {"error": {"message": "CUDA out of memory"}}\n\n',
            b'{"error": "CUDA out of memory"}\n\n',
        ],
    )
    async def test_in_the_middle_keep_what_came_before(self, chunk: bytes) -> None:
        async with serving(Stream([*content("so far"), chunk])) as (_, engine):
            collected = Collected()
            with pytest.raises(ServerError, match="CUDA out of memory"):
                await collect(engine, ask("Hi"), collected)

    async def test_a_lost_connection_keeps_what_came_before(self) -> None:
        async with serving(Stream(content("so ", "far"), cut=True)) as (_, engine):
            collected = Collected()
            with pytest.raises(ServerError, match="lost"):
                await collect(engine, ask("Hi"), collected)
        assert collected.text == "so far"

    async def test_what_is_not_json_is_said_so(self) -> None:
        assert "not JSON" in (await error_of(Stream([b"data: {broken\n\n"]))).message

    async def test_an_answer_that_just_ends_is_not_taken_for_whole(self) -> None:
        assert "broke off" in (await error_of(Stream(content("a"), done=False))).message


class TestStart:
    async def test_takes_the_first_model_and_its_context_size(self) -> None:
        async with (
            OpenAIServer(models=listed("org/model-4b", max_model_len=16384)) as server,
            connected(server) as engine,
        ):
            info = await engine.start()
        assert (info.name, info.context_size, info.detail) == ("model-4b", 16384, server.url)

    async def test_asks_llama_server_for_its_context_size(self) -> None:
        async with (
            OpenAIServer(props={"default_generation_settings": {"n_ctx": 8192}}) as server,
            connected(server) as engine,
        ):
            assert (await engine.start()).context_size == 8192

    async def test_a_server_that_tells_no_size_is_fine(self) -> None:
        async with serving() as (_, engine):
            assert (await engine.start()).context_size == 0

    async def test_a_server_without_models_is_said_so(self) -> None:
        async with OpenAIServer(models=listed()) as server, connected(server) as engine:
            with pytest.raises(ServerError, match="offers no model"):
                await engine.start()

    async def test_a_named_model_needs_no_list(self) -> None:
        async with OpenAIServer(models={"detail": "Not Found"}, models_status=404) as server:
            async with connected(server, "mine") as engine:
                assert (await engine.start()).name == "mine"
            async with connected(server) as engine:
                with pytest.raises(ServerError):
                    await engine.start()

    async def test_a_wrong_key_is_noticed(self) -> None:
        async with (
            OpenAIServer(models={"error": {"message": "bad key"}}, models_status=401) as server,
            connected(server) as engine,
        ):
            with pytest.raises(ServerError, match="API key"):
                await engine.start()

    async def test_nobody_there_is_one_sentence_and_a_later_server_is_found(self) -> None:
        async with OpenAIServer() as server:
            port = server.port
        engine = ServerEngine(f"127.0.0.1:{port}")
        with pytest.raises(ServerError, match=f"127.0.0.1:{port}.*cannot be reached.*Check that it runs"):
            await collect(engine, ask("Hi"))
        async with OpenAIServer([Stream([*content("a"), *finish()])], port=port):
            assert (await collect(engine, ask("Hi"))).text == "a"
            await engine.close()

    async def test_a_key_with_a_line_break_is_refused(self) -> None:
        engine = ServerEngine("localhost:1", api_key="a\nx-evil: 1")
        with pytest.raises(ServerError, match="API key"):
            await engine.start()

    async def test_the_environments_proxy_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        async with serving() as (_, engine):
            assert (await engine.start()).name == "fake"

    async def test_a_transport_can_be_given(self) -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=listed("mine")))
        engine = ServerEngine("example.org", transport=transport)
        assert (await engine.start()).detail == "https://example.org/v1"
        await engine.close()


class TestStopping:
    @pytest.mark.parametrize("sent", [0, 2])
    async def test_closes_the_connection_and_keeps_the_partial_answer(self, sent: int) -> None:
        async with serving(Stream(content(*"abc"), hold_after=sent)) as (server, engine):
            running = asyncio.create_task(collect(engine, ask("Hi")))
            await server.holding.wait()
            await engine.stop()
            collected = await running
            await server.hung_up.wait()
        assert collected.finished.reason == "cancelled"
        assert "abc".startswith(collected.text)

    async def test_leaving_early_closes_the_connection(self) -> None:
        async with serving(Stream(content(*"abc"), hold_after=2)) as (server, engine):
            async with aclosing(engine.generate(ask("Hi"))) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        break
            await server.hung_up.wait()


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("localhost:8080", "http://localhost:8080/v1"),
        ("http://localhost:8080/", "http://localhost:8080/v1"),
        ("http://localhost:8080/v1/chat/completions", "http://localhost:8080/v1"),
        ("192.168.1.20:11434", "http://192.168.1.20:11434/v1"),
        ("192.168.1.20", "http://192.168.1.20/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("jetson.local", "http://jetson.local/v1"),
        ("api.example.org", "https://api.example.org/v1"),
        ("https://example.org/api/v1/models", "https://example.org/api/v1"),
        (" https://example.org/openai ", "https://example.org/openai"),
    ],
)
def test_addresses_may_be_written_short(written: str, address: str) -> None:
    assert normalize_address(written) == address
    assert normalize_address(address) == address


@pytest.mark.parametrize("written", ["", "http://", "ftp://host", "localhost:port", "a b", "http://me:secret@host"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ServerError) as refused:
        normalize_address(written)
    assert "secret" not in refused.value.message


def test_an_endless_event_is_given_up() -> None:
    reader = EventReader()
    with pytest.raises(EventTooLongError):
        for _ in range(MAX_EVENT // 65536 + 2):
            reader.feed(b"x" * 65536)
    reader = EventReader()
    with pytest.raises(EventTooLongError):
        for _ in range(MAX_EVENT // 65536 + 2):
            reader.feed(b"data: " + b"x" * 65536 + b"\n")
