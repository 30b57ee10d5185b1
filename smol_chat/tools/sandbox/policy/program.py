"""Compile and run programs under the policy, and tell what came of them in their own lines."""

# ruff: noqa: ANN401  # a program's objects are of any type, and what they are is what is checked here

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable, Iterator
from types import CodeType, TracebackType
from typing import Any

from smol_chat.tools.sandbox.policy import guards
from smol_chat.tools.sandbox.policy.builtin_names import make_builtins
from smol_chat.tools.sandbox.policy.facades import PREFIX
from smol_chat.tools.sandbox.policy.transformer import PolicyTransformer

_LAST = "_last_"
_FRAMES = 6
_ERRORS = 5
_VALUE_LENGTH = 20_000

Report = dict[str, Any]
"""`ended` is done, error or policy; `value` and `error` are text or None."""


class Interpreter:
    """Runs programs one after the other; each finds what those before it have left."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        """Take where the programs print to."""
        self._emit = emit
        self._value: Any = None
        self._file = ""
        self._sources: dict[str, list[str]] = {}
        self._names: dict[str, Any] = {
            "__builtins__": make_builtins(self._print),
            "__name__": "program",  # no module has this name, so nothing finds one by it
            "_getattr_": guards.read,
            "_write_": guards.writable,
            "_metaclass_": guards.metaclass,
            _LAST: self._keep,
        }

    def run(self, source: str) -> Report:
        """Compile and run one program; whatever it does, this returns (or the process ends)."""
        self._value = None
        self._file = f"<program {len(self._sources) + 1}>"
        self._sources[self._file] = source.split("\n")
        try:
            code = self._compile(source)
        except _RefusedError as refused:
            return {"ended": "policy", "error": str(refused)}
        except SyntaxError as error:
            return {"ended": "error", "error": self._syntax(error)}
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            return {"ended": "error", "error": f"The code cannot be compiled: {_safe_text(error)}."}
        return self._execute(code)

    def _compile(self, source: str) -> CodeType:
        tree = ast.parse(source, self._file)
        transformer = PolicyTransformer()
        transformer.visit(tree)
        if transformer.errors:
            raise _RefusedError("\n".join(transformer.errors[:_ERRORS]))
        _keep_last_value(tree)
        ast.fix_missing_locations(tree)
        return compile(tree, self._file, "exec", dont_inherit=True)

    def _execute(self, code: CodeType) -> Report:
        try:
            exec(code, self._names)
            value = None if self._value is None else _shown(self._value)
        except SystemExit:
            return {"ended": "done", "value": None}
        except BaseException as error:  # a program may raise anything; the report is all that leaves
            return {"ended": "memory" if type(error) is MemoryError else "error", "error": self._described(error)}
        return {"ended": "done", "value": value}

    def _keep(self, value: Any) -> None:
        self._value = value

    def _print(
        self, *values: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: Any = False
    ) -> None:
        sep, end = " " if sep is None else sep, "\n" if end is None else end
        text = sep.join([str(value) for value in values]) + end
        if file is None:
            self._emit(str.__str__(text))
        else:
            guards.read(file, "write")(text)

    # --- errors ---------------------------------------------------------------------------------

    def _syntax(self, error: SyntaxError) -> str:
        line = error.lineno or 0
        shown = self._line(self._file, line)
        return f"line {line}: {shown}\nSyntaxError: {error.msg}" if shown else f"SyntaxError: {error.msg}"

    def _described(self, error: BaseException) -> str:
        """Describe an exception as Python does, with the programs' frames only."""
        lines = [self._frame(*frame) for frame in list(self._own_frames(error.__traceback__))[-_FRAMES:]]
        text = _safe_text(error).replace(PREFIX, "")
        name = _safe_name(error)
        return "\n".join([*lines, f"{name}: {text}" if text else name])

    def _own_frames(self, trace: TracebackType | None) -> Iterator[tuple[str, int, str]]:
        for frame, line in traceback.walk_tb(trace):
            if frame.f_code.co_filename in self._sources:
                yield frame.f_code.co_filename, line, frame.f_code.co_name

    def _frame(self, file: str, line: int, name: str) -> str:
        earlier = "" if file == self._file else " of an earlier program"
        place = "" if name == "<module>" else f", in {name}"
        return f"line {line}{earlier}{place}: {self._line(file, line)}"

    def _line(self, file: str, number: int) -> str:
        lines = self._sources[file]
        return lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""


class _RefusedError(Exception):
    """The policy does not allow the program."""


def _safe_text(error: BaseException) -> str:
    """Return the message; writing it can run the program's code, which may raise anything."""
    try:
        return str.__str__(str(error))[:2000]
    except BaseException:
        return "(its message cannot be shown)"


def _safe_name(error: BaseException) -> str:
    name = type.__dict__["__name__"].__get__(type(error))
    return str(name)[:100]


def _shown(value: Any) -> str:
    text = str.__str__(repr(value))
    return text if len(text) <= _VALUE_LENGTH else f"{text[:_VALUE_LENGTH]}… ({len(text):,} characters)"


def _keep_last_value(tree: ast.Module) -> None:
    """Hand the last expression's value over, as a REPL shows it; the tree has been checked and rewritten already."""
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        call = ast.Call(func=ast.Name(_LAST, ast.Load()), args=[last.value], keywords=[])
        last.value = ast.copy_location(call, last.value)
