"""llama.cpp through its C functions: one model, one context, one sequence. Runs in the worker only.

The package's high-level class hides errors, re-evaluates whole prompts of hybrid models and cannot be interrupted
during prefill, so nothing of it is used here.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import llama_cpp
from llama_cpp import llama_cpp as lib

from smol_chat.engine.fit import KvType, flash_attention
from smol_chat.engine.grammar import Grammar
from smol_chat.errors import EngineError, ModelFileError
from smol_chat.messages import JsonObject

_WARNING, _ERROR, _CONTINUED = 3, 4, 5
_ABORTED = 2
_KV_TYPES = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0}
_STATE_FLAGS = {False: lib.LLAMA_STATE_SEQ_FLAGS_NONE, True: lib.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY}

StateBuffer = ctypes.Array[ctypes.c_uint8]

PENALTY_WINDOW = 64
"""Tokens looked back at by the repetition penalty; llama.cpp's own default."""

VISIBLE_CONTROL_TOKENS = {"<think>", "</think>", "<tool_call>", "</tool_call>"}
"""Some vocabularies mark these as control tokens; their text must come out all the same."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load: as `LocalOptions`, with every number decided."""

    context_size: int
    threads: int
    ubatch: int
    gpu_layers: int
    kv_type: KvType = "f16"
    """In which precision keys and values are kept: f16 or q8_0."""
    repack: bool = False
    """Keep a second copy of the weights, in the order this processor reads fastest."""


class LogTail:
    """Take llama.cpp's log: warnings and errors go to standard error, the last errors are kept as reasons."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=8)
        self._level = 0
        self._callback = lib.llama_log_callback(self._log)  # must live as long as llama.cpp may call it
        lib.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _log(self, level: int, text: bytes, _data: object) -> None:
        self._level = self._level if level == _CONTINUED else level
        if self._level < _WARNING:
            return
        line = text.decode("utf-8", "replace")
        sys.stderr.write(line)
        sys.stderr.flush()
        if self._level >= _ERROR and line.strip():
            self._errors.append(line.strip())

    def reason(self) -> str:
        """Return the first of the errors since the last call: the later ones only report that the earlier happened."""
        first = self._errors[0] if self._errors else ""
        self._errors.clear()
        _function, colon, message = first.partition(": ")
        return (message if colon and " " not in _function else first).rstrip(".")


class AbortFlag:
    """A flag llama.cpp looks at while it computes, set from another thread.

    Its abort callback is called for every node of the graph, some hundred times a token. A Python function there costs
    two percent of the speed, so the callback is the C library's `atoi` and the flag the text it reads: "0" or "1".
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(b"0")
        self._callback = ctypes.cast(ctypes.CDLL(None).atoi, lib.ggml_abort_callback)
        self._never = lib.ggml_abort_callback()  # a null pointer

    def set(self) -> None:
        """Abort the computation that runs, and any later one."""
        self._text[0] = b"1"

    def clear(self) -> None:
        """Let computations run."""
        self._text[0] = b"0"

    def is_set(self) -> bool:
        """Tell whether computations are aborted."""
        return bool(self._text[0] == b"1")

    def watch(self, context: lib.llama_context_p, *, inside: bool) -> None:
        """Have the flag looked at inside computations, or leave them alone."""
        callback = self._callback if inside else self._never
        lib.llama_set_abort_callback(context, callback, ctypes.cast(self._text, ctypes.c_void_p))


class Vocabulary:
    """Text to token ids and back."""

    def __init__(self, model: lib.llama_model_p) -> None:
        self._vocab = lib.llama_model_get_vocab(model)
        self.size = int(lib.llama_vocab_n_tokens(self._vocab))
        self._buffer = ctypes.create_string_buffer(256)
        self._pieces: dict[int, bytes] = {}
        self._spelt: dict[int, str] = {}
        control = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN
        self.control: list[str] = []
        """Spellings the tokenizer reads as one token only where special tokens are on."""
        self.tags: list[str] = []
        """Spellings it reads as one token everywhere."""
        self.invisible: list[int] = []
        """Tokens that add nothing to the text and do not end it."""
        self.end_of_turn: list[str] = []
        for token in range(self.size):
            attributes = lib.llama_vocab_get_attr(self._vocab, token)
            if attributes & control:
                self._add_control(token)
            elif attributes & lib.LLAMA_TOKEN_ATTR_USER_DEFINED:
                self.tags.append(self.spelling(token))

    def _add_control(self, token: int) -> None:
        spelling = self.spelling(token)
        self.control.append(spelling)
        if lib.llama_vocab_is_eog(self._vocab, token):
            self.end_of_turn.append(spelling)
        elif spelling not in VISIBLE_CONTROL_TOKENS:
            self.invisible.append(token)
        if spelling not in VISIBLE_CONTROL_TOKENS:
            self._pieces[token] = b""

    @property
    def bos(self) -> int:
        """The token that opens a text, -1 where the vocabulary has none."""
        return int(lib.llama_vocab_bos(self._vocab))

    @property
    def eos(self) -> int:
        """The token that ends a text, -1 where the vocabulary has none."""
        return int(lib.llama_vocab_eos(self._vocab))

    @property
    def adds_bos(self) -> bool:
        """Every prompt must open with `bos`."""
        return bool(lib.llama_vocab_get_add_bos(self._vocab)) and self.bos >= 0

    def grammar(self, source: str, context: lib.llama_context_p) -> Grammar | None:
        """Return a grammar for what `context` evaluates; None where llama.cpp cannot read it."""
        return Grammar.parse(source, self._vocab, context, self.size, self.invisible)

    def spelling(self, token: int) -> str:
        """Return what a token is written as, control tokens too; empty for none."""
        return self._bytes(token).decode("utf-8", "replace") if token >= 0 else ""

    def ends_turn(self, token: int) -> bool:
        """Tell whether the token ends the generation."""
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    def piece(self, token: int) -> bytes:
        """Return the bytes a generated token adds to the text: none for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._bytes(token)
        return known

    def _bytes(self, token: int) -> bytes:
        length = lib.llama_token_to_piece(self._vocab, token, self._buffer, len(self._buffer), 0, True)
        if length < 0:  # the negative of the size it needs
            self._buffer = ctypes.create_string_buffer(-length)
            length = lib.llama_token_to_piece(self._vocab, token, self._buffer, len(self._buffer), 0, True)
        return self._buffer.raw[:length]

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return the token ids of a text; `special`: spellings of control tokens become those tokens."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (lib.llama_token * room)()
        count = lib.llama_tokenize(self._vocab, data, len(data), tokens, room, False, special)
        if count < 0:
            tokens = (lib.llama_token * -count)()
            count = lib.llama_tokenize(self._vocab, data, len(data), tokens, -count, False, special)
        return list(tokens[:count])


class Llama:
    """A loaded model with its context."""

    def __init__(self, path: Path, options: LoadOptions, log: LogTail, abort: AbortFlag) -> None:
        self._abort = abort
        self._log = log  # llama.cpp goes on calling it
        lib.llama_backend_init()
        log.reason()
        self._model = load_model(path, options, log)
        self.vocabulary = Vocabulary(self._model)
        trained = int(lib.llama_model_n_ctx_train(self._model))
        self.context_size = max(1, min(options.context_size, trained) if trained > 0 else options.context_size)
        self._ubatch = min(options.ubatch, self.context_size)
        self._context = create_context(self._model, options, self.context_size, self._ubatch, log)
        self._memory = lib.llama_get_memory(self._context)
        self.is_recurrent = bool(lib.llama_model_is_hybrid(self._model) or lib.llama_model_is_recurrent(self._model))
        self._window = int(lib.llama_model_n_swa(self._model))
        self._batch = lib.llama_batch_init(self._ubatch, 0, 1)
        for slot in range(self._ubatch):
            self._batch.n_seq_id[slot] = 1
            self._batch.seq_id[slot][0] = 0
        self.ids: list[int] = []
        """What is in memory, exactly: one id for each position from 0."""
        self.is_intact = True
        """False after an abort that left phantoms behind `ids`: a state must be written, or the memory cleared."""

    def describe(self) -> str:
        """Return architecture, size and quantisation in llama.cpp's words."""
        buffer = ctypes.create_string_buffer(128)
        lib.llama_model_desc(self._model, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace").replace(" ?B", "")  # a size it has no name for

    def adapt(self, path: Path, scale: float) -> None:
        """Add a LoRA adapter's changes, times `scale`, to the weights.

        Raises:
            ModelFileError: it does not belong to this model.
        """
        self._log.reason()
        adapter = lib.llama_adapter_lora_init(self._model, os.fsencode(path))
        adapters = (lib.llama_adapter_lora_p_ctypes * 1)(adapter)
        scales = (ctypes.c_float * 1)(scale)
        if not adapter or lib.llama_set_adapters_lora(self._context, adapters, 1, scales) != 0:
            raise ModelFileError(
                _because(f"The adapter {path.name!r} cannot be used with this model", self._log)
                + " Name one that was made for it in model.adapter, or none."
            )

    def version(self) -> str:
        """Return what changes when another build of llama.cpp may write its state differently."""
        return f"{llama_cpp.__version__} {lib.llama_print_system_info().decode('utf-8', 'replace')}"

    def template(self, name: str | None = None) -> str | None:
        """Return the chat template the model brings, or its named variant; None where it has none."""
        source = lib.llama_model_chat_template(self._model, name.encode() if name else None)
        return source.decode("utf-8", "replace") if source else None

    def cut(self, length: int) -> bool:
        """Forget everything from position `length` on; False, with nothing changed, where this memory cannot.

        Recurrent memory holds one state for all it has read: it can be cut only where that state already is.
        """
        if length == 0:
            self.clear()
            return True
        # a sliding window may have let go of what is looked at next; recurrent memory knows its last position only
        first = lib.llama_memory_seq_pos_min(self._memory, 0)
        if not self.is_recurrent and first > (max(0, length - self._window + 1) if self._window else 0):
            return False
        if not lib.llama_memory_seq_rm(self._memory, 0, length, -1):
            return False
        del self.ids[length:]
        self.is_intact = True
        return True

    def clear(self) -> None:
        """Forget everything."""
        lib.llama_memory_clear(self._memory, True)
        self.ids.clear()
        self.is_intact = True

    def state_size(self, *, partial: bool) -> int:
        """Return the bytes that `read_state` will write now; `partial`: only of what cannot be cut."""
        return int(lib.llama_state_seq_get_size_ext(self._context, 0, _STATE_FLAGS[partial]))

    def read_state(self, into: StateBuffer, *, partial: bool) -> int:
        """Copy the memory's state into a buffer of at least `state_size` bytes; return its length, 0 for a failure."""
        return int(lib.llama_state_seq_get_data_ext(self._context, into, len(into), 0, _STATE_FLAGS[partial]))

    def write_state(self, state: StateBuffer, length: int, ids: Sequence[int], *, partial: bool) -> bool:
        """Bring the memory back to a state that was read when it held `ids`; False: only `clear` helps now.

        A partial state is completed by the rest of the memory, which must still hold `ids` at its beginning.
        """
        if not partial:
            self.clear()
        self.is_intact = False
        if lib.llama_state_seq_set_data_ext(self._context, state, length, 0, _STATE_FLAGS[partial]) != length:
            return False
        self.ids[:] = ids
        return self.cut(len(ids))

    def chunk_size(self) -> int:
        """Return how many tokens are evaluated at a time."""
        return self._ubatch

    def evaluate(self, ids: Sequence[int], *, abortable: bool) -> bool:
        """Append up to `chunk_size` tokens to memory and compute what follows the last; False when aborted.

        After an abort the memory holds what it held before, or is not intact where that cannot be restored.

        Raises:
            EngineError: llama.cpp could not do it.
        """
        assert self.is_intact
        start, batch = len(self.ids), self._batch
        batch.n_tokens = len(ids)
        for slot, token in enumerate(ids):
            batch.token[slot] = token
            batch.pos[slot] = start + slot
            batch.logits[slot] = 0
        batch.logits[len(ids) - 1] = 1
        self._abort.watch(self._context, inside=abortable)
        code = lib.llama_decode(self._context, batch)
        if code == 0:
            self.ids.extend(ids)
            return True
        # positions beyond the start may be phantoms now, whatever the memory says of itself
        self.is_intact = False
        if not self.is_recurrent:
            self.is_intact = self.cut(start)
        if code == _ABORTED:
            return False
        raise EngineError(f"The model could not evaluate the text (llama_decode returned {code}). Try again.")

    def sampler(self, sampling: JsonObject) -> Sampler:
        """Return what chooses tokens from the last evaluation, the way the request asks for."""
        return Sampler(self._context, self.vocabulary.size, sampling)

    def grammar(self, source: str) -> Grammar | None:
        """Return a grammar to choose tokens by; None where llama.cpp cannot read it."""
        return self.vocabulary.grammar(source, self._context)


class Sampler:
    """llama.cpp's own sampler chain; free it after use."""

    def __init__(self, context: lib.llama_context_p, vocabulary_size: int, sampling: JsonObject) -> None:
        self._context = context
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        penalty = _float(sampling, "repeat_penalty")
        if penalty != 1.0:
            self._add(lib.llama_sampler_init_penalties(vocabulary_size, PENALTY_WINDOW, penalty, 0.0, 0.0))
        temperature = _float(sampling, "temperature")
        if temperature <= 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if (top_k := int(_float(sampling, "top_k"))) > 0:
            self._add(lib.llama_sampler_init_top_k(top_k))
        if (top_p := _float(sampling, "top_p")) < 1.0:
            self._add(lib.llama_sampler_init_top_p(top_p, 1))
        if (min_p := _float(sampling, "min_p")) > 0.0:
            self._add(lib.llama_sampler_init_min_p(min_p, 1))
        self._add(lib.llama_sampler_init_temp(temperature))
        seed = sampling.get("seed")
        if not isinstance(seed, int):
            seed = int.from_bytes(os.urandom(4), "big")
        self._add(lib.llama_sampler_init_dist(seed % lib.LLAMA_DEFAULT_SEED))  # that value itself means "random"

    def _add(self, sampler: lib.llama_sampler_p) -> None:
        lib.llama_sampler_chain_add(self._chain, sampler)

    def accept(self, ids: Sequence[int]) -> None:
        """Let the repetition penalty see tokens that were not sampled here."""
        for token in ids[-PENALTY_WINDOW:]:
            lib.llama_sampler_accept(self._chain, token)

    def sample(self) -> int:
        """Return the next token."""
        return int(lib.llama_sampler_sample(self._chain, self._context, -1))

    def choose(self, candidates: lib.llama_token_data_array) -> int:
        """Return one of some candidates instead, without accepting it."""
        lib.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def free(self) -> None:
        """Give the memory back."""
        lib.llama_sampler_free(self._chain)


def _float(values: JsonObject, key: str) -> float:
    value = values[key]
    assert isinstance(value, (int, float)), key
    return float(value)


def _assign(params: ctypes.Structure, **values: object) -> None:
    known = {name for name, *_ in params._fields_}
    for name, value in values.items():
        if name not in known:
            raise EngineError(
                f"This llama-cpp-python does not know the parameter {name!r}. Install the version smol-chat asks for: "
                "pip install llama-cpp-python==0.3.36."
            )
        setattr(params, name, value)


def load_model(
    path: Path, options: LoadOptions, log: LogTail | None = None, *, no_alloc: bool = False
) -> lib.llama_model_p:
    """Load a model's weights; with `no_alloc` only its plan.

    Raises:
        ModelFileError: llama.cpp cannot; `log` has the reason.
    """
    params = lib.llama_model_default_params()
    _assign(params, n_gpu_layers=options.gpu_layers, use_extra_bufts=options.repack)
    if no_alloc:
        _assign(params, no_alloc=True, load_mode=lib.LLAMA_LOAD_MODE_NONE)
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelFileError(_because(f"The model {path.name!r} cannot be loaded", log))
    if lib.llama_model_has_encoder(model) or not lib.llama_model_has_decoder(model):
        raise ModelFileError(f"The model {path.name!r} cannot chat: it only encodes text. Choose a chat model.")
    return cast(lib.llama_model_p, model)


def create_context(
    model: lib.llama_model_p, options: LoadOptions, size: int, ubatch: int, log: LogTail | None = None
) -> lib.llama_context_p:
    """Make what a conversation is computed in.

    Raises:
        EngineError: there is no room for it.
    """
    flash = flash_attention(options.kv_type, options.gpu_layers)
    params = lib.llama_context_default_params()
    _assign(
        params,
        n_ctx=size,
        n_batch=ubatch,
        n_ubatch=ubatch,
        n_seq_max=1,
        n_threads=options.threads,
        n_threads_batch=options.threads,
        no_perf=True,
        type_k=_KV_TYPES[options.kv_type],
        type_v=_KV_TYPES[options.kv_type],
        flash_attn_type=lib.LLAMA_FLASH_ATTN_TYPE_AUTO if flash else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    )
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise EngineError(
            _because(f"There is no room for a context window of {size:,} tokens", log) + " Choose a smaller one."
        )
    return cast(lib.llama_context_p, context)


def _because(sentence: str, log: LogTail | None) -> str:
    reason = log.reason() if log else ""
    return f"{sentence}: {reason}." if reason else f"{sentence}."
