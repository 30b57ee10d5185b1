"""The guards a rewritten program calls: reading and writing attributes, making classes."""

# ruff: noqa: ANN401  # a program's objects are of any type, and what they are is what is checked here

from __future__ import annotations

import abc
import decimal
import types
from _string import formatter_field_name_split  # type: ignore[import-not-found]  # what string.Formatter itself uses
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Iterator
from string import Formatter
from typing import Any

from smol_chat.tools.sandbox.policy.names import BLOCKED_ATTRIBUTES, FORMATTERS, SPECIAL_METHODS, is_hook

_NAMEDTUPLE = frozenset(("_asdict", "_replace", "_make", "_fields", "_field_defaults"))
_TEXTS = frozenset(("__name__", "__qualname__", "__doc__"))
_CONTAINERS = frozenset(
    (
        *(dict, list, set, bytearray, types.SimpleNamespace, decimal.Context),
        *(ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque),
    )
)

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__

program_classes: set[type] = set()
"""Classes the program itself made."""

packages: set[str] = set()
"""Real packages the program has: its objects of their classes may be changed."""


# --- reading ------------------------------------------------------------------------------------


def read(obj: Any, name: str) -> Any:
    """Read an attribute the way a program may."""
    if type(name) is not str:  # a subclass could answer differently each time it is asked
        raise TypeError("attribute name must be a string")
    if name.startswith("_"):
        return _private(obj, name)
    if name in BLOCKED_ATTRIBUTES or (name == "obj" and _is_attribute_error(obj)):
        raise _hidden(name)
    return _without_raw_format(getattr(obj, name))


def read_or(obj: Any, name: str, *default: Any) -> Any:
    """`getattr` through the guard."""
    if len(default) > 1:
        raise TypeError("getattr expected at most 3 arguments")
    try:
        return read(obj, name)
    except AttributeError:
        if not default:
            raise
        return default[0]


def _hidden(name: str) -> AttributeError:
    return AttributeError(f"the attribute {name!r} cannot be read here")


def _is_attribute_error(obj: Any) -> bool:
    """What an AttributeError failed on can be anything, so it stays hidden, also behind `super()`."""
    return issubclass(_self_class(obj) if type(obj) is super else type(obj), AttributeError)


def _private(obj: Any, name: str) -> Any:
    """Read a name that begins with an underscore: few of them are harmless."""
    if name == "__class__":
        return class_of(obj)
    if name == "__dict__" and type(obj) in program_classes:
        return obj.__dict__
    if name in _TEXTS:
        value = getattr(obj, name)
        if type(value) is str or value is None:
            return value
    if isinstance(obj, types.ModuleType):  # its `__init__` would give it another module's name
        raise _hidden(name)
    owner = obj if isinstance(obj, type) else type(obj)
    if (
        name in SPECIAL_METHODS
        or (name in _NAMEDTUPLE and issubclass(owner, tuple))
        or (not is_hook(name) and _is_the_programs(obj, name))
    ):
        return getattr(obj, name)
    raise _hidden(name)


def _is_the_programs(obj: Any, name: str) -> bool:
    """Tell whether `_x` belongs to the program: its own classes have it, or an instance of them alone."""
    for owner in _lookup_order(obj):
        if name in _dict_of(owner):
            return owner in program_classes
    if isinstance(obj, type):
        return obj in program_classes
    return type(obj) in program_classes


def _lookup_order(obj: Any) -> Iterator[type]:
    if type(obj) is super:
        mro = _mro_of(_self_class(obj))
        after = object.__getattribute__(obj, "__thisclass__")
        return iter(mro[mro.index(after) + 1 :])
    if isinstance(obj, type):
        return iter(_mro_of(obj))
    return iter(_mro_of(type(obj)))


def _self_class(obj: Any) -> type:
    found = object.__getattribute__(obj, "__self_class__")
    return found if isinstance(found, type) else object


def has(obj: Any, name: str) -> bool:
    """`hasattr` through the guard."""
    try:
        read(obj, name)
    except AttributeError:
        return False
    return True


def attributes(obj: Any = None) -> dict[str, Any]:
    """`vars`: the attributes of an object whose class the program made, as a copy."""
    if type(obj) not in program_classes:
        raise TypeError("vars() needs an object of a class defined in this program")
    return dict(obj.__dict__)


# --- formatting ---------------------------------------------------------------------------------


class GuardedFormatter(Formatter):
    """`str.format` whose fields read attributes through the guard."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        """Find the object a field names."""
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            value = read(value, key) if is_attribute else value[key]
        return value, first


def _without_raw_format(value: Any) -> Any:
    """Replace text's own format methods, however they were reached: what counts is what came out."""
    kind = type(value)
    if kind is types.BuiltinMethodType:
        if value.__name__ in FORMATTERS and isinstance(value.__self__, str):
            return _bound_format(value.__name__, value.__self__)
    elif kind is types.MethodDescriptorType and value.__name__ in FORMATTERS and value.__objclass__ is str:
        return _unbound_format(value.__name__)
    return value


def _bound_format(name: str, text: str) -> Any:
    plain = str.__str__(text)  # a subclass could lie about itself between the check and the use

    def format(*args: Any, **kwargs: Any) -> str:
        return GuardedFormatter().vformat(plain, args, kwargs)

    def format_map(mapping: Any) -> str:
        return GuardedFormatter().vformat(plain, (), mapping)

    return format if name == "format" else format_map


def _unbound_format(name: str) -> Any:
    def unbound(text: str, *args: Any, **kwargs: Any) -> str:
        if not isinstance(text, str):
            raise TypeError(f"descriptor {name!r} requires a str")
        return str(_bound_format(name, text)(*args, **kwargs))

    return unbound


# --- writing ------------------------------------------------------------------------------------


def writable(obj: Any) -> Any:
    """Return the object where a program may change it."""
    kind = type(obj)
    if kind in _CONTAINERS or kind in program_classes:
        return obj
    if packages and str(kind.__module__).partition(".")[0] in packages:
        return obj
    if isinstance(obj, type):
        if obj in program_classes:
            return obj
    elif any(base in program_classes for base in _mro_of(kind)):
        return obj
    elif kind is types.FunctionType and obj.__globals__.get("_write_") is writable:
        return obj  # a function of the program, which may keep something on itself
    raise TypeError(f"{_described(obj)} cannot be changed here")


def _described(obj: Any) -> str:
    return f"class {obj.__name__!r}" if isinstance(obj, type) else f"{type(obj).__name__!r} object"


def write(obj: Any, name: str, value: Any) -> None:
    """`setattr` through the guard."""
    setattr(writable(obj), _settable(name), value)


def delete(obj: Any, name: str) -> None:
    """`delattr` through the guard."""
    delattr(writable(obj), _settable(name))


def _settable(name: str) -> str:
    if type(name) is not str:
        raise TypeError("attribute name must be a string")
    if is_hook(name) or name in BLOCKED_ATTRIBUTES or not name.isidentifier():
        raise AttributeError(f"the attribute {name!r} cannot be set here")
    return name


# --- classes ------------------------------------------------------------------------------------


class _TypeOfType(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            raise TypeError("type() takes 1 argument here; define classes with a class statement")
        return class_of(args[0])

    def __instancecheck__(cls, obj: Any) -> bool:
        return isinstance(obj, type)

    def __subclasscheck__(cls, other: Any) -> bool:
        return isinstance(other, type) and issubclass(other, type)


class ProgramType(metaclass=_TypeOfType):
    """`type` as programs have it: tells a class, makes none."""


ProgramType.__name__ = ProgramType.__qualname__ = "type"


class ModuleMarker:
    """What a program is told that a module is."""


class AbstractMarker:
    """`ABCMeta` as programs have it: good for `metaclass=` only, since the real one makes classes of any names."""


def class_of(obj: Any) -> Any:
    """Return an object's class; never one that could make classes or modules."""
    kind = type(obj)
    if issubclass(kind, type):
        return ProgramType
    return ModuleMarker if issubclass(kind, types.ModuleType) else kind


class _ClassMaker:
    """What stands for the metaclass in every class statement of a program."""

    def __init__(self, chosen: type) -> None:
        self._chosen = chosen

    def __prepare__(self, name: str, bases: tuple[type, ...]) -> Any:
        return self._most_derived(bases).__prepare__(name, bases)

    def __call__(self, name: str, bases: tuple[type, ...], namespace: Any) -> Any:
        made = self._most_derived(bases)(name, bases, namespace)
        if isinstance(made, type):
            program_classes.add(made)
        return made

    def _most_derived(self, bases: tuple[object, ...]) -> type:
        winner = self._chosen
        for base in bases:
            kind = type(base)
            if not isinstance(base, type) or issubclass(base, type):
                raise TypeError("metaclasses cannot be defined here")
            if issubclass(kind, winner):
                winner = kind
            elif not issubclass(winner, kind):
                raise TypeError("metaclass conflict between the bases")
        if winner is _TypeOfType:
            raise TypeError("metaclasses cannot be defined here")
        return winner


def metaclass(chosen: Any) -> _ClassMaker:
    """Return the maker of one class statement; `chosen` is its `metaclass=`."""
    if chosen is None or chosen is ProgramType:
        return _ClassMaker(type)
    if chosen is AbstractMarker:
        return _ClassMaker(abc.ABCMeta)
    raise TypeError("only metaclass=ABCMeta can be used here")
