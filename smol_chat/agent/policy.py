"""Which calls may run without asking, which never may, which are asked about. Pure: no state, no I/O."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from smol_chat.agent.facts import Facts, command_words
from smol_chat.events import Scope
from smol_chat.messages import Origin
from smol_chat.tools.spec import Effect

SIDE_BY_SIDE = frozenset({Effect.PURE, Effect.READ, Effect.NETWORK})
"""Calls with these effects change nothing, do not disturb each other and run at the same time; all others run alone, in
order."""

Action = Literal["allow", "ask", "deny"]
By = Literal["user", "policy", "flag"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to happen to the calls that fit. A condition that is empty fits every call.

    A rule that allows fits a call of which everything fits: all its hosts, all its paths. One that asks or denies fits
    where anything does.
    """

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
    by: By = "policy"

    @property
    def is_narrow(self) -> bool:
        """Whether it is about certain arguments, not about a tool as a whole."""
        return bool(self.origins or self.arguments or self.host or self.path or self.command or self.table)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A rule that can be offered beside a call, and in words what it would cover."""

    rule: Rule
    covers: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules there are. Among those of one kind the last that fits decides."""

    own: tuple[Rule, ...] = ()
    """The user's, from the settings and the policy file. What they deny, nothing else allows."""
    project: tuple[Rule, ...] = ()
    """Those of the folder that is worked in, if the user trusts them; they win over the user's but for a denial."""
    given: tuple[Rule, ...] = ()
    """Allowed on the command line and, by the user, for this conversation."""
    next_calls: frozenset[tuple[str, int]] = frozenset()
    """Allowed by the user for so many calls more."""

    def giving(self, *rules: Rule) -> Rules:
        """Return the rules with more for this conversation."""
        return replace(self, given=(*self.given, *rules))

    def owning(self, rule: Rule) -> Rules:
        """Return the rules with one more of the user's own."""
        return replace(self, own=(*self.own, rule))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say about a call and whose rule it was."""

    action: Action
    by: By = "policy"
    scope: Scope = "once"
    why: str = ""
    """Of a denial: the sentence for the model and the user."""
    rule: Rule | None = None
    """The rule that decided; None: no rule has a say."""
    raised: str = ""
    """Why a call is asked about although a rule may allow it."""
    once_only: bool = False
    """An answer for more than this call would not hold."""


def judge(facts: Facts, rules: Rules, *, usual: Effect, raised: str = "") -> Verdict:
    """Return what is to happen to a call.

    Args:
        facts: what there is to know of it.
        rules: all rules.
        usual: what its tool's calls do; of one that changes something although that does not, only a rule that names
            the effect can have thought.
        raised: why no rule may allow it, such as an argument out of an untrusted text.
    """
    own, project = deciding(rules.own, facts), deciding(rules.project, facts)
    written = project if project and not (own and own.action == "deny") else own
    if written and written.action == "deny":
        return Verdict("deny", why=f"A rule forbids this call: {describe(written)} ({written.written}).", rule=written)
    if raised:
        return Verdict("ask", rule=written, raised=raised, once_only=True)
    unusual = facts.effect is not usual and facts.effect not in SIDE_BY_SIDE
    if unusual and not (written and facts.effect in written.effects):
        return Verdict("ask", rule=written, once_only=True)
    if written and written.action == "ask" and written.is_narrow:
        return Verdict("ask", rule=written, once_only=True)
    given = deciding(rules.given, facts)
    if given:
        return Verdict("allow", given.by, "session" if given.by == "user" else "once", rule=given)
    if dict(rules.next_calls).get(facts.tool):
        return Verdict("allow", "user", "next")
    return Verdict(written.action if written else "ask", rule=written)


def with_next(rules: Rules, tool: str, count: int) -> Rules:
    """Return the rules with the next `count` calls of the tool allowed, and no more than these."""
    others = {(name, left) for name, left in rules.next_calls if name != tool}
    return replace(rules, next_calls=frozenset({*others, (tool, count)} if count > 0 else others))


def spent(rules: Rules, tool: str) -> Rules:
    """Return the rules after one of the calls that were allowed by number."""
    return with_next(rules, tool, dict(rules.next_calls).get(tool, 0) - 1)


def for_tools(action: Action, tools: Iterable[str], written: str, by: By = "policy") -> tuple[Rule, ...]:
    """Return one rule for each of the tools as a whole."""
    return tuple(Rule(action, tool, written=written, by=by) for tool in sorted(tools))


def deciding(rules: Iterable[Rule], facts: Facts) -> Rule | None:
    """Return the rule that decides: the last that fits."""
    return next((rule for rule in reversed(tuple(rules)) if fits(rule, facts)), None)


def fits(rule: Rule, facts: Facts) -> bool:
    """Tell whether a rule is about a call."""
    strict = rule.action == "allow"
    return (
        (not rule.tool or fnmatchcase(facts.tool, rule.tool))
        and (not rule.effects or facts.effect in rule.effects)
        and (not rule.origins or _origins_fit(rule, facts, strict=strict))
        and (not rule.host or _each(facts.hosts, _glob(rule.host.lower()), strict=strict))
        and (not rule.path or _each(facts.paths, _path_glob(rule.path, strict=strict), strict=strict))
        and (not rule.command or _command_fits(rule.command, facts.command, strict=strict))
        and (not rule.table or _table_fits(rule.table.lower(), facts, strict=strict))
        and all(_argument_fits(name, glob, facts, strict=strict) for name, glob in rule.arguments)
    )


def _each(values: Iterable[str], test: Callable[[str], bool], *, strict: bool) -> bool:
    """Tell whether there are values and all of them pass; where not strict, whether any does."""
    passed = [bool(value) and test(value) for value in values]
    return all(passed) and bool(passed) if strict else any(passed)


def _glob(pattern: str) -> Callable[[str], bool]:
    return lambda value: fnmatchcase(value, pattern)


def _path_glob(pattern: str, *, strict: bool) -> Callable[[str], bool]:
    """Return the test of a path: `*` stays within a folder, `**` goes into those below."""
    folder = pattern.endswith("/")
    wanted = posixpath.normpath(pattern)
    parts = re.split(r"(\*\*/?|\*|\?)", wanted)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = "".join(meaning.get(part, re.escape(part)) for part in parts)
    if wanted == ".":
        text = r"(?!/).*"
    elif folder:
        text = rf"{text}(?:/.*)?"
    compiled = re.compile(text, re.DOTALL if strict else re.DOTALL | re.IGNORECASE)
    return lambda value: compiled.fullmatch(value) is not None


def _origins_fit(rule: Rule, facts: Facts, *, strict: bool) -> bool:
    return facts.sources <= frozenset(rule.origins) if strict else bool(facts.sources.intersection(rule.origins))


def _command_fits(prefix: str, command: str | None, *, strict: bool) -> bool:
    """Tell whether a command begins with these words; where not strict, whether they stand anywhere in it."""
    if command is None:
        return False
    wanted = prefix.split()
    if strict:
        words = command_words(command)
        return words is not None and words[: len(wanted)] == wanted
    words = [word for word in re.split(r"[\s;&|<>(){}`$'\"\\]+", command) if word]
    for at in range(len(words) - len(wanted) + 1):
        first = words[at].rsplit("/", 1)[-1]
        if [first, *words[at + 1 : at + len(wanted)]] == wanted or words[at : at + len(wanted)] == wanted:
            return True
    return False


def _table_fits(pattern: str, facts: Facts, *, strict: bool) -> bool:
    if strict:
        return _each(facts.tables, _glob(pattern), strict=True)
    return any(fnmatchcase(word, pattern) for word in re.findall(r"[\w.]+", facts.statement.lower()))


def _argument_fits(name: str, pattern: str, facts: Facts, *, strict: bool) -> bool:
    values = [text for path, text in facts.leaves if path == name or path.startswith(f"{name}/")]
    if strict:
        return _each(values, _glob(pattern), strict=True)
    return _each([value.casefold() for value in values], _glob(pattern.casefold()), strict=False)


def describe(rule: Rule) -> str:
    """Return a rule in words, such as "allow shell_command where the command begins with 'git status'"."""
    where = [f"{name} is like {pattern!r}" for name, pattern in rule.arguments]
    where += [f"the effect is {_either(effect.value for effect in rule.effects)}"] if rule.effects else []
    where += [f"the host is like {rule.host!r}"] if rule.host else []
    where += [f"the path is like {rule.path!r}"] if rule.path else []
    where += [f"the command {'begins with' if rule.action == 'allow' else 'has'} {rule.command!r}"] * bool(rule.command)
    where += [f"the table is like {rule.table!r}"] if rule.table else []
    where += [f"arguments come from {_either(origin.value for origin in rule.origins)}"] if rule.origins else []
    return f"{rule.action} {rule.tool or 'every tool'}{' where ' if where else ''}{' and '.join(where)}"


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)
