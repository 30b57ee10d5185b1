"""`smol-chat models`: what is here, what is chosen, what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

from smol_chat.config import load_settings
from support.program import Program


def put(program: Program, model: Path, name: str) -> Path:
    folder = program.data_dir / "models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(model.read_bytes())
    return folder / name


def test_models_are_listed_and_the_chosen_one_is_marked(program: Program, scripted_model: Path) -> None:
    path = put(program, scripted_model, "one.gguf")
    put(program, scripted_model, "two.gguf")
    listed = json.loads(program("models", "list", "--json", "--model", "two").stdout)
    ours = [model for model in listed if model["source"] == "folder"]
    assert [(model["name"], model["chosen"]) for model in ours] == [("one", False), ("two", True)]
    assert ours[0]["path"] == str(path)
    assert ours[0]["size_bytes"] == path.stat().st_size
    text = program("models", "list").stdout
    assert any(line.startswith("* one ") for line in text.splitlines())


def test_the_model_chosen_stays_chosen(program: Program, scripted_model: Path) -> None:
    put(program, scripted_model, "one.gguf")
    two = put(program, scripted_model, "two.gguf")
    run = program("models", "use", "two")
    assert (run.returncode, run.stdout, run.stderr) == (0, "The next start uses two.\n", "")
    assert load_settings(program.data_dir / "config.toml").model.path == str(two)
    assert [model["name"] for model in json.loads(program("models", "list", "--json").stdout) if model["chosen"]] == [
        "two"
    ]
    server = program("models", "use", "http://127.0.0.1:9/v1")
    assert server.returncode == 0
    assert load_settings(program.data_dir / "config.toml").server.url == "http://127.0.0.1:9/v1"


def test_info_describes_a_file_after_looking_into_it(program: Program, scripted_model: Path) -> None:
    described = json.loads(program("models", "info", str(scripted_model), "--json").stdout)
    assert described["path"] == str(scripted_model)
    put(program, scripted_model, "smol-tools-4b-16k-Q4_K_M.gguf")
    text = program("models", "info", "smol-tools-4b-16k").stdout
    assert "context: 16,384 tokens" in text
    assert "page: https://huggingface.co/enfuse/smol-tools-4b-16k" in text


def test_a_file_that_is_no_model_is_refused_in_a_sentence(program: Program) -> None:
    page = program.workspace / "page.gguf"
    page.write_text("<!doctype html>")
    run = program("models", "info", str(page))
    assert run.returncode == 1
    assert "is a web page, not a model" in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_name_that_is_no_model_is_refused_and_nothing_is_changed(program: Program) -> None:
    run = program("models", "use", "smol-tools-4b")
    assert run.returncode == 2
    assert "https://huggingface.co/enfuse/smol-tools-4b" in run.stderr
    assert not (program.data_dir / "config.toml").exists()
