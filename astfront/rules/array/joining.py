"""chainer/functions/array: several arrays made one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import chainer.functions as F
import gast
import numpy as np
from chainer.functions.array import concat, dstack, hstack, stack, vstack
from chainer.utils.type_check import InvalidType

from astfront.rules.array.shape import transpose_to
from astfront.rules.registry import StaticArg, node_rule, rule
from astfront.rules.sizes import guarded, same_dim, with_dims
from astfront.templates import Leaf
from astfront.values import GrownList, List, Static, Tensor, Value, describe


def concatenate(cx: Any, xs: Sequence[Tensor], axis: int) -> Tensor:
    """The arrays one after another; their other sizes must agree."""
    if len(xs) == 1:
        return xs[0]
    axis %= xs[0].ndim
    others = [d for d in range(xs[0].ndim) if d != axis]

    def compute() -> Tensor:
        joined = cx.call_op("concatenate", list(xs), axis=axis)
        return with_dims(cx, joined, _common_shape(xs, others))

    return guarded(cx, _fits(cx, xs, others), _DIFFER, compute)


_DIFFER = InvalidType("the arrays agree in shape", "their sizes differ")


def _fits(cx: Any, xs: Sequence[Tensor], axes: Sequence[int]) -> list[Value]:
    return [same_dim(cx, x, d, xs[0], d) for x in xs[1:] for d in axes]


def _common_shape(xs: Sequence[Tensor], axes: Sequence[int]) -> list[int | None]:
    """A size that one of the arrays has is the size of all."""
    shape: list[int | None] = [None] * xs[0].ndim
    for d in axes:
        shape[d] = next((x.shape[d] for x in xs if x.shape[d] is not None), None)
    return shape


@node_rule(concat.Concat)
def concat_node(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    return concatenate(cx, xs, node.axis)


@node_rule(stack.Stack)
def stack_node(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    return stack_arrays(cx, xs, node.axis)


def stack_arrays(cx: Any, xs: Sequence[Tensor], axis: int) -> Tensor:
    axis %= xs[0].ndim + 1
    axes = range(xs[0].ndim)

    def compute() -> Tensor:
        shape: list[int | None] = _common_shape(xs, axes)
        shape.insert(axis, len(xs))
        return with_dims(cx, cx.call_op("stack", list(xs), axis=axis), shape)

    return guarded(cx, _fits(cx, xs, axes), _DIFFER, compute)


@node_rule(vstack.Vstack)
def vstack_node(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    return concatenate(cx, [at_least(cx, x, 2) for x in xs], 0)


@node_rule(hstack.Hstack)
def hstack_node(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    wide = [at_least(cx, x, 1) for x in xs]
    return concatenate(cx, wide, 0 if wide[0].ndim == 1 else 1)


@node_rule(dstack.Dstack)
def dstack_node(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    return concatenate(cx, [at_least(cx, x, 3) for x in xs], 2)


def at_least(cx: Any, x: Tensor, ndim: int) -> Tensor:
    """numpy's ``atleast_1d``, ``atleast_2d`` and ``atleast_3d``."""
    if x.ndim >= ndim:
        return x
    shape = np.empty((2,) * x.ndim)
    grown = {1: np.atleast_1d, 2: np.atleast_2d, 3: np.atleast_3d}[ndim](shape).shape
    for axis, size in enumerate(grown):
        if size == 1:
            x = cx.call_op("expand_dims", x, axis=axis)
    return x


# --- lists that grew in a loop ---------------------------------------------------------------
#
# Their source can't be compiled: it passes the list on as the inputs of a node, one by one. But what
# such a list holds is already the stack of its elements.


def _grown(cx: Any, xs: Value) -> Tensor | None:
    """The stack along axis 0 of a list that grew in a loop; None for anything else."""
    content = cx.heap[xs.cell] if isinstance(xs, List) else None
    if not isinstance(content, GrownList):
        return None
    error = InvalidType("in_types.size > 0", "0 <= 0")
    if not content.buffers and not isinstance(content.element, Leaf):
        cx.raise_python(error)
    if len(content.buffers) != 1 or content.element.scalar is not None:  # type: ignore[attr-defined]
        cx.fail("AF0207", f"a list of {describe(content.element)} is joined: arrays are wanted")
    filled = cx.compare(gast.Gt(), content.length, Static(0))
    rows = content.buffers[0]
    return guarded(cx, [filled], error, lambda: rows)


def _checked_axis(cx: Any, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        cx.raise_python(InvalidType(f"-{ndim} <= axis < {ndim}", f"axis is {axis}"))
    return axis % ndim


@rule(F.stack)
def stack_rule(cx: Any, xs: Value, axis: StaticArg[int] = 0) -> Value:
    rows = _grown(cx, xs)
    if rows is None:
        return cx.call_python(F.stack, [xs, Static(axis)], {})  # type: ignore[no-any-return]
    axis = _checked_axis(cx, axis, rows.ndim)
    rest = list(range(1, rows.ndim))
    return transpose_to(cx, rows, [*rest[:axis], 0, *rest[axis:]])


@rule(F.concat)
def concat_rule(cx: Any, xs: Value, axis: StaticArg[int] = 1) -> Value:
    rows = _grown(cx, xs)
    if rows is None:
        return cx.call_python(F.concat, [xs, Static(axis)], {})  # type: ignore[no-any-return]
    return _merged(cx, rows, _checked_axis(cx, axis, rows.ndim - 1))


def _merged(cx: Any, rows: Tensor, axis: int) -> Tensor:
    """The rows of a stack one after another along an axis of theirs."""
    rest = list(range(1, rows.ndim))
    moved = transpose_to(cx, rows, [*rest[:axis], 0, *rest[axis:]])
    newshape = [0] * (rows.ndim - 1)
    newshape[axis] = -3  # Relay: these two dimensions made one
    return cx.call_op("reshape", moved, newshape=tuple(newshape))  # type: ignore[no-any-return]


@rule(F.vstack)
def vstack_rule(cx: Any, xs: Value) -> Value:
    rows = _grown(cx, xs)
    if rows is None:
        return cx.call_python(F.vstack, [xs], {})  # type: ignore[no-any-return]
    if rows.ndim == 1:
        return cx.call_op("expand_dims", rows, axis=1)  # type: ignore[no-any-return]
    return rows if rows.ndim == 2 else _merged(cx, rows, 0)


@rule(F.hstack)
def hstack_rule(cx: Any, xs: Value) -> Value:
    rows = _grown(cx, xs)
    if rows is None:
        return cx.call_python(F.hstack, [xs], {})  # type: ignore[no-any-return]
    if rows.ndim == 1:
        return rows
    return _merged(cx, rows, 0 if rows.ndim == 2 else 1)
