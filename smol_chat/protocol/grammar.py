"""The grammar of a tool call: what may follow `<tool_call>`, up to and with the tag that closes it.

A model held to it cannot write a call that does not parse or does not fit the tool's schema, as far as the schema is
one of those translated here: objects with required and optional properties in the order they are declared in,
enumerations, strings by length, format or simple pattern, numbers by range, lists, alternatives, and references
into the same schema. Everything else is loosened, and the size of the whole is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from smol_chat.messages import ToolSchema
from smol_chat.protocol.grammar_text import Rules, literal
from smol_chat.protocol.grammar_values import SPACE, JsonValues, json_text
from smol_chat.protocol.grammar_xml import can_be_named, parameters
from smol_chat.protocol.tags import CALL_END

CallForm = Literal["json", "xml"]
"""How a call's arguments are written: as JSON, or each in its `<parameter=…>` tag."""

MOST_CHARACTERS = 400_000
"""About the size of a grammar, shared evenly by its tools."""


def call_grammar(tools: Sequence[ToolSchema], form: CallForm, *, only: str | None = None) -> str:
    """Return a GBNF grammar for one call of any of the tools.

    Args:
        tools: the tools on offer.
        form: how the model writes calls.
        only: name of the one tool that may be called.

    Raises:
        ValueError: no tool can be called in this form.
    """
    called = [tool for tool in tools if only is None or tool.name == only]
    rules = Rules()
    write = _json_call if form == "json" else _xml_call
    calls = [call for tool in called if (call := write(tool, rules, MOST_CHARACTERS // len(called))) is not None]
    choice = rules.choice(calls)
    if choice is None:
        raise ValueError("no tool can be called")
    space = rules.rule(SPACE)
    if form == "json":
        return rules.text(f'{space} "{{" {space} "\\"name\\":" {space} {choice} {space} "}}" {space} "{CALL_END}"')
    return rules.text(f'"\\n"? "<function=" {choice} "</function>" "\\n"? "{CALL_END}"')


def _json_call(tool: ToolSchema, rules: Rules, limit: int) -> str | None:
    name = json_text(tool.name)
    if not tool.name or name is None:
        return None
    values = JsonValues(tool.parameters, rules, limit=limit)
    try:
        arguments = values.value({"allOf": [tool.parameters, {"type": "object"}]})
    except RecursionError:
        arguments = None
    space = rules.rule(SPACE)
    return f'{literal(f"{name},")} {space} "\\"arguments\\":" {space} {arguments or values.any_object()}'


def _xml_call(tool: ToolSchema, rules: Rules, limit: int) -> str | None:
    if not can_be_named(tool.name):
        return None
    values = JsonValues(tool.parameters, rules, limit=limit)
    try:
        body = parameters({"allOf": [tool.parameters, {"type": "object"}]}, values, rules)
    except RecursionError:
        body = None
    opening = literal(f"{tool.name}>\n")
    return f"{opening} {body or parameters({}, values, rules)}"
