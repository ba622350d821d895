"""Picking elements of arrays by their places, and along diagonals."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from astfront.rules import folds
from astfront.rules.indexing import index_tensor
from astfront.rules.numpy.composed import composed, refuse
from astfront.rules.numpy.shaping import array_and_axis, reshaped
from astfront.rules.numpy.support import (
    INT64,
    as_array,
    as_result,
    axis_of,
    convert,
    full,
    numpy_rule,
    product,
    store_out,
)
from astfront.rules.sizes import evaluated
from astfront.values import NONE, Static, Tensor, Tuple, Value


@numpy_rule(np.take, np.ndarray.take)
def take(
    cx: Any,
    a: Value,
    indices: Value,
    axis: Value = NONE,
    out: Value = NONE,
    mode: Value = Static("raise"),
) -> Tensor:
    x, along = array_and_axis(cx, a, axis)
    how = cx.static(mode, "`mode`")
    if how == "raise":
        index = cx.tuple([*[Static(slice(None))] * along, indices])
        picked = index_tensor(cx, x, index)
        return store_out(cx, out, as_result(_fresh(picked)))
    where = convert(cx, as_array(cx, indices), INT64)
    if x.shape[along] in (0, None):
        made = cx.call(Static(_taken), [x, where, Static(along), Static(how)], {})
        return store_out(cx, out, as_result(made))
    made = cx.b.call("take", x, where, axis=along, mode=how)
    return store_out(cx, out, as_result(made))


def _taken(x: Any, places: Any, axis: int, mode: str) -> Any:
    n = x.shape[axis]
    if n == 0 and places.size > 0:
        raise IndexError("cannot do a non-empty take from an empty axes.")
    places = np.clip(places, 0, n - 1) if mode == "clip" else places % n
    return np.take(x, places, axis)


def _fresh(x: Tensor) -> Tensor:
    return Tensor(x.expr, x.shape, x.dtype, "array", x.const)


@numpy_rule(np.take_along_axis)
def take_along_axis(cx: Any, arr: Value, indices: Value, axis: Value) -> Value:
    x, along = array_and_axis(cx, arr, axis)
    where = as_array(cx, indices)
    if where.dtype.kind not in "iu":
        cx.raise_python(IndexError("`indices` must be an integer array"))
    if where.ndim != x.ndim:
        cx.raise_python(ValueError("`indices` and `arr` must have the same number of dimensions"))
    index: list[Value] = []
    for i in range(x.ndim):
        if i == along:
            index.append(where)
            continue
        places = cx.as_tensor(cx.call(Static(np.arange), [cx.dim_of(x, i)], {}))
        if x.ndim - 1 - i:
            places = cx.b.call("expand_dims", places, axis=1, num_newaxis=x.ndim - 1 - i)
        index.append(places)
    return index_tensor(cx, x, Tuple(tuple(index)))


def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    if out is not None:
        refuse("choose with `out`")
    dtype = np.result_type(*choices)
    index, *arrays = np.broadcast_arrays(a, *[np.asarray(c).astype(dtype) for c in choices])
    index = index.astype(np.int64)
    count = len(arrays)
    if mode == "clip":
        index = np.clip(index, 0, count - 1)
    elif mode == "wrap":
        index = index % count
    elif np.any((index < 0) | (index >= count)):
        raise ValueError("invalid entry in choice array")
    return np.take_along_axis(np.stack(arrays), index[None], 0)[0]


composed(np.choose, _choose)
composed(np.ndarray.choose, _choose)


@numpy_rule(np.diagonal, np.ndarray.diagonal)
def diagonal(
    cx: Any, a: Value, offset: Value = Static(0), axis1: Value = Static(0), axis2: Value = Static(1)
) -> Tensor:
    x = as_array(cx, a)
    i, j = (axis_of(cx, cx.static(v, "an axis"), x.ndim) for v in (axis1, axis2))
    height, width = cx.dim_of(x, i), cx.dim_of(x, j)
    at = Static(operator.index(cx.static(offset, "`offset`")))
    places = evaluated(cx, folds.diagonal_places, height, width, at)
    others = [n for n in range(x.ndim) if n not in (i, j)]
    turned = cx.b.call("transpose", x, axes=[*others, i, j])
    sizes = [cx.dim_of(x, n) for n in others]
    flat = reshaped(cx, turned, [*sizes, product(cx, [height, width])])
    made = cx.b.call("take", flat, places, axis=len(others), mode="clip")

    def of(base: Tensor) -> Tensor:
        return diagonal(cx, base, offset, axis1, axis2)

    return x.viewed_as(made, of, writeable=False)


@numpy_rule(np.diag)
def diag(cx: Any, v: Value, k: Value = Static(0)) -> Value:
    x = as_array(cx, v)
    if x.ndim == 2:
        return diagonal(cx, x, k)
    if x.ndim != 1:
        cx.raise_python(ValueError("Input must be 1- or 2-d."))
    offset = int(cx.static(k, "`k`"))
    size = cx.binary_op(operator.add, cx.dim_of(x, 0), Static(abs(offset)))
    here = cx.as_tensor(cx.call(Static(np.eye), [size], {"k": k, "dtype": Static(bool)}))
    if offset:
        x = cx.b.call("nn.pad", x, pad_width=((0, abs(offset)),))
    column = cx.b.call("expand_dims", x, axis=0 if offset < 0 else 1)
    return cx.b.call("where", here, column, full(0, x.dtype))  # type: ignore[no-any-return]


@numpy_rule(np.trace, np.ndarray.trace)
def trace(
    cx: Any,
    a: Value,
    offset: Value = Static(0),
    axis1: Value = Static(0),
    axis2: Value = Static(1),
    dtype: Value = NONE,
    out: Value = NONE,
) -> Value:
    found = diagonal(cx, a, offset, axis1, axis2)
    return cx.call(Static(np.sum), [found, Static(-1), dtype, out], {})  # type: ignore[no-any-return]
