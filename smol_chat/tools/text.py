"""Bytes of a file as text: encodings, and telling text from anything else."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNATURES = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"GGUF", "a GGUF model"),
)
_SAMPLE = 8192


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Text with the encoding it was in."""

    text: str
    encoding: str
    certain: bool = True
    """False where the bytes name no encoding and are not UTF-8: Latin-1 was assumed."""


def decode(data: bytes) -> DecodedText:
    """Decode by byte order mark, else as UTF-8, else as Latin-1, which takes any bytes."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            body = data if encoding == "utf-8-sig" else data[len(mark) :]
            return DecodedText(body.decode(encoding, "replace"), encoding)
    try:
        return DecodedText(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return DecodedText(data.decode("latin-1"), "latin-1", certain=False)


def binary_kind(data: bytes) -> str | None:
    """Say what the bytes are where they are no text, else return None."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    sample = data[:_SAMPLE]
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\b" for byte in sample)
    return "binary" if b"\x00" in sample or controls * 20 > len(sample) else None
