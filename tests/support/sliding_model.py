"""A small real GGUF model whose attention sees only a window in most layers."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from support.gguf_models import (
    CONTROL_TOKENS,
    MERGES,
    TAG_TOKENS,
    THINKING_TEMPLATE,
    _add_sizes,
    _add_vocabulary,
    _byte_tokens,
    _write,
)

WINDOW = 64


def write_sliding_model(path: Path, *, seed: int = 3) -> Path:
    """Write a random-weights `gemma3` model: five layers that see `WINDOW` tokens, one that sees all."""
    width, heads, head_size, ffn, layers = 64, 2, 32, 128, 6
    tokens = _byte_tokens() + [left + right for left, right in MERGES] + [*TAG_TOKENS, *CONTROL_TOKENS]
    writer = gguf.GGUFWriter(path, "gemma3")
    _add_sizes(writer, width=width, layers=layers, heads=heads, kv_heads=1, head_size=head_size, ffn=ffn)
    writer.add_sliding_window(WINDOW)
    _add_vocabulary(writer, tokens, control=CONTROL_TOKENS, tags=TAG_TOKENS, template=THINKING_TEMPLATE, pre="gpt-2")

    random = np.random.default_rng(seed)

    def matrix(name: str, rows: int, columns: int, spread: float = 0.2) -> None:
        writer.add_tensor(name, (random.standard_normal((rows, columns)) * spread).astype(np.float32))

    embedding = random.standard_normal((len(tokens), width)).astype(np.float32)
    embedding[-len(CONTROL_TOKENS) :] *= 0.01  # it is the output matrix too: a random model should not end its turn
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            writer.add_tensor(f"{block}{name}.weight", np.ones(width, dtype=np.float32))
        for name in ("attn_q_norm", "attn_k_norm"):
            writer.add_tensor(f"{block}{name}.weight", np.ones(head_size, dtype=np.float32))
        matrix(block + "attn_q.weight", heads * head_size, width)
        matrix(block + "attn_k.weight", head_size, width)
        matrix(block + "attn_v.weight", head_size, width)
        matrix(block + "attn_output.weight", width, heads * head_size)
        matrix(block + "ffn_gate.weight", ffn, width)
        matrix(block + "ffn_up.weight", ffn, width)
        matrix(block + "ffn_down.weight", width, ffn)
    return _write(writer, path)
