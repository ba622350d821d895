"""Parts of an array at each place: ``correlate``, ``convolve``, ``sliding_window_view``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.core import multiarray
from numpy.core.numeric import normalize_axis_tuple  # type: ignore[attr-defined]
from numpy.lib.stride_tricks import sliding_window_view

from astfront.rules.numpy.composed import composed
from astfront.rules.numpy.support import as_array, numpy_rule
from astfront.values import FALSE, NONE, Static, Tensor, Value

#: The numbers that numpy has for the modes of a correlation.
_MODES = {0: "valid", 1: "same", 2: "full"}


def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """``a`` isn't the shorter one."""
    how = _MODES.get(mode, mode)
    n, width = a.shape[0], v.shape[0]
    if width == 0:
        raise ValueError("second array argument cannot be empty")
    if how == "full":
        before, after = width - 1, width - 1
    elif how == "same":
        before, after = width // 2, width - 1 - width // 2
    else:
        before, after = 0, 0
    dtype = np.result_type(a.dtype, v.dtype)
    padded = np.concatenate([np.zeros(before, dtype), a.astype(dtype), np.zeros(after, dtype)])
    places = np.arange(n + before + after - width + 1)[:, None] + np.arange(width)
    return padded[places] @ v.astype(dtype)


def _correlate_any(a: Any, v: Any, mode: Any = "valid") -> Any:
    """With the shorter one first it's turned around."""
    a, v = np.asarray(a), np.asarray(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError("object too deep for desired array")
    if a.shape[0] == 0:
        raise ValueError("first array argument cannot be empty")
    if v.shape[0] > a.shape[0]:
        return _correlate(v, a, mode)[::-1]
    return _correlate(a, v, mode)


def _convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    a, v = np.array(a, copy=False, ndmin=1), np.array(v, copy=False, ndmin=1)
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError("object too deep for desired array")
    if a.shape[0] == 0:
        raise ValueError("a cannot be empty")
    if v.shape[0] == 0:
        raise ValueError("v cannot be empty")
    if v.shape[0] > a.shape[0]:
        return _correlate(v, a[::-1], mode)
    return _correlate(a, v[::-1], mode)


composed(np.correlate, _correlate_any)
composed(multiarray.correlate2, _correlate_any)  # type: ignore[attr-defined]
composed(np.convolve, _convolve)


def _windows(x: Any, window_shape: Any, axis: Any) -> Any:
    shape = tuple(window_shape) if isinstance(window_shape, tuple | list) else (window_shape,)
    axes = (
        range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    )
    if len(shape) != len(axes):
        raise ValueError("Must provide matching length window_shape and axis")
    for width, along in zip(shape, axes):
        if width < 0:
            raise ValueError("`window_shape` cannot contain negative values")
        if x.shape[along] < width:
            raise ValueError("window shape cannot be larger than input array shape")
        places = np.arange(x.shape[along] - width + 1)[:, None] + np.arange(width)
        x = np.moveaxis(np.take(x, places, axis=along), along + 1, -1)
    return x


@numpy_rule(sliding_window_view)
def windows(
    cx: Any,
    x: Value,
    window_shape: Value,
    axis: Value = NONE,
    *,
    subok: Value = FALSE,
    writeable: Value = FALSE,
) -> Tensor:
    """A view: what is written to the array later shows in it, which only numpy can do."""
    if cx.static(writeable, "`writeable`"):
        cx.fail("AF0306", "windows that can be written to aren't supported")
    array = as_array(cx, x)
    made = cx.as_tensor(cx.call(Static(_windows), [array, window_shape, axis], {}))
    return array.viewed_as(made, writeable=False)
