"""Why a statement has no result, told across the border of its process."""

from __future__ import annotations


class Refused(Exception):
    """The statement was not run or did not succeed: a kind of tool error and one sentence."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
