"""Python's builtins that make numbers."""

from __future__ import annotations

import operator
from typing import Any

import chainer
import numpy as np

from astfront.descriptions import describe
from astfront.rules.registry import rule
from astfront.values import (
    FALSE,
    NONE,
    Deferred,
    Object,
    Scalar,
    Static,
    Tensor,
    Value,
    is_none,
)


@rule(int)
def int_(cx: Any, x: Value = Static(0), base: Value | None = None) -> Value:
    if isinstance(x, Tensor):
        x = cx.tensor_to_scalar(_alone(cx, x))
    if isinstance(x, Static):
        extra = () if base is None else (cx.static(base),)
        return cx.run_python(int, x.obj, *extra)
    if isinstance(x, Scalar):
        return cx.truncated(x)
    return _converted(cx, int, x, "__int__")


@rule(float)
def float_(cx: Any, x: Value = Static(0.0)) -> Value:
    if isinstance(x, Tensor):
        x = cx.tensor_to_scalar(_alone(cx, x))
    if isinstance(x, Static):
        return cx.run_python(float, x.obj)
    if isinstance(x, Scalar):
        return cx.as_scalar(x, float)
    return _converted(cx, float, x, "__float__")


def _alone(cx: Any, x: Tensor) -> Tensor:
    """An array of staged sizes as one of rank 0."""
    if x.is_static_shape or any(d not in (1, None) for d in x.shape):
        return x
    error = TypeError("only size-1 arrays can be converted to Python scalars")
    made: Tensor = cx.only_item(x, error)
    return made


def _converted(cx: Any, kind: type, x: Value, method: str) -> Value:
    """``int(x)`` or ``float(x)`` of an object that says what it is as a number."""
    if isinstance(x, Object) and hasattr(x.cls, method):
        return cx.call(cx.get_attribute(x, method), [], {})
    raise cx.error("AF0207", f"{kind.__name__}() of {describe(x)} isn't supported")


@rule(bool)
def bool_(cx: Any, x: Value = FALSE) -> Value:
    return cx.truth_value(x)


@rule(round)
def round_(cx: Any, x: Value, ndigits: Value = NONE) -> Value:
    if isinstance(x, Object):
        return cx.call(cx.get_attribute(x, "__round__"), [ndigits], {})
    if isinstance(x, Tensor) and x.kind == "generic":
        if not is_none(ndigits):
            return cx.call(Static(np.round), [x, ndigits], {})
        x = cx.tensor_to_scalar(x)
    if isinstance(x, Static) and isinstance(ndigits, Static):
        return cx.run_python(round, x.obj, ndigits.obj)
    if not isinstance(x, Scalar):
        cx.fail("AF0207", f"round() of {describe(x)} isn't supported")
    number: Any = x
    if not is_none(ndigits):
        return rounded(cx, number, ndigits)
    if number.type is not float:
        return cx.as_scalar(x, int)
    nearest = cx.call(Static(np.rint), [Tensor(number.expr, (), number.dtype)], {})
    return cx.truncated(Scalar(nearest.expr, float))


def rounded(cx: Any, x: Scalar, ndigits: Value) -> Value:
    """The nearest decimal of a float, found by Python itself when the program has run."""
    if x.type is not float and isinstance(ndigits, Static) and ndigits.obj in range(-18, 2**31):
        return cx.call(Static(_rounded_int), [cx.as_scalar(x, int), ndigits], {})  # type: ignore[no-any-return]
    if x.type is not float or not isinstance(ndigits, Static | Scalar):
        cx.fail("AF0207", f"round() of {describe(x)} to {describe(ndigits)} digits isn't supported")
    return Deferred(round, (x, ndigits))


def _rounded_int(x: int, ndigits: int) -> int:
    """To a multiple of a power of ten; what's in the middle, to an even one."""
    if ndigits >= 0:
        return x
    unit: int = 10**-ndigits
    count, rest = divmod(x, unit)
    if rest > unit // 2 or (rest == unit // 2 and count % 2):
        count += 1
    return count * unit


@rule(divmod)
def divmod_(cx: Any, a: Value, b: Value) -> Value:
    return cx.tuple([cx.binary_op(operator.floordiv, a, b), cx.binary_op(operator.mod, a, b)])


@rule(abs)
def abs_(cx: Any, x: Value) -> Value:
    if isinstance(x, Static):
        return cx.run_python(abs, x.obj)
    if isinstance(x, Scalar):
        number = cx.as_scalar(x, int if x.type is bool else x.type)
        return Scalar(cx.b.call("abs", number).expr, number.type)
    if isinstance(x, Tensor):
        if x.kind == "variable":
            return cx.call(Static(chainer.Variable.__abs__), [x], {})
        return cx.call(Static(np.absolute), [x], {})
    return cx.call(cx.get_attribute(x, "__abs__"), [], {})
