"""Reductions and cumulative operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast
import numpy as np
from chainer.functions.math import (
    average,
    batch_l2_norm_squared,
    cumprod,
    cumsum,
    logsumexp,
    minmax,
    prod,
)
from chainer.functions.math import (
    sum as sum_,
)

from astfront.rules.nodes import (
    invalid_type,
    mean,
    real_axes,
    require_floats,
    require_items,
    reshape,
    total,
)
from astfront.rules.registry import node_rule
from astfront.rules.sizes import require_divisor
from astfront.values import Static, Tensor, Value


@node_rule(sum_.Sum)
def sum_of(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    return total(cx, x, real_axes(cx, node.axis, x.ndim), node.keepdims)


@node_rule(average.Mean)
def mean_of(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    axes = real_axes(cx, node.axis, x.ndim)
    require_items(cx, x, axes, "float division by zero", ZeroDivisionError)
    return mean(cx, x, axes, node.keepdims)


def _extreme(op: str) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        require_floats(cx, x)
        axes = real_axes(cx, node.axis, x.ndim)
        name = f"{op}imum"
        message = f"zero-size array to reduction operation {name} which has no identity"
        require_items(cx, x, axes, message)
        if not axes:
            return x
        result: Tensor = cx.call_op(op, x, axis=list(axes), keepdims=node.keepdims)
        return result

    return rule


node_rule(minmax.Max)(_extreme("max"))
node_rule(minmax.Min)(_extreme("min"))


def _index_of_extreme(op: str) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        require_floats(cx, x)
        axes = real_axes(cx, node.axis, x.ndim)
        require_items(cx, x, axes, f"attempt to get {op} of an empty sequence")
        result: Tensor
        if not x.ndim:
            result = cx.call_op("zeros", shape=(), dtype="int32")
        else:
            result = cx.call_op(op, x, axis=list(axes))
        return cx.cast(result, np.int32)  # type: ignore[no-any-return]

    return rule


node_rule(minmax.ArgMax)(_index_of_extreme("argmax"))
node_rule(minmax.ArgMin)(_index_of_extreme("argmin"))


@node_rule(logsumexp.LogSumExp)
def log_sum_exp(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    axes = real_axes(cx, node.axis, x.ndim)
    require_items(
        cx, x, axes, "zero-size array to reduction operation maximum which has no identity"
    )
    if not axes:
        return x
    top = cx.call_op("max", x, axis=list(axes), keepdims=True)
    added = total(cx, cx.call_op("exp", cx.call_op("subtract", x, top)), axes)
    level = cx.call_op("squeeze", top, axis=list(axes))
    result: Tensor = cx.call_op("add", cx.call_op("log", added), level)
    return result


@node_rule(prod.Prod)
def product(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    axes = list(real_axes(cx, node.axis, x.ndim))
    if not axes:
        return x
    result: Tensor = cx.call_op("prod", x, axis=axes, keepdims=node.keepdims)
    return result


def _cumulative(op: str) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        require_floats(cx, x)
        axis = node.axis
        if axis is None:
            size = int(np.prod(x.shape)) if x.is_static_shape else None  # type: ignore[arg-type]
            x, axis = reshape(cx, x, (size,)), 0
        (axis,) = real_axes(cx, axis, x.ndim)
        result: Tensor = cx.call_op(op, x, axis=axis)
        return result

    return rule


node_rule(cumsum.Cumsum)(_cumulative("cumsum"))
node_rule(cumprod.Cumprod)(_cumulative("cumprod"))


@node_rule(batch_l2_norm_squared.BatchL2NormSquared)
def batch_l2_norm(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    if x.ndim < 2:
        invalid_type(cx, "x.ndim >= 2", f"{x.ndim} < 2")
    require_divisor(cx, x, (0,))
    return total(cx, cx.call_op("multiply", x, x), range(1, x.ndim))


def _summed_to_one(cx: Any, x: Tensor, axis: int, wanted: Value) -> Tensor:
    return cx.stage_if(wanted, lambda: total(cx, x, [axis], keepdims=True), lambda: x)  # type: ignore[no-any-return]


@node_rule(sum_.SumTo)
def sum_to(cx: Any, node: Any, x: Tensor) -> Tensor:
    """A rule because the source asks whether the shapes, staged perhaps, are the same."""
    wanted = cx.items_of(node.value("_shape"))
    shape = tuple(v.obj if isinstance(v, Static) else None for v in wanted)
    lead = x.ndim - len(shape)
    if lead < 0:
        cx.fail("AF0306", f"sum_to from {x.shape} to {shape}, which has more axes")
    axes = [i for i in range(x.ndim) if i < lead or shape[i - lead] == 1]
    summed = np.ones(1, x.dtype).sum().dtype
    if summed != x.dtype and (lead or x.shape != shape):
        if not lead and all(n == m or None in (n, m) for n, m in zip(x.shape, shape)):
            cx.fail("AF0306", f"sum_to of {x.dtype} whose shape may be {shape} already")
        x = cx.cast(x, summed)
    y = total(cx, x, [i for i in axes if x.shape[i] != 1], keepdims=True)
    for i, size in enumerate(wanted, lead):
        if not isinstance(size, Static):
            y = _summed_to_one(cx, y, i, cx.compare(gast.Eq(), size, Static(1)))
    return cx.call_op("squeeze", y, axis=list(range(lead))) if lead else y  # type: ignore[no-any-return]
