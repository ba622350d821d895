"""The place along each axis, where a loop stands for several of staged sizes.

Such a loop's number is divided by sizes wherever it's used, under conditions too: as LLVM may not divide
where the condition is false, the loops in it weren't made of vectors. Here the quotients are computed
once a turn, where the turn itself says that what they're divided by isn't 0.
"""

from __future__ import annotations

from typing import Any

from tvm import ir, tir


@tir.transform.prim_func_pass(opt_level=0, name="astfront.places_of_turns")
def places_of_turns(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, after TVM's simplifier, which would put the quotients back."""

    body = tir.stmt_functor.ir_transform(function.body, None, _bind_places, ["tir.For"])
    return function.with_body(body)


def _bind_places(loop: Any) -> Any:
    """A loop over several axes of staged sizes, with its turn's places bound before all else."""
    sizes = _factors(loop.extent)
    if len(sizes) < 2 or all(map(_is_known, sizes)):
        return None
    if loop.kind not in (tir.ForKind.SERIAL, tir.ForKind.PARALLEL):
        return None
    known = [loop.loop_var, *sizes]
    places: list[tuple[Any, Any]] = []

    def replace(quotient: Any) -> Any:
        divides = all(_is_known(n) or _is_size(n, sizes) for n in _factors(quotient.b))
        if not divides or not all(_among(x, known) for x in _read_by(quotient.a)):
            return None
        for var, value in places:
            if ir.structural_equal(value, quotient):
                return var
        var = tir.Var("place", quotient.dtype)
        places.append((var, quotient))
        known.append(var)
        return var

    nodes = ["tir.FloorDiv", "tir.FloorMod"]
    body = tir.stmt_functor.ir_transform(loop.body, None, replace, nodes)
    for var, value in reversed(places):
        body = tir.LetStmt(var, value, body)
    return tir.For(
        loop.loop_var, loop.min, loop.extent, loop.kind, body,
        loop.thread_binding, loop.annotations, loop.span,
    )  # fmt: skip


def _factors(x: Any) -> list[Any]:
    return [*_factors(x.a), *_factors(x.b)] if isinstance(x, tir.Mul) else [x]


def _is_known(x: Any) -> bool:
    return isinstance(x, tir.IntImm) and int(x) != 0


def _is_size(x: Any, sizes: list[Any]) -> bool:
    """Whether it's one of the sizes, which may be sums: what's divided by one isn't divided by 0."""
    return any(ir.structural_equal(x, size) for size in sizes)


def _among(x: Any, others: list[Any]) -> bool:
    return any(x.same_as(other) for other in others)


def _read_by(x: Any) -> list[Any]:
    """The variables of an expression, and what isn't arithmetic."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, tir.Var | tir.BufferLoad | tir.Call | tir.Let):
            found.append(node)

    tir.stmt_functor.post_order_visit(x, visit)
    return found
