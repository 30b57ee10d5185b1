"""A grammar inside llama.cpp: which tokens may come next in a text that must follow it. Runs in the worker only.

Two mistakes end the process: choosing from candidates that still hold forbidden ones, and accepting a token that does
not fit. So forbidden candidates are taken out of the array, and a token is accepted only if it was left in.
"""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as lib

LIKELIEST = 64
"""Candidates tried first. A model that knows the format has one that fits among them; testing a whole vocabulary of
250,000 tokens takes as long as a third of evaluating one."""

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

Array = npt.NDArray[np.void]
Choose = Callable[[lib.llama_token_data_array], int]
"""Choose one of the candidates in llama.cpp's array, which may be changed by it; return the token."""


class Grammar:
    """Follow one text; free it after use."""

    def __init__(
        self, handle: lib.llama_sampler_p, context: lib.llama_context_p, size: int, invisible: Sequence[int]
    ) -> None:
        """Begin at the start of the text; use `parse`."""
        self._handle = handle
        self._context = context
        self._size = size
        self._invisible = np.asarray(invisible, dtype=np.int64)
        self._likeliest = lib.llama_sampler_init_top_k(LIKELIEST)
        self._all: Array = np.zeros(size, dtype=_CANDIDATE)
        self._ids = np.arange(size, dtype=np.int32)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("strict")

    @classmethod
    def parse(
        cls,
        source: str,
        vocabulary: lib.llama_vocab_p,
        context: lib.llama_context_p,
        size: int,
        invisible: Sequence[int],
    ) -> Grammar | None:
        """Return the grammar; None where llama.cpp cannot read it.

        Args:
            source: GBNF with a rule `root`.
            vocabulary: llama.cpp's.
            context: the one whose evaluations are followed.
            size: tokens in the vocabulary.
            invisible: tokens without text. A grammar would read the names they are written as.
        """
        handle = lib.llama_sampler_init_grammar(vocabulary, source.encode(), b"root")
        return cls(handle, context, size, invisible) if handle else None

    def choose(self, choose: Choose, piece: Callable[[int], bytes]) -> int | None:
        """Return a token that fits, chosen from the last evaluation, and accept it; None where none does."""
        for likeliest in (True, False):
            candidates = self._fitting(likeliest=likeliest)
            while len(candidates):
                changed = candidates.copy()
                token = choose(as_native(changed)) if len(changed) > 1 else int(changed["id"][0])
                if self._keeps_utf8(piece(token)):
                    lib.llama_sampler_accept(self._handle, token)
                    return token
                candidates = candidates[candidates["id"] != token]
        return None

    def take(self, token: int, piece: bytes) -> bool:
        """Accept a token that was chosen elsewhere; False where it does not fit."""
        one: Array = np.zeros(1, dtype=_CANDIDATE)
        one["id"] = token
        native = as_native(one)
        lib.llama_sampler_apply(self._handle, ctypes.byref(native))
        if not np.isfinite(one["logit"][0]) or not self._keeps_utf8(piece):
            return False
        lib.llama_sampler_accept(self._handle, token)
        return True

    def free(self) -> None:
        """Give the memory back."""
        lib.llama_sampler_free(self._handle)
        lib.llama_sampler_free(self._likeliest)

    def _fitting(self, *, likeliest: bool) -> Array:
        """Return the candidates that fit, the likeliest of all or all of them, and no others."""
        logits = np.ctypeslib.as_array(lib.llama_get_logits_ith(self._context, -1), shape=(self._size,))
        self._all["id"] = self._ids
        self._all["logit"] = logits
        self._all["logit"][self._invisible] = -np.inf
        native = as_native(self._all)
        if likeliest:
            lib.llama_sampler_apply(self._likeliest, ctypes.byref(native))
        lib.llama_sampler_apply(self._handle, ctypes.byref(native))
        held = _of_native(native)
        fitting: Array = held[held["logit"] > -np.inf].copy()
        return fitting

    def _keeps_utf8(self, piece: bytes) -> bool:
        """Take a token's bytes, unless they break a character: llama.cpp reads some such bytes as one."""
        before = self._utf8.getstate()
        try:
            self._utf8.decode(piece)
        except UnicodeDecodeError:
            self._utf8.setstate(before)
            return False
        return True


def as_native(candidates: Array) -> lib.llama_token_data_array:
    """Return llama.cpp's view of an array of candidates, in no particular order."""
    pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
    return lib.llama_token_data_array(data=pointer, size=len(candidates), selected=-1, sorted=False)


def _of_native(native: lib.llama_token_data_array) -> Array:
    address = ctypes.cast(native.data, ctypes.c_void_p).value
    assert address is not None
    buffer = (ctypes.c_char * (native.size * _CANDIDATE.itemsize)).from_address(address)
    held: Array = np.frombuffer(memoryview(buffer), dtype=_CANDIDATE)
    return held
