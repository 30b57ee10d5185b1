"""`smol-chat models`: what is here, what is chosen, what is wrong with a file."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

from smol_chat.config import load_settings
from smol_chat.engine.plan import Tuned
from smol_chat.engine.tuning import tuned_for
from smol_chat.models.catalogue import CATALOGUE
from support.gguf_models import write_hybrid_model, write_scripted_model
from support.hub_server import HubServer, serve_hub
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
    assert (described["architecture"], described["call_form"]) == ("llama", "json")
    assert (described["trained_context"], described["layers"], described["attention_layers"]) == (8192, 1, 1)
    rows = described["memory"]["contexts"]
    assert [(row["context"], row["kv_type"]) for row in rows] == [
        (4096, "f16"),
        (4096, "q8_0"),
        (8192, "f16"),
        (8192, "q8_0"),
    ]
    # one layer, one head of 32 values for keys and for values, two bytes each
    assert rows[2]["kv"] == 8192 * 64 * 2
    assert all(row["fits"] for row in rows)


def test_info_tells_a_known_model_and_the_sibling_that_serves_better(program: Program, scripted_model: Path) -> None:
    put(program, scripted_model, "smol-tools-4b-16k-Q4_K_M.gguf")
    text = program("models", "info", "smol-tools-4b-16k").stdout
    assert "context       8,192 tokens" in text
    assert "page          https://huggingface.co/enfuse/smol-tools-4b-16k" in text
    assert "smol-chat models pull smol-tools-4b-32k" in text
    assert "8,192 tokens, q8_0" in text


def test_info_knows_a_hybrid_model(program: Program) -> None:
    model = write_hybrid_model(program.workspace / "hybrid.gguf")
    described = json.loads(program("models", "info", str(model), "--json").stdout)
    assert described["recurrent"] == {"layers": 3, "conv": 4, "inner": 64, "state": 32, "groups": 2}
    assert (
        "4: 1 with attention (2 heads, 1 for keys and values), 3 recurrent"
        in program("models", "info", str(model)).stdout
    )


def test_a_sibling_for_long_conversations_gets_its_whole_window(program: Program) -> None:
    folder = program.data_dir / "models"
    folder.mkdir(parents=True)
    write_scripted_model(folder / "smol-tools-4b-16k-Q4_K_M.gguf", [["Hello"]], context_size=65_536)
    write_scripted_model(folder / "unknown.gguf", [["Hello"]], context_size=65_536)

    def context(name: str) -> str:
        checks = json.loads(program("doctor", "--json", "--model", name).stdout)["checks"]
        return str(next(check["detail"] for check in checks if check["name"] == "context"))

    assert context("smol-tools-4b-16k") == "16,384: chosen for this model, and it fits"
    assert context("unknown") == "4,096: chosen for this model, and it fits"


def test_a_model_is_removed_when_that_is_wanted(program: Program, scripted_model: Path) -> None:
    one = put(program, scripted_model, "one.gguf")
    program("models", "use", "one")
    run = program("models", "rm", "one")
    assert run.returncode == 2
    assert "say so with --yes" in run.stderr
    assert one.exists()
    run = program("models", "rm", "one", "--yes")
    assert (run.returncode, run.stdout) == (0, f"{one} is removed.\n")
    assert not one.exists()
    assert load_settings(program.data_dir / "config.toml").model.path == ""


def test_all_files_of_a_model_and_half_a_download_can_be_removed(program: Program, scripted_model: Path) -> None:
    parts = [put(program, scripted_model, f"big-0000{number}-of-00002.gguf") for number in (1, 2)]
    half = put(program, scripted_model, "new.gguf.0123456789ab.partial")
    assert "- new: its download was interrupted" in program("models", "list").stdout
    assert program("models", "rm", "big-00001-of-00002", "--yes").returncode == 0
    assert program("models", "rm", "new", "--yes").returncode == 0
    assert not any(path.exists() for path in (*parts, half))


def test_what_is_not_ours_is_not_removed_and_the_way_is_told(program: Program, scripted_model: Path) -> None:
    home = program.workspace / "home"
    program.environment["HOME"] = str(home)
    foreign = home / ".lmstudio" / "models" / "a" / "b" / "theirs.gguf"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(scripted_model.read_bytes())
    listed = json.loads(program("models", "list", "--json").stdout)
    assert [model["source"] for model in listed if model["name"] == "theirs"] == ["lmstudio"]
    for name, way in (("theirs", "LM Studio keeps it"), (str(foreign), "remove the file yourself")):
        run = program("models", "rm", name, "--yes")
        assert run.returncode == 2
        assert way in run.stderr
    assert foreign.exists()
    assert program("models", "use", "theirs").returncode == 0
    assert load_settings(program.data_dir / "config.toml").model.path == str(foreign)


def test_a_model_is_fetched_and_then_used(program: Program, scripted_model: Path) -> None:
    files = {"little-Q4_K_M.gguf": scripted_model.read_bytes()}
    with serve_hub(HubServer({"a/b": files})) as hub:
        program.environment["HF_ENDPOINT"] = hub.url
        run = program("models", "pull", "a/b")
    assert run.returncode == 0, run.stderr
    assert "little-Q4_K_M.gguf: 100 % of" in run.stderr
    assert "its checksum is right" in run.stdout
    assert run.stdout.endswith("Use it: smol-chat models use little-Q4_K_M\n")
    assert program("models", "use", "little").returncode == 0
    described = json.loads(program("models", "info", "little", "--json").stdout)
    assert described["sha256"] == hashlib.sha256(files["little-Q4_K_M.gguf"]).hexdigest()


def test_ctrl_c_keeps_what_has_come_and_the_same_command_goes_on(program: Program, scripted_model: Path) -> None:
    data = scripted_model.read_bytes()
    with serve_hub(HubServer({"a/b": {"m.gguf": data}}, hold_after=len(data) // 3)) as hub:
        program.environment["HF_ENDPOINT"] = hub.url
        process = subprocess.Popen(
            program.command("models", "pull", "a/b"),
            stderr=subprocess.PIPE,
            text=True,
            cwd=program.workspace,
            env={**os.environ, **program.environment},
        )
        folder = program.data_dir / "models"
        assert hub.holding.wait(60)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("m.gguf: 3"):  # in per cent: all that comes, or nearly
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 130
        assert "Stopped; what is here stays. The same command goes on with it." in rest
        assert "Traceback" not in rest
        (partial,) = folder.glob("*.partial")
        size = partial.stat().st_size
        assert 0.3 * len(data) <= size <= len(data) // 3
        hub.hold_after = None
        assert program("models", "pull", "a/b").returncode == 0
        assert hub.downloads()[-1][1] == f"bytes={size}-"
    assert (folder / "m.gguf").read_bytes() == data


def test_what_cannot_be_fetched_is_one_sentence(program: Program) -> None:
    with serve_hub(HubServer()) as hub:
        program.environment["HF_ENDPOINT"] = hub.url
        run = program("models", "pull", "nobody/nothing")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == f"smol-chat: There is no nobody/nothing at {hub.url}; check the name.\n"
    assert program("models", "pull", "no such thing").returncode == 2


def test_without_a_name_the_known_models_are_listed(program: Program) -> None:
    text = program("models", "pull").stdout
    assert len(text.splitlines()) == len(CATALOGUE)
    assert "Q4_K_M 2.9 GB, Q8_0 4.9 GB" in text


def test_what_was_measured_is_remembered_and_used(program: Program, scripted_model: Path) -> None:
    answer = json.loads(program("models", "tune", str(scripted_model), "--json").stdout)
    best = answer["best"]
    assert answer["measured"][0]["threads"] == answer["default"]["threads"]
    assert all(row["prompt_tok_s"] > 0 and row["answer_tok_s"] > 0 for row in answer["measured"])
    tuned = tuned_for(scripted_model, program.data_dir / "tuning.json")
    assert tuned == Tuned(best["threads"], best["ubatch"], best["repack"])
    checks = json.loads(program("doctor", "--json", "--model", str(scripted_model)).stdout)["checks"]
    threads = next(check["detail"] for check in checks if check["name"] == "threads")
    assert threads == f"{best['threads']}: measured to be fastest by models tune"


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
