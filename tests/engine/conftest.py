from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from smol_chat.engine.local import LocalEngine, LocalOptions
from support.gguf_models import bundled_model, write_hybrid_model, write_scripted_model

ROUNDS = (
    (
        "<think>",
        "Two things",
        " to look up.",
        "</think>",
        '<tool_call>\n{"name": "get_weather", "arguments": {"location": "Oslo"}}\n</tool_call>',
        '<tool_call>\n{"name": "calculate", "arguments": {"expression": "6*7"}}\n</tool_call>',
    ),
    ("It is sunny ", "\N{SUN WITH FACE}", " and 42."),
)


@pytest.fixture(scope="session")
def hybrid_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hybrid_model(tmp_path_factory.mktemp("models") / "hybrid.gguf")


@pytest.fixture(scope="session")
def scripted_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scripted_model(tmp_path_factory.mktemp("models") / "scripted.gguf", ROUNDS)


@pytest.fixture(scope="session")
def smol_model() -> Path:
    return bundled_model()


MakeEngine = Callable[..., LocalEngine]


@pytest_asyncio.fixture
async def local_engine(tmp_path: Path) -> AsyncIterator[MakeEngine]:
    """Make local engines that are closed after the test."""
    made: list[LocalEngine] = []

    def make(model: Path, *, context_size: int = 2048) -> LocalEngine:
        options = LocalOptions(context_size=context_size, threads=1)
        engine = LocalEngine(model, options, log_file=tmp_path / "logs" / "engine.log")
        made.append(engine)
        return engine

    yield make
    for engine in made:
        await engine.close()
