"""Models of other programs are found where they lie, half-finished ones are not, and nothing there is trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smol_chat.models import discover
from smol_chat.models.discover import InstalledModel, find_model
from smol_chat.models.elsewhere import Homes, ollama_models
from smol_chat.paths import DataPaths

DIGEST = "ab" * 32
OTHER = "cd" * 32
NONE = "package_that_is_not_there"


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    return Homes(tmp_path / "home", {}, tmp_path / "system")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    paths.create()
    return paths


def put(path: Path, data: bytes = b"GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(paths: DataPaths, homes: Homes) -> list[InstalledModel]:
    return discover.installed(paths, bundled_package=NONE, homes=homes)


def cached(cache: Path, revision: str, name: str, digest: str = DIGEST, *, data: bytes | None = b"GGUF") -> Path:
    """Lay a file into a Hugging Face cache as the hub's library does; `data` None: its download is not finished."""
    repository = cache / "models--someone--little"
    blob = repository / "blobs" / digest
    blob.parent.mkdir(parents=True, exist_ok=True)
    if data is not None:
        blob.write_bytes(data)
    link = repository / "snapshots" / revision / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(blob)
    return link


def manifest(folder: Path, name: str, *, digest: str = f"sha256:{DIGEST}", size: object = 4, **other: object) -> Path:
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": size}
    template = {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{OTHER}", "size": 1}
    text = json.dumps({"layers": [template, layer], **other})
    return put(folder / "manifests" / name, text.encode())


class TestHuggingFace:
    def test_files_are_found_through_their_links_with_their_checksum(self, paths: DataPaths, homes: Homes) -> None:
        link = cached(homes.home / ".cache/huggingface/hub", "1111", "little-Q8_0.gguf")
        (model,) = found(paths, homes)
        assert (model.name, model.path, model.source) == ("little-Q8_0", link, "huggingface")
        assert model.checksum == DIGEST

    def test_of_two_revisions_the_current_one_counts(self, paths: DataPaths, homes: Homes) -> None:
        cache = homes.home / ".cache/huggingface/hub"
        cached(cache, "1111", "little-Q8_0.gguf")
        current = cached(cache, "0000", "little-Q8_0.gguf", OTHER)
        put(cache / "models--someone--little/refs/main", b"0000")
        assert [model.path for model in found(paths, homes)] == [current]
        put(cache / "models--someone--little/refs/main", b"1111")
        assert [model.checksum for model in found(paths, homes)] == [DIGEST]

    def test_a_download_that_is_not_finished_is_none(self, paths: DataPaths, homes: Homes) -> None:
        cached(homes.home / ".cache/huggingface/hub", "1111", "little-Q8_0.gguf", data=None)
        assert found(paths, homes) == []

    def test_parts_of_a_split_model_are_one_and_must_all_be_there(self, paths: DataPaths, homes: Homes) -> None:
        cache = homes.home / ".cache/huggingface/hub"
        first = cached(cache, "1111", "q/big-00001-of-00002.gguf")
        assert found(paths, homes) == []
        cached(cache, "1111", "q/big-00002-of-00002.gguf", OTHER)
        (model,) = found(paths, homes)
        assert (model.path, model.size_bytes) == (first, 8)

    @pytest.mark.parametrize(
        ("variable", "below"), [("HF_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")]
    )
    def test_the_cache_is_where_the_environment_says(
        self, paths: DataPaths, tmp_path: Path, variable: str, below: str
    ) -> None:
        homes = Homes(tmp_path / "home", {variable: str(tmp_path / "moved")}, tmp_path)
        cached(tmp_path / "moved" / below, "1111", "little.gguf")
        assert [model.name for model in found(paths, homes)] == ["little"]

    def test_what_is_no_repository_is_not_looked_into(self, paths: DataPaths, homes: Homes) -> None:
        put(homes.home / ".cache/huggingface/hub/datasets--x--y/snapshots/1/a.gguf")
        put(homes.home / ".cache/huggingface/hub/version.txt")
        assert found(paths, homes) == []


class TestLmStudio:
    def test_its_folders_old_and_new_are_looked_into(self, paths: DataPaths, homes: Homes) -> None:
        put(homes.home / ".lmstudio/models/org/repo/new.gguf")
        put(homes.home / ".lmstudio/models/org/repo/mmproj-new.gguf")
        put(homes.home / ".lmstudio/models/org/repo/half.gguf.part")
        put(homes.home / ".cache/lm-studio/models/org/repo/old.gguf")
        assert [(model.name, model.source) for model in found(paths, homes)] == [
            ("new", "lmstudio"),
            ("old", "lmstudio"),
        ]

    def test_a_moved_home_is_followed_and_a_link_to_the_same_counts_once(
        self, paths: DataPaths, homes: Homes, tmp_path: Path
    ) -> None:
        put(tmp_path / "moved/models/a.gguf")
        put(homes.home / ".lmstudio-home-pointer", str(tmp_path / "moved").encode())
        (homes.home / ".lmstudio").symlink_to(tmp_path / "moved")
        assert len(found(paths, homes)) == 1


class TestOllama:
    def test_names_are_those_ollama_shows(self, paths: DataPaths, homes: Homes) -> None:
        folder = homes.home / ".ollama/models"
        blob = put(folder / f"blobs/sha256-{DIGEST}")
        for name in ("registry.ollama.ai/library/little/1b", "registry.ollama.ai/me/mine/latest", "hf.co/a/b/Q8_0"):
            manifest(folder, name)
        assert [model.name for model in ollama_models(folder)] == ["hf.co/a/b:Q8_0", "little:1b", "me/mine:latest"]
        assert {model.path for model in ollama_models(folder)} == {blob}

    def test_a_model_is_used_by_its_name_and_remembered_by_it(self, paths: DataPaths, homes: Homes) -> None:
        folder = homes.home / ".ollama/models"
        blob = put(folder / f"blobs/sha256-{DIGEST}")
        manifest(folder, "registry.ollama.ai/library/little/latest")
        for name in ("little:latest", "little", "LITTLE"):
            model = find_model(name, paths, bundled_package=NONE, homes=homes)
            assert (model.path, model.setting, model.checksum) == (blob, "little:latest", DIGEST)

    def test_the_service_keeps_its_models_elsewhere(self, paths: DataPaths, homes: Homes, tmp_path: Path) -> None:
        folder = tmp_path / "system/usr/share/ollama/.ollama/models"
        put(folder / f"blobs/sha256-{DIGEST}")
        manifest(folder, "registry.ollama.ai/library/little/1b")
        assert [model.name for model in found(paths, homes)] == ["little:1b"]

    @pytest.mark.parametrize(
        "hostile",
        [
            {"digest": "sha256:../../../etc/passwd"},
            {"digest": 5},
            {"digest": f"sha256:{OTHER}"},
            {"size": 5},
            {"size": None},
            {"layers": "x"},
            {"layers": [[]]},
        ],
    )
    def test_a_manifest_that_does_not_hold_is_left_out(self, homes: Homes, hostile: dict[str, object]) -> None:
        folder = homes.home / ".ollama/models"
        put(folder / f"blobs/sha256-{DIGEST}")
        manifest(folder, "registry.ollama.ai/library/little/1b", **hostile)  # type: ignore[arg-type]  # hostile on purpose
        assert ollama_models(folder) == []

    @pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b" " * 2_000_000])
    def test_what_is_no_manifest_is_left_out(self, homes: Homes, text: bytes) -> None:
        folder = homes.home / ".ollama/models"
        put(folder / "manifests/registry.ollama.ai/library/little/1b", text)
        put(folder / "manifests/stray", text)
        assert ollama_models(folder) == []


def test_ours_come_first_and_another_programs_model_is_never_the_default(paths: DataPaths, homes: Homes) -> None:
    put(homes.home / ".lmstudio/models/a.gguf")
    assert discover.default_model(paths, bundled_package=NONE) is None
    put(paths.models / "b.gguf")
    assert [model.name for model in found(paths, homes)] == ["b", "a"]
    default = discover.default_model(paths, bundled_package=NONE)
    assert default is not None and default.name == "b"


def test_a_name_two_programs_have_means_ours(paths: DataPaths, homes: Homes) -> None:
    put(homes.home / ".lmstudio/models/a.gguf")
    ours = put(paths.models / "a.gguf")
    assert find_model("a", paths, bundled_package=NONE, homes=homes).path == ours
