"""Models the program knows by name, and where their files come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

QUANTISATIONS = {"Q4_K_M": 2.9, "Q8_0": 4.9}
"""The files each smol-tools model is offered in, with their size in GB."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model by its name on huggingface.co; `context` is its context window in tokens."""

    name: str
    context: int
    sizes: Mapping[str, float] = field(default_factory=lambda: QUANTISATIONS)
    """Quantisations it is offered in, with their size in GB."""
    licence: str = "Apache-2.0"
    """As its page says; empty where only the page tells."""
    about: str = ""
    file_stem: str = ""
    """What its files' names begin with, where that is not its own name."""

    @property
    def page(self) -> str:
        """Return the address of the model's page."""
        return f"https://huggingface.co/{self.name}"

    @property
    def short(self) -> str:
        """Return its name without owner and form."""
        return re.sub("-GGUF$", "", self.name.partition("/")[2], flags=re.IGNORECASE)

    def owns(self, file_name: str) -> bool:
        """Tell whether a file of that name, without its ending, is this model in some quantisation."""
        own_name = re.escape(self.file_stem or self.short)
        return re.fullmatch(rf"{own_name}([-._](i?q|b?f)\d.*)?", file_name, re.IGNORECASE) is not None


CATALOGUE = (
    KnownModel(
        "enfuse/smol-tools-4b", 4096, licence="", about="the model this program is made for; short conversations"
    ),
    KnownModel("enfuse/smol-tools-4b-16k", 16_384, licence="", about="the same for longer conversations"),
    KnownModel("enfuse/smol-tools-4b-32k", 32_768, licence="", about="the same for the longest conversations"),
    KnownModel("Qwen/Qwen3-0.6B-GGUF", 32_768, {"Q8_0": 0.64}, about="tiny; calls tools now and then"),
    KnownModel("Qwen/Qwen3-1.7B-GGUF", 32_768, {"Q8_0": 1.8}, about="small; calls tools, thinks"),
    KnownModel("Qwen/Qwen3-4B-GGUF", 32_768, {"Q4_K_M": 2.5, "Q8_0": 4.3}, about="calls tools, thinks, many languages"),
    KnownModel("Qwen/Qwen2.5-1.5B-Instruct-GGUF", 32_768, {"Q4_K_M": 1.1, "Q8_0": 1.9}, about="small; answers at once"),
    KnownModel(
        "ggml-org/SmolLM3-3B-GGUF",
        65_536,
        {"Q4_K_M": 1.9, "Q8_0": 3.3},
        about="calls tools, thinks",
        file_stem="SmolLM3",
    ),
)


def known_model(name: str) -> KnownModel | None:
    """Return the model a user means by its name, with or without the owner's and in any case."""
    wanted = name.lower().removesuffix(".gguf")
    return next((model for model in CATALOGUE if wanted in _names(model)), None)


def owner_of(file_name: str) -> KnownModel | None:
    """Return the known model that a file of that name, without its ending, belongs to."""
    return next((model for model in CATALOGUE if model.owns(file_name)), None)


def siblings(model: KnownModel) -> list[KnownModel]:
    """Return the models that differ from this one in their context window only, the shortest first."""
    family = _family(model)
    return sorted((other for other in CATALOGUE if _family(other) == family), key=lambda other: other.context)


def _family(model: KnownModel) -> str:
    return re.sub(r"-\d+k$", "", model.name)


def _names(model: KnownModel) -> set[str]:
    return {name.lower() for name in (model.name, model.name.partition("/")[2], model.short)}
