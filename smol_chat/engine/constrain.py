"""Calls that are valid as they are written: from `<tool_call>` to its end a model is held to the tools' grammar.

The tag is looked for in the text, by the parser that reads the answer in the end, so a tag inside reasoning opens
nothing, whichever tokens it is made of. Between calls the model writes freely, at no cost.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
import traceback
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from smol_chat.engine.grammar import Grammar
from smol_chat.engine.llama import Llama, Sampler
from smol_chat.errors import EngineError
from smol_chat.messages import JsonObject, ToolSchema
from smol_chat.protocol import StreamParser
from smol_chat.protocol.grammar import CallForm, call_grammar
from smol_chat.protocol.tags import CALL, THINK_END

MOST_CALL_TOKENS = 4096
"""A call as long as that never ends: a grammar lets a model go on with a string for ever."""

MOST_FORCED_REASONING = 512
"""Tokens a model may go on reasoning when it must call a tool; then its reasoning is closed."""

_REMEMBERED = 8
_TO_TAG_END = re.compile(r"[^>]*>|[^>]+")


@dataclass(frozen=True, slots=True)
class CallRules:
    """What holds for the calls of one generation."""

    grammar: str | None
    """Of one call, from behind its opening tag; None lets the model write what it likes."""
    must_call: bool = False


class CallGrammars:
    """Make the grammars of tools and try them in llama.cpp; the last ones are remembered."""

    def __init__(self, model: Llama, form: CallForm) -> None:
        self._model = model
        self._form: CallForm = form
        self._known: OrderedDict[str, str | None] = OrderedDict()

    def rules(self, tools: Sequence[JsonObject], choice: str, *, constrain: bool) -> CallRules | None:
        """Return what holds where these tools are on offer, in OpenAI's form; None where nothing does.

        Args:
            tools: the tools.
            choice: `auto`, `none`, `required`, or the name of the one tool to call.
            constrain: hold calls to the grammar.

        Raises:
            EngineError: the chosen tool is not on offer, or none is.
        """
        if choice == "none":
            return None
        schemas = [_schema(tool) for tool in tools]
        only = None if choice in ("auto", "required") else choice
        if choice != "auto" and not any(only in (None, schema.name) for schema in schemas):
            wanted = "No tool is on offer" if only is None else f"The tool {only!r} is not on offer"
            raise EngineError(f"{wanted}, so it cannot be called. Choose another, or let the model choose.")
        if not schemas or (choice == "auto" and not constrain):
            return None
        return CallRules(self._grammar(schemas, only) if constrain else None, must_call=choice != "auto")

    def _grammar(self, tools: Sequence[ToolSchema], only: str | None) -> str | None:
        key = json.dumps([only, *(tool.as_openai() for tool in tools)])
        if key not in self._known:
            self._known[key] = self._made(tools, only)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _made(self, tools: Sequence[ToolSchema], only: str | None) -> str | None:
        """Return a grammar llama.cpp can read, with any arguments for the tools whose own it cannot."""
        grammar = self._tried(tools, only)
        if grammar is not None:
            return grammar
        loosened = []
        for tool in tools:
            fits = self._tried([tool], None) is not None
            loosened.append(tool if fits else ToolSchema(tool.name, "", {"type": "object"}))
            if not fits:
                print(
                    f"no grammar for the arguments of {tool.name!r}: any are let through", file=sys.stderr, flush=True
                )
        return self._tried(loosened, only)

    def _tried(self, tools: Sequence[ToolSchema], only: str | None) -> str | None:
        try:
            source = call_grammar(tools, self._form, only=only)
        except Exception:  # a border: schemas come from strangers, and an unheld call is better than none
            traceback.print_exc()
            return None
        grammar = self._model.grammar(source)
        if grammar is None:
            return None
        grammar.free()
        return source


class CallWriter:
    """Choose the tokens of one generation, held to the grammar inside calls; free it after use."""

    def __init__(self, model: Llama, sampler: Sampler, rules: CallRules, *, starts_in_reasoning: bool) -> None:
        self._model = model
        self._sampler = sampler
        self._rules = rules
        self._parser = StreamParser(starts_in_reasoning=starts_in_reasoning)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._grammar: Grammar | None = None
        self._call_tokens = 0
        self._reasoning_tokens = 0
        self._must_call = rules.must_call
        """A call is still to be opened, behind the reasoning."""
        self._forced: deque[int] = deque()
        """Tokens that come next, whatever the model would choose."""
        if rules.must_call and not starts_in_reasoning:
            self._open_call()

    @property
    def in_call(self) -> bool:
        """A call is being written."""
        return self._parser.in_call

    @property
    def call_is_too_long(self) -> bool:
        """The call that is being written should have ended long ago."""
        return self._call_tokens >= MOST_CALL_TOKENS

    def next(self) -> int:
        """Return the next token. Its text is still to be given to `follow`, unless it ends the turn."""
        if not self._forced:
            token = self._chosen()
            if not (self._must_call and self._model.vocabulary.ends_turn(token)):
                return token
            self._open_call()
        token = self._forced.popleft()
        self._sampler.accept((token,))
        return token

    def follow(self, token: int) -> None:
        """Take the text of a token that was generated: calls begin and end here."""
        text = self._decoder.decode(self._model.vocabulary.piece(token))
        self._call_tokens = self._call_tokens + 1 if self._parser.in_call else 0
        opened, rest = False, ""
        for part in _TO_TAG_END.findall(text):
            inside = self._parser.in_call
            self._parser.feed(part)
            if self._parser.in_call != inside:  # a tag can only end at its last character
                opened, rest = not inside, ""
            elif opened:
                rest += part
        if opened or not self._parser.in_call:
            self._leave_grammar()
        if opened and self._parser.in_call:
            self._enter_grammar(rest)
        if self._must_call:
            self._end_reasoning()

    def free(self) -> None:
        """Give the memory back."""
        self._leave_grammar()

    def _chosen(self) -> int:
        if self._grammar is not None:
            token = self._grammar.choose(self._sampler.choose, self._model.vocabulary.piece)
            if token is not None:
                self._sampler.accept((token,))
                return token
            print("no token fits the grammar: the rest of the call is not held to it", file=sys.stderr, flush=True)
            self._leave_grammar()
        return self._sampler.sample()

    def _enter_grammar(self, rest: str) -> None:
        """Begin with the text that came behind the tag in the tag's own token."""
        if self._rules.grammar is None or self._decoder.getstate()[0]:
            return
        grammar = self._grammar = self._model.grammar(self._rules.grammar)
        vocabulary = self._model.vocabulary
        if grammar is None or not rest:
            return
        if not all(grammar.take(token, vocabulary.piece(token)) for token in vocabulary.tokenize(rest, special=False)):
            self._leave_grammar()  # it began the call in a way of its own; the parser will judge

    def _leave_grammar(self) -> None:
        if self._grammar is not None:
            self._grammar.free()
            self._grammar = None

    def _end_reasoning(self) -> None:
        """Let reasoning end by itself, for a while, and the call begin behind it."""
        self._reasoning_tokens += 1
        if not self._parser.in_reasoning or self._reasoning_tokens >= MOST_FORCED_REASONING:
            self._open_call()

    def _open_call(self) -> None:
        self._must_call = False
        opening = f"\n{THINK_END}\n\n{CALL}" if self._parser.in_reasoning else CALL
        self._forced.extend(self._model.vocabulary.tokenize(opening, special=True))


def _schema(tool: JsonObject) -> ToolSchema:
    function = tool.get("function")
    assert isinstance(function, dict)
    parameters = function.get("parameters")
    return ToolSchema(str(function.get("name")), "", parameters if isinstance(parameters, dict) else {})
