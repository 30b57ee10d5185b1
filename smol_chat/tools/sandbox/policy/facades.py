"""The modules a program can import: fresh module objects with chosen names, never the real ones."""

# ruff: noqa: ANN401  # a program's objects are of any type, and what they are is what is checked here

from __future__ import annotations

import _strptime  # type: ignore[import-not-found]  # noqa: F401  # strptime() imports it late, when no file can be opened
import abc
import bisect
import calendar
import cmath
import collections
import collections.abc
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import heapq
import importlib
import io
import itertools
import json
import keyword
import math
import operator
import random
import re
import statistics
import string
import sys
import textwrap
import time
import types
import typing
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from smol_chat.tools.sandbox.policy import guards
from smol_chat.tools.sandbox.policy.guards import AbstractMarker, program_classes, read_or
from smol_chat.tools.sandbox.policy.names import may_bind

PREFIX = "sandbox:"
"""Begins every facade's name. It is no package's name, or `from json import decoder` would find the real submodule."""

# Left out on purpose: whatever reads attributes by name (attrgetter, methodcaller, Formatter, UserString.format), makes
# classes or functions of data (make_dataclass, TypedDict, get_type_hints, singledispatch) or opens files.
_CHOSEN: dict[ModuleType, str] = {
    bisect: "bisect bisect_left bisect_right insort insort_left insort_right",
    calendar: "calendar isleap leapdays month monthcalendar monthrange timegm weekday day_name day_abbr month_name "
    "month_abbr Calendar TextCalendar MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY",
    cmath: "acos acosh asin asinh atan atanh cos cosh exp isclose isfinite isinf isnan log log10 phase polar rect sin "
    "sinh sqrt tan tanh e pi tau inf infj nan nanj",
    collections: "ChainMap Counter OrderedDict UserDict UserList defaultdict deque namedtuple",
    collections.abc: "Awaitable Callable Collection Container Generator Hashable ItemsView Iterable Iterator KeysView "
    "Mapping MappingView MutableMapping MutableSequence MutableSet Reversible Sequence Set Sized ValuesView",
    contextlib: "ContextDecorator ExitStack closing contextmanager nullcontext suppress",
    copy: "copy deepcopy",
    csv: "DictReader DictWriter Error QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC excel excel_tab reader "
    "unix_dialect writer",
    datetime: "MAXYEAR MINYEAR UTC date datetime time timedelta timezone tzinfo",
    decimal: "Clamped Context Decimal DivisionByZero Inexact InvalidOperation MAX_EMAX MAX_PREC MIN_EMIN Overflow "
    "ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP Rounded Underflow "
    "getcontext localcontext setcontext BasicContext DefaultContext ExtendedContext",
    fractions: "Fraction",
    functools: "cache cached_property cmp_to_key lru_cache partial partialmethod reduce total_ordering",
    heapq: "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    io: "BytesIO StringIO",
    itertools: "accumulate batched chain combinations combinations_with_replacement compress count cycle dropwhile "
    "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest",
    json: "JSONDecodeError JSONDecoder JSONEncoder dumps loads load dump",
    keyword: "iskeyword kwlist",
    math: " ".join(name for name in dir(math) if not name.startswith("_")),
    operator: "abs add and_ concat contains countOf eq floordiv ge getitem gt iadd iand iconcat ifloordiv imod imul "
    "index indexOf inv invert ior ipow is_ is_not isub itemgetter itruediv ixor le length_hint lshift lt matmul mod "
    "mul ne neg not_ or_ pos pow rshift sub truediv truth xor",
    random: "Random betavariate choice choices expovariate gammavariate gauss getrandbits lognormvariate normalvariate "
    "paretovariate randbytes randint random randrange sample seed shuffle triangular uniform vonmisesvariate "
    "weibullvariate",
    re: "A ASCII DOTALL I IGNORECASE M MULTILINE Match NOFLAG Pattern RegexFlag S U UNICODE VERBOSE X compile error "
    "escape findall finditer fullmatch match purge search split sub subn",
    statistics: "NormalDist StatisticsError correlation covariance fmean geometric_mean harmonic_mean "
    "linear_regression mean median median_grouped median_high median_low mode multimode pstdev pvariance quantiles "
    "stdev variance",
    string: "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation "
    "whitespace",
    textwrap: "TextWrapper dedent fill indent shorten wrap",
    time: "gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns process_time sleep strftime "
    "strptime struct_time time time_ns asctime ctime",
    types: "SimpleNamespace",
    typing: "Annotated Any Callable ClassVar DefaultDict Deque Dict Final FrozenSet Generator Generic Hashable "
    "Iterable Iterator List Literal Mapping MutableMapping NamedTuple NewType NoReturn Optional Protocol Sequence Set "
    "Sized SupportsFloat SupportsInt Text Tuple Type TypeVar Union cast final overload runtime_checkable Counter "
    "TypeAlias TYPE_CHECKING assert_never Never Self override",
    unicodedata: "bidirectional category combining decimal digit lookup name normalize numeric",
    zoneinfo: "ZoneInfo ZoneInfoNotFoundError",
}


def _wraps(function: Any) -> Callable[[Any], Any]:
    """`functools.wraps` without its options, which would copy any attribute of anything."""

    def decorate(wrapper: Any) -> Any:
        if isinstance(wrapper, types.FunctionType):
            for name in ("__name__", "__qualname__", "__doc__"):
                value = read_or(function, name, None)
                if type(value) is str:
                    setattr(wrapper, name, value)
        return wrapper

    return decorate


def _dataclass(cls: Any = None, /, **options: Any) -> Any:
    """`dataclasses.dataclass`, which writes source code from the field names: they must be plain names."""

    def decorate(target: Any) -> Any:
        if not isinstance(target, type) or target not in program_classes:
            raise TypeError("dataclass() decorates a class defined in this program")
        for owner in target.__mro__:
            for name in vars(owner).get("__annotations__", None) or getattr(owner, "__annotations__", None) or ():
                if type(name) is not str or not name.isidentifier() or keyword.iskeyword(name) or not may_bind(name):
                    raise TypeError("a dataclass field needs a plain name")
        made: type = dataclasses.dataclass(**options)(target)
        program_classes.add(made)  # with slots=True it is a new class
        return made

    return decorate if cls is None else decorate(cls)


class _ProgramEnumMeta(enum.EnumMeta):
    """Makes enumerations by call only of plain names: they come from data and become attributes of the class."""

    def __call__(cls, value: Any, names: Any = None, **options: Any) -> Any:
        if names is None:
            return super().__call__(value)
        if type(names) is str:
            names = names.replace(",", " ").split()
        pairs = list(names.items()) if isinstance(names, Mapping) else list(names)
        for entry in pairs:
            name = entry if type(entry) is str else entry[0]
            if type(name) is not str or name.startswith("_"):
                raise TypeError("an enumeration's member needs a plain name")
        if set(options) - {"start"}:
            raise TypeError("Enum() takes names and start here")
        pairs = [entry if type(entry) is str else (entry[0], entry[1]) for entry in pairs]
        return super().__call__(value, pairs, **options)


def _enum_names() -> dict[str, Any]:
    made: dict[str, Any] = {"auto": enum.auto, "unique": enum.unique}
    for base in (enum.Enum, enum.IntEnum, enum.Flag, enum.IntFlag, getattr(enum, "StrEnum", None)):
        if base is not None:
            namespace = _ProgramEnumMeta.__prepare__(base.__name__, (base,))
            made[base.__name__] = _ProgramEnumMeta(base.__name__, (base,), namespace)
    return made


def _special() -> dict[str, dict[str, Any]]:
    """Return the names that are ours rather than the module's."""
    return {
        "abc": {"ABC": abc.ABC, "ABCMeta": AbstractMarker, "abstractmethod": abc.abstractmethod},
        "dataclasses": {
            name: getattr(dataclasses, name)
            for name in (
                "FrozenInstanceError",
                "KW_ONLY",
                "asdict",
                "astuple",
                "field",
                "fields",
                "is_dataclass",
                "replace",
            )
        }
        | {"dataclass": _dataclass},
        "enum": _enum_names(),
        "functools": {"wraps": _wraps},
        "zoneinfo": {"available_timezones": lambda: set(_zones)},
    }


class _Facade(ModuleType):
    """A module whose name nothing can change: `from … import …` looks names up by it."""

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        super().__init__(name)
        vars(self).update(members)
        for leftover in ("__loader__", "__spec__", "__package__"):
            vars(self).pop(leftover, None)
        _names[id(self)] = PREFIX + name

    @property
    def __name__(self) -> str:  # type: ignore[override]  # read-only here, on purpose
        return _names[id(self)]


_names: dict[int, str] = {}


def make_facades() -> Mapping[str, ModuleType]:
    """Return every importable module by its name."""
    members = {
        module.__name__: {name: getattr(module, name) for name in names.split() if hasattr(module, name)}
        for module, names in _CHOSEN.items()
    }
    for name, own in _special().items():
        members.setdefault(name, {}).update(own)
    facades = {name: _Facade(name, found) for name, found in members.items()}
    vars(facades["collections"])["abc"] = facades["collections.abc"]
    return facades


class Importer:
    """The `__import__` of a program."""

    def __init__(self) -> None:
        self._facades = make_facades()

    def __call__(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """Return the facade; C code that imports through the program's hook takes the real module by itself."""
        if name == "_strptime":  # asked for by strptime(); no program can write this name
            return None
        if not level and name.partition(".")[0] in guards.packages:
            module = importlib.import_module(name)
            return module if fromlist else sys.modules[name.partition(".")[0]]
        if level or name not in self._facades:
            raise ModuleNotFoundError(
                f"No module named {name!r} here. There are: {', '.join(sorted(self._facades))}.", name=name
            )
        return self._facades[name if fromlist else name.partition(".")[0]]


program_import = Importer()
"""Made with the module, which a waiting worker has imported already."""

_PARTS = {
    "numpy": ("numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random"),
    "pandas": ("numpy", "pandas"),
}


def preload_package(name: str) -> None:
    """Import a package whole and hand the real one out: only for a process that the kernel isolates.

    From a real package everything in this process is in reach, whatever the guards say.
    """
    for part in _PARTS[name]:
        importlib.import_module(part)
    guards.packages.update(part.partition(".")[0] for part in _PARTS[name])
    if name == "pandas":  # its compiled parts ask for these when a date is first read
        guards.packages.update(found for found in ("dateutil", "pytz") if found in sys.modules)


_zones: dict[str, zoneinfo.ZoneInfo] = {}


def preload_zones() -> None:
    """Read every time zone and keep it: later the worker can open no file."""
    for name in zoneinfo.available_timezones():
        with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError, ValueError):
            _zones[name] = zoneinfo.ZoneInfo(name)
