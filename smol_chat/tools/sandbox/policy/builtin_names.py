"""The built-in functions a program has."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NoReturn

from smol_chat.tools.sandbox.policy import guards
from smol_chat.tools.sandbox.policy.facades import program_import

_NAMES = (
    "ArithmeticError AssertionError AttributeError BaseException BufferError BytesWarning DeprecationWarning EOFError "
    "Ellipsis EnvironmentError Exception False FloatingPointError FutureWarning GeneratorExit IOError ImportError "
    "ImportWarning IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError "
    "NameError None NotImplemented NotImplementedError OSError FileNotFoundError PermissionError TimeoutError "
    "OverflowError RecursionError ReferenceError RuntimeError RuntimeWarning StopAsyncIteration StopIteration "
    "SyntaxError SyntaxWarning SystemExit True TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError "
    "UnicodeError UserWarning ValueError Warning ZeroDivisionError "
    "__build_class__ abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate "
    "filter float format frozenset hash hex id int isinstance issubclass iter len list map max min next object oct ord "
    "pow property range repr reversed round set slice sorted staticmethod str sum super tuple zip"
)

_ELSEWHERE = {
    "open": "open() cannot be used here: files are read and written with the tools read_file and write_file.",
    "input": "input() cannot be used here: nobody can type an answer.",
    "eval": "eval() cannot be used here.",
    "exec": "exec() cannot be used here.",
    "compile": "compile() cannot be used here.",
    "globals": "globals() cannot be used here.",
    "locals": "locals() cannot be used here.",
    "breakpoint": "breakpoint() cannot be used here.",
}


def make_builtins(print_function: Callable[..., None]) -> dict[str, Any]:
    """Return what stands for the module `builtins` in a program."""
    made = {name: getattr(builtins, name) for name in _NAMES.split()}
    made |= {name: _refusing(sentence) for name, sentence in _ELSEWHERE.items()}
    made |= {
        "__import__": program_import,
        "delattr": guards.delete,
        "getattr": guards.read_or,
        "hasattr": guards.has,
        "print": print_function,
        "setattr": guards.write,
        "type": guards.ProgramType,
        "vars": guards.attributes,
    }
    return made


def _refusing(sentence: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(sentence)

    return refuse
