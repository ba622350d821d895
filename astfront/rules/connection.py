"""chainer/functions/connection: linear maps and convolutions.

The other functions there (depthwise, dilated and local convolutions) are compiled
from their source.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np
from chainer.functions.connection import (
    bilinear,
    convolution_2d,
    convolution_nd,
    deconvolution_2d,
    deconvolution_nd,
    embed_id,
    linear,
    shift,
)
from chainer.utils.type_check import InvalidType

from astfront.rules.array.images import require_places, window_count
from astfront.rules.array.shape import reshape_to
from astfront.rules.gathered_convolutions import convolved, deconvolved
from astfront.rules.registry import node_rule
from astfront.rules.sizes import (
    constant,
    counting,
    dims_of,
    equal,
    guarded,
    product,
    same_dim,
    slice_axis,
    take_checked,
)
from astfront.values import NONE, Static, Tensor, Value, is_none

Ints = tuple[int, ...]

#: TVM has no grouped convolution of staged sizes: but of float32, there's one for each group.
_MOST_GROUPS = 64


@node_rule(linear.LinearFunction)
def linear_function(cx: Any, node: Any, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    fits = [same_dim(cx, x, 1, w, 1)]
    if b is not None:
        fits.append(same_dim(cx, b, 0, w, 0))

    def compute() -> Tensor:
        if 0 in (*x.shape, *w.shape):
            y = _zeros(cx, (x.shape[0], w.shape[0]), x.dtype)  # nn.dense has no code for nothing
        else:
            a, c = _operands(cx, x, w)
            depth = c.shape[1] if a.shape[1] is None else a.shape[1]
            a, c = cx.b.refine(a, (a.shape[0], depth)), cx.b.refine(c, (c.shape[0], depth))
            if None in c.shape:
                # TVM packs a dense's second operand, for which it has to know its sizes.
                y = cx.call_op("nn.matmul", a, cx.call_op("transpose", c, axes=(1, 0)))
            else:
                y = cx.call_op("nn.dense", a, c)
            y = cx.cast(y, x.dtype)
        return y if b is None else _add_bias(cx, y, b, axis=1)

    return guarded(cx, fits, InvalidType("x.shape[1] == W.shape[1]", "they differ"), compute)


def _zeros(cx: Any, shape: Sequence[Any], dtype: np.dtype[Any]) -> Tensor:
    if None in shape:
        raise cx.error("AF0306", "a product over an axis of size 0 with a staged batch size")
    return cx.b.call("zeros", shape=tuple(shape), dtype=dtype.name)  # type: ignore[no-any-return]


def _operands(cx: Any, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs in the dtype that numpy computes in: it adds up float16 as float32."""
    dtype = np.promote_types(x.dtype, w.dtype)
    if dtype == np.float16:
        dtype = np.dtype("float32")
    return cx.cast(x, dtype), cx.cast(w, dtype)


def _add_bias(cx: Any, y: Tensor, b: Tensor, axis: int) -> Tensor:
    """``y += b``, which keeps y's dtype."""
    channels, size = y.shape[axis], b.shape[0]
    if size == 1:
        b = cx.call_op("reshape", b, newshape=())
    elif None not in (channels, size) and channels != size:
        shapes = f"{y.shape} and {b.shape}"
        cx.raise_python(ValueError(f"operands could not be broadcast together: {shapes}"))
    dtype = np.promote_types(y.dtype, b.dtype)
    add = "add" if size == 1 else "nn.bias_add"
    attrs = {} if size == 1 else {"axis": axis}
    wide = cx.call_op(add, cx.cast(y, dtype), cx.cast(b, dtype), **attrs)
    return cx.cast(wide, y.dtype)  # type: ignore[no-any-return]


@node_rule(bilinear.BilinearFunction)
def bilinear_function(cx: Any, node: Any, x: Tensor, y: Tensor, w: Tensor, *more: Tensor) -> Tensor:
    """``einsum('ij,ik,jkl->il', x, y, W)``, and the linear terms."""
    j, k, out = dims_of(cx, w)
    pairs_of = product(cx, [j, k])
    left = reshape_to(cx, x, [cx.dim_of(x, 0), j])
    right = reshape_to(cx, y, [cx.dim_of(y, 0), k])

    def times(a: Tensor, v: Tensor) -> Tensor:
        return cx.call(Static(np.matmul), [a, v], {})  # type: ignore[no-any-return]

    def compute() -> Tensor:
        pairs = cx.call_op(
            "multiply",
            cx.call_op("expand_dims", left, axis=2),
            cx.call_op("expand_dims", right, axis=1),
        )
        flat = reshape_to(cx, pairs, [cx.dim_of(x, 0), pairs_of])
        z = times(flat, reshape_to(cx, w, [pairs_of, out]))
        for a, v in zip((left, right), more):
            z = cx.call_op("add", z, times(a, v))
        return cx.call_op("nn.bias_add", z, more[2], axis=1) if more else z  # type: ignore[no-any-return]

    fits = [same_dim(cx, x, 0, y, 0)]
    for v, size in zip(more, (j, k, out)):
        fits.append(equal(cx, cx.dim_of(v, 0), size))
        fits.append(equal(cx, cx.dim_of(v, v.ndim - 1), out))
    return guarded(cx, fits, InvalidType("the sizes of e1, e2, W, V1, V2, b", "differ"), compute)


# --- convolution -----------------------------------------------------------------------------


@node_rule(convolution_2d.Convolution2DFunction)
def convolution_2d_function(
    cx: Any, node: Any, x: Tensor, w: Tensor, b: Tensor | None = None
) -> Tensor:
    if node.cudnn_fast:
        cx.raise_python(RuntimeError("'cudnn_fast' can't be used in the CPU backend"))
    return _convolution(
        cx, x, w, b, (node.sy, node.sx), (node.ph, node.pw), (node.dy, node.dx),
        node.value("groups"), node.cover_all,
    )  # fmt: skip


@node_rule(convolution_nd.ConvolutionND)
def convolution_nd_function(
    cx: Any, node: Any, x: Tensor, w: Tensor, b: Tensor | None = None
) -> Tensor:
    groups = node.value("groups")
    return _convolution(cx, x, w, b, node.stride, node.pad, node.dilate, groups, node.cover_all)


def _convolution(
    cx: Any,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Sequence[int],
    pad: Sequence[int],
    dilate: Sequence[int],
    grouped: Value,
    cover_all: bool,
) -> Tensor:
    """Chainer's im2col pads by ``stride - 1`` more on the right for ``cover_all``."""
    axes = [*zip(stride, pad, dilate)]
    if not w.is_static_shape or not isinstance(grouped, Static) or _has_no_operator(x, grouped.obj):
        return convolved(cx, x, w, b, axes, grouped, cover_all)
    groups = int(grouped.obj)

    def compute(x: Tensor) -> Tensor:
        ends = [p + s - 1 if cover_all else p for p, s in zip(pad, stride)]
        spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilate)]  # type: ignore[operator]
        require_places(cx, x, spans, pad, ends)
        if w.shape[0] % groups:  # type: ignore[operator]
            cx.raise_python(
                TypeError("The number of groups must be a divisor of that of output channels")
            )
        a, c = _operands(cx, x, w)
        y = _conv(cx, a, c, tuple(stride), tuple(pad), tuple(ends), tuple(dilate), groups)
        y = cx.cast(y, x.dtype)
        return y if b is None else _add_bias(cx, y, b, axis=1)

    error = InvalidType("x.shape[1] == W.shape[1] * groups", "they differ")
    return _of_channels(cx, x, w.shape[1] * groups, error, compute)  # type: ignore[operator]


def _has_no_operator(x: Tensor, groups: int) -> bool:
    """Whether TVM can't convolve it: for its dimensions, or its many groups where sizes are staged."""
    many = groups > _MOST_GROUPS and x.dtype != "float32" and not x.is_static_shape
    return x.ndim > 5 or many


def _of_channels(
    cx: Any, x: Tensor, channels: int, error: Exception, compute: Callable[[Tensor], Tensor]
) -> Tensor:
    """``compute(x)`` for so many channels, which are checked: TVM checks nothing at run time."""

    def known() -> Tensor:
        return compute(cx.b.refine(x, (x.shape[0], channels, *x.shape[2:])))

    return guarded(cx, [equal(cx, cx.dim_of(x, 1), Static(channels))], error, known)


def _conv(
    cx: Any, x: Tensor, w: Tensor, stride: Ints, begin: Ints, end: Ints, dilate: Ints, groups: int
) -> Tensor:
    ndim = x.ndim - 2
    if ndim == 1:
        # As an image of height 1: TVM has no good code for one dimension, and none for staged sizes.
        x2, w2 = (cx.call_op("expand_dims", v, axis=2) for v in (x, w))
        y = _conv(cx, x2, w2, (1, *stride), (0, *begin), (0, *end), (1, *dilate), groups)
        return cx.call_op("squeeze", y, axis=[2])  # type: ignore[no-any-return]
    if ndim == 3 and not x.is_static_shape:
        return _conv_3d_staged(cx, x, w, stride, begin, end, dilate, groups)
    return cx.call_op(  # type: ignore[no-any-return]
        f"nn.conv{ndim}d", x, w, strides=stride, padding=(*begin, *end), dilation=dilate,
        groups=groups, channels=w.shape[0], kernel_size=w.shape[2:],
    )  # fmt: skip


def _conv_3d_staged(
    cx: Any, x: Tensor, w: Tensor, stride: Ints, begin: Ints, end: Ints, dilate: Ints, groups: int
) -> Tensor:
    """TVM has none: as a convolution of planes, each with those behind it as further channels."""
    channels, size = x.shape[1], w.shape[2]
    padded = _pad_spatial(cx, x, (begin[0], 0, 0), (end[0], 0, 0))
    count = window_count(cx, cx.dim_of(padded, 2), size, stride[0], 0, dilate[0])  # type: ignore[arg-type]
    first = cx.call_op("multiply", counting(cx, count), constant(cx, stride[0], "int64"))
    behind = constant(cx, np.arange(size) * dilate[0], "int64")  # type: ignore[arg-type]
    index = cx.call_op("add", cx.call_op("expand_dims", first, axis=1), behind)
    planes = cx.call_op("take", padded, index, axis=2, mode="clip")
    planes = cx.call_op("transpose", planes, axes=(0, 2, 1, 3, 4, 5))
    batch, rest = cx.dim_of(x, 0), [cx.dim_of(x, 3), cx.dim_of(x, 4)]
    folded = [Static(-1), Static(channels * size), *rest]  # type: ignore[operator]
    planes = reshape_to(cx, planes, folded)
    kernel = cx.call_op("reshape", w, newshape=(w.shape[0], -1, *w.shape[3:]))
    y = _conv(cx, planes, kernel, stride[1:], begin[1:], end[1:], dilate[1:], groups)
    shape = [batch, count, *(cx.dim_of(y, axis) for axis in (1, 2, 3))]
    return cx.call_op("transpose", reshape_to(cx, y, shape), axes=(0, 2, 1, 3, 4))  # type: ignore[no-any-return]


def _pad_spatial(cx: Any, x: Tensor, begin: Ints, end: Ints) -> Tensor:
    width = ((0, 0), (0, 0), *zip(begin, end))
    return cx.call_op("nn.pad", x, pad_width=width)  # type: ignore[no-any-return]


# --- transposed convolution ------------------------------------------------------------------


@node_rule(deconvolution_2d.Deconvolution2DFunction)
def deconvolution_2d_function(
    cx: Any, node: Any, x: Tensor, w: Tensor, b: Tensor | None = None
) -> Tensor:
    return _deconvolution(
        cx, x, w, b, (node.sy, node.sx), (node.ph, node.pw),
        (node.value("outh"), node.value("outw")), (node.dy, node.dx), node.value("groups"),
        RuntimeError("The size of the output must be positive."),
    )  # fmt: skip


@node_rule(deconvolution_nd.DeconvolutionND)
def deconvolution_nd_function(
    cx: Any, node: Any, x: Tensor, w: Tensor, b: Tensor | None = None
) -> Tensor:
    given = node.value("outs")
    nowhere = isinstance(given, Static) and given.obj is None
    outs = [NONE] * node.ndim if nowhere else cx.items_of(given)
    groups = node.value("groups")
    nothing = AssertionError("Output sizes should be positive.")
    return _deconvolution(cx, x, w, b, node.stride, node.pad, outs, node.dilate, groups, nothing)


def _deconvolution(
    cx: Any,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Sequence[int],
    pad: Sequence[int],
    sizes: Sequence[Value],
    dilate: Sequence[int],
    grouped: Value,
    nothing: Exception,
) -> Tensor:
    if not (
        w.is_static_shape
        and isinstance(grouped, Static)
        and all(isinstance(n, Static) for n in sizes)
        and not _has_no_operator(x, grouped.obj)
        and not _has_staged_end(x, w, pad, sizes, dilate)
    ):
        axes = [*zip(stride, pad, dilate)]
        return deconvolved(cx, x, w, b, axes, grouped, sizes, nothing)
    groups, outs = int(grouped.obj), [n.obj for n in sizes]  # type: ignore[attr-defined]

    def compute(x: Tensor) -> Tensor:
        if w.shape[0] % groups:  # type: ignore[operator]
            cx.raise_python(
                TypeError("The number of groups must be a divisor of that of input channels")
            )
        spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilate)]  # type: ignore[operator]
        extras = []
        for size, span, s, p, out in zip(x.shape[2:], spans, stride, pad, outs):
            if size is None:
                extras.append(0)
                continue
            plain = s * (size - 1) + span - 2 * p
            if (plain if out is None else out) <= 0:
                cx.raise_python(nothing)
            extras.append(0 if out is None else out - plain)
        a, c = _operands(cx, x, w)
        y = cx.cast(_deconv(cx, a, c, tuple(stride), pad, extras, dilate, groups), x.dtype)
        return y if b is None else _add_bias(cx, y, b, axis=1)

    error = InvalidType("x.shape[1] == W.shape[0]", "they differ")
    return _of_channels(cx, x, w.shape[0], error, compute)  # type: ignore[arg-type]


def _has_staged_end(x: Tensor, w: Tensor, pad: Any, sizes: Sequence[Value], dilate: Any) -> bool:
    """Whether a staged size is to become another, or more of it is cut than the kernel adds."""
    for size, k, p, out, d in zip(x.shape[2:], w.shape[2:], pad, sizes, dilate):
        if size is None and (p > (k - 1) * d or not is_none(out)):  # type: ignore[operator]
            return True
    return False


def _deconv(
    cx: Any, x: Tensor, w: Tensor, stride: Ints, pad: Any, extras: Any, dilate: Any, groups: int
) -> Tensor:
    """``extras`` is by how much the output is larger (or smaller) than it comes out by itself."""
    ndim = x.ndim - 2
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilate)]  # type: ignore[operator]
    simple = (
        ndim == 2
        and x.is_static_shape
        and all(0 <= e < s for e, s in zip(extras, stride))
        and all(p < span for p, span in zip(pad, spans))
        and all(d == 1 for d in dilate)
    )
    if simple:
        return cx.call_op(  # type: ignore[no-any-return]
            "nn.conv2d_transpose", x, w, strides=stride, padding=(*pad, *pad), groups=groups,
            output_padding=tuple(extras), channels=w.shape[1] * groups,  # type: ignore[operator]
            kernel_size=w.shape[2:],
        )  # fmt: skip
    # Otherwise what it's defined by: a convolution of the input spread out by the strides.
    spread = cx.call_op("nn.dilate", x, strides=(1, 1, *stride)) if max(stride) > 1 else x
    begin = [span - 1 - p for span, p in zip(spans, pad)]
    end = [n + e for n, e in zip(begin, extras)]
    kernel = _transposed_kernel(cx, w, groups)
    cut = [(max(-n, 0), max(-e, 0)) for n, e in zip(begin, end)]
    y = _conv(
        cx, spread, kernel, (1,) * ndim, tuple(max(n, 0) for n in begin),
        tuple(max(e, 0) for e in end), tuple(dilate), groups,
    )  # fmt: skip
    for i, (first, last) in enumerate(cut):
        if first or last:
            size = y.shape[2 + i]
            y = slice_axis(cx, y, 2 + i, Static(first), Static(size - last))  # type: ignore[operator]
    return y


def _transposed_kernel(cx: Any, w: Tensor, groups: int) -> Tensor:
    """(in, out / groups, …) → (out, in / groups, …), turned round along all other axes."""
    inputs, outputs, *ksize = w.shape
    axes = range(2, w.ndim)
    for axis in axes:
        w = cx.call_op("reverse", w, axis=axis)
    if groups == 1:
        return cx.call_op("transpose", w, axes=(1, 0, *axes))  # type: ignore[no-any-return]
    each = inputs // groups  # type: ignore[operator]
    w = cx.call_op("reshape", w, newshape=(groups, each, outputs, *ksize))
    w = cx.call_op("transpose", w, axes=(0, 2, 1, *range(3, w.ndim)))
    return cx.call_op("reshape", w, newshape=(groups * outputs, each, *ksize))  # type: ignore[operator, no-any-return]


# --- embedding -------------------------------------------------------------------------------


@node_rule(embed_id.EmbedIDFunction)
def embed_id_function(cx: Any, node: Any, x: Tensor, w: Tensor) -> Tensor:
    """``W[x]``, with rows of zeros for ``ignore_label``."""
    label = node.ignore_label
    if label is None:
        return take_checked(cx, w, x)
    ignored = cx.call_op("equal", x, constant(cx, label, x.dtype))
    rows = take_checked(cx, w, cx.call_op("where", ignored, constant(cx, 0, x.dtype), x))
    mask = cx.call_op("expand_dims", ignored, axis=x.ndim)
    return cx.call_op("where", mask, constant(cx, 0, w.dtype), rows)  # type: ignore[no-any-return]


# --- shift -----------------------------------------------------------------------------------


@node_rule(shift.Shift)
def shift_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """A rule because the source gathers parts of several shapes in a list, in a loop."""
    channels, height, width = dims_of(cx, x)[1:]
    kh, kw, dy, dx = node.kh, node.kw, node.dy, node.dx
    some = cx.compare(gast.GtE(), channels, Static(kh * kw))
    cx.check(some, InvalidType(f"x.shape[1] >= {kh * kw}", "it is less"))
    py, px = kh // 2 * abs(dy), kw // 2 * abs(dx)
    padded = _pad_spatial(cx, x, (py, px), (py, px))
    groups = kh * kw
    size, centre = cx.binary_op(operator.floordiv, channels, Static(groups)), (groups - 1) // 2

    def plus(a: Value, b: int) -> Value:
        return cx.binary_op(operator.add, a, Static(b))  # type: ignore[no-any-return]

    def times(a: Value, b: int) -> Value:
        return cx.binary_op(operator.mul, a, Static(b))  # type: ignore[no-any-return]

    parts = []
    for i in range(groups):
        group = {centre: groups - 1, groups - 1: centre}.get(i, i)  # the centre comes last
        top = py - (group // kw - py // abs(dy)) * dy
        left = px - (group % kw - px // abs(dx)) * dx
        end = channels if i == groups - 1 else times(size, i + 1)
        part = slice_axis(cx, padded, 1, times(size, i), end)
        part = slice_axis(cx, part, 2, Static(top), plus(height, top))
        parts.append(slice_axis(cx, part, 3, Static(left), plus(width, left)))
    return cx.call_op("concatenate", parts, axis=1) if groups > 1 else parts[0]  # type: ignore[no-any-return]
