"""The rule that would spare the user more questions like the one before them. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from smol_chat.agent.facts import Facts, command_words
from smol_chat.agent.policy import Pattern, Rule, fits

ALIKE = 2
"""Calls alike that were allowed before a pattern is offered."""

_RUN_OR_DESTROY = """
sh bash dash zsh fish ksh busybox env sudo doas su nohup nice timeout time xargs find exec eval source command python
python3 node perl ruby php lua awk gawk sed tclsh ssh scp rsync curl wget nc make npx uvx watch script tar rm dd chmod
chown mv kill pkill crontab at sqlite3 vi vim ed
"""
_RUNNERS = frozenset(_RUN_OR_DESTROY.split())
"""Programs that run what their arguments say, or destroy it: no first word of theirs tells what they do."""
_MANY_IN_ONE = """
git hg svn npm yarn pnpm cargo go docker podman kubectl helm pip uv poetry gh systemctl apt brew dnf pacman terraform
conda
"""
_WITH_SUBCOMMANDS = frozenset(_MANY_IN_ONE.split())


def offered(facts: Facts, before: Iterable[Facts]) -> Pattern | None:
    """Return the pattern that a call and at least two allowed before it fall under; None where there is none."""
    pattern = _pattern(facts)
    if pattern is None or not fits(pattern.rule, facts):
        return None
    alike = sum(fits(pattern.rule, earlier) for earlier in before)
    return pattern if alike >= ALIKE else None


def _pattern(facts: Facts) -> Pattern | None:
    tool, effects = facts.tool, (facts.effect,)
    if facts.command is not None:
        prefix = _prefix(facts.command)
        covers = f"every plain command that begins with `{prefix}`"
        return Pattern(Rule("allow", tool, effects, command=prefix), covers) if prefix else None
    if facts.tables:
        table, database = facts.tables[0], next((text for path, text in facts.leaves if path == "database"), "")
        inside = f" of {database}" if database else ""
        rule = Rule("allow", tool, effects, arguments=(("database", database),) if database else (), table=table)
        plain = re.fullmatch(r"[\w.]+", table) and not re.search(r"[*?\[]", database)
        return Pattern(rule, f"every statement that {_does(facts)} the table {table}{inside}") if plain else None
    if facts.hosts:
        host, method = facts.hosts[0], next((text for path, text in facts.leaves if path == "method"), "")
        rule = Rule("allow", tool, effects, arguments=(("method", method),) if method else (), host=host)
        return Pattern(rule, f"every {method + ' ' if method else ''}request to {host}") if host else None
    if facts.paths:
        folder = posixpath.dirname(facts.paths[0])
        covers = f"everything that {tool} {_does(facts)} in the folder {folder}/ and below"
        plain = folder not in ("", "/") and not re.search(r"[*?]", folder)
        return Pattern(Rule("allow", tool, effects, path=f"{folder}/"), covers) if plain else None
    return None


def _prefix(command: str) -> str:
    """Return the words that tell what a command does; nothing where its first words do not tell it."""
    words = command_words(command)
    if not words or posixpath.basename(words[0]) in _RUNNERS or not re.fullmatch(r"[\w./+-]+", words[0]):
        return ""
    if words[0] not in _WITH_SUBCOMMANDS:
        return words[0]
    return " ".join(words[:2]) if len(words) > 1 and re.fullmatch(r"[a-z][a-z0-9-]*", words[1]) else ""


def _does(facts: Facts) -> str:
    return "reads" if facts.effect.value == "read" else "changes"
