"""Write a PEFT LoRA adapter as a GGUF file that llama.cpp loads beside its base model."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter
from gguf.constants import MODEL_ARCH_NAMES
from gguf.tensor_mapping import get_tensor_name_map
from numpy.typing import NDArray
from safetensors.numpy import load_file

Matrix = NDArray[np.float32]

ROTATED = {"llama": ("attn_q", "attn_k")}
"""Architectures whose GGUF files hold the rows of these weights in another order: rotary halves take turns."""

_NAME = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight")


def convert(adapter: Path, base: Path, out: Path, *, template: str = "") -> int:
    """Write the adapter of a folder (as PEFT saves it) for a base model in GGUF form, in float16.

    Args:
        adapter: folder with `adapter_config.json` and `adapter_model.safetensors`.
        base: GGUF file of the model it was trained on; only its header is used.
        out: the file to write.
        template: chat template to go with it; empty: the base model's own is meant.

    Returns:
        How many matrices it has.

    Raises:
        ValueError: a weight of the adapter has no counterpart in the base model.
    """
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    header = GGUFReader(base)
    architecture = str(_field(header, "general.architecture"))
    names = get_tensor_name_map(
        next(arch for arch, name in MODEL_ARCH_NAMES.items() if name == architecture),
        int(str(_field(header, f"{architecture}.block_count"))),
    )
    heads = int(str(_field(header, f"{architecture}.attention.head_count")))
    kv_heads = int(str(_field(header, f"{architecture}.attention.head_count_kv") or heads))
    shapes = {tensor.name: [int(size) for size in tensor.shape] for tensor in header.tensors}

    writer = GGUFWriter(out, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("general.name", out.stem)
    writer.add_string("general.license", "apache-2.0")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    if template:
        writer.add_chat_template(template)
    weights = load_file(adapter / "adapter_model.safetensors")
    for key in sorted(weights):
        found = _NAME.fullmatch(key)
        name = names.get_name(found[1]) if found else None
        if found is None or name is None or f"{name}.weight" not in shapes:
            raise ValueError(f"{key!r} belongs to no weight of {base.name}")
        matrix = np.asarray(weights[key], dtype=np.float32)
        part = name.rpartition(".")[2]
        if found[2] == "B" and part in ROTATED.get(architecture, ()):
            matrix = interleaved(matrix, heads if part == "attn_q" else kv_heads)
        columns, rows = shapes[f"{name}.weight"]
        if (matrix.shape[1] if found[2] == "A" else matrix.shape[0]) != (columns if found[2] == "A" else rows):
            raise ValueError(f"{key!r} does not have the shape of {name}.weight in {base.name}")
        writer.add_tensor(f"{name}.weight.lora_{found[2].lower()}", matrix.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return len(weights)


def interleaved(matrix: Matrix, heads: int) -> Matrix:
    """Return the rows in llama.cpp's order: of each head the two rotary halves take turns."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _field(reader: GGUFReader, key: str) -> object:
    field = reader.get_field(key)
    return field.contents() if field is not None else None


def main() -> None:
    """Convert as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--template", type=Path, help="chat template to go with it")
    options = parser.parse_args()
    template = options.template.read_text(encoding="utf-8") if options.template else ""
    count = convert(options.adapter, options.base, options.out, template=template)
    print(f"{options.out}: {count} matrices, {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
