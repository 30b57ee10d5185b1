"""Put random schemas through our translation and llama.cpp's own parser of grammars; run as a process of its own.

Bad grammars and tokens end the process they are tried in: who started this one sees it. For schemas of the supported
shapes llama.cpp also takes texts that were written by the grammar, token by token, to their end and no further.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from llama_cpp import llama_cpp as lib

from smol_chat.engine.grammar import Grammar
from smol_chat.engine.llama import Vocabulary
from smol_chat.messages import JsonObject, JsonValue, ToolSchema
from smol_chat.protocol.grammar import MOST_CHARACTERS, CallForm, call_grammar
from support import gbnf
from support.schemas import ANY_SCHEMA, SUPPORTED_SCHEMA

FORMS: tuple[CallForm, ...] = ("json", "xml")


class Native:
    """llama.cpp with a vocabulary and no weights."""

    def __init__(self, model: Path) -> None:
        lib.llama_backend_init()
        params = lib.llama_model_default_params()
        params.vocab_only = True
        self._model = lib.llama_model_load_from_file(str(model).encode(), params)
        self._handle = lib.llama_model_get_vocab(self._model)
        self.vocabulary = Vocabulary(self._model)

    def grammar(self, source: str) -> Grammar:
        context = cast(lib.llama_context_p, None)  # nothing is evaluated here
        grammar = Grammar.parse(source, self._handle, context, self.vocabulary.size, self.vocabulary.invisible)
        assert grammar is not None, f"llama.cpp cannot read this grammar:\n{source}"
        return grammar

    def takes(self, source: str, text: str) -> None:
        """Fail unless the text is one the grammar allows, and nothing may follow it."""
        grammar = self.grammar(source)
        try:
            for token in self.vocabulary.tokenize(text, special=False):
                assert grammar.take(token, self.vocabulary.piece(token)), (text, source)
            for token in self.vocabulary.tokenize(" {x", special=False):
                assert not grammar.take(token, self.vocabulary.piece(token)), (text, source)
            assert grammar.take(self.vocabulary.eos, b""), (text, source)
        finally:
            grammar.free()


def main(model: Path, count: int) -> None:
    native = Native(model)
    tried = 0

    def run(schema: JsonValue) -> str | None:
        nonlocal tried
        tried += 1
        if not isinstance(schema, dict):
            return None
        sources = [call_grammar([ToolSchema("do_it", "", schema)], form) for form in FORMS]
        for source in sources:
            assert len(source) < 2 * MOST_CHARACTERS, len(source)
            native.grammar(source).free()
        return sources[tried % 2]

    checks = settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))

    @seed(count)
    @checks
    @given(ANY_SCHEMA)
    def any_schema(schema: JsonValue) -> None:
        run(schema)

    @seed(count)
    @settings(checks, max_examples=max(1, count // 4))
    @given(SUPPORTED_SCHEMA, st.integers(0, 10**6))
    def supported_schema(schema: JsonObject, start: int) -> None:
        source = run(schema)
        assert source is not None
        native.takes(source, gbnf.Grammar(source).write(random.Random(start)))

    any_schema()
    supported_schema()
    print(f"{tried} schemas")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
