"""read_file, write_file and list_directory, on a real folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smol_chat.messages import Origin
from smol_chat.tools import preview_call
from support.tool_context import call, failure, the_tool, workbench


async def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    async with workbench(tmp_path) as bench:
        result = await call(bench, "read_file", path="a.txt")
    assert (result.content, result.origin) == ("one\ntwo\n", Origin.FILE)
    assert result.data == {"path": "a.txt", "text": "one\ntwo\n", "encoding": "utf-8"}


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        ({"start_line": 2, "end_line": 3}, "[lines 2 to 3 of 4]\nb\nc\n"),
        ({"start_line": 3}, "[lines 3 to 4 of 4]\nc\nd"),
        ({"end_line": 1}, "[lines 1 to 1 of 4]\na\n"),
        ({"start_line": 4, "end_line": 99}, "[lines 4 to 4 of 4]\nd"),
    ],
)
async def test_a_range_of_lines_is_read(tmp_path: Path, arguments: dict[str, int], content: str) -> None:
    (tmp_path / "a.txt").write_text("a\nb\nc\nd")
    async with workbench(tmp_path) as bench:
        assert (await call(bench, "read_file", path="a.txt", **arguments)).content == content


async def test_a_range_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\nb\n")
    async with workbench(tmp_path) as bench:
        missing = failure(await call(bench, "read_file", path="a.txt", start_line=3))
        backwards = failure(await call(bench, "read_file", path="a.txt", start_line=2, end_line=1))
    assert missing == ("not_found", "'a.txt' has only 2 lines.")
    assert backwards == ("invalid_arguments", "end_line 1 lies before start_line 2.")


async def test_an_empty_file_and_an_unknown_encoding_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "latin").write_bytes("grüße".encode("latin-1"))
    async with workbench(tmp_path) as bench:
        assert (await call(bench, "read_file", path="empty")).content == "[empty is empty]"
        read = await call(bench, "read_file", path="latin")
    assert read.content == "[the encoding is unknown; read as Latin-1]\ngrüße"


async def test_a_file_outside_the_workspace_is_not_read(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        kind, message = failure(await call(bench, "read_file", path="/etc/hostname"))
    assert (kind, message[:14]) == ("blocked", "'/etc/hostname")


async def test_writing_creates_overwrites_and_appends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    async with workbench(tmp_path) as bench:
        created = await call(bench, "write_file", path="new/a.txt", content="one\n")
        assert target.read_text() == "one\n"
        appended = await call(bench, "write_file", path="new/a.txt", content="two\n", mode="append")
        assert target.read_text() == "one\ntwo\n"
        overwritten = await call(bench, "write_file", path="new/a.txt", content="three")
        assert target.read_text() == "three"
    assert created.content == "Created new/a.txt: 1 line written, the file has 4 bytes."
    assert appended.content == "Appended to new/a.txt: 1 line written, the file has 8 bytes."
    assert overwritten.content == "Overwrote new/a.txt: 1 line written, the file has 5 bytes."
    assert created.data == {"path": "new/a.txt", "created": True, "bytes": 4}


async def test_the_preview_of_a_write_is_the_change(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    write = the_tool("write_file")
    async with workbench(tmp_path) as bench:
        change = await preview_call(write, {"path": "a.txt", "content": "one\n2\nthree\nfour\n"}, bench)
        create = await preview_call(write, {"path": "b/new.txt", "content": "x\n"}, bench)
        same = await preview_call(write, {"path": "a.txt", "content": "one\ntwo\nthree\n"}, bench)
        add = await preview_call(write, {"path": "a.txt", "content": "end\n", "mode": "append"}, bench)
        outside = await preview_call(write, {"path": "../x", "content": "x"}, bench)
    assert change.summary == "Change a.txt: +2 -1 lines."
    expected = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n three\n+four"
    assert (change.body, change.language) == (expected, "diff")
    assert create.summary == "Create b/new.txt with 1 line."
    assert create.body.endswith("+x")
    assert same.summary == "Write a.txt as it is already: nothing changes."
    assert add.summary == "Append to a.txt: +1 -0 lines."
    assert outside.summary.startswith("This call would fail: '../x' is outside the workspace")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt"]


async def test_overwriting_what_is_no_text_is_said_before(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"\x89PNG\r\n")
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("write_file"), {"path": "image", "content": "x"}, bench)
    assert shown.summary == "Overwrite image, which is no text file now: 'image' is a PNG image, not text."


async def test_a_folder_is_listed_with_sizes_and_dates(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"x" * 1500)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_text("")
    (tmp_path / "z").symlink_to("b.txt")
    for path in (tmp_path / "b.txt", tmp_path / "sub", tmp_path / "sub" / "c.txt", tmp_path / "z"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    async with workbench(tmp_path) as bench:
        flat = await call(bench, "list_directory", path=".")
        deep = await call(bench, "list_directory", path=".", depth=2)
    rows = [row.split("  ") for row in flat.content.split("\n")]
    assert [row[:-1] for row in rows] == [["sub/"], ["b.txt", "1.5 kB"], ["z (link)"]]
    assert all(row[-1].startswith("2023-11-1") for row in rows)
    assert "sub/c.txt  0 B" in deep.content
    assert flat.origin is Origin.FILE
    assert isinstance(flat.data, dict)
    assert isinstance(flat.data["entries"], list)
    assert len(flat.data["entries"]) == 3


async def test_an_empty_a_missing_and_a_crowded_folder_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "crowd").mkdir()
    for number in range(250):
        (tmp_path / "crowd" / str(number)).touch()
    async with workbench(tmp_path) as bench:
        assert (await call(bench, "list_directory", path="empty")).content == "empty is empty."
        assert failure(await call(bench, "list_directory", path="gone"))[0] == "not_found"
        crowd = (await call(bench, "list_directory", path="crowd")).content
    assert crowd.endswith("[the first 200 entries are shown; there are at least 50 more]")


async def test_a_line_break_in_a_name_does_not_make_two_entries(tmp_path: Path) -> None:
    (tmp_path / "a\nb\x1b[31m").touch()
    async with workbench(tmp_path) as bench:
        content = (await call(bench, "list_directory", path=".")).content
    assert len(content.split("\n")) == 1
    assert content.startswith("a\\nb\\x1b[31m  0 B")


async def test_create_writes_a_new_file_and_refuses_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    write = the_tool("write_file")
    async with workbench(tmp_path) as bench:
        refused = failure(await call(bench, "write_file", path="a.txt", content="new", mode="create"))
        shown = await preview_call(write, {"path": "a.txt", "content": "new", "mode": "create"}, bench)
        made = await call(bench, "write_file", path="b.txt", content="new", mode="create")
    assert refused == ("failed", "'a.txt' is there already, and the mode is create: nothing was written.")
    assert shown.summary == "This call would fail: 'a.txt' is there already, and the mode is create."
    assert made.content.startswith("Created b.txt")
    assert ((tmp_path / "a.txt").read_text(), (tmp_path / "b.txt").read_text()) == ("old", "new")


async def test_a_long_file_says_how_to_read_on(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("line\n" * 1000)
    async with workbench(tmp_path, result_limit=1000) as bench:
        result = await call(bench, "read_file", path="a.txt")
        part = await call(bench, "read_file", path="a.txt", start_line=999)
    assert result.content.startswith("[1,000 lines; it is longer than one result: start_line and end_line read on]\n")
    assert part.content == "[lines 999 to 1,000 of 1,000]\nline\nline\n"


async def test_a_document_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "image.docx").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "archive").write_bytes(b"PK\x03\x04 and more")
    async with workbench(tmp_path) as bench:
        assert failure(await call(bench, "read_file", path="image.docx"))[1].endswith("is a PNG image, not text.")
        assert "ZIP archive" in failure(await call(bench, "read_file", path="archive"))[1]
