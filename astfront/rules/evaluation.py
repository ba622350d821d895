"""chainer/functions/evaluation."""

from __future__ import annotations

from typing import Any

import gast
import numpy as np
from chainer.functions.evaluation import accuracy, binary_accuracy, classification_summary, r2_score
from chainer.utils.type_check import InvalidType

from astfront.rules.nodes import (
    constant,
    in_float32,
    invalid_type,
    mean,
    number,
    require_equal_dims,
    require_floats,
    require_integers,
    require_items,
    require_same_shape,
    total,
)
from astfront.rules.registry import node_rule
from astfront.values import Scalar, Static, Tensor, Value


def _predictions(cx: Any, y: Tensor, t: Tensor) -> Tensor:
    """The best class of each item, in the shape and dtype of the labels ``t``."""
    require_floats(cx, y)
    require_integers(cx, t)
    if y.ndim < 2 or y.ndim < t.ndim or not t.ndim:
        invalid_type(cx, "x.ndim >= t.ndim", f"{y.ndim}, {t.ndim}")
    require_equal_dims(cx, y, 0, t, 0)
    for axis in range(1, t.ndim):
        if axis + 1 < y.ndim:
            require_equal_dims(cx, y, axis + 1, t, axis)
        else:
            invalid_type(cx, "x.shape[2:] == t.shape[1:]", "they differ")
    for axis in range(t.ndim + 1, y.ndim):
        if y.shape[axis] not in (1, None):
            invalid_type(cx, "x.shape[i] == 1", str(y.shape))
        is_one = cx.compare(gast.Eq(), cx.dim_of(y, axis), Static(1))
        cx.check(is_one, InvalidType("x.shape[i] == 1", "it's another size"))
    require_items(cx, y, [1], "attempt to get argmax of an empty sequence")
    best = cx.call_op("argmax", y, axis=[1])
    while best.ndim > t.ndim:
        best = cx.call_op("take", best, cx.as_tensor(Static(0)), axis=t.ndim, mode="clip")
    return cx.cast(best, t.dtype)  # type: ignore[no-any-return]


@node_rule(accuracy.Accuracy)
def accuracy_(cx: Any, node: Any, y: Tensor, t: Tensor) -> Tensor:
    right = cx.call_op("equal", _predictions(cx, y, t), t)
    ignore = node.value("ignore_label")
    axes = range(t.ndim)
    wide = constant(cx, 0, y) if y.dtype == np.float64 else cx.as_tensor(Static(np.float32(0)))
    dtype = wide.dtype
    if isinstance(ignore, Static) and ignore.obj is None:
        return cx.cast(mean(cx, cx.cast(right, dtype), axes), y.dtype)  # type: ignore[no-any-return]
    counted = cx.call_op("not_equal", t, number(cx, ignore, t))
    hits = total(cx, cx.cast(cx.call_op("logical_and", right, counted), dtype), axes)
    size = total(cx, cx.cast(counted, dtype), axes)
    divisor = cx.call_op("maximum", size, constant(cx, 1, size))
    return cx.cast(cx.call_op("divide", hits, divisor), y.dtype)  # type: ignore[no-any-return]


@node_rule(binary_accuracy.BinaryAccuracy)
def binary_accuracy_(cx: Any, node: Any, y: Tensor, t: Tensor) -> Tensor:
    require_floats(cx, y)
    require_integers(cx, t)
    require_same_shape(cx, y, t)
    axes = range(t.ndim)
    positive = cx.cast(cx.call_op("greater_equal", y, constant(cx, 0, y)), t.dtype)
    right = cx.call_op("equal", positive, t)
    counted = cx.call_op("not_equal", t, number(cx, node.value("ignore_label"), t))
    hits, size = (total(cx, cx.cast(v, np.float32), axes) for v in (right, counted))
    divisor = cx.call_op("maximum", size, constant(cx, 1, size))
    return cx.cast(cx.call_op("divide", hits, divisor), y.dtype)  # type: ignore[no-any-return]


@node_rule(r2_score.R2_score)
def r2_score_(cx: Any, node: Any, pred: Tensor, true: Tensor) -> Tensor:
    require_floats(cx, pred, true, same=False)
    require_same_shape(cx, pred, true)
    if not pred.ndim:
        cx.raise_python(np.AxisError(0, 0))
    dtype = np.result_type(pred.dtype, true.dtype)

    def scores(p: Tensor, t: Tensor) -> Tensor:
        residue = cx.call_op("subtract", p, t)
        spread = cx.call_op("subtract", t, mean(cx, t, [0], keepdims=True))
        left = total(cx, cx.call_op("multiply", residue, residue), [0])
        whole = total(cx, cx.call_op("multiply", spread, spread), [0])
        one, zero = constant(cx, 1, p), constant(cx, 0, p)
        none = cx.call_op("equal", whole, zero)
        divisor = cx.call_op("where", none, one, whole)
        score = cx.call_op("subtract", one, cx.call_op("divide", left, divisor))
        result: Tensor = cx.call_op("where", none, zero, score)
        return result

    made = in_float32(cx, scores, cx.cast(pred, dtype), cx.cast(true, dtype))
    made = cx.cast(made, pred.dtype)
    return made if node.multioutput == "raw_values" else mean(cx, made, range(made.ndim))


@node_rule(classification_summary.ClassificationSummary)
def summary(cx: Any, node: Any, y: Tensor, t: Tensor) -> tuple[Tensor, ...]:
    """Precision, recall, F-beta and support of each class, by counting a one-hot matrix."""
    best, t = _predictions(cx, y, t), t
    ignored = cx.call_op("equal", t, number(cx, node.value("ignore_label"), t))
    counted = cx.call_op("bitwise_not", ignored)
    zero = constant(cx, 0, t)
    classes = node.label_num
    if classes is None:
        if t.is_static_shape and 0 in t.shape:
            cx.raise_python(
                ValueError("zero-size array to reduction operation maximum which has no identity")
            )
        top = cx.cast(cx.call_op("max", t), np.int64)
        size: Value = Scalar(cx.call_op("add", top, cx.as_tensor(Static(np.int64(1)))).expr, int)
    elif np.asarray(classes).dtype.kind == "f":
        cx.raise_python(
            TypeError(
                "Cannot cast array data from dtype('float64') to dtype('int64') "
                "according to the rule 'safe'"
            )
        )
    else:
        size = Static(int(classes))
    _check_classes(cx, t, counted, size)
    none = cx.call_op("where", counted, zero, constant(cx, -1, t))
    flat = [
        cx.call_op("reshape", cx.call_op("where", counted, v, none), newshape=(-1, 1))
        for v in (best, t)
    ]
    every = cx.cast(cx.call(Static(np.arange), [size], {}), t.dtype)
    is_best, is_true = (cx.call_op("equal", v, every) for v in flat)

    def counts(v: Tensor) -> Tensor:
        return total(cx, cx.cast(v, np.int64), [0])

    support = counts(is_true)
    hits, relevant, true = (
        cx.cast(v, np.float64)
        for v in (counts(cx.call_op("logical_and", is_best, is_true)), counts(is_best), support)
    )
    precision, recall = cx.call_op("divide", hits, relevant), cx.call_op("divide", hits, true)
    square = number(cx, Static(float(node.beta) ** 2), precision)
    factor = cx.call_op("add", constant(cx, 1, precision), square)
    top = cx.call_op("multiply", cx.call_op("multiply", factor, precision), recall)
    bottom = cx.call_op("add", cx.call_op("multiply", square, precision), recall)
    return precision, recall, cx.call_op("divide", top, bottom), support


def _check_classes(cx: Any, t: Tensor, counted: Tensor, size: Value) -> None:
    """What numpy's bincount says of a negative label, and a number of classes below 0."""
    if not cx.checks:
        return
    positive = cx.call_op("greater_equal", t, constant(cx, 0, t))
    ignored = cx.call_op("bitwise_not", counted)
    fine = cx.call_op("all", cx.call_op("logical_or", positive, ignored))
    wrong = ValueError("'list' argument must have no negative elements")
    cx.check(Scalar(fine.expr, bool), wrong)
