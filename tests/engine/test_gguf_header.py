"""Whatever a GGUF header claims, reading it ends soon, and in one of two ways."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smol_chat.engine.fit import need
from smol_chat.engine.gguf_file import check_model_file
from smol_chat.engine.gguf_header import DamagedError, Header, Tensor, read_header
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.engine.model_facts import facts, read_model
from smol_chat.errors import EngineError, ModelFileError
from support.generations import ask, collect
from support.gguf_models import write_hybrid_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_hybrid_model(tmp_path_factory.mktemp("models") / "hybrid.gguf").read_bytes()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_damage_or_a_header(data: bytes) -> None:
    try:
        read_header(b"GGUF\x03\x00\x00\x00" + data)
    except DamagedError:
        return


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_header_with_changed_bytes_is_damage_or_gives_figures(whole: bytes, data: st.DataObject) -> None:
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(4, 12_000))
        changed[place] = data.draw(st.integers(0, 255))
    try:
        header = read_header(bytes(changed))
    except DamagedError:
        return
    known = facts(header, header.tensors)
    assert need(known, context=4096, kv_type="q8_0", ubatch=128, repack=True).total > 0


def test_figures_survive_values_of_the_wrong_kind() -> None:
    header = Header(
        {
            "general.architecture": "x",
            "x.block_count": "many",
            "x.embedding_length": -5,
            "x.attention.head_count": [math.nan, 3.5],
            "x.attention.head_count_kv": [math.nan, -4, 2],
            "x.context_length": math.inf,
            "x.ssm.state_size": True,
            "general.file_type": 10**9,
            "tokenizer.chat_template": [1],
        },
        tensors=[
            Tensor("blk.0.attn_k.weight", 99, 2, 10, 0),
            Tensor("blk.1.attn_k.weight", 99, 2, 10, 0),
            Tensor("blk.2.attn_k.weight", 99, 2, 10, 0),
            Tensor("blk.99999999999999999999.ssm_a", 99, 2, 10, 0),
        ],
    )
    known = facts(header, header.tensors)
    assert (known.layers, known.width, known.kv_heads, known.trained_context) == (0, 0, (0, 2), 0)
    assert (known.quantisation, known.call_form) == ("unknown", "none")


def write(path: Path, **numbers: int) -> Path:
    """Write a whole GGUF whose header says what is senseless."""
    writer = gguf.GGUFWriter(path, "llama")
    given_numbers = {"context_length": 128, "embedding_length": 32, "block_count": 1, "feed_forward_length": 32}
    for key, value in {**given_numbers, **numbers}.items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_too_many_layers_are_refused_before_llama_cpp_dies_of_them(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="claims 1,000,000 layers"):
        check_model_file(write(tmp_path / "deep.gguf", block_count=1_000_000))


@pytest.mark.parametrize(
    "numbers", [{"embedding_length": 0}, {"block_count": 0}, {"context_length": 0}, {"block_count": 512}]
)
async def test_senseless_figures_become_a_sentence(tmp_path: Path, numbers: dict[str, int]) -> None:
    engine = LocalEngine(write(tmp_path / "odd.gguf", **numbers), LocalOptions(), log_file=tmp_path / "engine.log")
    try:
        with pytest.raises(EngineError) as refused:
            await engine.start()
        assert "odd" in refused.value.message
        assert "\n" not in refused.value.message
    finally:
        await engine.close()


async def test_a_context_of_four_billion_is_no_reason_to_ask_for_it(whole: bytes, tmp_path: Path) -> None:
    key = b"qwen35.context_length"
    at = whole.index(key) + len(key) + 4
    path = tmp_path / "long.gguf"
    path.write_bytes(whole[:at] + struct.pack("<I", 2**32 - 1) + whole[at + 4 :])
    assert read_model(path).trained_context == 2**32 - 1
    engine = LocalEngine(path, LocalOptions(context_size=1024), log_file=tmp_path / "engine.log")
    try:
        assert (await engine.start()).context_size == 1024
    finally:
        await engine.close()


async def test_damaged_weights_talk_nonsense_and_nothing_worse(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "noise.gguf"
    damaged = bytes((byte * 167 + 13) % 256 for byte in whole[-200_000:])
    path.write_bytes(whole[:-200_000] + damaged)
    engine = LocalEngine(path, LocalOptions(context_size=1024), log_file=tmp_path / "engine.log")
    try:
        collected = await collect(engine, ask("Hi", max_tokens=4))
        assert collected.finished.reason in ("length", "stop")
    finally:
        await engine.close()


def test_a_missing_part_of_a_split_model_is_named(whole: bytes, tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00003.gguf"
    first.write_bytes(whole)
    with pytest.raises(ModelFileError, match="m-00002-of-00003"):
        read_model(first)
    (tmp_path / "m-00002-of-00003.gguf").write_bytes(whole)
    (tmp_path / "m-00003-of-00003.gguf").write_bytes(whole)
    assert read_model(first).weights == 3 * read_model(write_hybrid_model(tmp_path / "one.gguf")).weights
