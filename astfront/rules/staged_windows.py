"""Pooling by windows whose sizes, strides or padding are known only when the program runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from chainer.utils import conv

from astfront.values import FALSE, TRUE, Static, Tensor, Tuple, Value


def are_known(*values: Value) -> bool:
    return all(isinstance(v, Static) for v in values)


def max_pooled(
    cx: Any, x: Tensor, axes: Sequence[tuple[Value, Value, Value]], cover_all: bool
) -> Tensor:
    """``axes``: of each axis after the second the windows' size, stride and padding."""
    for axis, (k, s, p) in enumerate(axes, 2):
        x = cx.call_function_object(_max_along, x, Static(axis), k, s, p, Static(cover_all))
    return x


def max_and_place(
    cx: Any, x: Tensor, axes: Sequence[tuple[Value, Value, Value]], cover_all: bool
) -> Tuple:
    """And where in its window the largest item is: the first of equal ones."""
    sizes = cx.tuple([cx.tuple([*axis]) for axis in axes])
    return cx.call_function_object(_max_and_place, x, sizes, Static(cover_all))  # type: ignore[no-any-return]


def averaged(
    cx: Any, x: Tensor, axes: Sequence[tuple[Value, Value, Value]], include: bool
) -> Tensor:
    """With ``include`` the padding counts, as zeros."""
    for axis, (k, s, p) in enumerate(axes, 2):
        counted = TRUE if include else FALSE
        x = cx.call_function_object(_mean_along, x, Static(axis), k, s, p, counted)
    return x


# What follows is compiled.


def _max_along(x, axis, k, s, p, cover_all):  # type: ignore[no-untyped-def]
    places, inside = _windows_along(x, axis, k, s, p, cover_all)
    parts = np.where(inside, np.take(x, places, axis=axis), -np.inf)
    return parts.max(axis=axis + 1)


def _max_and_place(x, axes, cover_all):  # type: ignore[no-untyped-def]
    batch, channels = x.shape[0], x.shape[1]
    counts, taps = [], 1
    for i, (k, s, p) in enumerate(axes):
        axis = 2 + 2 * i
        places, inside = _windows_along(x, axis, k, s, p, cover_all)
        x = np.where(inside, np.take(x, places, axis=axis), -np.inf)
        counts.append(places.shape[0])
        taps = taps * k
    rank = len(axes)
    outer = [2 + 2 * i for i in range(rank)]
    x = x.transpose([0, 1, *outer, *[a + 1 for a in outer]])
    columns = x.reshape((batch, channels, *counts, taps))
    return columns.max(axis=-1), columns.argmax(axis=-1)


def _mean_along(x, axis, k, s, p, include):  # type: ignore[no-untyped-def]
    places, inside = _windows_along(x, axis, k, s, p, False)
    total = np.where(inside, np.take(x, places, axis=axis), 0).sum(axis=axis + 1)
    if include:
        return total / k
    return total / inside.sum(axis=1).astype(x.dtype)


def _windows_along(x, axis, k, s, p, cover_all):  # type: ignore[no-untyped-def]
    """The places of each window, and whether they are in the image, with an axis for each after that."""
    size = x.shape[axis]
    count = conv.get_conv_outsize(size, k, s, p, cover_all)
    if count <= 0:
        raise AssertionError("Output size should be positive.")
    places = np.arange(count)[:, None] * s + np.arange(k) - p
    inside = (places >= 0) & (places < size)
    ones = (1,) * (x.ndim - 1 - axis)
    return np.clip(places, 0, size - 1), inside.reshape(inside.shape + ones)
