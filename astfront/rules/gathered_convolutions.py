"""Convolutions for which TVM has no operator: each window is gathered, and multiplied by the kernel.

Kernels of staged shapes, results of staged sizes, more than three dimensions.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from chainer.utils import conv
from chainer.utils.type_check import InvalidType

from astfront.rules.sizes import equal, guarded, same_dim
from astfront.values import NONE, Static, Tensor, Value


def convolved(
    cx: Any,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    axes: Sequence[tuple[int, int, int]],
    groups: Value,
    cover_all: bool,
) -> Tensor:
    """``axes``: of each axis after the second the stride, the padding and the dilation."""
    channels = cx.binary_op(operator.mul, cx.dim_of(w, 1), groups)
    fits = [equal(cx, cx.dim_of(x, 1), channels)]
    if b is not None:
        fits.append(same_dim(cx, b, 0, w, 0))
    error = InvalidType("x.shape[1] == W.shape[1] * groups", "they differ")
    more = Static(tuple(axes)), groups, Static(cover_all)
    return guarded(cx, fits, error, lambda: _in_its_dtype(cx, _convolved, x, w, b, *more))


def deconvolved(
    cx: Any,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    axes: Sequence[tuple[int, int, int]],
    groups: Value,
    outs: Sequence[Value],
    exception: Exception,
) -> Tensor:
    """``outs``: the sizes that the result is to have, or None; ``exception`` where there's nothing."""
    more = Static(tuple(axes)), groups, cx.tuple([*outs]), Static(exception)
    fits = [same_dim(cx, x, 1, w, 0)]
    error = InvalidType("x.shape[1] == W.shape[0]", "they differ")
    return guarded(cx, fits, error, lambda: _in_its_dtype(cx, _deconvolved, x, w, b, *more))


def _in_its_dtype(cx: Any, f: Any, x: Tensor, w: Tensor, b: Tensor | None, *more: Value) -> Tensor:
    dtype = np.promote_types(x.dtype, w.dtype)
    if dtype == np.float16:
        dtype = np.dtype("float32")
    a, c = (cx.cast(v.as_kind("array"), dtype) for v in (x, w))
    bias = NONE if b is None else cx.cast(b.as_kind("array"), dtype)
    return cx.cast(cx.call_function_object(f, a, c, bias, *more), x.dtype)  # type: ignore[no-any-return]


# What follows is compiled.


def _convolved(x, w, b, axes, groups, cover_all):  # type: ignore[no-untyped-def]
    if w.shape[0] % groups != 0:
        raise TypeError("The number of groups must be a divisor of that of output channels")
    counts = []
    for i, (s, p, d) in enumerate(axes):
        size, k = x.shape[2 + 2 * i], w.shape[2 + i]
        count = conv.get_conv_outsize(size, k, s, p, cover_all, d)
        if count <= 0:
            raise AssertionError("Output size should be positive.")
        places = np.arange(count)[:, None] * s + np.arange(k) * d - p
        x = _picked(x, places, (places >= 0) & (places < size), 2 + 2 * i)
        counts.append(max(count, 0))
    outputs = w.shape[0] // groups
    kernel = w.reshape((groups, outputs, _product(w.shape[1:])))
    return _products(x, kernel, b, counts, groups, outputs)


def _deconvolved(x, w, b, axes, groups, outs, exception):  # type: ignore[no-untyped-def]
    if w.shape[0] % groups != 0:
        raise TypeError("The number of groups must be a divisor of that of input channels")
    counts = []
    for i, (s, p, d) in enumerate(axes):
        size, k, count = x.shape[2 + 2 * i], w.shape[2 + i], outs[i]
        if count is None:
            count = conv.get_deconv_outsize(size, k, s, p, d=d)
            if count <= 0:
                raise exception
        else:
            least = conv.get_conv_outsize(count, k, s, p, False, d)
            most = conv.get_conv_outsize(count, k, s, p, True, d)
            if least > size or size > most:
                raise InvalidType(
                    "the input has as many places as outsize has windows", "it hasn't"
                )
        spread = np.arange(count)[:, None] + p - np.arange(k) * d
        places = spread // s
        inside = (spread - places * s == 0) & (places >= 0) & (places < size)
        x = _picked(x, places, inside, 2 + 2 * i)
        counts.append(max(count, 0))
    each, outputs = w.shape[0] // groups, w.shape[1]
    taps = _product(w.shape[2:])
    kernel = w.reshape((groups, each, outputs, taps)).transpose((0, 2, 1, 3))
    kernel = kernel.reshape((groups, outputs, each * taps))
    return _products(x, kernel, b, counts, groups, outputs)


def _picked(x, places, inside, axis):  # type: ignore[no-untyped-def]
    """The items at these places, 0 for those outside: two axes in place of one."""
    there = inside.reshape(inside.shape + (1,) * (x.ndim - 1 - axis))
    found = np.take(x, np.clip(places, 0, x.shape[axis] - 1), axis=axis)
    return np.where(there, found, 0).astype(x.dtype)


def _products(x, kernel, b, counts, groups, outputs):  # type: ignore[no-untyped-def]
    """(batch, channels, places, taps, places, taps, …) times (groups, outputs, channels and taps)."""
    batch, rank = x.shape[0], x.ndim // 2 - 1
    spatial = [2 + 2 * i for i in range(rank)]
    rows = x.transpose([0, *spatial, 1, *[a + 1 for a in spatial]])
    rows = rows.reshape((batch * _product(counts), groups, kernel.shape[2])).transpose((1, 0, 2))
    y = np.matmul(rows, kernel.transpose((0, 2, 1))).transpose((1, 0, 2))
    if b is not None:
        y = y + b.reshape((groups, outputs))
    y = y.reshape((batch, *counts, groups * outputs))
    return y.transpose([0, rank + 1, *range(1, rank + 1)])


def _product(sizes):  # type: ignore[no-untyped-def]
    result = 1
    for size in sizes:
        result = result * size
    return result
