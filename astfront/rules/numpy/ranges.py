"""numpy.arange with ends, or a step, that are staged."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from astfront.descriptions import describe
from astfront.rules.numpy.support import INT64, convert, dtype_of, numpy_rule
from astfront.rules.numpy.support import full as full_scalar
from astfront.values import NONE, Scalar, Static, Tensor, Value


@numpy_rule(np.arange)
def arange(
    cx: Any, start: Value, stop: Value = NONE, step: Value = NONE, dtype: Value = NONE
) -> Tensor:
    if isinstance(stop, Static) and stop.obj is None:
        start, stop = Static(0), start
    if isinstance(step, Static) and step.obj is None:
        step = Static(1)
    parts = [_number(cx, p) for p in (start, stop, step)]
    if any(_type_of(cx, p) is float for p in parts):
        return _of_floats(cx, parts, dtype_of(cx, dtype, float))
    first, last, by = parts
    wanted = dtype_of(cx, dtype, INT64)
    if not isinstance(by, Static):
        return convert(cx, cx.call_function_object(_ints, first, last, by), wanted)
    width = int(by.obj)
    if width == 0:
        cx.raise_python(ZeroDivisionError("division by zero"))
    n = cx.as_tensor(cx.as_scalar(_length(cx, first, last, width), int))
    made = cx.b.call("arange", full_scalar(0, INT64), n, full_scalar(1, INT64), dtype="int64")
    if width != 1:
        made = cx.b.call("multiply", made, full_scalar(width, INT64))
    if not (isinstance(first, Static) and first.obj == 0):
        made = cx.b.call("add", made, cx.as_tensor(cx.as_scalar(first, int)))
    made = convert(cx, made, wanted)
    counts = width == 1 and isinstance(first, Static) and first.obj == 0
    if counts and made.const is None and wanted.name in ("int32", "int64"):
        cx.counts[made.expr] = last
    return made


def _number(cx: Any, v: Value) -> Value:
    """One of numpy's numbers as one of Python's; with uint64 numpy makes floats."""
    if isinstance(v, Tensor):
        if v.dtype == np.uint64 or v.dtype.kind == "f":
            v = cx.cast(v, np.dtype("float64"))
        return cx.tensor_to_scalar(v)  # type: ignore[no-any-return]
    if isinstance(v, Static) and isinstance(v.obj, np.number):
        return Static(float(v.obj) if v.obj.dtype == np.uint64 else v.obj.item())
    return v


def _type_of(cx: Any, v: Value) -> type:
    kind = v.type if isinstance(v, Scalar) else type(getattr(v, "obj", None))
    if not issubclass(kind, int | float):
        raise cx.error("AF0306", f"arange with {describe(v)} isn't supported")
    return float if issubclass(kind, float) else int


def _length(cx: Any, first: Value, last: Value, width: int) -> Value:
    span = cx.binary_op(operator.sub, last, first)
    if width < 0:
        span = cx.binary_op(operator.sub, first, last)
    if abs(width) > 1:
        up = cx.binary_op(operator.add, span, Static(abs(width) - 1))
        span = cx.binary_op(operator.floordiv, up, Static(abs(width)))
    length: Value = cx.at_least_zero(span)
    return length


def _of_floats(cx: Any, parts: list[Value], dtype: np.dtype[Any]) -> Tensor:
    if dtype.kind not in "iuf":
        raise cx.error("AF0307", f"arange of floats as {dtype} isn't supported")
    count, first, second = cx.items_of(cx.call_function_object(_ends_of_floats, *parts))
    # numpy fills the array with what its first two items differ by, in the array's dtype.
    a, b = (convert(cx, cx.as_tensor(cx.as_scalar(v, float)), dtype) for v in (first, second))
    places = convert(cx, arange(cx, count), dtype)
    step = cx.b.call("subtract", b, a)
    made: Tensor = cx.b.call("add", cx.b.call("multiply", places, step), a)
    return made


# What follows is compiled.


def _ints(first, last, by):  # type: ignore[no-untyped-def]
    if by == 0:
        raise ZeroDivisionError("division by zero")
    return first + by * np.arange(max(-((first - last) // by), 0))


def _ends_of_floats(first, last, by):  # type: ignore[no-untyped-def]
    """How many items there are, and the first two of them."""
    if by == 0:
        raise ZeroDivisionError("float division by zero")
    exact = np.ceil(np.asarray((last - first) / by, np.float64))
    if np.isnan(exact):
        raise ValueError("arange: cannot compute length")
    if exact > 2.0**60:
        raise ValueError("Maximum allowed size exceeded")
    return max(int(exact), 0), float(first), float(first + by)
