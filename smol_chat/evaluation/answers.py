"""What a model did with an example, as plain data that a file keeps and the scorer reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from smol_chat.messages import JsonObject


@dataclass(frozen=True, slots=True)
class MadeCall:
    """One readable call."""

    tool: str
    arguments: JsonObject
    repaired: bool = False
    result: str | None = None
    """What it gave when it was run to be judged; None where it failed or was not run."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A block that was opened and is no call that could run."""

    kind: str
    raw: str


@dataclass(frozen=True, slots=True)
class AnsweredTurn:
    """One turn of the model."""

    calls: tuple[MadeCall, ...] = ()
    malformed: tuple[Unreadable, ...] = ()
    content: str = ""
    reasoning: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut: bool = False
    """The limit on tokens ended it."""

    @property
    def opened(self) -> int:
        """How many calls it began, readable or not."""
        return len(self.calls) + len(self.malformed)


@dataclass(frozen=True, slots=True)
class Answer:
    """All turns of one example; fewer than the example has where one of them was wrong."""

    example: str
    turns: tuple[AnsweredTurn, ...] = ()
    seconds: float = 0.0
    error: str = ""
    """Why the model could not be asked, such as a prompt that does not fit."""


def as_json(answer: Answer) -> JsonObject:
    """Return an answer as JSON."""
    return cast("JsonObject", asdict(answer))


def read_answer(record: Mapping[str, object]) -> Answer:
    """Read what `as_json` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        fields = dict(record)
        turns = cast("list[dict[str, object]]", fields.pop("turns"))
        return Answer(turns=tuple(map(_turn, turns)), **fields)  # type: ignore[arg-type]  # checked by the names
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no answer") from error


def _turn(record: dict[str, object]) -> AnsweredTurn:
    fields = dict(record)
    calls = cast("list[dict[str, object]]", fields.pop("calls"))
    malformed = cast("list[dict[str, str]]", fields.pop("malformed"))
    return AnsweredTurn(
        tuple(MadeCall(**call) for call in calls),  # type: ignore[arg-type]  # as above
        tuple(Unreadable(**block) for block in malformed),
        **fields,  # type: ignore[arg-type]  # as above
    )
