"""The process that reads one document: PDF or DOCX from standard input, JSON to standard output.

Started as a script, `python -I -S document_worker.py PATH…`, with the folders it imports from. The document may have
been made to do harm: memory, processor time and writing are limited before it is looked at.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterator

MEMORY = 1024 * 1024 * 1024
SECONDS = 20
MOST_TEXT = 4_000_000
_MOST_UNPACKED = 200 * 1024 * 1024


class Unreadable(Exception):
    """Say in one sentence why a document cannot be read."""


def main() -> None:
    """Read the one document of this process."""
    kind, *sys.path[:0] = sys.argv[1:]
    data = sys.stdin.buffer.read()
    answer: dict[str, str]
    try:
        limit()
        answer = {"text": _joined({"pdf": _pdf, "docx": _docx}[kind](data))}
    except Unreadable as problem:
        answer = {"problem": str(problem)}
    except MemoryError:
        answer = {"problem": "it takes more memory to read than it may"}
    except Exception as error:  # the border to a parser that meets files made to break it
        answer = {"problem": f"it is damaged ({type(error).__name__})"}
    sys.stdout.buffer.write(json.dumps(answer).encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
    os._exit(0)


def limit() -> None:
    """Bound memory, processor time and what can be written, for good."""
    limits = [(resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)]
    if sys.platform.startswith("linux"):  # elsewhere the kernel does not enforce it
        limits.append((resource.RLIMIT_AS, MEMORY))
    for which, value in limits:
        resource.setrlimit(which, (value, value))


def _joined(read: Iterator[str]) -> str:
    parts: list[str] = []
    length = 0
    for part in read:
        parts.append(part)
        length += len(part)
        if length > MOST_TEXT:
            parts.append("[the document goes on; this much of it was read]")
            break
    return "\n\n".join(part for part in parts if part)


def _pdf(data: bytes) -> Iterator[str]:
    import logging

    try:
        import pypdf
    except ImportError:
        raise Unreadable("reading PDF needs the package pypdf: pip install 'smol-chat[documents]'") from None
    logging.disable(logging.CRITICAL)  # it warns of every oddity
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("it is protected by a password")
    pages = len(reader.pages)
    found = False
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text().strip()
        found = found or bool(text)
        yield f"[page {number} of {pages}]\n{text}" if text else ""
    if not found:
        raise Unreadable("it has no text, only pictures of it")


def _docx(data: bytes) -> Iterator[str]:
    try:
        import docx
        from docx.table import Table
        from docx.text.paragraph import Paragraph
    except ImportError:
        raise Unreadable("reading DOCX needs the package python-docx: pip install 'smol-chat[documents]'") from None
    unpacked = sum(item.file_size for item in zipfile.ZipFile(io.BytesIO(data)).infolist())
    if unpacked > _MOST_UNPACKED:
        raise Unreadable(f"it unpacks to {unpacked:,} bytes, more than may be read")
    document = docx.Document(io.BytesIO(data))
    for block in document.iter_inner_content():
        if isinstance(block, Paragraph):
            style = (block.style.name or "") if block.style is not None else ""
            level = style.removeprefix("Heading ")
            head = "#" * int(level) + " " if style != level and level.isdigit() else ""
            yield f"{head}{block.text}" if block.text.strip() else ""
        elif isinstance(block, Table):
            rows = (" | ".join(" ".join(cell.text.split()) for cell in row.cells) for row in block.rows)
            yield "\n".join(f"| {row} |" for row in rows)


if __name__ == "__main__":
    main()
