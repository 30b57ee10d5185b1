"""What a tool may import: the decorator, what it gets, what it returns, how it fails.

Importing this is cheap: the network client, the sandbox and whatever else is heavy load with the first call of them.
"""

from smol_chat.config import setting
from smol_chat.errors import ToolError
from smol_chat.messages import JsonObject, JsonValue, Origin, ToolErrorKind
from smol_chat.tools.context import ToolContext, ToolWorkbench
from smol_chat.tools.database.connections import find_connection
from smol_chat.tools.database.runner import QueryLimits
from smol_chat.tools.database.statements import reads_only
from smol_chat.tools.earlier import result_text
from smol_chat.tools.egress import ANY_HOST, Passage
from smol_chat.tools.files import Entry
from smol_chat.tools.http_response import HttpResponse
from smol_chat.tools.registry import ToolRegistry
from smol_chat.tools.run import preview_call, run_tool
from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome, ShellLimits, ShellOutcome
from smol_chat.tools.signature import Range
from smol_chat.tools.spec import Effect, Preview, Tool, ToolOutput, tool

__all__ = [
    "ANY_HOST",
    "Effect",
    "Entry",
    "HttpResponse",
    "JsonObject",
    "JsonValue",
    "Origin",
    "Passage",
    "Preview",
    "PythonLimits",
    "PythonOutcome",
    "QueryLimits",
    "Range",
    "ShellLimits",
    "ShellOutcome",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolErrorKind",
    "ToolOutput",
    "ToolRegistry",
    "ToolWorkbench",
    "find_connection",
    "preview_call",
    "reads_only",
    "result_text",
    "run_tool",
    "setting",
    "tool",
]
