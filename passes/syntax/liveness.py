"""Which variables a statement binds, which it needs, and which are read after it.

A loop or a branch that is staged carries variables: in go those that it reads before it binds them,
out come those that it binds and that something reads afterwards. Carrying more than that isn't
wrong, but slow, and it makes errors of names that hold values of two kinds and that nobody asks for
again.

The classic backward data flow, over the tree: what is live after a statement gives what is live
before it; loops go round until nothing changes. Expressions are followed in Python's order of
evaluation, so a `:=` counts as bound for what is evaluated after it. What a nested function or a
lambda reads from around it may be read whenever that function is called: such names are live
everywhere, and so are all names of a function that calls `eval`.

It reads any tree of the subset; a canonical one (see `canonicalise`) is what the interpreter has.

>>> import gast
>>> fn = gast.parse('''
... def f(xs, scale):
...     total = 0
...     for x in xs:
...         square = x * x
...         total = total + square
...     return total * scale
... ''').body[0]
>>> live = analyse(fn)
>>> loop = fn.body[1]
>>> live.assigned(loop)
('x', 'square', 'total')
>>> live.exposed(loop.body)
('total', 'x')
>>> live.live_out(loop)
('scale', 'total')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import gast

from passes.syntax import tree

Names = frozenset[str]
NONE: Names = frozenset()
_COMPREHENSIONS = (gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp)


@dataclass(frozen=True)
class Liveness:
    """What `analyse` found out about one function. Tuples are sorted, but for `assigned`."""

    fn: gast.FunctionDef  # held so that the ids stay those of its nodes
    captured: tuple[str, ...]
    """What nested functions and lambdas, or `eval`, read from around them: live everywhere."""
    _out: dict[int, Names]

    def assigned(self, stmts: gast.stmt | Sequence[gast.stmt]) -> tuple[str, ...]:
        """See `assigned`."""
        return assigned(stmts)

    def exposed(self, stmts: gast.stmt | Sequence[gast.stmt]) -> tuple[str, ...]:
        """The names that these statements may read before they bind them, and those captured."""
        return tuple(sorted({*exposed(stmts), *self.captured}))

    def live_out(self, stmt: gast.stmt) -> tuple[str, ...]:
        """The names that may be read after this If, For, While or With before they are bound.

        Where the statement is in a loop, "after" includes the loop's next iterations. It doesn't
        include where a `break` in the statement goes: a canonical tree has none to ask about.
        """
        return tuple(sorted({*self._out[id(stmt)], *self.captured}))


def analyse(fn: gast.FunctionDef) -> Liveness:
    """The liveness of one function; the functions nested in it are functions of their own."""
    out: dict[int, Names] = {}
    _Flow(out).block(fn.body, NONE, NONE, NONE)
    captured: set[str] = set()
    for stmt in fn.body:
        captured |= _captured(stmt)
    if any(isinstance(n, gast.Name) and n.id == "eval" for n in gast.walk(fn)):
        captured |= {*tree.parameters(fn.args), *tree.local_names(fn)}
    return Liveness(fn, tuple(sorted(captured)), out)


def assigned(stmts: gast.stmt | Sequence[gast.stmt]) -> tuple[str, ...]:
    """The names that these statements may bind or `del`, in source order, each one once.

    Nested functions and lambdas are other scopes. So is a comprehension, but for the `:=` in it.
    """
    return tree.bound_names(_listed(stmts))


def exposed(stmts: gast.stmt | Sequence[gast.stmt]) -> tuple[str, ...]:
    """The names that these statements may read before they bind them, sorted.

    A nested function counts as reading its free names where it is defined.
    """
    return tuple(sorted(_Flow({}).block(_listed(stmts), NONE, NONE, NONE)))


def free_names(node: gast.FunctionDef | gast.Lambda) -> Names:
    """The names that the function's body reads from outside of it: globals and builtins too.

    A name that it declares `global` isn't looked up in the function around it, and isn't among
    them.
    """
    parameters = set(tree.parameters(node.args))
    if isinstance(node, gast.Lambda):
        return _reads([node.body]) - parameters - {*tree.bound_names([node.body])}
    declared = {
        name
        for stmt in tree.own(node.body, into_loops=True)
        if isinstance(stmt, gast.Global)
        for name in stmt.names
    }
    return _reads(node.body) - parameters - declared - {*tree.local_names(node)}


def _listed(stmts: gast.stmt | Sequence[gast.stmt]) -> Sequence[gast.stmt]:
    return [stmts] if isinstance(stmts, gast.AST) else stmts


class _Flow:
    """Backwards through statements: from what is live after one to what is live before it."""

    def __init__(self, out: dict[int, Names]) -> None:
        self._out = out
        self._at_raise = NONE
        """What is live wherever an exception may be raised: in the body of a `try`."""

    def block(
        self, stmts: Iterable[gast.stmt], live: Names, at_break: Names, at_continue: Names
    ) -> Names:
        """What is live before the statements, where `live` is live after them."""
        for stmt in reversed(list(stmts)):
            live = self._statement(stmt, live, at_break, at_continue) | self._at_raise
        return live

    def _statement(
        self, stmt: gast.stmt, live: Names, at_break: Names, at_continue: Names
    ) -> Names:
        if isinstance(stmt, gast.Break):
            return at_break
        if isinstance(stmt, gast.Continue):
            return at_continue
        if isinstance(stmt, (gast.Return, gast.Raise)):
            return _children(stmt, NONE)
        if isinstance(stmt, (gast.If, gast.For, gast.While, gast.With, gast.Try)):
            self._out[id(stmt)] = live | self._at_raise
        if isinstance(stmt, gast.Try):
            return self._try(stmt, live, at_break, at_continue)
        if isinstance(stmt, gast.If):
            body = self.block(stmt.body, live, at_break, at_continue)
            orelse = self.block(stmt.orelse, live, at_break, at_continue)
            return _expression(stmt.test, body | orelse)
        if isinstance(stmt, gast.With):
            before = self.block(stmt.body, live, at_break, at_continue)
            # Its context manager may stop an exception: then what's live after it is so in its body.
            # Before it that isn't counted: hardly any context manager does.
            outer, self._at_raise = self._at_raise, self._at_raise | live
            self.block(stmt.body, live, at_break, at_continue)
            self._at_raise, live = outer, before
            for item in reversed(stmt.items):
                if item.optional_vars is not None:
                    live = _expression(item.optional_vars, live)
                live = _expression(item.context_expr, live)
            return live
        if isinstance(stmt, (gast.For, gast.While)):
            return self._loop(stmt, live, at_break, at_continue)
        return _simple(stmt, live)

    def _try(self, stmt: gast.Try, live: Names, at_break: Names, at_continue: Names) -> Names:
        final = self.block(stmt.finalbody, live, at_break, at_continue)
        outer, caught = self._at_raise, final
        self._at_raise = outer | final
        for handler in stmt.handlers:
            inside = self.block(handler.body, final, at_break, at_continue)
            if handler.name is not None:
                inside = inside - {handler.name.id}
            caught |= inside if handler.type is None else _expression(handler.type, inside)
        orelse = self.block(stmt.orelse, final, at_break, at_continue)
        self._at_raise = outer | caught
        body = self.block(stmt.body, orelse, at_break, at_continue)
        self._at_raise = outer
        return body | caught

    def _loop(
        self, loop: gast.For | gast.While, live: Names, at_break: Names, at_continue: Names
    ) -> Names:
        exhausted = self.block(loop.orelse, live, at_break, at_continue)

        def head(iteration: Names) -> Names:
            """Live where the loop decides whether to go on."""
            if isinstance(loop, gast.For):
                return exhausted | _expression(loop.target, iteration)
            if tree.always_true(loop.test):
                return iteration
            return _expression(loop.test, exhausted | iteration)

        before = _fixpoint(lambda at_head: head(self.block(loop.body, at_head, live, at_head)))
        return _expression(loop.iter, before) if isinstance(loop, gast.For) else before


def _fixpoint(step: Callable[[Names], Names]) -> Names:
    live = NONE
    while (more := step(live) | live) != live:
        live = more
    return live


def _simple(stmt: gast.stmt, live: Names) -> Names:
    if isinstance(stmt, gast.Assign):
        for target in reversed(stmt.targets):
            live = _expression(target, live)
        return _expression(stmt.value, live)
    if isinstance(stmt, gast.AugAssign):
        if isinstance(stmt.target, gast.Name):
            return _expression(stmt.value, live - {stmt.target.id}) | {stmt.target.id}
        return _expression(stmt.target, _expression(stmt.value, live))
    if isinstance(stmt, gast.AnnAssign):  # in a function, the annotation isn't evaluated
        if stmt.value is None:
            return live
        return _expression(stmt.value, _expression(stmt.target, live))
    if isinstance(stmt, gast.FunctionDef):
        live = (live - {stmt.name}) | free_names(stmt)
        for child in reversed(tree.evaluated_by_def(stmt)):
            live = _expression(child, live)
        return live
    if isinstance(stmt, gast.ClassDef):  # its own names count as read: they may be, from outside
        return (live - {stmt.name}) | _reads([stmt])
    if isinstance(stmt, (gast.Import, gast.ImportFrom)):
        return live - {*tree.bound_names([stmt])}
    if isinstance(stmt, gast.Assert):  # the message is evaluated only where the test fails
        message = NONE if stmt.msg is None else _expression(stmt.msg, NONE)
        return _expression(stmt.test, live | message)
    return _children(stmt, live)


def _expression(node: gast.AST, live: Names) -> Names:
    """What is live before the evaluation of an expression, or before the binding of a target."""
    if isinstance(node, gast.Name):
        if isinstance(node.ctx, gast.Store):
            return live - {node.id}
        return live | {node.id}  # `del` too: it's an error where the name is unbound
    if isinstance(node, gast.NamedExpr):
        return _expression(node.value, live - {node.target.id})
    if isinstance(node, gast.BoolOp):
        return _short_circuit(node.values, live)
    if isinstance(node, gast.Compare):
        # `a < b < c` evaluates `a` and `b` whatever happens.
        live = _short_circuit(node.comparators, live)
        return _expression(node.left, live)
    if isinstance(node, gast.IfExp):
        return _expression(node.test, _expression(node.body, live) | _expression(node.orelse, live))
    if isinstance(node, gast.Dict):
        for key, value in reversed(list(zip(node.keys, node.values, strict=True))):
            live = _expression(value, live)
            live = _expression(key, live) if key is not None else live
        return live
    if isinstance(node, gast.Lambda):
        live |= free_names(node)
        for value in reversed(tree.defaults(node.args)):
            live = _expression(value, live)
        return live
    if isinstance(node, _COMPREHENSIONS):
        # The first iterable is evaluated for certain, and outside; the rest may not be, and sees
        # the comprehension's own names first.
        return _expression(node.generators[0].iter, live | _comprehension_reads(node))
    return _children(node, live)


def _short_circuit(values: Sequence[gast.expr], live: Names) -> Names:
    """Each value may be the last that is evaluated."""
    before = _expression(values[-1], live)
    for value in reversed(values[:-1]):
        before = _expression(value, live | before)
    return before


def _children(node: gast.AST, live: Names) -> Names:
    """The order of the fields is that of evaluation, but for the cases above."""
    for child in reversed(list(gast.iter_child_nodes(node))):
        live = _expression(child, live)
    return live


def _comprehension_reads(node: gast.expr) -> Names:
    """What a comprehension reads from around it, once its first iterable is evaluated."""
    own = {
        name.id
        for generator in node.generators
        for name in gast.walk(generator.target)
        if isinstance(name, gast.Name) and isinstance(name.ctx, gast.Store)
    }
    first, *others = node.generators
    elements = [node.key, node.value] if isinstance(node, gast.DictComp) else [node.elt]
    inner = [
        *elements,
        first.target,
        *first.ifs,
        *(part for other in others for part in (other.target, other.iter, *other.ifs)),
    ]
    return _reads(inner) - own


# Reading anywhere, in whatever order


def _reads(nodes: Iterable[gast.AST]) -> Names:
    """Every name read in these nodes, less those that inner scopes have for themselves."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, gast.Name):
            if not isinstance(node.ctx, gast.Store):
                found.add(node.id)
        elif isinstance(node, gast.AugAssign) and isinstance(node.target, gast.Name):
            found |= {node.target.id} | _reads([node.value])
        elif isinstance(node, gast.AnnAssign):
            found |= _reads([node.target] if node.value is None else [node.target, node.value])
        elif isinstance(node, gast.FunctionDef):
            found |= free_names(node) | _reads(tree.evaluated_by_def(node))
        elif isinstance(node, gast.Lambda):
            found |= free_names(node) | _reads(tree.defaults(node.args))
        elif isinstance(node, _COMPREHENSIONS):
            found |= _comprehension_reads(node) | _reads([node.generators[0].iter])
        else:
            found |= _reads(gast.iter_child_nodes(node))
    return frozenset(found)


def _captured(node: gast.AST) -> Names:
    """What the functions and lambdas in a node read from around them."""
    if isinstance(node, gast.FunctionDef):
        found = free_names(node)
        return found.union(*map(_captured, tree.evaluated_by_def(node)))
    if isinstance(node, gast.Lambda):
        return free_names(node).union(*map(_captured, tree.defaults(node.args)))
    return NONE.union(*map(_captured, gast.iter_child_nodes(node)))
