"""Pair two collections, each member once, so that as many pairs as possible come about."""

from __future__ import annotations

from collections.abc import Sequence


def assign(choices: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return a largest pairing: for each paired row, the column it got.

    Args:
        choices: for each row, the columns it fits.
    """
    row_of: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column in choices[row]:
            if column in tried:
                continue
            tried.add(column)
            # The column is free, or its row can move to another one.
            if column not in row_of or place(row_of[column], tried):
                row_of[column] = row
                return True
        return False

    for row in range(len(choices)):
        place(row, set())
    return {row: column for column, row in row_of.items()}
