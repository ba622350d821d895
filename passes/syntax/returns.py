"""One `return`, at the end of the function.

A branch that may be staged can't leave the function: both sides of it have to come together again.
So a `return` becomes an assignment to `_af_return`, and what follows it is put where it runs only
if nothing was returned. Where one side of an `if` always returns, what follows the `if` moves into
the other side, and no flag is needed. Where a `return` may or may not have happened (in nested ifs,
loops, `with`), it sets `_af_returned`, and what follows is guarded by it. Statements are moved,
never copied. What control can't reach is dropped.

Loops must have no `else` (see `loop_else`). A context manager must let exceptions through.

>>> import gast
>>> tree = gast.parse('''
... def clip(x, low, bounds):
...     if x < low:
...         return low
...     for bound in bounds:
...         if x < bound:
...             return bound
...     return x
... ''')
>>> print(gast.unparse(run(tree.body[0])).strip())
def clip(x, low, bounds):
    _af_returned = False
    if x < low:
        _af_return = low
    else:
        for bound in bounds:
            if x < bound:
                _af_return = bound
                _af_returned = True
                break
        if not _af_returned:
            _af_return = x
    return _af_return
"""

from __future__ import annotations

from dataclasses import dataclass

import gast

from passes.syntax import tree
from passes.syntax.names import FreshNames


def run(fn: gast.FunctionDef) -> gast.FunctionDef:
    """A copy of `fn` whose only `return` is its last statement."""
    fn = tree.clone(fn)
    _rewrite(fn)
    return fn


def _rewrite(fn: gast.FunctionDef) -> None:
    names = FreshNames(fn)
    local_names = tree.local_names(fn)
    fn.body = tree.without_dead_code(fn.body)
    _one_return(fn, names)
    tree.keep_locals(local_names, fn)


def _one_return(fn: gast.FunctionDef, names: FreshNames) -> None:
    for nested in tree.nested_functions(fn):
        _rewrite(nested)
    stmts = tree.own(fn.body, into_loops=True)
    returns = [stmt for stmt in stmts if isinstance(stmt, gast.Return)]
    if len(returns) == 1 and fn.body[-1] is returns[0]:
        if returns[0].value is None:
            returns[0].value = tree.at(tree.constant(None), returns[0])
        return
    if not returns:
        fn.body.append(tree.at(gast.Return(value=tree.constant(None)), fn))
        return

    rewriter = _Returns(names.plain("return"), names.plain("returned"))
    docstring, body = tree.split_docstring(fn.body)
    body = rewriter.block(body, _Context(tail=True, loop=False, flag=False, where=fn))
    if rewriter.needs_flag is not None:
        body.insert(0, tree.set_flag(rewriter.flag, False, rewriter.needs_flag))
    result = gast.Return(value=tree.load(rewriter.value))
    fn.body = [*docstring, *body, tree.at(result, returns[-1])]


@dataclass(frozen=True)
class _Context:
    """Where a block stands."""

    tail: bool  # nothing of the function runs after the block
    loop: bool  # the block is in a loop
    flag: bool  # something after the block asks whether the function has returned
    where: gast.AST  # what to blame for falling off the end of an empty block


class _Returns:
    def __init__(self, value: str, flag: str) -> None:
        self.value = value
        self.flag = flag
        self.needs_flag: gast.AST | None = None

    def block(self, stmts: list[gast.stmt], context: _Context) -> list[gast.stmt]:
        """The statements without `return`; on a tail, every path through them assigns the value."""
        out: list[gast.stmt] = []
        for index, stmt in enumerate(stmts):
            rest = stmts[index + 1 :]
            if isinstance(stmt, gast.Return):
                return out + self._return(stmt, context)
            if tree.has([stmt], gast.Return, into_loops=True):
                if not context.loop:
                    return out + self._compound(stmt, rest, context)
                out += self._compound_in_loop(stmt, context)
            else:
                out.append(stmt)
            if not tree.falls(out[-1:]):
                return out
        if context.tail:
            where = stmts[-1] if stmts else context.where
            out.append(tree.assign(self.value, tree.constant(None), where))
        return out

    def _return(self, stmt: gast.Return, context: _Context) -> list[gast.stmt]:
        value = stmt.value if stmt.value is not None else tree.constant(None)
        out: list[gast.stmt] = [tree.assign(self.value, value, stmt)]
        if context.flag:
            if self.needs_flag is None:
                self.needs_flag = stmt
            out.append(tree.set_flag(self.flag, True, stmt))
        if context.loop:
            out.append(tree.at(gast.Break(), stmt))
        return out

    def _compound(
        self, stmt: gast.stmt, rest: list[gast.stmt], context: _Context
    ) -> list[gast.stmt]:
        """A statement with a `return` in it, outside of loops, and everything after it."""
        if isinstance(stmt, gast.If):
            body_falls, orelse_falls = tree.falls(stmt.body), tree.falls(stmt.orelse)
            if not (rest and body_falls and orelse_falls):
                body = stmt.body + rest if body_falls else stmt.body
                orelse = stmt.orelse + rest if orelse_falls else stmt.orelse
                context = _Context(context.tail, False, context.flag, stmt)
                stmt.body = self.block(body, context)
                stmt.orelse = self.block(orelse, context)
                return [stmt]
            context_inside = _Context(tail=False, loop=False, flag=True, where=stmt)
            stmt.body = self.block(stmt.body, context_inside)
            stmt.orelse = self.block(stmt.orelse, context_inside)
        elif isinstance(stmt, gast.With):
            if not (rest and tree.falls([stmt])):
                context = _Context(context.tail, False, context.flag, stmt)
                stmt.body = self.block(stmt.body, context)
                return [stmt]
            context_inside = _Context(tail=False, loop=False, flag=True, where=stmt)
            stmt.body = self.block(stmt.body, context_inside)
        elif isinstance(stmt, gast.Try):
            self._try(stmt, _Context(tail=False, loop=False, flag=True, where=stmt))
        else:
            goes_on = tree.falls([stmt])
            guarded = goes_on and (bool(rest) or context.tail)
            self._loop_body(stmt, guarded or context.flag)
            if not guarded:
                return [stmt]
        context = _Context(context.tail, False, context.flag, stmt)
        following = self.block(rest, context)
        return [stmt, tree.unless(self.flag, following, stmt)] if following else [stmt]

    def _compound_in_loop(self, stmt: gast.stmt, context: _Context) -> list[gast.stmt]:
        """A statement with a `return` in it, in a loop: a `break` skips the rest of the body."""
        context = _Context(False, True, context.flag, stmt)
        if isinstance(stmt, (gast.If, gast.With)):
            stmt.body = self.block(stmt.body, context)
            if isinstance(stmt, gast.If):
                stmt.orelse = self.block(stmt.orelse, context)
            return [stmt]
        if isinstance(stmt, gast.Try):
            self._try(stmt, context)
            return [stmt]
        goes_on = tree.falls([stmt])
        self._loop_body(stmt, goes_on or context.flag)
        leave: gast.stmt = tree.at(gast.Break(), stmt)
        if goes_on:
            leave = tree.if_flag(self.flag, [leave], stmt)
        return [stmt, leave]

    def _try(self, stmt: gast.Try, context: _Context) -> None:
        """The `else` of a `try` whose body returned isn't run."""
        returns = tree.has(stmt.body, gast.Return, into_loops=True)
        tree.map_parts(stmt, lambda part: self.block(part, context))
        if returns and stmt.orelse and not context.loop:
            stmt.orelse = [tree.unless(self.flag, stmt.orelse, stmt)]

    def _loop_body(self, loop: gast.stmt, flag: bool) -> None:
        if loop.orelse:
            raise ValueError(f"line {loop.lineno}: the loop has an else; run loop_else first")
        loop.body = self.block(loop.body, _Context(tail=False, loop=True, flag=flag, where=loop))
