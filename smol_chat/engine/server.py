"""A model behind an OpenAI-compatible server: llama-server, vLLM, Ollama, LM Studio and the like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from smol_chat.engine.base import EngineInfo, GenerationRequest
from smol_chat.engine.server_address import host_of, normalize_address, root_of
from smol_chat.engine.server_answer import Answer
from smol_chat.engine.server_errors import error_in, failure, looks_like_html, message_of
from smol_chat.engine.server_retry import BACKOFF, seconds_to_wait
from smol_chat.errors import EngineError, ServerError
from smol_chat.events import EngineEvent
from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.chat import as_chat, openai_messages

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 600.0
"""A server says nothing while it evaluates a prompt; a long one on a slow machine takes minutes."""

PROBE_SECONDS = 5.0
MAX_BODY = 4 * 1024 * 1024
"""Bytes of an answer that is no stream."""

EXTRAS = ("stream_options", "top_k", "min_p", "repeat_penalty", "reasoning_content")
"""What strict servers may not know; left out once one of them has been refused by name."""

CONTEXT_FIELDS = ("max_model_len", "loaded_context_length", "context_length", "max_context_length", "context_window")


class ServerEngine:
    """Implement `Engine` over HTTP. The server caches prompts and separates reasoning and calls if it can."""

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        api_key: str | None = None,
        context_size: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        stored_key: Callable[[str], str | None] | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare the engine; nothing is sent before `start`.

        Args:
            base_url: the server's address; scheme and `/v1` may be left out.
            model: the model's name; the server's first where None.
            api_key: sent as bearer token, and to nobody else.
            context_size: tokens, where the server does not tell or tells wrong.
            transport: what carries the requests; the network where None.
            stored_key: finds the key of a host, such as `localhost:8080`, where `api_key` is None; run in a thread.
            wait: waits so many seconds before the next try.

        Raises:
            ServerError: `base_url` is no server address.
        """
        self._address = normalize_address(base_url)
        self._host = host_of(self._address)
        self._model = model
        self._api_key = api_key
        self._context_size = context_size
        self._transport = transport
        self._stored_key = stored_key
        self._wait = wait
        self._client: httpx.AsyncClient | None = None
        self._models: list[str] = []
        self._info: EngineInfo | None = None
        self._turn = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._answer: Answer | None = None
        self._without_extras = False

    async def start(self) -> EngineInfo:
        """Reach the server and learn its models; return at once when that is done already.

        Raises:
            ServerError: it cannot be reached, refuses, or has no model.
        """
        async with self._starting:
            if self._info is None:
                self._info = await self._connect()
            return self._info

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        """Stream one generation, as `Engine.generate` says. Token counts are the server's, 0 where it tells none."""
        async with self._turn:
            answer = self._answer = Answer(self._host)
            transfer = asyncio.create_task(self._transfer(request, answer), name="server answer")
            try:
                async with aclosing(answer.events()) as events:
                    async for event in events:
                        yield event
            except EngineError as error:
                error.message = self._without_key(error.message)  # what a server said of it, wherever in the answer
                raise
            finally:
                self._answer = None
                transfer.cancel()
                await asyncio.wait({transfer})

    async def stop(self) -> None:
        """End the running generation by closing its connection."""
        if self._answer:
            self._answer.stop()

    async def count_prompt(self, request: GenerationRequest) -> int | None:
        """Return None: servers have no common way to count."""
        return None

    async def warm(self, request: GenerationRequest) -> None:
        """Do nothing: a server keeps what it has read in its own way."""

    async def close(self) -> None:
        """Close the connections."""
        await self.stop()
        if self._client:
            await self._client.aclose()

    async def _transfer(self, request: GenerationRequest, answer: Answer) -> None:
        """Send the request and hand the answer on as it arrives; whatever goes wrong is the answer's end."""
        import httpx  # late: 0.1 s that the start of the program can do without

        try:
            await self.start()
            response = await self._post(request, answer)
            try:
                if response.headers.get("content-type", "").startswith("text/event-stream"):
                    answer.open()
                    async for chunk in response.aiter_bytes():
                        await answer.put(chunk)
                else:
                    await self._take_whole(response, answer)
            finally:
                await response.aclose()
        except EngineError as error:
            answer.end(error)
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            answer.end(self._lost(error))
        finally:
            answer.end()

    async def _take_whole(self, response: httpx.Response, answer: Answer) -> None:
        """Take the answer of a server that did not stream, or says no content type."""
        body = await _read_body(response)
        if looks_like_html(body):
            raise self._failure(response.status_code, body)
        answer.open()
        if body.lstrip()[:1] == b"{":
            await answer.put(b"data: " + json.dumps(_parsed(body)).encode() + b"\n\n")
        else:
            await answer.put(body)

    async def _post(self, request: GenerationRequest, answer: Answer) -> httpx.Response:
        """Send the request; once more without the fields that a strict server does not know."""
        while True:
            # servers fail on lone surrogates, which a model or a file can hold
            content = json.dumps(self._body(request), ensure_ascii=False).encode("utf-8", "replace")
            response = await self._send(content, answer)
            if response.status_code == 200:
                return response
            try:
                body = await _read_body(response)
            finally:
                await response.aclose()
            refused = message_of(error_in(body)) or body[:2000].decode("utf-8", "replace")
            unknown = response.status_code in (400, 422) and any(name in refused for name in EXTRAS)
            if not unknown or self._without_extras:
                raise self._failure(response.status_code, body)
            self._without_extras = True

    async def _send(self, content: bytes, answer: Answer) -> httpx.Response:
        """Send a body; again after a while where the server is busy or the connection fails before it responds."""
        import httpx  # late, see _transfer

        for number, usual in enumerate(BACKOFF):
            try:
                response = await self._send_once(content)
            except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError):
                seconds, trouble = usual, "cannot be reached"
            else:
                asked = seconds_to_wait(response.status_code, response.headers, usual)
                if asked is None:
                    return response
                await response.aclose()
                seconds, trouble = asked, "is busy"
            if number == 0:
                answer.notify(f"The server {self._host} {trouble}, trying again …")
            await self._wait(seconds)
        return await self._send_once(content)

    async def _send_once(self, content: bytes) -> httpx.Response:
        request = self._http().build_request("POST", f"{self._address}/chat/completions", content=content)
        return await self._http().send(request, stream=True)

    def _body(self, request: GenerationRequest) -> JsonObject:
        sampling = request.sampling
        body: JsonObject = {
            "model": self._model,
            "messages": [*openai_messages(as_chat(request.messages), with_reasoning=not self._without_extras)],
            "stream": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if request.tools:
            body["tools"] = [tool.as_openai() for tool in request.tools]
            if request.tool_choice != "auto":
                body["tool_choice"] = _openai_choice(request.tool_choice)
        if sampling.max_tokens is not None:
            body["max_tokens"] = sampling.max_tokens
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if not self._without_extras:
            body.update(stream_options={"include_usage": True}, top_k=sampling.top_k, min_p=sampling.min_p)
            body["repeat_penalty"] = sampling.repeat_penalty
        return body

    async def _connect(self) -> EngineInfo:
        import httpx  # late, see _transfer

        if self._api_key is None and self._stored_key:
            self._api_key = await asyncio.to_thread(self._stored_key, self._host)
        try:
            entries = await self._list_models()
            self._models = [name for entry in entries if isinstance(name := entry.get("id") or entry.get("name"), str)]
            if self._model is None:
                if not self._models:
                    raise ServerError(
                        f"The server {self._host} offers no model. Load one there, or name it with --model."
                    )
                self._model = self._models[0]
            entry = next((entry for entry in entries if entry.get("id") == self._model), {})
            size = self._context_size or _told_context(entry) or await self._context_from_props()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._lost(error) from error
        return EngineInfo(self._model.rpartition("/")[2] or self._model, size, self._address)

    async def _list_models(self) -> list[JsonObject]:
        status, body = await self._get(f"{self._address}/models")
        if status == 404 and self._model is not None and not looks_like_html(body):
            return []  # not every server lists its models
        if status != 200 or looks_like_html(body):
            raise self._failure(status, body)
        answer = _parsed(body)
        listed = answer.get("data") or answer.get("models") if isinstance(answer, dict) else answer
        return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []

    async def _context_from_props(self) -> int:
        """Return the context size llama-server tells, 0 where the server is another."""
        import httpx  # late, see _transfer

        try:
            status, body = await self._get(f"{root_of(self._address)}/props")
        except httpx.TransportError:
            return 0
        props = _parsed(body) if status == 200 else None
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        size = settings.get("n_ctx") if isinstance(settings, dict) else None
        return size if isinstance(size, int) and size > 0 else 0

    async def _get(self, url: str) -> tuple[int, bytes]:
        async with self._http().stream("GET", url, timeout=PROBE_SECONDS) as response:
            return response.status_code, await _read_body(response)

    def _http(self) -> httpx.AsyncClient:
        import httpx  # late, see _transfer

        if self._client is None:
            headers = {"content-type": "application/json", "user-agent": "smol-chat"}
            if self._api_key:
                if not (self._api_key.isascii() and self._api_key.isprintable()):
                    raise ServerError("The API key holds characters no key has. Copy it again.")
                headers["authorization"] = f"Bearer {self._api_key}"
            timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx.AsyncClient(
                headers=headers, timeout=timeout, transport=self._transport, trust_env=False, follow_redirects=False
            )
        return self._client

    def _failure(self, status: int, body: bytes) -> EngineError:
        said = self._without_key(body.decode("utf-8", "replace")).encode()
        return failure(status, said, host=self._host, model=self._model or "", models=self._models)

    def _without_key(self, text: str) -> str:
        """Take out the key: some servers quote the one they refuse, and errors are shown and kept in the history."""
        return text.replace(self._api_key, "…") if self._api_key else text

    def _lost(self, error: Exception) -> ServerError:
        import httpx  # late, see _transfer

        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL)):
            why = " ".join(str(error).split())[:120]
            return ServerError(
                f"The server at {self._address} cannot be reached{f' ({why})' if why else ''}. "
                "Check that it runs and that the address is right."
            )
        if isinstance(error, httpx.TimeoutException):
            return ServerError(f"The server {self._host} did not answer in time. Look at its log, or try again.")
        return ServerError(f"The connection to {self._host} was lost ({type(error).__name__}). Try again.")


def _openai_choice(choice: str) -> JsonValue:
    return choice if choice in ("none", "required") else {"type": "function", "function": {"name": choice}}


def _told_context(entry: JsonObject) -> int:
    sizes = (entry.get(field) for field in CONTEXT_FIELDS)
    return next((size for size in sizes if isinstance(size, int) and size > 0), 0)


async def _read_body(response: httpx.Response) -> bytes:
    """Return a body that is no stream, up to a limit."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return bytes(body[:MAX_BODY])


def _parsed(body: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(body)
    except ValueError:
        return None
    return value
