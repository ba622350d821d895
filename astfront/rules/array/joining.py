"""chainer/functions/array: several arrays made one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import chainer.functions as F
import numpy as np
from chainer.functions.array import concat, dstack, hstack, stack, vstack
from chainer.utils.type_check import InvalidType

from astfront.contents import GrownList
from astfront.descriptions import describe
from astfront.joins.leaves import Leaf
from astfront.rules.array.shape import transpose_to
from astfront.rules.registry import StaticArg, node_rule, rule
from astfront.rules.sizes import guarded, same_dim, with_dims
from astfront.values import UNBOUND, List, Static, Tensor, Value


def concatenate(cx: Any, xs: Sequence[Tensor], axis: int) -> Tensor:
    """The arrays one after another; their other sizes must agree."""
    if len(xs) == 1:
        return Tensor(xs[0].expr, xs[0].shape, xs[0].dtype, "array", xs[0].const)  # a copy
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


def _grown(cx: Any, xs: Value) -> tuple[GrownList, Leaf] | None:
    """A list of arrays that grew in a loop, and what its items are; None for anything else."""
    content = cx.heap[xs.cell] if isinstance(xs, List) else None
    if not isinstance(content, GrownList):
        return None
    leaf: Any = content.element
    if leaf is UNBOUND:
        cx.raise_python(EMPTY)
    if not isinstance(leaf, Leaf) or leaf.scalar is not None:
        cx.fail("AF0207", f"a list of {describe(leaf)} is joined: arrays are wanted")
    return content, leaf


EMPTY = InvalidType("in_types.size > 0", "0 <= 0")
UNEVEN = InvalidType("in_types[0].shape == in_types[1].shape", "the shapes of the items differ")


def _rows(cx: Any, content: GrownList) -> Tensor:
    rows: Tensor = cx.uniform_rows(content, EMPTY, UNEVEN)
    return rows


def _checked_axis(cx: Any, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        cx.raise_python(InvalidType(f"-{ndim} <= axis < {ndim}", f"axis is {axis}"))
    return axis % ndim


@rule(F.stack)
def stack_rule(cx: Any, xs: Value, axis: StaticArg[int] = 0) -> Value:
    found = _grown(cx, xs)
    if found is None:
        return cx.call_python(F.stack, [xs, Static(axis)], {})  # type: ignore[no-any-return]
    rows = _rows(cx, found[0])
    axis = _checked_axis(cx, axis, rows.ndim)
    rest = list(range(1, rows.ndim))
    return transpose_to(cx, rows, [*rest[:axis], 0, *rest[axis:]])


@rule(F.concat)
def concat_rule(cx: Any, xs: Value, axis: StaticArg[int] = 1) -> Value:
    found = _grown(cx, xs)
    if found is None:
        return cx.call_python(F.concat, [xs, Static(axis)], {})  # type: ignore[no-any-return]
    content, leaf = found
    return concat_grown(cx, content, _checked_axis(cx, axis, len(leaf.shape)), EMPTY, UNEVEN)


def concat_grown(
    cx: Any, content: GrownList, axis: int, empty: BaseException, uneven: BaseException
) -> Tensor:
    """The items of a list of arrays, one after another along an axis that each of them has."""
    leaf: Any = content.element

    def whole() -> Tensor:
        return _merged(cx, cx.stack_of(content), axis)

    if leaf.shape[axis] is not None:
        return _merged(cx, cx.uniform_rows(content, empty, uneven), axis)
    others = [a for a in range(len(leaf.shape)) if a != axis]

    def merged() -> Tensor:
        if axis == 0:
            return cx.strung(content)  # type: ignore[no-any-return]
        return cx.stage_if(  # type: ignore[no-any-return]
            cx.same_sizes(content), whole, lambda: _one_by_one(cx, content, axis)
        )

    def checked() -> Tensor:
        return guarded(cx, [cx.same_sizes(content, others)], uneven, merged)

    return guarded(cx, [cx.is_filled(content)], empty, checked)


def _one_by_one(cx: Any, content: GrownList, axis: int) -> Tensor:
    made: Tensor = cx.call(
        Static(_concat_one_by_one), [List(cx.heap.new(content)), Static(axis)], {}
    )
    return made


def _concat_one_by_one(xs: Any, axis: int) -> Any:
    joined = xs[0]
    for i in range(1, len(xs)):
        joined = F.concat((joined, xs[i]), axis)
    return joined


def _merged(cx: Any, rows: Tensor, axis: int) -> Tensor:
    """The rows of a stack one after another along an axis of theirs."""
    rest = list(range(1, rows.ndim))
    moved = transpose_to(cx, rows, [*rest[:axis], 0, *rest[axis:]])
    newshape = [0] * (rows.ndim - 1)
    newshape[axis] = -3  # Relay: these two dimensions made one
    return cx.call_op("reshape", moved, newshape=tuple(newshape))  # type: ignore[no-any-return]


def _rule_for_grown(function: Any) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Registers what joins a list that grew, of its content and its items' leaf.

    Lists of known length are joined by the function's own source.
    """

    def register(join: Callable[..., Value]) -> Callable[..., Value]:
        @rule(function)
        def joined(cx: Any, xs: Value) -> Value:
            found = _grown(cx, xs)
            if found is None:
                return cx.call_python(function, [xs], {})  # type: ignore[no-any-return]
            return join(cx, *found)

        return join

    return register


@_rule_for_grown(F.vstack)
def _vstack(cx: Any, content: GrownList, leaf: Leaf) -> Value:
    if len(leaf.shape) > 1:
        return concat_grown(cx, content, 0, EMPTY, UNEVEN)
    rows = _rows(cx, content)
    return cx.call_op("expand_dims", rows, axis=1) if rows.ndim == 1 else rows  # type: ignore[no-any-return]


@_rule_for_grown(F.hstack)
def _hstack(cx: Any, content: GrownList, leaf: Leaf) -> Value:
    if not leaf.shape:
        return _rows(cx, content)
    return concat_grown(cx, content, 0 if len(leaf.shape) == 1 else 1, EMPTY, UNEVEN)


@_rule_for_grown(F.dstack)
def _dstack(cx: Any, content: GrownList, leaf: Leaf) -> Value:
    if len(leaf.shape) > 2:
        return concat_grown(cx, content, 2, EMPTY, UNEVEN)
    rows = _rows(cx, content)
    y = transpose_to(cx, rows, [*range(1, rows.ndim), 0])
    for _ in range(y.ndim, 3):
        y = cx.call_op("expand_dims", y, axis=0)
    return y
