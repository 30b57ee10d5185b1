from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smol_chat.errors import ToolError
from smol_chat.tools import beneath, files
from smol_chat.tools.files import WorkspaceFiles


@pytest.fixture(params=["openat2", "walk"])
def opener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways to open beneath a folder; a kernel without openat2 runs the walk twice."""
    if request.param == "walk":
        monkeypatch.setattr(beneath, "_has_openat2", lambda: False)
    yield request.param


@pytest.fixture
def workspace(tmp_path: Path, opener: str) -> Path:
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep.txt").write_text("secret")
    inside = tmp_path / "ws"
    inside.mkdir()
    (inside / "note.txt").write_text("hello")
    (inside / "sub").mkdir()
    (inside / "sub" / "deep.txt").write_text("deep")
    return inside


async def problem(work: object) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        await work  # type: ignore[misc]  # any awaitable
    return caught.value.kind, caught.value.message


@pytest.mark.parametrize(
    "path", ["note.txt", "./note.txt", "sub/../note.txt", "sub//deep.txt", "{ws}/note.txt", "{ws}/sub/../note.txt"]
)
async def test_paths_inside_are_read(workspace: Path, path: str) -> None:
    decoded = await WorkspaceFiles(workspace).read_text(path.format(ws=workspace))
    assert decoded.text in ("hello", "deep")


ESCAPES = [
    "../outside.txt",
    "sub/../../outside.txt",
    "{ws}/../outside.txt",
    "{ws}2/x",
    "/etc/passwd",
    "/proc/self/environ",
    "link-up/outside.txt",
    "link-file",
    "link-absolute",
    "sub/link-up-up/outside.txt",
    "link-chain",
    "link-root/etc/passwd",
]


def make_links(workspace: Path) -> None:
    (workspace / "link-up").symlink_to("..")
    (workspace / "link-file").symlink_to("../outside.txt")
    (workspace / "link-absolute").symlink_to(workspace.parent / "outside.txt")
    (workspace / "sub" / "link-up-up").symlink_to("../..")
    (workspace / "link-chain").symlink_to("link-file")
    (workspace / "link-root").symlink_to("/")


@pytest.mark.parametrize("path", ESCAPES)
async def test_nothing_outside_is_read(workspace: Path, path: str) -> None:
    make_links(workspace)
    kind, message = await problem(WorkspaceFiles(workspace).read_bytes(path.format(ws=workspace)))
    assert kind == "blocked"
    assert "outside the workspace" in message


@pytest.mark.parametrize("path", [*ESCAPES, "../new.txt", "link-up/new.txt", "link-root/tmp/new.txt"])
async def test_nothing_outside_is_written(workspace: Path, path: str) -> None:
    make_links(workspace)
    before = {item: item.read_bytes() for item in workspace.parent.rglob("*") if item.is_file()}
    kind, _ = await problem(WorkspaceFiles(workspace).write_text(path.format(ws=workspace), "overwritten"))
    assert kind == "blocked"
    assert {item: item.read_bytes() for item in workspace.parent.rglob("*") if item.is_file()} == before


@pytest.mark.parametrize("path", ["..", "link-up", "link-root", "/", "sub/link-up-up"])
async def test_nothing_outside_is_listed(workspace: Path, path: str) -> None:
    make_links(workspace)
    kind, _ = await problem(WorkspaceFiles(workspace).list_folder(path))
    assert kind == "blocked"


async def test_magic_links_lead_nowhere(workspace: Path) -> None:
    with (workspace.parent / "outside.txt").open() as held:
        (workspace / "magic").symlink_to(f"/proc/self/fd/{held.fileno()}")
        assert (await problem(WorkspaceFiles(workspace).read_bytes("magic")))[0] == "blocked"


async def test_links_that_stay_inside_are_followed(workspace: Path) -> None:
    (workspace / "short").symlink_to("sub/deep.txt")
    (workspace / "sub" / "back").symlink_to("../note.txt")
    (workspace / "folder").symlink_to("sub")
    opened = WorkspaceFiles(workspace)
    assert (await opened.read_bytes("short"), await opened.read_bytes("sub/back")) == (b"deep", b"hello")
    assert await opened.read_bytes("folder/deep.txt") == b"deep"


async def test_a_circle_of_links_ends(workspace: Path) -> None:
    (workspace / "a").symlink_to("b")
    (workspace / "b").symlink_to("a")
    assert (await problem(WorkspaceFiles(workspace).read_bytes("a")))[0] == "blocked"
    assert (await problem(WorkspaceFiles(workspace).write_text("a", "x")))[0] == "blocked"


async def test_a_folder_exchanged_for_a_link_never_leads_out(workspace: Path) -> None:
    """Another program swaps a folder and a link to the outside as fast as it can."""
    (workspace / "swap").mkdir()
    (workspace / "swap" / "deep.txt").write_text("inside")
    (workspace / "evil").symlink_to(workspace.parent / "out")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for first, second in (("swap", "kept"), ("evil", "swap"), ("swap", "evil"), ("kept", "swap")):
                (workspace / first).rename(workspace / second)

    thread = threading.Thread(target=exchange)
    thread.start()
    opened, seen = WorkspaceFiles(workspace), set()
    try:
        for _ in range(400):
            try:
                seen.add(await opened.read_bytes("swap/deep.txt"))
            except ToolError:
                continue
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"inside"}


@pytest.mark.parametrize("path", ["a\0b", "a\nb", "note.txt\x1b[31m", "a\u202eb", "a\u200bb", "\ud800"])
async def test_hidden_characters_in_a_path_are_refused(workspace: Path, path: str) -> None:
    kind, message = await problem(WorkspaceFiles(workspace).read_bytes(path))
    assert (kind, message) == ("invalid_arguments", "A path may not hold control or invisible characters.")


@pytest.mark.parametrize("path", ["~", "~/note.txt"])
async def test_the_home_folder_is_not_reached(workspace: Path, path: str) -> None:
    kind, message = await problem(WorkspaceFiles(workspace).write_text(path, "x"))
    assert kind == "blocked"
    assert "home folder" in message
    assert not (workspace / "~").exists()


async def test_pipes_devices_sockets_and_folders_are_no_files(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(workspace)  # the path of a socket is short
        try:
            listener.bind("door")
        finally:
            os.chdir(here)
        opened = WorkspaceFiles(workspace)
        for name in ("pipe", "door"):
            assert (await problem(opened.read_bytes(name)))[0] == "blocked"
            assert (await problem(opened.write_text(name, "x")))[0] == "blocked"
    assert stat.S_ISFIFO((workspace / "pipe").stat().st_mode)
    assert (await problem(opened.read_bytes("sub")))[1] == "'sub' is a folder, not a file."
    assert (await problem(opened.write_text("sub", "x")))[1] == "'sub' is a folder, not a file."
    assert (await problem(opened.write_text(".", "x")))[0] == "invalid_arguments"


async def test_what_is_missing_is_said_with_what_is_there(workspace: Path) -> None:
    opened = WorkspaceFiles(workspace)
    expected = "There is no 'notes.txt' in the workspace. There is 'note.txt'."
    assert await problem(opened.read_bytes("notes.txt")) == ("not_found", expected)
    assert (await problem(opened.read_bytes("no/such/place")))[0] == "not_found"
    assert (await problem(opened.read_bytes("note.txt/x")))[0] == "failed"
    assert (await problem(opened.read_bytes("x" * 300)))[0] == "invalid_arguments"


async def test_a_workspace_that_is_gone_is_said(tmp_path: Path) -> None:
    assert (await problem(WorkspaceFiles(tmp_path / "gone").read_bytes("x")))[0] == "not_found"


async def test_too_large_a_file_is_not_read(workspace: Path) -> None:
    (workspace / "big").write_bytes(b"x" * 101)
    opened = WorkspaceFiles(workspace)
    assert await opened.read_bytes("big", max_bytes=101) == b"x" * 101
    expected = "'big' has 101 bytes; at most 100 can be read."
    assert await problem(opened.read_bytes("big", max_bytes=100)) == ("limit", expected)


async def test_too_large_a_file_is_not_written(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 8)
    opened = WorkspaceFiles(workspace)
    assert (await problem(opened.write_text("new", "123456789")))[0] == "limit"
    assert (await problem(opened.write_text("note.txt", "6789", append=True)))[0] == "limit"
    assert sorted(item.name for item in workspace.iterdir()) == ["note.txt", "sub"]
    assert (workspace / "note.txt").read_text() == "hello"


async def test_writing_makes_folders_and_keeps_the_mode(workspace: Path) -> None:
    opened = WorkspaceFiles(workspace)
    made = await opened.write_text("new/folder/a.txt", "one")
    assert (made.path, made.created, made.size) == ("new/folder/a.txt", True, 3)
    script = workspace / "run.sh"
    script.write_text("old")
    script.chmod(0o751)
    changed = await opened.write_text("run.sh", "new")
    assert (changed.created, script.read_text(), stat.S_IMODE(script.stat().st_mode)) == (False, "new", 0o751)


async def test_whoever_has_the_file_open_keeps_the_old_content(workspace: Path) -> None:
    with (workspace / "note.txt").open() as reader:
        await WorkspaceFiles(workspace).write_text("note.txt", "changed")
        assert reader.read() == "hello"
    assert (workspace / "note.txt").read_text() == "changed"
    assert sorted(item.name for item in workspace.iterdir()) == ["note.txt", "sub"]


async def test_a_hard_link_to_the_outside_leaves_the_outside_file_whole(workspace: Path) -> None:
    os.link(workspace.parent / "outside.txt", workspace / "hard")
    await WorkspaceFiles(workspace).write_text("hard", "changed")
    assert (workspace.parent / "outside.txt").read_text() == "secret"


async def test_a_link_inside_stays_a_link_and_its_target_is_written(workspace: Path) -> None:
    (workspace / "short").symlink_to("sub/deep.txt")
    written = await WorkspaceFiles(workspace).write_text("short", "changed")
    assert written.path == "sub/deep.txt"
    assert (workspace / "short").is_symlink()
    assert (workspace / "sub" / "deep.txt").read_text() == "changed"


@pytest.mark.parametrize(
    ("old", "added", "expected"),
    [
        ("é\n".encode(), "ü\n", "é\nü\n".encode()),
        ("\ufeffé\n".encode(), "ü\n", "\ufeffé\nü\n".encode()),
        (b"\xff\xfe" + "é\n".encode("utf-16-le"), "ü\n", b"\xff\xfe" + "é\nü\n".encode("utf-16-le")),
        ("é\n".encode("latin-1"), "ü\n", "é\nü\n".encode("latin-1")),
        (b"", "x", b"x"),
    ],
)
async def test_appended_text_takes_the_encoding_of_the_file(
    workspace: Path, old: bytes, added: str, expected: bytes
) -> None:
    (workspace / "log").write_bytes(old)
    await WorkspaceFiles(workspace).write_text("log", added, append=True)
    assert (workspace / "log").read_bytes() == expected


@pytest.mark.parametrize(
    ("data", "text", "encoding", "certain"),
    [
        ("grüße".encode(), "grüße", "utf-8", True),
        ("\ufeffgrüße".encode(), "grüße", "utf-8-sig", True),
        ("\ufeffgrüße".encode("utf-16-le"), "grüße", "utf-16-le", True),
        ("\ufeffgrüße".encode("utf-16-be"), "grüße", "utf-16-be", True),
        ("grüße".encode("latin-1"), "grüße", "latin-1", False),
        (b"", "", "utf-8", True),
    ],
)
async def test_encodings_are_found(workspace: Path, data: bytes, text: str, encoding: str, certain: bool) -> None:
    (workspace / "text").write_bytes(data)
    decoded = await WorkspaceFiles(workspace).read_text("text")
    assert (decoded.text, decoded.encoding, decoded.certain) == (text, encoding, certain)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7 text", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"PK\x03\x04more", "a ZIP archive or Office document"),
        (b"abc\0def", "binary"),
        (bytes(range(1, 9)) * 10, "binary"),
    ],
)
async def test_what_is_no_text_is_named(workspace: Path, data: bytes, kind: str) -> None:
    (workspace / "blob").write_bytes(data)
    assert await problem(WorkspaceFiles(workspace).read_text("blob")) == ("failed", f"'blob' is {kind}, not text.")


async def test_a_listing_has_folders_first_and_follows_no_link(workspace: Path) -> None:
    make_links(workspace)
    listing = await WorkspaceFiles(workspace).list_folder(".", depth=2)
    found = [(entry.path, entry.kind) for entry in listing.entries]
    assert found[0] == ("sub", "folder")
    assert ("note.txt", "file") in found
    assert ("link-up", "link") in found
    assert ("sub/deep.txt", "file") in found
    assert not any(path.startswith("link-up/") for path, _ in found)
    assert next(entry.size for entry in listing.entries if entry.path == "note.txt") == 5


async def test_a_long_listing_is_cut_with_a_count(workspace: Path) -> None:
    for number in range(20):
        (workspace / f"f{number:02}").write_text("")
    listing = await WorkspaceFiles(workspace).list_folder(".", limit=10)
    assert (len(listing.entries), listing.unseen) == (10, 12)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_said(workspace: Path) -> None:
    (workspace / "note.txt").chmod(0)
    kind, message = await problem(WorkspaceFiles(workspace).read_bytes("note.txt"))
    assert (kind, message) == ("failed", "'note.txt' may not be opened: Permission denied.")


async def test_no_descriptor_is_left_open(workspace: Path) -> None:
    opened = WorkspaceFiles(workspace)

    def count() -> int:
        return len([*Path("/dev/fd").iterdir()])

    work: list[Callable[[], object]] = [
        lambda: opened.read_bytes("note.txt"),
        lambda: opened.read_bytes("../x"),
        lambda: opened.read_bytes("gone/x"),
        lambda: opened.write_text("a/b", "x"),
        lambda: opened.write_text("sub", "x"),
        lambda: opened.list_folder(".", depth=3),
    ]
    before = -1
    for _ in range(3):
        for start in work:
            try:
                await start()  # type: ignore[misc]  # each returns an awaitable
            except ToolError:
                continue
        if before < 0:
            before = count()  # threads and caches are there by now
    assert count() == before
