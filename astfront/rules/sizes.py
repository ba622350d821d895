"""What the rules for arrays share: sizes that may be staged, and checks on them at run time.

Chainer's own type check of a node runs where all sizes are known (``apply_node``). TVM checks next
to nothing where they aren't, so a rule whose operator needs two sizes to agree asks for it here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import gast
import numpy as np

from astfront.control.endings import Shortened
from astfront.values import TRUE, Dim, Scalar, Static, Tensor, Value


def dims_of(cx: Any, x: Tensor) -> list[Value]:
    """The shape of ``x``: Static where a size is known, else a staged int."""
    return [cx.dim_of(x, i) for i in range(x.ndim)]


def constant(cx: Any, value: Any, dtype: Any) -> Tensor:
    return cx.b.constant(np.asarray(value, dtype))  # type: ignore[no-any-return]


def product(cx: Any, sizes: Sequence[Value]) -> Value:
    known = int(np.prod([s.obj for s in sizes if isinstance(s, Static)], dtype=np.int64))
    result: Value = Static(known)
    for size in sizes:
        if not isinstance(size, Static):
            result = size if result is None else cx.binary_op(operator.mul, result, size)
    return result


def equal(cx: Any, a: Value, b: Value) -> Value:
    """Whether two sizes are equal: known while compiling, or a staged bool."""
    return cx.compare(gast.Eq(), a, b)  # type: ignore[no-any-return]


def same_dim(cx: Any, x: Tensor, i: int, y: Tensor, j: int) -> Value:
    """Whether ``x.shape[i] == y.shape[j]``."""
    if x is y and i % x.ndim == j % y.ndim:
        return TRUE
    return equal(cx, cx.dim_of(x, i), cx.dim_of(y, j))


def known_parts(cx: Any, x: Tensor, sizes: Sequence[Value]) -> tuple[int, int] | None:
    """The known parts of the items of ``x`` and of ``sizes``, where their staged sizes are the same."""
    staged = [cx.dim_of(x, axis) for axis, size in enumerate(x.shape) if size is None]
    known = [s.obj for s in sizes if isinstance(s, Static)]
    for size in sizes:
        if isinstance(size, Static):
            continue
        same = next((i for i, s in enumerate(staged) if cx.difference(s, size) == 0), None)
        if same is None:
            return None
        del staged[same]
    if staged:
        return None
    return math.prod(d for d in x.shape if d is not None), math.prod(known)


V = TypeVar("V", bound=Value)


def guarded(
    cx: Any, conditions: Sequence[Value], exception: BaseException, compute: Callable[[], V]
) -> V:
    """``compute()`` if all conditions hold; otherwise the program raises ``exception``.

    An operator that is given sizes that don't fit may read or write beyond its arrays, so where a
    condition is staged the operator runs in a branch of its own.
    """
    staged = []
    for condition in conditions:
        if isinstance(condition, Scalar):
            staged.append(condition)
        elif not cx.truth(condition):
            cx.raise_python(exception)
    if not staged or not cx.checks:
        return compute()
    ok = staged[0]
    for condition in staged[1:]:
        ok = cx.both(ok, condition)
    return cx.stage_if(ok, compute, lambda: cx.raise_python(exception))  # type: ignore[no-any-return]


def require_divisor(cx: Any, x: Tensor, axes: Sequence[int]) -> None:
    """numpy's ValueError for ``x.reshape(*sizes, -1)`` where the product of these sizes is 0."""
    size = product(cx, [cx.dim_of(x, a) for a in axes])
    shape = ",".join("?" if x.shape[a] is None else str(x.shape[a]) for a in axes)
    message = f"cannot reshape array of size 0 into shape ({shape},newaxis)"
    cx.check(cx.compare(gast.Gt(), size, Static(0)), ValueError(Shortened(message)))


def shape_tensor(cx: Any, sizes: Sequence[Value]) -> Tensor:
    """Sizes as an int64 vector, for operators that take a shape as an input."""
    if all(isinstance(s, Static) for s in sizes):
        return cx.b.constant(np.array([s.obj for s in sizes], "int64"))  # type: ignore[attr-defined, no-any-return]
    scalars = [cx.as_tensor(cx.as_scalar(s, int)) for s in sizes]
    return cx.b.call("stack", scalars, axis=0)  # type: ignore[no-any-return]


def with_dims(cx: Any, x: Tensor, shape: Sequence[Dim]) -> Tensor:
    """``x``, whose type forgot some sizes that are known to hold."""
    if all(d is None or d == known for d, known in zip(shape, x.shape)):
        return x
    newshape = tuple(0 if d is None else d for d in shape)  # 0 keeps a dimension as it is
    return cx.b.call("reshape", x, newshape=newshape)  # type: ignore[no-any-return]


def of_shape_of(cx: Any, x: Tensor, like: Tensor, refusal: Exception) -> Tensor:
    """``x``, whose shape is that of ``like``: refused where it isn't, if need be when it runs."""
    pairs = list(zip(x.shape, like.shape))
    if x.ndim != like.ndim or any(None not in (a, b) and a != b for a, b in pairs):
        raise refusal
    for axis, (a, b) in enumerate(pairs):
        if a is None or b is None:
            cx.require(cx.truth_value(same_dim(cx, x, axis, like, axis)), refusal)
    # Where they differ, this does no harm.
    wide = cx.call(Static(np.broadcast_to), [x, cx.get_attribute(like, "shape")], {})
    return cx.b.refine(wide.copied(), like.shape)  # type: ignore[no-any-return]


def slice_axis(cx: Any, x: Tensor, axis: int, start: Value, stop: Value) -> Tensor:
    """``x[start:stop]`` along an axis, for 0 <= start <= stop <= size."""
    axis %= x.ndim
    if isinstance(start, Static) and isinstance(stop, Static):
        if start.obj == 0 and stop.obj == x.shape[axis]:
            return x
        if x.shape[axis] is not None or x.ndim == 1:
            part = cx.b.call(
                "strided_slice", x, begin=(start.obj,), end=(stop.obj,), strides=(1,), axes=(axis,)
            )
            return with_dims(cx, part, _replaced(x.shape, axis, stop.obj - start.obj))
    sizes = dims_of(cx, x)
    begin = shape_tensor(cx, [start if i == axis else Static(0) for i in range(x.ndim)])
    end = shape_tensor(cx, [stop if i == axis else s for i, s in enumerate(sizes)])
    step = cx.b.constant(np.ones(x.ndim, "int64"))
    part = cx.b.call("dyn.strided_slice", x, begin, end, step)
    length = None
    if isinstance(start, Static) and isinstance(stop, Static):
        length = stop.obj - start.obj
    return with_dims(cx, part, _replaced(x.shape, axis, length))


def _replaced(shape: Sequence[Dim], axis: int, size: Dim) -> list[Dim]:
    return [size if i == axis else d for i, d in enumerate(shape)]


def counting(cx: Any, size: Value) -> Tensor:
    """``numpy.arange(size)`` as int64."""
    if isinstance(size, Static):
        return constant(cx, np.arange(size.obj), "int64")
    zero, one = constant(cx, 0, "int64"), constant(cx, 1, "int64")
    stop = cx.as_tensor(size)
    return cx.b.call("arange", zero, stop, one, dtype="int64")  # type: ignore[no-any-return]


def take_checked(cx: Any, x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """``numpy.take``: negative indices count from the end; IndexError for one out of range."""
    axis %= x.ndim
    size = cx.dim_of(x, axis)
    if indices.const is not None and isinstance(size, Static):
        try:
            wrapped = np.arange(size.obj)[indices.const]
        except IndexError as e:
            cx.raise_python(e)
        found = cx.b.constant(wrapped.astype("int64"))
        return cx.b.call("take", x, found, axis=axis, mode="clip")  # type: ignore[no-any-return]
    if indices.dtype.name not in ("int32", "int64"):
        indices = cx.cast(indices, "int64")
    if isinstance(size, Static) and size.obj == 0:
        if 0 in indices.shape:
            shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
            return cx.b.call("zeros", shape=shape, dtype=x.dtype.name)  # type: ignore[no-any-return]
        if None not in indices.shape:
            cx.raise_python(IndexError(f"index out of bounds for axis {axis} with size 0"))
        cx.fail("AF0208", f"a staged index into an axis of size 0 (axis {axis})")
    limit = cx.cast(cx.as_tensor(size), indices.dtype)
    if cx.checks:
        high = cx.b.call("less", indices, limit)
        low = cx.b.call("greater_equal", indices, cx.b.call("negative", limit))
        ok = cx.b.call("logical_and", low, high)
        ok = cx.b.call("all", ok) if ok.ndim else ok
        message = f"index out of bounds for axis {axis}"
        if isinstance(size, Static):
            message += f" with size {size.obj}"
        cx.check(Scalar(ok.expr, bool), IndexError(Shortened(message)))
    if isinstance(size, Static):
        return cx.b.call("take", x, indices, axis=axis, mode="wrap")  # type: ignore[no-any-return]
    # "wrap" divides by the size, which may be 0.
    zero = cx.b.constant(np.zeros((), indices.dtype))
    behind = cx.b.call("less", indices, zero)
    indices = cx.b.call("where", behind, cx.b.call("add", indices, limit), indices)
    return cx.b.call("take", x, indices, axis=axis, mode="clip")  # type: ignore[no-any-return]


def evaluated(cx: Any, function: Callable[..., Any], *args: Value) -> Any:
    """``function``, which is written in numpy, of sizes: run now where all are known, else compiled."""
    if all(isinstance(a, Static) for a in args):
        made = function(*(a.obj for a in args))  # type: ignore[attr-defined]
        return cx.b.constant(made) if isinstance(made, np.ndarray) else made
    return cx.call_function_object(function, *args)


def needs_static(cx: Any, x: Tensor, what: str, help: str = "") -> None:
    """AF0306 where a size of ``x`` is staged, for what has no code for that."""
    if not x.is_static_shape:
        cx.fail(
            "AF0306",
            f"{what} of an array whose sizes aren't all known while compiling isn't supported",
            help=help or "compile it for arrays of one size",
        )
