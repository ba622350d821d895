"""chainer/functions/activation."""

from __future__ import annotations

from typing import Any

import chainer
from chainer.functions.activation import (
    clipped_relu,
    crelu,
    elu,
    hard_sigmoid,
    leaky_relu,
    log_softmax,
    prelu,
    relu,
    rrelu,
    sigmoid,
    softmax,
    softplus,
    swish,
    tanh,
)

from astfront.rules import nodes
from astfront.rules.nodes import (
    constant,
    in_float32,
    number,
    real_axes,
    require_equal_dims,
    require_floats,
    require_items,
    require_same_shape,
)
from astfront.rules.numpy.random import uniform_between
from astfront.rules.numpy.support import convert, sizes_of
from astfront.rules.registry import node_rule
from astfront.values import Static, Tensor

_NO_MAXIMUM = "zero-size array to reduction operation maximum which has no identity"


@node_rule(relu.ReLU)
def relu_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    result: Tensor = cx.call_op("nn.relu", x)
    return result


@node_rule(sigmoid.Sigmoid)
def sigmoid_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    result: Tensor = cx.call_op("sigmoid", x)
    return result


@node_rule(tanh.Tanh)
def tanh_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    result: Tensor = cx.call_op("tanh", x)
    return result


@node_rule(softmax.Softmax)
def softmax_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    (axis,) = real_axes(cx, node.axis, x.ndim)
    require_items(cx, x, [axis], _NO_MAXIMUM)
    result: Tensor = cx.call_op("nn.softmax", x, axis=axis)
    return result


@node_rule(log_softmax.LogSoftmax)
def log_softmax_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    (axis,) = real_axes(cx, node.axis, x.ndim)
    require_items(cx, x, [axis], _NO_MAXIMUM)
    return nodes.log_softmax(cx, x, axis)


@node_rule(leaky_relu.LeakyReLU)
def leaky_relu_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    slope = node.value("slope")
    result: Tensor
    if isinstance(slope, Static) and slope.obj:  # TVM makes 0 of NaN * 0
        result = cx.call_op("nn.leaky_relu", x, alpha=float(slope.obj))
        return result
    less = cx.call_op("less_equal", x, constant(cx, 0, x))
    result = cx.call_op("where", less, cx.call_op("multiply", x, number(cx, slope, x)), x)
    return result


@node_rule(elu.ELU)
def elu_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    alpha = number(cx, node.value("alpha"), x)
    zero = constant(cx, 0, x)
    low = in_float32(cx, lambda v: nodes.expm1(cx, v), cx.call_op("minimum", x, zero))
    curved = cx.call_op("multiply", alpha, low)
    result: Tensor = cx.call_op("where", cx.call_op("less", x, zero), curved, x)
    return result


@node_rule(crelu.CReLU)
def crelu_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    (axis,) = real_axes(cx, node.axis, x.ndim)
    plus = cx.call_op("nn.relu", x)
    minus = cx.call_op("nn.relu", cx.call_op("negative", x))
    result: Tensor = cx.call_op("concatenate", [plus, minus], axis=axis)
    return result


@node_rule(clipped_relu.ClippedReLU)
def clipped_relu_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    result: Tensor = cx.call_op("clip", x, a_min=0.0, a_max=float(node.cap))
    return result


@node_rule(hard_sigmoid.HardSigmoid)
def hard_sigmoid_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    scaled = cx.call_op("multiply", x, constant(cx, 0.2, x))
    line = cx.call_op("add", scaled, constant(cx, 0.5, x))
    result: Tensor = cx.call_op("clip", line, a_min=0.0, a_max=1.0)
    return result


@node_rule(softplus.Softplus)
def softplus_(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    beta, inverse = node.value("beta"), node.value("beta_inv")
    plain = isinstance(beta, Static) and beta.obj == 1

    def scaled(v: Tensor) -> Tensor:
        if plain:
            return nodes.softplus(cx, v)
        y = nodes.softplus(cx, cx.call_op("multiply", number(cx, beta, v), v))
        result: Tensor = cx.call_op("multiply", y, number(cx, inverse, v))
        return result

    return in_float32(cx, scaled, x)


def _by_channel(cx: Any, x: Tensor, weight: Tensor) -> Tensor:
    """``weight`` in a shape that broadcasts with ``x`` from axis 1 on."""
    require_floats(cx, x, weight)
    if x.ndim < weight.ndim + 1:
        nodes.invalid_type(cx, "x.ndim >= W.ndim + 1", f"{x.ndim} < {weight.ndim + 1}")
    for axis in range(weight.ndim):
        require_equal_dims(cx, x, axis + 1, weight, axis)
    rest = x.ndim - weight.ndim - 1
    weight = cx.call_op("expand_dims", weight, axis=0)
    if rest:
        weight = cx.call_op("expand_dims", weight, axis=weight.ndim, num_newaxis=rest)
    return weight


@node_rule(prelu.PReLUFunction)
def prelu_(cx: Any, node: Any, x: Tensor, weight: Tensor) -> Tensor:
    slope = _by_channel(cx, x, weight)
    positive = cx.call_op("greater_equal", x, constant(cx, 0, x))
    result: Tensor = cx.call_op("where", positive, x, cx.call_op("multiply", x, slope))
    return result


@node_rule(swish.Swish)
def swish_(cx: Any, node: Any, x: Tensor, beta: Tensor) -> Tensor:
    gate = cx.call_op("sigmoid", cx.call_op("multiply", _by_channel(cx, x, beta), x))
    result: Tensor = cx.call_op("multiply", x, gate)
    return result


@node_rule(rrelu.RReLU)
def rrelu_(cx: Any, node: Any, x: Tensor) -> Tensor:
    """With the mean slope when testing; training draws the slopes, unless they are given as ``r``."""
    require_floats(cx, x)
    given = node.value("r")
    slopes: Tensor
    if not training(cx):
        mean = constant(cx, (node.lower + node.upper) / 2, x)
        slopes = cx.call_op("full_like", x, mean)
        node.set("r", slopes)
    elif isinstance(given, Static) and given.obj is None:
        slopes = uniform_between(
            cx, Static(node.lower), Static(node.upper), cx.tuple(sizes_of(cx, x))
        )
        slopes = convert(cx, slopes, x.dtype)
        node.set("r", slopes)
    else:
        slopes = cx.as_tensor(given)
        require_floats(cx, x, slopes)
        require_same_shape(cx, x, slopes)
    positive = cx.call_op("greater_equal", x, constant(cx, 0, x))
    result: Tensor = cx.call_op("where", positive, x, cx.call_op("multiply", x, slopes))
    return result


def training(cx: Any) -> bool:
    config = cx.heap.new_object(type(chainer.config), chainer.config)
    return bool(cx.static(cx.get_attribute(config, "train"), "chainer.config.train"))
