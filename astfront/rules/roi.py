"""chainer/functions/pooling: regions of interest, pooled and aligned.

Rules because the numpy code goes through the regions' bins, and the aligning ones through each
element of the result, in Python: here all regions are done at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer.functions.pooling import (
    roi_average_align_2d,
    roi_average_pooling_2d,
    roi_max_align_2d,
    roi_max_pooling_2d,
    roi_pooling_2d,
)

from astfront.rules.array.shape import reshape_to
from astfront.rules.nodes import invalid_type, require_equal_dims
from astfront.rules.numpy.elementwise import rint
from astfront.rules.registry import node_rule
from astfront.rules.sizes import constant, counting, take_checked
from astfront.values import Scalar, Static, Tensor, Value

F64 = np.dtype("float64")
I64 = np.dtype("int64")


def _number(cx: Any, value: float) -> Tensor:
    return constant(cx, value, F64)


def _scale(cx: Any, node: Any) -> Tensor:
    return cx.cast(cx.as_tensor(node.value("spatial_scale")), F64)  # type: ignore[no-any-return]


def _column(cx: Any, rois: Tensor, i: int) -> Tensor:
    """A column of the regions, as the float64 that numpy's scalars become beside Python's."""
    return cx.cast(  # type: ignore[no-any-return]
        cx.call_op("take", rois, constant(cx, i, I64), axis=1, mode="clip"), F64
    )


def _require_rois(cx: Any, x: Tensor, rois: Tensor, width: int) -> None:
    if x.ndim != 4 or rois.ndim != 2 or rois.shape[1] != width:
        invalid_type(cx, f"x.ndim == 4, rois.shape[1] == {width}", f"{x.ndim}, {rois.shape}")
    if rois.dtype != x.dtype:
        invalid_type(cx, "x.dtype == rois.dtype", f"{x.dtype}, {rois.dtype}")


def _require_finite(cx: Any, rois: Tensor) -> None:
    if not cx.checks:
        return
    fine = cx.call_op("all", cx.call_op("isfinite", cx.cast(rois, F64)))
    cx.check(Scalar(fine.expr, bool), ValueError("cannot convert float NaN to integer"))


def _of_each(cx: Any, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    for axis in axes:
        x = cx.call_op("expand_dims", x, axis=axis)
    return x


def _once(cx: Any, x: Tensor) -> Tensor:
    """``x`` computed by itself: fused into what uses it, it's computed for each channel anew."""
    return cx.call_op("annotation.stop_fusion", x)  # type: ignore[no-any-return]


# --- pooling ---------------------------------------------------------------------------------


@node_rule(roi_pooling_2d.ROIPooling2D)
def roi_pooling(cx: Any, node: Any, x: Tensor, rois: Tensor) -> Tensor:
    """The regions are (image, x, y, x, y), and their ends belong to them."""
    _require_rois(cx, x, rois, 5)
    index = cx.cast(_column(cx, rois, 0), I64)
    edges = [_column(cx, rois, i) for i in (2, 1, 4, 3)]
    return _pooled(cx, node, x, rois, edges, index, 1, "max", 0.0)


@node_rule(roi_max_pooling_2d.ROIMaxPooling2D)
def roi_max_pooling(cx: Any, node: Any, x: Tensor, rois: Tensor, index: Tensor) -> Tensor:
    _require_rois(cx, x, rois, 4)
    require_equal_dims(cx, rois, 0, index, 0)
    edges = [_column(cx, rois, i) for i in range(4)]
    return _pooled(cx, node, x, rois, edges, index, 0, "max", -np.inf)


@node_rule(roi_average_pooling_2d.ROIAveragePooling2D)
def roi_average_pooling(cx: Any, node: Any, x: Tensor, rois: Tensor, index: Tensor) -> Tensor:
    _require_rois(cx, x, rois, 4)
    require_equal_dims(cx, rois, 0, index, 0)
    edges = [_column(cx, rois, i) for i in range(4)]
    return _pooled(cx, node, x, rois, edges, index, 0, "sum", 0.0)


def _pooled(
    cx: Any,
    node: Any,
    x: Tensor,
    rois: Tensor,
    edges: list[Tensor],
    index: Tensor,
    inclusive: int,
    kind: str,
    empty: float,
) -> Tensor:
    """Each bin of each region reduced over its rows, and then over its columns."""
    _require_finite(cx, rois)
    scale = _scale(cx, node)
    top, left, bottom, right = (rint(cx, cx.call_op("multiply", e, scale)) for e in edges)
    rows = _bins(cx, top, bottom, int(node.outh), cx.dim_of(x, 2), inclusive)
    columns = _bins(cx, left, right, int(node.outw), cx.dim_of(x, 3), inclusive)
    wide = cx.cast(x, np.float32) if x.dtype == np.float16 else x
    images = take_checked(cx, wide, index)
    neutral = constant(cx, -np.inf if kind == "max" else 0, wide.dtype)
    chosen = _of_each(cx, rows[0], (1, 4))  # (region, 1, bin, row, 1)
    y = cx.call_op("where", chosen, cx.call_op("expand_dims", images, axis=2), neutral)
    y = cx.call_op(kind, y, axis=3)
    chosen = _of_each(cx, columns[0], (1, 1))  # (region, 1, 1, bin, column)
    y = cx.call_op("where", chosen, cx.call_op("expand_dims", y, axis=3), neutral)
    y = cx.call_op(kind, y, axis=4)
    count = cx.call_op(
        "multiply",
        _of_each(cx, cx.cast(rows[1], wide.dtype), (1, 3)),
        _of_each(cx, cx.cast(columns[1], wide.dtype), (1, 1)),
    )
    some = cx.call_op("greater", count, constant(cx, 0, wide.dtype))
    if kind == "sum":
        one = constant(cx, 1, wide.dtype)
        y = cx.call_op("divide", y, cx.call_op("where", some, count, one))
    y = cx.call_op("where", some, y, constant(cx, empty, wide.dtype))
    return cx.cast(y, x.dtype)  # type: ignore[no-any-return]


def _bins(
    cx: Any, start: Tensor, end: Tensor, number: int, size: Value, inclusive: int
) -> tuple[Tensor, Tensor]:
    """Which places along an axis are in each bin: (region, bin, place); and how many are."""
    length = cx.call_op("subtract", end, start)
    length = cx.call_op("add", length, _number(cx, inclusive))
    length = cx.call_op("maximum", length, _number(cx, 1))
    step = cx.call_op("divide", length, _number(cx, number))
    step, offset = (cx.call_op("expand_dims", v, axis=1) for v in (step, start))
    limit = cx.cast(cx.as_tensor(size), F64)

    def clipped(place: Tensor) -> Tensor:
        place = cx.call_op("maximum", cx.call_op("add", place, offset), _number(cx, 0))
        return cx.call_op("minimum", place, limit)  # type: ignore[no-any-return]

    bins = np.arange(number, dtype=F64)[None, :]
    first = clipped(cx.call_op("floor", cx.call_op("multiply", constant(cx, bins, F64), step)))
    last = clipped(cx.call_op("ceil", cx.call_op("multiply", constant(cx, bins + 1, F64), step)))
    places = cx.cast(counting(cx, size), F64)
    begin, stop = (cx.call_op("expand_dims", v, axis=2) for v in (first, last))
    inside = cx.call_op(
        "logical_and",
        cx.call_op("greater_equal", places, begin),
        cx.call_op("less", places, stop),
    )
    count = cx.call_op("maximum", cx.call_op("subtract", last, first), _number(cx, 0))
    return _once(cx, inside), _once(cx, count)


# --- aligning --------------------------------------------------------------------------------


@node_rule(roi_max_align_2d.ROIMaxAlign2D)
def roi_max_align(cx: Any, node: Any, x: Tensor, rois: Tensor, index: Tensor) -> Tensor:
    """NaN is never the largest, as in the comparisons of the source."""
    values, valid, _ = _sampled(cx, node, x, rois, index)
    least = constant(cx, -np.inf, x.dtype)
    number = cx.call_op("logical_and", valid, cx.call_op("greater_equal", values, least))
    y = cx.call_op("max", cx.call_op("where", number, values, least), axis=[2, 4])
    return cx.call_op("transpose", y, axes=(0, 3, 1, 2))  # type: ignore[no-any-return]


@node_rule(roi_average_align_2d.ROIAverageAlign2D)
def roi_average_align(cx: Any, node: Any, x: Tensor, rois: Tensor, index: Tensor) -> Tensor:
    values, valid, count = _sampled(cx, node, x, rois, index)
    y = cx.call_op("where", valid, values, constant(cx, 0, x.dtype))
    y = cx.call_op("sum", y, axis=[2, 4])
    y = cx.call_op("divide", y, _of_each(cx, cx.cast(count, x.dtype), (1, 2, 3)))
    return cx.call_op("transpose", y, axes=(0, 3, 1, 2))  # type: ignore[no-any-return]


def _sampled(
    cx: Any, node: Any, x: Tensor, rois: Tensor, index: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The image at the points of each bin: (region, bin, point, bin, point, channel).

    And which points are in the image, and how many there are in a bin of each region.
    """
    _require_rois(cx, x, rois, 4)
    require_equal_dims(cx, rois, 0, index, 0)
    if x.dtype != np.float32:
        invalid_type(cx, "in_types[0].dtype == float32", str(x.dtype))
    _require_finite(cx, rois)
    scale = _scale(cx, node)
    top, left, bottom, right = (
        cx.call_op("multiply", _column(cx, rois, i), scale) for i in range(4)
    )
    sampling = node.sampling_ratio
    sizes = [cx.dim_of(x, axis) for axis in range(4)]
    rows = _points(cx, top, bottom, int(node.outh), sampling[0], sizes[2])
    columns = _points(cx, left, right, int(node.outw), sampling[1], sizes[3])
    pixels = cx.call_op("transpose", x, axes=(0, 2, 3, 1))
    pixels = reshape_to(cx, pixels, [Static(-1), sizes[1]])
    image = cx.cast(take_checked(cx, counting(cx, sizes[0]), index), I64)
    height, width = (cx.cast(cx.as_tensor(s), I64) for s in sizes[2:])
    image = _of_each(
        cx, cx.call_op("multiply", image, cx.call_op("multiply", height, width)), (1,) * 4
    )
    values = None
    for row, row_weight in rows.corners:
        at = cx.call_op("multiply", _of_each(cx, row, (3, 3)), width)
        for column, column_weight in columns.corners:
            place = cx.call_op("add", cx.call_op("add", image, at), _of_each(cx, column, (1, 1)))
            weight = cx.call_op(
                "multiply", _of_each(cx, row_weight, (3, 3)), _of_each(cx, column_weight, (1, 1))
            )
            weight = cx.call_op("expand_dims", cx.cast(weight, x.dtype), axis=5)
            some = cx.call_op("greater", weight, constant(cx, 0, x.dtype))
            picked = cx.call_op("take", pixels, place, axis=0, mode="clip")
            term = cx.call_op("multiply", weight, picked)
            term = cx.call_op("where", some, term, constant(cx, 0, x.dtype))
            values = term if values is None else cx.call_op("add", values, term)
    valid = cx.call_op(
        "logical_and", _of_each(cx, rows.valid, (3, 3)), _of_each(cx, columns.valid, (1, 1))
    )
    valid = cx.call_op("expand_dims", valid, axis=5)
    count = cx.call_op("multiply", rows.count, columns.count)
    return values, valid, count  # type: ignore[return-value]


class _Points:
    """The points of the bins along one axis: (region, bin, point)."""

    def __init__(self, corners: list[tuple[Tensor, Tensor]], valid: Tensor, count: Tensor) -> None:
        self.corners = corners
        """The places before and after each point, and their weights."""
        self.valid = valid
        self.count = count
        """How many points a bin of each region has."""


def _points(
    cx: Any, start: Tensor, end: Tensor, number: int, sampling: int | None, size: Value
) -> _Points:
    call = cx.call_op
    length = call("maximum", call("subtract", end, start), _number(cx, 1))
    step = call("divide", length, _number(cx, number))
    if sampling is None:
        count = call("ceil", step)
        most = call("max", call("concatenate", [count, constant(cx, [0], F64)], axis=0))
        steps = counting(cx, Scalar(cx.cast(most, I64).expr, int))
    else:
        count = call("add", call("multiply", step, _number(cx, 0)), _number(cx, sampling))
        steps = constant(cx, np.arange(sampling), I64)
    number_of = cx.cast(steps, F64)
    step, start, each = (_of_each(cx, v, (1, 1)) for v in (step, start, count))
    bins = constant(cx, np.arange(number)[:, None], F64)
    place = call("add", start, call("multiply", bins, step))
    inner = call("multiply", call("add", number_of, _number(cx, 0.5)), step)
    place = call("add", place, call("divide", inner, each))
    limit = cx.cast(cx.as_tensor(size), F64)
    last = call("subtract", limit, _number(cx, 1))
    valid = call(
        "logical_and",
        call("greater_equal", place, _number(cx, -1)),
        call("less_equal", place, limit),
    )
    valid = call("logical_and", valid, call("less", number_of, each))
    low = call("minimum", call("floor", place), last)
    high = call("add", low, _number(cx, 1))
    before, beyond = call("less", low, _number(cx, 0)), call("greater", high, last)
    place = call("where", before, _number(cx, 0), call("where", beyond, last, place))
    zero = _number(cx, 0)
    weights = (
        call("where", before, zero, call("subtract", high, place)),
        call("where", beyond, zero, call("subtract", place, low)),
    )
    places = (cx.cast(call("minimum", call("maximum", v, zero), last), I64) for v in (low, high))
    corners = [(_once(cx, place), _once(cx, weight)) for place, weight in zip(places, weights)]
    return _Points(corners, _once(cx, valid), _once(cx, count))
