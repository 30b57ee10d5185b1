"""Which calls may run without asking, which never may, which are asked about. Pure: no state, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say about a call and whose rule it was."""

    action: Literal["allow", "deny", "ask"]
    by: Literal["user", "policy", "flag"] = "policy"
    scope: Literal["once", "session"] = "once"
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
    if tool in rules.flagged:
        return Verdict("allow", "flag")
    if tool in rules.allow:
        return Verdict("allow", "policy")
    return ASK
