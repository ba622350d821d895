"""Every construct outside of the supported subset, all of them in one report.

The kinds of node that are supported are listed, and anything else is reported: a construct that a
later Python brings is an error until someone has thought about it. What a construct of the subset
is applied to (which context managers, which calls) is for the interpreter to judge.

It reads the source as the user wrote it, before any other pass: generated names are reported.

>>> import gast
>>> tree = gast.parse('''
... def f(xs):
...     async def later():
...         pass
...     try:
...         from math import *
...     finally:
...         return len(xs)
... ''')
>>> for problem in run(tree.body[0]):
...     print(problem.code, problem.node.lineno, problem.message)
AF0102 3 `async def` is not supported
AF0107 6 `from math import *` is not supported
AF0106 8 `return` in a `finally` is not supported
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gast

from passes.syntax import tree
from passes.syntax.names import GENERATED, bound_by_alias, is_generated


@dataclass(frozen=True)
class Problem:
    """One thing that the compiler can't take."""

    code: str
    message: str
    node: gast.AST
    help: str


SUPPORTED: frozenset[type] = frozenset(
    {
        # Statements
        *(gast.FunctionDef, gast.Return, gast.Delete, gast.Assign, gast.AugAssign, gast.AnnAssign),
        *(gast.For, gast.While, gast.If, gast.With, gast.Raise, gast.Assert, gast.Import),
        *(gast.ImportFrom, gast.Global, gast.Nonlocal, gast.Expr, gast.Pass, gast.Break),
        *(gast.Continue, gast.Try, gast.ClassDef, gast.Match),
        # Expressions
        *(gast.BoolOp, gast.NamedExpr, gast.BinOp, gast.UnaryOp, gast.Lambda, gast.IfExp),
        *(gast.Dict, gast.Set, gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp),
        *(gast.Compare, gast.Call, gast.FormattedValue, gast.JoinedStr, gast.Constant),
        *(gast.Attribute, gast.Subscript, gast.Starred, gast.Name, gast.List, gast.Tuple),
        *(gast.Slice, gast.Yield, gast.YieldFrom),
        # Parts of them
        *(gast.arguments, gast.keyword, gast.alias, gast.withitem, gast.comprehension),
        *(gast.Load, gast.Store, gast.Del, gast.Param),
        *(gast.And, gast.Or, gast.Not, gast.Invert, gast.UAdd, gast.USub),
        *(gast.Add, gast.Sub, gast.Mult, gast.MatMult, gast.Div, gast.FloorDiv, gast.Mod),
        *(gast.Pow, gast.LShift, gast.RShift, gast.BitAnd, gast.BitOr, gast.BitXor),
        *(gast.Eq, gast.NotEq, gast.Lt, gast.LtE, gast.Gt, gast.GtE),
        *(gast.Is, gast.IsNot, gast.In, gast.NotIn),
    }
)

_HELP_GENERATOR = "append the values to a list and return the list"
_HELP_ASYNC = (
    "write it as ordinary code: a compiled model runs in one go and has nothing to wait for"
)
_HELP_MATCH = "name the subject, and take from it what is wanted"
_HELP_TRY = (
    "test for the condition with an `if` beforehand, "
    "or handle the exception in the code that calls the model"
)
_HELP_FINALLY = "write it after the `try` statement"
_HELP_IMPORT = "import the names that are used, at module level: `from {0} import name`"
_HELP_DELETE = "give each target its own `del`: a name, `x[i]` or `x.attribute`"
_HELP_NAME = f"choose a name that doesn't start with `{GENERATED}`"
_HELP_UNKNOWN = "write it with simpler statements, or compute it outside the model and pass it in"


def run(fn: gast.FunctionDef | gast.Lambda) -> list[Problem]:
    """The problems of a function and of those nested in it, in source order.

    The decorators, default values and annotations of `fn` itself aren't looked at: they ran when it
    was defined, and aren't compiled.
    """
    problems = list(_Check().function(fn, outermost=True))
    problems.sort(key=lambda problem: (problem.node.lineno, problem.node.col_offset))
    return problems


class _Check:
    def __init__(self) -> None:
        self._reserved: set[str] = set()
        self._defaults = 0

    def function(self, fn: gast.AST, outermost: bool) -> Iterator[Problem]:
        """A `def`, an `async def` or a `lambda`: a scope of its own."""
        if isinstance(fn, gast.AsyncFunctionDef):
            yield Problem("AF0102", "`async def` is not supported", fn, _HELP_ASYNC)
        if not outermost:
            self._defaults += 1
            for child in tree.evaluated_by_def(fn):
                yield from self.node(child, fn)
            self._defaults -= 1
        for name in tree.parameters(fn.args):
            yield from self._name(name, fn)
        if isinstance(fn, gast.Lambda):
            yield from self.node(fn.body, fn)
            return
        if not isinstance(fn, gast.Lambda):
            yield from self._name(fn.name, fn)
        for parameter in getattr(fn, "type_params", None) or []:
            yield from self.node(parameter, fn)
        for part in [fn.body] if isinstance(fn, gast.Lambda) else fn.body:
            yield from self.node(part, fn)

    def node(self, node: gast.AST, fn: gast.AST) -> Iterator[Problem]:
        """Any node, and what is in it; `fn` is the function around it."""
        problem = self._problem(node, fn)
        if problem is not None:
            yield problem
        if isinstance(node, (gast.FunctionDef, gast.AsyncFunctionDef)):
            yield from self.function(node, outermost=False)
            return
        if isinstance(node, gast.ClassDef):
            return  # its methods are checked when they're called
        if isinstance(node, gast.Name):
            yield from self._name(node.id, node)
        elif isinstance(node, gast.alias):
            yield from self._name(bound_by_alias(node), node)
        if isinstance(node, gast.match_case):
            children = [node.guard, *node.body] if node.guard is not None else node.body
        elif problem is not None and problem.code == "AF0108":
            return  # nobody knows what its parts are
        else:
            children = list(gast.iter_child_nodes(node))
        for child in children:
            yield from self.node(child, node if isinstance(node, gast.Lambda) else fn)

    def _name(self, name: str, node: gast.AST) -> Iterator[Problem]:
        if is_generated(name) and name not in self._reserved:
            self._reserved.add(name)
            message = f"the name `{name}` is reserved for the compiler"
            yield Problem("AF0108", message, node, _HELP_NAME)

    def _problem(self, node: gast.AST, fn: gast.AST) -> Problem | None:
        if isinstance(node, (gast.Yield, gast.YieldFrom)):
            if isinstance(fn, gast.FunctionDef) and not self._defaults:
                return None
            what = "yield" if isinstance(node, gast.Yield) else "yield from"
            message = f"`{what}` is not supported here"
            return Problem("AF0101", message, node, _HELP_GENERATOR)
        if isinstance(node, (gast.AsyncFor, gast.AsyncWith, gast.Await)):
            keywords = {gast.AsyncFor: "async for", gast.AsyncWith: "async with"}
            what = keywords.get(type(node), "await")
            return Problem("AF0102", f"`{what}` is not supported", node, _HELP_ASYNC)
        if any(each.is_async for each in getattr(node, "generators", [])):
            message = "an asynchronous comprehension is not supported"
            return Problem("AF0102", message, node, _HELP_ASYNC)
        if isinstance(node, gast.match_case) and any(_rests(node.pattern)):
            message = "a pattern with `**` is not supported"
            return Problem("AF0104", message, node.pattern, _HELP_MATCH)
        if isinstance(node, gast.TryStar):
            return Problem("AF0106", "`except*` is not supported", node, _HELP_TRY)
        if isinstance(node, gast.Try) and (jumps := list(_leaving(node.finalbody))):
            what = type(jumps[0]).__name__.lower()
            message = f"`{what}` in a `finally` is not supported"
            return Problem("AF0106", message, jumps[0], _HELP_FINALLY)
        if isinstance(node, gast.ImportFrom) and node.names[0].name == "*":
            module = "." * (node.level or 0) + (node.module or "")
            message = f"`from {module} import *` is not supported"
            return Problem("AF0107", message, node, _HELP_IMPORT.format(module))
        if isinstance(node, gast.Delete):
            for target in node.targets:
                if not isinstance(target, (gast.Name, gast.Subscript, gast.Attribute)):
                    message = "this target of `del` is not supported"
                    return Problem("AF0108", message, target, _HELP_DELETE)
            return None
        if type(node) in SUPPORTED or isinstance(node, _REPORTED_ELSEWHERE):
            return None
        message = f"this construct ({type(node).__name__}) is not supported"
        return Problem("AF0108", message, node, _HELP_UNKNOWN)


def _rests(pattern: gast.AST) -> Iterator[bool]:
    for node in gast.walk(pattern):
        yield isinstance(node, gast.MatchMapping) and node.rest is not None


# Reported as a function, or with the statement that they are part of.
_REPORTED_ELSEWHERE = (gast.AsyncFunctionDef, gast.ExceptHandler, gast.match_case)


def _leaving(stmts: list[gast.stmt], in_loop: bool = False) -> Iterator[gast.stmt]:
    """The jumps out of these statements."""
    for stmt in stmts:
        jumps = (gast.Return,) if in_loop else (gast.Return, gast.Break, gast.Continue)
        if isinstance(stmt, jumps):
            yield stmt
        loops = isinstance(stmt, (gast.For, gast.While))
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(stmt, (gast.FunctionDef, gast.ClassDef)):
                inner = getattr(stmt, name, None) or []
                yield from _leaving(inner, in_loop or (loops and name == "body"))
        for part in [*getattr(stmt, "handlers", ()), *getattr(stmt, "cases", ())]:
            yield from _leaving(part.body, in_loop)
