"""numpy's functions of sets and counts, whose results' sizes depend on data: written with others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from astfront.rules.numpy.composed import composed, refuse


def _unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
) -> Any:
    ar = np.asarray(ar)
    if axis is None:
        ar = ar.reshape(-1)
        order = np.argsort(ar, kind="stable")
        found = ar[order]
        differs = found[1:] != found[:-1]
        if ar.dtype.kind == "f":
            differs = differs & ~(np.isnan(found[1:]) & np.isnan(found[:-1]))
    else:
        ar = np.moveaxis(ar, axis, 0)
        rows = ar.reshape((len(ar), math.prod(ar.shape[1:])))
        # Of rows of nothing all are the same, and of no rows there's no order.
        order = np.lexsort(rows.T[::-1]) if rows.shape[1] > 0 else np.arange(len(rows))
        rows = rows[order]
        differs = (rows[1:] != rows[:-1]).any(axis=1)
        found = ar[order]
    # Of no elements there's no first one.
    is_first = np.concatenate([np.ones(len(found[:1]), bool), differs])
    distinct = found[is_first] if axis is None else np.moveaxis(found[is_first], 0, axis)
    if not (return_index or return_inverse or return_counts):
        return distinct
    results = [distinct]
    if return_index:
        results.append(order[is_first])
    if return_inverse:
        inverse = np.zeros(len(ar), np.int64)
        inverse[order] = np.cumsum(is_first) - 1
        results.append(inverse)
    if return_counts:
        places = np.nonzero(is_first)[0]
        results.append(np.diff(np.concatenate([places, np.array([ar.shape[0]])])))
    return tuple(results)


def _union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate([np.asarray(ar1).reshape(-1), np.asarray(ar2).reshape(-1)]))


def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    ar1 = np.asarray(ar1).reshape(-1)
    if not assume_unique:
        ar1 = np.unique(ar1)
    return ar1[~np.isin(ar1, ar2)]


def _intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    if assume_unique or return_indices:
        refuse("intersect1d with assume_unique or return_indices")
    both = np.sort(np.concatenate([np.unique(ar1), np.unique(ar2)]))
    return both[:-1][both[1:] == both[:-1]]


def _bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    x = np.asarray(x)
    if x.ndim != 1:
        raise ValueError("object too deep for desired array")
    if not np.can_cast(x.dtype, np.int64, "safe"):
        raise TypeError(
            f"Cannot cast array data from {x.dtype!r} to dtype('int64') according to the rule 'safe'"
        )
    x = x.astype(np.int64)
    if np.any(x < 0):
        raise ValueError("'list' argument must have no negative elements")
    length = max(int(x.max()) + 1 if x.shape[0] > 0 else 0, minlength)
    if weights is None:
        counts = np.zeros(length, np.int64)
        np.add.at(counts, x, 1)
        return counts
    if x.shape[0] == 0:  # numpy forgets the weights' dtype then
        raise NotImplementedError("bincount of no elements, with weights")
    weights = np.asarray(weights)
    if weights.shape != x.shape:
        raise ValueError("The weights and list don't have the same length.")
    sums = np.zeros(length, np.float64)
    np.add.at(sums, x, weights.astype(np.float64))
    return sums


composed(np.unique, _unique)
composed(np.union1d, _union1d)
composed(np.setdiff1d, _setdiff1d)
composed(np.intersect1d, _intersect1d)
composed(np.bincount, _bincount)
