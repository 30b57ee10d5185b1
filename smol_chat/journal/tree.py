"""A conversation's turns as a tree: each follows another one or begins the conversation. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping


class Tree:
    """Which turn follows which. Turns are named by their number in the database, which grows with time."""

    def __init__(self, parents: Mapping[int, int | None], active: int | None) -> None:
        """Take each turn's parent. One whose parent is lost begins the conversation, as one without a parent does.

        Args:
            parents: for each turn the one it follows.
            active: the last turn of the branch that is open; where it is lost, the latest one.
        """
        self._parents: dict[int, int | None] = {}
        for turn, parent in sorted(parents.items()):
            self._parents[turn] = parent if parent in self._parents else None
        self._children: dict[int | None, list[int]] = defaultdict(list)
        for turn, parent in self._parents.items():
            self._children[parent].append(turn)
        self.active = active if active in self._parents else max(self._parents, default=None)

    def __len__(self) -> int:
        return len(self._parents)

    def __contains__(self, turn: int) -> bool:
        return turn in self._parents

    def __iter__(self) -> Iterator[int]:
        return iter(self._parents)

    def parent(self, turn: int) -> int | None:
        """Return the turn that a turn follows; None where it begins the conversation."""
        return self._parents[turn]

    def path(self, leaf: int | None) -> list[int]:
        """Return the turns from the beginning to this one."""
        path: list[int] = []
        while leaf is not None:
            path.append(leaf)
            leaf = self._parents[leaf]
        return path[::-1]

    def siblings(self, turn: int | None) -> list[int]:
        """Return the turns that follow the same one, itself among them, in the order they were written.

        One that is not in the tree has none.
        """
        return self._children[self._parents[turn]] if turn in self._parents else []

    def latest_leaf(self, turn: int) -> int:
        """Return the end of the branch through this turn that was written last."""
        beneath, latest = [turn], turn
        while beneath:
            children = self._children.get(beneath.pop(), [])
            beneath += children
            latest = max(latest, *children) if children else latest
        return latest

    def leaves(self) -> list[int]:
        """Return the ends of all branches, the latest first."""
        return [turn for turn in reversed(self._parents) if turn not in self._children]
