"""Arithmetic on expressions: numbers only, exact where they can be, sizes estimated before computing."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from typing import Union

from smol_chat.tools import ToolError

Number = Union[int, Fraction, float]
"""Whole numbers and fractions are exact; floats come from functions such as sqrt."""

_MOST_BITS = 13_000
"""Largest whole number: about 3,900 digits, which Python still prints."""
LONGEST = 2000
_MOST_NODES = 500
_MOST_FRACTION_BITS = 4000
"""Beyond which a fraction goes on as a float."""
_MOST_DIGITS = 40
"""Of an exact decimal that is shown whole."""
_SMALL = Decimal("1e-15")
"""Below which a decimal is shown with an exponent."""
_PERCENT = "percent_"

_SIGNS = {"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-", "^": "**", "\u03c0": "pi", "\u221a": "sqrt"}
"""Signs for times, divided by, minus, power, pi and root as people write them."""
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: _quotient(left, right),
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def evaluate(expression: str) -> Number | bool:
    """Return what an expression is worth.

    Raises:
        ToolError: `invalid_arguments` (it is none), `limit` (too large) or `failed` (it has no result).
    """
    if len(expression) > LONGEST:
        raise ToolError("limit", "The expression is too long; split it.")
    source = _as_python(expression)
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise wrong(f"{expression.strip()!r} is no arithmetic expression") from None
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise ToolError("limit", "The expression is too long; split it.")
    try:
        return _Walker(source).value(tree.body)
    except ZeroDivisionError:
        raise ToolError("failed", "That divides by zero.") from None
    except OverflowError:
        raise _too_large() from None
    except RecursionError:
        raise ToolError("limit", "The expression is nested too deeply.") from None


def _as_python(text: str) -> str:
    """Turn what people and models write into Python's operators."""
    for written, meant in _SIGNS.items():
        text = text.replace(written, meant)
    text = re.sub(r"\bsqrt\s*(\d+(?:\.\d+)?)", r"sqrt(\1)", text)
    text = re.sub(r"(\d+(?:\.\d+)?)\s*%\s*of\b", rf"{_PERCENT}(\1)*", text.strip().removesuffix("=").strip())
    # A percent sign that no number follows is a percentage; else it is the remainder, as in "17 % 5".
    text = re.sub(r"(\d+(?:\.\d+)?)\s*%(?=\s*(?:$|[)+*/,]|-\s))", rf"{_PERCENT}(\1)", text)
    return re.sub(r"\b(\d+)!(?!=)", r"factorial(\1)", text).strip()


class _Walker:
    """Computes a tree of numbers; anything else is refused by not being known."""

    def __init__(self, source: str) -> None:
        self._source = source

    def value(self, node: ast.expr) -> Number | bool:
        """Return what the expression is worth; only a comparison is a truth value."""
        return self._comparison(node) if isinstance(node, ast.Compare) else self.number(node)

    def number(self, node: ast.expr) -> Number:
        match node:
            case ast.Constant(value=int() as number) if not isinstance(number, bool):
                return bounded(number)
            case ast.Constant(value=float() as number):
                return _decimal(number, ast.get_source_segment(self._source, node))
            case ast.Name(id=name) if name.lower() in _CONSTANTS:
                return _CONSTANTS[name.lower()]
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(operand)
            case ast.BinOp():
                return bounded(self._binary(node))
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return bounded(_call(name.lower(), self._arguments(node)))
            case ast.Tuple():
                raise wrong("Write numbers without separators: 1234567, not 1,234,567")
            case ast.Name(id=name):
                raise wrong(f"{name!r} is not known; only numbers, {', '.join(_CONSTANTS)} and functions can be used")
            case _:
                raise wrong("Only numbers, + - * / // % **, comparisons, brackets and functions can be used")

    def _binary(self, node: ast.BinOp) -> Number:
        left, right = self.number(node.left), self.number(node.right)
        if isinstance(node.op, ast.Pow):
            return _power(left, right)
        if isinstance(node.op, (ast.Add, ast.Sub)) and _is_percentage(node.right):
            right = left * right  # "80 + 15%" adds 15% of the 80
        compute = _BINARY.get(type(node.op))
        if compute is None:
            raise wrong("Only the operators + - * / // % ** can be used")
        if isinstance(node.op, ast.Mult) and isinstance(left, int) and isinstance(right, int):
            _check_bits(left.bit_length() + right.bit_length())
        if isinstance(left, float) != isinstance(right, float):
            left, right = float(left), float(right)
        return compute(left, right)

    def _comparison(self, node: ast.Compare) -> bool:
        values = [self.number(item) for item in (node.left, *node.comparators)]
        compared = []
        for sign, left, right in zip(node.ops, values[:-1], values[1:], strict=True):
            compute = _COMPARE.get(type(sign))
            if compute is None:
                raise wrong("Only the comparisons < <= > >= == != can be used")
            compared.append(compute(left, right))
        return all(compared)

    def _arguments(self, node: ast.Call) -> list[Number]:
        arguments: list[Number] = []
        for item in node.args:
            items = item.elts if isinstance(item, (ast.List, ast.Tuple)) else [item]
            arguments += [self.number(element) for element in items]
        return arguments


def _is_percentage(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == _PERCENT


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        exponent = exponent.numerator
    if isinstance(exponent, int) and not isinstance(base, float):
        if abs(base) not in (0, 1):
            _check_bits(max(_bits(base) - 2, 1) * abs(exponent))
        return Fraction(base) ** exponent if exponent < 0 else base**exponent
    result = float(base) ** float(exponent)
    if isinstance(result, complex):
        raise ToolError("failed", "That has no real result.")
    return float(result)


def _bits(value: int | Fraction) -> int:
    return value.numerator.bit_length() + (value.denominator.bit_length() if value.denominator != 1 else 1)


def _quotient(left: Number, right: Number) -> Number:
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    return Fraction(left) / Fraction(right)


def _decimal(number: float, written: str | None) -> Number:
    """Return the number as it is written, of which a float is only the nearest."""
    if not math.isfinite(number):
        raise _too_large()
    return bounded(Fraction(written.replace("_", "") if written else repr(number)) if number else 0)


def _whole(name: str, value: Number, most: int | None = None) -> int:
    if value != int(value) or value < 0:
        raise wrong(f"{name} takes whole numbers from 0")
    if most is not None and value > most:
        raise _too_large()
    return int(value)


def _factorial(value: Number) -> int:
    return math.factorial(_whole("factorial", value, most=1400))


def _choose(name: str, compute: Callable[[int, int], int]) -> Callable[..., Number]:
    def choose(total: Number, chosen: Number) -> int:
        n, k = _whole(name, total), _whole(name, chosen)
        _check_bits(min(k, n - k if name == "comb" else k) * n.bit_length())
        return compute(n, k)

    return choose


def _gcd_like(name: str, compute: Callable[..., int]) -> Callable[..., Number]:
    def apply(*values: Number) -> int:
        numbers = [_whole(name, _absolute(value)) for value in values]
        _check_bits(sum(number.bit_length() for number in numbers))
        return compute(*numbers)

    return apply


def _absolute(value: Number) -> Number:
    if value < 0:
        return -value
    return value


def _round(value: Number, digits: Number = 0) -> Number:
    places = max(-400, min(int(digits), 400))
    if places == 0:
        return round(value)
    return round(Fraction(value), places) if not isinstance(value, float) else round(value, places)


def _mean(*values: Number) -> Number:
    return _quotient(sum(values), len(values))


def _median(*values: Number) -> Number:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else _quotient(ordered[middle - 1] + ordered[middle], 2)


def _log(value: Number, base: Number = math.e) -> float:
    return math.log(value) if base == math.e else math.log(value) / math.log(base)


def _cbrt(value: Number) -> float:
    root = math.copysign(abs(float(value)) ** (1 / 3), value)
    return float(round(root)) if round(root) ** 3 == value else root


_FUNCTIONS: dict[str, Callable[..., Number]] = {
    **{name: getattr(math, name) for name in ("sqrt", "exp", "log2", "log10", "sin", "cos", "tan", "asin", "acos")},
    **{name: getattr(math, name) for name in ("atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{
        name: getattr(math, name) for name in ("degrees", "radians", "floor", "ceil", "trunc", "hypot", "fmod", "isqrt")
    },
    "abs": _absolute,
    "cbrt": _cbrt,
    "comb": _choose("comb", math.comb),
    "factorial": _factorial,
    "gcd": _gcd_like("gcd", math.gcd),
    "lcm": _gcd_like("lcm", math.lcm),
    "ln": math.log,
    "log": _log,
    "max": lambda *values: max(values),
    "mean": _mean,
    "median": _median,
    "min": lambda *values: min(values),
    "mod": operator.mod,
    _PERCENT: lambda value: _quotient(value, 100),
    "perm": _choose("perm", math.perm),
    "pow": _power,
    "round": _round,
    "sum": lambda *values: sum(values),
}


def _call(name: str, arguments: list[Number]) -> Number:
    function = _FUNCTIONS.get(name)
    if function is None:
        known = ", ".join(sorted(name for name in _FUNCTIONS if name != _PERCENT))
        raise wrong(f"There is no function {name!r}; there are {known}")
    if not arguments:
        raise wrong(f"{name} needs a number")
    try:
        return function(*arguments)
    except TypeError:
        raise wrong(f"{name} does not take {len(arguments)} of these numbers") from None
    except ValueError:
        raise ToolError("failed", f"{name} has no real result for that.") from None


def bounded(value: Number) -> Number:
    """Return the number; a fraction with too many digits goes on as a float.

    Raises:
        ToolError: `limit` where it is too large.
    """
    if isinstance(value, Fraction):
        return _bounded_fraction(value)
    if isinstance(value, int):
        _check_bits(value.bit_length())
    elif not math.isfinite(value):
        raise _too_large()
    return value


def _bounded_fraction(value: Fraction) -> Number:
    if value.numerator.bit_length() - value.denominator.bit_length() > 1024:
        raise _too_large()
    if value.denominator == 1 and abs(value) < 10**30:
        return value.numerator
    return value if _bits(value) <= _MOST_FRACTION_BITS else float(value)


def _check_bits(bits: int) -> None:
    if bits > _MOST_BITS:
        raise _too_large()


def _too_large() -> ToolError:
    return ToolError("limit", "The result is too large to compute.")


def wrong(sentence: str) -> ToolError:
    """Return the error for an expression that is none."""
    return ToolError("invalid_arguments", f"{sentence}.")


def shown(value: Number | bool) -> str:
    """Show exact numbers whole where that can be, and others with the digits that are certain."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction):
        return _shown_fraction(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".15g")


def _shown_fraction(value: Fraction) -> str:
    short = format(float(value), ".15g")
    if Fraction(short) == value:
        return short
    exact = Context(prec=_MOST_DIGITS).divide(Decimal(value.numerator), Decimal(value.denominator))
    if Fraction(exact) != value:
        return short
    plain = exact.normalize(Context(prec=_MOST_DIGITS))
    return format(plain, "f") if abs(plain) > _SMALL else str(plain).lower()


def as_data(value: Number | bool) -> int | float | bool | str:
    """Whole numbers beyond what JSON readers keep exact are given as text."""
    if isinstance(value, Fraction):
        return float(value)
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
