"""Where the log goes."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from smol_chat.commands.start import LOG_BYTES, log_to


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, own = list(root.handlers), root.level, logging.getLogger("smol_chat").level
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.getLogger("smol_chat").setLevel(own)


def test_the_log_is_a_private_file(tmp_path: Path) -> None:
    log_to(tmp_path)
    logging.getLogger("smol_chat.x").info("said %s", "this")
    logging.getLogger("httpx").info("not this")
    file = tmp_path / "smol-chat.log"
    assert "INFO smol_chat.x: said this\n" in file.read_text()
    assert "not this" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_long_log_starts_anew_and_the_one_before_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "smol-chat.log"
    file.write_text("x" * (LOG_BYTES + 1))
    log_to(tmp_path)
    assert file.stat().st_size == 0
    assert (tmp_path / "smol-chat.log.1").stat().st_size == LOG_BYTES + 1


def test_a_folder_that_cannot_be_written_costs_only_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(tmp_path / "gone")
    logging.getLogger("smol_chat.x").warning("hello")
    assert capsys.readouterr().err == ""
