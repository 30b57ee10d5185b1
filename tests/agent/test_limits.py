from __future__ import annotations

from smol_chat.agent.limits import RepeatBreaker
from smol_chat.messages import JsonObject, ToolCall


def call(name: str = "add", **arguments: int) -> ToolCall:
    values: JsonObject = dict(arguments)
    return ToolCall("call_1", name, values)


def test_the_same_call_is_stopped_the_third_time_in_a_row() -> None:
    breaker = RepeatBreaker(3)
    assert [breaker.stops(call(a=1)) for _ in range(4)] == [False, False, True, True]


def test_another_call_in_between_starts_the_count_again() -> None:
    breaker = RepeatBreaker(2)
    assert not breaker.stops(call(a=1))
    assert not breaker.stops(call(a=2))
    assert not breaker.stops(call(a=1))
    assert breaker.stops(call(a=1))


def test_the_order_of_arguments_makes_no_other_call() -> None:
    breaker = RepeatBreaker(2)
    assert not breaker.stops(call(a=1, b=2))
    assert breaker.stops(call(b=2, a=1))
