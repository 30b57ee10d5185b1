"""Rules: what fits them, which one decides, and that no command, path or address slips through."""

from __future__ import annotations

import pytest

from smol_chat.agent.facts import Facts, command_words, facts_of, host_of, tables
from smol_chat.agent.patterns import offered
from smol_chat.agent.policy import Rule, Rules, describe, fits, for_tools, judge, spent, with_next
from smol_chat.messages import ArgumentOrigin, JsonObject, Origin, OriginSpan, ToolCall
from smol_chat.tools.spec import Effect


def facts(tool: str, effect: Effect = Effect.READ, **arguments: object) -> Facts:
    values: JsonObject = dict(arguments)  # type: ignore[arg-type]  # plain JSON
    return facts_of(ToolCall("1", tool, values), effect)


def shell(command: str) -> Facts:
    return facts("shell_command", Effect.EXECUTE, command=command)


def rule(action: str, tool: str = "", **conditions: object) -> Rule:
    return Rule(action, tool, written="policy.toml, line 1", **conditions)  # type: ignore[arg-type]  # as a table has it


ADD = facts("add", Effect.PURE, a=1)
ALLOW = for_tools("allow", ["add"], "approval.allow")
DENY = for_tools("deny", ["add"], "approval.deny")
FLAG = for_tools("allow", ["add"], "--allow", by="flag")
HERE = for_tools("allow", ["add"], "this conversation", by="user")


@pytest.mark.parametrize(
    ("rules", "action", "by"),
    [
        (Rules(), "ask", "policy"),
        (Rules(own=ALLOW), "allow", "policy"),
        (Rules(given=FLAG), "allow", "flag"),
        (Rules(given=HERE), "allow", "user"),
        (Rules(own=DENY), "deny", "policy"),
        (Rules(own=for_tools("allow", ["note"], "")), "ask", "policy"),
        (Rules(own=(*ALLOW, *DENY), given=(*FLAG, *HERE)), "deny", "policy"),
        (Rules(own=(*DENY, *ALLOW)), "allow", "policy"),
        (Rules(own=DENY, project=ALLOW), "deny", "policy"),
        (Rules(own=ALLOW, project=DENY), "deny", "policy"),
        (Rules(own=(rule("ask", "add"),), project=ALLOW), "allow", "policy"),
        (Rules(own=(rule("ask", "add"),), given=HERE), "allow", "user"),
        (Rules(own=(rule("ask", "add", arguments=(("a", "1"),)),), given=(*FLAG, *HERE)), "ask", "policy"),
    ],
)
def test_the_last_rule_that_fits_decides_and_a_denial_of_the_users_holds(rules: Rules, action: str, by: str) -> None:
    verdict = judge(ADD, rules, usual=Effect.PURE)
    assert (verdict.action, verdict.by) == (action, by)


EVERYTHING = Rules(own=ALLOW, project=ALLOW, given=(*FLAG, *HERE), next_calls=frozenset({("add", 5)}))


def test_a_raised_call_is_asked_about_whatever_is_allowed() -> None:
    verdict = judge(ADD, EVERYTHING, usual=Effect.PURE, raised="It is from a page.")
    assert (verdict.action, verdict.raised, verdict.once_only) == ("ask", "It is from a page.", True)
    assert judge(ADD, Rules(own=DENY), usual=Effect.PURE, raised="It is from a page.").action == "deny"


def test_an_unusual_call_is_allowed_only_by_a_rule_that_names_its_effect() -> None:
    erase = facts("add", Effect.WRITE)
    assert judge(erase, EVERYTHING, usual=Effect.READ).action == "ask"
    assert judge(erase, EVERYTHING, usual=Effect.WRITE).action == "allow"
    named = Rules(own=(rule("allow", "add", effects=(Effect.WRITE,)),))
    assert judge(erase, named, usual=Effect.READ).action == "allow"


def test_calls_allowed_by_number_are_used_up() -> None:
    rules = with_next(Rules(), "add", 2)
    assert judge(ADD, rules, usual=Effect.PURE).scope == "next"
    assert judge(ADD, spent(spent(rules, "add"), "add"), usual=Effect.PURE).action == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "git status",
        "git status --short src",
        "git status 'a b'",
        'git "status" .',
        "  git\tstatus  ",
    ],
)
def test_a_command_rule_allows_what_begins_with_its_words(command: str) -> None:
    assert fits(rule("allow", command="git status"), shell(command))


@pytest.mark.parametrize(
    "command",
    [
        "git statusx",
        "git",
        "git  -c alias.status='!rm -rf ~' status",
        "git status; rm -rf ~",
        "git status && rm -rf ~",
        "git status || rm x",
        "git status | sh",
        "git status & rm x",
        "git status\nrm -rf ~",
        "git status\rrm -rf ~",
        "git status > .bashrc",
        "git status < /etc/passwd",
        "git status $(rm x)",
        "git status `rm x`",
        'git status "$(rm x)"',
        'git status "`rm x`"',
        "git status ${IFS}x",
        "git status $HOME",
        "git status \\\nx",
        "git status *",
        "git status ~",
        "git status {a,b}",
        "git status 'open",
        "git status #x",
        "git status !!",
        "(git status)",
        "GIT_PAGER=sh git status",
        "/tmp/git status",
        "git status\0",
        "",
    ],
)
def test_a_command_rule_allows_nothing_that_could_be_more(command: str) -> None:
    assert not fits(rule("allow", command="git status"), shell(command))


@pytest.mark.parametrize(
    "command",
    ["rm -rf x", "ls; rm -rf x", "sudo /bin/rm -rf x", "echo $(rm -rf x)", "true&&rm -rf x", "sh -c 'rm -rf x'"],
)
def test_a_command_rule_that_denies_looks_anywhere(command: str) -> None:
    assert fits(rule("deny", command="rm -rf"), shell(command))


def test_words_of_a_command_are_read_as_a_shell_reads_them() -> None:
    assert command_words("""a 'b c' "d e"f ''""") == ["a", "b c", "d ef", ""]


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("docs/", "docs/a.md", True),
        ("docs/", "docs/x/a.md", True),
        ("docs/", "./docs//a.md", True),
        ("docs/", "docs", True),
        ("docs/", "docsx/a.md", False),
        ("docs/", "docs/../secret.md", False),
        ("docs/", "../docs/a.md", False),
        ("docs/", "/docs/a.md", False),
        ("docs/", "docs\\..\\x", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/x/a.md", False),
        ("docs/**/*.md", "docs/x/a.md", True),
        ("docs/**/*.md", "docs/a.md", True),
        ("**/.env", "a/b/.env", True),
        ("**/.env", ".env", True),
        ("./", "a/b", True),
        ("./", "/etc/passwd", False),
        ("./", "../x", False),
        ("./", "~/x", False),
    ],
)
def test_paths_are_compared_after_they_are_made_plain(pattern: str, path: str, allowed: bool) -> None:
    assert fits(rule("allow", path=pattern), facts("read_file", path=path)) is allowed


def test_a_denied_path_is_denied_in_any_case() -> None:
    assert fits(rule("deny", path="**/.env"), facts("read_file", path="a/.ENV"))


@pytest.mark.parametrize(
    ("pattern", "url", "allowed"),
    [
        ("api.example", "https://api.example/x?y#z", True),
        ("api.example", "API.EXAMPLE:8443/x", True),
        ("*.example", "https://a.b.example", True),
        ("*.example", "https://example", False),
        ("api.example", "https://api.example.mal.net", False),
        ("api.example", "https://api.example@mal.net/", False),
        ("api.example", "https://mal.net\\@api.example/", False),
        ("api.example", "https://mal.net/?https://api.example", False),
        ("api.example", "https://api.example%2emal.net/", False),
        ("api.example", "https://api.example\n.mal.net/", False),
        ("api.example", "https://mal.net#@api.example", False),
        ("*", "https://user:key@mal.net", False),
    ],
)
def test_a_host_is_the_one_that_is_connected_to(pattern: str, url: str, allowed: bool) -> None:
    assert fits(rule("allow", host=pattern), facts("get_webpage", Effect.NETWORK, url=url)) is allowed


def test_an_address_that_two_programs_could_read_in_two_ways_has_no_host() -> None:
    assert host_of("http://[::1]:80/") == "::1"
    assert host_of("http://ex\u00e4mple.org") == ""


def test_all_hosts_must_fit_to_allow_and_one_is_enough_to_deny() -> None:
    both = facts("fetch", Effect.NETWORK, url=["https://a.example", "https://b.example"])
    assert not fits(rule("allow", host="a.example"), both)
    assert fits(rule("deny", host="a.example"), both)


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT * FROM orders", ("orders",)),
        ("select a from Orders o where a = 'from secrets';", ("orders",)),
        ('SELECT * FROM "orders" AS o, customers c JOIN main.items ON 1', ("orders", "customers", "main.items")),
        ("INSERT INTO orders (a) VALUES (1)", ("orders",)),
        ("UPDATE orders SET a = 1", ("orders",)),
        ("DELETE FROM orders WHERE id IN (SELECT id FROM old)", ("orders", "old")),
        ("SELECT 1 WHERE x IN secrets", ("secrets",)),
        ("SELECT * FROM (SELECT * FROM secrets)", ("secrets",)),
        ("SELECT * FROM orders; DROP TABLE orders", ("",)),
        ("SELECT * FROM orders -- x", ("",)),
        ("SELECT * FROM orders /* x */", ("",)),
        ("SELECT * FROM read_csv('/etc/passwd')", ("",)),
        ("SELECT * FROM '/etc/passwd'", ("",)),
        ("SELECT * FROM orders, (SELECT 1), secrets", ("orders", "")),
        ("DROP TABLE orders", ("",)),
        ("ATTACH 'x' AS y", ("",)),
        (".schema", ("",)),
    ],
)
def test_the_tables_of_a_statement_are_found_or_nothing_is_allowed(statement: str, names: tuple[str, ...]) -> None:
    assert tables(statement) == names


def test_a_table_rule_that_denies_fits_wherever_the_name_stands() -> None:
    hidden = facts("database_query", query="WITH x AS (SELECT * FROM Salaries) SELECT * FROM x -- y")
    assert fits(rule("deny", table="salaries"), hidden)
    assert not fits(rule("allow", table="*"), hidden)


def test_arguments_are_globs_on_every_value_of_theirs() -> None:
    mail = facts("send_email", Effect.SEND, to=["a@firm.example", "b@mal.example"])
    assert not fits(rule("allow", arguments=(("to", "*@firm.example"),)), mail)
    assert fits(rule("deny", arguments=(("to", "*@MAL.example"),)), mail)
    assert not fits(rule("allow", arguments=(("cc", "*"),)), mail)


def test_origins_fit_all_to_allow_and_any_to_ask() -> None:
    call = ToolCall("1", "send_email", {"to": "ann@b.example", "body": "hello"})
    origins = (ArgumentOrigin("to", (OriginSpan(0, 13, Origin.USER),)),)
    mixed = facts_of(call, Effect.SEND, origins)
    assert mixed.sources == {Origin.USER, Origin.MODEL}
    assert not fits(rule("allow", origins=(Origin.USER,)), mixed)
    assert fits(rule("allow", origins=(Origin.USER, Origin.MODEL)), mixed)
    assert fits(rule("deny", origins=(Origin.MODEL, Origin.WEB)), mixed)


def test_a_rule_is_said_in_words() -> None:
    said = describe(
        rule("allow", "http_request", effects=(Effect.SEND,), host="*.example", arguments=(("method", "PUT"),))
    )
    assert said == (
        "allow http_request where method is like 'PUT' and the effect is send and the host is like '*.example'"
    )
    assert describe(Rule("deny")) == "deny every tool"


# --- patterns that are offered ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "covers"),
    [
        (
            [shell("git log -1"), shell("git log -2"), shell("git log")],
            "every plain command that begins with `git log`",
        ),
        ([shell("ls"), shell("ls -l"), shell("ls src")], "every plain command that begins with `ls`"),
        (
            [facts("get_webpage", Effect.NETWORK, url=f"https://a.example/{n}") for n in range(3)],
            "every request to a.example",
        ),
        (
            [facts("read_file", path=f"docs/{n}.md") for n in range(3)],
            "everything that read_file reads in the folder docs/ and below",
        ),
        (
            [facts("database_query", query=f"SELECT {n} FROM t", database="x.db") for n in range(3)],
            "every statement that reads the table t of x.db",
        ),
    ],
)
def test_the_third_call_alike_is_offered_a_pattern(calls: list[Facts], covers: str) -> None:
    assert offered(calls[2], calls[:1]) is None
    pattern = offered(calls[2], calls[:2])
    assert pattern is not None
    assert pattern.covers == covers
    assert all(fits(pattern.rule, call) for call in calls)


@pytest.mark.parametrize(
    "command", ["sudo ls", "python x.py", "sh x", "rm x", "git -c x y", "ls; rm x", "xargs rm", "./x $HOME", "find ."]
)
def test_no_pattern_is_offered_for_what_could_run_anything(command: str) -> None:
    assert offered(shell(command), [shell(command)] * 5) is None


def test_no_pattern_is_offered_for_files_of_the_workspace_itself() -> None:
    call = facts("write_file", Effect.WRITE, path="a.txt", content="x")
    assert offered(call, [call] * 5) is None
