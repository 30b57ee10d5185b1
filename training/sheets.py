"""Make conversations from plans, and sheets of conversations that share one list of tools."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import phrasebook
from phrasebook import Alias, ForeignTool, Plan, PlannedCall
from slots import Slots, Split

from smol_chat.config.settings import SYSTEM_PROMPT
from smol_chat.messages import JsonObject, JsonValue, ToolSchema
from smol_chat.tools.registry import ToolRegistry

SHARES = {
    "single": 29, "parallel": 11, "sequential": 9, "errors": 5, "reasoning": 9, "no_call": 27, "missing": 7, "absent": 3,
}  # fmt: skip
"""Percent of each kind of conversation; a third is answered without a call."""

LONG_SHEET = 24
SHORT_SHEET = 12
SECOND_TURN_SHARE = 0.35
"""Of conversations that could go on after the first calls, those that do."""

SYSTEMS = (SYSTEM_PROMPT, SYSTEM_PROMPT, SYSTEM_PROMPT, SYSTEM_PROMPT, "You are a helpful assistant.", "Be brief.", "")

_SLOT = re.compile(r"\{([a-z_]+[0-9]*(?:\.iso|\+1)?)\}")
_IMPERATIVES = set(
    "read open show print summarise summarize list write save create make put store add append translate give get send email mail "
    "search find look google research do check tell calculate compute add subtract multiply divide convert work split run execute "
    "use generate sort schedule plan book enter block set fetch load visit extract download call query hit test compare count "
    "take evaluate solve start play turn switch track reserve resize commit file display view pull go compose render".split()
)
_POLITE = ("please ", "can you ", "could you ", "could you please ", "would you ", "I need you to ", "I want you to ", "pls ",
           "hey, ", "now ", "quickly ", "can u ", "go and ", "I'd like you to ", "kindly ", "just ")  # fmt: skip
_OPENERS = ("hey, ", "hi, ", "hello! ", "ok, ", "quick question: ", "one more thing: ", "sorry to bother you, ", "so, ", "hm, ",
            "I'm in a hurry: ", "I was wondering, ", "good morning, ", "next: ", "also, ", "well, ", "and ", "oh and ")  # fmt: skip
_CONTEXTS = ("I'm planning my week. ", "I'm in a meeting. ", "My boss wants to know. ", "It's for a friend. ", "I just woke up. ",
             "I have to leave soon. ", "We are packing. ", "It's for school. ", "I'm curious. ", "My phone is dead. ",
             "I forgot my glasses. ", "Let's try something. ", "I'm new here. ")  # fmt: skip
_CLOSERS = (
    " please",
    ", please",
    ", thanks",
    " thanks",
    " asap",
    " - thank you",
    ", quickly",
    " for me",
    " now",
    ", it's urgent",
)
_LOWERED = ("place", "zcity", "lang", "name", "topic", "product", "company", "event", "subject", "phrase", "message")
_KEPT_AS_TYPED = ("sql", "code", "json", "cmd", "url", "dt", "expr", "isodate", "zone", "ticker", "code_id", "method")


@dataclass(slots=True)
class Conversation:
    """One conversation behind a sheet's tools. `used`: slot values its calls were made of."""

    scenario: str
    messages: list[JsonObject]
    used: list[str] = field(default_factory=list)

    @property
    def request(self) -> str:
        """The user's words."""
        return str(self.messages[0]["content"])


@dataclass(slots=True)
class Sheet:
    """Conversations that share a system prompt and a list of tools (in OpenAI's form)."""

    system: str
    tools: list[JsonObject]
    conversations: list[Conversation]


class Writer:
    """Write sheets; the same seed gives the same sheets."""

    def __init__(self, seed: int, split: Split) -> None:
        self._rng = random.Random(f"{seed}-{split}")
        self._split: Split = split
        self._single = phrasebook.single_plans()
        self._scenarios = phrasebook.scenario_plans()
        self._answered = {name: phrasebook.answered_plans(name) for name in ("no_call", "missing")}
        self._foreign = phrasebook.foreign_tools()
        self._aliases = phrasebook.aliases()
        self._ours = {schema.name: schema for schema in ToolRegistry.load().schemas()}

    def sheet(self) -> Sheet:
        """Write the next sheet."""
        rng = self._rng
        style = rng.choices(["all", "shuffled", "some", "strange"], [42, 14, 22, 22])[0]
        names = list(phrasebook.TOOLS)
        renamed: dict[str, Alias] = {}
        foreign: list[ForeignTool] = []
        if style == "shuffled":
            rng.shuffle(names)
        elif style in ("some", "strange"):
            names = rng.sample(names, rng.randint(3, 8))
            if style == "strange":
                foreign = rng.sample(self._foreign, rng.randint(1, 4))
                renamed = {
                    n: rng.choice(known)
                    for n in names
                    if (known := [a for a in self._aliases if a.tool == n]) and rng.random() < 0.6
                }
            elif rng.random() < 0.6:
                names.sort()
        shown = {
            name: _renamed(self._ours[name], renamed[name]) if name in renamed else self._ours[name] for name in names
        }
        shown |= {tool.name: _foreign_schema(tool) for tool in foreign}
        order = list(shown)
        if style == "strange":
            rng.shuffle(order)
        count = LONG_SHEET if style in ("all", "shuffled") else SHORT_SHEET
        context = _Context(shown, renamed, {tool.name: tool for tool in foreign})
        conversations = [self._conversation(context) for _ in range(count)]
        return Sheet(rng.choice(SYSTEMS), [shown[name].as_openai() for name in order], conversations)

    def _conversation(self, context: _Context) -> Conversation:
        rng = self._rng
        kinds = list(SHARES)
        for _ in range(50):
            kind = rng.choices(kinds, [SHARES[name] for name in kinds])[0]
            if kind == "absent":
                missing = [name for name in phrasebook.TOOLS if name not in context.shown]
                if missing:
                    plan = rng.choice(self._single[rng.choice(missing)])
                    return self._written(replace(plan, scenario="absent"), context)
            elif kind in self._answered:
                return self._written(rng.choice(self._answered[kind]), context)
            elif kind == "single":
                name = rng.choice(list(context.shown))
                plans = context.foreign[name].plans if name in context.foreign else self._single[name]
                return self._written(rng.choice(plans), context)
            else:
                plans = [plan for plan in self._scenarios[kind] if plan.tools <= set(context.shown)]
                if plans:
                    return self._written(rng.choice(plans), context)
        return self._written(rng.choice(self._answered["no_call"]), context)

    def _written(self, plan: Plan, context: _Context) -> Conversation:
        rng = self._rng
        slots = Slots(rng, self._split)
        kept = any(
            slot.partition(".")[0].rstrip("0123456789") in _KEPT_AS_TYPED for slot in _SLOT.findall(plan.request)
        )
        lower = not kept and rng.random() < 0.14
        fill = _Filler(slots, lower)
        request = self._framed(plan.request, fill, lower, plain=plan.scenario in ("no_call", "missing"))
        conversation = Conversation(plan.scenario, [{"role": "user", "content": request}])
        if plan.scenario == "absent":
            conversation.messages.append(_answer(rng.choice(_ABSENT)))
            return conversation
        self._add_rounds(conversation, plan, context, fill)
        return conversation

    def _add_rounds(self, conversation: Conversation, plan: Plan, context: _Context, fill: _Filler) -> None:
        goes_on = self._rng.random() < SECOND_TURN_SHARE
        for number, calls in enumerate(plan.rounds):
            thought = fill(plan.thought) if number == 0 else ""
            written = [_tool_call(call, context, fill, f"call_{number}_{place}") for place, call in enumerate(calls)]
            message: JsonObject = {"role": "assistant", "content": "", "tool_calls": [*written]}
            if thought:
                message["reasoning_content"] = thought
            conversation.messages.append(message)
            conversation.used += [slot for call in calls for slot in fill.values_in(call.arguments)]
            if not goes_on or any(call.result is None for call in calls):
                return
            for call, made in zip(calls, written, strict=True):
                name = str(_function(made)["name"])
                text = fill(call.result or "")
                content = f"Error: {text}" if call.fails else text
                conversation.messages.append(
                    {"role": "tool", "tool_call_id": made["id"], "name": name, "content": content}
                )
        if plan.answer is not None:
            conversation.messages.append(_answer(fill(plan.answer)))

    def _framed(self, template: str, fill: _Filler, lower: bool, *, plain: bool) -> str:
        """Return the request in one of the ways people put it."""
        rng = self._rng
        text = template
        if rng.random() < 0.08:
            text = _mistyped(rng, text)
        ends_in_slot, first = text.endswith("}"), text.split(" ")[0]
        roll = rng.random()
        opened = ""
        if first in _IMPERATIVES and roll < 0.45:
            opened = rng.choice(_POLITE)
        elif roll < 0.22:
            opened = rng.choice(_OPENERS)
        elif roll < 0.28 and not plain:
            opened = rng.choice(_CONTEXTS)
        text = opened + text
        if text.endswith("?") and rng.random() < 0.25:
            text = text[:-1].rstrip()
        if (
            opened in ("can you ", "could you ", "could you please ", "would you ")
            and not ends_in_slot
            and text[-1] != "?"
        ):
            text += rng.choice(["?", ""])
        elif not ends_in_slot and text[-1] not in "?.!:" and rng.random() < 0.2:
            text += rng.choice(_CLOSERS)
        elif not ends_in_slot and text[-1].isalnum() and rng.random() < 0.2:
            text += rng.choice([".", "!", "."])
        if lower:
            text = "".join(
                part if number % 2 else part.lower() for number, part in enumerate(re.split(r"(\{[^}]*\})", text))
            )
        elif text[0].islower() and rng.random() < 0.5:
            text = text[0].upper() + text[1:]
        return fill(text)


@dataclass(frozen=True, slots=True)
class _Context:
    shown: dict[str, ToolSchema]
    """By our own name."""
    renamed: dict[str, Alias]
    foreign: dict[str, ForeignTool]


class _Filler:
    """Put values into texts."""

    def __init__(self, slots: Slots, lower: bool) -> None:
        self._slots = slots
        self._lower = lower

    def __call__(self, template: str) -> str:
        """Return the text with its slots filled."""
        return _SLOT.sub(lambda found: self.value(found[1]), template)

    def value(self, name: str) -> str:
        """Return the value of a slot as it is written in this conversation."""
        base = name.partition(".")[0].partition("+")[0]
        self._slots[base]
        value = self._slots[name]
        return value.lower() if self._lower and base.rstrip("0123456789") in _LOWERED else value

    def values_in(self, arguments: dict[str, str]) -> list[str]:
        """Return the values of the slots in arguments."""
        return [self.value(name) for text in arguments.values() for name in _SLOT.findall(text)]


_ABSENT = (
    "I have no tool for that here.",
    "I can't do that: there is no tool for it here.",
    "None of my tools can do that.",
    "Sorry, I have no tool for that.",
)


def _answer(text: str) -> JsonObject:
    return {"role": "assistant", "content": text[:1].upper() + text[1:] if "\n" not in text[:12] else text}


def _function(call: JsonObject) -> JsonObject:
    function = call["function"]
    assert isinstance(function, dict)
    return function


def _tool_call(call: PlannedCall, context: _Context, fill: _Filler, call_id: str) -> JsonObject:
    schema = context.shown[call.tool]
    alias = context.renamed.get(call.tool)
    properties = schema.parameters["properties"]
    assert isinstance(properties, dict)
    written = {(alias.renamed.get(key, key) if alias else key): value for key, value in call.arguments.items()}
    arguments: JsonObject = {key: _typed(fill(written[key]), properties[key]) for key in properties if key in written}
    if len(arguments) != len(written):
        raise ValueError(f"{call.tool} has no argument {sorted(set(written) - set(properties))}")
    return {"id": call_id, "type": "function", "function": {"name": schema.name, "arguments": arguments}}


def _typed(text: str, schema: JsonValue) -> JsonValue:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "integer":
        return int(text)
    if kind == "number":
        return float(text) if "." in text else int(text)
    if kind == "boolean":
        return text == "true"
    if kind == "array":
        return [part.strip() for part in text.strip("[]").split(",")]
    if kind == ["string", "object"] and text.startswith("{"):
        value: JsonValue = json.loads(text)
        return value
    return text


def _renamed(schema: ToolSchema, alias: Alias) -> ToolSchema:
    parameters = dict(schema.parameters)
    properties, required = parameters["properties"], parameters.get("required", [])
    assert isinstance(properties, dict) and isinstance(required, list)
    parameters["properties"] = {alias.renamed.get(key, key): value for key, value in properties.items()}
    parameters["required"] = [alias.renamed.get(str(key), str(key)) for key in required]
    return ToolSchema(alias.name, alias.description, parameters)


def _foreign_schema(tool: ForeignTool) -> ToolSchema:
    properties: JsonObject = {}
    required: list[JsonValue] = []
    for text in tool.properties:
        signature, _, choices = text.partition("=")
        name, _, kind = signature.partition(":")
        if not name.endswith("?"):
            required.append(name)
        schema: JsonObject = {"type": kind or "string"}
        if choices:
            schema["enum"] = [*choices.split("|")]
        properties[name.rstrip("?")] = schema
    return ToolSchema(tool.name, tool.description, {"type": "object", "properties": properties, "required": required})


def _mistyped(rng: random.Random, template: str) -> str:
    """Make one typing mistake in a long word that is no slot."""
    places = [
        m for m in re.finditer(r"(?<![{\w./])[a-z]{5,}(?![}\w./=(])", template) if not _inside_slot(template, m.start())
    ]
    if not places:
        return template
    word = rng.choice(places)
    place = rng.randint(word.start() + 1, word.end() - 2)
    mistake: Callable[[], str] = rng.choice(
        [
            lambda: template[:place] + template[place + 1 :],
            lambda: template[:place] + template[place + 1] + template[place] + template[place + 2 :],
            lambda: template[:place] + template[place] + template[place:],
        ]
    )
    return mistake()


def _inside_slot(template: str, place: int) -> bool:
    return template.rfind("{", 0, place) > template.rfind("}", 0, place)
