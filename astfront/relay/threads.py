"""Which loops of a kernel are worth several threads.

TVM's schedules mark the outermost loop of nearly every kernel as parallel, however little it does. To
hand work to other threads takes a microsecond, and several where they have to be woken. Here a kernel's
work is estimated, and loops of less than `WORTH_THREADS` become serial.
"""

from __future__ import annotations

import math
from typing import Any

from tvm import tir

#: In operations, each on a vector or on a number: a few µs, and some tens where memory is waited for.
WORTH_THREADS = 1 << 15

#: What a staged number of turns is taken for.
_STAGED = 16
_LANES = 16


@tir.transform.prim_func_pass(opt_level=0, name="astfront.serial_small_loops")
def serial_small_loops(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR: parallel loops that do little are serial."""

    def visit(loop: Any) -> Any:
        if loop.kind != tir.ForKind.PARALLEL or work(loop) >= WORTH_THREADS:
            return None
        return tir.For(
            loop.loop_var, loop.min, loop.extent, tir.ForKind.SERIAL, loop.body,
            loop.thread_binding, loop.annotations, loop.span,
        )  # fmt: skip

    return function.with_body(
        tir.stmt_functor.ir_transform(function.body, None, visit, ["tir.For"])
    )


def work(stmt: Any) -> int:
    """How many operations a statement does, roughly."""
    if isinstance(stmt, tir.For):
        return _turns(stmt) * work(stmt.body)
    if isinstance(stmt, tir.SeqStmt):
        return sum(work(part) for part in stmt.seq)
    if isinstance(stmt, tir.IfThenElse):
        otherwise = work(stmt.else_case) if stmt.else_case is not None else 0
        return max(work(stmt.then_case), otherwise)
    if isinstance(stmt, tir.BufferStore | tir.Evaluate):
        return _operations(stmt.value)
    if isinstance(stmt, tir.LetStmt):
        return _operations(stmt.value) + work(stmt.body)
    body = getattr(stmt, "body", None)
    return work(body) if isinstance(body, tir.Stmt) else 1


def _turns(loop: Any) -> int:
    extent, known = loop.extent, 1
    while isinstance(extent, tir.Mul) and isinstance(extent.b, tir.IntImm):
        extent, known = extent.a, known * int(extent.b)
    turns = known * (int(extent) if isinstance(extent, tir.IntImm) else _STAGED)
    return math.ceil(turns / _LANES) if loop.kind == tir.ForKind.VECTORIZED else turns


def _operations(value: Any) -> int:
    """The loads, and what's done with them: not where they are, and no factor of a sum."""
    nodes: list[Any] = []
    places: set[Any] = set()

    def visit(node: Any) -> None:
        nodes.append(node)
        if isinstance(node, tir.BufferLoad):
            for index in node.indices:
                tir.stmt_functor.post_order_visit(index, places.add)

    tir.stmt_functor.post_order_visit(value, visit)
    free = (tir.Var, tir.IntImm, tir.FloatImm, tir.Mul, tir.Cast)
    return 1 + sum(not isinstance(node, free) and node not in places for node in nodes)
