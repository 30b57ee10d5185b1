"""Search the web with the engines that the library ddgs can read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from smol_chat.tools import Effect, Origin, Preview, Range, ToolContext, ToolError, ToolOutput, setting, tool

if TYPE_CHECKING:
    from smol_chat.tools import ToolErrorKind

_ADDRESSES = {
    "duckduckgo": "https://html.duckduckgo.com/html/",
    "brave": "https://search.brave.com/search",
    "mojeek": "https://www.mojeek.com/search",
}
_SECONDS = 10
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
    return [urlsplit(address).netloc for _, address in _engines(own)]


@tool(effect=Effect.NETWORK, hosts=_hosts, settings=WebSearchSettings)
async def web_search(
    query: str,
    max_results: Annotated[int, Range(min=1, max=20)] = 5,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Search the web and return result titles, links and snippets."""
    if not query.strip() or len(query) > _LONGEST_QUERY:
        raise ToolError("invalid_arguments", f"A search takes 1 to {_LONGEST_QUERY} characters.")
    own = ctx.settings(WebSearchSettings)
    failures: list[ToolError] = []
    for name, address in _engines(own):
        ctx.progress(f"asking {name}")
        try:
            # The library connects on its own; the address, which only the settings decide, is checked before.
            await ctx.http.check(address)
            results = await ctx.in_thread(_ask, name, address, query, own.region)
        except ToolError as error:
            _log.info("The search engine %s failed: %s", name, error.message)
            failures.append(error)
            continue
        if results:
            return _output(results[:max_results])
        failures.append(ToolError("not_found", f"{name} found nothing for {query!r}."))
    raise _together(failures, query)


@web_search.preview
async def _preview(query: str, max_results: int = 5, *, ctx: ToolContext) -> Preview:
    names = [name for name, _ in _engines(ctx.settings(WebSearchSettings))]
    first, *others = names
    fallback = f" ({', then '.join(others)} if it does not answer)" if others else ""
    return Preview(f"Search the web for {query!r} with {first}{fallback}.")


def _output(results: list[dict[str, str]]) -> ToolOutput:
    blocks = [
        f"{number}. {result['title']}\n   {result['url']}\n   {result['snippet']}".rstrip()
        for number, result in enumerate(results, 1)
    ]
    return ToolOutput("\n".join(blocks), data=[dict(result) for result in results], origin=Origin.WEB)


def _together(failures: list[ToolError], query: str) -> ToolError:
    """One sentence for all engines; that one of them looked and found nothing says more than that others failed."""
    if any(failure.kind == "not_found" for failure in failures):
        return ToolError("not_found", f"Nothing was found for {query!r}; try other words.")
    return ToolError(failures[0].kind, " ".join(failure.message for failure in failures))


def _ask(name: str, address: str, query: str, region: str) -> list[dict[str, str]]:
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
        response = request(*args, **kwargs)
        _require_success(host, response.status_code)
        pages.append(response.text)
        return response

    engine.http_client.request = checked
    try:
        found = engine.search(query, region=region) or []
    except TimeoutException:
        raise ToolError("timeout", f"{host} did not answer within {_SECONDS} seconds.") from None
    except DDGSException:
        raise ToolError(
            "unavailable", f"Could not reach {host}: the connection failed. Is this machine online?"
        ) from None
    results = [_result(item) for item in found]
    results = [result for result in results if result["url"].startswith(("http://", "https://")) and result["title"]]
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


def _result(item: Any) -> dict[str, str]:  # noqa: ANN401  # as the library's own
    snippet = " ".join(str(item.body).split())
    cut = snippet if len(snippet) <= _SNIPPET else f"{snippet[:_SNIPPET].rsplit(' ', 1)[0]} …"
    return {"title": " ".join(str(item.title).split()), "url": str(item.href), "snippet": cut}
