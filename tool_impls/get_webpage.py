"""Fetch one web page and return what there is to read on it."""

from __future__ import annotations

from smol_chat.tools import Effect, HttpResponse, JsonObject, Origin, Preview, ToolContext, ToolError, ToolOutput, tool

_READABLE = ("text/", "application/xhtml+xml", "application/json", "application/ld+json", "application/xml")
_MARKUP = ("text/html", "application/xhtml+xml")
_LONGEST_TEXT = 400_000


@tool(effect=Effect.NETWORK)
async def get_webpage(url: str, *, ctx: ToolContext) -> ToolOutput:
    """Fetch one web page and return its readable text."""
    address = url.strip()
    address = address if "://" in address else f"https://{address}"
    ctx.progress(f"fetching {address}")
    accept = {"accept": "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.5"}
    response = await ctx.http.get(address, headers=accept, media_types=_READABLE)
    response.require_success()
    title, text = await _readable(response, ctx)
    head = f"# {title}\n{response.url}" if title else response.url
    data: JsonObject = {"url": response.url, "title": title, "text": text}
    return ToolOutput(f"{head}\n\n{text}", data=data, origin=Origin.WEB)


@get_webpage.preview
async def _preview(url: str, *, ctx: ToolContext) -> Preview:
    address = url.strip() if "://" in url else f"https://{url.strip()}"
    host = ctx.http.host(address)
    return Preview(f"Fetch a page from {host}; it learns the address you ask for.", address, hosts=(host,))


async def _readable(response: HttpResponse, ctx: ToolContext) -> tuple[str, str]:
    """Return title and text; markup becomes Markdown, everything else stays as it is."""
    text = response.text[:_LONGEST_TEXT]
    if "\x00" in text[:4096]:
        raise ToolError("failed", f"{response.url} is not text.")
    looks_like_markup = not response.media_type and text.lstrip()[:100].lower().startswith(("<!doctype html", "<html"))
    if response.media_type not in _MARKUP and not looks_like_markup:
        return "", text.strip() or "[the page is empty]"
    # Parsing a large page takes a while; meanwhile the event loop goes on.
    title, body = await ctx.in_thread(_extract, text, response.url)
    if not body:
        raise ToolError("failed", f"{response.url} has no text to read; it may need a browser that runs its scripts.")
    return title, body


def _extract(html: str, url: str) -> tuple[str, str]:
    import trafilatura  # late: 0.3 s

    body = trafilatura.extract(
        html,
        url=url,
        output_format="markdown",
        include_links=True,
        include_tables=True,
        include_comments=False,
        favor_recall=True,
    )
    found = trafilatura.extract_metadata(html, default_url=url)
    title = " ".join(str(getattr(found, "title", None) or "").split())
    return title, str(body or "").strip().removeprefix(f"# {title}\n").strip()
