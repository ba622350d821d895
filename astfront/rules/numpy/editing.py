"""Functions that put values into an array, or make one with more or fewer items."""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.rules.numpy.composed import composed, refuse


def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr = np.asarray(arr)
    if axis is None:
        arr, axis = arr.ravel(), 0
    size = arr.shape[axis]
    if not isinstance(obj, int | np.integer):
        return _inserted(arr, np.asarray(obj), values, axis)
    if not -size <= obj <= size:
        raise IndexError(f"index {obj} is out of bounds for axis {axis} with size {size}")
    axis = axis + arr.ndim if axis < 0 else axis
    place = obj + size if obj < 0 else obj
    values = np.moveaxis(np.array(values, ndmin=arr.ndim, dtype=arr.dtype), 0, axis)
    shape = arr.shape[:axis] + (values.shape[axis],) + arr.shape[axis + 1 :]
    before, after = np.split(arr, [place], axis)
    return np.concatenate([before, np.broadcast_to(values, shape), after], axis)


def _inserted(arr: Any, places: Any, values: Any, axis: int) -> Any:
    """At several places, which are those in ``arr``."""
    if places.ndim != 1 or places.dtype == bool or places.shape[0] < 2:
        refuse("numpy.insert by a mask, or by an array of less than two places,")
    size, count = arr.shape[axis], places.shape[0]
    if np.any((places < -size) | (places > size)):
        raise IndexError(f"index is out of bounds for axis {axis} with size {size}")
    places = np.where(places < 0, places + size, places).astype(np.int64)
    order = np.argsort(places, kind="stable")
    places[order] += np.arange(count)
    axis = axis + arr.ndim if axis < 0 else axis
    made = np.zeros((size + count, *arr.shape[:axis], *arr.shape[axis + 1 :]), arr.dtype)
    kept = np.ones(size + count, bool)
    kept[places] = False
    part = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    made[places] = np.moveaxis(np.broadcast_to(np.asarray(values), part), axis, 0)
    made[np.nonzero(kept)[0]] = np.moveaxis(arr, axis, 0)
    return np.moveaxis(made, 0, axis)


def _delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    arr = np.asarray(arr)
    if axis is None:
        arr, axis = arr.ravel(), 0
    size = arr.shape[axis]
    if isinstance(obj, int | np.integer):
        if not -size <= obj < size:
            raise IndexError(f"index {obj} is out of bounds for axis {axis} with size {size}")
        place = obj + size if obj < 0 else obj
        before, after = np.split(arr, [place], axis)
        rest = np.split(after, [1], axis)[1]
        return np.concatenate([before, rest], axis)
    kept = np.ones(size, bool)
    kept[obj] = False
    return np.compress(kept, arr, axis)


def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    flat = a.flatten()
    places = np.asarray(ind).reshape(-1)
    if mode == "clip":
        places = np.clip(places, 0, flat.shape[0] - 1)
    elif mode == "wrap":
        places = places % flat.shape[0]
    flat[places] = np.resize(np.asarray(v), places.shape)
    a[...] = flat.reshape(a.shape)


def _putmask(a: Any, mask: Any, values: Any) -> None:
    values = np.asarray(values)
    if values.size == 0:
        return
    if values.shape != a.shape:
        values = np.resize(values, a.shape)
    a[...] = np.where(np.asarray(mask).reshape(a.shape), values.astype(a.dtype), a)


def _place(arr: Any, mask: Any, vals: Any) -> None:
    mask = np.asarray(mask).astype(bool).reshape(arr.shape)
    vals = np.asarray(vals).reshape(-1).astype(arr.dtype)
    if vals.shape[0] == 0:
        if np.any(mask):
            raise ValueError("Cannot insert from an empty array!")
        return
    order = np.cumsum(mask.reshape(-1)).reshape(arr.shape) - 1
    arr[...] = np.where(mask, vals[order % vals.shape[0]], arr)


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if wrap or a.ndim > 2:
        refuse("fill_diagonal of more than two axes, or with `wrap`,")
    places = np.arange(min(a.shape))
    val = np.asarray(val).reshape(-1)
    a[places, places] = val[places % val.shape[0]]


def _itemset(a: Any, *args: Any) -> None:
    *index, value = args
    if len(index) == 1 and not isinstance(index[0], tuple):
        a[np.unravel_index(index[0], a.shape)] = value
    else:
        a[tuple(index[0] if len(index) == 1 else index)] = value


composed(np.insert, _insert)
composed(np.delete, _delete)
composed(np.put, _put, always=True)
composed(np.ndarray.put, _put, always=True)
composed(np.putmask, _putmask, always=True)
composed(np.place, _place, always=True)
composed(np.fill_diagonal, _fill_diagonal, always=True)
composed(np.ndarray.itemset, _itemset, always=True)
