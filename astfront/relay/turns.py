"""Loops without conditions, where a loop of staged size decides in each turn what it reads.

A concatenation asks for each item of which array it is, and padding whether it's in the array: LLVM
makes no vectors of that. Here such a loop becomes two, one for the turns before the place where the
answer changes and one for those after it; and a loop of which all turns have one answer is chosen by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tvm import arith, ir, tir

#: How often the loops of one kernel are divided: each time there's more to compile.
_MOST = 8

_COMPARISONS = {tir.LE: "<=", tir.LT: "<", tir.GE: ">=", tir.GT: ">", tir.EQ: "==", tir.NE: "!="}
_CONDITIONS = [f"tir.{kind.__name__}" for kind in _COMPARISONS]


@tir.transform.prim_func_pass(opt_level=0, name="astfront.parts_of_turns")
def parts_of_turns(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, where the places of turns are bound."""
    if not _conditions(function.body):
        return function
    left = _MOST

    def divide(loop: Any) -> Any:
        nonlocal left
        made = _divided(loop) if left > 0 else None
        if made is None:
            return None
        left -= 1
        return walk(made)

    def walk(statement: Any) -> Any:
        return tir.stmt_functor.ir_transform(statement, divide, None, ["tir.For"])

    return function.with_body(walk(function.body))


def _divided(loop: Any) -> Any:
    """A loop in two parts, if there's a condition for that."""
    if loop.kind not in (tir.ForKind.SERIAL, tir.ForKind.PARALLEL) or not _is_staged(loop):
        return None
    bound = _bound_in(loop.body)
    for atom in _atoms(loop.body):
        read = _read_by(atom)
        if any(_among(x, bound) for x in read):
            continue
        if not _among(loop.loop_var, read):
            return tir.IfThenElse(
                atom,
                _with_body(loop, loop.extent, _decided(loop.body, atom, True)),
                _with_body(loop, loop.extent, _decided(loop.body, atom, False)),
            )
        if not isinstance(loop.extent, tir.IntImm):
            made = _split(loop, atom)
            if made is not None:
                return made
    return None


def _split(loop: Any, atom: Any) -> Any:
    """The turns before the place at which the condition changes, and those from there on."""
    kind = _COMPARISONS[type(atom)]
    if kind in ("==", "!="):
        return None
    low, high = (atom.a, atom.b) if kind in ("<", "<=") else (atom.b, atom.a)
    linear = arith.detect_linear_equation(low - high, [loop.loop_var])
    if len(linear) != 2 or not isinstance(linear[0], tir.IntImm):
        return None
    factor, rest = int(linear[0]), linear[1]
    if abs(factor) != 1 or rest.dtype != loop.loop_var.dtype:
        return None
    # Of `turn + rest <= 0` the turns before `1 - rest`, of `rest - turn <= 0` those from `rest` on.
    place = -rest if factor == 1 else rest
    if (kind in ("<=", ">=")) == (factor == 1):
        place = place + 1
    place = tir.max(tir.min(place, loop.extent), tir.const(0, place.dtype))
    start = tir.Var("start", loop.loop_var.dtype)
    turn = tir.Var(loop.loop_var.name, loop.loop_var.dtype)
    before = _with_body(loop, start, _decided(loop.body, atom, factor == 1))
    after = tir.stmt_functor.substitute(
        _decided(loop.body, atom, factor == -1), {loop.loop_var: turn + start}
    )
    last = _with_body(loop, loop.extent - start, after, turn)
    return tir.LetStmt(start, place, tir.SeqStmt([before, last]))


def _with_body(loop: Any, extent: Any, body: Any, turn: Any = None) -> Any:
    if turn is None:  # each loop has a variable of its own
        turn = tir.Var(loop.loop_var.name, loop.loop_var.dtype)
        body = tir.stmt_functor.substitute(body, {loop.loop_var: turn})
    return tir.For(
        turn, loop.min, extent, loop.kind, body, loop.thread_binding, loop.annotations, loop.span
    )


# --- conditions --------------------------------------------------------------------------------


def _conditions(body: Any) -> list[Any]:
    """What the conditional expressions of a statement ask."""
    found: list[Any] = []

    def look(call: Any) -> None:
        if _is_choice(call):
            found.append(call.args[0])

    tir.stmt_functor.ir_transform(body, None, look, ["tir.Call"])
    return found


def _atoms(body: Any) -> Iterator[Any]:
    """The comparisons of ints in conditions, which read no arrays and divide by nothing staged."""
    for condition in _conditions(body):
        yield from _comparisons(condition)


def _comparisons(condition: Any) -> Iterator[Any]:
    if isinstance(condition, tir.And | tir.Or):
        yield from _comparisons(condition.a)
        yield from _comparisons(condition.b)
    elif isinstance(condition, tir.Not):
        yield from _comparisons(condition.a)
    elif type(condition) in _COMPARISONS and _is_plain(condition):
        yield condition


def _is_plain(condition: Any) -> bool:
    plain = condition.a.dtype in ("int32", "int64")

    def visit(node: Any) -> None:
        nonlocal plain
        if isinstance(node, tir.FloorDiv | tir.FloorMod | tir.Div | tir.Mod):
            plain = plain and isinstance(node.b, tir.IntImm) and int(node.b) != 0
        elif isinstance(node, tir.BufferLoad | tir.ProducerLoad | tir.Call | tir.Let):
            plain = False

    tir.stmt_functor.post_order_visit(condition, visit)
    return plain


def _decided(body: Any, atom: Any, answer: bool) -> Any:
    """A statement in which the answer to a comparison is known."""

    def replace(node: Any) -> Any:
        if type(node) in _COMPARISONS:
            return tir.const(answer, "bool") if ir.structural_equal(node, atom) else None
        if isinstance(node, tir.Not):
            known = _known(node.a)
            return None if known is None else tir.const(not known, "bool")
        if isinstance(node, tir.And | tir.Or):
            for one, other in ((node.a, node.b), (node.b, node.a)):
                known = _known(one)
                if known is not None:
                    return other if known == isinstance(node, tir.And) else one
            return None
        if _is_choice(node):
            known = _known(node.args[0])
            return None if known is None else node.args[1 if known else 2]
        return None

    nodes = [*_CONDITIONS, "tir.Not", "tir.And", "tir.Or", "tir.Call"]
    return tir.stmt_functor.ir_transform(body, None, replace, nodes)


def _known(condition: Any) -> bool | None:
    return bool(condition.value) if isinstance(condition, tir.IntImm) else None


def _is_choice(node: Any) -> bool:
    return isinstance(node, tir.Call) and node.op.same_as(ir.Op.get("tir.if_then_else"))


# --- variables ---------------------------------------------------------------------------------


def _is_staged(loop: Any) -> bool:
    """Whether it has turns, or a loop within it, whose number is known only at run time."""
    staged = not isinstance(loop.extent, tir.IntImm)

    def look(inner: Any) -> None:
        nonlocal staged
        staged = staged or not isinstance(inner.extent, tir.IntImm)

    tir.stmt_functor.ir_transform(loop.body, None, look, ["tir.For"])
    return staged


def _bound_in(body: Any) -> list[Any]:
    found: list[Any] = []

    def look(node: Any) -> None:
        found.append(node.loop_var if isinstance(node, tir.For) else node.var)

    tir.stmt_functor.ir_transform(body, None, look, ["tir.For", "tir.LetStmt", "tir.Let"])
    return found


def _read_by(x: Any) -> list[Any]:
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, tir.Var):
            found.append(node)

    tir.stmt_functor.post_order_visit(x, visit)
    return found


def _among(x: Any, others: list[Any]) -> bool:
    return any(x.same_as(other) for other in others)
