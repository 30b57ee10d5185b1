"""The policy file and the rules of a folder: read strictly, written without a loss, trusted by digest."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from smol_chat.agent.policy import Rule
from smol_chat.agent.policy_file import append_rule, check_tools, load_policy, parse_policy, rule_text
from smol_chat.agent.project_rules import project_rules, trust
from smol_chat.errors import ConfigError
from smol_chat.messages import Origin
from smol_chat.tools.spec import Effect

TEXT = """\
# mine
[[rule]]
action = "ask"  # first
tool = "*"

[[rule]]
action = "allow"
tool = "http_request"
effect = "network"
host = "*.example"
origin = ["user", "model"]
arguments = { method = "GET" }

[[rule]]
action = "deny"
command = "git push"
[rule.arguments]
command = "*--force*"
"""


def test_rules_are_read_in_order_with_the_line_of_each() -> None:
    assert parse_policy(TEXT, "policy.toml") == (
        Rule("ask", "*", written="policy.toml, line 2"),
        Rule(
            "allow",
            "http_request",
            effects=(Effect.NETWORK,),
            origins=(Origin.USER, Origin.MODEL),
            arguments=(("method", "GET"),),
            host="*.example",
            written="policy.toml, line 6",
        ),
        Rule("deny", arguments=(("command", "*--force*"),), command="git push", written="policy.toml, line 14"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[rule]]\n", 'p, line 1: action must be one of "allow", "ask", "deny" (got nothing).'),
        ('[[rule]]\naction = "yes"', 'p, line 2: action must be one of "allow", "ask", "deny" (got "yes").'),
        (
            '[[rule]]\naction = "deny"\n\n[[rule]]\naction = 1',
            'p, line 5: action must be one of "allow", "ask", "deny" (got 1).',
        ),
        ('[[rule]]\naction = "ask"\nhots = "x"', "p, line 3: a rule has no 'hots'; did you mean host?"),
        ('[[rule]]\naction = "ask"\nhost = 3', "p, line 3: host must be a text in quotes (got 3)."),
        ('[[rule]]\naction = "ask"\ntool = ""', 'p, line 3: tool must be a text in quotes (got "").'),
        (
            '[[rule]]\naction = "ask"\neffect = ["read", "fly"]',
            'p, line 3: effect must be one or a list of "pure", "read", "write", "network", "execute", "send" '
            '(got "fly").',
        ),
        (
            '[[rule]]\naction = "allow"\norigin = "web"',
            "p, line 3: no rule allows a call whose arguments come from web; it is asked about.",
        ),
        (
            '[[rule]]\naction = "ask"\narguments = "x"',
            'p, line 3: arguments must be a table, as in { method = "GET" }.',
        ),
        (
            '[[rule]]\naction = "ask"\narguments = { n = 1 }',
            "p, line 3: arguments.n must be a text in quotes (got 1).",
        ),
        (
            '[rule]\naction = "ask"',
            "p, line 1: begin each rule with [[rule]], in two pairs of brackets, on a line of its own.",
        ),
        ("[approval]\n", "p, line 1: approval means nothing here; begin each rule with [[rule]] on a line of its own."),
        ("[[rule]]\naction = \n", "p, line 2, column 10: not valid TOML: invalid value."),
    ],
)
def test_what_cannot_be_used_is_one_sentence_with_file_and_line(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text, "p")
    assert caught.value.message == sentence


def test_a_rule_on_a_tool_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        check_tools(parse_policy('[[rule]]\naction = "deny"\ntool = "shel"', "p"), ["shell_command", "calculate"])
    assert caught.value.message == "p, line 1: there is no tool 'shel'; there are calculate, shell_command."
    check_tools(parse_policy('[[rule]]\naction = "deny"\ntool = "shell*"', "p"), ["shell_command"])


RULES = [
    Rule("allow", "shell_command", (Effect.EXECUTE,), command="git status"),
    Rule("deny", path='a "b"\n\x7f/', origins=(Origin.WEB, Origin.MAIL)),
    Rule("ask", arguments=(("odd key", "x*"), ("b", "\\")), host="h", table="t"),
]


def test_a_rule_is_appended_and_all_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(TEXT)
    for number, rule in enumerate(RULES):
        written = append_rule(file, rule)
        assert load_policy(file)[3 + number] == written
        assert rule_text(written) == rule_text(rule)
        assert written.written.startswith(f"{file}, line ")
    assert file.read_text().startswith(TEXT)
    assert load_policy(file)[:3] == parse_policy(TEXT, str(file))
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy.toml"]


def test_the_first_rule_makes_a_file_that_only_its_user_reads(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    append_rule(file, RULES[0])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("# Rules on what tools may do.")


def test_a_broken_file_is_not_written_to(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[[rule]]\nactoin = 1\n")
    with pytest.raises(ConfigError, match="line 2"):
        append_rule(file, RULES[0])
    assert file.read_text() == "[[rule]]\nactoin = 1\n"


def test_a_file_with_rules_in_one_list_is_not_broken_by_one_more(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    before = 'rule = [{ action = "ask" }]\n'
    file.write_text(before)
    with pytest.raises(ConfigError):
        append_rule(file, RULES[0])
    assert file.read_text() == before


def test_the_example_of_the_documentation_can_be_used() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert [rule.action for rule in parse_policy(example, "rules.md")] == ["allow", "allow", "deny"]


# --- the rules of a folder ----------------------------------------------------------------------


def folder_with_rules(tmp_path: Path) -> tuple[Path, Path, Path]:
    workspace, trusted = tmp_path / "work", tmp_path / "trusted.json"
    file = workspace / ".smol-chat" / "policy.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[[rule]]\naction = "allow"\ntool = "read_file"\n')
    return workspace, trusted, file


def test_rules_of_a_folder_count_once_they_are_trusted_and_only_unchanged(tmp_path: Path) -> None:
    workspace, trusted, file = folder_with_rules(tmp_path)
    found = project_rules(workspace, trusted)
    assert (found.state, found.rules) == ("untrusted", ())
    assert found.notice == f"The rules in {file} do not count: read them, then say smol-chat tools trust."

    trust(workspace, trusted, file.read_text())
    found = project_rules(workspace, trusted)
    assert (found.state, [rule.tool for rule in found.rules], found.notice) == ("trusted", ["read_file"], "")
    assert stat.S_IMODE(trusted.stat().st_mode) == 0o600

    file.write_text(file.read_text() + "#")
    found = project_rules(workspace, trusted)
    assert (found.state, found.rules) == ("changed", ())
    assert "have changed since they were trusted" in found.notice


def test_trust_is_for_one_folder_and_can_be_taken_back(tmp_path: Path) -> None:
    workspace, trusted, file = folder_with_rules(tmp_path)
    trust(workspace, trusted, file.read_text())
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".smol-chat").mkdir(parents=True)
    (elsewhere / ".smol-chat" / "policy.toml").write_text(file.read_text())
    assert project_rules(elsewhere, trusted).state == "untrusted"
    trust(workspace, trusted, "")
    assert project_rules(workspace, trusted).state == "untrusted"


def test_rules_that_are_not_trusted_are_not_even_read(tmp_path: Path) -> None:
    workspace, trusted, file = folder_with_rules(tmp_path)
    file.write_text("[[[")
    assert project_rules(workspace, trusted).state == "untrusted"
    trust(workspace, trusted, "[[[")
    with pytest.raises(ConfigError, match="not valid TOML"):
        project_rules(workspace, trusted)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}'])
def test_a_record_of_trust_that_is_damaged_trusts_nothing(tmp_path: Path, content: str) -> None:
    workspace, trusted, _ = folder_with_rules(tmp_path)
    trusted.write_text(content)
    assert project_rules(workspace, trusted).state == "untrusted"


def test_a_folder_without_rules_has_none(tmp_path: Path) -> None:
    assert project_rules(tmp_path, tmp_path / "trusted.json").state == "none"
