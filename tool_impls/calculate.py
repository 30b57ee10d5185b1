"""Evaluate an arithmetic expression, or convert a number to another unit or base."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, cast

from smol_chat.tools import Effect, ToolContext, ToolOutput, tool
from tool_impls._arithmetic import LONGEST, Number, as_data, bounded, evaluate, shown, wrong
from tool_impls._units import Unit, find_unit


@tool(
    effect=Effect.PURE,
    keywords="sum plus minus times divide percent percentage convert multiply square root total much math interest",
)
async def calculate(
    expression: Annotated[str, 'Such as "2*(3+4)**2", "15% of 80", "5 km in miles", "255 in hex"'],
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Evaluate an arithmetic expression."""
    converted = _CONVERSION.fullmatch(expression.strip().removesuffix("=").strip())
    if converted is not None and len(expression) <= LONGEST:
        value, text = _convert(converted["quantity"], converted["target"])
    else:
        value = evaluate(expression)
        text = shown(value)
    return ToolOutput(f"{expression.strip()} = {text}", data={"value": as_data(value), "text": text})


# --- units and bases ------------------------------------------------------------------------------

_CONVERSION = re.compile(
    r"(?P<quantity>.*\S)\s+(?:in|to|as|into)\s+(?P<target>[A-Za-zµ°][\w/°²³ ]{0,30})", re.IGNORECASE | re.DOTALL
)
_TERM = re.compile(r"\s*(?P<sign>[+-]?)\s*(?P<number>\d[\d.]*(?:e[+-]?\d+)?)\s*(?P<unit>[A-Za-zµ°][A-Za-zµ/°²³23]*)")
_UNIT_AT_END = re.compile(r"(?P<number>.*[\d)\s])\s*(?P<unit>[A-Za-zµ°][A-Za-zµ/°²³23]*)", re.DOTALL)
_BASES = {
    "hex": (16, "0x"), "hexadecimal": (16, "0x"), "bin": (2, "0b"), "binary": (2, "0b"), "oct": (8, "0o"),
    "octal": (8, "0o"), "dec": (10, ""), "decimal": (10, ""),
}  # fmt: skip


def _convert(quantity: str, target: str) -> tuple[Number | bool, str]:
    """Return a quantity in another unit or base, as a number and as it is shown."""
    name = target.strip()
    if name.lower().removesuffix(" number") in _BASES:
        return _in_base(evaluate(quantity), *_BASES[name.lower().removesuffix(" number")])
    unit = find_unit(name)
    if unit is None:
        raise wrong(f"{name!r} is no unit or base that is known here")
    amount, own = _measured(quantity, unit)
    value = bounded((amount * own.factor + own.offset - unit.offset) / unit.factor)
    return value, f"{shown(value)} {unit.name}"


def _measured(text: str, target: Unit) -> tuple[Number, Unit]:
    """Read "5 km", "(2+3) km" or a sum of terms as in "5 ft 11 in", all of the target's dimension."""
    terms = _terms(text)
    if terms is not None:
        units = [_unit_like(term["unit"], target) for term in terms]
        if any(unit.offset for unit in units):
            raise wrong("Temperatures cannot be added up")
        total = sum(
            (-1 if term["sign"] == "-" else 1) * cast("Fraction | int", evaluate(term["number"])) * unit.factor
            for term, unit in zip(terms, units, strict=True)
        )
        own = Unit("", target.dimension, Fraction(1))
        return total, own
    found = _UNIT_AT_END.fullmatch(text.strip())
    if found is None:
        raise wrong(f"{text.strip()[:80]!r} has no unit; write it as in 5 km in miles")
    amount = evaluate(found["number"])
    if isinstance(amount, bool):
        raise wrong("A comparison has no unit")
    return amount, _unit_like(found["unit"], target)


def _terms(text: str) -> list[re.Match[str]] | None:
    """Return two or more numbers with their units, None where the text is not made of such."""
    terms, position = [], 0
    while position < len(text.rstrip()):
        term = _TERM.match(text, position)
        if term is None:
            return None
        terms.append(term)
        position = term.end()
    return terms if len(terms) > 1 else None


def _unit_like(name: str, target: Unit) -> Unit:
    unit = find_unit(name)
    if unit is None:
        raise wrong(f"{name!r} is no unit that is known here")
    if unit.dimension != target.dimension:
        raise wrong(f"{unit.name} is a unit of {unit.dimension} and {target.name} one of {target.dimension}")
    return unit


def _in_base(value: Number | bool, base: int, prefix: str) -> tuple[Number | bool, str]:
    if base == 10:
        return value, shown(value)
    if isinstance(value, bool) or value != int(value):
        raise wrong("Only a whole number can be written in another base")
    whole = int(value)
    digits = format(abs(whole), {16: "x", 2: "b", 8: "o"}[base])
    return whole, f"{'-' if whole < 0 else ''}{prefix}{digits}"
