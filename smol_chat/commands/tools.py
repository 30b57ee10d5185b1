"""List, show and run tools."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Collection

from smol_chat.assembly import Assembly
from smol_chat.commands.json_lines import failure, json_line
from smol_chat.commands.start import assemble
from smol_chat.config import suggestion
from smol_chat.errors import UsageError
from smol_chat.messages import JsonObject, ToolResult
from smol_chat.sanitise import visible
from smol_chat.tools.spec import Tool

INPUT_BYTES = 20_000_000
"""Most that is read as a call's arguments."""


def run(arguments: argparse.Namespace) -> int:
    """List, show or run tools."""
    assembly = assemble(arguments)
    match arguments.action:
        case "list":
            return _list(assembly, as_json=arguments.json)
        case "show":
            return _show(_tool(assembly, arguments.name), assembly, as_json=arguments.json)
        case _:
            return asyncio.run(_run(assembly, arguments))


def check_tool_name(name: str, known: Collection[str]) -> None:
    """Do nothing for the name of a tool.

    Raises:
        UsageError: there is no such tool; the sentence names the one that was probably meant.
    """
    if name not in known:
        raise UsageError(f"There is no tool {name!r}; {suggestion(name, known)}")


def _tool(assembly: Assembly, name: str) -> Tool:
    registry = assembly.registry()
    check_tool_name(name, registry.names())
    tool = registry.get(name)
    assert tool is not None  # its name is one of the registry's
    return tool


def _list(assembly: Assembly, *, as_json: bool) -> int:
    registry = assembly.registry()
    tools = [tool for name in registry.names() if (tool := registry.get(name))]
    if as_json:
        print(json_line([_summary(tool, assembly) for tool in tools]))
    else:
        width = max((len(tool.name) for tool in tools), default=0)
        for tool in tools:
            print(f"{tool.name:{width}}  {tool.effect.value:8}{visible(tool.schema.description, keep_newlines=False)}")
    for problem in registry.problems:
        print(f"smol-chat: {visible(problem, keep_newlines=False)}", file=sys.stderr)
    return 0


def _summary(tool: Tool, assembly: Assembly) -> JsonObject:
    return {
        "name": tool.name,
        "description": tool.schema.description,
        "effect": tool.effect.value,
        "hosts": list(_hosts(tool, assembly)),
        "module": tool.module,
    }


def _hosts(tool: Tool, assembly: Assembly) -> tuple[str, ...]:
    return tool.hosts(tool.settings and assembly.settings.tool_section(tool.name, tool.settings))


def _show(tool: Tool, assembly: Assembly, *, as_json: bool) -> int:
    if as_json:
        print(json_line(tool.schema.as_openai()))
        return 0
    parameters = tool.schema.parameters
    hosts = ", ".join(_hosts(tool, assembly)) or "none"
    lines = [
        tool.name,
        f"  {tool.schema.description}",
        f"  effect: {tool.effect.value}",
        f"  hosts: {hosts}",
        "  arguments:",
    ]
    properties, required = parameters.get("properties"), parameters.get("required")
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        needed = "required" if isinstance(required, list) and name in required else "optional"
        lines.append(f"    {name} ({needed}): {json.dumps(schema, ensure_ascii=False)}")
    print(visible("\n".join(lines)))
    return 0


async def _run(assembly: Assembly, arguments: argparse.Namespace) -> int:
    from smol_chat.tools.run import run_tool  # late: listing tools runs none

    try:
        tool = await asyncio.to_thread(_tool, assembly, arguments.name)
        values = parse_arguments(arguments.arguments)
        result = await run_tool(tool, values, assembly.workbench())
    finally:
        await assembly.close()
    if arguments.json:
        print(json_line(_result(result)))
    elif result.error is None:
        whole = result.content if result.full_content is None else result.full_content
        print(visible(whole) if sys.stdout.isatty() else whole)
    else:
        print(f"smol-chat: {visible(result.error.message)}", file=sys.stderr)
    return 0 if result.ok else 1


def parse_arguments(text: str) -> JsonObject:
    """Return a call's arguments; `-` reads them from standard input.

    Raises:
        UsageError: they are no JSON object.
    """
    try:
        value = json.loads(sys.stdin.buffer.read(INPUT_BYTES) if text == "-" else text)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(": line")[0]
        raise UsageError(
            f'The arguments are no JSON ({reason}); write an object, as in \'{{"path": "notes.txt"}}\'.'
        ) from error
    if not isinstance(value, dict):
        raise UsageError('The arguments must be a JSON object, as in \'{"path": "notes.txt"}\'.')
    return value


def _result(result: ToolResult) -> JsonObject:
    return {
        "ok": result.ok,
        "content": result.content,
        "data": result.data,
        "error": failure(result.error),
        "duration_ms": result.duration_ms,
        "sandbox": result.sandbox,
    }
