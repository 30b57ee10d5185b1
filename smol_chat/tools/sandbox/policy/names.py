"""Which names a program may use, bind and read as attributes."""

from __future__ import annotations

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

_SPECIAL = (
    "abs add and bool bytes call ceil complex contains delete delitem divmod enter eq exit float floor floordiv "
    "format ge get getitem gt hash iadd iand ifloordiv ilshift imod imul index init int invert ior ipow irshift "
    "isub iter itruediv ixor le len length_hint lshift lt matmul mod mul ne neg new next or pos post_init pow radd "
    "rand rdivmod repr reversed rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv "
    "rxor set setitem str sub truediv trunc xor"
)
SPECIAL_METHODS = frozenset(f"__{name}__" for name in _SPECIAL.split())
"""Special methods a program's classes may define. Left out are those that change what the guards see."""

CLASS_NAMES = frozenset(("__slots__",))
"""Other special names a class body may bind."""

_INSIDES = (
    "tb_lasti tb_lineno f_lasti f_lineno f_trace_lines f_trace_opcodes gi_running gi_suspended cr_running "
    "cr_suspended ag_running ag_suspended co_consts co_names co_varnames co_freevars co_cellvars co_lnotab "
    "co_linetable co_exceptiontable co_filename co_lines co_positions mro"
)
BLOCKED_ATTRIBUTES = INSPECT_ATTRIBUTES | frozenset(_INSIDES.split())
"""Frames, code, tracebacks and the insides of generators: from a frame everything is in reach."""

FORMATTERS = frozenset(("format", "format_map"))
"""Methods of text that read attributes by names in the text."""


def is_hook(name: str) -> bool:
    """Tell whether a name is of the kind the guards themselves have: `_x_`, `__x__`."""
    return name.startswith("_") and name.endswith("_") and name.strip("_") != ""


def may_bind(name: str) -> bool:
    """Tell whether a program may use `name` for a variable, function, class or argument."""
    return not is_hook(name) or name in SPECIAL_METHODS or name in CLASS_NAMES
