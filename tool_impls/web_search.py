"""Search the web: with the engines that the library ddgs can read, or with a SearXNG server."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

from smol_chat.tools import (
    Effect,
    JsonValue,
    Origin,
    Preview,
    Range,
    ToolContext,
    ToolError,
    ToolOutput,
    setting,
    tool,
)

if TYPE_CHECKING:
    from smol_chat.tools import Passage, ToolErrorKind

_ADDRESSES = {
    "duckduckgo": "https://html.duckduckgo.com/html/",
    "brave": "https://search.brave.com/search",
    "mojeek": "https://www.mojeek.com/search",
}
_SECONDS = 10
"""For one engine."""
_SECONDS_FOR_ALL = 25.0
_FRESH_SECONDS = 600.0
"""For which the same search is answered from memory."""
_DUCKDUCKGO_DATE = ".//*[contains(@class, 'result__extras__url')]//span[contains(., 'T00:00')]//text()"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST_QUERY = 400
_SNIPPET = 300

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebSearchSettings:
    """Who is asked."""

    engines: tuple[str, ...] = setting(
        ("duckduckgo", "mojeek", "brave"),
        'Engines in the order they are tried (duckduckgo, mojeek, brave); "name=https://…" gives one another address.',
    )
    region: str = setting("us-en", 'Country and language of the results, as in "de-de".')
    searxng_url: str = setting("", "Address of a SearXNG server that answers in JSON; then only it is asked.")


def _engines(own: WebSearchSettings) -> list[tuple[str, str]]:
    """Return name and address of each engine."""
    chosen = []
    for entry in own.engines:
        name, _, address = entry.partition("=")
        if name not in _ADDRESSES:
            raise ToolError("unavailable", f"There is no engine {name!r}: set engines to {', '.join(_ADDRESSES)}.")
        chosen.append((name, address or _ADDRESSES[name]))
    if not chosen:
        raise ToolError("unavailable", "No search engine is set; name one in the setting engines of web_search.")
    return chosen


def _hosts(own: WebSearchSettings) -> Sequence[str]:
    return [urlsplit(address).netloc for _, address in _asked(own)]


def _asked(own: WebSearchSettings) -> list[tuple[str, str]]:
    return [("searxng", own.searxng_url)] if own.searxng_url else _engines(own)


@tool(
    effect=Effect.NETWORK,
    hosts=_hosts,
    settings=WebSearchSettings,
    keywords="find look google internet online news latest current article who recent",
)
async def web_search(
    query: str,
    max_results: Annotated[int, Range(min=1, max=20)] = 5,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Search the web and return result titles, links and snippets."""
    if not query.strip() or len(query) > _LONGEST_QUERY:
        raise ToolError("invalid_arguments", f"A search takes 1 to {_LONGEST_QUERY} characters.")
    ctx.http.require_online()
    own = ctx.settings(WebSearchSettings)
    key = f"{own} {query}"
    known = ctx.cache.get(key, max_age=_FRESH_SECONDS)
    if known is not None:
        return _output(cast("list[dict[str, str]]", known.value)[:max_results])
    results = await _search(query, own, ctx)
    ctx.cache.put(key, cast("list[JsonValue]", results))
    return _output(results[:max_results])


@web_search.preview
async def _preview(query: str, max_results: int = 5, *, ctx: ToolContext) -> Preview:
    ctx.http.require_online()
    first, *others = [name for name, _ in _asked(ctx.settings(WebSearchSettings))]
    fallback = f" ({', then '.join(others)} if it does not answer)" if others else ""
    return Preview(f"Search the web for {query!r} with {first}{fallback}.")


async def _search(query: str, own: WebSearchSettings, ctx: ToolContext) -> list[dict[str, str]]:
    """Ask one engine after the other until one has found something or the time for all is over."""
    failures: list[ToolError] = []
    until = time.monotonic() + _SECONDS_FOR_ALL
    for name, address in _asked(own):
        left = until - time.monotonic()
        if left <= 0:
            break
        ctx.progress(f"asking {name}")
        try:
            asking = _ask_searxng if name == "searxng" else _ask_engine
            results = await asyncio.wait_for(asking(name, address, query, own, ctx), left)
        except asyncio.TimeoutError:
            failures.append(ToolError("timeout", f"{urlsplit(address).netloc} did not answer in time."))
        except ToolError as error:
            _log.info("The search engine %s failed: %s", name, error.message)
            failures.append(error)
        else:
            if results:
                return results
            failures.append(ToolError("not_found", f"{name} found nothing for {query!r}."))
    raise _together(failures, query)


async def _ask_searxng(
    name: str, address: str, query: str, own: WebSearchSettings, ctx: ToolContext
) -> list[dict[str, str]]:
    params = {"q": query, "format": "json", "language": _language(own.region)}
    response = await ctx.http.get(f"{address.rstrip('/')}/search", params=params, timeout=_SECONDS)
    if response.status == 403:
        raise ToolError(
            "unavailable", f"{response.host} does not answer in JSON: its setting search.formats must name json."
        )
    response.require_success()
    answer = response.json()
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise ToolError("failed", f"{response.host} answered in a form that is not SearXNG's.")
    items = [item for item in found if isinstance(item, dict)]
    return _usable(
        _result(item.get("title"), item.get("url"), item.get("content"), item.get("publishedDate")) for item in items
    )


def _language(region: str) -> str:
    """Turn "us-en", country first, into the "en-US" of SearXNG."""
    country, _, language = region.partition("-")
    return f"{language}-{country.upper()}" if country and language else "all"


async def _ask_engine(
    name: str, address: str, query: str, own: WebSearchSettings, ctx: ToolContext
) -> list[dict[str, str]]:
    # The library connects on its own; the address, which only the settings decide, is checked before.
    passage = await ctx.http.passage(address)
    try:
        return await ctx.in_thread(_ask, name, address, query, own.region, passage)
    finally:
        passage.close()


def _output(results: list[dict[str, str]]) -> ToolOutput:
    blocks = []
    for number, result in enumerate(results, 1):
        dated = f"({result['date']}) " if "date" in result else ""
        blocks.append(f"{number}. {result['title']}\n   {result['url']}\n   {dated}{result['snippet']}".rstrip())
    return ToolOutput("\n".join(blocks), data=[dict(result) for result in results], origin=Origin.WEB)


def _together(failures: list[ToolError], query: str) -> ToolError:
    """One sentence for all engines; that one of them looked and found nothing says more than that others failed."""
    if any(failure.kind == "not_found" for failure in failures):
        return ToolError("not_found", f"Nothing was found for {query!r}; try other words.")
    return ToolError(failures[0].kind, " ".join(failure.message for failure in failures))


def _ask(name: str, address: str, query: str, region: str, passage: Passage) -> list[dict[str, str]]:
    """Ask one engine, in a thread."""
    from ddgs.engines import ENGINES  # late: 0.2 s
    from ddgs.exceptions import DDGSException, TimeoutException

    engine: Any = ENGINES["text"][name](timeout=_SECONDS)
    engine.search_url = address
    engine.http_client.client.follow_redirects = False  # where it would lead has not been checked
    request = engine.http_client.request
    host = urlsplit(address).netloc
    pages: list[str] = []

    def checked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as the library's own
        """The engine itself drops the status; it is what tells a refusal from an empty page."""
        passage.sent += _size(args, kwargs)
        response = request(*args, **kwargs)
        passage.connected = True
        passage.received += len(response.content)
        _require_success(host, response.status_code)
        pages.append(response.text)
        return response

    engine.http_client.request = checked
    if name == "duckduckgo":
        engine.elements_xpath = {**engine.elements_xpath, "date": _DUCKDUCKGO_DATE}
    try:
        found = engine.search(query, region=region) or []
    except TimeoutException:
        raise ToolError("timeout", f"{host} did not answer within {_SECONDS} seconds.") from None
    except DDGSException:
        raise ToolError(
            "unavailable", f"Could not reach {host}: the connection failed. Is this machine online?"
        ) from None
    results = _usable(_result(item.title, item.href, item.body, getattr(item, "date", "")) for item in found)
    if not results and any(_is_challenge(page) for page in pages):
        raise _refusal(host, "asks whether a person is searching")
    return results


def _require_success(host: str, status: int) -> None:
    if status == 200:
        return
    if status == 429:
        raise _refusal(host, "refuses more searches for now (HTTP 429)")
    if status in (202, 403, 418):  # DuckDuckGo answers 202 with a puzzle for people
        raise _refusal(host, f"refuses searches by programs (HTTP {status})")
    kind: ToolErrorKind = "unavailable" if status >= 500 else "failed"
    raise ToolError(kind, f"{host} did not answer the search (HTTP {status}).")


def _refusal(host: str, what: str) -> ToolError:
    return ToolError("unavailable", f"{host} {what}; try again later.")


def _is_challenge(page: str) -> bool:
    lowered = page[:200_000].lower()
    return any(mark in lowered for mark in ("anomaly-modal", "anomaly.js", "captcha", "unusual traffic"))


def _size(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return the bytes of a request's address and contents; what the library adds of headers cannot be seen."""
    fields = (value for key in ("params", "data") for value in (kwargs.get(key) or {}).items())
    return sum(len(str(part).encode()) for part in args) + sum(len(f"{k}={v}&".encode()) for k, v in fields)


def _result(title: object, url: object, text: object, date: object) -> dict[str, str]:
    snippet = " ".join(str(text or "").split())
    cut = snippet if len(snippet) <= _SNIPPET else f"{snippet[:_SNIPPET].rsplit(' ', 1)[0]} …"
    result = {"title": " ".join(str(title or "").split()), "url": str(url or ""), "snippet": cut}
    day = _DAY.match(str(date or "").strip())
    return {**result, "date": day[0]} if day else result


def _usable(results: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [result for result in results if result["url"].startswith(("http://", "https://")) and result["title"]]
