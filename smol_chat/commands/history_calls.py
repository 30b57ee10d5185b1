"""The audit: every call of a tool, with who decided about it and what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime

from smol_chat.commands.json_lines import failure, json_line
from smol_chat.events import Decided
from smol_chat.journal.audit import CallRecord
from smol_chat.messages import JsonObject
from smol_chat.sanitise import single_line

_BY = {"user": "you", "policy": "a rule", "flag": "--allow"}


def list_calls(calls: Sequence[CallRecord], *, as_json: bool) -> int:
    """Print the calls."""
    if as_json:
        print(json_line([_described(call) for call in calls]))
        return 0
    for call in calls:
        when = datetime.fromtimestamp(call.time).strftime("%Y-%m-%d %H:%M:%S")
        shown = call.decided.arguments if call.decided is not None else call.call.arguments
        words = [_verdict(call.decided), call.outcome]
        if call.edited:
            words.append("edited")
        if call.decided is not None and call.decided.effect:
            words.append(call.decided.effect)
        if call.result is not None and call.result.sandbox:
            words.append(f"in {call.result.sandbox}")
        arguments = json.dumps(shown, ensure_ascii=False)
        print(f"{when}  {call.conversation}  {single_line(call.call.name, 24)}  {single_line(', '.join(words), 100)}")
        print(f"    {single_line(arguments, 110)}")
    if not calls:
        print("No tool has been called yet.", file=sys.stderr)
    return 0


def _verdict(decided: Decided | None) -> str:
    if decided is None:
        return "not decided"
    verdict = f"{'allowed' if decided.decision == 'allow' else 'denied'} by {_BY[decided.by]}"
    return f"{verdict} ({decided.reason})" if decided.reason else verdict


def _described(call: CallRecord) -> JsonObject:
    decided, result = call.decided, call.result
    return {
        "time": datetime.fromtimestamp(call.time).astimezone().isoformat(timespec="seconds"),
        "conversation": call.conversation,
        "id": call.call.id,
        "tool": call.call.name,
        "proposed": call.call.arguments,
        "executed": call.executed,
        "edited": call.edited,
        "decision": call.decision,
        "by": decided.by if decided else None,
        "scope": decided.scope if decided else None,
        "reason": decided.reason if decided else "",
        "effect": (decided.effect or None) if decided else None,
        "isolation": result.sandbox if result else None,
        "outcome": call.outcome,
        "error": failure(result.error) if result else None,
        "duration_ms": result.duration_ms if result else None,
    }
