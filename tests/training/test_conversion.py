"""The adapter in GGUF form gives the probabilities PEFT gives on the same base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from support.gguf_models import bundled_model

pytest.importorskip("trl", reason="pip install torch==2.13.0, then the training extra, to train and convert an adapter")

Logits = NDArray[np.float64]
TEXT = "<|im_start|>user\nwhat is the weather in Oslo?<|im_end|>\n<|im_start|>assistant\n"


def divergence(one: Logits, other: Logits) -> float:
    """Return the mean Kullback-Leibler divergence of the next token's distribution, in nats."""
    first, second = (x - np.logaddexp.reduce(x, axis=-1, keepdims=True) for x in (one, other))
    return float((np.exp(first) * (first - second)).sum(-1).mean())


def with_llama(base: Path, adapter: Path | None, ids: list[int]) -> Logits:
    from llama_cpp import Llama

    model = Llama(str(base), lora_path=str(adapter) if adapter else None, logits_all=True, n_ctx=64, verbose=False)
    model.eval(ids)
    return np.array(model.scores[: len(ids)], dtype=np.float64)


@pytest.mark.filterwarnings("ignore")
def test_the_converted_adapter_changes_the_model_as_it_does_in_peft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gguf_lora
    import torch
    from gguf_lora import convert
    from train import Recipe, load_base, with_adapter

    base = bundled_model()
    recipe = Recipe(base=str(base.parent), gguf_file=base.name, rank=8, alpha=64)
    model, tokenizer = load_base(recipe, torch.float32)
    adapted = with_adapter(model, recipe)
    random = torch.Generator().manual_seed(3)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.04, generator=random)
    ids = list(tokenizer(TEXT, add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        wanted = adapted(input_ids=torch.tensor([ids])).logits[0].double().numpy()
    adapted.save_pretrained(str(tmp_path / "peft"))
    count = convert(tmp_path / "peft", base, tmp_path / "adapter.gguf")

    off = divergence(wanted, with_llama(base, None, ids))
    on = divergence(wanted, with_llama(base, tmp_path / "adapter.gguf", ids))
    monkeypatch.setattr(gguf_lora, "ROTATED", {})
    convert(tmp_path / "peft", base, tmp_path / "unrotated.gguf")
    unrotated = divergence(wanted, with_llama(base, tmp_path / "unrotated.gguf", ids))
    print(f"KL without the adapter {off:.4f}, with it {on:.4f}, with rows left where they are {unrotated:.4f}")
    assert count == 420
    assert on < off / 10
    assert on < unrotated / 3
