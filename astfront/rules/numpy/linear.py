"""Products of matrices."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from astfront.rules.numpy import elementwise as e
from astfront.rules.numpy.reductions import reduced
from astfront.rules.numpy.shaping import reshaped, transposed
from astfront.rules.numpy.support import (
    BOOL,
    FLOAT32,
    as_array,
    as_result,
    axes_of,
    broadcast,
    broadcast_to,
    constant,
    convert,
    full,
    numpy_rule,
    product,
    refuse_out,
    require_equal,
    sizes_of,
    store_out,
)
from astfront.values import FALSE, NONE, Static, Tensor, Value


def _common(cx: Any, a: Value, b: Value) -> tuple[Tensor, Tensor]:
    x, y = as_array(cx, a), as_array(cx, b)
    dtype = np.result_type(x.dtype, y.dtype)
    return convert(cx, x, dtype), convert(cx, y, dtype)


def matrix_product(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """Of two matrices of one dtype; the inner sizes are known to be equal."""
    dtype = a.dtype
    if 0 in (*a.shape, *b.shape):
        zeros = cx.call(
            Static(np.zeros), [cx.tuple([cx.dim_of(a, 0), cx.dim_of(b, 1)]), Static(dtype)], {}
        )
        return zeros  # type: ignore[no-any-return]
    inner = _inner(dtype)
    if inner != dtype:
        wide = matrix_product(cx, convert(cx, a, inner), convert(cx, b, inner))
        return convert(cx, wide, dtype)
    k = a.shape[1] if b.shape[0] is None else b.shape[0]
    a, b = cx.b.refine(a, (a.shape[0], k)), cx.b.refine(b, (k, b.shape[1]))
    if None in b.shape:
        # TVM's dense wants the sizes of the second matrix.
        return cx.b.call("nn.matmul", a, b, out_dtype=dtype.name)  # type: ignore[no-any-return]
    turned = cx.b.call("transpose", b, axes=(1, 0))
    return cx.b.call("nn.dense", a, turned, out_dtype=dtype.name)  # type: ignore[no-any-return]


def _inner(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What products are computed in: TVM's are wrong for bools, and narrow ints aren't taken."""
    if dtype == np.float16:
        return FLOAT32
    if dtype == BOOL or dtype.itemsize < 4:
        return np.dtype("int32")
    return dtype


def _batch_product(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """Of two stacks of matrices of the same length."""
    dtype = a.dtype
    inner = _inner(dtype)
    if inner != dtype:
        wide = _batch_product(cx, convert(cx, a, inner), convert(cx, b, inner))
        return convert(cx, wide, dtype)
    k = a.shape[2] if b.shape[1] is None else b.shape[1]
    a, b = cx.b.refine(a, (*a.shape[:2], k)), cx.b.refine(b, (b.shape[0], k, b.shape[2]))
    return cx.b.call(  # type: ignore[no-any-return]
        "nn.batch_matmul", a, b, out_dtype=dtype.name, transpose_a=False, transpose_b=False
    )


def _require_inner(cx: Any, m: Value, n: Value, name: str) -> None:
    shown = [s.obj if isinstance(s, Static) else "?" for s in (m, n)]
    if name == "matmul":
        message = (
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n?,k),(k,m?)->(n?,m?) (size {shown[1]} is different from {shown[0]})"
        )
    else:
        message = f"shapes not aligned: {shown[0]} != {shown[1]}"
    require_equal(cx, m, n, message)


@numpy_rule(np.matmul)
def matmul(cx: Any, x1: Value, x2: Value, out: Value = NONE) -> Tensor:
    a, b = _common(cx, x1, x2)
    for i, x in enumerate((a, b)):
        if x.ndim == 0:
            cx.raise_python(
                ValueError(
                    f"matmul: Input operand {i} does not have enough dimensions (has 0, gufunc "
                    "core with signature (n?,k),(k,m?)->(n?,m?) requires 1)"
                )
            )
    return store_out(cx, out, as_result(_matmul(cx, a, b)))


def _matmul(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    if a.ndim == 1:
        found = _matmul(cx, cx.b.call("expand_dims", a, axis=0), b)
        return cx.b.call("squeeze", found, axis=[found.ndim - (2 if b.ndim > 1 else 1)])  # type: ignore[no-any-return]
    if b.ndim == 1:
        found = _matmul(cx, a, cx.b.call("expand_dims", b, axis=1))
        return cx.b.call("squeeze", found, axis=[found.ndim - 1])  # type: ignore[no-any-return]
    rows, inner = sizes_of(cx, a)[-2:]
    other, columns = sizes_of(cx, b)[-2:]
    _require_inner(cx, inner, other, "matmul")
    if a.ndim == b.ndim == 2:
        return matrix_product(cx, a, b)
    if b.ndim == 2:
        flat = reshaped(cx, a, [product(cx, sizes_of(cx, a)[:-1]), inner])
        return reshaped(cx, matrix_product(cx, flat, b), [*sizes_of(cx, a)[:-1], columns])
    batch = broadcast(cx, a.shape[:-2], b.shape[:-2])
    if None in batch and a.shape[:-2] != b.shape[:-2]:
        cx.fail("AF0306", "matmul that broadcasts sizes that aren't known isn't supported")
    sizes: list[Value] = sizes_of(cx, a)[:-2] if None in batch else [Static(d) for d in batch]
    if None in batch:
        for m, n in zip(sizes, sizes_of(cx, b)[:-2]):
            require_equal(cx, m, n, "matmul: the sizes before the last two differ")
    count = product(cx, sizes)
    left = reshaped(cx, broadcast_to(cx, a, [*sizes, rows, inner]), [count, rows, inner])
    right = reshaped(cx, broadcast_to(cx, b, [*sizes, inner, columns]), [count, inner, columns])
    if 0 in left.shape or 0 in right.shape:
        zeros = cx.call(Static(np.zeros), [cx.tuple([*sizes, rows, columns]), Static(a.dtype)], {})
        return zeros  # type: ignore[no-any-return]
    return reshaped(cx, _batch_product(cx, left, right), [*sizes, rows, columns])


@numpy_rule(np.dot, np.ndarray.dot)
def dot(cx: Any, a: Value, b: Value, out: Value = NONE) -> Value:
    x, y = as_array(cx, a), as_array(cx, b)
    x, y = _common(cx, x, y)
    if x.ndim == 0 or y.ndim == 0:
        return store_out(cx, out, as_result(e.multiply(cx, x, y)))
    if x.ndim <= 2 and y.ndim <= 2:
        along = cx.dim_of(x, x.ndim - 1), cx.dim_of(y, 0)
        _require_inner(cx, *along, "dot")
        return store_out(cx, out, as_result(_matmul(cx, x, y)))
    last = y.ndim - 2 if y.ndim > 1 else 0
    return store_out(cx, out, as_result(_tensordot(cx, x, y, [x.ndim - 1], [last])))


@numpy_rule(np.vdot)
def vdot(cx: Any, a: Value, b: Value) -> Value:
    flat = [reshaped(cx, as_array(cx, v), [Static(-1)]) for v in (a, b)]
    return dot(cx, *flat)


@numpy_rule(np.inner)
def inner(cx: Any, a: Value, b: Value) -> Value:
    x, y = _common(cx, a, b)
    if x.ndim == 0 or y.ndim == 0:
        return cx.call(Static(np.multiply), [x, y], {})  # type: ignore[no-any-return]
    return as_result(_tensordot(cx, x, y, [x.ndim - 1], [y.ndim - 1]))


@numpy_rule(np.outer)
def outer(cx: Any, a: Value, b: Value, out: Value = NONE) -> Value:
    x, y = (reshaped(cx, as_array(cx, v), [Static(-1)]) for v in (a, b))
    column = cx.b.call("expand_dims", x, axis=1)
    row = cx.b.call("expand_dims", y, axis=0)
    return cx.call(Static(np.multiply), [column, row, out], {})  # type: ignore[no-any-return]


@numpy_rule(np.tensordot)
def tensordot(cx: Any, a: Value, b: Value, axes: Value = Static(2)) -> Tensor:
    x, y = _common(cx, a, b)
    given = cx.static(axes, "`axes`")
    if isinstance(given, int | np.integer):
        left, right = list(range(x.ndim - given, x.ndim)), list(range(given))
    else:
        pair = [list(g) if isinstance(g, tuple | list) else [g] for g in given]
        left, right = list(axes_of(cx, pair[0], x.ndim)), list(axes_of(cx, pair[1], y.ndim))
    if len(left) != len(right) or (left and min(left) < 0) or len(right) > y.ndim:
        cx.raise_python(ValueError("shape-mismatch for sum"))
    return _tensordot(cx, x, y, left, right)


def _tensordot(cx: Any, x: Tensor, y: Tensor, left: Sequence[int], right: Sequence[int]) -> Tensor:
    for i, j in zip(left, right):
        require_equal(cx, cx.dim_of(x, i), cx.dim_of(y, j), "shape-mismatch for sum")
    kept_x = [i for i in range(x.ndim) if i not in left]
    kept_y = [i for i in range(y.ndim) if i not in right]
    x, y = transposed(cx, x, [*kept_x, *left]), transposed(cx, y, [*right, *kept_y])
    sizes_x, sizes_y = sizes_of(cx, x), sizes_of(cx, y)
    outer_x, outer_y = sizes_x[: len(kept_x)], sizes_y[len(right) :]
    summed = product(cx, sizes_y[: len(right)])
    flat_x = reshaped(cx, x, [product(cx, outer_x), summed])
    flat_y = reshaped(cx, y, [summed, product(cx, outer_y)])
    return reshaped(cx, matrix_product(cx, flat_x, flat_y), [*outer_x, *outer_y])


@numpy_rule(np.linalg.norm)
def norm(
    cx: Any, x: Value, ord: Value = NONE, axis: Value = NONE, keepdims: Value = FALSE
) -> Tensor:
    """The Euclidean one; numpy's own code has the other orders."""
    array = as_array(cx, x)
    if array.dtype.kind != "f":
        array = convert(cx, array, "float64")
    kind, given = cx.static(ord, "`ord`"), cx.static(axis, "`axis`")
    axes = axes_of(cx, given, array.ndim)
    keep = bool(cx.static(keepdims, "`keepdims`"))
    euclidean: dict[int, tuple[Any, ...]] = {1: (2,), 2: ("fro", "f")}
    if kind is None or kind in euclidean.get(len(axes), ()):
        inner = convert(cx, array, FLOAT32) if array.dtype == np.float16 else array
        total = reduced(cx, "sum", e.square(cx, inner), axes, keep)
        return as_result(convert(cx, cx.b.call("sqrt", total), array.dtype))
    source = inspect.unwrap(np.linalg.norm)
    made: Tensor = cx.call_python(source, [x, ord, axis, keepdims], {})
    return made


__all__ = ["constant", "full", "refuse_out"]
