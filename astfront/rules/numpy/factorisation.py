"""numpy.linalg's inverse, determinant, solution and Cholesky factor; and Chainer's nodes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer.functions.math import cholesky as chainer_cholesky
from chainer.functions.math import det as chainer_det
from chainer.functions.math import inv as chainer_inv

from astfront.rules.nodes import require_equal_dims, require_floats
from astfront.rules.numpy.creation import filled
from astfront.rules.numpy.shaping import reshaped
from astfront.rules.numpy.support import (
    as_array,
    as_result,
    broadcast_to,
    convert,
    full,
    numpy_rule,
    product,
    require_equal,
    sizes_of,
)
from astfront.rules.registry import node_rule
from astfront.values import Scalar, Static, Tensor, Value

_SINGULAR = "Singular matrix"


def square(cx: Any, v: Value) -> Tensor:
    """A stack of square matrices of a dtype that LAPACK computes in."""
    x = as_array(cx, v)
    if x.ndim < 2:
        cx.raise_python(
            np.linalg.LinAlgError(
                f"{x.ndim}-dimensional array given. Array must be at least two-dimensional"
            )
        )
    if x.dtype == np.float16:
        cx.raise_python(TypeError("array type float16 is unsupported in linalg"))
    if x.dtype.kind != "f":
        x = convert(cx, x, "float64")
    n, m = sizes_of(cx, x)[-2:]
    if isinstance(n, Static) and isinstance(m, Static) and n.obj != m.obj:
        cx.raise_python(np.linalg.LinAlgError("Last 2 dimensions of the array must be square"))
    require_equal(cx, n, m, "Last 2 dimensions of the array must be square")
    return x


def as_batch(cx: Any, x: Tensor) -> Tensor:
    if x.ndim == 3:
        return x
    sizes = sizes_of(cx, x)
    return reshaped(cx, x, [product(cx, sizes[:-2]), *sizes[-2:]])


def _require_all(cx: Any, good: Tensor, exception: Exception) -> None:
    if cx.checks:
        cx.check(Scalar(cx.b.call("all", good).expr, bool), exception)


def _regular(cx: Any, batch: Tensor, exception: Exception) -> None:
    pivots = cx.b.call("astfront.pivots", batch)
    zero = cx.b.call("equal", pivots, full(0, pivots.dtype))
    _require_all(cx, cx.b.call("bitwise_not", zero), exception)


def inverse(cx: Any, x: Tensor, exception: Exception) -> Tensor:
    if 0 in x.shape:
        return x
    batch = as_batch(cx, x)
    _regular(cx, batch, exception)
    unit = _unit(cx, x)
    right = broadcast_to(cx, unit, sizes_of(cx, batch))
    return reshaped(cx, cx.b.call("astfront.solve", batch, right), sizes_of(cx, x))


def _unit(cx: Any, x: Tensor) -> Tensor:
    made: Tensor = cx.call(Static(np.eye), [sizes_of(cx, x)[-1]], {"dtype": Static(x.dtype)})
    return made


@numpy_rule(np.linalg.inv)
def inv(cx: Any, a: Value) -> Tensor:
    return inverse(cx, square(cx, a), np.linalg.LinAlgError(_SINGULAR))


@numpy_rule(np.linalg.det)
def det(cx: Any, a: Value) -> Tensor:
    return as_result(determinant(cx, square(cx, a)))


def determinant(cx: Any, x: Tensor) -> Tensor:
    sizes = sizes_of(cx, x)[:-2]
    if x.shape[-1] == 0:
        return filled(cx, sizes, full(1, x.dtype))
    pivots = cx.b.call("astfront.pivots", as_batch(cx, x))
    return reshaped(cx, cx.b.call("prod", pivots, axis=[1]), sizes)


@numpy_rule(np.linalg.slogdet)
def slogdet(cx: Any, a: Value) -> tuple[Value, Value]:
    x = square(cx, a)
    sizes = sizes_of(cx, x)[:-2]
    if x.shape[-1] == 0:
        ones = filled(cx, sizes, full(1, x.dtype))
        return ones, cx.b.call("zeros_like", ones)
    pivots = cx.b.call("astfront.pivots", as_batch(cx, x))
    sign = cx.b.call("prod", cx.b.call("sign", pivots), axis=[1])
    size = cx.b.call("sum", cx.b.call("log", cx.b.call("abs", pivots)), axis=[1])
    return as_result(reshaped(cx, sign, sizes)), as_result(reshaped(cx, size, sizes))


@numpy_rule(np.linalg.solve)
def solve(cx: Any, a: Value, b: Value) -> Tensor:
    matrix, right = square(cx, a), as_array(cx, b)
    if right.dtype == np.float16:
        cx.raise_python(TypeError("array type float16 is unsupported in linalg"))
    dtype = np.result_type(matrix.dtype, right.dtype if right.dtype.kind == "f" else np.float64)
    matrix, right = convert(cx, matrix, dtype), convert(cx, right, dtype)
    column = right.ndim == matrix.ndim - 1
    if column:
        right = cx.b.call("expand_dims", right, axis=right.ndim)
    if right.ndim != matrix.ndim:
        cx.fail("AF0306", "numpy.linalg.solve of stacks that broadcast isn't supported")
    for m, n in zip(sizes_of(cx, matrix)[:-1], sizes_of(cx, right)[:-1]):
        require_equal(cx, m, n, "solve: the matrix and the right side don't fit")
    if 0 in right.shape:
        return right
    batch = as_batch(cx, matrix)
    _regular(cx, batch, np.linalg.LinAlgError(_SINGULAR))
    found = cx.b.call("astfront.solve", batch, as_batch(cx, right))
    sizes = sizes_of(cx, right)
    return reshaped(cx, found, sizes[:-1] if column else sizes)


@numpy_rule(np.linalg.cholesky)
def cholesky(cx: Any, a: Value) -> Tensor:
    x = square(cx, a)
    if 0 in x.shape:
        return x
    batch = as_batch(cx, x)
    found = cx.b.call("astfront.cholesky", batch)
    # The diagonal is greater than 0, or NaN.
    places = cx.call(Static(np.eye), [sizes_of(cx, x)[-1]], {"dtype": Static(np.dtype(bool))})
    wrong = cx.b.call("logical_and", cx.b.call("isnan", found), places)
    error = np.linalg.LinAlgError("Matrix is not positive definite")
    _require_all(cx, cx.b.call("bitwise_not", wrong), error)
    return reshaped(cx, found, sizes_of(cx, x))


# --- Chainer's nodes ---------------------------------------------------------------------------


@node_rule(chainer_inv.Inv, chainer_inv.BatchInv)
def inv_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """A rule because Chainer catches numpy's exception."""
    require_floats(cx, x)
    require_equal_dims(cx, x, x.ndim - 2, x, x.ndim - 1)
    wide = convert(cx, x, "float32") if x.dtype == np.float16 else x
    return convert(cx, inverse(cx, wide, ValueError("Input has singular matrices.")), x.dtype)


@node_rule(chainer_det.BatchDet)
def det_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    require_equal_dims(cx, x, x.ndim - 2, x, x.ndim - 1)
    wide = convert(cx, x, "float32") if x.dtype == np.float16 else x
    return convert(cx, determinant(cx, wide), x.dtype)


@node_rule(chainer_cholesky.Cholesky)
def cholesky_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    return cholesky_of(cx, x)


def cholesky_of(cx: Any, x: Tensor) -> Tensor:
    made: Tensor = cx.call(Static(np.linalg.cholesky), [x], {})
    return made
