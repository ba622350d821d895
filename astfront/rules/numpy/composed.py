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


def _rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    first, second = axes
    turns = k % 4
    if turns == 0:
        return m[:]
    if turns == 2:
        return np.flip(np.flip(m, first), second)
    if turns == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


def _compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    if out is not None:
        raise NotImplementedError("compress with `out`")
    return np.take(a, np.nonzero(condition)[0], axis=axis)


def _extract(condition: Any, arr: Any) -> Any:
    return np.take(np.ravel(arr), np.nonzero(np.ravel(condition))[0])


def _polyval(p: Any, x: Any) -> Any:
    x = np.asarray(x)
    y = np.zeros_like(x)
    for coefficient in np.asarray(p):
        y = y * x + coefficient
    return y


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    x = np.asarray(x).astype(np.float64)
    xp, fp = np.asarray(xp).astype(np.float64), np.asarray(fp).astype(np.float64)
    if xp.shape[0] == 0:
        raise ValueError("array of sample points is empty")
    last = xp.shape[0] - 1
    place = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(last - 1, 0))
    after = np.minimum(place + 1, last)
    width = xp[after] - xp[place]
    slope = np.where(width == 0, 0.0, (fp[after] - fp[place]) / np.where(width == 0, 1.0, width))
    y = slope * (x - xp[place]) + fp[place]
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    y = np.where(x == xp[last], fp[last], y)
    y = np.where(x > xp[last], fp[last] if right is None else right, y)
    return np.where(np.isnan(x) & (last > 0), x, y)


def _digitize(x: Any, bins: Any, right: bool = False) -> Any:
    bins = np.asarray(bins)
    side: Any = "left" if right else "right"
    steps = bins[1:] - bins[:-1]
    if np.all(steps >= 0):
        return np.searchsorted(bins, x, side=side)
    if np.all(steps <= 0):
        return bins.shape[0] - np.searchsorted(bins[::-1], x, side=side)
    raise ValueError("bins must be monotonically increasing or decreasing")


def composed(target: Callable[..., Any], written: Callable[..., Any]) -> None:
    def applied(cx: Any, *args: Value, **kwargs: Value) -> Value:
        return cx.call(Static(written), args, kwargs)  # type: ignore[no-any-return]

    applied.__name__ = target.__name__
    numpy_rule(target)(applied)


composed(np.isin, _isin)
composed(np.in1d, _in1d)
composed(np.allclose, _allclose)
composed(np.unravel_index, _unravel_index)
composed(np.linspace, _linspace)
composed(np.rot90, _rot90)
composed(np.compress, _compress)
composed(np.extract, _extract)
composed(np.polyval, _polyval)
composed(np.interp, _interp)
composed(np.digitize, _digitize)
