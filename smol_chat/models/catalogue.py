"""Models the program knows by name, and where their files come from."""

from __future__ import annotations

import re
from dataclasses import dataclass

QUANTISATIONS = {"Q4_K_M": 2.9, "Q8_0": 4.9}
"""The files each of the models below is offered in, with their size in GB."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model by its name on huggingface.co; `context` is its context window in tokens."""

    name: str
    context: int

    @property
    def page(self) -> str:
        """Return the address of the model's page."""
        return f"https://huggingface.co/{self.name}"

    def owns(self, file_name: str) -> bool:
        """Tell whether a file of that name, without its ending, is this model in some quantisation."""
        own_name = re.escape(self.name.partition("/")[2])
        return re.fullmatch(rf"{own_name}([-._](i?q|b?f)\d.*)?", file_name, re.IGNORECASE) is not None


CATALOGUE = (
    KnownModel("enfuse/smol-tools-4b", 4096),
    KnownModel("enfuse/smol-tools-4b-16k", 16_384),
    KnownModel("enfuse/smol-tools-4b-32k", 32_768),
)


def known_model(name: str) -> KnownModel | None:
    """Return the model a user means by its name, with or without the owner's and in any case."""
    wanted = name.lower().removesuffix(".gguf")
    matches = (model for model in CATALOGUE if wanted in (model.name, model.name.partition("/")[2]))
    return next(matches, None)
