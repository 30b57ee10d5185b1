"""The policy file: rules in TOML, read strictly, with one more appended when the user says "always"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar, cast

from smol_chat.agent.policy import Action, Rule
from smol_chat.agent.sources import UNTRUSTED
from smol_chat.config import Where, suggestion
from smol_chat.config.edit import replace_file, toml_value
from smol_chat.config.toml_file import parse_tables, read_utf8
from smol_chat.errors import ConfigError
from smol_chat.messages import Origin
from smol_chat.tools.spec import Effect

LARGEST = 1_000_000
"""Bytes of a policy file; nobody writes as many rules."""

_Choice = TypeVar("_Choice", bound=Enum)
_TEXTS = ("tool", "host", "path", "command", "table")
_ACTIONS: tuple[Action, ...] = ("allow", "ask", "deny")
_KEYS = ("action", *_TEXTS, "effect", "origin", "arguments")

HEADER = """\
# Rules on what tools may do. Of the rules that fit a call, the last one decides; `smol-chat tools policy` explains it.
"""


def load_policy(path: Path) -> tuple[Rule, ...]:
    """Read the rules of a file; none where there is no file.

    Raises:
        ConfigError: the file cannot be read, or a rule cannot be used.
    """
    return parse_policy(policy_text(path), str(path))


def policy_text(path: Path) -> str:
    """Return the text of a policy file; empty where there is none.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path} is larger than {LARGEST:,} bytes; no policy file is.")
        return read_utf8(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:  # its size could not be read
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def parse_policy(text: str, file: str) -> tuple[Rule, ...]:
    """Read the rules of a text; `file` is its name in errors.

    Raises:
        ConfigError: it is no TOML, or a rule cannot be used; the sentence has the line.
    """
    tables, where = parse_tables(text, file)
    for name in tables:
        if name != "rule":
            where.fail(name, f"{name} means nothing here; begin each rule with [[rule]] on a line of its own.")
    rules = tables.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        where.fail("rule", "begin each rule with [[rule]], in two pairs of brackets, on a line of its own.")
    return tuple(
        _rule(cast("Mapping[str, object]", rule), where.inside("rule").inside(str(number)))
        for number, rule in enumerate(rules)
    )


def check_tools(rules: Iterable[Rule], known: Collection[str]) -> None:
    """Refuse a rule on a tool that does not exist; what only looks like the name of one would be no protection.

    Raises:
        ConfigError: naming the place and the tool that was probably meant.
    """
    for rule in rules:
        if rule.tool and not any(fnmatchcase(name, rule.tool) for name in known):
            raise ConfigError(f"{rule.written}: there is no tool {rule.tool!r}; {suggestion(rule.tool, known)}")


def append_rule(path: Path, rule: Rule) -> Rule:
    """Write one more rule at the end of the file and return it as it will be read; all else in it stays as it is.

    Raises:
        ConfigError: the file cannot be used or written; then it is unchanged.
    """
    text = policy_text(path) or HEADER
    parse_policy(text, str(path))  # a broken file is reported with its line before anything is changed
    changed = f"{text.rstrip()}\n\n{rule_text(rule)}"
    written = parse_policy(changed, str(path))[-1]
    try:
        replace_file(path.resolve(), changed)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    return written


def rule_text(rule: Rule) -> str:
    """Return a rule as it stands in a policy file."""
    lines = ["[[rule]]", f"action = {toml_value(rule.action)}"]
    lines += [f"{name} = {toml_value(value)}" for name in _TEXTS if (value := getattr(rule, name))]
    for name, values in (("effect", rule.effects), ("origin", rule.origins)):
        if values:
            lines.append(f"{name} = {toml_value([value.value for value in values])}")
    if rule.arguments:
        pairs = ", ".join(f"{toml_value(name)} = {toml_value(glob)}" for name, glob in rule.arguments)
        lines.append(f"arguments = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def _rule(table: Mapping[str, object], where: Where) -> Rule:
    for key in table:
        if key not in _KEYS:
            where.fail(key, f"a rule has no {key!r}; {suggestion(key, _KEYS)}")
    action = table.get("action")
    if action not in _ACTIONS:
        where.fail("action", f'action must be one of "allow", "ask", "deny" (got {_shown(action)}).')
    texts = {name: _text(table[name], name, where) if name in table else "" for name in _TEXTS}
    rule = Rule(
        action,
        tool=texts["tool"],
        host=texts["host"],
        path=texts["path"],
        command=texts["command"],
        table=texts["table"],
        effects=_choices(table.get("effect", []), "effect", Effect, where),
        origins=_choices(table.get("origin", []), "origin", Origin, where),
        arguments=_arguments(table.get("arguments", {}), where),
        written=_place(where),
    )
    never = [origin.value for origin in rule.origins if origin in UNTRUSTED]
    if action == "allow" and never:
        where.fail(
            "origin", f"no rule allows a call whose arguments come from {' or '.join(never)}; it is asked about."
        )
    return rule


def _text(value: object, name: str, where: Where) -> str:
    if not isinstance(value, str) or not value.strip():
        where.fail(name, f"{name} must be a text in quotes (got {_shown(value)}).")
    return value


def _choices(value: object, name: str, kind: type[_Choice], where: Where) -> tuple[_Choice, ...]:
    """Return what one name or a list of names stands for."""
    names = value if isinstance(value, list) else [value]
    known = {str(choice.value): choice for choice in kind}
    found: list[_Choice] = []
    for given in names:
        if not isinstance(given, str) or given not in known:
            listed = ", ".join(f'"{choice}"' for choice in known)
            where.fail(name, f"{name} must be one or a list of {listed} (got {_shown(given)}).")
        found.append(known[given])
    return tuple(found)


def _arguments(value: object, where: Where) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        where.fail("arguments", 'arguments must be a table, as in { method = "GET" }.')
    return tuple((name, _text(glob, f"arguments.{name}", where)) for name, glob in value.items())


def _place(where: Where) -> str:
    line = where.lines.get(tuple(where.section.split(".")))
    return where.file if line is None else f"{where.file}, line {line}"


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    return toml_value(value)[:60] if isinstance(value, (str, int, float)) else "something else"
