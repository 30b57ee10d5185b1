"""What a graphics processor cannot take is tried with fewer layers, each time in a fresh worker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.engine.process import WorkerProcess
from smol_chat.errors import EngineError, ModelFileError

WORKER = Path(__file__).resolve().parent.parent / "support" / "gpu_worker.py"
StartWorker = Callable[[Path], Awaitable[WorkerProcess]]


def workers(limit: int, manner: str, started: list[int]) -> StartWorker:
    async def start(log_file: Path) -> WorkerProcess:
        with log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(WORKER),
                str(limit),
                manner,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        started.append(process.pid)
        return WorkerProcess(process, log_file, 0)

    return start


def engine(tmp_path: Path, start: StartWorker, options: LocalOptions | None = None) -> LocalEngine:
    return LocalEngine(
        tmp_path / "m.gguf", options or LocalOptions(), log_file=tmp_path / "engine.log", start_worker=start
    )


@pytest.mark.parametrize("manner", ["abort", "engine"])
async def test_fewer_layers_are_tried_until_it_loads(tmp_path: Path, manner: str) -> None:
    started: list[int] = []
    local = engine(tmp_path, workers(10, manner, started))
    try:
        assert (await local.start()).detail == "9 layers on the GPU"  # after 33, 22 and 14
        assert len(set(started)) == 4
        assert local.worker_pid == started[-1]
        assert (await local.start()).detail == "9 layers on the GPU"
        assert len(started) == 4
    finally:
        await local.close()


async def test_in_the_end_the_processor_computes(tmp_path: Path) -> None:
    started: list[int] = []
    local = engine(tmp_path, workers(0, "engine", started), LocalOptions(gpu_layers=5))
    try:
        assert (await local.start()).detail == "0 layers on the GPU"
        assert len(started) == 3  # 5, 3, 0
    finally:
        await local.close()


async def test_what_fails_without_the_graphics_processor_fails(tmp_path: Path) -> None:
    started: list[int] = []
    local = engine(tmp_path, workers(-1, "engine", started))
    with pytest.raises(EngineError, match="There is no room"):
        await local.start()
    assert len(started) == 8
    await local.close()


async def test_a_file_that_is_no_model_is_not_tried_again(tmp_path: Path) -> None:
    started: list[int] = []
    local = engine(tmp_path, workers(0, "model_file", started))
    with pytest.raises(ModelFileError):
        await local.start()
    assert len(started) == 1
    await local.close()
