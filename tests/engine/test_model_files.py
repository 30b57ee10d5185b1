"""Every kind of file that is no usable model gets one sentence that says what it is and what to do."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from smol_chat.engine.gguf_file import check_model_file
from smol_chat.engine.local import LocalEngine
from smol_chat.errors import EngineError, ModelFileError
from support.generations import ask, collect

MakeEngine = Callable[..., LocalEngine]
Break = Callable[[bytes], bytes]

HEADER = b"GGUF" + struct.pack("<I", 3)

BROKEN: dict[str, tuple[Break, str]] = {
    "empty": (lambda _: b"", "is empty. Download it again"),
    "web page": (lambda _: b"\n<!DOCTYPE html><html>Sign in</html>", "web page"),
    "LFS pointer": (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "other file": (lambda _: b"PK\x03\x04" + os.urandom(2000), "not a GGUF model"),
    "big-endian": (lambda data: b"FUGG" + data[4:], "big-endian"),
    "unknown version": (lambda data: b"GGUF" + struct.pack("<I", 99) + data[8:], "version 99"),
    "only the magic": (lambda _: b"GGUF", "ends in the middle"),
    "cut in the header": (lambda data: data[:1000], "damaged or cut off"),
    "cut in the data": (lambda data: data[:-100], "is incomplete"),
    "half": (lambda data: data[: len(data) // 2], "is incomplete"),
    "huge tensor count": (lambda _: HEADER + struct.pack("<QQ", 2**60, 1), "claims"),
    "huge entry count": (lambda _: HEADER + struct.pack("<QQ", 1, 2**60), "claims"),
    "huge string": (lambda _: HEADER + struct.pack("<QQQ", 0, 1, 2**62), "ends in the middle"),
    "huge array": (lambda _: HEADER + struct.pack("<QQQcIIQ", 0, 1, 1, b"k", 9, 8, 2**50), "claims"),
    "unknown value": (lambda _: HEADER + struct.pack("<QQQcI", 0, 1, 1, b"k", 77), "unknown type 77"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named_for_what_it_is(kind: str, hybrid_model: Path, tmp_path: Path) -> None:
    damage, says = BROKEN[kind]
    path = tmp_path / "model.gguf"
    path.write_bytes(damage(hybrid_model.read_bytes()))
    with pytest.raises(ModelFileError) as refused:
        check_model_file(path)
    assert says in refused.value.message
    assert "model.gguf" in refused.value.message
    assert "\n" not in refused.value.message


def test_whole_models_pass(hybrid_model: Path, scripted_model: Path, smol_model: Path) -> None:
    for model in (hybrid_model, scripted_model, smol_model):
        check_model_file(model)


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no model file"):
        check_model_file(tmp_path / "missing.gguf")
    with pytest.raises(ModelFileError, match="is a folder"):
        check_model_file(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="regular file"):
        check_model_file(tmp_path / "pipe")


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "lora.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ModelFileError, match="adapter"):
        check_model_file(path)


async def test_the_engine_passes_the_sentence_on(local_engine: MakeEngine, tmp_path: Path) -> None:
    engine = local_engine(tmp_path / "missing.gguf")
    with pytest.raises(ModelFileError, match="no model file"):
        await engine.start()
    with pytest.raises(ModelFileError, match="no model file"):
        await collect(engine, ask("Hi"))


async def test_a_file_that_appears_later_is_loaded(
    local_engine: MakeEngine, hybrid_model: Path, tmp_path: Path
) -> None:
    engine = local_engine(tmp_path / "late.gguf")
    with pytest.raises(ModelFileError):
        await engine.start()
    (tmp_path / "late.gguf").write_bytes(hybrid_model.read_bytes())
    assert (await engine.start()).name == "late"


def _write_with(path: Path, architecture: str, blocks: int) -> Path:
    """Write a GGUF that is whole but senseless."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("architecture", "blocks", "says"),
    [
        ("no_such_architecture", 1, "no_such_architecture"),  # refused by llama.cpp with a reason in its log
        ("llama", 1_000_000, "cannot be loaded"),  # llama.cpp aborts
    ],
)
async def test_what_llama_cpp_refuses_or_dies_of_becomes_a_sentence(
    local_engine: MakeEngine, tmp_path: Path, architecture: str, blocks: int, says: str
) -> None:
    engine = local_engine(_write_with(tmp_path / "odd.gguf", architecture, blocks))
    with pytest.raises(EngineError, match=says) as refused:
        await engine.start()
    assert "odd" in refused.value.message
    assert "\n" not in refused.value.message
