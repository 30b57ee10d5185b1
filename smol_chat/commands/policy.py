"""Explain the rules on what tools may do, and trust those of a folder."""

from __future__ import annotations

import argparse
import sys

from smol_chat.agent.facts import facts_of
from smol_chat.agent.policy import Rule, Rules, describe, fits, judge
from smol_chat.agent.policy_file import parse_policy, policy_text
from smol_chat.agent.project_rules import trust
from smol_chat.agent.toolbox import RegistryToolbox
from smol_chat.assembly import Assembly
from smol_chat.commands.json_lines import json_line
from smol_chat.commands.start import assemble
from smol_chat.commands.tools import check_tool_name, parse_arguments
from smol_chat.errors import UsageError
from smol_chat.messages import JsonObject, ToolCall
from smol_chat.protocol.schema import problems
from smol_chat.sanitise import visible

_ALWAYS_ASKED = "A call whose arguments come from a page, a mail or another untrusted text is asked about all the same."


def run(arguments: argparse.Namespace) -> int:
    """List the rules, explain one call, or trust the rules of the workspace."""
    assembly = assemble(arguments)
    if arguments.action == "trust":
        return _trust(assembly, yes=arguments.yes, revoke=arguments.revoke)
    rules = assembly.rules()
    notice = assembly.rules_notice()
    if arguments.name is None:
        _list(rules, notice, as_json=arguments.json)
    else:
        _explain(assembly, rules, _call(assembly, arguments.name, arguments.arguments), as_json=arguments.json)
    if notice:
        print(f"smol-chat: {_line(notice)}", file=sys.stderr)
    return 0


def _list(rules: Rules, notice: str, *, as_json: bool) -> None:
    if as_json:
        found: JsonObject = {
            "own": [_as_json(rule) for rule in rules.own],
            "project": [_as_json(rule) for rule in rules.project],
            "notice": notice,
        }
        print(json_line(found))
        return
    for title, listed in (("Your rules", rules.own), ("Rules of this folder", rules.project)):
        if listed:
            print(f"{title}, of which the last that fits decides:")
        for rule in listed:
            print(f"  {_line(describe(rule))}  ({_line(rule.written)})")
    if not rules.own and not rules.project:
        print("There are no rules.")
    print(f"What no rule fits is asked about. {_ALWAYS_ASKED}")


def _call(assembly: Assembly, name: str, text: str) -> ToolCall:
    schemas = {schema.name: schema for schema in assembly.registry().schemas()}
    check_tool_name(name, schemas)
    arguments = parse_arguments(text)
    found = problems(schemas[name].parameters, arguments)
    if found:
        raise UsageError(f"The arguments do not fit {name}: {'; '.join(found)}.")
    return ToolCall("", name, arguments)


def _explain(assembly: Assembly, rules: Rules, call: ToolCall, *, as_json: bool) -> None:
    toolbox = RegistryToolbox(assembly.registry(), assembly.workbench())
    facts = facts_of(call, toolbox.effect(call))
    verdict = judge(facts, rules, usual=toolbox.usual_effect(call.name))
    fitting = [rule for rule in (*rules.own, *rules.project) if fits(rule, facts)]
    if as_json:
        found: JsonObject = {
            "tool": call.name,
            "effect": facts.effect.value,
            "action": verdict.action,
            "rule": _as_json(verdict.rule) if verdict.rule else None,
            "fits": [_as_json(rule) for rule in fitting],
        }
        print(json_line(found))
        return
    print(f"{call.name} ({facts.effect.value}): {_WORDS[verdict.action]}")
    for rule in fitting:
        mark = "decides" if rule is verdict.rule else "fits"
        print(f"  {mark:8}{_line(describe(rule))}  ({_line(rule.written)})")
    if not fitting:
        print("  No rule fits; a call is asked about then.")
    elif verdict.action == "ask" and verdict.rule is not None and verdict.rule.action == "allow":
        print(f"  This call does more than {call.name} usually does: only a rule with its effect can allow it.")
    if verdict.action == "allow":
        print(f"  {_ALWAYS_ASKED}")


_WORDS = {"allow": "runs without a question", "ask": "is asked about", "deny": "is refused"}


def _as_json(rule: Rule) -> JsonObject:
    conditions: JsonObject = {
        "tool": rule.tool,
        "effect": [effect.value for effect in rule.effects],
        "origin": [origin.value for origin in rule.origins],
        "arguments": dict(rule.arguments),
        "host": rule.host,
        "path": rule.path,
        "command": rule.command,
        "table": rule.table,
    }
    return {
        "action": rule.action,
        **{name: value for name, value in conditions.items() if value},
        "written": rule.written,
    }


def _trust(assembly: Assembly, *, yes: bool, revoke: bool) -> int:
    found = assembly.project_rules()
    if revoke:
        trust(assembly.workspace, assembly.paths.trusted_folders, "")
        print(f"The rules of {_line(str(assembly.workspace))} do not count.")
        return 0
    text = policy_text(found.file)
    if not text:
        raise UsageError(f"There are no rules to trust: {str(found.file)!r} is not there.")
    rules = parse_policy(text, str(found.file))
    for rule in rules:
        print(f"{_line(describe(rule))}  ({_line(rule.written)})")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nobody can be asked here; read the rules and add --yes.")
        if input("Let these rules count in this folder? [y/N] ").strip().lower() not in ("y", "yes"):
            print("They do not count.")
            return 0
    trust(assembly.workspace, assembly.paths.trusted_folders, text)
    print(f"They count in {_line(str(assembly.workspace))} until they change.")
    return 0


def _line(text: str) -> str:
    return visible(text, keep_newlines=False)
