"""Bring the model's memory to a prompt and evaluate no token that need not be.

Within a turn prompts only grow. When the next one begins, the reasoning of the last goes out of the history: the memory
goes back to the end of the user's message. Plain attention is cut there; recurrent memory returns to a checkpoint.
What every conversation begins with, the system message and the tools, also comes back from disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smol_chat.engine.checkpoints import Checkpoints
from smol_chat.engine.llama import Llama
from smol_chat.engine.prompt import Prompt, common_length
from smol_chat.engine.snapshot import Snapshots

CHECKPOINT_TOKENS = 512
"""Tokens of a long text between two checkpoints: what an interruption can cost at most."""


class TurnCache:
    """What the memory holds, and the ways back."""

    def __init__(self, model: Llama, snapshots: Snapshots | None = None) -> None:
        self._model = model
        self._snapshots = snapshots
        self._checkpoints = Checkpoints(model)

    def rewind(self, prompt: Prompt, *, leave: int = 1) -> int:
        """Keep of the memory what the prompt begins with, or restore it; return how many tokens that is.

        At least `leave` tokens are left to be evaluated: what follows the last one is known only afterwards.
        """
        model = self._model
        common = min(common_length(prompt.ids, model.ids), len(prompt.ids) - leave)
        if common < len(model.ids) or not model.is_intact:
            self._back_to(common, prompt)
            self._checkpoints.drop_beyond(len(model.ids))
        if len(model.ids) < prompt.prefix <= len(prompt.ids) - leave and self._snapshots:
            self._from_disk(self._snapshots, prompt)
        return len(model.ids)

    def prefill(self, prompt: Prompt, *, chunk: int, report: Callable[[int], None], go_on: Callable[[], bool]) -> bool:
        """Evaluate the rest of the prompt, `chunk` tokens at a time; False when that was interrupted.

        `report` is told after each step how many tokens of the prompt are done; `go_on` is asked before each.
        """
        model = self._model
        for end in self._ends(prompt, chunk):
            if not go_on() or not model.evaluate(prompt.ids[len(model.ids) : end], abortable=True):
                return False
            self._keep(prompt)
            if self._snapshots and end == prompt.prefix:
                self._snapshots.store(model)
            report(end)
        return True

    def _back_to(self, common: int, prompt: Prompt) -> None:
        model = self._model
        done = self._checkpoints.restore(prompt.ids, common) if model.is_recurrent else model.cut(common)
        if not done:
            model.clear()

    def _from_disk(self, snapshots: Snapshots, prompt: Prompt) -> None:
        """Restore the beginning of the prompt; where that is not possible it will be evaluated."""
        model = self._model
        prefix = prompt.ids[: prompt.prefix]
        state = snapshots.load(prefix)
        if state is None:
            return
        self._checkpoints.drop_beyond(0)
        if model.write_state(state, len(state), prefix, partial=False):
            self._keep(prompt)
        else:
            model.clear()
            snapshots.reject(prefix)

    def _ends(self, prompt: Prompt, chunk: int) -> Iterator[int]:
        """Return where each step of the evaluation ends: a place to come back to is always the end of one."""
        start, total = len(self._model.ids), len(prompt.ids)
        size = min(chunk, self._model.chunk_size())
        places = sorted(place for place in {prompt.prefix, prompt.turn, total} if start < place <= total)
        for place in places:
            yield from range(start + size, place, size)
            yield place
            start = place

    def _keep(self, prompt: Prompt) -> None:
        """Take a checkpoint if this is a place to come back to."""
        model, length = self._model, len(self._model.ids)
        if model.is_recurrent:
            last = max(self._checkpoints.lengths, default=0)
            if length in (prompt.prefix, prompt.turn) or length - last >= CHECKPOINT_TOKENS:
                self._checkpoints.save((prompt.prefix, prompt.turn))
