"""What a model file says about the model: size, geometry, quantisation, how it wants its calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smol_chat.engine.gguf_file import check_model_file
from smol_chat.engine.gguf_header import Header, Tensor

CallForm = Literal["json", "xml", "none"]

QUANTISATIONS = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S"},
    **{12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K"},
    **{19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL"},
    **{26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0"},
    **{37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0"},
}
"""What GGUF's `general.file_type` numbers mean."""

_TYPE_NAMES = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K"},
    **{13: "Q5_K", 14: "Q6_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S"},
    **{22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4"},
}
_REPACKED_TYPES = {2, 12, 20}
"""Q4_0, Q4_K, IQ4_NL: the types llama.cpp keeps a second copy of in an order the processor reads faster."""

_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_LATER_PARTS = re.compile(r"-00001-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recurrent:
    """Layers whose memory is a state of fixed size: a matrix, and the last inputs of a convolution."""

    layers: int
    conv: int
    inner: int
    state: int
    groups: int

    @property
    def state_bytes(self) -> int:
        """Bytes of one sequence's state in all these layers (32-bit numbers)."""
        rolled = max(0, self.conv - 1) * (self.inner + 2 * self.groups * self.state)
        return self.layers * 4 * (self.state * self.inner + rolled)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model's figures; 0 where the file does not tell."""

    architecture: str
    title: str
    parameters: int
    quantisation: str
    trained_context: int
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: tuple[int, ...]
    """Of each layer that has attention."""
    key_length: int
    value_length: int
    vocabulary: int
    recurrent: Recurrent | None
    weights: int
    """Bytes of all tensors."""
    repackable: int
    """Bytes of the tensors that exist twice when weights are repacked."""
    call_form: CallForm
    """How its chat template writes tool calls; none: the template knows no tools."""

    @property
    def is_hybrid(self) -> bool:
        """Tell whether it has recurrent layers."""
        return self.recurrent is not None


def read_model(path: Path) -> ModelFacts:
    """Look into a model file, and into the further parts of a split one.

    Raises:
        ModelFileError: it is no whole GGUF model.
    """
    header = check_model_file(path)
    tensors = list(header.tensors)
    for part in _later_parts(path):
        tensors += check_model_file(part).tensors
    return facts(header, tensors)


def facts(header: Header, tensors: Iterable[Tensor]) -> ModelFacts:
    """Make a model's figures of its header and tensors."""
    tensors = list(tensors)
    arch = header.text("general.architecture")
    width = header.number(f"{arch}.embedding_length")
    heads = header.number(f"{arch}.attention.head_count")
    per_head = width // heads if heads else 0
    attention, recurrent = _layer_kinds(tensors)
    return ModelFacts(
        architecture=arch,
        title=header.text("general.name"),
        parameters=sum(tensor.values for tensor in tensors),
        quantisation=_quantisation(header, tensors),
        trained_context=header.number(f"{arch}.context_length"),
        layers=header.number(f"{arch}.block_count"),
        width=width,
        feed_forward=header.number(f"{arch}.feed_forward_length"),
        heads=heads,
        kv_heads=_kv_heads(header, arch, heads, attention),
        key_length=header.number(f"{arch}.attention.key_length", per_head),
        value_length=header.number(f"{arch}.attention.value_length", per_head),
        vocabulary=header.lengths.get("tokenizer.ggml.tokens") or header.number(f"{arch}.vocab_size"),
        recurrent=_recurrent(header, arch, width, len(recurrent)),
        weights=sum(tensor.size for tensor in tensors),
        repackable=sum(tensor.size for tensor in tensors if tensor.kind in _REPACKED_TYPES and tensor.dimensions > 1),
        call_form=call_form(header.text("tokenizer.chat_template")),
    )


def call_form(template: str) -> CallForm:
    """Return how a chat template writes tool calls, by what stands in it; it is not run."""
    if "tools" not in template:
        return "none"
    return "xml" if "<function=" in template else "json"


def _layer_kinds(tensors: Iterable[Tensor]) -> tuple[list[int], list[int]]:
    """Return the layers with attention and those with a recurrent state: some have both, some neither."""
    names: dict[int, set[str]] = {}
    for tensor in tensors:
        found = _BLOCK.fullmatch(tensor.name)
        if found:
            names.setdefault(int(found[1]), set()).add(found[2])
    recurrent = [
        layer for layer, parts in names.items() if any(part.startswith(("ssm_", "shortconv.")) for part in parts)
    ]
    attention = [
        layer
        for layer, parts in names.items()
        if any(part.startswith(("attn_k.", "attn_kv_")) for part in parts)
        or ("attn_qkv.weight" in parts and layer not in recurrent)
    ]
    return sorted(attention), sorted(recurrent)


def _kv_heads(header: Header, arch: str, heads: int, attention: list[int]) -> tuple[int, ...]:
    value = header.values.get(f"{arch}.attention.head_count_kv", heads)
    if isinstance(value, list):
        known = (value[layer] for layer in attention if layer < len(value))
        return tuple(max(0, count) for count in known if isinstance(count, int))
    return (max(0, value),) * len(attention) if isinstance(value, int) else ()


def _recurrent(header: Header, arch: str, width: int, layers: int) -> Recurrent | None:
    if not layers:
        return None
    if short := header.number(f"{arch}.shortconv.l_cache"):
        return Recurrent(layers, conv=short, inner=width, state=0, groups=0)
    keys = ("conv_kernel", "inner_size", "state_size", "group_count")
    return Recurrent(layers, *(header.number(f"{arch}.ssm.{key}") for key in keys))


def _quantisation(header: Header, tensors: list[Tensor]) -> str:
    named = header.values.get("general.file_type")
    if isinstance(named, int) and named in QUANTISATIONS:
        return QUANTISATIONS[named]
    sizes: Counter[int] = Counter()
    for tensor in tensors:
        sizes[tensor.kind] += tensor.size
    (kind, _size), *_ = sizes.most_common(1) or [(-1, 0)]
    return _TYPE_NAMES.get(kind, "unknown")


def _later_parts(path: Path) -> list[Path]:
    found = _LATER_PARTS.search(path.name)
    if found is None:
        return []
    stem = path.name[: found.start()]
    return [path.with_name(f"{stem}-{part:05}-of-{found[1]}.gguf") for part in range(2, int(found[1]) + 1)]
