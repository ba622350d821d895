"""chainer/functions/pooling. Spatial pyramid pooling is compiled from its source."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
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
from chainer.utils.type_check import InvalidType

from astfront.rules import staged_windows
from astfront.rules.array.images import require_places, window_count, windows
from astfront.rules.array.shape import reshape_to
from astfront.rules.nodes import require_same_shape
from astfront.rules.registry import node_rule
from astfront.rules.sizes import (
    constant,
    dims_of,
    equal,
    evaluated,
    guarded,
    product,
    take_checked,
)
from astfront.values import NONE, Static, Tensor, Value


@node_rule(max_pooling_nd.MaxPoolingND)
def max_pooling(cx: Any, node: Any, x: Tensor) -> Tensor:
    """``cover_all`` pads by ``stride - 1`` more at the end, as Chainer's im2col does."""
    _require_items(cx, x)
    if (axes := _staged_windows(cx, node, ("ksize", "stride", "pad"))) is not None:
        if node.return_indices or node.is_kept:
            found = staged_windows.max_and_place(cx, x, axes, node.cover_all)
            node.set("indexes", found.items[1])
            return found.items[0]  # type: ignore[return-value]
        return staged_windows.max_pooled(cx, x, axes, node.cover_all)
    if node.return_indices or node.is_kept:
        return _max_and_place(cx, node, x)
    ends = [p + s - 1 if node.cover_all else p for p, s in zip(node.pad, node.stride)]
    return _pool(cx, "max", x, node.ksize, node.stride, node.pad, ends)


def _staged_windows(
    cx: Any, node: Any, names: tuple[str, str, str]
) -> list[tuple[Value, Value, Value]] | None:
    """Of each axis the windows' size, stride and padding, where they aren't all known."""
    kinds = [cx.items_of(node.value(name)) for name in names]
    if staged_windows.are_known(*itertools.chain(*kinds)):
        return None
    return list(zip(*kinds))


def _require_items(cx: Any, x: Tensor) -> None:
    """Part of the check of types of Chainer's nodes for n dimensions."""
    some = cx.compare(gast.Gt(), product(cx, dims_of(cx, x)), Static(0))
    cx.check(some, InvalidType("in_types[0].size > 0", "0 <= 0"))


def _max_and_place(cx: Any, node: Any, x: Tensor) -> Tensor:
    """The largest item of each window, and where in the window it is: the first of equal ones."""
    columns = windows(cx, x, node.ksize, node.stride, node.pad, node.cover_all, fill=-np.inf)
    node.set("indexes", cx.cast(cx.call_op("argmax", columns, axis=2), np.dtype("int64")))
    return cx.call_op("max", columns, axis=2)  # type: ignore[no-any-return]


@node_rule(average_pooling_2d.AveragePooling2D)
def average_pooling_2d_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    axes = [tuple(map(node.value, names)) for names in (("kh", "sy", "ph"), ("kw", "sx", "pw"))]
    if not staged_windows.are_known(*axes[0], *axes[1]):
        return _average_of_staged(cx, x, axes, include=True)
    pad = (node.ph, node.pw)
    return _average(cx, x, (node.kh, node.kw), (node.sy, node.sx), pad, include=True)


@node_rule(average_pooling_nd.AveragePoolingND)
def average_pooling_nd_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    _require_items(cx, x)
    include = node.pad_value is not None
    if (axes := _staged_windows(cx, node, ("ksize", "stride", "pad"))) is not None:
        return _average_of_staged(cx, x, axes, include)
    if not include and any(k <= p for k, p in zip(node.ksize, node.pad)):
        cx.fail("AF0306", "average pooling with pad_value=None and windows that are all padding")
    return _average(cx, x, node.ksize, node.stride, node.pad, include)


def _average(cx: Any, x: Tensor, ksize: Any, stride: Any, pad: Any, include: bool) -> Tensor:
    """numpy averages float16 in float32."""
    wide = cx.cast(x, "float32") if x.dtype == np.float16 else x
    y = _pool(cx, "avg", wide, ksize, stride, pad, pad, count_include_pad=include)
    return cx.cast(y, x.dtype)  # type: ignore[no-any-return]


def _average_of_staged(cx: Any, x: Tensor, axes: Any, include: bool) -> Tensor:
    wide = cx.cast(x, "float32") if x.dtype == np.float16 else x
    return cx.cast(staged_windows.averaged(cx, wide, axes, include), x.dtype)  # type: ignore[no-any-return]


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
    if ndim > 3 or (ndim == 3 and not x.is_static_shape):
        return _pool_first_apart(cx, kind, x, ksize, stride, pad, ends, **attrs)
    require_places(cx, x, ksize, pad, ends)
    return cx.call_op(  # type: ignore[no-any-return]
        f"nn.{kind}_pool{ndim}d", x, pool_size=tuple(ksize), strides=tuple(stride),
        padding=(*pad, *ends), **attrs,
    )  # fmt: skip


def _pool_first_apart(
    cx: Any, kind: str, x: Tensor, ksize: Any, stride: Any, pad: Any, ends: Any, **attrs: Any
) -> Tensor:
    """Over all axes but the first, and then over that.

    TVM pools no image of more than 3 dimensions, and of 3 none of staged sizes.
    """
    sizes = dims_of(cx, x)
    inner_axes = reshape_to(cx, x, [sizes[0], product(cx, sizes[1:3]), *sizes[3:]])
    y = _pool(cx, kind, inner_axes, ksize[1:], stride[1:], pad[1:], ends[1:], **attrs)
    inner = dims_of(cx, y)[2:]
    rows = reshape_to(cx, y, [*sizes[:3], product(cx, inner)])
    first = [(v[0], n) for v, n in ((ksize, 1), (stride, 1), (pad, 0), (ends, 0))]
    y = _pool(cx, kind, rows, *first, **attrs)
    return reshape_to(cx, y, [*sizes[:2], cx.dim_of(y, 2), *inner])


# --- the way back ----------------------------------------------------------------------------


@node_rule(unpooling_2d.Unpooling2D)
def unpooling_2d_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    outs = [node.value("outh"), node.value("outw")]
    axes = zip((node.kh, node.kw), (node.sy, node.sx), (node.ph, node.pw), outs)
    return _unpool(cx, x, axes, node.cover_all)


@node_rule(unpooling_nd.UnpoolingND)
def unpooling_nd_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    outs = cx.items_of(node.value("outs")) if node.outs is not None else [NONE] * node.ndim
    return _unpool(cx, x, zip(node.ksize, node.stride, node.pad, outs), node.cover_all)


def _unpool(cx: Any, x: Tensor, axes: Iterable[Any], cover_all: bool) -> Tensor:
    """Each element is added to all places of its window: along one axis after the other."""
    for axis, (k, s, p, out) in enumerate(axes, start=2):
        out = _out_size(cx, cx.dim_of(x, axis), k, s, p, out, cover_all)
        total = None
        for index, place in _windows_over(cx, out, cx.dim_of(x, axis), k, s, p):
            term = cx.call_op("take", x, index, axis=axis, mode="clip")
            if place.const is None or (place.const < 0).any():
                there = cx.call_op("greater_equal", place, constant(cx, 0, place.dtype))
                there = cx.call_op("expand_dims", there, axis=1, num_newaxis=x.ndim - 1 - axis)
                term = cx.call_op("where", there, term, constant(cx, 0, x.dtype))
            total = term if total is None else cx.call_op("add", total, term)
        x = total  # type: ignore[assignment]
    return x


def _out_size(cx: Any, size: Value, k: int, s: int, p: int, out: Value, cover_all: bool) -> Value:
    """The size that windows make: what is asked for, if it fits, else that of the windows."""
    if isinstance(out, Static) and out.obj is None:
        made = evaluated(cx, _deconv_outsize, size, *map(Static, (k, s, p, cover_all)))
        return Static(made) if isinstance(made, int) else made  # type: ignore[no-any-return]
    fits = equal(cx, window_count(cx, out, k, s, p, cover_all=cover_all), size)
    error = InvalidType("the input has as many places as outsize has windows", "it hasn't")
    guarded(cx, [fits], error, lambda: constant(cx, 0, bool))
    return out


def _windows_over(
    cx: Any, out: Value, size: Value, k: int, s: int, p: int
) -> list[tuple[Tensor, Tensor]]:
    """Of each place along an axis the windows that it's in, and where in them (-1: in no more)."""
    sizes = [out, size, *map(Static, (k, s, p))]
    index = [evaluated(cx, _window_over, Static(turn), *sizes) for turn in range(-(-k // s))]
    place = [evaluated(cx, _place_in, Static(turn), *sizes) for turn in range(-(-k // s))]
    return list(zip(index, place))


@node_rule(upsampling_2d.Upsampling2D)
def upsampling_2d_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Each element goes to one place of its window; where windows overlap, they add up.

    As a matter of gathering: a place of the result is in a few windows, and gets the element of
    each whose index says so.
    """
    given = node.value("indexes")
    cx.get_attribute(given, "shape")  # what isn't an array has none: AttributeError
    indexes = cx.as_tensor(given)
    if indexes.dtype.kind not in "iu":
        cx.raise_python(IndexError("arrays used as indices must be of integer (or boolean) type"))
    require_same_shape(cx, x, indexes)
    kh, kw = node.kh, node.kw
    over = []
    for axis, k, s, p, name in (
        (2, kh, node.sy, node.ph, "outh"),
        (3, kw, node.sx, node.pw, "outw"),
    ):
        size = cx.dim_of(x, axis)
        out = _out_size(cx, size, k, s, p, node.value(name), node.cover_all)
        over.append(_windows_over(cx, out, size, k, s, p))
    indexes = _places_within(cx, indexes, kh * kw)
    zero, width = constant(cx, 0, x.dtype), constant(cx, kw, "int64")
    total = None
    for row, dy in over[0]:
        for column, dx in over[1]:
            dy_ = cx.call_op("expand_dims", dy, axis=1)
            wanted = cx.call_op("add", cx.call_op("multiply", dy_, width), dx)
            negative = cx.call_op("less", cx.call_op("minimum", dy_, dx), constant(cx, 0, "int64"))
            wanted = cx.call_op("where", negative, constant(cx, -1, "int64"), wanted)
            hit = cx.call_op(
                "equal", _picked(cx, indexes, row, column), cx.cast(wanted, indexes.dtype)
            )
            term = cx.call_op("where", hit, _picked(cx, x, row, column), zero)
            total = term if total is None else cx.call_op("add", total, term)
    return total  # type: ignore[return-value]


def _places_within(cx: Any, indexes: Tensor, count: int) -> Tensor:
    """Places in windows of ``count``, negative ones counted from the end; IndexError for others."""
    places = constant(cx, np.arange(count), "int64")
    return take_checked(cx, places, indexes)


def _picked(cx: Any, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    x = cx.call_op("take", x, rows, axis=2, mode="clip")
    return cx.call_op("take", x, columns, axis=3, mode="clip")  # type: ignore[no-any-return]


# What follows is run where the sizes are known, and else compiled.


def _deconv_outsize(size, k, s, p, cover_all):  # type: ignore[no-untyped-def]
    return conv.get_deconv_outsize(size, k, s, p, cover_all=cover_all)


def _window_over(turn, out, size, k, s, p):  # type: ignore[no-untyped-def]
    """The windows, counted back from the last one that a place may be in; held within the image."""
    return np.clip((np.arange(out) + p) // s - turn, 0, size - 1)


def _place_in(turn, out, size, k, s, p):  # type: ignore[no-untyped-def]
    """Where in that window each place is, or -1 if it isn't."""
    places = np.arange(out) + p
    window = places // s - turn
    there = (window >= 0) & (window < size) & (places - window * s < k)
    return np.where(there, places - window * s, -1)
