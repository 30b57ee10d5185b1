"""Render the chat template a model brings, and keep untrusted text from spelling special tokens.

A template is a program from a stranger: it runs in a sandbox, its size and output are bounded, and whoever calls this
bounds time and memory. The texts it is given are from strangers too. Where one of them spells a special token, the
spelling goes through the template as a placeholder, which comes out as a piece to be tokenised as plain text.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smol_chat.errors import EngineError
from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.chat import (
    with_alternating_roles,
    with_system_in_user,
    with_tools_as_text,
)

MAX_SOURCE = 64 * 1024
"""Characters of a template; the longest in use have about 20,000."""

MAX_INTEGER_BITS = 4096
MAX_REPETITION = 1024 * 1024

REASONING_TAGS = ("<think>", "</think>")
TOOL_TAGS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

CHATML = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""For a model that brings no template."""


class ChatTemplateError(EngineError):
    """Report a chat template that cannot be compiled or rendered."""


class RunawayTemplateError(ChatTemplateError):
    """Report a template that wants more time, memory or output than any honest one; it is not given another try."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a rendered prompt. `plain`: tokenise it with special tokens off."""

    text: str
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What a template does with what it is given, found by rendering probes."""

    tools: bool
    """Tools, calls and results have a form of their own, with calls in the tags our parser reads."""
    system: bool
    typed_content: bool
    """Content must be a list of parts."""
    text_arguments: bool
    """A call's arguments must be JSON text, not an object."""
    xml_calls: bool
    """Calls are written as `<function=…><parameter=…>`, not as JSON."""


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt that still holds placeholders; `SpecialText.split` takes them out."""

    text: str
    starts_in_reasoning: bool


class SpecialText:
    """Hide spellings of special tokens in untrusted text, and find them again in what a template made of it.

    `control` tokens are hidden everywhere; tags that structure a prompt (`<tool_call>`, … and the visible ones of the
    vocabulary that the template uses, given as `tags`) stay what they are in the model's own text.
    """

    def __init__(self, control: Iterable[str], tags: Iterable[str] = ()) -> None:
        self._control = _SpellingFinder([*control, *REASONING_TAGS])
        self._all = _SpellingFinder([*control, *tags, *TOOL_TAGS, *REASONING_TAGS])
        self._secret = secrets.token_hex(8)
        self._mark = re.compile(f"\ue000{self._secret}([0-9a-f]*)\ue001")

    def hide(self, text: str, *, of_model: bool = False) -> str:
        """Return `text` with each spelling of a special token replaced by a placeholder."""
        spans = (self._control if of_model else self._all).find(text)
        out, end = [], 0
        for start, stop in spans:
            spelled = text[start:stop].encode("utf-8", "replace").hex()
            out += [text[end:start], f"\ue000{self._secret}{spelled}\ue001"]
            end = stop
        return "".join(out) + text[end:] if out else text

    def hide_all(self, value: JsonValue, *, of_model: bool = False) -> JsonValue:
        """Do the same in every string of a JSON value, keys included."""
        if isinstance(value, str):
            return self.hide(value, of_model=of_model)
        if isinstance(value, list):
            return [self.hide_all(item, of_model=of_model) for item in value]
        if isinstance(value, dict):
            return {
                self.hide(key, of_model=of_model): self.hide_all(item, of_model=of_model) for key, item in value.items()
            }
        return value

    def split(self, text: str) -> list[Piece]:
        """Return the rendered text as pieces, the hidden spellings as plain ones."""
        parts = self._mark.split(text)
        pieces = [
            Piece(bytes.fromhex(part).decode("utf-8", "replace"), plain=True) if number % 2 else Piece(part)
            for number, part in enumerate(parts)
        ]
        return [piece for piece in pieces if piece.text]


class _SpellingFinder:
    """Find any of many spellings, ASCII case ignored: a template may change the case of what it prints.

    A vocabulary can have thousands of special tokens, for which one alternation would be slow at every position.
    """

    def __init__(self, spellings: Iterable[str]) -> None:
        self._spellings = {_fold(spelling) for spelling in spellings if spelling.strip()}
        self._lengths = sorted({len(spelling) for spelling in self._spellings}, reverse=True)
        firsts = "".join({re.escape(spelling[0]) for spelling in self._spellings})
        self._first = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def find(self, text: str) -> list[tuple[int, int]]:
        folded = _fold(text)
        spans: list[tuple[int, int]] = []
        end = 0
        for match in self._first.finditer(folded):
            start = match.start()
            if start < end:
                continue
            for length in self._lengths:
                if folded[start : start + length] in self._spellings:
                    end = start + length
                    spans.append((start, end))
                    break
        return spans


_ASCII_FOLD = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _fold(text: str) -> str:
    return text.translate(_ASCII_FOLD)


class ChatTemplate:
    """A compiled template and what it was found to do."""

    def __init__(self, source: str | None, special: SpecialText, *, bos: str = "", eos: str = "") -> None:
        source = source or CHATML
        if len(source) > MAX_SOURCE:
            raise ChatTemplateError(
                f"The model's chat template has {len(source):,} characters; more than {MAX_SOURCE:,} are not accepted. "
                "Use another build of this model."
            )
        environment = _Environment()
        environment.globals.update(bos_token=bos, eos_token=eos)
        try:
            self._template = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise ChatTemplateError(
                f"The model's chat template has an error in line {error.lineno}: {error.message}. "
                "Use another build of this model."
            ) from error
        except Exception as error:  # a border: compiling evaluates constants of a stranger's program
            raise ChatTemplateError(f"The model's chat template cannot be compiled: {_reason(error)}.") from error
        self._special = special
        self.traits = self._probe()

    def render(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue] = ()) -> RenderedPrompt:
        """Return the prompt that asks for the next assistant message.

        Raises:
            ChatTemplateError: the template fails on this conversation, also after simplifying it.
        """
        hidden = [self._hide(message) for message in messages]
        hidden_tools = [self._special.hide_all(tool) for tool in tools]
        text_form = not self.traits.tools
        chat = with_tools_as_text(hidden, hidden_tools) if text_form else hidden
        if not self.traits.system:
            chat = with_system_in_user(chat)
        try:
            text = self._run(chat, [] if text_form else hidden_tools)
        except RunawayTemplateError:
            raise
        except ChatTemplateError:
            plainest = with_alternating_roles(with_system_in_user(with_tools_as_text(hidden, hidden_tools)))
            text = self._run(plainest, [])
        return RenderedPrompt(text, text.rstrip().endswith(REASONING_TAGS[0]))

    def _hide(self, message: JsonObject) -> JsonObject:
        of_model = message["role"] == "assistant"
        return {
            key: self._special.hide_all(value, of_model=of_model) if key != "role" else value
            for key, value in message.items()
        }

    def _run(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue], *, traits: Traits | None = None) -> str:
        shaped = [_shape(message, traits or self.traits) for message in messages]
        limit = 64 * 1024 + 4 * (len(json.dumps(shaped)) + len(json.dumps(tools)))
        out, length = [], 0
        try:
            for part in self._template.generate(messages=shaped, tools=tools or None, add_generation_prompt=True):
                length += len(part)
                if length > limit:
                    raise RunawayTemplateError(
                        f"The model's chat template writes more than {limit:,} characters for this conversation; "
                        "it is broken or hostile. Use another build of this model."
                    )
                out.append(part)
        except ChatTemplateError:
            raise
        except Exception as error:  # a border: a stranger's program ran
            runaway = isinstance(error, (TimeoutError, MemoryError))
            raise (RunawayTemplateError if runaway else ChatTemplateError)(
                f"The model's chat template fails on this conversation: {_reason(error)}. "
                "Use another build of this model."
            ) from error
        return "".join(out)

    def _probe(self) -> Traits:
        """Render probes with markers and look which of them come out."""
        traits = Traits(tools=False, system=True, typed_content=False, text_arguments=False, xml_calls=False)
        if "probe-user" not in self._try([_USER], [], traits):
            typed = _replace(traits, typed_content=True)
            if "probe-user" in self._try([_USER], [], typed):
                traits = typed
        if "probe-system" not in self._try([_SYSTEM, _USER], [], traits):
            traits = _replace(traits, system=False)
        if "probe_tool" not in self._try([_USER], [_TOOL], traits):
            return traits
        for text_arguments in (False, True):
            tried = _replace(traits, tools=True, text_arguments=text_arguments)
            text = self._try([_USER, _CALL, _RESULT], [_TOOL], tried)
            if all(mark in text for mark in (TOOL_TAGS[0], "probe-value", "probe-result")):
                return _replace(tried, xml_calls="<parameter=" in text.partition("probe-value")[0])
        return traits

    def _try(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue], traits: Traits) -> str:
        try:
            return self._run(messages, tools, traits=traits)
        except RunawayTemplateError:
            raise
        except ChatTemplateError:
            return ""


_SYSTEM: JsonObject = {"role": "system", "content": "probe-system"}
_USER: JsonObject = {"role": "user", "content": "probe-user"}
_TOOL: JsonObject = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "A probe.",
        "parameters": {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
    },
}
_CALL: JsonObject = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call00001",
            "type": "function",
            "function": {"name": "probe_tool", "arguments": {"key": "probe-value"}},
        }
    ],
}
_RESULT: JsonObject = {"role": "tool", "tool_call_id": "call00001", "name": "probe_tool", "content": "probe-result"}


def _replace(traits: Traits, **changes: bool) -> Traits:
    # dataclasses.replace is Any-typed here and would hide a misspelt name from the type checker
    values = {name: getattr(traits, name) for name in Traits.__slots__}
    return Traits(**{**values, **changes})


def _shape(message: JsonObject, traits: Traits) -> JsonObject:
    """Return a message in the form this template reads."""
    shaped = dict(message)
    if traits.typed_content and isinstance(shaped.get("content"), str):
        shaped["content"] = [{"type": "text", "text": shaped["content"]}]
    calls = shaped.get("tool_calls")
    if isinstance(calls, list):
        shaped["tool_calls"] = [_shape_call(cast(JsonObject, call), traits) for call in calls]
    elif calls is None:
        shaped.pop("tool_calls", None)
    if isinstance(shaped.get("tool_call_id"), str):
        shaped["tool_call_id"] = _short_id(cast(str, shaped["tool_call_id"]))
    return shaped


def _shape_call(call: JsonObject, traits: Traits) -> JsonObject:
    function = cast(JsonObject, call["function"])
    arguments = function["arguments"]
    if traits.text_arguments:
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "id": _short_id(str(call.get("id"))),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _short_id(call_id: str) -> str:
    """Return an id of nine letters and digits: Mistral's templates refuse any other."""
    return "".join(character for character in call_id if character.isascii() and character.isalnum())[-9:].rjust(9, "0")


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


class _GenerationBlock(Extension):
    """Accept `{% generation %}` blocks, which training code uses to mark the model's own text."""

    tags = {"generation"}  # noqa: RUF012 - the attribute's form is Jinja's

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """The environment chat templates are written for, with bounded arithmetic."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension, _GenerationBlock])
        self.filters["tojson"] = _to_json
        del self.globals["lipsum"]  # filler text, slow and of no use in a prompt
        self.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Multiply or raise to a power, unless the result would be huge."""
        for sequence, count in ((left, right), (right, left)):
            if not isinstance(count, int) or not isinstance(sequence, (str, bytes, list, tuple)):
                continue
            if len(sequence) * count > MAX_REPETITION:
                raise SecurityError("it repeats a text too often")
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            if bits > MAX_INTEGER_BITS:
                raise SecurityError("it computes a number that is too large")
        return super().call_binop(context, operator, left, right)


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter writes <, > and & as escapes for HTML, which models were not trained on
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
