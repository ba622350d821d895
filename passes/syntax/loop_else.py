"""`for … else` and `while … else` without the `else`.

The `else` of a loop runs where the loop ended without `break`. A loop with no `break` of its own
always runs it: then the body of the `else` just follows the loop. Otherwise the `break` sets a
flag, and an `if` after the loop asks for it. A `return` in the loop needs no care: it leaves the
function, and `returns`, the next pass, sees plain statements after the loop, which it guards like
any others.

>>> import gast
>>> tree = gast.parse('''
... def find(xs, y):
...     for i, x in enumerate(xs):
...         if x == y:
...             break
...     else:
...         i = -1
...     return i
... ''')
>>> print(gast.unparse(run(tree.body[0])).strip())
def find(xs, y):
    _af_broke_1 = False
    for (i, x) in enumerate(xs):
        if x == y:
            _af_broke_1 = True
            break
    if not _af_broke_1:
        i = -1
    return i
"""

from __future__ import annotations

import gast

from passes.syntax import tree
from passes.syntax.names import FreshNames


def run(fn: gast.FunctionDef) -> gast.FunctionDef:
    """A copy of `fn` in which no loop has an `else`."""
    fn = tree.clone(fn)
    _rewrite(fn)
    return fn


def _rewrite(fn: gast.FunctionDef) -> None:
    names = FreshNames(fn)
    for nested in tree.nested_functions(fn):
        _rewrite(nested)
    fn.body = _block(fn.body, None, names)


def _block(stmts: list[gast.stmt], flag: str | None, names: FreshNames) -> list[gast.stmt]:
    """The statements without loop `else`; a `break` of the loop around them sets `flag`."""
    out: list[gast.stmt] = []
    for stmt in stmts:
        if isinstance(stmt, gast.Break) and flag is not None:
            out += [tree.set_flag(flag, True, stmt), stmt]
        elif isinstance(stmt, (gast.For, gast.While)):
            out += _loop(stmt, flag, names)
        else:
            if isinstance(stmt, (gast.If, gast.With)):
                stmt.body = _block(stmt.body, flag, names)
            if isinstance(stmt, gast.If):
                stmt.orelse = _block(stmt.orelse, flag, names)
            if isinstance(stmt, gast.Try):
                tree.map_parts(stmt, lambda part: _block(part, flag, names))
            out.append(stmt)
    return out


def _loop(loop: gast.For | gast.While, outer: str | None, names: FreshNames) -> list[gast.stmt]:
    orelse, loop.orelse = loop.orelse, []
    broke = None
    if orelse and tree.has(loop.body, gast.Break, into_loops=False):
        broke = names.numbered("broke")
    loop.body = _block(loop.body, broke, names)
    # A `break` in the `else` belongs to the loop around this one.
    orelse = _block(orelse, outer, names)
    if broke is None:
        return [loop, *orelse]
    return [tree.set_flag(broke, False, loop), loop, tree.unless(broke, orelse, loop)]
