"""LoRA adapters change what the model says, by their scale, and what does not fit is refused in one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np
import pytest
import pytest_asyncio

from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.errors import ModelFileError
from smol_chat.messages import SystemMessage
from support.generations import ask, collect

SYSTEM = SystemMessage("You are a careful assistant who answers in few words and never invents anything. " * 3)

MakeEngine = Callable[..., LocalEngine]


def write_adapter(
    path: Path, *, seed: int = 5, rows: int = 64, architecture: str = "qwen35", template: str = ""
) -> Path:
    """Write a random LoRA adapter for the output of the hybrid model's attention."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    if template:
        writer.add_chat_template(template)
    for name, shape in (("lora_a", (4, 64)), ("lora_b", (rows, 4))):
        writer.add_tensor(f"blk.3.attn_output.weight.{name}", random.standard_normal(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest_asyncio.fixture
async def engine(hybrid_model: Path, tmp_path: Path) -> AsyncIterator[MakeEngine]:
    made: list[LocalEngine] = []

    def make(adapter: str = "", scale: float = 1.0) -> LocalEngine:
        options = LocalOptions(context_size=2048, threads=1, adapter=adapter, adapter_scale=scale)
        folder = tmp_path / "snapshots"
        made.append(LocalEngine(hybrid_model, options, log_file=tmp_path / "engine.log", snapshots=folder))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_it_changes_the_answer_by_its_scale_and_no_snapshot_is_shared(engine: MakeEngine, tmp_path: Path) -> None:
    adapter = str(write_adapter(tmp_path / "adapter.gguf"))
    said, stored = [], []
    for made in (engine(), engine(adapter), engine(adapter, 0.25), engine(adapter, 0.0)):
        outcome = await collect(made, ask(SYSTEM, "Hello.", max_tokens=12))
        assert outcome.finished.usage.reused_tokens == 0
        said.append(outcome.text)
        stored.append({path.name for path in (tmp_path / "snapshots").iterdir()})
    assert len(set(said[:3])) == 3
    assert said[3] == said[0]  # times nothing
    assert all(len(later - earlier) == 1 for earlier, later in pairwise(stored))
    again = await collect(engine(adapter, 0.25), ask(SYSTEM, "Hello.", max_tokens=12))
    assert again.finished.usage.reused_tokens > 0
    assert again.text == said[2]


async def test_what_is_no_adapter_of_this_model_is_refused(
    engine: MakeEngine, hybrid_model: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    whole = write_adapter(tmp_path / "whole.gguf").read_bytes()
    half = tmp_path / "half.gguf"
    half.write_bytes(whole[: len(whole) // 2])
    for path, words in (
        (tmp_path / "missing.gguf", "There is no adapter file"),
        (text, "no GGUF adapter"),
        (hybrid_model, "but no adapter"),
        (half, "incomplete|damaged"),
        (write_adapter(tmp_path / "wide.gguf", rows=96), "cannot be used with this model"),
        (write_adapter(tmp_path / "llama.gguf", architecture="llama"), "cannot be used with this model"),
    ):
        with pytest.raises(ModelFileError, match=words):
            await engine(str(path)).start()


async def test_the_chat_template_it_brings_is_used_instead_of_the_models(engine: MakeEngine, tmp_path: Path) -> None:
    template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    counts = [
        await made.count_prompt(ask(SYSTEM, "Hello.", max_tokens=1))
        for made in (engine(), engine(str(write_adapter(tmp_path / "a.gguf", template=template))))
    ]
    infos = [
        await engine(str(write_adapter(tmp_path / f"{name}.gguf", template=text))).start()
        for name, text in (("b", ""), ("c", template))
    ]
    assert counts[0] is not None and counts[1] is not None and counts[1] < counts[0]
    assert [info.template_has_tools for info in infos] == [True, False]
