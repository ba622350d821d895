"""chainer/functions/array: resizing, patches and sampling of images.

Their numpy code writes into parts of arrays in loops over pixels, or over the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer.functions.array import im2col, resize_images, spatial_transformer_sampler
from chainer.utils import conv

from astfront.rules.array.sequences import pad_constant
from astfront.rules.registry import node_rule
from astfront.rules.sizes import constant, needs_static
from astfront.values import Tensor


@node_rule(resize_images.ResizeImages)
def resize_images_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Interpolation along one axis after the other, by two gathers and two weights each."""
    height, width = x.shape[2:]
    if height is None or width is None:
        cx.fail("AF0306", "F.resize_images of images whose size isn't known while compiling")
    v, u, vw, uw = resize_images.compute_indices_and_weights(
        (node.out_H, node.out_W), (height, width), node.mode, node.align_corners, np
    )
    x = _interpolate(cx, x, 2, v, vw)
    return _interpolate(cx, x, 3, u, uw)


def _interpolate(cx: Any, x: Tensor, axis: int, place: np.ndarray, weight: np.ndarray) -> Tensor:
    low = place.astype("int64")
    first = cx.call_op("take", x, constant(cx, low, "int64"), axis=axis, mode="clip")
    if not weight.any():
        return first  # type: ignore[no-any-return]
    high = np.minimum(low + 1, x.shape[axis] - 1)  # type: ignore[operator]
    second = cx.call_op("take", x, constant(cx, high, "int64"), axis=axis, mode="clip")
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    w = weight.astype(x.dtype).reshape(shape)
    a = cx.call_op("multiply", first, constant(cx, 1 - w, x.dtype))
    b = cx.call_op("multiply", second, constant(cx, w, x.dtype))
    return cx.call_op("add", a, b)  # type: ignore[no-any-return]


@node_rule(im2col.Im2Col)
def im2col_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """All patches by one gather along each axis."""
    channels, height, width = x.shape[1:]
    if channels is None or height is None or width is None:
        raise cx.error("AF0306", "F.im2col of images whose size isn't known while compiling")
    rows = _windows(cx, height, node.kh, node.sy, node.ph, node.dy, node.cover_all)
    columns = _windows(cx, width, node.kw, node.sx, node.pw, node.dx, node.cover_all)
    more = np.array([[0, 0], [0, 0], [node.ph, node.ph + node.sy], [node.pw, node.pw + node.sx]])
    padded = pad_constant(cx, x, more, 0)
    part = cx.call_op("take", padded, constant(cx, rows, "int64"), axis=2, mode="clip")
    part = cx.call_op("take", part, constant(cx, columns, "int64"), axis=4, mode="clip")
    # n, c, kh, out_h, kw, out_w
    part = cx.call_op("transpose", part, axes=(0, 1, 2, 4, 3, 5))
    newshape = (-1, channels * rows.shape[0] * columns.shape[0], rows.shape[1], columns.shape[1])
    return cx.call_op("reshape", part, newshape=newshape)  # type: ignore[no-any-return]


def _windows(cx: Any, size: Any, k: int, s: int, p: int, d: int, cover_all: bool) -> np.ndarray:
    """The index into the padded axis of each element of each window: (k, number of windows)."""
    count = conv.get_conv_outsize(size, k, s, p, cover_all, d)
    if count <= 0:
        cx.raise_python(AssertionError("Height or width in the output should be positive."))
    made: np.ndarray = np.arange(k)[:, None] * d + np.arange(count)[None, :] * s
    return made


@node_rule(spatial_transformer_sampler.SpatialTransformerSampler)
def spatial_transformer_sampler_node(cx: Any, node: Any, x: Tensor, grid: Tensor) -> Tensor:
    """Chainer's bilinear sampling, over flattened images, for the whole batch at once."""
    needs_static(cx, x, "F.spatial_transformer_sampler")
    needs_static(cx, grid, "F.spatial_transformer_sampler")
    batch, channels, height, width = (d or 0 for d in x.shape)
    count = (grid.shape[2] or 0) * (grid.shape[3] or 0)
    padded = pad_constant(cx, x, np.array([[0, 0], [0, 0], [1, 1], [1, 1]]), 0)
    pixels = cx.call_op("transpose", padded, axes=(0, 2, 3, 1))
    pixels = cx.call_op("reshape", pixels, newshape=(-1, channels))
    parts = cx.call_op("split", grid, indices_or_sections=2, axis=1)
    u, v = (cx.call_op("reshape", part, newshape=(batch, count)) for part in parts)
    (left, from_left, to_right), (top, from_top, to_bottom) = (
        _place(cx, u, width),
        _place(cx, v, height),
    )
    stride = width + 2
    image = constant(cx, np.arange(batch)[:, None] * stride * (height + 2), "int32")
    first = cx.call_op("add", image, cx.call_op("multiply", top, _int(cx, stride)))
    first = cx.call_op("add", first, left)
    terms = []
    for down, wv in ((0, to_bottom), (1, from_top)):
        for right, wu in ((0, to_right), (1, from_left)):
            index = cx.call_op("add", first, _int(cx, down * stride + right))
            picked = cx.call_op("take", pixels, index, axis=0, mode="clip")
            weight = cx.call_op("expand_dims", cx.call_op("multiply", wu, wv), axis=2)
            terms.append(cx.call_op("multiply", picked, cx.cast(weight, x.dtype)))
    total = terms[0]
    for term in terms[1:]:
        total = cx.call_op("add", total, term)
    total = cx.call_op("reshape", total, newshape=(batch, *grid.shape[2:], channels))
    return cx.call_op("transpose", total, axes=(0, 3, 1, 2))  # type: ignore[no-any-return]


def _int(cx: Any, value: int) -> Tensor:
    return constant(cx, value, "int32")


def _place(cx: Any, u: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pixel to the left in the padded image, and the distances to it and to the next one."""

    def number(value: float) -> Tensor:
        return constant(cx, value, u.dtype)

    scaled = cx.call_op("multiply", cx.call_op("add", u, number(1)), number(size - 1))
    scaled = cx.call_op("add", cx.call_op("divide", scaled, number(2)), number(1))
    clipped = cx.call_op("clip", scaled, a_min=0.0, a_max=float(size + 1))
    left = cx.call_op("cast", cx.call_op("floor", clipped), dtype="int32")
    left = cx.call_op("clip", left, a_min=0, a_max=size)
    before = cx.call_op("subtract", cx.cast(clipped, "float64"), cx.cast(left, "float64"))
    after = cx.call_op("subtract", constant(cx, 1, "float64"), before)
    return left, before, after
