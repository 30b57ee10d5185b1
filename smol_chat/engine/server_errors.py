"""What a server's refusal means, in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from smol_chat.errors import ContextOverflowError, EngineError, ServerError
from smol_chat.messages import JsonObject, JsonValue

_OVERFLOW = re.compile(
    r"context[_ ](length|size|window)|maximum context|exceeds? the (available )?context|too many tokens", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model\b.{0,200}\b(not found|does not exist|not loaded)|no such model|invalid model", re.IGNORECASE
)
_SIZE = re.compile(r"(?:maximum context length (?:is|of)|context window of|context size of|n_ctx\D{0,4}) ?(\d+)", re.I)
_ASKED = re.compile(
    r"(\d+) (?:tokens )?in the messages|(?:contains|requested|Requested tokens \(|has) ?(\d+)|(\d+) input"
)


def failure(status: int, body: bytes, *, host: str, model: str, models: Sequence[str]) -> EngineError:
    """Return the error for an answer that is no success."""
    error = error_in(body)
    said = message_of(error)
    if status in (400, 413, 422, 500) and (overflow := overflow_in(error)):
        return overflow
    if status in (401, 403):
        return ServerError(f"The server {host} refused the API key{_quote(said)}. Check the key for this server.")
    if status == 404 or (status == 400 and _NO_MODEL.search(said)):
        return _not_found(said, host=host, model=model, models=models)
    if looks_like_html(body):
        return ServerError(
            f"{host} answered with a web page, not with an API (status {status}). "
            "Check the address: it should be an OpenAI-compatible server's, often ending in /v1."
        )
    if 300 <= status < 400:
        return ServerError(f"The server {host} redirects elsewhere (status {status}). Use the address it redirects to.")
    if status == 429:
        return ServerError(f"The server {host} has too much to do{_quote(said)}. Wait a little and try again.")
    if status >= 500:
        return ServerError(f"The server {host} failed (status {status}){_quote(said)}. Try again, or look at its log.")
    return ServerError(f"The server {host} refused the request (status {status}){_quote(said)}.")


def failure_in_stream(error: JsonValue, *, host: str) -> EngineError:
    """Return the error for one that a server reports in the middle of an answer."""
    said = message_of(error)
    return overflow_in(error) or ServerError(f"The server {host} broke off the answer{_quote(said)}. Try again.")


def _not_found(said: str, *, host: str, model: str, models: Sequence[str]) -> ServerError:
    others = [name for name in models if name != model]
    if others:
        listed = ", ".join(others[:8]) + (" …" if len(others) > 8 else "")
        return ServerError(f"The server {host} has no model {model!r}. It has: {listed}.")
    return ServerError(
        f"The server {host} knows no model {model!r} at this address{_quote(said)}. "
        "Check the model's name and the address."
    )


def error_in(body: bytes) -> JsonValue:
    """Return the error object of an answer: its `error` or `detail`, else all of it; None where it is no JSON."""
    try:
        answer: JsonValue = json.loads(body)
    except ValueError:
        return None
    if isinstance(answer, dict):
        return answer.get("error") or answer.get("detail") or answer
    return answer


def message_of(error: JsonValue) -> str:
    """Return the sentence in an error object, on one line and not too long."""
    if isinstance(error, dict):
        error = error.get("message") or error.get("msg") or error.get("error")
    if isinstance(error, list) and error:
        return message_of(error[0])
    return " ".join(error.split())[:300] if isinstance(error, str) else ""


def overflow_in(error: JsonValue) -> ContextOverflowError | None:
    """Return a context overflow where the error object reports one, with the counts it tells."""
    said = message_of(error)
    fields: JsonObject = error if isinstance(error, dict) else {}
    if not _OVERFLOW.search(f"{fields.get('code')} {fields.get('type')} {said}"):
        return None
    size, asked = fields.get("n_ctx"), fields.get("n_prompt_tokens")
    if not isinstance(size, int):
        size = _first_number(_SIZE, said)
    if not isinstance(asked, int):
        asked = _first_number(_ASKED, said)
    what = f"does not fit the context window of the server{_quote(said)}"
    if size and asked:
        what = f"has {asked:,} tokens, but the server's context window holds {size:,}"
    return ContextOverflowError(
        f"The conversation {what}. Start a new conversation, send less text, or give the server a larger context size.",
        prompt_tokens=asked,
        context_size=size,
    )


def looks_like_html(body: bytes) -> bool:
    """Tell whether an answer is a web page."""
    return body.lstrip()[:64].lower().startswith((b"<!doctype", b"<html", b"<head", b"<body"))


def _first_number(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return int(next(group for group in found.groups() if group)) if found else 0


def _quote(said: str) -> str:
    return f': "{said.rstrip(".")}"' if said else ""
