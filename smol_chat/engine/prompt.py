"""From a conversation to token ids, with the ids the model itself chose wherever the history holds its own words."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from smol_chat.engine.confine import confined
from smol_chat.engine.llama import Llama, Vocabulary
from smol_chat.messages import AssistantMessage, JsonObject, JsonValue, ToolCall
from smol_chat.protocol import ContentDelta, MalformedCall, ReasoningDelta, StreamParser, ToolCallParsed
from smol_chat.protocol.chat import as_chat, text_of
from smol_chat.protocol.grammar import CallForm
from smol_chat.protocol.template import CHATML, ChatTemplate, ChatTemplateError, RenderedPrompt, SpecialText

RENDER_SECONDS = 3.0
"""A rendered conversation takes milliseconds; a template that takes this long never ends."""

REMEMBERED_ROUNDS = 4

HEADER_TOKENS = 24
"""At most what stands between the end of one message and the text of the next."""

_NEXT_TEXTS = ("A", "1")

MIN_BYTES_PER_TOKEN = 64
"""A text with more bytes than this for each token of the window cannot fit; tokenising it would only take long."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model gets it."""

    ids: list[int]
    text: str
    """The rendered template, placeholders included."""
    position: int
    """Index the answer will have among the messages."""
    starts_in_reasoning: bool
    prefix: int = 0
    """How many tokens the system message and the tools take at its beginning; 0 where they do not stand there."""
    turn: int = 0
    """How many tokens there are up to the end of the last user message, where later prompts will go on differently."""


@dataclass(frozen=True, slots=True)
class _Round:
    """What was generated once: the answer as the history will show it, and all ids up to its end."""

    prompt: Prompt
    ids: list[int]
    answer: JsonObject


class PromptTooLongError(Exception):
    """Say that a text is far beyond the context window; `at_least` is the fewest tokens it can have."""

    def __init__(self, at_least: int) -> None:
        super().__init__(at_least)
        self.at_least = at_least


class PromptBuilder:
    """Render and tokenise, remembering the last rounds."""

    def __init__(self, model: Llama, template: str = "") -> None:
        """Prepare for a model.

        Args:
            model: the loaded model.
            template: the chat template to use; empty: those the model brings.
        """
        self._vocabulary = model.vocabulary
        self._context_size = model.context_size
        self._goes_back = model.is_recurrent
        self._beginning: tuple[str, list[int]] = "", []
        self._rounds: deque[_Round] = deque(maxlen=REMEMBERED_ROUNDS)
        source, for_tools = (template, None) if template else (model.template(), model.template("tool_use"))
        sources = [text for text in (source, for_tools) if text] or [CHATML]
        self._special = SpecialText(
            self._vocabulary.control, [tag for tag in self._vocabulary.tags if any(tag in text for text in sources)]
        )
        with confined(RENDER_SECONDS):
            self._template = self._compile(source)
            self._tool_template = self._compile(for_tools) if for_tools else self._template

    def _compile(self, source: str | None) -> ChatTemplate:
        bos, eos = (self._vocabulary.spelling(token) for token in (self._vocabulary.bos, self._vocabulary.eos))
        return ChatTemplate(source, self._special, bos=bos, eos=eos)

    @property
    def has_tools(self) -> bool:
        """The model's template knows tools."""
        return self._tool_template.traits.tools

    @property
    def call_form(self) -> CallForm:
        """How the model's template writes calls."""
        return "xml" if self._tool_template.traits.xml_calls else "json"

    def build(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> Prompt:
        """Return the prompt for the next answer.

        Raises:
            ChatTemplateError: the model's template fails on this conversation.
            PromptTooLongError: it is so far beyond the context window that it was not even tokenised.
        """
        ids, rendered = self._ids(messages, tools)
        return Prompt(
            ids,
            rendered.text,
            len(messages),
            rendered.starts_in_reasoning,
            prefix=self._prefix(ids, messages, tools),
            turn=self._turn(ids, messages, tools),
        )

    def ahead(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> Prompt:
        """Return what the next prompt will begin with, whatever the user writes next.

        Raises:
            ChatTemplateError: the model's template fails on this conversation.
            PromptTooLongError: it is so far beyond the context window that it was not even tokenised.
        """
        ids = self._shared(messages, tools)
        return Prompt(ids, "", len(messages), False, prefix=self._prefix(ids, messages, tools), turn=len(ids))

    def _shared(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> list[int]:
        """Return the ids that the prompt begins with for two next messages that have nothing in common."""
        one, other = (self._ids([*messages, {"role": "user", "content": text}], tools)[0] for text in _NEXT_TEXTS)
        return one[: self._end_of_message(one[: common_length(one, other)])]

    def _prefix(self, ids: list[int], messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> int:
        """Return how many ids the system message and the tools take."""
        system = list(takewhile(lambda message: message["role"] == "system", messages))
        key = json.dumps([system, tools])
        if key != self._beginning[0] or not _begins_with(ids, self._beginning[1]):
            try:
                self._beginning = key, self._shared(system, tools)
            except ChatTemplateError:  # this template wants something else before: then nothing is shared
                self._beginning = key, []
        shared = self._beginning[1]
        return len(shared) if len(shared) > HEADER_TOKENS and _begins_with(ids, shared) else 0

    def _turn(self, ids: list[int], messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> int:
        """Return where the last user message ends; 0 where that cannot be told."""
        users = [number for number, message in enumerate(messages) if message["role"] == "user"]
        if not self._goes_back or not users:
            return 0
        until = users[-1] + 1
        opened = ids if until == len(messages) else self._ids(messages[:until], tools)[0]
        end = self._end_of_message(opened)
        return end if _begins_with(ids, opened[:end]) else 0

    def _end_of_message(self, ids: list[int]) -> int:
        """Return how many ids there are up to the end of the last message, before the header of the next.

        Templates that have no token for it end a message with text, whose last token may yet grow.
        """
        for length in range(len(ids), max(0, len(ids) - HEADER_TOKENS), -1):
            if self._vocabulary.ends_turn(ids[length - 1]):
                return length
        return max(0, len(ids) - 1)

    def _ids(self, messages: Sequence[JsonObject], tools: Sequence[JsonValue]) -> tuple[list[int], RenderedPrompt]:
        template = self._tool_template if tools else self._template
        with confined(RENDER_SECONDS):
            rendered = template.render(messages, tools)
        size = len(rendered.text.encode("utf-8", "replace"))
        if size > MIN_BYTES_PER_TOKEN * (self._context_size + 1024):
            raise PromptTooLongError(size // MIN_BYTES_PER_TOKEN)
        ids = self._with_remembered(rendered, messages)
        return ids, rendered

    def remember(self, prompt: Prompt, generated: Sequence[int], text: str) -> None:
        """Keep the ids of an answer for the prompts that will contain it."""
        answer = _parsed(text, prompt.starts_in_reasoning)
        self._rounds.append(_Round(prompt, [*prompt.ids, *generated], answer))

    def _with_remembered(self, rendered: RenderedPrompt, messages: Sequence[JsonObject]) -> list[int]:
        for past in reversed(self._rounds):
            rest = self._rest_after(past, rendered.text, messages)
            if rest is not None:
                return [*past.ids, *self._tokenize(rest)]
        ids = self._tokenize(rendered.text)
        if self._vocabulary.adds_bos and ids[:1] != [self._vocabulary.bos]:
            ids.insert(0, self._vocabulary.bos)
        return ids

    def _rest_after(self, past: _Round, text: str, messages: Sequence[JsonObject]) -> str | None:
        """Return what follows the remembered answer in a rendered prompt; None where the prompt does not contain it.

        The answer may be written differently (JSON spaced anew, texts trimmed), so it is the parsed answer that is
        compared, and the end-of-turn token that tells where it ends.
        """
        position = past.prompt.position
        if len(messages) <= position or not text.startswith(past.prompt.text):
            return None
        if _essence(messages[position]) != _essence(past.answer):
            return None
        start = len(past.prompt.text)
        ends = [end for token in self._vocabulary.end_of_turn if (end := text.find(token, start)) >= 0]
        if not ends:
            return None
        reasoning = past.answer.get("reasoning_content")
        if isinstance(reasoning, str):
            shown = self._special.hide(reasoning.strip(), of_model=True)
            if shown not in text[start : min(ends)]:
                return None  # the template leaves reasoning out: then the model shall not see it either
        return text[min(ends) :]

    def _tokenize(self, text: str) -> list[int]:
        return [token for piece in self._special.split(text) for token in self._piece_ids(piece.text, piece.plain)]

    def _piece_ids(self, text: str, plain: bool) -> list[int]:
        return spell_out(self._vocabulary, text) if plain else self._vocabulary.tokenize(text, special=True)


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many ids two sequences begin with in common."""
    limit = min(len(left), len(right))
    if left[:limit] == right[:limit]:
        return limit
    return next(place for place in range(limit) if left[place] != right[place])


def _begins_with(ids: list[int], beginning: list[int]) -> bool:
    return ids[: len(beginning)] == beginning


def spell_out(vocabulary: Vocabulary, text: str) -> list[int]:
    """Tokenise the spelling of a special token as ordinary text.

    Visible tags are read as one token even with special tokens off; cut behind the first character they are not.
    """
    head, tail = text[:1], text[1:]
    return [*vocabulary.tokenize(head, special=False), *vocabulary.tokenize(tail, special=False)]


def _parsed(text: str, starts_in_reasoning: bool) -> JsonObject:
    """Return the generated text as the chat message the history will have for it."""
    parser = StreamParser(starts_in_reasoning=starts_in_reasoning)
    content: list[str] = []
    reasoning: list[str] = []
    calls: list[ToolCall] = []
    malformed: list[str] = []
    for event in (*parser.feed(text), *parser.finish()):
        match event:
            case ContentDelta(text=part):
                content.append(part)
            case ReasoningDelta(text=part):
                reasoning.append(part)
            case ToolCallParsed(name=name, arguments=arguments):
                calls.append(ToolCall("", name, arguments))
            case MalformedCall(raw=raw):
                malformed.append(raw)
    message = AssistantMessage("".join(content), "".join(reasoning), tuple(calls), tuple(malformed))
    return as_chat([message])[0]


def _essence(message: JsonObject) -> tuple[object, ...]:
    """Return what makes two assistant messages the same: ids and outer white space do not count.

    Nor does the type of an argument: the XML form has only texts, which the history holds converted.
    """
    reasoning = message.get("reasoning_content")
    calls = message.get("tool_calls")
    return (
        message["role"],
        text_of(message).strip(),
        reasoning.strip() if isinstance(reasoning, str) else "",
        [_call_essence(call) for call in calls] if isinstance(calls, list) else [],
    )


def _call_essence(call: JsonValue) -> tuple[JsonValue, dict[str, str]]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return None, {}
    arguments = function.get("arguments")
    values = arguments if isinstance(arguments, dict) else {}
    return function.get("name"), {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for key, value in values.items()
    }
