"""`smol-chat eval`, run for real with a real model that follows a script."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from smol_chat.commands.eval import Meter
from support.openai_server import Answer, OpenAIServer, Stream, content, finish, tool_call
from support.program import Program

HEAD = {"suite": "two"}
CALLS = {"id": "calls", "scenario": "parallel", "request": "6*7?"}
ACCEPT = [[{"calculate": {"expression": {"$result": "42"}}}, {"write_file": {"path": "answer.txt", "content": "42"}}]]
RESULTS = {"calculate": "42", "write_file": "Wrote answer.txt."}
EXAMPLES = [
    {**CALLS, "steps": [{"accept": ACCEPT, "results": RESULTS}, {"accept": [[]]}]},
    {**CALLS, "id": "refrains", "scenario": "none", "accept": [[]]},
]


@pytest.fixture
def suite(program: Program) -> Path:
    file = program.workspace / "two.jsonl"
    file.write_text("".join(f"{json.dumps(record)}\n" for record in (HEAD, *EXAMPLES)))
    return file


def test_a_model_is_measured_with_both_decodings_reported_and_compared(
    program: Program, scripted_model: Path, suite: Path
) -> None:
    report = program.workspace / "report.html"
    arguments = ["eval", "--suite", str(suite), "--json", "--report", str(report)]
    done = program(*arguments, model=scripted_model)
    assert done.returncode == 0, done.stderr
    free, constrained = json.loads(done.stdout)["runs"]
    assert [run["decoding"] for run in (free, constrained)] == ["free", "constrained"]
    for run in (free, constrained):
        total = {name: figure["value"] for name, figure in run["total"].items() if name != "examples"}
        # The script calls both tools whatever is asked: right in `calls`, two calls too many in `refrains`.
        assert run["examples_done"] == ["calls"]
        assert (total["precision"], total["recall"]) == (2 / 4, 1.0)
        assert (total["card_f1"], total["task_accuracy"], total["no_tool_accuracy"]) == (0.5, 0.5, 0.0)
        assert (total["json_validity"], total["schema_validity"], total["argument_match"]) == (1.0, 1.0, 1.0)
        assert total["tokens"] > 0 and total["seconds"] > 0
    assert "1 of 2 not done" in report.read_text()
    assert not (program.workspace / "answer.txt").exists()

    compared = program("eval", "--compare", free["run"], constrained["run"])
    assert compared.returncode == 0, compared.stderr
    assert "both do 1, neither does 1" in compared.stdout

    table = program("eval", "--suite", str(suite), "--decoding", "free", model=scripted_model)
    assert "JSON validity              1.000" in table.stdout
    assert "2 of 2" in table.stderr


def test_an_interrupted_run_is_gone_on_with(program: Program, scripted_model: Path, suite: Path) -> None:
    arguments = ["eval", "--suite", str(suite), "--decoding", "free", "--json"]
    first = json.loads(program(*arguments, model=scripted_model).stdout)["runs"][0]
    (file,) = (program.data_dir / "evaluations").glob("*.jsonl")
    # As a kill in the middle of the second answer leaves it.
    file.write_bytes(file.read_bytes()[:-20])
    done = program(*arguments, model=scripted_model)
    second = json.loads(done.stdout)["runs"][0]
    assert second["run"] == first["run"]
    assert "two, free: 1 of 2" in done.stderr and "0 of 2" not in done.stderr
    assert {**second["total"], "seconds": None} == {**first["total"], "seconds": None}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--suite", "nowhere.jsonl"], "There is no suite 'nowhere.jsonl'"),
        (["--adapter", "nowhere.gguf"], "There is no adapter file at"),
        (["--server", "http://127.0.0.1:1", "--decoding", "both"], "A server cannot be held to schemas"),
        (["--compare", "a", "b"], "There is no run yet"),
    ],
)
def test_what_cannot_be_done_gets_one_sentence(
    program: Program, scripted_model: Path, arguments: list[str], sentence: str
) -> None:
    done = program("eval", *arguments, model=None if "--server" in arguments else scripted_model)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("smol-chat: ") and sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_meter_draws_a_bar_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    bar, log = Terminal(), io.StringIO()
    for out in (bar, log):
        meter = Meter("two, \x1b[2J", 4, out)
        for done in (1, 2, 3, 4):
            meter(done)
    assert "█" in bar.getvalue() and bar.getvalue().endswith("4 of 4\n")
    assert "\x1b[2J" not in bar.getvalue() + log.getvalue()
    assert log.getvalue().splitlines()[-1].endswith("4 of 4")


async def test_a_server_is_measured_by_the_calls_it_separates(program: Program, suite: Path) -> None:
    calls = [tool_call("calculate", '{"expression": "6*7"}'), tool_call("calculate", "{", call_id="b", index=1)]
    script: list[Answer] = [
        Stream([*calls[0], *calls[1], *finish("tool_calls")]),
        Stream([*content("Hello."), *finish()]),
    ]
    async with OpenAIServer(script) as server:
        arguments = ["eval", "--suite", str(suite), "--server", f"http://127.0.0.1:{server.port}", "--json"]
        done = await asyncio.to_thread(program, *arguments)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["decoding"], run["malformed"]) == ("free", {"truncated": 1})
    assert (run["total"]["precision"]["value"], run["total"]["recall"]["value"]) == (1.0, 0.5)
    assert run["total"]["no_tool_accuracy"]["value"] == 1.0
    assert [request["temperature"] for request in server.requests] == [0.0, 0.0]
