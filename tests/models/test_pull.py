"""Models are fetched from a hub: the right file, resumed, checked, and in its place only when it is whole."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from smol_chat.assembly import Assembly, Options
from smol_chat.commands.model_pull import Meter
from smol_chat.errors import HubError, UsageError
from smol_chat.models.discover import InstalledModel, installed, unfinished
from smol_chat.models.download import Downloader, Fetched, new_client
from smol_chat.models.elsewhere import Homes
from smol_chat.models.hub import Hub, HubFile, Wanted, checked_endpoint, choose, wanted
from smol_chat.paths import DataPaths
from support.hub_server import COMMIT, HubServer, serve_hub

REPOSITORY = "someone/little-GGUF"
DATA = b"GGUF" + os.urandom(3_000_000)
NAME = "little-Q4_K_M.gguf"
PLENTY = 10**12


@pytest.fixture
def hub() -> Iterator[HubServer]:
    files = {
        "README.md": b"# little",
        NAME: DATA,
        "little-Q8_0.gguf": DATA * 2,
        "mmproj-little-F16.gguf": b"GGUF",
        "sub/big-Q6_K-00001-of-00002.gguf": b"GGUF1",
        "sub/big-Q6_K-00002-of-00002.gguf": b"GGUF2",
    }
    with serve_hub(HubServer({REPOSITORY: files})) as served:
        yield served


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    paths.create()
    return paths


def fetch(
    hub: HubServer, paths: DataPaths, what: str = REPOSITORY, *, token: str = "", free: int = PLENTY
) -> list[Path]:
    return [each.path for each in fetch_all(hub, paths, what, token=token, free=free)]


def fetch_all(
    hub: HubServer, paths: DataPaths, what: str = REPOSITORY, *, token: str = "", free: int = PLENTY
) -> list[Fetched]:
    meant = wanted(what)
    with new_client() as client:
        remote = Hub(client, hub.url, token)
        files = choose(remote.files(meant.repository), meant.file, meant.repository)
        downloader = Downloader(remote, client, paths.models, free_bytes=lambda _folder: free)
        downloader.check_room(files)
        return [downloader.fetch(file, lambda _done, _total: None) for file in files]


def refused(hub: HubServer, paths: DataPaths, what: str = REPOSITORY, *, free: int = PLENTY) -> str:
    with pytest.raises(HubError) as caught:
        fetch(hub, paths, what, free=free)
    return caught.value.message


def partials(paths: DataPaths) -> list[Path]:
    return sorted(paths.models.glob("*.partial"))


def test_the_best_small_quantisation_is_fetched_and_is_the_users_alone(hub: HubServer, paths: DataPaths) -> None:
    (path,) = fetch(hub, paths)
    assert path == paths.models / NAME
    assert path.read_bytes() == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert partials(paths) == []
    (model,) = installed(paths, bundled_package="none", homes=Homes(paths.root, {}, paths.root))
    digest = hashlib.sha256(DATA).hexdigest()
    assert (model.name, model.checksum) == ("little-Q4_K_M", digest)
    checksum = paths.models / f"{NAME}.sha256"
    assert checksum.read_text() == f"{digest}  {NAME}\n"  # as sha256sum -c reads it


def test_what_is_here_is_not_fetched_again(hub: HubServer, paths: DataPaths) -> None:
    fetch(hub, paths)
    fetch(hub, paths)
    assert len(hub.downloads()) == 1


@pytest.mark.parametrize("written", ["Q8_0", "q8_0", "little-Q8_0.gguf", "little-Q8_0"])
def test_a_file_can_be_named_by_its_quantisation(hub: HubServer, paths: DataPaths, written: str) -> None:
    (path,) = fetch(hub, paths, f"{REPOSITORY}:{written}")
    assert path.name == "little-Q8_0.gguf"


def test_all_parts_of_a_split_model_are_fetched(hub: HubServer, paths: DataPaths) -> None:
    found = fetch(hub, paths, f"{REPOSITORY}:Q6_K")
    assert [path.read_bytes() for path in found] == [b"GGUF1", b"GGUF2"]
    (model,) = installed(paths, bundled_package="none", homes=Homes(paths.root, {}, paths.root))
    assert (model.name, model.size_bytes) == ("big-Q6_K-00001-of-00002", 10)
    assert model.files() == found


def test_an_interrupted_download_goes_on_where_it_stopped(hub: HubServer, paths: DataPaths) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done > 1_000_000:
            raise Stop

    with new_client() as client:
        remote = Hub(client, hub.url)
        (file,) = choose(remote.files(REPOSITORY), "", REPOSITORY)
        with pytest.raises(Stop):
            Downloader(remote, client, paths.models).fetch(file, stop)
    (partial,) = partials(paths)
    here = partial.stat().st_size
    assert 1_000_000 < here < len(DATA)
    assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert not (paths.models / NAME).exists()
    assert [(model.name, model.path) for model in unfinished(paths)] == [("little-Q4_K_M", partial)]
    assert fetch(hub, paths)[0].read_bytes() == DATA
    assert hub.downloads()[-1][1] == f"bytes={here}-"


def test_a_connection_that_breaks_is_made_again(hub: HubServer, paths: DataPaths) -> None:
    hub.cut_after = 700_000
    assert fetch(hub, paths)[0].read_bytes() == DATA
    assert len(hub.downloads()) == 5


def test_a_hub_that_cannot_go_on_starts_over(hub: HubServer, paths: DataPaths) -> None:
    hub.ranges = False
    mark = hashlib.sha256(DATA).hexdigest()[:12]
    (paths.models / f"{NAME}.{mark}.partial").write_bytes(DATA[:1000])
    assert fetch(hub, paths)[0].read_bytes() == DATA


def test_a_connection_that_brings_nothing_is_given_up_and_keeps_what_came(hub: HubServer, paths: DataPaths) -> None:
    hub.cut_after = 0
    said = refused(hub, paths)
    assert said.startswith(f"{hub.url} cannot be reached (")
    assert len(hub.downloads()) == 5
    assert len(partials(paths)) == 1


def test_damage_on_the_way_is_found_and_thrown_away(hub: HubServer, paths: DataPaths) -> None:
    hub.lies[NAME] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    assert refused(hub, paths) == f"{NAME} arrived damaged: its checksum is not the hub's. Try again."
    assert list(paths.models.iterdir()) == []


def test_damage_in_what_was_here_before_is_found_too(hub: HubServer, paths: DataPaths) -> None:
    mark = hashlib.sha256(DATA).hexdigest()[:12]
    (paths.models / f"{NAME}.{mark}.partial").write_bytes(b"X" * 1000)
    assert "arrived damaged" in refused(hub, paths)
    assert fetch(hub, paths)[0].read_bytes() == DATA


def test_more_than_was_said_is_not_written(hub: HubServer, paths: DataPaths) -> None:
    hub.lies[NAME] = DATA + b"more"
    assert "is longer than the hub said" in refused(hub, paths)
    assert all(path.stat().st_size <= len(DATA) for path in partials(paths))


def test_without_a_checksum_that_is_said(hub: HubServer, paths: DataPaths) -> None:
    hub.no_checksums = True
    (fetched,) = fetch_all(hub, paths)
    assert not fetched.verified
    assert fetched.path.read_bytes() == DATA


def test_a_full_disk_is_noticed_before_anything_is_fetched(hub: HubServer, paths: DataPaths) -> None:
    said = refused(hub, paths, free=400_000_000)
    assert "needs 0.0 GB, but" in said and "has 0.4 GB free" in said
    assert hub.downloads() == []
    assert fetch(hub, paths, free=600_000_000)


def test_another_file_of_that_name_is_left_alone(hub: HubServer, paths: DataPaths) -> None:
    (paths.models / NAME).write_bytes(b"mine")
    assert "There is another file" in refused(hub, paths)
    assert (paths.models / NAME).read_bytes() == b"mine"


def test_two_programs_do_not_write_one_file(hub: HubServer, paths: DataPaths) -> None:
    mark = hashlib.sha256(DATA).hexdigest()[:12]
    with (paths.models / f"{NAME}.{mark}.partial").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "is being downloaded by another smol-chat" in refused(hub, paths)


def test_an_older_half_of_the_same_file_is_forgotten(hub: HubServer, paths: DataPaths) -> None:
    (paths.models / f"{NAME}.0123456789ab.partial").write_bytes(b"old")
    fetch(hub, paths)
    assert partials(paths) == []


def test_the_token_goes_to_the_hub_and_nowhere_else(hub: HubServer, paths: DataPaths) -> None:
    hub.token = "secret"
    assert "accept its licence there, make an access token and set HF_TOKEN" in refused(hub, paths)
    fetch(hub, paths, token="secret")
    sent = {path for path, headers in hub.requests if headers.get("authorization") == "Bearer secret"}
    assert sent
    assert not [path for path in sent if not path.startswith(("/api/models/", f"/{REPOSITORY}/"))]


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, "There is no someone/little-GGUF at"), (429, "wants fewer requests"), (500, "failed (HTTP 500)")],
)
def test_what_the_hub_refuses_is_a_sentence(hub: HubServer, paths: DataPaths, status: int, says: str) -> None:
    hub.statuses[f"/api/models/{REPOSITORY}"] = status
    assert says in refused(hub, paths)
    hub.statuses = {f"/{REPOSITORY}/resolve/{COMMIT}/{NAME}": status}
    assert says in refused(hub, paths)


def test_a_hub_that_is_not_there_is_a_sentence(paths: DataPaths) -> None:
    with serve_hub(HubServer()) as gone:
        pass
    assert f"{gone.url} cannot be reached" in refused(gone, paths)


def test_a_server_that_is_no_hub_is_a_sentence(hub: HubServer, paths: DataPaths) -> None:
    hub.statuses[f"/api/models/{REPOSITORY}"] = 200
    assert "did not answer as a model hub does" in refused(hub, paths)


def test_listings_are_read_page_by_page(hub: HubServer) -> None:
    hub.page_size = 2
    with new_client() as client:
        names = [file.name for file in Hub(client, hub.url).files(REPOSITORY)]
    assert len(names) == 5


def test_names_that_are_no_names_here_are_left_out(hub: HubServer) -> None:
    hub.files["a/b"] = {
        "../x.gguf": b"1",
        "a/../../y.gguf": b"2",
        ".hidden.gguf": b"3",
        "q\u202e.gguf": b"4",
        "ok.gguf": b"5",
    }
    with new_client() as client:
        assert [file.path for file in Hub(client, hub.url).files("a/b")] == ["ok.gguf"]


def test_a_repository_without_models_says_where_to_look(hub: HubServer, paths: DataPaths) -> None:
    hub.files["a/b"] = {"model.safetensors": b"1"}
    assert "has no GGUF files" in refused(hub, paths, "a/b")
    assert "has no file 'Q3_K'; there are big-Q6_K-00001-of-00002.gguf" in refused(hub, paths, f"{REPOSITORY}:Q3_K")


def test_what_a_user_may_write() -> None:
    assert wanted("smol-tools-4b") == Wanted("enfuse/smol-tools-4b")
    assert wanted("Qwen3-4B:Q8_0") == Wanted("Qwen/Qwen3-4B-GGUF", "Q8_0")
    assert wanted("https://huggingface.co/a/b") == wanted("hf.co/a/b") == Wanted("a/b")
    for wrong in ("nothing-known", "a/b/c", "../x", "a/b?x", "-a/b"):
        with pytest.raises(UsageError):
            wanted(wrong)


@pytest.mark.parametrize("endpoint", ["ftp://x", "x", "http://example.org", "http://10.0.0.1"])
def test_an_endpoint_that_is_not_safe_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="HF_ENDPOINT"):
        checked_endpoint(endpoint)
    assert checked_endpoint("http://127.0.0.1:9/") == "http://127.0.0.1:9"
    assert checked_endpoint("https://hub.example.org/") == "https://hub.example.org"


def test_the_preferred_quantisation_is_taken_in_any_order() -> None:
    def named(*names: str) -> str:
        files = [HubFile("a/b", COMMIT, name, 10, "") for name in names]
        return choose(files, "", "a/b")[0].name

    assert named("m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-f16.gguf") == "m-Q4_K_M.gguf"
    assert named("m.f16.gguf", "m.Q8_0.gguf") == "m.Q8_0.gguf"
    assert named("mmproj-m.gguf", "model.gguf") == "model.gguf"


def test_progress_is_a_line_every_tenth_without_a_terminal() -> None:
    out = io.StringIO()
    meter = Meter("a\x1b[31m.gguf", out)
    for done in range(0, 1001, 5):
        meter(done, 1000)
    lines = out.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[5] == "a\u241b[31m.gguf: 50 % of 0.0 MB"


def test_progress_is_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    meter = Meter("a.gguf", out)
    meter(0, 1000)
    meter(1000, 1000)
    assert "█" * 30 in out.getvalue()
    assert out.getvalue().endswith("\n")


def test_models_of_ours_have_files(paths: DataPaths) -> None:
    model = InstalledModel("a", paths.models / "a.gguf", 1, "folder")
    assert model.files() == [paths.models / "a.gguf"]
    assert model.checksum == ""


async def test_the_screen_can_fetch_and_stop(
    hub: HubServer, paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assembly = Assembly.create(Options(data_dir=paths.root, workspace=tmp_path))
    loop = asyncio.get_running_loop()
    begun = asyncio.Event()

    def report(file: str, done: int, total: int) -> None:
        assert (file, total) == (NAME, len(DATA))
        if done:
            loop.call_soon_threadsafe(begun.set)

    hub.hold_after = 1_000_000
    fetching = asyncio.create_task(assembly.pull_model(REPOSITORY, report))
    await begun.wait()
    fetching.cancel()
    hub.released.set()  # the thread looks up at the next bytes, or when the connection ends
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert len(partials(paths)) == 1
    hub.hold_after = None
    model = await assembly.pull_model(REPOSITORY, report)
    assert (model.name, model.path.read_bytes()) == ("little-Q4_K_M", DATA)
    await assembly.close()
