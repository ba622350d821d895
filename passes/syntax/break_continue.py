"""No `continue`; a `break` only as the last statement of a loop's body, as `if flag: break`.

A staged loop is a body that runs whole and a condition. So `break` and `continue` become flags and
guards on the rest of the body, and the one `break` that is left is the loop's condition in
disguise. It stays a `break` so that the pass's output is Python: a `while` whose test asked for the
flag would do, but a `for` would take one element too many from its iterator. Where one side of an
`if` always jumps, what follows moves into the other side. Where a jump may or may not have
happened, what follows is guarded by the flag. Statements are moved, never copied. What control
can't reach is dropped.

A loop whose every `break` goes with one and the same flag of an earlier pass (`_af_returned`,
`_af_broke_1`) uses that flag and gets none of its own: such a flag is False whenever an iteration
begins.

Loops must have no `else` (see `loop_else`). A context manager must let exceptions through.

>>> import gast
>>> tree = gast.parse('''
... def total(xs):
...     s = 0
...     for x in xs:
...         if x < 0:
...             break
...         if x == 3:
...             continue
...         s += x
...     return s
... ''')
>>> print(gast.unparse(run(tree.body[0])).strip())
def total(xs):
    s = 0
    _af_break_1 = False
    for x in xs:
        if x < 0:
            _af_break_1 = True
        elif x == 3:
            pass
        else:
            s += x
        if _af_break_1:
            break
    return s
"""

from __future__ import annotations

from collections.abc import Iterator

import gast

from passes.syntax import tree
from passes.syntax.names import FreshNames, is_generated


def run(fn: gast.FunctionDef) -> gast.FunctionDef:
    """A copy of `fn` without `continue`, and with `break` in the one place."""
    fn = tree.clone(fn)
    _rewrite(fn)
    return fn


def _rewrite(fn: gast.FunctionDef) -> None:
    names = FreshNames(fn)
    local_names = tree.local_names(fn)
    for nested in tree.nested_functions(fn):
        _rewrite(nested)
    fn.body = _block(fn.body, names)
    tree.keep_locals(local_names, fn)


def _block(stmts: list[gast.stmt], names: FreshNames) -> list[gast.stmt]:
    """The statements with every loop in them rewritten; outer ones first, so that numbers go up."""
    out: list[gast.stmt] = []
    for stmt in stmts:
        if isinstance(stmt, (gast.For, gast.While)):
            out += _loop(stmt, names)
            continue
        if isinstance(stmt, (gast.If, gast.With)):
            stmt.body = _block(stmt.body, names)
        if isinstance(stmt, gast.If):
            stmt.orelse = _block(stmt.orelse, names)
        if isinstance(stmt, gast.Try):
            tree.map_parts(stmt, lambda part: _block(part, names))
        out.append(stmt)
    return out


def _loop(loop: gast.For | gast.While, names: FreshNames) -> list[gast.stmt]:
    if loop.orelse:
        raise ValueError(f"line {loop.lineno}: the loop has an else; run loop_else first")
    loop.body = tree.without_dead_code(loop.body)
    own = list(tree.own(loop.body, into_loops=False))
    breaks = [stmt for stmt in own if isinstance(stmt, gast.Break)]
    if not breaks and not any(isinstance(stmt, gast.Continue) for stmt in own):
        loop.body = _block(loop.body, names)
        return [loop]

    shared = _shared_flag(loop.body)
    flag = shared if shared is not None or not breaks else names.numbered("break")
    jumps = _Jumps(flag, shared is not None, names)
    body = jumps.block(loop.body, tail=True)
    if jumps.continues is not None:
        body.insert(0, tree.set_flag(jumps.continue_flag, False, jumps.continues))
    body = _block(body, names)
    if flag is not None:
        body.append(tree.if_flag(flag, [tree.at(gast.Break(), breaks[0])], breaks[0]))
    loop.body = body or [tree.at(gast.Pass(), loop)]
    if flag is not None and shared is None:
        return [tree.set_flag(flag, False, loop), loop]
    return [loop]


class _Jumps:
    """Turns the jumps of one loop into flags and guards; loops inside of it are left alone."""

    def __init__(self, flag: str | None, shared: bool, names: FreshNames) -> None:
        self.break_flag = flag
        self.shared = shared
        self.continue_flag = ""
        self.continues: gast.AST | None = None
        self._names = names

    def block(self, stmts: list[gast.stmt], tail: bool) -> list[gast.stmt]:
        """The statements without jumps. `tail`: nothing of the loop's body runs after them."""
        out: list[gast.stmt] = []
        for index, stmt in enumerate(stmts):
            rest = stmts[index + 1 :]
            if isinstance(stmt, gast.Break):
                if not self.shared:
                    out.append(tree.set_flag(str(self.break_flag), True, stmt))
                return out
            if isinstance(stmt, gast.Continue):
                if not tail:
                    out.append(self._continue(stmt))
                return out
            if tree.has([stmt], gast.Break, gast.Continue, into_loops=False):
                return out + self._compound(stmt, rest, tail)
            out.append(stmt)
        return out

    def _continue(self, stmt: gast.Continue) -> gast.stmt:
        if self.continues is None:
            self.continues = stmt
            self.continue_flag = self._names.numbered("continue")
        return tree.set_flag(self.continue_flag, True, stmt)

    def _compound(self, stmt: gast.stmt, rest: list[gast.stmt], tail: bool) -> list[gast.stmt]:
        """A statement with a jump in it, and everything after it."""
        if self.shared and _flagged_break(stmt) is not None:
            return self._unless([str(self.break_flag)], rest, tail, stmt)
        if isinstance(stmt, gast.Try):
            return self._try(stmt, rest, tail)
        flags: list[str] = []
        orelse = stmt.orelse if isinstance(stmt, gast.If) else []
        body_falls = tree.falls([stmt] if isinstance(stmt, gast.With) else stmt.body)
        orelse_falls = isinstance(stmt, gast.If) and tree.falls(orelse)
        if rest and body_falls and (orelse_falls or isinstance(stmt, gast.With)):
            inside = False
            if tree.has([stmt], gast.Break, into_loops=False):
                flags.append(str(self.break_flag))
            continues = tree.has([stmt], gast.Continue, into_loops=False)
        else:
            inside = tail
            continues = False
            if isinstance(stmt, gast.If):
                stmt.body = stmt.body + rest if body_falls else stmt.body
                orelse = orelse + rest if orelse_falls else orelse
            rest = []
        stmt.body = self.block(stmt.body, inside) or [tree.at(gast.Pass(), stmt)]
        if isinstance(stmt, gast.If):
            stmt.orelse = self.block(orelse, inside)
        if continues and self.continues is not None:
            flags.append(self.continue_flag)
        return [stmt, *self._unless(flags, rest, tail, stmt)]

    def _try(self, stmt: gast.Try, rest: list[gast.stmt], tail: bool) -> list[gast.stmt]:
        jumps_in_body = tree.has(stmt.body, gast.Break, gast.Continue, into_loops=False)
        breaks = tree.has([stmt], gast.Break, into_loops=False)
        continues = tree.has([stmt], gast.Continue, into_loops=False)
        tree.map_parts(stmt, lambda part: self.block(part, tail=False))
        flags = [str(self.break_flag)] if breaks else []
        flags += [self.continue_flag] if continues else []
        if jumps_in_body and stmt.orelse:
            for flag in reversed(flags):
                stmt.orelse = [tree.unless(flag, stmt.orelse, stmt)]
        return [stmt, *self._unless(flags, rest, tail, stmt)]

    def _unless(
        self, flags: list[str], rest: list[gast.stmt], tail: bool, where: gast.stmt
    ) -> list[gast.stmt]:
        body = self.block(rest, tail)
        for flag in reversed(flags):
            body = [tree.unless(flag, body, where)] if body else []
        return body


# Flags of earlier passes


def _shared_flag(body: list[gast.stmt]) -> str | None:
    """The one generated flag that is true at every `break` of the loop, if there is such a flag."""
    flags = set(_flags(body))
    return flags.pop() if len(flags) == 1 else None


def _flags(stmts: list[gast.stmt]) -> Iterator[str | None]:
    for before, stmt in zip([None, *stmts], stmts, strict=False):
        if isinstance(stmt, gast.Break):
            yield _set_by(before)
        elif (flag := _flagged_break(stmt)) is not None:
            yield flag
        elif isinstance(stmt, (gast.If, gast.With)):
            yield from _flags(stmt.body)
            if isinstance(stmt, gast.If):
                yield from _flags(stmt.orelse)
        elif isinstance(stmt, gast.Try):
            for part in tree.parts(stmt):
                yield from _flags(part)


def _set_by(stmt: gast.stmt | None) -> str | None:
    """The generated name that the statement sets to True."""
    if (
        isinstance(stmt, gast.Assign)
        and len(stmt.targets) == 1
        and isinstance(stmt.targets[0], gast.Name)
        and is_generated(stmt.targets[0].id)
        and isinstance(stmt.value, gast.Constant)
        and stmt.value.value is True
    ):
        return str(stmt.targets[0].id)
    return None


def _flagged_break(stmt: gast.stmt) -> str | None:
    """`flag`, where the statement is `if flag: break` of a generated name."""
    if (
        isinstance(stmt, gast.If)
        and isinstance(stmt.test, gast.Name)
        and is_generated(stmt.test.id)
        and len(stmt.body) == 1
        and isinstance(stmt.body[0], gast.Break)
        and not stmt.orelse
    ):
        return str(stmt.test.id)
    return None
