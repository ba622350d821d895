"""Exception classes of the user's own, with staged arguments: they're made when the program has run."""

from __future__ import annotations

import builtins
import functools
import types

import gast

from astfront.diagnostics import CompileError
from astfront.source import get_source

#: Functions of Python's that look at nothing but what they're given.
_PURE = frozenset(
    {"abs", "bool", "float", "format", "int", "isinstance", "len", "list", "max", "min", "repr"}
    | {"round", "sorted", "str", "sum", "super", "tuple", "type", "zip"}
)
_METHODS = frozenset({"__init__", "format", "join", "lower", "replace", "strip", "upper"})
_STATEMENTS = (gast.Assign, gast.AnnAssign, gast.Expr, gast.If, gast.Pass)


@functools.lru_cache(None)
def can_be_made_later(cls: type[BaseException]) -> bool:
    """Whether its ``__init__`` does nothing but to keep what it's given."""
    if any(isinstance(f, types.FunctionType) for f in (cls.__new__, cls.__setattr__)):
        return False
    own = [vars(c)["__init__"] for c in cls.__mro__ if "__init__" in vars(c)]
    return all(map(_only_keeps, (f for f in own if isinstance(f, types.FunctionType))))


def _only_keeps(function: types.FunctionType) -> bool:
    try:
        node = get_source(function).node
    except CompileError:
        return False
    if not isinstance(node, gast.FunctionDef) or node.decorator_list:
        return False
    names = {**vars(builtins), **function.__globals__}
    exceptions = {n for n, c in names.items() if _is_exception(c)}
    args = node.args
    plain = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    own = {a.id for a in plain if a is not None}
    inner = list(gast.walk(gast.Module(body=node.body, type_ignores=[])))
    own |= {n.id for n in inner if isinstance(n, gast.Name) and isinstance(n.ctx, gast.Store)}
    for n in inner:
        if isinstance(n, gast.stmt) and not isinstance(n, _STATEMENTS):
            return False
        if isinstance(n, gast.Name) and n.id not in own | _PURE | exceptions:
            return False
        if isinstance(n, gast.Attribute | gast.Subscript) and not isinstance(n.ctx, gast.Load):
            owner = n.value.id if isinstance(n.value, gast.Name) else ""
            if isinstance(n, gast.Subscript) or owner != args.args[0].id:
                return False
        if isinstance(n, gast.Call) and not _is_pure(n.func):
            return False
        if isinstance(n, gast.Lambda | gast.Yield | gast.YieldFrom | gast.Await):
            return False
    return True


def _is_exception(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseException)


def _is_pure(function: gast.expr) -> bool:
    if isinstance(function, gast.Attribute):
        return function.attr in _METHODS
    return isinstance(function, gast.Name) and function.id in _PURE
