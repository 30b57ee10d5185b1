"""Text of PDF and DOCX files, and files made to do harm."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from smol_chat.errors import ToolError
from smol_chat.tools import documents
from smol_chat.tools.documents import document_text, kind_of
from support.tool_context import call, failure, workbench


def pdf(*pages: str, password: str = "") -> bytes:
    """Make a PDF with a line of text on each page."""
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 300)
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode("latin-1"))
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("A title", level=1)
    document.add_paragraph("First paragraph with ümlauts.")
    table = document.add_table(rows=2, cols=2)
    for row, texts in zip(table.rows, (("Name", "Value"), ("a", "1")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_paragraph("After the table.")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def packed(**files: bytes) -> bytes:
    """Make a ZIP archive that looks like a DOCX document."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"word/document.xml": b"<w/>", **files}.items():
            archive.writestr(name.replace("__", "/"), content)
    return file.getvalue()


def laughs() -> bytes:
    """Make a DOCX document whose XML has entities that grow without end, and one that names a file."""
    entities = '<!ENTITY a "haha"><!ENTITY file SYSTEM "file:///etc/passwd">' + "".join(
        f'<!ENTITY {chr(98 + number)} "{f"&{chr(97 + number)};" * 10}">' for number in range(12)
    )
    template = io.BytesIO(word())
    file = io.BytesIO()
    with zipfile.ZipFile(template) as source, zipfile.ZipFile(file, "w") as target:
        for item in source.infolist():
            content = source.read(item)
            if item.filename == "word/document.xml":
                text = content.decode().replace("First paragraph", "First &m; &file; paragraph")
                head, _, body = text.partition("?>")
                content = f"{head}?><!DOCTYPE x [{entities}]>{body}".encode()
            target.writestr(item, content)
    return file.getvalue()


async def test_the_pages_of_a_pdf_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("First page", "Second page"))
    async with workbench(tmp_path) as bench:
        result = await call(bench, "read_file", path="a.pdf")
        part = await call(bench, "read_file", path="a.pdf", start_line=4)
    assert result.content == ("[the text of the document]\n[page 1 of 2]\nFirst page\n\n[page 2 of 2]\nSecond page")
    assert part.content.endswith("[lines 4 to 5 of 5]\n[page 2 of 2]\nSecond page")


async def test_headings_paragraphs_and_tables_of_a_docx_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(word())
    async with workbench(tmp_path) as bench:
        result = await call(bench, "read_file", path="a.docx")
    assert result.content == (
        "[the text of the document]\n# A title\n\nFirst paragraph with ümlauts.\n\n"
        "| Name | Value |\n| a | 1 |\n\nAfter the table."
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"%PDF-1.7", "pdf"), (packed(), "docx"), (b"PK\x03\x04 other", None), (b"text", None), (b"", None)],
)
def test_documents_are_told_from_other_files(data: bytes, kind: str | None) -> None:
    assert kind_of(data) == kind


def hostile() -> Iterator[tuple[str, bytes]]:
    yield "cut", pdf("text")[:200]
    yield "noise", b"%PDF-1.7\n" + bytes(range(256)) * 200
    yield "password", pdf("text", password="secret")
    yield "pictures", pdf("")
    yield "empty archive", packed()
    yield "bomb", packed(**{"word__media": bytes(300 * 1024 * 1024)})
    yield "entities", laughs()
    loop = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\n"
    yield "loop", loop + b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF"


@pytest.mark.parametrize(("name", "data"), list(hostile()), ids=lambda value: value if isinstance(value, str) else "")
async def test_a_hostile_document_ends_in_one_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "document").write_bytes(data)
    async with workbench(tmp_path) as bench:
        result = await call(bench, "read_file", path="document")
    if result.ok:  # a reader may make something of a damaged file, but never of another one
        assert name in ("entities", "loop")
        assert "root:" not in result.content and len(result.content) < 1000
        return
    kind, message = failure(result)
    assert kind in ("failed", "limit")
    assert message.startswith(("The PDF document", "The DOCX document"))
    assert "\n" not in message


async def test_a_reader_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SECONDS", 0)
    monkeypatch.setattr(documents, "_GRACE", 0.0)
    with pytest.raises(ToolError) as caught:
        await document_text(pdf("text"))
    assert caught.value.kind == "timeout"


async def test_without_the_package_it_is_said_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_import_paths", list)
    with pytest.raises(ToolError) as caught:
        await document_text(pdf("text"))
    assert caught.value.kind == "unavailable"
    assert "pip install 'smol-chat[documents]'" in caught.value.message


async def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ToolError) as caught:
        await document_text(pdf("text"))
    assert caught.value.kind == "unavailable"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
async def test_cancelling_ends_the_process_that_reads() -> None:
    before = children()
    document = pdf(*["text"] * 500)
    task = asyncio.create_task(document_text(document))
    while not children() - before:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
