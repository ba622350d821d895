"""chainer/functions/pooling. Spatial pyramid pooling is compiled from its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

from astfront.rules.registry import node_rule
from astfront.rules.sizes import constant, needs_static
from astfront.values import Tensor


@node_rule(max_pooling_nd.MaxPoolingND)
def max_pooling(cx: Any, node: Any, x: Tensor) -> Tensor:
    """``cover_all`` pads by ``stride - 1`` more at the end, as Chainer's im2col does."""
    if node.return_indices:
        cx.fail(
            "AF0306",
            "max pooling with return_indices=True isn't supported",
            help="leave it out; for upsampling, F.unpooling_2d needs no indices",
        )
    ends = [p + s - 1 if node.cover_all else p for p, s in zip(node.pad, node.stride)]
    y = _pool(cx, "max", x, node.ksize, node.stride, node.pad, ends)
    # TVM's maximum starts from the least finite number; of nothing but padding it's -inf.
    least = constant(cx, np.finfo(x.dtype).min, x.dtype)
    nothing = cx.call_op("less_equal", y, least)
    return cx.call_op("where", nothing, constant(cx, -np.inf, x.dtype), y)  # type: ignore[no-any-return]


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
    if ndim == 3:
        needs_static(cx, x, "3-d pooling")
    for size, k, s, before, after in zip(x.shape[2:], ksize, stride, pad, ends):
        if size is not None and (size + before + after - k) // s + 1 <= 0:
            cx.raise_python(AssertionError("Output sizes should be positive."))
    return cx.call_op(  # type: ignore[no-any-return]
        f"nn.{kind}_pool{ndim}d", x, pool_size=tuple(ksize), strides=tuple(stride),
        padding=(*pad, *ends), **attrs,
    )  # fmt: skip


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
    raise cx.error(
        "AF0306",
        "F.upsampling_2d isn't supported: it needs the indices of max pooling",
        help="F.unpooling_2d needs none",
    )
