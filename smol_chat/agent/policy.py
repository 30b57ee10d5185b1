"""Which calls may run without asking, which never may, which are asked about. Pure: no state, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from smol_chat.events import Scope
from smol_chat.messages import Origin
from smol_chat.tools.spec import Effect

Action = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to happen to the calls that fit. A condition that is empty fits every call."""

    action: Action
    tool: str = ""
    """Its name, or a glob."""
    effects: tuple[Effect, ...] = ()
    origins: tuple[Origin, ...] = ()
    """Where the arguments came from."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Arguments by name, each with a glob."""
    host: str = ""
    """Glob on the hosts that the arguments name."""
    path: str = ""
    """Glob on the paths that the arguments name; one that ends in a slash is all that lies in the folder."""
    command: str = ""
    """The words a shell command begins with."""
    table: str = ""
    """Glob on the tables an SQL statement names."""
    written: str = ""
    """Where the rule stands, for people: a file and a line, a setting, an option."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A rule that can be offered beside a call, and in words what it would cover."""

    rule: Rule
    covers: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Tool names by rule. A denial always wins; what no rule names is asked about."""

    allow: frozenset[str] = frozenset()
    """Allowed by the configuration."""
    deny: frozenset[str] = frozenset()
    """Refused by the configuration."""
    flagged: frozenset[str] = frozenset()
    """Allowed on the command line (`--allow`)."""
    session: frozenset[str] = frozenset()
    """Allowed by the user for this conversation."""
    next_calls: frozenset[tuple[str, int]] = frozenset()
    """Allowed by the user for so many calls more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say about a call and whose rule it was."""

    action: Literal["allow", "deny", "ask"]
    by: Literal["user", "policy", "flag"] = "policy"
    scope: Scope = "once"
    why: str = ""


ASK = Verdict("ask")


def judge(tool: str, rules: Rules, *, once_only: bool = False) -> Verdict:
    """Return what the rules say about calling the tool; no rule allows a call that is asked about each time."""
    if tool in rules.deny:
        return Verdict("deny", why=f"The configuration never allows {tool} (approval.deny).")
    if once_only:
        return ASK
    if tool in rules.session:
        return Verdict("allow", "user", "session")
    if dict(rules.next_calls).get(tool):
        return Verdict("allow", "user", "next")
    if tool in rules.flagged:
        return Verdict("allow", "flag")
    if tool in rules.allow:
        return Verdict("allow", "policy")
    return ASK


def with_next(rules: Rules, tool: str, count: int) -> Rules:
    """Return the rules with the next `count` calls of the tool allowed, and no more than these."""
    others = {(name, left) for name, left in rules.next_calls if name != tool}
    return replace(rules, next_calls=frozenset({*others, (tool, count)} if count > 0 else others))


def spent(rules: Rules, tool: str) -> Rules:
    """Return the rules after one of the calls that were allowed by number."""
    return with_next(rules, tool, dict(rules.next_calls).get(tool, 0) - 1)
