"""chainer/functions/array: resizing, patches and sampling of images.

Their numpy code writes into parts of arrays in loops over pixels, or over the batch.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np
from chainer.functions.array import depth2space, im2col, resize_images, spatial_transformer_sampler
from chainer.utils import conv

from astfront.rules.array.sequences import pad_constant
from astfront.rules.array.shape import reshape_to
from astfront.rules.registry import node_rule
from astfront.rules.sizes import constant, counting, dims_of, evaluated, product, require_divisor
from astfront.values import TRUE, Static, Tensor, Value


@node_rule(depth2space.Depth2Space)
def depth2space_node(cx: Any, node: Any, x: Tensor) -> Value:
    """In one transposition: what Chainer has for numpy is three, each of which takes its time here."""
    return cx.call(Static(_depth2space), [x.as_kind("array"), node.value("r")], {})  # type: ignore[no-any-return]


def _depth2space(x: Any, r: int) -> Any:
    n, channels, height, width = x.shape
    c = channels // r**2
    y = np.transpose(np.reshape(x, (n, r, r, c, height, width)), (0, 3, 4, 1, 5, 2))
    return np.reshape(y, (n, c, height * r, width * r))


@node_rule(resize_images.ResizeImages)
def resize_images_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Interpolation along one axis after the other, by two gathers and two weights each."""
    empty = ZeroDivisionError("integer division or modulo by zero")
    size = product(cx, [cx.dim_of(x, 0), cx.dim_of(x, 1), node.value("out_H")])
    cx.check(cx.compare(gast.Gt(), size, Static(0)), empty)
    for axis, name in ((2, "out_H"), (3, "out_W")):
        sizes = [node.value(name), cx.dim_of(x, axis)]
        place = evaluated(cx, _places, *sizes, Static(node.mode), Static(node.align_corners))
        x = _interpolate(cx, x, axis, place)
    return x


def _interpolate(cx: Any, x: Tensor, axis: int, place: Tensor) -> Tensor:
    """Of two neighbours each, also where one has the weight 0: it may be NaN."""
    low = cx.call_op("cast", cx.call_op("floor", place), dtype="int64")
    first = cx.call_op("take", x, low, axis=axis, mode="clip")
    after = cx.call_op("add", low, constant(cx, 1, "int64"))
    second = cx.call_op("take", x, after, axis=axis, mode="clip")
    weight = cx.call_op("subtract", place, cx.cast(low, place.dtype))
    w = cx.cast(cx.call_op("expand_dims", weight, axis=1, num_newaxis=3 - axis), x.dtype)
    rest = cx.call_op("subtract", constant(cx, 1, x.dtype), w)
    a, b = cx.call_op("multiply", first, rest), cx.call_op("multiply", second, w)
    return cx.call_op("add", a, b)  # type: ignore[no-any-return]


@node_rule(im2col.Im2Col)
def im2col_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    part = windows(
        cx, x, (node.kh, node.kw), (node.sy, node.sx), (node.ph, node.pw), node.cover_all,
        (node.dy, node.dx),
    )  # fmt: skip
    batch, channels, *places = dims_of(cx, part)
    return reshape_to(cx, part, [batch, product(cx, [channels, places[0]]), *places[1:]])


def windows(
    cx: Any,
    x: Tensor,
    ksize: Sequence[int],
    stride: Sequence[int],
    pad: Sequence[int],
    cover_all: bool,
    dilate: Sequence[int] | None = None,
    fill: float = 0,
) -> Tensor:
    """The windows of a padded image: (batch, channels, items of a window, *places)."""
    dilate = dilate or [1] * len(ksize)
    sizes = [cx.dim_of(x, axis) for axis in range(2, x.ndim)]
    places = [window_count(cx, *item, cover_all) for item in zip(sizes, ksize, stride, pad, dilate)]
    width = ((0, 0), (0, 0), *((p, p + s - 1) for p, s in zip(pad, stride)))
    if np.any(width):
        x = cx.call_op("nn.pad", x, constant(cx, fill, x.dtype), pad_width=width)
    if x.is_static_shape:
        return _known_windows(cx, x, ksize, stride, dilate, [p.obj for p in places])  # type: ignore[attr-defined]
    for i, (k, s, d, count) in enumerate(zip(ksize, stride, dilate, places)):
        starts = cx.call_op("multiply", counting(cx, count), constant(cx, s, "int64"))
        offsets = constant(cx, d * np.arange(k)[:, None], "int64")
        index = cx.call_op("add", offsets, cx.call_op("expand_dims", starts, axis=0))
        x = cx.call_op("take", x, index, axis=2 + 2 * i, mode="clip")
    axes = (0, 1, *range(2, x.ndim, 2), *range(3, x.ndim, 2))
    x = cx.call_op("transpose", x, axes=axes)
    shape = [cx.dim_of(x, 0), cx.dim_of(x, 1), Static(int(np.prod(ksize))), *places]
    return reshape_to(cx, x, shape)


def _known_windows(
    cx: Any,
    x: Tensor,
    ksize: Sequence[int],
    stride: Sequence[int],
    dilate: Sequence[int],
    places: Sequence[int],
) -> Tensor:
    """The windows of an image that's been padded, where its sizes are known."""
    n = len(ksize)
    if 0 in x.shape:
        shape: Any = (*x.shape[:2], int(np.prod(ksize)), *places)
        return constant(cx, np.zeros(shape), x.dtype)
    # TVM would look for each item whether it's in the image.
    x = cx.b.stop_fusion(x)
    spans = [(k - 1) * d + 1 for k, d in zip(ksize, dilate)]
    x = cx.call_op("sliding_window", x, axis=2, window_shape=spans, strides=list(stride))
    begin, end = [0] * x.ndim, [*x.shape[:2], *places, *spans]
    steps = [1] * (2 + n) + list(dilate)
    if (end, max(steps)) != (list(x.shape), 1):
        x = cx.call_op("strided_slice", x, begin=begin, end=end, strides=steps)
    axes = (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n))
    x = cx.call_op("transpose", x, axes=axes)
    return cx.call_op("reshape", x, newshape=(*x.shape[:2], int(np.prod(ksize)), *places))  # type: ignore[no-any-return]


def window_count(
    cx: Any, size: Value, k: int, s: int, p: int, d: int = 1, cover_all: bool = False
) -> Value:
    """``conv.get_conv_outsize`` of a size that may be staged."""
    error = AssertionError("Output size should be positive.")
    if isinstance(size, Static):
        count = conv.get_conv_outsize(size.obj, k, s, p, cover_all, d)
        if count <= 0:
            cx.raise_python(error)
        return Static(count)
    span = cx.binary_op(operator.add, size, Static(2 * p - (k - 1) * d - 1))
    if cover_all:
        span = cx.binary_op(operator.add, span, Static(s - 1))
    count = cx.binary_op(operator.add, cx.binary_op(operator.floordiv, span, Static(s)), Static(1))
    cx.check(cx.compare(gast.Gt(), count, Static(0)), error)
    return count  # type: ignore[no-any-return]


def require_places(
    cx: Any, x: Tensor, spans: Sequence[int], pad: Sequence[int], ends: Sequence[int]
) -> None:
    """An AssertionError where a window is wider than the padded image: then it has no place."""
    fits: Value = TRUE
    for axis, (span, before, after) in enumerate(zip(spans, pad, ends), 2):
        least = span - before - after
        if least > 0:
            fits = cx.both(fits, cx.compare(gast.GtE(), cx.dim_of(x, axis), Static(least)))
    cx.check(fits, AssertionError("Output size should be positive."))


@node_rule(spatial_transformer_sampler.SpatialTransformerSampler)
def spatial_transformer_sampler_node(cx: Any, node: Any, x: Tensor, grid: Tensor) -> Tensor:
    """Chainer's bilinear sampling, over flattened images, for the whole batch at once."""
    require_divisor(cx, grid, (0, 1))
    batch, channels, height, width = dims_of(cx, x)
    _, _, *places = dims_of(cx, grid)
    padded = pad_constant(cx, x, np.array([[0, 0], [0, 0], [1, 1], [1, 1]]), 0)
    pixels = cx.call_op("transpose", padded, axes=(0, 2, 3, 1))
    pixels = reshape_to(cx, pixels, [Static(-1), channels])
    parts = cx.call_op("split", grid, indices_or_sections=2, axis=1)
    u, v = (reshape_to(cx, part, [batch, product(cx, places)]) for part in parts)
    (left, from_left, to_right), (top, from_top, to_bottom) = (
        _place(cx, u, width),
        _place(cx, v, height),
    )
    stride, rows = (_number(cx, cx.binary_op(operator.add, n, Static(2))) for n in (width, height))
    images = cx.cast(cx.call_op("expand_dims", counting(cx, batch), axis=1), "int32")
    first = cx.call_op("add", cx.call_op("multiply", images, rows), top)
    first = cx.call_op("add", cx.call_op("multiply", first, stride), left)
    below = cx.call_op("add", first, stride)
    one = constant(cx, 1, "int32")
    total = None
    for row, wv in ((first, to_bottom), (below, from_top)):
        for index, wu in ((row, to_right), (cx.call_op("add", row, one), from_left)):
            picked = cx.call_op("take", pixels, index, axis=0, mode="clip")
            weight = cx.call_op("expand_dims", cx.call_op("multiply", wu, wv), axis=2)
            term = cx.call_op("multiply", picked, cx.cast(weight, x.dtype))
            total = term if total is None else cx.call_op("add", total, term)
    total = reshape_to(cx, total, [batch, *places, channels])  # type: ignore[arg-type]
    return cx.call_op("transpose", total, axes=(0, 3, 1, 2))  # type: ignore[no-any-return]


def _number(cx: Any, size: Value, dtype: Any = "int32") -> Tensor:
    return cx.cast(cx.as_tensor(cx.as_scalar(size, int)), dtype)  # type: ignore[no-any-return]


def _place(cx: Any, u: Tensor, size: Value) -> tuple[Tensor, Tensor, Tensor]:
    """The pixel to the left in the padded image, and the distances to it and to the next one."""
    last = cx.call_op("subtract", _number(cx, size, u.dtype), constant(cx, 1, u.dtype))
    scaled = cx.call_op("multiply", cx.call_op("add", u, constant(cx, 1, u.dtype)), last)
    scaled = cx.call_op("divide", scaled, constant(cx, 2, u.dtype))
    scaled = cx.call_op("add", scaled, constant(cx, 1, u.dtype))
    end = cx.call_op("add", last, constant(cx, 2, u.dtype))
    clipped = cx.call_op("maximum", scaled, constant(cx, 0, u.dtype))
    clipped = cx.call_op("minimum", clipped, end)
    left = cx.call_op("cast", cx.call_op("floor", clipped), dtype="int32")
    left = cx.call_op("maximum", left, constant(cx, 0, "int32"))
    left = cx.call_op("minimum", left, _number(cx, size))
    before = cx.call_op("subtract", cx.cast(clipped, "float64"), cx.cast(left, "float64"))
    after = cx.call_op("subtract", constant(cx, 1, "float64"), before)
    return left, before, after


# What follows is run where the sizes are known, and else compiled.


def _places(out, size, mode, align_corners):  # type: ignore[no-untyped-def]
    """``resize_images.compute_indices_and_weights`` along one axis: from where each pixel comes."""
    pixels = np.arange(out).astype(np.float64)
    if mode == "nearest":
        return np.minimum(np.floor(pixels * (size / out)), size - 1)
    if align_corners:
        return pixels * ((size - 1) / max(out - 1, 1))
    return np.maximum((pixels + 0.5) * (size / out) - 0.5, 0)
