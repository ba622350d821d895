"""The module ``math`` on staged numbers: as numpy computes it, with Python's exceptions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from astfront.rules.registry import rule
from astfront.values import Scalar, Static, Tensor, Value, describe

_LARGEST_EXPONENT = 709.782712893384

_DOMAIN = ValueError("math domain error")
_RANGE = OverflowError("math range error")

#: Function → (numpy's, the comparison that its argument must pass, what is raised otherwise).
_FUNCTIONS: dict[Callable[..., float], tuple[Any, Any]] = {
    math.sqrt: (np.sqrt, (gast.Lt, 0.0, _DOMAIN)),
    math.exp: (np.exp, (gast.Gt, _LARGEST_EXPONENT, _RANGE)),
    math.log: (np.log, (gast.LtE, 0.0, _DOMAIN)),
    math.log2: (np.log2, (gast.LtE, 0.0, _DOMAIN)),
    math.log10: (np.log10, (gast.LtE, 0.0, _DOMAIN)),
    math.log1p: (np.log1p, (gast.LtE, -1.0, _DOMAIN)),
    math.sin: (np.sin, None),
    math.cos: (np.cos, None),
    math.tan: (np.tan, None),
    math.tanh: (np.tanh, None),
    math.atan: (np.arctan, None),
    math.fabs: (np.absolute, None),
}


def number(cx: Any, x: Value) -> Any:
    """A number as a float, known or staged."""
    if isinstance(x, Tensor):
        x = cx.tensor_to_scalar(x)
    if isinstance(x, Static):
        return cx.run_python(float, x.obj)
    if not isinstance(x, Scalar):
        cx.fail("AF0207", f"a function of `math` of {describe(x)}")
    return cx.as_scalar(x, float)


@rule(operator.index)
def index(cx: Any, a: Value) -> Value:
    known, values = cx.try_all([a], {})
    if known:
        return cx.run_python(operator.index, *values[0])  # type: ignore[no-any-return]
    if isinstance(a, Tensor) and a.ndim == 0 and a.dtype.kind in "iu":
        return cx.tensor_to_scalar(a)  # type: ignore[no-any-return]
    if isinstance(a, Scalar) and a.type is not float:
        return cx.as_scalar(a, int)  # type: ignore[no-any-return]
    return cx.raise_python(  # type: ignore[no-any-return]
        TypeError(f"{describe(a)} cannot be interpreted as an integer")
    )


def _on_numbers(function: Callable[..., float], ufunc: Any, limit: Any) -> None:
    def apply(cx: Any, x: Value, *more: Value) -> Value:
        known, values = cx.try_all([x, *more], {})
        if known:
            return cx.run_python(function, *values[0])  # type: ignore[no-any-return]
        if more:
            cx.fail("AF0302", f"math.{function.__name__} with {1 + len(more)} arguments")
        value = number(cx, x)
        if limit is not None:
            comparison, bound, exception = limit
            bad = cx.compare(comparison(), value, Static(bound))
            cx.check(cx.unary(gast.Not(), bad), exception)
        return Scalar(_computed(cx, ufunc, value), float)

    apply.__name__ = function.__name__
    rule(function)(apply)


for _function, (_ufunc, _limit) in _FUNCTIONS.items():
    _on_numbers(_function, _ufunc, _limit)


def _computed(cx: Any, ufunc: Any, value: Scalar) -> Any:
    return cx.call(Static(ufunc), [Tensor(value.expr, (), value.dtype)], {}).expr


def _of_one(function: Callable[..., Any], ufunc: Any, made: type, given: type) -> None:
    """A function of one number: numpy's gives a ``made``, Python's a ``given``."""

    def apply(cx: Any, x: Value) -> Value:
        known, obj = cx.try_static(x)
        if known:
            return cx.run_python(function, obj)  # type: ignore[no-any-return]
        value = number(cx, x)
        result = Scalar(_computed(cx, ufunc, value), made)
        if given is bool:
            return result
        return cx.truncated(cx.no_larger(result, cx.magnitude(value) + 1))  # type: ignore[no-any-return]

    apply.__name__ = function.__name__
    rule(function)(apply)


_of_one(math.floor, np.floor, float, int)
_of_one(math.ceil, np.ceil, float, int)
_of_one(math.trunc, np.trunc, float, int)
_of_one(math.isnan, np.isnan, bool, bool)
_of_one(math.isinf, np.isinf, bool, bool)
_of_one(math.isfinite, np.isfinite, bool, bool)
