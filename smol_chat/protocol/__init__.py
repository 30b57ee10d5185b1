"""The model's wire format, without any I/O: what it writes, and what is read out of it."""

from smol_chat.protocol.events import ContentDelta, MalformedCall, ParserEvent, ReasoningDelta, ToolCallParsed
from smol_chat.protocol.json_call import read_server_call
from smol_chat.protocol.parser import StreamParser

__all__ = [
    "ContentDelta",
    "MalformedCall",
    "ParserEvent",
    "ReasoningDelta",
    "StreamParser",
    "ToolCallParsed",
    "read_server_call",
]
