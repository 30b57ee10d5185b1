"""States of recurrent memory at places of the conversation, so that it can go back to them.

Recurrent memory is one state for all it has read, and no token can be taken out of it again. A checkpoint is a copy of
that state; the attention half of a hybrid memory is not in it, because that half can be cut.
"""

from __future__ import annotations

import ctypes
import hashlib
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from smol_chat.engine.fit import CHECKPOINT_BYTES, FEWEST_CHECKPOINTS, MOST_CHECKPOINTS
from smol_chat.engine.llama import Llama, StateBuffer


@dataclass(slots=True)
class _Checkpoint:
    length: int
    digest: bytes
    state: StateBuffer
    size: int


class Checkpoints:
    """A few copies of the state, each of the memory when it held the first `length` of its ids."""

    def __init__(self, model: Llama, *, max_bytes: int = CHECKPOINT_BYTES) -> None:
        self._model = model
        self._max_bytes = max_bytes
        self._kept: list[_Checkpoint] = []
        self._spare: list[StateBuffer] = []

    @property
    def lengths(self) -> list[int]:
        """How many ids each checkpoint stands for, ascending."""
        return [checkpoint.length for checkpoint in self._kept]

    def save(self, pinned: Collection[int]) -> None:
        """Copy the state as it is now; to make room the earliest goes, but none whose length is `pinned`."""
        model = self._model
        length = len(model.ids)
        if length in self.lengths:
            return
        needed = model.state_size(partial=True)
        while len(self._kept) >= self._room(needed):
            loose = next((one for one in self._kept if one.length not in pinned), self._kept[0])
            self._release(loose)
        state = self._buffer(needed)
        size = model.read_state(state, partial=True)
        if size == 0:
            self._spare.append(state)
            return
        self._kept.append(_Checkpoint(length, digest(model.ids), state, size))
        self._kept.sort(key=lambda checkpoint: checkpoint.length)

    def restore(self, ids: Sequence[int], common: int) -> bool:
        """Bring the memory back to the latest checkpoint within the `common` first ids; False when there is none."""
        for checkpoint in reversed(self._kept):
            wanted = ids[: checkpoint.length]
            if checkpoint.length <= common and digest(wanted) == checkpoint.digest:
                return self._model.write_state(checkpoint.state, checkpoint.size, wanted, partial=True)
        return False

    def drop_beyond(self, length: int) -> None:
        """Forget the checkpoints of what the memory no longer holds."""
        for checkpoint in [one for one in self._kept if one.length > length]:
            self._release(checkpoint)

    def _room(self, size: int) -> int:
        return max(FEWEST_CHECKPOINTS, min(MOST_CHECKPOINTS, self._max_bytes // max(1, size)))

    def _release(self, checkpoint: _Checkpoint) -> None:
        self._kept.remove(checkpoint)
        self._spare.append(checkpoint.state)

    def _buffer(self, size: int) -> StateBuffer:
        """Return memory for a state: used before, if possible, as fresh pages cost ten times the copying."""
        if self._spare and len(self._spare[-1]) >= size:
            return self._spare.pop()
        self._spare.clear()
        return (ctypes.c_uint8 * size)()


def digest(ids: Sequence[int]) -> bytes:
    """Return what tells one sequence of ids from every other."""
    return hashlib.blake2b(array("i", ids).tobytes(), digest_size=16).digest()
