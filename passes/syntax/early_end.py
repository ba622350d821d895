"""A generator that returns where whoever walks over it wants nothing more.

Python drops such a generator: GeneratorExit is raised where it yielded, which runs what `finally` and
`with` have to run. A `return` in its place does the same, as long as no handler takes that exception.
Each yield gives whether nothing more is wanted. It's not in the pipeline: the interpreter calls this
where a loop over a generator may end early, and only data tells whether it does.

>>> import gast
>>> tree = gast.parse('''
... def squares(n):
...     for i in range(n):
...         yield i * i
... ''')
>>> print(gast.unparse(run(tree.body[0])).strip())
def squares(n):
    for i in range(n):
        _af_left = (yield (i * i))
        if _af_left:
            return
"""

from __future__ import annotations

import gast

from passes.syntax import tree
from passes.syntax.names import FreshNames

_YIELDS = (gast.Yield, gast.YieldFrom)
#: Context managers to which it's all one whether a block is left by a `return` or by GeneratorExit.
_INDIFFERENT = frozenset({"using_config", "no_backprop_mode", "force_backprop_mode"})


def run(fn: gast.FunctionDef) -> gast.FunctionDef | None:
    """A copy of a generator function; None where it yields in a place in which it can't return."""
    fn = tree.clone(fn)
    try:
        fn.body = _Ending(FreshNames(fn).plain("left")).block(fn.body)
    except _Unsupported:
        return None
    return fn


class _Unsupported(Exception):
    pass


class _Ending:
    def __init__(self, flag: str) -> None:
        self.flag = flag

    def block(self, stmts: list[gast.stmt]) -> list[gast.stmt]:
        return [new for stmt in stmts for new in self.statement(stmt)]

    def statement(self, stmt: gast.stmt) -> list[gast.stmt]:
        if isinstance(stmt, gast.FunctionDef | gast.ClassDef) or not _yields(stmt):
            return [stmt]
        match stmt:
            case gast.Expr(value=gast.Yield() | gast.YieldFrom()):
                return self._ended(stmt.value, stmt)
            case gast.Assign(value=gast.Yield()):
                given, stmt.value = stmt.value, tree.at(tree.constant(None), stmt)
                return [*self._ended(given, stmt), stmt]
            case gast.If() | gast.For() | gast.While():
                head = stmt.iter if isinstance(stmt, gast.For) else stmt.test
                if not _yields(head):
                    stmt.body = self.block(stmt.body)
                    stmt.orelse = self.block(stmt.orelse)
                    return [stmt]
            case gast.With() if all(map(_is_indifferent, stmt.items)):
                stmt.body = self.block(stmt.body)
                return [stmt]
            case gast.Try() if not any(map(_takes_all, stmt.handlers)):
                tree.map_parts(stmt, self.block)
                if not any(map(_yields, stmt.finalbody)):
                    return [stmt]
        raise _Unsupported

    def _ended(self, given: gast.expr, where: gast.stmt) -> list[gast.stmt]:
        leave: gast.stmt = tree.at(gast.Return(value=None), where)
        return [tree.assign(self.flag, given, where), tree.if_flag(self.flag, [leave], where)]


def _yields(node: gast.AST) -> bool:
    if isinstance(node, _YIELDS):
        return True
    nested = (gast.FunctionDef, gast.Lambda, gast.ClassDef)
    return any(_yields(n) for n in gast.iter_child_nodes(node) if not isinstance(n, nested))


def _is_indifferent(item: gast.withitem) -> bool:
    made = item.context_expr.func if isinstance(item.context_expr, gast.Call) else None
    name = made.attr if isinstance(made, gast.Attribute) else getattr(made, "id", None)
    return name in _INDIFFERENT


def _takes_all(handler: gast.ExceptHandler) -> bool:
    """Whether it may take GeneratorExit."""
    if handler.type is None:
        return True
    named = (
        n.id if isinstance(n, gast.Name) else getattr(n, "attr", "")
        for n in gast.walk(handler.type)
    )
    return not {"BaseException", "GeneratorExit"}.isdisjoint(named)
