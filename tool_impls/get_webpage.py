"""Fetch one web page and return what there is to read on it."""

from __future__ import annotations

from typing import Annotated, cast

from smol_chat.tools import (
    Effect,
    HttpResponse,
    JsonObject,
    Origin,
    Preview,
    Range,
    ToolContext,
    ToolError,
    ToolOutput,
    tool,
)

_READABLE = ("text/", "application/xhtml+xml", "application/json", "application/ld+json", "application/xml")
_MARKUP = ("text/html", "application/xhtml+xml")
_LONGEST_TEXT = 2_000_000
_KEPT_SECONDS = 600.0
"""For which the further pages of a text are read from memory: a page that changes would not fit together."""
_FRAME = 400
"""Bytes of a result beside the text: title, address, which page it is."""


@tool(
    effect=Effect.NETWORK,
    keywords="url link http https page site website article www com org summarise summarize read open",
)
async def get_webpage(
    url: str,
    page: Annotated[int, Range(min=1, max=1000), "Of a long page, which part"] = 1,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Fetch one web page and return its readable text."""
    ctx.http.require_online()
    address = _address(url)
    known = ctx.cache.get(address, max_age=_KEPT_SECONDS) if page > 1 else None
    if known is not None:
        found, title, text = cast("list[str]", known.value)
    else:
        found, title, text = await _fetch(address, ctx)
        ctx.cache.put(address, [found, title, text])
    head = f"# {title[:200]}\n{found}" if title else found
    parts = _parts(text, max(200, ctx.result_limit - len(head.encode()) - _FRAME))
    if page > len(parts):
        raise ToolError("not_found", f"{found} has only {len(parts)} {'page' if len(parts) == 1 else 'pages'}.")
    shown = parts[page - 1]
    place = ""
    if len(parts) > 1:
        on = f"; page={page + 1} reads on" if page < len(parts) else ""
        place = f"\n\n[page {page} of {len(parts)}{on}]"
    data: JsonObject = {"url": found, "title": title, "text": shown, "page": page, "pages": len(parts)}
    return ToolOutput(f"{head}\n\n{shown}{place}", data=data, origin=Origin.WEB)


@get_webpage.preview
async def _preview(url: str, page: int = 1, *, ctx: ToolContext) -> Preview:
    ctx.http.require_online()
    address = _address(url)
    host = ctx.http.host(address)
    return Preview(f"Fetch a page from {host}; it learns the address you ask for.", address, hosts=(host,))


def _address(url: str) -> str:
    return url.strip() if "://" in url else f"https://{url.strip()}"


async def _fetch(address: str, ctx: ToolContext) -> tuple[str, str, str]:
    """Return where the page was found in the end, its title and its text."""
    ctx.progress(f"fetching {address}")
    accept = {"accept": "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.5"}
    response = await ctx.http.get(address, headers=accept, media_types=_READABLE)
    response.require_success()
    title, text = await _readable(response, ctx)
    return response.url, title, text


def _parts(text: str, most_bytes: int) -> list[str]:
    """Cut a text between paragraphs into parts of at most so many bytes; a longer paragraph is cut where it must be."""
    parts: list[str] = []
    current: list[str] = []
    size = 0
    for paragraph in text.split("\n\n"):
        for piece in _pieces(paragraph, most_bytes):
            length = len(piece.encode("utf-8", "replace")) + 2
            if current and size + length > most_bytes:
                parts.append("\n\n".join(current))
                current, size = [], 0
            current.append(piece)
            size += length
    return [*parts, "\n\n".join(current)]


def _pieces(paragraph: str, most_bytes: int) -> list[str]:
    encoded = paragraph.encode("utf-8", "replace")
    if len(encoded) + 2 <= most_bytes:
        return [paragraph]
    step = most_bytes // 4 - 2  # no character has more than four bytes
    return [paragraph[start : start + step] for start in range(0, len(paragraph), step)]


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
