"""chainer/functions/loss: the nodes. Losses that are Python over other functions need nothing here."""

from __future__ import annotations

from typing import Any

import chainer
import gast
import numpy as np
from chainer.functions.loss import (
    contrastive,
    cross_covariance,
    decov,
    hinge,
    huber_loss,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    triplet,
)

from astfront.rules import nodes
from astfront.rules.math.matmul import product
from astfront.rules.nodes import (
    averaged,
    constant,
    count,
    in_float32,
    invalid_type,
    mean,
    number,
    require_equal_dims,
    require_floats,
    require_integers,
    require_rows,
    require_same_dtype,
    require_same_shape,
    reshape,
    total,
)
from astfront.rules.registry import node_rule
from astfront.values import Scalar, Static, Tensor, Value, is_none


def _everything(x: Tensor) -> range:
    return range(x.ndim)


def _at_least_one(cx: Any, n: Tensor) -> Tensor:
    result: Tensor = cx.call_op("maximum", n, constant(cx, 1, n))
    return result


# --- softmax cross entropy -------------------------------------------------------------------


@node_rule(softmax_cross_entropy.SoftmaxCrossEntropy)
def softmax_cross_entropy_(cx: Any, node: Any, x: Tensor, t: Tensor) -> Tensor:
    require_floats(cx, x)
    if x.ndim < 2:
        invalid_type(cx, "x.ndim >= 2", f"{x.ndim} < 2")
    if t.dtype.kind == "f":
        require_same_shape(cx, x, t)
        return _soft_target_loss(cx, node, x, t)
    _require_labels(cx, x, t)
    _check_labels(cx, node, x, t)
    log_y = nodes.log_softmax(cx, x, 1)
    weight = node.value("class_weight")
    if not is_none(weight):
        by_class = reshape(
            cx, cx.cast(cx.as_tensor(weight), x.dtype), (1, -1, *(1,) * (x.ndim - 2))
        )
        require_equal_dims(cx, x, 1, by_class, 1)
        log_y = cx.call_op("multiply", log_y, by_class)
    ignore = number(cx, node.value("ignore_label"), t)
    valid = cx.call_op("not_equal", t, ignore)
    labels = cx.call_op("where", valid, t, constant(cx, 0, t))
    chosen = nodes.select_label(cx, log_y, labels)
    log_p = cx.call_op("multiply", chosen, cx.cast(valid, x.dtype))
    result: Tensor
    if node.reduce != "mean":
        result = cx.call_op("negative", log_p)
        return result

    def reduced(p: Tensor) -> Tensor:
        if node.normalize:
            size = total(cx, cx.cast(valid, p.dtype), _everything(t))
        else:
            size = count(cx, x, [0], p.dtype)
        loss = cx.call_op("negative", total(cx, p, _everything(p)))
        averaged: Tensor = cx.call_op("divide", loss, _at_least_one(cx, size))
        return averaged

    return in_float32(cx, reduced, log_p)


def _require_labels(cx: Any, x: Tensor, t: Tensor) -> None:
    require_integers(cx, t)
    if t.ndim != x.ndim - 1:
        invalid_type(cx, "t.ndim == x.ndim - 1", f"{t.ndim} != {x.ndim - 1}")
    require_equal_dims(cx, x, 0, t, 0)
    for axis in range(1, t.ndim):
        require_equal_dims(cx, x, axis + 1, t, axis)


def _check_labels(cx: Any, node: Any, x: Tensor, t: Tensor) -> None:
    """Chainer's check of the labels in debug mode, its message and all."""
    if not chainer.is_debug():
        return
    ignore = cx.static(node.value("ignore_label"))
    inside = cx.call_op(
        "logical_and",
        cx.call_op("greater_equal", t, constant(cx, 0, t)),
        cx.call_op("less", t, count(cx, x, [1], t.dtype)),
    )
    ignored = cx.call_op("equal", t, constant(cx, ignore, t))
    good = cx.call_op("all", cx.call_op("logical_or", inside, ignored))
    message = f"Each label `t` need to satisfy `0 <= t < x.shape[1] or t == {ignore}`"
    cx.check(Scalar(good.expr, bool), ValueError(message))


def _soft_target_loss(cx: Any, node: Any, x: Tensor, t: Tensor) -> Tensor:
    log_y = nodes.log_softmax(cx, x, 1)
    dtype = np.result_type(x.dtype, t.dtype)
    log_y, t = cx.cast(log_y, dtype), cx.cast(t, dtype)
    if node.soft_target_loss == "kl-divergence":
        log_t = cx.call_op("log", cx.call_op("add", t, constant(cx, node.eps, t)))
        terms = cx.call_op("multiply", t, cx.call_op("subtract", log_t, log_y))
    else:
        terms = cx.call_op("negative", cx.call_op("multiply", t, log_y))
    loss = total(cx, terms, [1])
    if node.reduce != "mean":
        return loss
    # Chainer divides by the number of rows, a Python number.
    some = cx.compare(gast.NotEq(), cx.get_attribute(x, "size"), Static(0))
    cx.check(some, ZeroDivisionError("float division by zero"))
    return mean(cx, loss, _everything(loss))


# --- others ----------------------------------------------------------------------------------


@node_rule(sigmoid_cross_entropy.SigmoidCrossEntropy)
def sigmoid_cross_entropy_(cx: Any, node: Any, x: Tensor, t: Tensor) -> Tensor:
    """softplus(-|x|) - x * (t - (x >= 0)), times 0 where the label is ignored."""
    require_floats(cx, x)
    require_integers(cx, t)
    require_same_shape(cx, x, t)
    dtype = x.dtype

    def losses(v: Tensor) -> Tensor:
        zero = constant(cx, 0, v)
        above = cx.cast(cx.call_op("greater_equal", v, zero), v.dtype)
        off = cx.call_op("subtract", cx.cast(t, v.dtype), above)
        small = cx.call_op("exp", cx.call_op("negative", nodes.absolute(cx, v)))
        loss = cx.call_op("subtract", nodes.log1p(cx, small), cx.call_op("multiply", v, off))
        valid = cx.call_op("not_equal", t, number(cx, node.value("ignore_label"), t))
        weight = cx.cast(valid, v.dtype)
        result: Tensor = cx.call_op("multiply", weight, loss)
        if node.reduce != "mean":
            return result
        if node.normalize:
            size = total(cx, weight, _everything(t))
        elif x.ndim:
            size = count(cx, x, [0], v.dtype)
        else:
            cx.raise_python(TypeError("len() of unsized object"))
        divided: Tensor = cx.call_op(
            "divide", total(cx, result, _everything(x)), _at_least_one(cx, size)
        )
        return divided

    return cx.cast(in_float32(cx, losses, x), dtype)  # type: ignore[no-any-return]


@node_rule(mean_squared_error.MeanSquaredError)
def mean_squared_error_(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
    require_floats(cx, x, y)
    require_same_shape(cx, x, y)
    difference = cx.call_op("subtract", x, y)

    def averaged(d: Tensor) -> Tensor:
        return _mean_of_all(cx, cx.call_op("multiply", d, d))

    return in_float32(cx, averaged, difference)


@node_rule(mean_absolute_error.MeanAbsoluteError)
def mean_absolute_error_(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
    require_floats(cx, x, y)
    require_same_shape(cx, x, y)
    difference = cx.call_op("subtract", x, y)
    return in_float32(cx, lambda d: _mean_of_all(cx, nodes.absolute(cx, d)), difference)


def _mean_of_all(cx: Any, x: Tensor) -> Tensor:
    return mean(cx, x, _everything(x))


@node_rule(huber_loss.HuberLoss)
def huber_loss_(cx: Any, node: Any, x: Tensor, t: Tensor) -> Tensor:
    """Half of the square, and a line from ``delta`` on."""
    require_floats(cx, x, t)
    require_same_shape(cx, x, t)
    delta = number(cx, node.value("delta"), x)
    two, half = constant(cx, 2, x), constant(cx, 0.5, x)
    a = nodes.absolute(cx, cx.call_op("subtract", x, t))
    square = cx.call_op("multiply", a, a)
    limit = cx.call_op("multiply", delta, delta)
    line = cx.call_op("multiply", a, cx.call_op("multiply", two, delta))
    line = cx.call_op("maximum", cx.call_op("subtract", line, limit), limit)
    loss: Tensor = cx.call_op("multiply", cx.call_op("minimum", square, line), half)
    if node.reduce == "no":
        return loss
    if loss.ndim < 2:
        cx.raise_python(np.AxisError(1, loss.ndim))
    return total(cx, loss, [1])


@node_rule(hinge.Hinge)
def hinge_(cx: Any, node: Any, x: Tensor, t: Tensor) -> Tensor:
    require_floats(cx, x)
    if x.ndim != 2:
        invalid_type(cx, "x.ndim == 2", f"{x.ndim} != 2")
    _require_labels(cx, x, t)
    size = cx.dim_of(x, 1)
    classes = cx.call(Static(np.arange), [size], {"dtype": Static(t.dtype)})
    column = cx.call_op("expand_dims", t, axis=1)
    _check_range(cx, t, size)
    at_label = cx.call_op("equal", classes, _from_end(cx, column, size))
    signed = cx.call_op("where", at_label, cx.call_op("negative", x), x)
    one = constant(cx, 1, x)
    loss: Tensor = cx.call_op("nn.relu", cx.call_op("add", one, signed))
    if node.norm == "L2":
        loss = cx.call_op("multiply", loss, loss)
    if node.reduce != "mean":
        return loss

    def averaged(v: Tensor) -> Tensor:
        size = count(cx, v, [0], v.dtype)
        result: Tensor = cx.call_op("divide", total(cx, v, _everything(v)), size)
        return result

    return in_float32(cx, averaged, loss)


def _from_end(cx: Any, t: Tensor, size: Value) -> Tensor:
    """Labels with those below 0 counted from the end."""
    negative = cx.call_op("less", t, constant(cx, 0, t))
    above = cx.call_op("add", t, cx.as_tensor(size, t.dtype))
    result: Tensor = cx.call_op("where", negative, above, t)
    return result


def _check_range(cx: Any, t: Tensor, size: Value) -> None:
    if not cx.checks:
        return
    number = cx.as_tensor(size, t.dtype)
    low = cx.call_op("greater_equal", t, cx.call_op("negative", number))
    high = cx.call_op("less", t, number)
    every = cx.call_op("all", cx.call_op("logical_and", low, high))
    cx.check(Scalar(every.expr, bool), IndexError("a label is out of bounds"))


@node_rule(contrastive.Contrastive)
def contrastive_(cx: Any, node: Any, x0: Tensor, x1: Tensor, y: Tensor) -> Tensor:
    require_floats(cx, x0, x1)
    require_integers(cx, y)
    require_same_shape(cx, x0, x1)
    if x0.ndim != 2 or y.ndim != 1:
        invalid_type(cx, "x0.ndim == 2, y.ndim == 1", f"{x0.ndim}, {y.ndim}")
    require_equal_dims(cx, x0, 0, y, 0)
    require_rows(cx, x0)
    margin = number(cx, node.value("margin"), x0)
    difference = cx.call_op("subtract", x0, x1)
    near = total(cx, cx.call_op("multiply", difference, difference), [1])
    gap = cx.call_op("nn.relu", cx.call_op("subtract", margin, cx.call_op("sqrt", near)))
    far = cx.call_op("multiply", gap, gap)
    # 0 and 1 as a rule, but any weight will do.
    same = cx.cast(y, x0.dtype)
    other = cx.call_op("subtract", constant(cx, 1, x0), same)
    both = cx.call_op("add", cx.call_op("multiply", same, near), cx.call_op("multiply", other, far))
    loss: Tensor = cx.call_op("multiply", both, constant(cx, 0.5, x0))
    return _mean_of_all(cx, loss) if node.reduce == "mean" else loss


@node_rule(triplet.Triplet)
def triplet_(cx: Any, node: Any, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    require_floats(cx, anchor, positive, negative)
    require_same_shape(cx, anchor, positive, negative)
    if anchor.ndim < 2:
        cx.raise_python(np.AxisError(1, anchor.ndim))
    require_rows(cx, anchor)
    near, far = (cx.call_op("subtract", anchor, x) for x in (positive, negative))
    near, far = (cx.call_op("multiply", d, d) for d in (near, far))
    gap = total(cx, cx.call_op("subtract", near, far), [1])
    margin = number(cx, node.value("margin"), anchor)
    loss: Tensor = cx.call_op("nn.relu", cx.call_op("add", gap, margin))
    if node.reduce != "mean":
        return loss
    size = count(cx, anchor, [0], anchor.dtype)
    result: Tensor = cx.call_op("divide", total(cx, loss, _everything(loss)), size)
    return result


def _centered(cx: Any, x: Tensor) -> Tensor:
    if x.ndim != 2:
        invalid_type(cx, "ndim == 2", f"{x.ndim} != 2")
    result: Tensor = cx.call_op("subtract", x, mean(cx, x, [0], keepdims=True))
    return result


def _half_squared_sum(cx: Any, x: Tensor) -> Tensor:
    square = total(cx, cx.call_op("multiply", x, x), _everything(x))
    result: Tensor = cx.call_op("multiply", square, constant(cx, 0.5, x))
    return result


@node_rule(cross_covariance.CrossCovariance)
def cross_covariance_(cx: Any, node: Any, y: Tensor, z: Tensor) -> Tensor:
    require_floats(cx, y, z)
    require_same_dtype(cx, y, z)
    covariance = product(cx, _centered(cx, y), _centered(cx, z), transa=True)
    covariance = averaged(cx, covariance, y, [0])
    return covariance if node.reduce == "no" else _half_squared_sum(cx, covariance)


@node_rule(decov.DeCov)
def decov_(cx: Any, node: Any, h: Tensor) -> Tensor:
    require_floats(cx, h)
    centered = _centered(cx, h)
    covariance = product(cx, centered, centered, transa=True)
    diagonal = cx.call(Static(np.eye), [cx.dim_of(h, 1)], {"dtype": Static(np.dtype(bool))})
    covariance = cx.call_op("where", diagonal, constant(cx, 0, h), covariance)
    covariance = averaged(cx, covariance, h, [0])
    return covariance if node.reduce == "no" else _half_squared_sum(cx, covariance)
