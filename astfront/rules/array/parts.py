"""chainer/functions/array: parts of an array, and copies of its parts."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import gast
import numpy as np
from chainer.functions.array import (
    as_strided,
    diagonal,
    flip,
    fliplr,
    flipud,
    get_item,
    permutate,
    select_item,
    separate,
    split_axis,
    where,
)
from chainer.utils.type_check import InvalidType

from astfront.containers.grown import FEW_PARTS
from astfront.contents import GrownList
from astfront.joins.leaves import Leaf
from astfront.rules import folds
from astfront.rules.array.shape import reshape_fitting, reshape_to, transpose_to
from astfront.rules.nodes import mismatch
from astfront.rules.numpy.support import check_broadcast
from astfront.rules.registry import node_rule
from astfront.rules.sizes import (
    counting,
    dims_of,
    equal,
    evaluated,
    guarded,
    needs_static,
    product,
    same_dim,
    slice_axis,
    take_checked,
)
from astfront.sameness import same_array
from astfront.values import List, Scalar, Static, Tensor, Value, tuple_of


@node_rule(get_item.GetItem)
def get_item_node(cx: Any, node: Any, x: Tensor) -> Value:
    from astfront.rules.indexing import index_tensor

    return index_tensor(cx, x, node.value("slices"))  # type: ignore[no-any-return]


@node_rule(separate.Separate)
def separate_node(cx: Any, node: Any, x: Tensor) -> tuple[Value, ...] | List:
    axis = node.axis % x.ndim
    count = x.shape[axis]
    if count is None:
        some = cx.compare(gast.Gt(), cx.dim_of(x, axis), Static(0))
        cx.check(some, _divided_by_zero())
        return cx.tuple_of_rows(x, _moved_to_front(cx, x, axis))  # type: ignore[no-any-return]
    if count == 0:
        cx.raise_python(_divided_by_zero())
    if count == 1:
        return (x.viewed_as(cx.call_op("squeeze", x, axis=[axis])),)
    if count > FEW_PARTS:
        return cx.tuple_of_rows(x, _moved_to_front(cx, x, axis))  # type: ignore[no-any-return]
    parts = cx.call_op("split", x, indices_or_sections=count, axis=axis)
    return tuple(x.viewed_as(cx.call_op("squeeze", part, axis=[axis])) for part in parts)


def _divided_by_zero() -> Exception:
    return ZeroDivisionError("integer division or modulo by zero")


def _moved_to_front(cx: Any, x: Tensor, axis: int) -> Tensor:
    return transpose_to(cx, x, [axis, *(a for a in range(x.ndim) if a != axis)])


@node_rule(select_item.SelectItem)
def select_item_node(cx: Any, node: Any, x: Tensor, t: Tensor) -> Tensor:
    """``x[range(t.size), t]``: from the flattened array."""
    columns = _in_range(cx, x, t)

    def compute() -> Tensor:
        width = cx.as_tensor(cx.dim_of(x, 1))
        rows = cx.call_op("multiply", counting(cx, cx.dim_of(x, 0)), cx.cast(width, "int64"))
        flat = reshape_to(cx, x, [Static(-1)])
        index = cx.call_op("add", rows, columns)
        return cx.call_op("take", flat, index, axis=0, mode="clip")  # type: ignore[no-any-return]

    error = InvalidType("x.shape[0] == t.shape[0]", "they differ")
    return guarded(cx, [same_dim(cx, x, 0, t, 0)], error, compute)


def _in_range(cx: Any, x: Tensor, t: Tensor) -> Tensor:
    """``t`` as indices 0 … x.shape[1] - 1, with numpy's IndexError at run time."""
    return take_checked(cx, counting(cx, cx.dim_of(x, 1)), t)


@node_rule(flip.Flip)
def flip_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _reversed(cx, x, node.axis)


@node_rule(fliplr.FlipLR)
def fliplr_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _reversed(cx, x, 1)


@node_rule(flipud.FlipUD)
def flipud_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    return _reversed(cx, x, 0)


def _reversed(cx: Any, x: Tensor, axis: int) -> Tensor:
    return x.viewed_as(reverse(cx, x, axis), lambda base: reverse(cx, base, axis))


def reverse(cx: Any, x: Tensor, axis: int) -> Tensor:
    """``x[::-1]`` along an axis."""
    from astfront.rules.indexing import strided_slice

    axis %= x.ndim
    if x.is_static_shape:
        return cx.call_op("reverse", x, axis=axis)  # type: ignore[no-any-return]
    # relay.reverse takes no staged sizes.
    size = x.shape[axis]
    whole = slice(None, None, -1) if size is None else slice(size - 1, -1, -1)
    return strided_slice(cx, x, [(axis, whole)])


# --- splitting -------------------------------------------------------------------------------


@node_rule(split_axis.SplitAxis)
def split_axis_node(cx: Any, node: Any, x: Tensor) -> tuple[Tensor, ...] | List:
    parts = _parts(cx, node, x)
    return parts if isinstance(parts, List) else tuple(map(x.viewed_as, parts))


def _parts(cx: Any, node: Any, x: Tensor) -> tuple[Tensor, ...] | List:
    axis = node.axis
    if not -x.ndim <= axis < x.ndim:
        cx.raise_python(InvalidType("in_types[0].ndim > axis", f"{x.ndim} <= {axis}"))
    axis %= x.ndim
    indices = node.value("indices")
    if isinstance(indices, Static) and indices.obj is None:
        return _sections(cx, x, node.value("sections"), axis)
    known, cuts = cx.try_static(indices)
    if known:
        return _split_at(cx, x, [Static(int(i)) for i in np.asarray(cuts).ravel()], axis)
    cut = cx.as_tensor(indices)
    if cut.dtype.kind == "f":
        # Chainer takes floats where there are none of them: numpy's array of an empty list.
        cut = cx.cast(cut, "int64")
    if cut.shape[0] is None:
        return _split_at_places(cx, x, cut, axis)
    places = [cx.tensor_to_scalar(cx.row(cut, Static(i))) for i in range(cut.shape[0])]
    return _split_at(cx, x, places, axis)


def _split_at_places(cx: Any, x: Tensor, cuts: Tensor, axis: int) -> List:
    """The parts between places whose number isn't known, in a list of that length."""
    size = cx.dim_of(x, axis)
    found = cx.call_function_object(_counts_between, cuts, size)
    fits, ordered, counts = cx.items_of(found)
    cx.check(fits, InvalidType(f"in_types[0].shape[{axis}] >= max_index", "it is less"))
    cx.check(ordered, ValueError("F.split_axis at places that don't ascend isn't supported"))
    shape = cx.get_attribute(x, "shape")
    extents = cx.call_function_object(_extents_along, counts, shape, Static(axis))
    flat = cx.b.call("reshape", x.as_kind("array"), newshape=(-1,))
    if axis:
        flat = cx.call_function_object(_one_after_another, x.as_kind("array"), Static(axis), counts)
    element = Leaf(
        tuple(None if a == axis else d for a, d in enumerate(x.shape)), x.dtype, "variable"
    )
    cx.heap.copied.add(x.storage)
    return cx.tuple_of_grown(GrownList(element, (flat, extents), cx.dim_of(extents, 0)))  # type: ignore[no-any-return]


def _extents_along(counts, shape, axis):  # type: ignore[no-untyped-def]
    """Where each part begins, and its sizes: so many along an axis, those of the whole along others."""
    rest = 1
    for a in range(len(shape)):
        if a != axis:
            rest = rest * shape[a]
    sizes = [counts if a == axis else np.full_like(counts, n) for a, n in enumerate(shape)]
    return np.stack([(np.cumsum(counts) - counts) * rest, *sizes], axis=1)


def _one_after_another(x, axis, counts):  # type: ignore[no-untyped-def]
    """The elements of the first part, of the second, and so on."""
    part = np.searchsorted(np.cumsum(counts), np.arange(x.shape[axis]), side="right")
    wide = np.broadcast_to(part.reshape((-1,) + (1,) * (x.ndim - 1 - axis)), x.shape)
    return x.reshape(-1)[np.argsort(wide.reshape(-1), kind="stable")]


def _counts_between(cuts: Any, size: int) -> Any:
    """Whether cuts are in range, as Chainer sees it; whether they ascend; and what's between them."""
    ends = np.concatenate((cuts, np.full(1, size)))
    places = np.clip(np.where(ends < 0, ends + size, ends), 0, size)
    counts = np.diff(np.concatenate((np.zeros(1, "int64"), places)))
    return bool((cuts[-1:] <= size).all()), bool((counts >= 0).all()), np.maximum(counts, 0)


def _staged_sections(cx: Any, x: Tensor, sections: Value, axis: int) -> List:
    """So many parts of one size, in a list of that length."""
    size = cx.dim_of(x, axis)
    cx.check(cx.compare(gast.NotEq(), sections, Static(0)), _divided_by_zero())
    positive = cx.compare(gast.Gt(), sections, Static(0))
    cx.check(positive, ValueError("number sections must be larger than 0."))
    least = Scalar(cx.b.call("maximum", sections, cx.as_scalar(Static(1), int)).expr, int)
    fit = equal(cx, cx.binary_op(operator.mod, size, least), Static(0))
    cx.check(fit, InvalidType(f"in_types[0].shape[{axis}] % sections == 0", "there is a rest"))
    each = cx.binary_op(operator.floordiv, size, least)
    whole = slice_axis(cx, x, axis, Static(0), cx.binary_op(operator.mul, each, least))
    sizes = dims_of(cx, x)
    apart = reshape_fitting(cx, whole, [*sizes[:axis], least, each, *sizes[axis + 1 :]])
    return cx.tuple_of_rows(x, _moved_to_front(cx, apart, axis))  # type: ignore[no-any-return]


def _sections(cx: Any, x: Tensor, number: Value, axis: int) -> tuple[Tensor, ...] | List:
    if not isinstance(number, Static):
        return _staged_sections(cx, x, cx.as_scalar(number, int), axis)
    sections = int(number.obj)
    if sections == 0:
        cx.raise_python(_divided_by_zero())
    if sections == 1:
        return (x,)
    size = cx.dim_of(x, axis)
    fit = equal(cx, cx.binary_op(operator.mod, size, Static(sections)), Static(0))
    error = InvalidType(f"in_types[0].shape[{axis}] % sections == 0", "there is a rest")
    if isinstance(size, Static) and size.obj:
        if not cx.truth(fit):
            cx.raise_python(error)
        if sections > FEW_PARTS and x.is_static_shape and 0 not in x.shape:
            shape = list(x.shape)
            shape[axis : axis + 1] = sections, size.obj // sections
            apart = cx.call_op("reshape", x, newshape=tuple(shape))
            return cx.tuple_of_rows(x, _moved_to_front(cx, apart, axis))  # type: ignore[no-any-return]
        return tuple(cx.call_op("split", x, indices_or_sections=sections, axis=axis))

    def compute() -> Value:
        each = cx.binary_op(operator.floordiv, size, Static(sections))
        cuts = [cx.binary_op(operator.mul, each, Static(i)) for i in range(sections)]
        pairs = itertools.pairwise([*cuts, size])
        return tuple_of([slice_axis(cx, x, axis, a, b) for a, b in pairs])

    return tuple(cx.items_of(guarded(cx, [fit], error, compute)))


def _split_at(cx: Any, x: Tensor, cuts: list[Value], axis: int) -> tuple[Tensor, ...]:
    """numpy.split: the slices between cuts, which are clipped to the array."""
    if not cuts:
        return (x,)
    size = cx.dim_of(x, axis)
    # Chainer asks only for the last one to be in range.
    last = cx.compare(gast.GtE(), size, cuts[-1])
    error = InvalidType(f"in_types[0].shape[{axis}] >= max_index", "it is less")
    return tuple(
        cx.items_of(guarded(cx, [last], error, lambda: tuple_of(_pieces(cx, x, cuts, size, axis))))
    )


def _pieces(cx: Any, x: Tensor, cuts: list[Value], size: Value, axis: int) -> list[Tensor]:
    static = [c.obj for c in cuts if isinstance(c, Static)]
    if isinstance(size, Static) and len(static) == len(cuts):
        bounds = [slice(a, b).indices(size.obj) for a, b in zip([0, *static], [*static, size.obj])]
        pairs = [(a, max(a, b)) for a, b, _ in bounds]
        ends = [b for _, b in pairs[:-1]]
        whole = [0, *ends, size.obj]
        if pairs == list(itertools.pairwise(whole)) and len(set(whole)) == len(whole):
            return list(cx.call_op("split", x, indices_or_sections=ends, axis=axis))
        return [_slice(cx, x, axis, a, b) for a, b in pairs]
    if len(static) == len(cuts) and static == sorted(static) and static[0] >= 0:
        # All of them are in range, if the last one is.
        places: list[Value] = [Static(0), *cuts, size]
    else:
        places = [Static(0), *(_clipped(cx, c, size) for c in cuts), size]
    return [slice_axis(cx, x, axis, a, _larger(cx, a, b)) for a, b in itertools.pairwise(places)]


def _slice(cx: Any, x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    if start == stop and None not in x.shape:
        shape = [0 if i == axis else d for i, d in enumerate(x.shape)]
        return cx.b.call("zeros", shape=tuple(shape), dtype=x.dtype.name)  # type: ignore[no-any-return]
    return slice_axis(cx, x, axis, Static(start), Static(stop))


def _clipped(cx: Any, cut: Value, size: Value) -> Value:
    """A cut as a place in 0 … size: negative ones count from the end."""
    place = cx.as_scalar(cut, int)
    n, zero = cx.as_scalar(size, int), cx.as_scalar(Static(0), int)
    if isinstance(cut, Static) and cut.obj >= 0:
        return Scalar(cx.b.call("minimum", place, n).expr, int)
    wrapped = cx.b.call("where", cx.b.call("less", place, zero), cx.b.call("add", place, n), place)
    inside = cx.b.call("minimum", cx.b.call("maximum", wrapped, zero), n)
    return Scalar(inside.expr, int)


def _larger(cx: Any, a: Value, b: Value) -> Value:
    if isinstance(a, Static) and isinstance(b, Static):
        return Static(max(a.obj, b.obj))
    if isinstance(a, Static) and a.obj == 0:
        return b
    return Scalar(cx.b.call("maximum", cx.as_scalar(a, int), cx.as_scalar(b, int)).expr, int)


@node_rule(diagonal.Diagonal)
def diagonal_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    def of(base: Tensor) -> Tensor:
        return _diagonal_of(cx, node, base)

    return x.viewed_as(of(x), of, writeable=False)


def _diagonal_of(cx: Any, node: Any, x: Tensor) -> Tensor:
    """A gather from the two axes made one."""
    i, j = node.axis1 % x.ndim, node.axis2 % x.ndim
    rest = [a for a in range(x.ndim) if a not in (i, j)]
    height, width = cx.dim_of(x, i), cx.dim_of(x, j)
    moved = transpose_to(cx, x, [*rest, i, j])
    flat = reshape_to(cx, moved, [*(cx.dim_of(x, a) for a in rest), product(cx, [height, width])])
    index = evaluated(cx, folds.diagonal_places, height, width, Static(node.offset))
    return cx.call_op("take", flat, index, axis=len(rest), mode="clip")  # type: ignore[no-any-return]


@node_rule(permutate.Permutate)
def permutate_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    axis, indices = node.axis % x.ndim, cx.as_tensor(node.value("indices"))
    if node.axis < 0:
        # ``(slice(None),) * axis`` is empty, so Chainer permutes the first axis then.
        axis = 0
    if not node.inv:
        return take_checked(cx, x, indices, axis)
    if indices.const is not None:
        inverse = permutate._inverse_indices(indices.const)
        return take_checked(cx, x, cx.constant_value(inverse), axis)
    inverse = cx.call_python(permutate._inverse_indices, [indices], {})
    return take_checked(cx, x, inverse, axis)


# --- copies and choices ----------------------------------------------------------------------


@node_rule(where.Where)
def where_node(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
    condition = cx.as_tensor(node.value("condition"))
    if condition.dtype != bool:
        cx.raise_python(InvalidType("condition.dtype == numpy.bool_", f"{condition.dtype} != bool"))
    if x.dtype != y.dtype:
        cx.raise_python(InvalidType("x.dtype == y.dtype", f"{x.dtype} != {y.dtype}"))
    check_broadcast(cx, condition, x, y, error=mismatch)
    return cx.call_op("where", condition, x, y)  # type: ignore[no-any-return]


@node_rule(as_strided.AsStrided)
def as_strided_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """A gather from the memory behind ``x``, where it's known what that is."""
    base = cx.lifter.layouts.buffer_of(cx.heap, x)
    shape, strides, offset = node.shape, node.strides, node.storage_offset
    if offset is None and base is not None and same_array(base, x):
        offset = 0
    if base is None or offset is None:
        cx.fail(
            "AF0306",
            "F.as_strided looks at an array's memory, and it isn't known how this one lies in it",
            help="give it `x.array.copy()`, or use slices, F.reshape or F.transpose",
        )
    if 0 in shape:
        needs_static(cx, base, "F.as_strided, to an empty one,")
    size = product(cx, dims_of(cx, base))
    last = as_strided._max_index(shape, strides, offset)
    count = size.obj if isinstance(size, Static) else max(last + 1, 0)
    try:
        index = as_strided._stride_array(np.arange(count), shape, strides, offset)
    except ValueError as e:
        cx.raise_python(e)
    fits = cx.compare(gast.GtE(), size, Static(count))
    error = ValueError("Out of buffer: too large index was specified")
    places = cx.constant_value(index.copy())
    return base.viewed_as(
        guarded(
            cx, [fits], error, lambda: take_checked(cx, reshape_to(cx, base, [Static(-1)]), places)
        )
    )
