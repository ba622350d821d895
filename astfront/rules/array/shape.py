"""chainer/functions/array: other shapes of the same elements, and other dtypes."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import chainer
import chainer.functions as F
import gast
import numpy as np
from chainer.backends import cuda
from chainer.functions.array import (
    broadcast,
    cast,
    expand_dims,
    moveaxis,
    reshape,
    rollaxis,
    squeeze,
    swapaxes,
    transpose,
)
from chainer.utils.type_check import InvalidType

from astfront.control.endings import Shortened
from astfront.descriptions import describe
from astfront.rules.registry import StaticArg, node_rule, rule
from astfront.rules.sizes import (
    dims_of,
    equal,
    guarded,
    known_parts,
    product,
    shape_tensor,
    with_dims,
)
from astfront.values import NONE, Scalar, Static, Tensor, Value


@rule(F.reshape)
def reshape_rule(cx: Any, x: Tensor, shape: Value) -> Value:
    """A rule because Chainer's ``if x.shape == shape`` would be a staged branch."""
    return reshape_to(cx, x, cx.items_of(shape))


@rule(F.flatten)
def flatten(cx: Any, x: Tensor) -> Value:
    """A rule because ``reshape(x, (x.size,))`` would check the size at run time."""
    if x.ndim == 1:
        return x
    return reshape_to(cx, x, [Static(-1)])


@node_rule(reshape.Reshape)
def reshape_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return reshape_to(cx, x, cx.items_of(node.value("shape")))


def reshape_to(cx: Any, x: Tensor, sizes: Sequence[Value]) -> Tensor:
    """``x.reshape(sizes)``, where one size may be -1 and any may be staged."""
    sizes = [_size(cx, s) for s in sizes]
    unknown = [i for i, s in enumerate(sizes) if isinstance(s, Static) and s.obj < 0]
    if len(unknown) > 1:
        cx.raise_python(AssertionError())
    exception = InvalidType("prod(x.shape) == prod(shape)", f"{describe(x)} has another size")
    if x.is_static_shape and all(isinstance(s, Static) for s in sizes):
        target = [s.obj for s in sizes]  # type: ignore[attr-defined]
        try:
            found = np.broadcast_to(np.zeros((), bool), known_shape(x)).reshape(target).shape
        except ValueError as e:
            # Of -1 beside a 0 Chainer leaves it to numpy.
            cx.raise_python(e if unknown and 0 in target else exception)
        if found == x.shape:
            return x
        if 0 in found:
            # Relay reads a 0 as "as in the input".
            return x.viewed_as(cx.call_op("zeros", shape=found, dtype=x.dtype.name))
        return x.viewed_as(cx.call_op("reshape", x, newshape=found))
    if unknown:
        fits, sizes = _inferred(cx, x, sizes, unknown[0], exception)
    else:
        items, known = known_parts(cx, x, sizes) or (0, 1)
        fits = []
        if items != known:
            fits = [equal(cx, product(cx, dims_of(cx, x)), product(cx, sizes))]
        fits += [_not_negative(cx, s) for s in sizes]
    return x.viewed_as(guarded(cx, fits, exception, lambda: reshape_fitting(cx, x, sizes)))


def known_shape(x: Tensor) -> tuple[int, ...]:
    """The sizes of an array of which all are known."""
    return tuple(d for d in x.shape if d is not None)


def reshape_fitting(cx: Any, x: Tensor, sizes: Sequence[Value]) -> Tensor:
    """The reshape itself, of sizes that fit; one may be a static -1."""
    staged = [s for s in sizes if not isinstance(s, Static) or s.obj < 0]
    zero = any(isinstance(s, Static) and s.obj == 0 for s in sizes)  # Relay: "keep this size"
    if len(staged) <= 1 and not zero:
        target = tuple(s.obj if isinstance(s, Static) else -1 for s in sizes)
        return cx.call_op("reshape", x, newshape=target)  # type: ignore[no-any-return]
    reshaped = cx.b.call("reshape", x, shape_tensor(cx, sizes))
    return with_dims(cx, reshaped, [s.obj if isinstance(s, Static) else None for s in sizes])


def _size(cx: Any, size: Value) -> Value:
    """One entry of a shape as a Static int or a staged one."""
    if isinstance(size, Tensor):
        size = cx.tensor_to_scalar(size)
    if isinstance(size, Static):
        return cx.run_python(operator.index, size.obj)  # type: ignore[no-any-return]
    if not isinstance(size, Scalar) or size.type is float:
        cx.raise_python(TypeError(f"{describe(size)} cannot be interpreted as an integer"))
    return size


def _not_negative(cx: Any, size: Value) -> Value:
    return cx.compare(gast.GtE(), size, Static(0))  # type: ignore[no-any-return]


def _inferred(
    cx: Any, x: Tensor, sizes: Sequence[Value], at: int, exception: BaseException
) -> tuple[list[Value], list[Value]]:
    """What must hold for the -1 at ``at``, and the sizes, with the one it stands for if need be."""
    others = [s for i, s in enumerate(sizes) if i != at]
    rest = product(cx, others)
    if isinstance(rest, Static):
        if rest.obj == 0:
            cx.raise_python(ValueError("cannot reshape an array into a shape with 0 beside -1"))
        known = math.prod(d for d in x.shape if d is not None)
        if known and known % rest.obj == 0:
            return [], list(sizes)
    # Zeros pass Chainer's check, and numpy doesn't take them.
    nothing = ValueError(Shortened("cannot reshape array of size 0 into shape"))
    if isinstance(rest, Scalar):
        cx.check(cx.compare(gast.NotEq(), rest, Static(0)), nothing)
    items, known = known_parts(cx, x, others) or (0, 0)
    if items and known and items % known == 0:
        return [], [Static(items // known) if i == at else s for i, s in enumerate(sizes)]
    size = product(cx, dims_of(cx, x))
    fits = [_not_negative(cx, s) for s in others]
    if isinstance(rest, Scalar):
        fits.append(cx.compare(gast.Gt(), rest, Static(0)))
        one = cx.as_scalar(Static(1), int)
        rest = Scalar(cx.b.call("maximum", rest, one).expr, int)
    fits.append(equal(cx, cx.binary_op(operator.mod, size, rest), Static(0)))
    if all(isinstance(s, Static) for s in others):
        return fits, list(sizes)
    inferred = cx.binary_op(operator.floordiv, size, rest)
    return fits, [inferred if i == at else s for i, s in enumerate(sizes)]


@node_rule(transpose.Transpose)
def transpose_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return transpose_to(cx, x, node.axes)


def transpose_to(cx: Any, x: Tensor, axes: Sequence[int] | None) -> Tensor:
    """``x.transpose(axes)``; a ValueError where the axes are no permutation."""
    if axes is None:
        order = tuple(reversed(range(x.ndim)))
    else:
        try:
            order = tuple(np.zeros((1,) * x.ndim).transpose(axes).shape) and tuple(
                int(a) % x.ndim for a in axes
            )
        except (ValueError, TypeError) as e:
            cx.raise_python(e)
    if order == tuple(range(x.ndim)):
        return x
    return x.viewed_as(cx.call_op("transpose", x, axes=order))


@node_rule(swapaxes.Swapaxes)
def swapaxes_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _reordered(cx, x, np.swapaxes, node.axis1, node.axis2)


@node_rule(rollaxis.Rollaxis)
def rollaxis_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _reordered(cx, x, np.rollaxis, node.axis, node.start)


@node_rule(moveaxis.Moveaxis)
def moveaxis_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _reordered(cx, x, np.moveaxis, node.source, node.destination)


def _reordered(cx: Any, x: Tensor, function: Any, *args: Any) -> Tensor:
    """The transpose that ``function`` is, read off from what it does to an array of distinct sizes."""
    try:
        moved = function(np.broadcast_to(np.zeros((), bool), tuple(range(x.ndim))), *args)
    except (ValueError, TypeError) as e:
        cx.raise_python(e)
    return transpose_to(cx, x, moved.shape)


@node_rule(expand_dims.ExpandDims)
def expand_dims_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    axis = node.axis
    return x.viewed_as(cx.call_op("expand_dims", x, axis=axis if axis >= 0 else axis + x.ndim + 1))


@rule(F.squeeze)
def squeeze_rule(cx: Any, x: Value, axis: Value = NONE) -> Value:
    """A rule because without an axis data may decide how many axes there are left."""
    everywhere = isinstance(axis, Static) and axis.obj is None
    if everywhere and isinstance(x, Tensor) and not x.is_static_shape:
        axes = Static(axes_of_ones(x))
        x = cx.call_function_object(chainer.as_variable, x)
        return cx.call_function_object(without_ones, x, axes, Static(F.squeeze))  # type: ignore[no-any-return]
    return cx.call_python(F.squeeze, [x, axis], {})  # type: ignore[no-any-return]


def axes_of_ones(x: Tensor) -> tuple[int, ...]:
    """The axes whose size is 1, or may be, from the last."""
    return tuple(a for a in reversed(range(x.ndim)) if x.shape[a] in (1, None))


def without_ones(x, axes, squeeze):  # type: ignore[no-untyped-def]
    """What's left of an array without its axes of size 1; compiled, with a branch for each."""
    for axis in axes:
        if x.shape[axis] == 1:
            x = squeeze(x, axis)
    return x


@node_rule(squeeze.Squeeze)
def squeeze_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return squeeze_axes(cx, x, node.axis)


def squeeze_axes(cx: Any, x: Tensor, axis: Sequence[int] | None) -> Tensor:
    if axis is None:
        if not x.is_static_shape:
            raise cx.error(
                "AF0306",
                "squeeze of an array whose sizes aren't all known: which axes go isn't known",
                help="name the axis: `F.squeeze(x, axis=1)`",
            )
        axis = [i for i, d in enumerate(x.shape) if d == 1]
    axes = sorted({a % x.ndim for a in axis})
    if not axes:
        return x
    error = ValueError("cannot select an axis to squeeze out which has size not equal to one")
    fits = [equal(cx, cx.dim_of(x, a), Static(1)) for a in axes]
    return x.viewed_as(guarded(cx, fits, error, lambda: cx.call_op("squeeze", x, axis=axes)))


@rule(F.broadcast_to)
def broadcast_to_rule(cx: Any, x: Tensor, shape: Value) -> Value:
    """A rule because Chainer's ``if x.shape == shape`` would be a staged branch."""
    return _broadcast_view(cx, x, cx.items_of(shape))


@node_rule(broadcast.BroadcastTo)
def broadcast_to_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _broadcast_view(cx, x, cx.items_of(node.value("_shape")))


def _broadcast_view(cx: Any, x: Tensor, shape: Sequence[Value]) -> Tensor:
    made = broadcast_tensor(cx, x, shape)
    return x.viewed_as(made, lambda base: broadcast_tensor(cx, base, shape), writeable=False)


def broadcast_tensor(cx: Any, x: Tensor, shape: Sequence[Value]) -> Tensor:
    sizes = [_size(cx, s) for s in shape]
    error = InvalidType("x can be broadcast", f"{describe(x)} to another shape")
    if x.ndim > len(sizes):
        cx.raise_python(error)
    fits = []
    for d, target in zip(reversed(range(x.ndim)), reversed(sizes)):
        if x.shape[d] == 1:
            continue
        fit = equal(cx, cx.dim_of(x, d), target)
        if x.shape[d] is None:
            one = cx.as_scalar(equal(cx, cx.dim_of(x, d), Static(1)), bool)
            fit = Scalar(cx.b.call("logical_or", cx.as_scalar(fit, bool), one).expr, bool)
        fits.append(fit)
    return guarded(cx, fits, error, lambda: _broadcast(cx, x, sizes))


def _broadcast(cx: Any, x: Tensor, sizes: Sequence[Value]) -> Tensor:
    if all(isinstance(s, Static) for s in sizes):
        target = tuple(s.obj for s in sizes)  # type: ignore[attr-defined]
        return x if target == x.shape else cx.call_op("broadcast_to", x, shape=target)
    wide = cx.b.call("broadcast_to", x, shape_tensor(cx, sizes))
    return with_dims(cx, wide, [s.obj if isinstance(s, Static) else None for s in sizes])


@node_rule(broadcast.Broadcast)
def broadcast_node(cx: Any, node: Any, *xs: Tensor) -> tuple[Value, ...]:
    ndim = max(x.ndim for x in xs)
    shape: list[Value] = [Static(1)] * ndim
    for x in xs:
        lead = ndim - x.ndim
        shape[lead:] = [_common_size(cx, *pair) for pair in zip(shape[lead:], dims_of(cx, x))]
    return tuple(_broadcast_view(cx, x, shape) for x in xs)


def _common_size(cx: Any, a: Value, b: Value) -> Value:
    """Of two sizes that broadcast: the other where one of them is 1."""
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Static):
            return other if one.obj == 1 else one
    one = equal(cx, a, Static(1))
    if isinstance(one, Static):
        return b if one.obj else a
    more = cx.binary_op(operator.sub, b, a)
    return cx.binary_op(operator.add, a, cx.binary_op(operator.mul, more, one))  # type: ignore[no-any-return]


@node_rule(cast.Cast)
def cast_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return cx.cast(x, np.dtype(node.type))  # type: ignore[no-any-return]


@rule(F.copy)
def copy(cx: Any, x: Tensor, dst: StaticArg[Any]) -> Tensor:
    """A rule because the source asks for devices in ways that can't be compiled."""
    if dst is not cuda.DummyDevice:
        device = cx.run_python(chainer.get_device, dst)
        if cx.get_attribute(device, "xp").obj is not np:
            raise cx.error("AF0306", f"F.copy to {dst}: a compiled program runs on the CPU")
    return x
