"""The dtypes that numpy gives results: its value-based casting, where numbers are staged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np

from astfront.descriptions import describe
from astfront.rules.numpy.support import BOOL, rank
from astfront.values import Scalar, Static, Tensor


def resolve(
    cx: Any, f: Callable[..., Any], operands: Sequence[Tensor | Scalar | Static]
) -> np.dtype[Any]:
    """The dtype that numpy's value-based casting gives ``f`` of these operands.

    ``f`` is called on stand-ins: a number that is known stands for itself, and one that is staged
    beside arrays is required to be one that leaves their dtype as it is. Of float64 beside float32
    that's taken for granted: only numbers above float32's largest are others.
    """
    plain = _dtype_for(cx, f, [_stand_in(v, 1) for v in operands])
    if not any(map(rank, operands)):
        return plain
    for place, v in enumerate(operands):
        if isinstance(v, Static) or rank(v) or not _staged(v) or v.dtype == BOOL:
            continue

        def dtype_with(number: Any, place: int = place) -> np.dtype[Any] | None:
            values = [_stand_in(w, number if i == place else 1) for i, w in enumerate(operands)]
            try:
                return _result_dtype(f, values)
            except TypeError:  # of another dtype, for which there is no such function
                return None

        if dtype_with(2) != plain:
            what = f"{describe(v)} beside an array"
            cx.fail("AF0307", f"{what}: numpy's choice of the dtype depends on the value")
        _require_to_fit(cx, v, [n for n in _limits(v.dtype) if dtype_with(n) == plain], plain)
    return plain


#: Where numpy's choice of a dtype for numbers changes.
_INT_LIMITS = sorted(
    {0, *(n for b in (8, 16, 32, 64) for n in (-(2 ** (b - 1)), 2 ** (b - 1) - 1, 2**b - 1))}
)
_FLOAT_LIMITS = [sign * n for n in (65000.0, 3.4e38) for sign in (-1, 1)]


def _limits(dtype: np.dtype[Any]) -> list[Any]:
    if dtype.kind == "f":
        zero, largest = dtype.type(0), np.finfo(dtype).max
        return [
            float(np.nextafter(dtype.type(n), zero)) for n in _FLOAT_LIMITS if abs(n) <= largest
        ]
    info = np.iinfo(dtype)
    return [n for n in _INT_LIMITS if info.min <= n <= info.max]


def _require_to_fit(cx: Any, v: Any, fitting: Sequence[Any], dtype: np.dtype[Any]) -> None:
    """AF0307, when the program runs, for a number of which numpy would make another dtype."""
    limits, low, high = _limits(v.dtype), min(fitting), max(fitting)
    if v.dtype.kind == "f" and high > 3e38:
        return
    counts = isinstance(v, Scalar) and cx.magnitude(v) <= high
    tests = []
    if high < limits[-1] and not counts and not cx.is_at_most(v, Static(high)):
        tests.append(cx.compare(gast.LtE(), v, Static(high)))
    if low > limits[0] and not cx.is_at_least(v, low):
        tests.append(cx.compare(gast.GtE(), v, Static(low)))
    for test in tests:
        refusal = cx.error(
            "AF0307",
            f"{describe(v)} beside an array isn't from {low} to {high}: numpy makes another dtype of it",
            help=f"write `np.{dtype}(n)` for `n`",
        )
        cx.require(cx.truth_value(test), refusal)


def _staged(v: Tensor | Scalar | Static) -> bool:
    return isinstance(v, Scalar) or (isinstance(v, Tensor) and v.const is None)


def _stand_in(v: Tensor | Scalar | Static, number: Any) -> Any:
    """A Python or numpy value of the same type; of a staged number, ``number`` stands for it."""
    if isinstance(v, Static):
        return v.obj
    if rank(v):
        return np.ones((1,), v.dtype)
    value = v.dtype.type(number)
    if isinstance(v, Scalar):
        return v.type(value)
    if v.const is not None:
        value = v.const[()]
    return value if v.kind == "generic" else np.asarray(value)


def _dtype_for(cx: Any, f: Callable[..., Any], values: Sequence[Any]) -> np.dtype[Any]:
    try:
        dtype = _result_dtype(f, values)
    except (TypeError, ValueError) as e:
        cx.raise_python(e)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        cx.fail("AF0307", f"the result would have dtype {dtype}, which isn't supported")
    return dtype


def _result_dtype(f: Callable[..., Any], values: Sequence[Any]) -> np.dtype[Any]:
    with np.errstate(all="ignore"):
        try:
            found = f(*values)
        except ValueError:  # a negative power of ints: the dtype is that of the power of arrays
            found = np.result_type(*values)
    return found if isinstance(found, np.dtype) else found.dtype
