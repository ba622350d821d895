"""chainer/functions/pooling. Spatial pyramid pooling is compiled from its source."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np
from chainer.functions.pooling import (
    average_pooling_2d,
    average_pooling_nd,
    max_pooling_nd,
    unpooling_2d,
    unpooling_nd,
    upsampling_2d,
)
from chainer.utils import conv

from astfront.rules.array.shape import reshape_to
from astfront.rules.nodes import invalid_type, require_same_shape
from astfront.rules.registry import node_rule
from astfront.rules.sizes import constant, counting, dims_of, product
from astfront.values import Scalar, Static, Tensor, Value


@node_rule(max_pooling_nd.MaxPoolingND)
def max_pooling(cx: Any, node: Any, x: Tensor) -> Tensor:
    """``cover_all`` pads by ``stride - 1`` more at the end, as Chainer's im2col does."""
    if node.return_indices:
        return _max_and_place(cx, node, x)
    ends = [p + s - 1 if node.cover_all else p for p, s in zip(node.pad, node.stride)]
    y = _pool(cx, "max", x, node.ksize, node.stride, node.pad, ends)
    # TVM's maximum starts from the least finite number; of nothing but padding it's -inf.
    least = constant(cx, np.finfo(x.dtype).min, x.dtype)
    nothing = cx.call_op("less_equal", y, least)
    return cx.call_op("where", nothing, constant(cx, -np.inf, x.dtype), y)  # type: ignore[no-any-return]


def _max_and_place(cx: Any, node: Any, x: Tensor) -> Tensor:
    """The largest item of each window, and where in the window it is: the first of equal ones."""
    columns = _columns(cx, x, node.ksize, node.stride, node.pad, node.cover_all)
    node.set("indexes", cx.cast(cx.call_op("argmax", columns, axis=2), np.dtype("int64")))
    return cx.call_op("max", columns, axis=2)  # type: ignore[no-any-return]


def _columns(
    cx: Any,
    x: Tensor,
    ksize: Sequence[int],
    stride: Sequence[int],
    pad: Sequence[int],
    cover_all: bool,
) -> Tensor:
    """The windows of an image padded with -inf: (batch, channels, items of a window, *places)."""
    sizes = [cx.dim_of(x, axis) for axis in range(2, x.ndim)]
    places = [_outsize(cx, *item, cover_all) for item in zip(sizes, ksize, stride, pad)]
    width = ((0, 0), (0, 0), *((p, p + s - 1) for p, s in zip(pad, stride)))
    if np.any(width):
        least = constant(cx, -np.inf, x.dtype)
        x = cx.call_op("nn.pad", x, least, pad_width=width)
    for i, (k, s, count) in enumerate(zip(ksize, stride, places)):
        starts = cx.call_op("multiply", counting(cx, count), constant(cx, s, "int64"))
        offsets = constant(cx, np.arange(k)[:, None], "int64")
        index = cx.call_op("add", offsets, cx.call_op("expand_dims", starts, axis=0))
        x = cx.call_op("take", x, index, axis=2 + 2 * i, mode="clip")
    axes = (0, 1, *range(2, x.ndim, 2), *range(3, x.ndim, 2))
    x = cx.call_op("transpose", x, axes=axes)
    shape = [cx.dim_of(x, 0), cx.dim_of(x, 1), Static(int(np.prod(ksize))), *places]
    return reshape_to(cx, x, shape)


def _outsize(cx: Any, size: Value, k: int, s: int, p: int, cover_all: bool) -> Value:
    """``conv.get_conv_outsize`` of a size that may be staged."""
    if isinstance(size, Static):
        count = conv.get_conv_outsize(size.obj, k, s, p, cover_all)
        if count <= 0:
            cx.raise_python(AssertionError("Output size should be positive."))
        return Static(count)
    span = cx.binary_op(operator.add, size, Static(2 * p - k + (s - 1 if cover_all else 0)))
    windows = cx.binary_op(operator.floordiv, span, Static(s))
    count = cx.binary_op(operator.add, windows, Static(1))
    error = AssertionError("Output size should be positive.")
    cx.check(cx.compare(gast.Gt(), count, Static(0)), error)
    return count  # type: ignore[no-any-return]


@node_rule(average_pooling_2d.AveragePooling2D)
def average_pooling_2d_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    pad = (node.ph, node.pw)
    return _average(cx, x, (node.kh, node.kw), (node.sy, node.sx), pad, include=True)


@node_rule(average_pooling_nd.AveragePoolingND)
def average_pooling_nd_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    include = node.pad_value is not None
    if not include and any(k <= p for k, p in zip(node.ksize, node.pad)):
        cx.fail("AF0306", "average pooling with pad_value=None and windows that are all padding")
    return _average(cx, x, node.ksize, node.stride, node.pad, include)


def _average(cx: Any, x: Tensor, ksize: Any, stride: Any, pad: Any, include: bool) -> Tensor:
    """numpy averages float16 in float32."""
    wide = cx.cast(x, "float32") if x.dtype == np.float16 else x
    y = _pool(cx, "avg", wide, ksize, stride, pad, pad, count_include_pad=include)
    return cx.cast(y, x.dtype)  # type: ignore[no-any-return]


def _pool(
    cx: Any,
    kind: str,
    x: Tensor,
    ksize: Sequence[int],
    stride: Sequence[int],
    pad: Sequence[int],
    ends: Sequence[int],
    **attrs: Any,
) -> Tensor:
    ndim = x.ndim - 2
    if ndim == 1:
        # As an image of height 1: in one dimension TVM has no code for staged sizes.
        image = cx.call_op("expand_dims", x, axis=2)
        y = _pool(cx, kind, image, (1, *ksize), (1, *stride), (0, *pad), (0, *ends), **attrs)
        return cx.call_op("squeeze", y, axis=[2])  # type: ignore[no-any-return]
    if ndim > 3:
        cx.fail("AF0306", f"pooling over {ndim} dimensions isn't supported")
    if ndim == 3 and not x.is_static_shape:
        return _pool_3d_staged(cx, kind, x, ksize, stride, pad, ends, **attrs)
    for size, k, s, before, after in zip(x.shape[2:], ksize, stride, pad, ends):
        if size is not None and (size + before + after - k) // s + 1 <= 0:
            cx.raise_python(AssertionError("Output sizes should be positive."))
    return cx.call_op(  # type: ignore[no-any-return]
        f"nn.{kind}_pool{ndim}d", x, pool_size=tuple(ksize), strides=tuple(stride),
        padding=(*pad, *ends), **attrs,
    )  # fmt: skip


def _pool_3d_staged(
    cx: Any, kind: str, x: Tensor, ksize: Any, stride: Any, pad: Any, ends: Any, **attrs: Any
) -> Tensor:
    """Over the last two axes, and then over the first: TVM pools no 3-d image of staged sizes."""
    sizes = dims_of(cx, x)
    planes = reshape_to(cx, x, [sizes[0], product(cx, sizes[1:3]), *sizes[3:]])
    y = _pool(cx, kind, planes, ksize[1:], stride[1:], pad[1:], ends[1:], **attrs)
    inner = dims_of(cx, y)[2:]
    rows = reshape_to(cx, y, [*sizes[:3], product(cx, inner)])
    first = [(v[0], n) for v, n in ((ksize, 1), (stride, 1), (pad, 0), (ends, 0))]
    y = _pool(cx, kind, rows, *first, **attrs)
    return reshape_to(cx, y, [*sizes[:2], cx.dim_of(y, 2), *inner])


# --- the way back ----------------------------------------------------------------------------


@node_rule(unpooling_2d.Unpooling2D)
def unpooling_2d_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _unpool(
        cx, x, (node.kh, node.kw), (node.sy, node.sx), (node.ph, node.pw),
        (node.outh, node.outw), node.cover_all,
    )  # fmt: skip


@node_rule(unpooling_nd.UnpoolingND)
def unpooling_nd_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    outs = node.outs if node.outs is not None else (None,) * node.ndim
    return _unpool(cx, x, node.ksize, node.stride, node.pad, outs, node.cover_all)


def _unpool(
    cx: Any, x: Tensor, ksize: Any, stride: Any, pad: Any, outs: Any, cover_all: bool
) -> Tensor:
    """Each element is added to all places of its window: along one axis after the other."""
    for axis, (k, s, p, out) in enumerate(zip(ksize, stride, pad, outs), start=2):
        size = x.shape[axis]
        if size is None:
            raise cx.error(
                "AF0306", "unpooling along an axis whose size isn't known while compiling"
            )
        if out is None:
            out = conv.get_deconv_outsize(size, k, s, p, cover_all=cover_all)
        offset = np.arange(out)[:, None] + p - np.arange(size)[None, :] * s
        x = _spread(cx, x, axis, (offset >= 0) & (offset < k))
    return x


def _spread(cx: Any, x: Tensor, axis: int, chosen: np.ndarray) -> Tensor:
    """Along an axis, the sum of the elements that each row of ``chosen`` says."""
    count = chosen.sum(axis=1)
    index = constant(cx, chosen.argmax(axis=1), "int64")
    if (count == 1).all():
        return cx.call_op("take", x, index, axis=axis, mode="clip")  # type: ignore[no-any-return]
    total = None
    left = chosen.copy()
    for _ in range(int(count.max(initial=0))):
        index = constant(cx, left.argmax(axis=1), "int64")
        term = cx.call_op("take", x, index, axis=axis, mode="clip")
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        there = constant(cx, left.any(axis=1).reshape(shape), bool)
        term = cx.call_op("where", there, term, constant(cx, 0, x.dtype))
        total = term if total is None else cx.call_op("add", total, term)
        left[np.arange(len(left)), left.argmax(axis=1)] = False
    if total is None:
        raise cx.error("AF0306", "unpooling into windows that no element reaches")
    return total


@node_rule(upsampling_2d.Upsampling2D)
def upsampling_2d_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Each element goes to one place of its window; where windows overlap, they add up.

    As a matter of gathering: a place of the result is in a few windows, and gets the element of
    each whose index says so.
    """
    indexes = cx.as_tensor(node.value("indexes"))
    require_same_shape(cx, x, indexes)
    height, width = x.shape[2:]
    if height is None or width is None:
        raise cx.error("AF0306", "F.upsampling_2d of images whose size isn't known while compiling")
    kh, kw = node.kh, node.kw
    outs = []
    for size, k, s, p, out in (
        (height, kh, node.sy, node.ph, node.outh),
        (width, kw, node.sx, node.pw, node.outw),
    ):
        known = conv.get_deconv_outsize(size, k, s, p, cover_all=node.cover_all)
        outs.append(known if out is None else out)
        if conv.get_conv_outsize(outs[-1], k, s, p, node.cover_all) != size:
            invalid_type(cx, f"in_types[0].shape == {size}", "outsize doesn't fit")
    _require_places(cx, indexes, kh * kw)
    rows = _windows_over(outs[0], height, kh, node.sy, node.ph)
    columns = _windows_over(outs[1], width, kw, node.sx, node.pw)
    total = None
    for row, dy in rows:
        for column, dx in columns:
            there = (dy >= 0)[:, None] & (dx >= 0)[None, :]
            wanted = np.where(there, dy[:, None] * kw + dx[None, :], -1)
            hit = cx.call_op(
                "equal", _picked(cx, indexes, row, column), constant(cx, wanted, indexes.dtype)
            )
            zero = constant(cx, 0, x.dtype)
            term = cx.call_op("where", hit, _picked(cx, x, row, column), zero)
            total = term if total is None else cx.call_op("add", total, term)
    return total  # type: ignore[return-value]


def _require_places(cx: Any, indexes: Tensor, count: int) -> None:
    """An IndexError for a place that isn't in its window."""
    if not cx.checks:
        return
    low = cx.call_op("greater_equal", indexes, constant(cx, 0, indexes.dtype))
    high = cx.call_op("less", indexes, constant(cx, count, indexes.dtype))
    fine = cx.call_op("all", cx.call_op("logical_and", low, high))
    cx.check(Scalar(fine.expr, bool), IndexError(f"an index is out of bounds for size {count}"))


def _windows_over(out: int, count: int, k: int, s: int, p: int) -> list[Any]:
    """Of each place along an axis the windows that it's in, and where in them (-1: in no more)."""
    offset = np.arange(out)[:, None] + p - np.arange(count)[None, :] * s
    inside = (offset >= 0) & (offset < k)
    found = []
    for _ in range(max(1, int(inside.sum(axis=1).max(initial=0)))):
        window = inside.argmax(axis=1)
        places = np.arange(out)
        found.append((window, np.where(inside.any(axis=1), offset[places, window], -1)))
        inside[places, window] = False
    return found


def _picked(cx: Any, x: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    x = cx.call_op("take", x, constant(cx, rows, "int64"), axis=2, mode="clip")
    return cx.call_op("take", x, constant(cx, columns, "int64"), axis=3, mode="clip")  # type: ignore[no-any-return]
