"""numpy's functions that are written here with other ones, and compiled from that."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.core.numeric import normalize_axis_tuple  # type: ignore[attr-defined]

from astfront.rules.numpy.support import numpy_rule
from astfront.rules.registry import StaticArg, rule
from astfront.values import NONE, Static, Value


def composed(target: Any, written: Callable[..., Any], *, always: bool = False) -> None:
    """Have a function of numpy's compiled from this one.

    It's so ``always``, of known arguments too, if it changes one, or gives what's used up by walking
    over it.
    """

    def applied(cx: Any, *args: Value, **kwargs: Value) -> Value:
        return cx.call(Static(written), args, kwargs)  # type: ignore[no-any-return]

    applied.__name__ = target.__name__
    (rule if always else numpy_rule)(target)(applied)


def refuse(what: str) -> None:
    """In these functions: AF0306, as this isn't supported."""


@rule(refuse)
def _refused(cx: Any, what: StaticArg[str]) -> Value:
    cx.fail("AF0306", f"{what} isn't supported on staged arrays")
    return NONE


def _isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False
) -> Any:
    found = np.asarray(element)[..., None] == np.asarray(test_elements).reshape(-1)
    result = found.any(axis=-1)
    return np.asarray(~result if invert else result)


def _in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    return _isin(np.asarray(ar1).reshape(-1), ar2, assume_unique, invert)


def _allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    return bool(np.all(np.isclose(a, b, rtol, atol, equal_nan)))


def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    a1, a2 = np.asarray(a1), np.asarray(a2)
    if a1.shape != a2.shape:
        return False
    same = a1 == a2
    if equal_nan:
        same = same | (np.isnan(a1) & np.isnan(a2))
    return bool(np.all(same))


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
        refuse("compress with `out`")
    return np.take(a, np.nonzero(condition)[0], axis=axis)


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    choices = [np.asarray(c) for c in choicelist]
    dtype = np.result_type(*choices, np.asarray(default))
    made = np.asarray(default).astype(dtype)
    for i in reversed(range(len(choices))):
        condition = np.asarray(condlist[i])
        if condition.dtype != np.bool_:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
        made = np.where(condition, choices[i].astype(dtype), made)
    return made


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
    return np.where(np.isnan(x), x if last > 0 else fp[0], y)[()]


def _digitize(x: Any, bins: Any, right: bool = False) -> Any:
    bins = np.asarray(bins)
    side: Any = "left" if right else "right"
    steps = bins[1:] - bins[:-1]
    if np.all(steps >= 0):
        return np.searchsorted(bins, x, side=side)
    if np.all(steps <= 0):
        return bins.shape[0] - np.searchsorted(bins[::-1], x, side=side)
    raise ValueError("bins must be monotonically increasing or decreasing")


def _diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(np.asarray(v).reshape(-1), k)


def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = np.asarray(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = x.shape[0] if N is None else N
    dtype = np.promote_types(x.dtype, int)
    column = x.astype(dtype)[:, None]
    repeated = np.repeat(column, max(count - 1, 0), 1)
    powers = np.cumprod(np.concatenate([np.ones_like(column), repeated], 1), 1)[:, :count]
    return powers if increasing else powers[:, ::-1]


def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    if axis is not None:
        axisa, axisb, axisc = axis, axis, axis
    a, b = np.moveaxis(np.asarray(a), axisa, -1), np.moveaxis(np.asarray(b), axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    upright = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    if a.shape[-1] == 2 and b.shape[-1] == 2:
        return upright
    a2 = a[..., 2] if a.shape[-1] == 3 else np.zeros_like(a[..., 0])
    b2 = b[..., 2] if b.shape[-1] == 3 else np.zeros_like(b[..., 0])
    first, second = a[..., 1] * b2 - a2 * b[..., 1], a2 * b[..., 0] - a[..., 0] * b2
    return np.moveaxis(np.stack([first, second, upright], -1), -1, axisc)


def _kron(a: Any, b: Any) -> Any:
    a, b = np.asarray(a), np.asarray(b)
    ndim = max(a.ndim, b.ndim)
    a = a.reshape((1,) * (ndim - a.ndim) + a.shape)
    b = b.reshape((1,) * (ndim - b.ndim) + b.shape)
    shape = tuple([m * n for m, n in zip(a.shape, b.shape)])
    a = np.expand_dims(a, tuple(range(1, 2 * ndim, 2)))
    return (a * np.expand_dims(b, tuple(range(0, 2 * ndim, 2)))).reshape(shape)


def _block(arrays: Any) -> Any:
    depth, ndim = _nesting(arrays)
    return _joined_blocks(arrays, depth, max(depth, ndim))


def _nesting(arrays: Any) -> tuple[int, int]:
    """How deep the lists are, and how many axes the arrays in them have at most."""
    if not isinstance(arrays, list):
        return 0, np.ndim(arrays)
    inner = [_nesting(a) for a in arrays]
    if not inner or any(depth != inner[0][0] for depth, _ in inner):
        raise ValueError("List depths are mismatched.")
    return 1 + inner[0][0], max([ndim for _, ndim in inner])


def _joined_blocks(arrays: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        return np.array(arrays, ndmin=ndim)
    return np.concatenate([_joined_blocks(a, depth - 1, ndim) for a in arrays], axis=-depth)


def _running(ufunc: Any, array: Any, axis: int, unsupported: tuple[Any, ...]) -> Any:
    """What the ufunc makes of each item and all before it, in steps of twice the size."""
    if any(given is not None for given in unsupported):
        refuse("accumulate with `dtype` or `out`")
    items = np.moveaxis(np.array(array), axis, 0)
    step = 1
    while step < items.shape[0]:
        items = np.concatenate([items[:step], ufunc(items[:-step], items[step:])])
        step = 2 * step
    return np.moveaxis(items, 0, axis)


def _running_maximum(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    return _running(np.maximum, array, axis, (dtype, out))


def _running_minimum(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    return _running(np.minimum, array, axis, (dtype, out))


def _fromiter(iter: Any, dtype: Any, count: int = -1) -> Any:
    items = list(iter) if count < 0 else list(itertools.islice(iter, count))
    if len(items) < count:
        raise ValueError(
            f"iterator too short: Expected {count} but iterator had only {len(items)} items."
        )
    found = np.array(items, dtype=dtype)
    if found.ndim != 1:
        refuse("fromiter of arrays")
    return found


def _logaddexp_reduce(
    array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    if dtype is not None or out is not None:
        refuse("logaddexp.reduce with `dtype` or `out`")
    x = np.asarray(array)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0).astype(x.dtype)
    total = np.sum(np.exp(x - largest), axis=axis, keepdims=True)
    found = np.log(total) + largest
    if keepdims:
        return found
    return found.reshape(-1)[0] if axis is None else np.squeeze(found, axis)[()]


def _reduceat(ufunc: Any) -> Any:
    def reduceat(
        array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        if dtype is not None or out is not None:
            refuse("reduceat with `dtype` or `out`")
        x = np.moveaxis(np.asarray(array), axis, 0)
        size = x.shape[0]
        parts = []
        for k in range(len(indices)):
            start, end = indices[k], size
            if start < 0 or start >= size:
                raise IndexError(f"index {start} out-of-bounds in reduceat [0, {size})")
            if k + 1 < len(indices):
                end = max(indices[k + 1], start + 1)
            part = x[start:end]
            found = ufunc.reduce(part, axis=0)
            if ufunc is np.add and x.dtype.kind == "f":
                # It starts with the first element, where a sum starts with 0.
                is_negative = (found == 0) & np.all(np.signbit(part), axis=0)
                found = np.where(is_negative, x.dtype.type(-0.0), found)
            parts.append(found)
        return np.moveaxis(np.stack(parts), 0, axis)

    return reduceat


def _bitwise_reduce(ufunc: Any, whole: Any) -> Any:
    """``whole`` is the one element of a reduction of none."""

    def reduce(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        x = np.asarray(array)
        if x.dtype.kind not in "iub" or dtype is not None or out is not None:
            refuse(f"{ufunc.__name__}.reduce with `dtype` or `out`, or of floats,")
        axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
        for along in sorted(axes, reverse=True):
            x = np.moveaxis(x, along, 0)
            made = np.full(x.shape[1:], whole, np.int64).astype(x.dtype)
            for i in range(len(x)):
                made = ufunc(made, x[i])
            x = np.expand_dims(made, along) if keepdims else made
        return x[()]

    return reduce


def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    x = np.asarray(ary).reshape(-1)
    parts = [x[1:] - x[:-1]]
    for added, at_first in ((to_begin, True), (to_end, False)):
        if added is not None:
            if not np.can_cast(np.asarray(added), x.dtype, casting="same_kind"):
                refuse("ediff1d with ends of another kind of dtype")
            more = np.asarray(added).reshape(-1).astype(x.dtype)
            parts = [more, *parts] if at_first else [*parts, more]
    return np.concatenate(parts)


composed(np.isin, _isin)
composed(np.in1d, _in1d)
composed(np.allclose, _allclose)
composed(np.array_equal, _array_equal)
composed(np.diagflat, _diagflat)
composed(np.vander, _vander)
composed(np.block, _block)
composed(np.kron, _kron)
composed(np.cross, _cross)
composed(np.rot90, _rot90)
composed(np.select, _select)
composed(np.compress, _compress)
composed(np.ndarray.compress, lambda a, condition, axis=None: _compress(condition, a, axis))
composed(np.extract, _extract)
composed(np.polyval, _polyval)
composed(np.interp, _interp)
composed(np.digitize, _digitize)
composed(np.maximum.accumulate, _running_maximum)
composed(np.minimum.accumulate, _running_minimum)
composed(np.fromiter, _fromiter)
composed(np.logaddexp.reduce, _logaddexp_reduce)
for _ufunc in (np.add, np.multiply, np.maximum, np.minimum, np.logical_and, np.logical_or):
    composed(_ufunc.reduceat, _reduceat(_ufunc))
for _bitwise, _unit in ((np.bitwise_and, -1), (np.bitwise_or, 0), (np.bitwise_xor, 0)):
    composed(_bitwise.reduce, _bitwise_reduce(_bitwise, _unit))
composed(np.ediff1d, _ediff1d)
