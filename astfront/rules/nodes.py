"""What the rules of function nodes share: constants, axes, sizes, and checks that are due at run time.

Chainer checks the types of a node's inputs. The interpreter runs that check where all sizes are
known; where some are staged, a rule checks what matters for its result itself, with these helpers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np
from chainer.utils import type_check

from astfront.descriptions import describe
from astfront.values import Dim, Scalar, Static, Tensor, Value


def constant(cx: Any, value: Any, like: Tensor) -> Tensor:
    """A rank-0 constant of the dtype of ``like``."""
    made: Tensor = cx.as_tensor(Static(like.dtype.type(value)))
    return made


def number(cx: Any, value: Value, like: Tensor) -> Tensor:
    """``like.dtype.type(value)`` of a number that may be staged (chainer's _preprocess_const)."""
    if isinstance(value, Static):
        value = cx.run_python(like.dtype.type, value.obj)
    made: Tensor = cx.cast(cx.as_tensor(value), like.dtype)
    if made.ndim:
        made = cx.call_op("reshape", made, newshape=())
    return made


def invalid_type(cx: Any, expected: str, actual: str) -> None:
    """Raise what Chainer's type check raises."""
    cx.raise_python(type_check.InvalidType(expected, actual))


def require_floats(cx: Any, *xs: Tensor, same: bool = True) -> None:
    for i, x in enumerate(xs):
        if x.dtype.kind != "f":
            invalid_type(cx, f"in_types[{i}].dtype.kind == 'f'", f"{x.dtype.kind} != f")
        if same and x.dtype != xs[0].dtype:
            require_same_dtype(cx, xs[0], x)


def require_same_dtype(cx: Any, *xs: Tensor) -> None:
    for x in xs[1:]:
        if x.dtype != xs[0].dtype:
            expected = "in_types[0].dtype == in_types[1].dtype"
            invalid_type(cx, expected, f"{xs[0].dtype} != {x.dtype}")


def require_integers(cx: Any, x: Tensor) -> None:
    if x.dtype.kind != "i":
        invalid_type(cx, "dtype.kind == 'i'", f"{x.dtype.kind} != i")


def require_equal_dims(cx: Any, a: Tensor, i: int, b: Tensor, j: int) -> None:
    """The sizes of two axes must be the same: checked now, or where one is staged at run time."""
    n, m = a.shape[i], b.shape[j]
    if n is not None and m is not None:
        if n != m:
            invalid_type(cx, f"shape[{i}] == shape[{j}]", f"{n} != {m}")
        return
    n_, m_ = cx.as_scalar(cx.dim_of(a, i), int), cx.as_scalar(cx.dim_of(b, j), int)
    ok = Scalar(cx.b.call("equal", n_, m_).expr, bool)
    cx.check(ok, type_check.InvalidType(f"shape[{i}] == shape[{j}]", "they differ"))


def require_rows(cx: Any, x: Tensor) -> None:
    """There must be something along the first axis."""
    some = cx.compare(gast.Gt(), cx.dim_of(x, 0), Static(0))
    cx.check(some, type_check.InvalidType("shape[0] > 0", "0 <= 0"))


def mismatch(message: str) -> type_check.InvalidType:
    """Of operands that don't broadcast."""
    return type_check.InvalidType("", "", message)


def require_same_shape(cx: Any, *xs: Tensor) -> None:
    first = xs[0]
    for x in xs[1:]:
        if x.ndim != first.ndim:
            invalid_type(cx, "in_types[0].shape == in_types[1].shape", describe(x))
        for axis in range(x.ndim):
            require_equal_dims(cx, first, axis, x, axis)


def real_axes(cx: Any, axis: Sequence[int] | int | None, ndim: int) -> tuple[int, ...]:
    """Axes as numbers from 0 up, sorted; ``None`` stands for all."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    for a in given:
        if not -ndim <= a < ndim:
            invalid_type(cx, f"-{ndim} <= axis < {ndim}", f"axis = {a}")
    found = sorted(int(a) % ndim for a in given)
    if len(set(found)) < len(found):
        cx.raise_python(ValueError("duplicate value in 'axis'"))
    return tuple(found)


def require_items(
    cx: Any, x: Tensor, axes: Sequence[int], message: str, exception: type[Exception] = ValueError
) -> None:
    """An exception where a reduction has nothing to reduce (max, argmax)."""
    for axis in axes:
        if x.shape[axis] == 0:
            cx.raise_python(exception(message))
        if x.shape[axis] is None:
            zero = cx.as_scalar(Static(0), int)
            ok = Scalar(cx.b.call("greater", cx.dim_of(x, axis), zero).expr, bool)
            cx.check(ok, exception(message))


def count(cx: Any, x: Tensor, axes: Sequence[int], dtype: np.dtype[Any]) -> Tensor:
    """How many items ``x`` has along some axes, as a rank-0 tensor."""
    known = 1
    staged: Tensor | None = None
    for axis in axes:
        size = x.shape[axis]
        if size is not None:
            known *= size
            continue
        dim = cx.cast(cx.as_tensor(cx.dim_of(x, axis)), dtype)
        staged = dim if staged is None else cx.call_op("multiply", staged, dim)
    fixed: Tensor = cx.as_tensor(Static(dtype.type(known)))
    if staged is None:
        return fixed
    if known == 1:
        return staged
    product: Tensor = cx.call_op("multiply", staged, fixed)
    return product


def in_float32(cx: Any, f: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    """``f`` of tensors, done in float32 for float16 ones, as numpy does inside its loops."""
    if xs[0].dtype != np.float16:
        return f(*xs)
    wide = f(*(cx.cast(x, np.float32) if x.dtype == np.float16 else x for x in xs))
    narrow: Tensor = cx.cast(wide, np.float16) if wide.dtype == np.float32 else wide
    return narrow


def total(cx: Any, x: Tensor, axes: Sequence[int], keepdims: bool = False) -> Tensor:
    """The sum over some axes (over none of them: ``x``)."""
    if not axes:
        return x
    return in_float32(cx, lambda v: cx.call_op("sum", v, axis=list(axes), keepdims=keepdims), x)


def averaged(cx: Any, total: Tensor, x: Tensor, axes: Sequence[int]) -> Tensor:
    """A sum over some axes of ``x``, divided by how many items there are along them."""
    if any(x.shape[a] == 0 for a in axes):
        # TVM would fold the division of 0 by 0, and fail.
        return cx.call_op("full_like", total, constant(cx, np.nan, x))  # type: ignore[no-any-return]
    result: Tensor = cx.call_op("divide", total, count(cx, x, axes, x.dtype))
    return result


def mean(cx: Any, x: Tensor, axes: Sequence[int], keepdims: bool = False) -> Tensor:
    if not axes:
        return x

    def divided(v: Tensor) -> Tensor:
        added = cx.call_op("sum", v, axis=list(axes), keepdims=keepdims)
        return averaged(cx, added, v, axes)

    return in_float32(cx, divided, x)


def reshape(cx: Any, x: Tensor, shape: Sequence[Dim]) -> Tensor:
    """``x`` in a shape with at most one staged size."""
    unknown = sum(d is None for d in shape)
    if unknown > 1 or (unknown and 0 in shape):
        cx.fail(
            "AF0306",
            "more than one size of this operation isn't known while compiling",
            help="fix all sizes but the batch size",
        )
    if 0 in shape:
        # Relay reads a 0 as "as in the input": these have no items anyway.
        made: Tensor = cx.call_op("zeros", shape=tuple(shape), dtype=x.dtype.name)
        return made
    made = cx.call_op("reshape", x, newshape=tuple(-1 if d is None else d for d in shape))
    return made


def log_softmax(cx: Any, x: Tensor, axis: int) -> Tensor:
    """``x - logsumexp(x)``: Relay's own can't have staged sizes, nor an inner axis of a 4-D tensor."""
    axis = axis % x.ndim
    if x.ndim == 2 and axis == 1 and x.is_static_shape:
        made: Tensor = cx.call_op("nn.log_softmax", x, axis=axis)
        return made
    top = cx.call_op("max", x, axis=axis, keepdims=True)
    shifted = cx.call_op("subtract", x, top)
    added = total(cx, cx.call_op("exp", shifted), [axis], keepdims=True)
    made = cx.call_op("subtract", shifted, cx.call_op("log", added))
    return made


def log1p(cx: Any, x: Tensor) -> Tensor:
    """log(1 + x), as exact for small x as for others (Relay has no such operator).

    2 atanh(x / (2 + x)) where x is small; TVM takes (1 + x) - 1 for x, so what rounding takes from
    1 + x can't be made good.
    """
    one, two, half = (constant(cx, c, x) for c in (1, 2, 0.5))
    ratio = cx.call_op("divide", x, cx.call_op("add", two, x))
    near = cx.call_op("multiply", two, cx.call_op("atanh", ratio))
    far = cx.call_op("log", cx.call_op("add", one, x))
    small = cx.call_op("less", absolute(cx, x), half)
    result: Tensor = cx.call_op("where", small, near, far)
    return result


def expm1(cx: Any, x: Tensor) -> Tensor:
    """exp(x) - 1, as exact for small x as for others (Relay has no such operator).

    The Taylor series where x is small; TVM's tanh and sinh are no better there than exp.
    """
    one, half = constant(cx, 1, x), constant(cx, 0.5, x)
    terms = 15 if x.dtype == np.float64 else 8
    series = one
    for n in range(terms, 1, -1):
        step = cx.call_op("multiply", x, constant(cx, 1 / n, x))
        series = cx.call_op("add", one, cx.call_op("multiply", step, series))
    near = cx.call_op("multiply", x, series)
    far = cx.call_op("subtract", cx.call_op("exp", x), one)
    small = cx.call_op("less", absolute(cx, x), half)
    result: Tensor = cx.call_op("where", small, near, far)
    return result


def softplus(cx: Any, x: Tensor) -> Tensor:
    """log(1 + exp(x)) without overflow."""
    zero = constant(cx, 0, x)
    e = cx.call_op("exp", cx.call_op("negative", absolute(cx, x)))
    result: Tensor = cx.call_op("add", cx.call_op("maximum", x, zero), log1p(cx, e))
    return result


def absolute(cx: Any, x: Tensor) -> Tensor:
    result: Tensor = cx.call_op("abs", x)
    return result


def select_label(cx: Any, x: Tensor, labels: Tensor) -> Tensor:
    """``x[i, labels[i, ...], ...]``: one item along axis 1 for each label, negative ones from the end.

    An IndexError at run time where a label is out of range.
    """
    dtype = labels.dtype
    size: Tensor = count(cx, x, [1], dtype)
    zero: Tensor = cx.as_tensor(Static(dtype.type(0)))
    negative = cx.call_op("less", labels, zero)
    index = cx.call_op("where", negative, cx.call_op("add", labels, size), labels)
    good = cx.call_op(
        "logical_and", cx.call_op("greater_equal", index, zero), cx.call_op("less", index, size)
    )
    if cx.checks:
        every = good if labels.ndim == 0 else cx.call_op("all", good)
        cx.check(Scalar(every.expr, bool), IndexError("a label is out of bounds"))
    safe = cx.call_op("where", good, index, zero)
    rows = cx.call_op("gather", x, cx.call_op("expand_dims", safe, axis=1), axis=1)
    result: Tensor = cx.call_op("squeeze", rows, axis=[1])
    return result
