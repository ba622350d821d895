"""chainer/functions/noise: noise by the program's own random numbers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from chainer.functions.noise import dropout, gaussian, simplified_dropconnect, zoneout

from astfront.rules.math.matmul import product
from astfront.rules.nodes import (
    constant,
    require_floats,
    require_same_shape,
    reshape,
)
from astfront.rules.numpy.random import normal, uniform
from astfront.rules.numpy.support import convert, sizes_of
from astfront.rules.registry import node_rule
from astfront.values import Static, Tensor, Value, is_none


def _kept(cx: Any, sizes: Sequence[Value], ratio: float) -> Tensor:
    """Bools, true with probability 1 - ratio."""
    threshold = cx.as_tensor(Static(np.float64(ratio)))
    made: Tensor = cx.call_op("greater_equal", uniform(cx, sizes), threshold)
    return made


@node_rule(dropout.Dropout)
def dropout_(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Made only when training (F.dropout)."""
    require_floats(cx, x)
    given = node.value("mask")
    if is_none(given):
        ratio = node.dropout_ratio
        scale = constant(cx, 1.0 / (1 - ratio), x)
        flags = _kept(cx, sizes_of(cx, x), ratio)
        mask: Tensor = cx.call_op("where", flags, scale, constant(cx, 0, x))
        node.set("mask", mask)
    else:
        mask = cx.as_tensor(given)
    require_floats(cx, x, mask)
    result: Tensor = cx.call_op("multiply", x, mask)
    return result


@node_rule(gaussian.Gaussian)
def gaussian_(cx: Any, node: Any, mean: Tensor, ln_var: Tensor) -> Tensor:
    require_floats(cx, mean, ln_var)
    require_same_shape(cx, mean, ln_var)
    given = node.value("eps")
    if is_none(given):
        eps = convert(cx, normal(cx, sizes_of(cx, mean)), mean.dtype)
        node.set("eps", eps)
    else:
        eps = cx.as_tensor(given)
    half = cx.call_op("multiply", ln_var, constant(cx, 0.5, ln_var))
    noise = cx.binary_op(operator.mul, cx.call_op("exp", half), eps)
    result: Tensor = cx.binary_op(operator.add, mean, noise)
    return result


@node_rule(zoneout.Zoneout)
def zoneout_(cx: Any, node: Any, h: Tensor, x: Tensor) -> Tensor:
    """Made only when training (F.zoneout)."""
    require_floats(cx, h, x, same=False)
    require_same_shape(cx, h, x)
    dtype = np.result_type(h.dtype, x.dtype)
    h, x = cx.cast(h, dtype), cx.cast(x, dtype)
    new = _kept(cx, sizes_of(cx, x), node.zoneout_ratio)
    node.set("flag_x", new)
    node.set("flag_h", cx.call_op("logical_not", new))
    parts = ((h, node.value("flag_h")), (x, new))
    kept, changed = (cx.call_op("multiply", v, cx.cast(flag, v.dtype)) for v, flag in parts)
    result: Tensor = cx.call_op("add", kept, changed)
    return result


@node_rule(simplified_dropconnect.SimplifiedDropconnect)
def dropconnect(
    cx: Any, node: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """A linear layer under a mask; with ratio 0 (``train=False``) the mask lets all through."""
    require_floats(cx, x, weight, same=False)
    mask = node.value("mask")
    if x.ndim > 2:
        size = None
        if None not in x.shape[1:]:
            size = 1
            for d in x.shape[1:]:
                size *= d  # type: ignore[operator]
        x = reshape(cx, x, (x.shape[0], size))
    if is_none(mask) and node.ratio != 0:
        sizes = sizes_of(cx, weight)
        if node.use_batchwise_mask:
            sizes = [cx.dim_of(x, 0), *sizes]
        mask = _kept(cx, sizes, node.ratio)
        node.set("mask", mask)
    if is_none(mask):
        y = product(cx, x, weight, transb=True)
    else:
        scale = constant(cx, 1.0 / (1 - node.ratio), weight)
        scaled = cx.call_op("multiply", weight, scale)
        mask = cx.cast(cx.as_tensor(mask), weight.dtype)
        masked = cx.call_op("multiply", scaled, mask)
        if masked.ndim == 2:
            y = product(cx, x, masked, transb=True)
        else:
            column = cx.call_op("expand_dims", x, axis=2)
            y = cx.call_op("squeeze", product(cx, masked, column), axis=[2])
    y = cx.cast(y, x.dtype)
    result: Tensor = y if bias is None else cx.call_op("add", y, bias)
    return result
