"""Models other programs keep on this machine: found where they lie, never copied and never changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_MANIFEST = 1024 * 1024
"""Bytes of an Ollama manifest that is read; real ones have some hundred."""

_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_MODEL_LAYER = "application/vnd.ollama.image.model"


@dataclass(frozen=True, slots=True)
class Homes:
    """Where other programs' folders are looked for."""

    home: Path = field(default_factory=Path.home)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    system: Path = Path("/")

    def hugging_face(self) -> Path:
        """Return the cache of the Hugging Face hub."""
        if cache := self._given("HF_HUB_CACHE"):
            return cache
        if home := self._given("HF_HOME"):
            return home / "hub"
        return (self._given("XDG_CACHE_HOME") or self.home / ".cache") / "huggingface" / "hub"

    def lm_studio(self) -> list[Path]:
        """Return the folders LM Studio keeps models in."""
        homes = [self.home / ".lmstudio", self.home / ".cache" / "lm-studio"]
        moved = _text(self.home / ".lmstudio-home-pointer").strip()
        return [home / "models" for home in ([Path(moved), *homes] if moved else homes)]

    def ollama(self) -> list[Path]:
        """Return the folders Ollama keeps models in: the user's and its service's."""
        own = self._given("OLLAMA_MODELS") or self.home / ".ollama" / "models"
        return [own, self.system / "usr/share/ollama/.ollama/models", self.system / "var/lib/ollama/models"]

    def _given(self, variable: str) -> Path | None:
        value = self.environment.get(variable)
        return Path(value).expanduser() if value else None


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model Ollama knows, in a file named after its checksum."""

    name: str
    path: Path


def hugging_face_files(cache: Path) -> list[Path]:
    """Return the GGUF files of the cache: of each file of a repository the revision that is current."""
    found: dict[tuple[str, str], Path] = {}
    for snapshot in _snapshots(cache):
        repository = snapshot.parent.parent.name
        for file in gguf_files(snapshot):
            found.setdefault((repository, str(file.relative_to(snapshot))), file)
    return list(found.values())


def gguf_files(folder: Path) -> list[Path]:
    """Return the GGUF files in a folder and below; a link to a download that is not finished is none."""
    try:
        return sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".gguf" and file.is_file())
    except OSError:
        return []


def ollama_models(folder: Path) -> list[OllamaModel]:
    """Return the models whose manifest and file are there, by name."""
    manifests = folder / "manifests"
    found = (_ollama_model(manifest, manifests, folder) for manifest in _files(manifests))
    return sorted((model for model in found if model), key=lambda model: model.name)


def checksum_of(path: Path) -> str:
    """Return the SHA-256 that the name of a cached file is; empty where it is named otherwise."""
    try:
        name = path.resolve().name
    except OSError:
        return ""
    found = re.fullmatch(r"(?:sha256-)?([0-9a-f]{64})", name)
    return found[1] if found else ""


def _snapshots(cache: Path) -> Iterator[Path]:
    for repository in _folders(cache):
        if not repository.name.startswith("models--"):
            continue
        snapshots = _folders(repository / "snapshots")
        current = _text(repository / "refs" / "main").strip()
        yield from sorted(snapshots, key=lambda folder: (folder.name != current, folder.name))


def _ollama_model(manifest: Path, manifests: Path, folder: Path) -> OllamaModel | None:
    parts = manifest.relative_to(manifests).parts
    if len(parts) < 3 or manifest.name.startswith("."):
        return None
    try:
        if manifest.stat().st_size > MAX_MANIFEST:
            return None
        layers = json.loads(manifest.read_bytes())["layers"]
        layer = next(layer for layer in layers if layer["mediaType"] == _MODEL_LAYER)
        digest = _DIGEST.fullmatch(layer["digest"])
        blob = folder / "blobs" / f"sha256-{digest[1] if digest else ''}"
        if blob.stat().st_size != layer["size"]:  # not finished
            return None
    except (OSError, ValueError, TypeError, KeyError, StopIteration, RecursionError):
        return None
    *place, name, tag = parts
    place = [part for part in place if part not in ("registry.ollama.ai", "library")]
    return OllamaModel("/".join([*place, f"{name}:{tag}"]), blob)


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.rglob("*") if path.is_file()]
    except OSError:
        return []


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
