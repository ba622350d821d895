"""numpy's iterators, and functions that call a Python function for each part of an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from astfront.rules.numpy.composed import composed
from astfront.rules.numpy.support import operand, shape_of
from astfront.rules.registry import rule
from astfront.values import Partial, Static, Value


def _ndindex(*shape: Any) -> Iterator[tuple[int, ...]]:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    total = 1
    for size in sizes:
        total *= size
    for place in range(total):
        index: tuple[int, ...] = ()
        for size in reversed(sizes):
            index = (place % size, *index)
            place = place // size
        yield index


def _ndenumerate(arr: Any) -> Iterator[tuple[Any, Any]]:
    arr = np.asarray(arr)
    for index in np.ndindex(arr.shape):
        yield index, arr[index]


def _apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    arr = np.asarray(arr)
    turned = np.moveaxis(arr, axis, -1)
    rows = turned.reshape((-1, turned.shape[-1]))
    if rows.shape[0] == 0:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    made = np.stack([np.asarray(func1d(row, *args, **kwargs)) for row in rows])
    made = made.reshape(turned.shape[:-1] + made.shape[1:])
    axis = axis + arr.ndim if axis < 0 else axis
    ends = tuple(range(arr.ndim - 1, made.ndim))
    return np.moveaxis(made, ends, tuple(range(axis, axis + len(ends))))


def _vectorized(pyfunc: Callable[..., Any], *args: Any) -> Any:
    arrays = np.broadcast_arrays(*args)
    shape = arrays[0].shape
    columns = [a.reshape(-1) for a in arrays]
    if columns[0].shape[0] == 0:
        raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
    found = np.array([pyfunc(*[c[i].item() for c in columns]) for i in range(len(columns[0]))])
    return found.reshape(shape) if shape else found[0]


composed(np.ndindex, _ndindex, always=True)
composed(np.ndenumerate, _ndenumerate, always=True)
composed(np.apply_along_axis, _apply_along_axis)


@rule(np.broadcast)
def broadcast(cx: Any, *args: Value) -> Value:
    """Of arrays whose sizes are known; it's asked for its shape, and not walked over."""
    shapes = [shape_of(operand(cx, a)) for a in args]
    if any(None in shape for shape in shapes):
        cx.fail("AF0306", "numpy.broadcast of arrays whose sizes aren't known isn't supported")
    return cx.run_python(np.broadcast, *[np.empty(s) for s in shapes])  # type: ignore


@rule(np.vectorize)
def vectorize(cx: Any, pyfunc: Value) -> Value:
    """What it makes calls the function for each item."""
    return Partial(Static(_vectorized), (pyfunc,), {})
