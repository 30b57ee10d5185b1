"""Numbers within bounds, as expressions over their digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from smol_chat.messages import JsonObject, JsonValue

INTEGER_DIGITS, FRACTION_DIGITS = 16, 9
"""Most digits of a number where the schema sets no bound; a model that has begun to repeat one would never stop."""

_DIGIT = "[0-9]"
_STEP, _LARGE = Decimal("0.000001"), Decimal(10**9)
"""How near a number comes to a bound that is excluded; to a large one it comes as near as 1."""

_FARTHEST_WHOLE = 10**30
_FARTHEST = Decimal(10**14)
"""Bounds beyond are left out: next to them `_STEP` would be lost in rounding, and no tool has such bounds."""

INTEGER = f'"-"? ("0" | [1-9] {_DIGIT}{{0,{INTEGER_DIGITS - 1}}})'
NUMBER = f'{INTEGER} ("." {_DIGIT}{{1,{FRACTION_DIGITS}}})? ([eE] [+\\x2D]? {_DIGIT}{{1,2}})?'

_MOST_MULTIPLES = 100


def integer(schema: JsonObject) -> list[str]:
    """Return the forms of the integers a schema allows; none where it allows none."""
    bounds = _Bounds.of(schema)
    least = math.ceil(bounds.least) if bounds.least is not None else None
    most = math.floor(bounds.most) if bounds.most is not None else None
    if least is not None and bounds.above and least == bounds.least:
        least += 1
    if most is not None and bounds.below and most == bounds.most:
        most -= 1
    if any(bound is not None and abs(bound) > _FARTHEST_WHOLE for bound in (least, most)):
        return [INTEGER]
    multiples = _multiples(schema.get("multipleOf"), least, most)
    if multiples is not None:
        return [f'"{number}"' for number in multiples]
    if least is None and most is None:
        return [INTEGER]
    farthest = 10 ** max(INTEGER_DIGITS, *(len(str(abs(bound))) for bound in (least, most) if bound is not None)) - 1
    low = -farthest if least is None else least
    high = farthest if most is None else most
    forms = whole(max(low, 0), high)
    if low < 0:
        forms += [f'"-" ({form})' for form in whole(max(1, -high), -low)]
    return forms


def number(schema: JsonObject) -> list[str]:
    """Return the forms of the numbers a schema allows; none where it allows none that we can write."""
    bounds = _Bounds.of(schema)
    if bounds.least is None and bounds.most is None:
        return [NUMBER]
    farthest = Decimal(10**INTEGER_DIGITS - 1)
    if any(abs(bound) > _FARTHEST for bound in (bounds.least, bounds.most) if bound is not None):
        return [NUMBER]
    low = -farthest if bounds.least is None else bounds.least + (_step(bounds.least) if bounds.above else 0)
    high = farthest if bounds.most is None else bounds.most - (_step(bounds.most) if bounds.below else 0)
    if low > high and not bounds.contradict():
        return [NUMBER]
    forms = _decimals(max(low, Decimal(0)), high)
    if low < 0:
        forms += [f'"-" ({form})' for form in _decimals(max(Decimal(0), -high), -low)]
    return forms


def whole(low: int, high: int) -> list[str]:
    """Return the forms of the integers from `low`, which is not negative, to `high`."""
    forms: list[str] = []
    for length in range(len(str(low)), len(str(max(high, 0))) + 1):
        first = max(low, 10 ** (length - 1) if length > 1 else 0)
        last = min(high, 10**length - 1)
        if first <= last:
            forms.append(_between(str(first), str(last)))
    return forms


@dataclass(frozen=True, slots=True)
class _Bounds:
    least: Decimal | None
    most: Decimal | None
    above: bool
    """`least` itself is excluded."""
    below: bool

    @classmethod
    def of(cls, schema: JsonObject) -> _Bounds:
        least, most = _decimal(schema.get("minimum")), _decimal(schema.get("maximum"))
        above, below = _decimal(schema.get("exclusiveMinimum")), _decimal(schema.get("exclusiveMaximum"))
        # Up to draft 4 these two were flags on the other two.
        excludes_least = schema.get("exclusiveMinimum") is True
        excludes_most = schema.get("exclusiveMaximum") is True
        if above is not None and (least is None or above >= least):
            least, excludes_least = above, True
        if below is not None and (most is None or below <= most):
            most, excludes_most = below, True
        return cls(least, most, excludes_least, excludes_most)

    def contradict(self) -> bool:
        """No number lies within them."""
        if self.least is None or self.most is None:
            return False
        return self.least > self.most or (self.least == self.most and (self.above or self.below))


def _step(bound: Decimal) -> Decimal:
    return _STEP if abs(bound) < _LARGE else Decimal(1)


def _decimal(value: JsonValue) -> Decimal | None:
    """Return a bound as the number it was written as; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _multiples(step: JsonValue, least: int | None, most: int | None) -> list[int] | None:
    """Return the multiples within bounds, where there is a step and they are few."""
    if not isinstance(step, int) or isinstance(step, bool) or step <= 0 or least is None or most is None:
        return None
    if (most - least) // step > _MOST_MULTIPLES:
        return None
    return list(range(-(-least // step) * step, most + 1, step))


def _between(low: str, high: str) -> str:
    """Return the expression of the digit strings from `low` to `high`, which are equally long."""
    if not low:
        return '""'
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"{_DIGIT}{{{len(low)}}}"
    rest_low, rest_high = low[1:], high[1:]
    first, last = int(low[0]), int(high[0])
    if first == last:
        return _then(f'"{first}"', _between(rest_low, rest_high))
    parts: list[str] = []
    if rest_low.strip("0"):
        parts.append(_then(f'"{first}"', _between(rest_low, "9" * len(rest_low))))
        first += 1
    if rest_high.strip("9"):
        parts.append(_then(f'"{last}"', _between("0" * len(rest_high), rest_high)))
        last -= 1
    if first <= last:
        parts.append(_then(_digits(first, last), f"{_DIGIT}{{{len(rest_low)}}}" if rest_low else '""'))
    return " | ".join(parts)


def _decimals(low: Decimal, high: Decimal) -> list[str]:
    """Return the forms of the numbers from `low`, which is not negative, to `high`."""
    if low > high:
        return []
    floor_low, floor_high = int(low), int(high)
    fraction_low, fraction_high = _fraction(low), _fraction(high)
    next_whole = floor_low + bool(fraction_low)
    tail = f"{_DIGIT}{{1,{FRACTION_DIGITS}}}"
    forms = whole(next_whole, floor_high)
    forms += [f'({form}) "." {tail}' for form in whole(next_whole, floor_high - 1)]
    if floor_low == floor_high:
        if fraction_high:
            forms.append(f'"{floor_low}." ({_fractions(fraction_low, fraction_high)})')
        return forms
    if fraction_low:
        forms.append(f'"{floor_low}." ({_fractions(fraction_low, None)})')
    if fraction_high:
        forms.append(f'"{floor_high}." ({_fractions("", fraction_high)})')
    return forms


def _fraction(value: Decimal) -> str:
    return f"{value:f}".partition(".")[2].rstrip("0")


def _fractions(low: str, high: str | None) -> str:
    """Return the digits behind a point that make at least `low` and at most `high`.

    `high` None: no upper bound. One digit at least; the bounds end in no zero and `low` is not above `high`.
    """
    first = int(low[0]) if low else 0
    last = 9 if high is None else int(high[0])
    tail = f"{_DIGIT}{{0,{FRACTION_DIGITS - 1}}}"
    rest_low = low[1:]
    rest_high = None if high is None else high[1:]
    if high is not None and first == last:
        more = _fractions(rest_low, rest_high) if rest_high else ""
        if not more:
            return f'"{first}"'
        return _then(f'"{first}"', more if rest_low else f"({more})?")
    parts: list[str] = []
    if rest_low:
        parts.append(_then(f'"{first}"', _fractions(rest_low, None)))
        first += 1
    if rest_high is not None:
        parts.append(_then(f'"{last}"', f"({_fractions('', rest_high)})?") if rest_high else f'"{last}"')
        last -= 1
    if first <= last:
        parts.append(_then(_digits(first, last), tail))
    return " | ".join(parts)


def _digits(first: int, last: int) -> str:
    return f"[{first}-{last}]" if first < last else f'"{first}"'


def _then(first: str, second: str) -> str:
    if second == '""':
        return first
    return f"{first} ({second})" if "|" in second else f"{first} {second}"
