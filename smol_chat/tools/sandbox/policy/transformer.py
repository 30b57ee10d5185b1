"""What a program is turned into before it is compiled: what is not allowed is refused, reads and writes are guarded.

Iteration, unpacking and items need no guard here, since nothing a program holds has forbidden items; only attributes
lead somewhere. So the stock rewriting of those is left out and programs run at nearly full speed.
"""

# ruff: noqa: D102  # a visitor is described by the name of what it visits

from __future__ import annotations

import ast
from typing import Union, cast

from RestrictedPython.transformer import RestrictingNodeTransformer, copy_locations

from smol_chat.tools.sandbox.policy.names import (
    BLOCKED_ATTRIBUTES,
    FORMATTERS,
    is_hook,
    may_bind,
)

Visited = Union[ast.AST, "list[ast.AST]", None]

_METACLASS = "metaclass"


class PolicyTransformer(RestrictingNodeTransformer):
    """Rewrites a program's tree; `errors` says what is not allowed, with line numbers.

    Methods that replace the library's are not marked `override`: its module would add a tenth to the worker's start.
    """

    def __init__(self) -> None:
        super().__init__()
        self._classes: list[str] = []

    # --- names ----------------------------------------------------------------------------------

    def check_name(self, node: ast.AST, name: str | None, allow_magic_methods: bool = False) -> None:
        if name is not None and not may_bind(name):
            self.error(node, f"the name {name!r} is not allowed")

    def check_function_argument_names(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            self.check_name(node, argument.arg)
        for rest in (arguments.vararg, arguments.kwarg):
            self.check_name(node, rest.arg if rest else None)

    def visit_Name(self, node: ast.Name) -> Visited:
        if node.id == "__name__" and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Constant("__main__"), node)
        self.check_name(node, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> Visited:
        return self._check_names(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> Visited:
        return self._check_names(node)

    def _check_names(self, node: ast.Global | ast.Nonlocal) -> Visited:
        for name in node.names:
            self.check_name(node, name)
        return node

    # --- attributes and items -------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> Visited:
        node = self.node_contents_visit(node)
        node.attr = self._mangled(node.attr)
        if node.attr in BLOCKED_ATTRIBUTES:
            self.error(node, f"the attribute {node.attr!r} is not allowed")
        if not isinstance(node.ctx, ast.Load):
            return self._guarded_write(node)
        call = self._call("_getattr_", [node.value, ast.Constant(node.attr)])
        copy_locations(call, node)
        return call

    def visit_Subscript(self, node: ast.Subscript) -> Visited:
        node = self.node_contents_visit(node)
        return node if isinstance(node.ctx, ast.Load) else self._guarded_write(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Visited:
        """The target is read without the read guard, so what that guard would refuse is refused here."""
        if isinstance(node.target, ast.Attribute) and node.target.attr in FORMATTERS | {"obj"}:
            self.error(node, f"the attribute {node.target.attr!r} cannot be changed in place")
        return self.node_contents_visit(node)

    def _guarded_write(self, node: ast.Attribute | ast.Subscript) -> Visited:
        if isinstance(node, ast.Attribute) and is_hook(node.attr):
            self.error(node, f"the attribute {node.attr!r} cannot be set")
        guarded = self._call("_write_", [node.value])
        copy_locations(guarded, node.value)
        node.value = guarded
        return node

    def _mangled(self, name: str) -> str:
        """Rename a class-private `__x` as the compiler would, so that reads and writes agree."""
        owner = self._classes[-1].lstrip("_") if self._classes else ""
        if owner and name.startswith("__") and not name.endswith("__"):
            return f"_{owner}{name}"
        return name

    def _call(self, name: str, arguments: list[ast.expr]) -> ast.Call:
        return ast.Call(func=ast.Name(name, ast.Load()), args=arguments, keywords=[])

    # --- what needs no guard --------------------------------------------------------------------

    def guard_iter(self, node: ast.For | ast.comprehension) -> Visited:
        return self.node_contents_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Visited:
        return self.node_contents_visit(node)

    def visit_With(self, node: ast.With) -> Visited:
        return self.node_contents_visit(node)

    def visit_Call(self, node: ast.Call) -> Visited:
        return self.node_contents_visit(node)

    def visit_Module(self, node: ast.Module) -> Visited:
        return self.node_contents_visit(node)

    # --- functions and classes ------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Visited:
        """Annotations are dropped: they would be evaluated, and nothing here reads them."""
        self.check_name(node, node.name)
        self.check_function_argument_names(node)
        node.returns = None
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            argument.annotation = None
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                rest.annotation = None
        return self.node_contents_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Visited:
        self.check_name(node, node.name)
        metaclass: ast.expr = ast.Constant(None)
        for keyword in node.keywords:
            if keyword.arg != _METACLASS:
                self.error(node, f"the class argument {keyword.arg!r} is not allowed")
            metaclass = keyword.value
        self._classes.append(node.name)
        node.keywords = []
        node = self.node_contents_visit(node)
        self._classes.pop()
        choice = self._call("_metaclass_", [cast("ast.expr", self.visit(metaclass))])
        node.keywords = [ast.keyword(_METACLASS, choice)]
        ast.fix_missing_locations(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Visited:
        """Annotations of a class body stay: dataclasses are made of them."""
        if isinstance(node.target, ast.Name) and node.target.id in FORMATTERS and self._classes:
            self.error(node, f"the name {node.target.id!r} cannot be a field")
        return self.node_contents_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Visited:
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    # --- imports --------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> Visited:
        for name in node.names:
            self._check_module(node, name.name)
        return self.check_import_names(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Visited:
        if node.module == "__future__":
            return ast.copy_location(ast.Pass(), node)
        if node.level:
            self.error(node, "relative imports are not allowed")
        self._check_module(node, node.module or "")
        return self.check_import_names(node)

    def _check_module(self, node: ast.AST, name: str) -> None:
        if name.startswith("_"):
            self.error(node, f"the module {name!r} is not available")

    # --- match ----------------------------------------------------------------------------------

    def visit_Match(self, node: ast.AST) -> Visited:
        """Check what is inside."""
        return self.node_contents_visit(node)

    visit_match_case = visit_Match
    visit_MatchSingleton = visit_Match
    visit_MatchSequence = visit_Match
    visit_MatchOr = visit_Match

    def visit_MatchValue(self, node: ast.MatchValue) -> Visited:
        """Leave the value as the compiler wants it."""
        node.value = self._pattern_value(node.value)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> Visited:
        """Check the name it binds."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> Visited:
        """Check the name it binds."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> Visited:
        """Check the keys and the name it binds."""
        self.check_name(node, node.rest)
        node.keys = [self._pattern_value(key) for key in node.keys]
        node.patterns = [cast("ast.pattern", self.visit(pattern)) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> Visited:
        """Check the attributes it reads past the guard."""
        for name in node.kwd_attrs:
            self._check_pattern_attribute(node, name)
        node.cls = self._pattern_value(node.cls)
        node.patterns = [cast("ast.pattern", self.visit(pattern)) for pattern in node.patterns]
        node.kwd_patterns = [cast("ast.pattern", self.visit(pattern)) for pattern in node.kwd_patterns]
        return node

    def _pattern_value(self, value: ast.expr) -> ast.expr:
        """Check `a.b.c` in a pattern; the compiler wants it as it is, so it is read past the guard."""
        if isinstance(value, ast.Attribute):
            self._check_pattern_attribute(value, value.attr)
            value.value = self._pattern_value(value.value)
            return value
        return cast("ast.expr", self.visit(value))

    def _check_pattern_attribute(self, node: ast.AST, name: str) -> None:
        if name.startswith("_") or name in BLOCKED_ATTRIBUTES | FORMATTERS | {"obj"}:
            self.error(node, f"the attribute {name!r} is not allowed in a pattern")

    # --- refusals in words ----------------------------------------------------------------------

    def not_allowed(self, node: ast.AST) -> None:
        self.error(node, f"{_WORDS.get(type(node).__name__, type(node).__name__)} cannot be used here")


_WORDS = {
    "AsyncFunctionDef": "async functions",
    "Await": "await",
    "AsyncFor": "async for",
    "AsyncWith": "async with",
    "TryStar": "except*",
    "TypeAlias": "type statements",
    "TypeVar": "type parameters",
    "ParamSpec": "type parameters",
    "TypeVarTuple": "type parameters",
}
