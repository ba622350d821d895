"""numpy's functions that are written here with other ones, and compiled from that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from astfront.rules.numpy.support import numpy_rule
from astfront.values import Static, Value


def _isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False
) -> Any:
    found = np.asarray(element)[..., None] == np.asarray(test_elements).reshape(-1)
    result = found.any(axis=-1)
    return ~result if invert else result


def _in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    return _isin(np.asarray(ar1).reshape(-1), ar2, assume_unique, invert)


def _allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    return bool(np.all(np.isclose(a, b, rtol, atol)))


def _unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    indices = np.asarray(indices).astype(np.int64)
    places = []
    for size in reversed(tuple(shape)):
        places.append(indices % size)
        indices = indices // size
    if np.any(indices != 0):
        raise ValueError("index is out of bounds for array")
    return tuple(places[::-1])


def _linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, *, dtype: Any = None
) -> Any:
    if np.ndim(start) or np.ndim(stop):
        raise NotImplementedError("linspace between arrays")
    steps = np.arange(num)
    y = steps * ((stop - start) / max(num - 1 if endpoint else num, 1)) + start
    if endpoint:
        y = np.where((steps == num - 1) & (steps > 0), stop, y)
    return y if dtype is None else y.astype(dtype)


def _composed(target: Callable[..., Any], written: Callable[..., Any]) -> None:
    def applied(cx: Any, *args: Value, **kwargs: Value) -> Value:
        return cx.call(Static(written), args, kwargs)  # type: ignore[no-any-return]

    applied.__name__ = target.__name__
    numpy_rule(target)(applied)


_composed(np.isin, _isin)
_composed(np.in1d, _in1d)
_composed(np.allclose, _allclose)
_composed(np.unravel_index, _unravel_index)
_composed(np.linspace, _linspace)
