"""`smol-chat tools`: the same tools, checks and limits that an approved call meets."""

from __future__ import annotations

import json

import pytest

from support.program import Program


def test_the_list_names_every_tool_with_its_effect(program: Program) -> None:
    listed = json.loads(program("tools", "list", "--json").stdout)
    effects = {tool["name"]: tool["effect"] for tool in listed}
    assert effects["calculate"] == "pure"
    assert effects["write_file"] == "write"
    assert effects["get_weather"] == "network"
    assert all(set(tool) == {"name", "description", "effect", "hosts", "module"} for tool in listed)
    weather = next(tool for tool in listed if tool["name"] == "get_weather")
    assert "api.open-meteo.com" in weather["hosts"]
    text = program("tools", "list")
    assert (text.returncode, text.stderr) == (0, "")
    assert [line.split()[0] for line in text.stdout.splitlines()] == [tool["name"] for tool in listed]


def test_show_prints_the_schema_in_openai_form(program: Program) -> None:
    shown = json.loads(program("tools", "show", "calculate", "--json").stdout)
    assert shown["type"] == "function"
    assert shown["function"]["name"] == "calculate"
    assert "expression" in shown["function"]["parameters"]["properties"]
    text = program("tools", "show", "calculate").stdout
    assert "expression (required)" in text
    assert "effect: pure" in text


def test_run_prints_the_result(program: Program) -> None:
    run = program("tools", "run", "calculate", '{"expression": "6*7"}', "--json")
    result = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    assert list(result) == ["ok", "content", "data", "error", "duration_ms", "sandbox"]
    assert (result["ok"], result["error"], result["sandbox"]) == (True, None, None)
    assert "42" in result["content"]
    assert "42" in program("tools", "run", "calculate", '{"expression": "6*7"}').stdout
    assert "42" in program("tools", "run", "calculate", "-", text='{"expression": "6*7"}').stdout


def test_run_works_in_the_workspace_and_nowhere_else(program: Program) -> None:
    other = program.workspace / "other"
    other.mkdir()
    arguments = '{"path": "a.txt", "content": "hello"}'
    assert program("tools", "run", "write_file", arguments, "--workspace", str(other)).returncode == 0
    assert (other / "a.txt").read_text() == "hello"
    run = program("tools", "run", "read_file", '{"path": "../a.txt"}', "--workspace", str(other), "--json")
    assert run.returncode == 1
    assert json.loads(run.stdout)["error"]["kind"] in ("blocked", "not_found")


def test_code_says_in_what_it_ran(program: Program) -> None:
    run = program("tools", "run", "execute_python", '{"code": "print(1 + 1)"}', "--json")
    assert run.returncode == 0
    assert json.loads(run.stdout)["sandbox"]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [('{"expression": 3}', "invalid_arguments"), ('{"expression": "1/0"}', "failed"), ("{}", "invalid_arguments")],
)
def test_a_tool_that_fails_is_one_sentence_and_1(program: Program, arguments: str, kind: str) -> None:
    run = program("tools", "run", "calculate", arguments, "--json")
    result = json.loads(run.stdout)
    assert run.returncode == 1
    assert (result["ok"], result["error"]["kind"]) == (False, kind)
    text = program("tools", "run", "calculate", arguments)
    assert (text.returncode, text.stdout) == (1, "")
    assert text.stderr.startswith("smol-chat: ") and text.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "calc"], "There is no tool 'calc'; did you mean calculate?"),
        (
            ["run", "calculate", "6*7"],
            'The arguments are no JSON (Extra data); write an object, as in \'{"path": "notes.txt"}\'.',
        ),
        (["run", "calculate", "[1]"], 'The arguments must be a JSON object, as in \'{"path": "notes.txt"}\'.'),
    ],
)
def test_a_wrong_command_is_one_sentence_and_2(program: Program, arguments: list[str], sentence: str) -> None:
    run = program("tools", *arguments)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"smol-chat: {sentence}\n")


def test_a_tools_wrong_setting_names_file_and_line(program: Program) -> None:
    program.data_dir.mkdir()
    config = program.data_dir / "config.toml"
    config.write_text("[tools.get_weather]\nbase_ulr = 1\n")
    run = program("tools", "list", "--json")
    assert run.returncode == 2
    assert run.stderr.startswith(f"smol-chat: {config}, line 2: tools.get_weather.base_ulr is not a setting;")
    config.write_text("[tools.get_wether]\n")
    run = program("tools", "list")
    assert run.stderr.startswith(
        f"smol-chat: {config}, line 1: tools.get_wether: there is no tool 'get_wether'; did you"
    )
