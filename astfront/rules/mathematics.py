"""The module ``math`` on staged numbers: as numpy computes it, with Python's exceptions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

import gast
import numpy as np
from scipy import special

from astfront.descriptions import describe
from astfront.rules.numpy.composed import composed
from astfront.rules.registry import rule
from astfront.values import Scalar, Static, Tensor, Value

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
    math.asinh: (np.arcsinh, None),
    math.degrees: (np.degrees, None),
    math.radians: (np.radians, None),
    math.erf: (special.erf, None),
    math.erfc: (special.erfc, None),
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
        if more and function is math.log:
            return cx.call(Static(_log), [x, *more], {})  # type: ignore[no-any-return]
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
_of_one(float.is_integer, lambda x: np.isfinite(x) & (x == np.floor(x)), bool, bool)


# --- functions that are written here with others, and compiled from that -------------------------


def _log(x: float, base: float) -> float:
    return math.log(x) / math.log(base)


def _atan2(y: float, x: float) -> float:
    return float(np.arctan2(float(y), float(x)))


def _copysign(x: float, y: float) -> float:
    return float(np.copysign(float(x), float(y)))


def _hypot(*coordinates: float) -> float:
    length = 0.0
    for x in coordinates:
        length = float(np.hypot(length, float(x)))
    return length


def _dist(p: Iterable[float], q: Iterable[float]) -> float:
    a, b = list(p), list(q)
    if len(a) != len(b):
        raise ValueError("both points must have the same number of dimensions")
    return _hypot(*[x - y for x, y in zip(a, b)])


def _modf(x: float) -> tuple[float, float]:
    x = float(x)
    whole = float(np.trunc(x))
    rest = 0.0 if math.isinf(x) else x - whole
    return math.copysign(rest, x), whole


def _fsum(seq: Iterable[float]) -> float:
    """Parts that don't overlap, whose sum is exact (Shewchuk)."""
    parts: list[float] = []
    for x in seq:
        high = float(x)
        rest: list[float] = []
        for y in parts:
            total = high + y
            low = y - (total - high) if abs(high) >= abs(y) else high - (total - y)
            if low:
                rest.append(low)
            high = total
        rest.append(high)
        parts = rest
    return sum(parts, 0.0)


def _within(x: float) -> float:
    if math.fabs(x) > 1:
        raise ValueError("math domain error")
    return float(x)


def _asin(x: float) -> float:
    return float(np.arcsin(_within(x)))


def _acos(x: float) -> float:
    return float(np.arccos(_within(x)))


def _finite(found: float, x: float) -> float:
    if math.isinf(found) and math.isfinite(x):
        raise OverflowError("math range error")
    return found


def _sinh(x: float) -> float:
    return _finite(float(np.sinh(float(x))), x)


def _cosh(x: float) -> float:
    return _finite(float(np.cosh(float(x))), x)


def _expm1(x: float) -> float:
    return _finite(float(np.expm1(float(x))), x)


def _fmod(x: float, y: float) -> float:
    x, y = float(x), float(y)
    if (math.isinf(x) and not math.isnan(y)) or (y == 0 and not math.isnan(x)):
        raise ValueError("math domain error")
    return float(np.fmod(x, y))


def _pow(x: float, y: float) -> float:
    x, y = float(x), float(y)
    power = float(np.power(x, y))
    if math.isfinite(x) and math.isfinite(y) and not math.isfinite(power):
        if math.isnan(power) or x == 0:
            raise ValueError("math domain error")
        raise OverflowError("math range error")
    return power


def _isclose(a: float, b: float, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool:
    if rel_tol < 0 or abs_tol < 0:
        raise ValueError("tolerances must be non-negative")
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    return bool(abs(a - b) <= max(rel_tol * max(abs(a), abs(b)), abs_tol))


def _prod(iterable: Iterable[Any], /, *, start: Any = 1) -> Any:
    result = start
    for x in iterable:
        result = result * x
    return result


composed(math.atan2, _atan2)
composed(math.copysign, _copysign)
composed(math.hypot, _hypot)
composed(math.dist, _dist)
composed(math.modf, _modf)
composed(math.fsum, _fsum)
composed(math.asin, _asin)
composed(math.acos, _acos)
composed(math.sinh, _sinh)
composed(math.cosh, _cosh)
composed(math.expm1, _expm1)
composed(math.fmod, _fmod)
composed(math.pow, _pow)
composed(math.isclose, _isclose)
composed(math.prod, _prod)
