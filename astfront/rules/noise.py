"""chainer/functions/noise: the same as under Chainer when testing; random numbers are refused."""

from __future__ import annotations

from typing import Any

from chainer.functions.noise import dropout, gaussian, simplified_dropconnect, zoneout

from astfront.rules.activation import refuse_random
from astfront.rules.math.matmul import product
from astfront.rules.nodes import (
    constant,
    require_floats,
    require_same_shape,
    reshape,
)
from astfront.rules.registry import node_rule
from astfront.values import Static, Tensor, Value


def _is_none(value: Value) -> bool:
    return isinstance(value, Static) and value.obj is None


@node_rule(dropout.Dropout)
def dropout_(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Made only when training (F.dropout); with a given mask it isn't random."""
    require_floats(cx, x)
    mask = node.value("mask")
    if _is_none(mask):
        refuse_random(cx, "F.dropout")
    mask = cx.as_tensor(mask)
    require_floats(cx, x, mask)
    result: Tensor = cx.call_op("multiply", x, mask)
    return result


@node_rule(gaussian.Gaussian)
def gaussian_(cx: Any, node: Any, mean: Tensor, ln_var: Tensor) -> Tensor:
    require_floats(cx, mean, ln_var)
    require_same_shape(cx, mean, ln_var)
    eps = node.value("eps")
    if _is_none(eps):
        cx.fail(
            "AF0305",
            "F.gaussian draws random numbers",
            help="draw them outside, pass them as an argument, and write F.gaussian(..., eps=eps)",
        )
    eps = cx.as_tensor(eps)
    require_floats(cx, mean, eps)
    half = cx.call_op("multiply", ln_var, constant(cx, 0.5, ln_var))
    noise = cx.call_op("multiply", cx.call_op("exp", half), eps)
    result: Tensor = cx.call_op("add", mean, noise)
    return result


@node_rule(zoneout.Zoneout)
def zoneout_(cx: Any, node: Any, h: Tensor, x: Tensor) -> Tensor:
    """Made only when training (F.zoneout)."""
    refuse_random(cx, "F.zoneout")
    return x


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
    if _is_none(mask):
        if node.ratio != 0:
            refuse_random(cx, "F.simplified_dropconnect")
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
