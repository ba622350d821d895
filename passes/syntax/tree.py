"""What the syntax passes share: copying trees, building small statements, following control flow.

The passes know the statements of the supported subset only. Where another compound statement turns
up (`match`, `async with` …), `check` wasn't run, and going on could leave a jump in it unseen:
that is a `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gast

from passes.syntax import names as naming

FALL, BREAK, CONTINUE, RETURN, RAISE = "fall", "break", "continue", "return", "raise"

_UNSUPPORTED = (
    gast.AsyncFor,
    gast.AsyncFunctionDef,
    gast.AsyncWith,
    gast.Match,
    gast.TryStar,
)


# Copying and building


def clone(node: Any) -> Any:
    """A deep copy; one Python frame a level, where `copy.deepcopy` takes several."""
    if isinstance(node, list):
        return [clone(item) for item in node]
    if not isinstance(node, gast.AST):
        return node
    new = type(node)()
    for key, value in vars(node).items():
        setattr(new, key, clone(value) if isinstance(value, (list, gast.AST)) else value)
    return new


def at(node: gast.AST, where: gast.AST) -> Any:
    """`node`, with the location of `where`, as has all in it that has none of its own yet."""
    if isinstance(node, (gast.stmt, gast.expr)):
        if hasattr(node, "lineno"):
            return node
        gast.copy_location(node, where)
    for child in gast.iter_child_nodes(node):
        at(child, where)
    return node


def load(name: str) -> gast.Name:
    """The expression `name`."""
    return gast.Name(id=name, ctx=gast.Load(), annotation=None, type_comment=None)


def constant(value: Any) -> gast.Constant:
    """A literal."""
    return gast.Constant(value=value, kind=None)


def assign(name: str, value: gast.expr, where: gast.AST) -> gast.Assign:
    """`name = value`."""
    target = gast.Name(id=name, ctx=gast.Store(), annotation=None, type_comment=None)
    return at(gast.Assign(targets=[target], value=value, type_comment=None), where)


def set_flag(name: str, value: bool, where: gast.AST) -> gast.Assign:
    """`name = True` or `name = False`."""
    return assign(name, constant(value), where)


def if_flag(name: str, body: list[gast.stmt], where: gast.AST) -> gast.If:
    """`if name: body`."""
    return at(gast.If(test=load(name), body=body, orelse=[]), where)


def unless(name: str, body: list[gast.stmt], where: gast.AST) -> gast.If:
    """`if not name: body`."""
    test = gast.UnaryOp(op=gast.Not(), operand=load(name))
    return at(gast.If(test=test, body=body, orelse=[]), where)


def split_docstring(body: list[gast.stmt]) -> tuple[list[gast.stmt], list[gast.stmt]]:
    """The docstring's statement, in a list that may be empty, and the rest."""
    first = body[0] if body else None
    if (
        isinstance(first, gast.Expr)
        and isinstance(first.value, gast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[:1], body[1:]
    return [], body


# Statements that belong to a function, or to a loop


def own(stmts: Iterable[gast.stmt], *, into_loops: bool) -> Iterator[gast.stmt]:
    """The statements of this function, in source order, without those of nested functions.

    With `into_loops=False` the bodies of loops are left out: what remains of a loop's body is where
    a `break` or `continue` of that loop can stand. The `else` of an inner loop is such a place.
    """
    for stmt in stmts:
        yield stmt
        if isinstance(stmt, _UNSUPPORTED):
            raise ValueError(
                f"line {stmt.lineno}: {type(stmt).__name__} is not in the subset; run check first"
            )
        if isinstance(stmt, (gast.For, gast.While)):
            if into_loops:
                yield from own(stmt.body, into_loops=True)
            yield from own(stmt.orelse, into_loops=into_loops)
        elif isinstance(stmt, gast.If):
            yield from own(stmt.body, into_loops=into_loops)
            yield from own(stmt.orelse, into_loops=into_loops)
        elif isinstance(stmt, gast.With):
            yield from own(stmt.body, into_loops=into_loops)
        elif isinstance(stmt, gast.Try):
            for part in parts(stmt):
                yield from own(part, into_loops=into_loops)


def has(stmts: Iterable[gast.stmt], *kinds: type, into_loops: bool) -> bool:
    """Whether `own(stmts)` has a statement of one of these kinds."""
    return any(isinstance(stmt, kinds) for stmt in own(stmts, into_loops=into_loops))


def parts(stmt: gast.Try) -> list[list[gast.stmt]]:
    """The blocks of a `try` statement."""
    handlers = [handler.body for handler in stmt.handlers]
    return [stmt.body, *handlers, stmt.orelse, stmt.finalbody]


def map_parts(stmt: gast.Try, change: Callable[[list[gast.stmt]], list[gast.stmt]]) -> None:
    """Replace the blocks of a `try` statement."""
    stmt.body = change(stmt.body) or [at(gast.Pass(), stmt)]
    for handler in stmt.handlers:
        handler.body = change(handler.body) or [at(gast.Pass(), handler)]
    stmt.orelse = change(stmt.orelse)
    stmt.finalbody = change(stmt.finalbody)


def nested_functions(fn: gast.FunctionDef) -> list[gast.FunctionDef]:
    """The functions defined directly in `fn`, not those within these."""
    return [stmt for stmt in own(fn.body, into_loops=True) if isinstance(stmt, gast.FunctionDef)]


# Control flow


def always_true(test: gast.expr) -> bool:
    """Whether the test is a literal that is true, as in `while True` and `while 1`."""
    return isinstance(test, gast.Constant) and bool(test.value)


def outcomes(stmts: Iterable[gast.stmt]) -> frozenset[str]:
    """The ways in which running these statements may end: a subset of the five names above.

    A call may raise, of course: RAISE stands for a `raise` statement only. A context manager is
    taken to let exceptions through, as every one does that the interpreter accepts.
    """
    found: set[str] = set()
    for stmt in stmts:
        ways = _outcome(stmt)
        found |= ways - {FALL}
        if FALL not in ways:
            return frozenset(found)
    return frozenset(found | {FALL})


def falls(stmts: Iterable[gast.stmt]) -> bool:
    """Whether running these statements may go on to what follows them."""
    return FALL in outcomes(stmts)


def without_dead_code(stmts: list[gast.stmt]) -> list[gast.stmt]:
    """The statements without those that stand after a jump, a `raise`, or a loop that never ends.

    With that, each jump in the tree is one that may happen. `keep_locals` has to follow.
    """
    kept: list[gast.stmt] = []
    for stmt in stmts:
        kept.append(stmt)
        if isinstance(stmt, (gast.If, gast.For, gast.While, gast.With)):
            stmt.body = without_dead_code(stmt.body)
        if isinstance(stmt, (gast.If, gast.For, gast.While)):
            stmt.orelse = without_dead_code(stmt.orelse)
        if isinstance(stmt, gast.Try):
            map_parts(stmt, without_dead_code)
        if not falls([stmt]):
            break
    return kept


def _outcome(stmt: gast.stmt) -> frozenset[str]:
    if isinstance(stmt, gast.Return):
        return frozenset({RETURN})
    if isinstance(stmt, gast.Raise):
        return frozenset({RAISE})
    if isinstance(stmt, gast.Break):
        return frozenset({BREAK})
    if isinstance(stmt, gast.Continue):
        return frozenset({CONTINUE})
    if isinstance(stmt, gast.If):
        return outcomes(stmt.body) | outcomes(stmt.orelse)
    if isinstance(stmt, gast.With):
        ways = set(outcomes(stmt.body))
        # Its context manager may stop the exception.
        return frozenset(ways | {FALL} if RAISE in ways else ways)
    if isinstance(stmt, gast.Try):
        ways = set(outcomes(stmt.body))
        if FALL in ways:
            ways = (ways - {FALL}) | outcomes(stmt.orelse)
        for handler in stmt.handlers:
            ways |= outcomes(handler.body)
        last = outcomes(stmt.finalbody)
        return frozenset(ways) if FALL in last else last
    if isinstance(stmt, (gast.For, gast.While)):
        inner = outcomes(stmt.body)
        found = set(inner & {RETURN, RAISE})
        if BREAK in inner:
            found.add(FALL)
        if isinstance(stmt, gast.For) or not always_true(stmt.test):
            found |= outcomes(stmt.orelse)
        return frozenset(found)
    return frozenset({FALL})


# Names


def local_names(fn: gast.FunctionDef) -> tuple[str, ...]:
    """The variables that Python makes local to `fn`, in source order, without the parameters."""
    found: dict[str, None] = {}
    for stmt in fn.body:
        _bound(stmt, found, declared=True)
    for stmt in own(fn.body, into_loops=True):
        if isinstance(stmt, (gast.Global, gast.Nonlocal)):
            for name in stmt.names:
                found.pop(name, None)
    return tuple(found)


def bound_names(nodes: Iterable[gast.AST]) -> tuple[str, ...]:
    """The variables that running these nodes may bind or `del`, in source order, each one once.

    Nested functions and lambdas are other scopes. So is a comprehension, but for the `:=` in it.
    """
    found: dict[str, None] = {}
    for node in nodes:
        _bound(node, found, declared=False)
    return tuple(found)


def parameters(args: gast.arguments) -> tuple[str, ...]:
    """The names of the parameters, in order."""
    return tuple(arg.id for arg in _every_parameter(args))


def _every_parameter(args: gast.arguments) -> list[gast.Name]:
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [arg for arg in every if arg is not None]


def _bound(node: gast.AST, found: dict[str, None], declared: bool, in_comp: bool = False) -> None:
    if isinstance(node, gast.Name):
        if isinstance(node.ctx, (gast.Store, gast.Del)) and not in_comp:
            found[node.id] = None
    elif isinstance(node, gast.NamedExpr):
        found[node.target.id] = None
        _bound(node.value, found, declared, in_comp)
    elif isinstance(node, gast.FunctionDef):
        for child in evaluated_by_def(node):
            _bound(child, found, declared, in_comp)
        found[node.name] = None
    elif isinstance(node, gast.ClassDef):
        for child in [*node.decorator_list, *node.bases, *node.keywords]:
            _bound(child, found, declared, in_comp)
        found[node.name] = None
    elif isinstance(node, gast.Lambda):
        for child in defaults(node.args):
            _bound(child, found, declared, in_comp)
    elif isinstance(node, gast.alias):
        found[naming.bound_by_alias(node)] = None
    elif isinstance(node, gast.AnnAssign):
        if node.value is not None or declared:
            _bound(node.target, found, declared, in_comp)
        if node.value is not None:
            _bound(node.value, found, declared, in_comp)
    else:
        comps = (gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp)
        in_comp = in_comp or isinstance(node, comps)
        for child in gast.iter_child_nodes(node):
            _bound(child, found, declared, in_comp)


def defaults(args: gast.arguments) -> list[gast.expr]:
    """The default values, which the enclosing function evaluates."""
    return [value for value in [*args.defaults, *args.kw_defaults] if value is not None]


def evaluated_by_def(fn: gast.FunctionDef) -> list[gast.expr]:
    """What a `def` evaluates where it stands: decorators, default values, annotations."""
    annotations = [arg.annotation for arg in _every_parameter(fn.args)] + [fn.returns]
    return [
        *fn.decorator_list,
        *defaults(fn.args),
        *(annotation for annotation in annotations if annotation is not None),
    ]


def keep_locals(before: tuple[str, ...], fn: gast.FunctionDef) -> None:
    """Keep a name local to `fn` whose only assignment was dropped: control could never get there.

    Without that, a read of the name, an error in the source, would find a global of the same name.
    """
    after = {*local_names(fn), *parameters(fn.args)}
    lost = [name for name in before if name not in after]
    if lost:
        docstring, body = split_docstring(fn.body)
        never = gast.If(
            test=constant(False),
            body=[assign(name, constant(None), fn) for name in lost],
            orelse=[],
        )
        fn.body = [*docstring, at(never, fn), *body]
