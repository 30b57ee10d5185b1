"""What the model is told when the user changed a call's arguments before it ran. Pure."""

from __future__ import annotations

import json

from smol_chat.messages import JsonObject, JsonValue

_LONGEST = 80
"""Characters of a value that are repeated to the model."""


def edit_note(proposed: JsonObject, runs: JsonObject) -> str:
    """Return one sentence about what was changed; empty where nothing was."""
    names = [name for name in dict.fromkeys([*proposed, *runs]) if _differs(name, proposed, runs)]
    changes = [_change(name, proposed, runs) for name in names]
    return f"[The user changed the arguments before the call ran: {'; '.join(changes)}.]" if changes else ""


def changed_arguments(proposed: JsonObject, runs: JsonObject) -> set[str]:
    """Return the names of the arguments that are not what the model wrote, those left out included."""
    return {name for name in {*proposed, *runs} if _differs(name, proposed, runs)}


def _differs(name: str, proposed: JsonObject, runs: JsonObject) -> bool:
    if name not in proposed or name not in runs:
        return True
    # As JSON: 1, 1.0 and true are equal in Python and not the same argument.
    return json.dumps(proposed[name], sort_keys=True) != json.dumps(runs[name], sort_keys=True)


def _change(name: str, proposed: JsonObject, runs: JsonObject) -> str:
    if name not in runs:
        return f"{name} was left out"
    if name not in proposed:
        return f"{name} was set to {_shown(runs[name])}"
    return f"{name} is {_shown(runs[name])} instead of {_shown(proposed[name])}"


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
