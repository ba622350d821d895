"""Joining and splitting arrays. A list that grew in a kept loop is one tensor already."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from astfront.contents import GrownList
from astfront.joins.leaves import item_types
from astfront.rules import folds
from astfront.rules.array.joining import concat_grown
from astfront.rules.numpy.grown import NO_ARRAYS, UNEVEN, grown, grown_list, rows_of
from astfront.rules.numpy.shaping import reshaped, transposed
from astfront.rules.numpy.stacking import joint_shape, require_same_sizes, stack_tensors
from astfront.rules.numpy.support import (
    as_array,
    axis_of,
    convert,
    numpy_rule,
    require_equal,
    sizes_of,
    store_out,
)
from astfront.values import NONE, EitherDtype, List, Option, Scalar, Static, Tensor, Value


def _items(cx: Any, arrays: Value) -> list[Tensor]:
    """The arrays to join, cast to what they promote to."""
    items = [as_array(cx, a) for a in cx.items_of(arrays)]
    if not items:
        cx.raise_python(ValueError("need at least one array to concatenate"))
    dtype = np.result_type(*(x.dtype for x in items))
    return [convert(cx, x, dtype) for x in items]


def joined(cx: Any, items: Sequence[Tensor], axis: int) -> Tensor:
    """``np.concatenate`` of tensors of one dtype."""
    ranks = {x.ndim for x in items}
    if len(ranks) > 1:
        cx.raise_python(
            ValueError(
                "all the input array dimensions for the concatenation axis must match exactly, "
                f"but the arrays have {sorted(ranks)} dimensions"
            )
        )
    if ranks == {0}:
        cx.raise_python(ValueError("zero-dimensional arrays cannot be concatenated"))
    along = axis_of(cx, axis, items[0].ndim)
    require_same_sizes(
        cx,
        items,
        (along,),
        "all the input array dimensions except for the concatenation axis must match exactly",
    )
    if len(items) == 1:
        return items[0]
    made = cx.b.call("concatenate", list(items), axis=along)
    shape = joint_shape(items)
    lengths = [x.shape[along] for x in items]
    shape[along] = None if None in lengths else sum(d or 0 for d in lengths)
    return cx.b.refine(made, shape)  # type: ignore[no-any-return]


def _with_either_dtype(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for a function of a list of arrays, some of which may be of one of two dtypes."""

    @functools.wraps(function)
    def apply(cx: Any, arrays: Value, *args: Value, **kwargs: Value) -> Value:
        arrays = rows_of(cx, arrays)
        content = cx.heap[arrays.cell] if isinstance(arrays, List) else None
        if isinstance(content, GrownList):
            element = content.element
            if isinstance(element, Option) and not kwargs.keys() & {"out", "dtype"}:
                return _of_two_dtypes(cx, function, arrays, content, args, kwargs)
            if not isinstance(element, EitherDtype):
                return function(cx, arrays, *args, **kwargs)  # type: ignore[no-any-return]
            *buffers, flags = content.buffers
            plain = replace(content, element=element.array, buffers=tuple(buffers))
            arrays = List(cx.heap.new(plain))
            dtype, narrow = element.dtype, element.array.dtype
            other = cx.b.call("any", flags)
        else:
            items = cx.items_of(arrays)
            either = [x for x in items if isinstance(x, EitherDtype)]
            if not either:
                return function(cx, cx.tuple(items), *args, **kwargs)  # type: ignore[no-any-return]
            inner = [x.array if isinstance(x, EitherDtype) else as_array(cx, x) for x in items]
            narrow = np.result_type(*(x.dtype for x in inner))
            dtype = np.result_type(narrow, *(x.dtype for x in either))
            arrays = cx.tuple(inner)
            other = functools.reduce(
                lambda a, b: cx.b.call("logical_or", a, b), (x.other for x in either)
            )
        made = function(cx, arrays, *args, **kwargs)
        return made if dtype == narrow else EitherDtype(made, dtype, Scalar(other.expr, bool))

    return apply


def _of_two_dtypes(
    cx: Any,
    function: Callable[..., Any],
    arrays: Value,
    content: GrownList,
    args: Sequence[Value],
    kwargs: dict[str, Value],
) -> Value:
    """Of a list that grew, whose arrays are of one dtype or another, which takes both."""
    types = item_types(content.element)
    dtypes = sorted({dtype for _, dtype in types}, key=lambda dtype: dtype.itemsize)
    wide = np.result_type(*dtypes) if dtypes else None
    if len(dtypes) != 2 or wide not in dtypes or len({len(shape) for shape, _ in types}) != 1:
        return function(cx, arrays, *args, **kwargs)  # type: ignore[no-any-return]
    narrow = next(dtype for dtype in dtypes if dtype != wide)
    of_one = cx.call(Static(folds.cast), [arrays, Static(wide)], {})
    are_narrow = cx.call(Static(folds.are_of_dtype), [arrays, Static(narrow)], {})
    made = function(cx, of_one, *args, **kwargs)
    return EitherDtype(made, narrow, cx.as_scalar(are_narrow, bool))


def _fresh(x: Tensor) -> Tensor:
    return Tensor(x.expr, x.shape, x.dtype, "array", x.const)


def _chained(cx: Any, content: GrownList, axis: int) -> Tensor:
    """``np.concatenate`` of a list that grew."""
    shape = content.element.shape  # type: ignore[attr-defined]
    if not shape:
        cx.raise_python(ValueError("zero-dimensional arrays cannot be concatenated"))
    return concat_grown(cx, content, axis_of(cx, axis, len(shape)), NO_ARRAYS, UNEVEN)


def _merged_rows(cx: Any, rows: Tensor, axis: int) -> Tensor:
    """``np.concatenate`` of the rows of one tensor along an axis of theirs."""
    if rows.ndim < 2:
        cx.raise_python(ValueError("zero-dimensional arrays cannot be concatenated"))
    along = axis_of(cx, axis, rows.ndim - 1)
    order = list(range(1, rows.ndim))
    order.insert(along, 0)
    turned = transposed(cx, rows, order)
    sizes = sizes_of(cx, turned)
    merged = cx.binary_op(operator.mul, sizes[along], sizes[along + 1])
    return reshaped(cx, turned, [*sizes[:along], merged, *sizes[along + 2 :]])


@numpy_rule(np.concatenate)
@_with_either_dtype
def concatenate(
    cx: Any, arrays: Value, axis: Value = Static(0), out: Value = NONE, *, dtype: Value = NONE
) -> Tensor:
    given = cx.static(axis, "`axis`")
    wanted = cx.static(dtype, "`dtype`")
    content = grown_list(cx, arrays)
    if content is not None:
        made = _chained(cx, content, 0 if given is None else given)
        made = made if given is not None else reshaped(cx, made, [Static(-1)])
    else:
        items = _items(cx, arrays)
        if given is None:
            items = [reshaped(cx, x, [Static(-1)]) for x in items]
        made = joined(cx, items, 0 if given is None else given)
    made = made if wanted is None else convert(cx, made, wanted)
    return store_out(cx, out, _fresh(made))


@numpy_rule(np.stack)
def stack(cx: Any, arrays: Value, axis: Value = Static(0), out: Value = NONE) -> Tensor:
    arrays = rows_of(cx, arrays)
    rows = grown(cx, arrays)
    given = cx.static(axis, "`axis`")
    if rows is not None:
        along = axis_of(cx, given, rows.ndim)
        order = list(range(1, rows.ndim))
        order.insert(along, 0)
        return store_out(cx, out, _fresh(transposed(cx, rows, order)))
    items = _items(cx, arrays)
    along = axis_of(cx, given, items[0].ndim + 1)
    if len({x.ndim for x in items}) > 1:
        cx.raise_python(ValueError("all input arrays must have the same shape"))
    return store_out(cx, out, stack_tensors(cx, items, along))


def _by_rank(at_least: Any, axis: Callable[[int], int]) -> Callable[..., Tensor]:
    """vstack, hstack and dstack: each array made wide enough, then concatenated."""

    @_with_either_dtype
    def apply(cx: Any, tup: Value) -> Tensor:
        content = grown_list(cx, tup)
        if content is None:
            items = [cx.as_tensor(cx.call(Static(at_least), [x], {})) for x in _items(cx, tup)]
            return _fresh(joined(cx, items, axis(items[0].ndim)))
        ndim = len(content.element.shape)  # type: ignore[attr-defined]
        wide = at_least(np.empty((2,) * ndim)).shape
        if len(wide) == ndim:
            return _fresh(_chained(cx, content, axis(ndim)))
        rows: Tensor = cx.uniform_rows(content, NO_ARRAYS, UNEVEN)
        sizes = iter(sizes_of(cx, rows)[1:])
        parts: list[Value] = [Static(1) if d == 1 else next(sizes) for d in wide]
        rows = reshaped(cx, rows, [cx.dim_of(rows, 0), *parts])
        return _fresh(_merged_rows(cx, rows, axis(rows.ndim - 1)))

    return apply


numpy_rule(np.vstack)(_by_rank(np.atleast_2d, lambda ndim: 0))
numpy_rule(np.hstack)(_by_rank(np.atleast_1d, lambda ndim: 0 if ndim == 1 else 1))
numpy_rule(np.dstack)(_by_rank(np.atleast_3d, lambda ndim: 2))


@numpy_rule(np.column_stack)
def column_stack(cx: Any, tup: Value) -> Tensor:
    columns = []
    for x in _items(cx, tup):
        wide = x if x.ndim > 1 else cx.b.call("reshape", x, newshape=(-1, 1))
        columns.append(wide)
    return _fresh(joined(cx, columns, 1))


@numpy_rule(np.append)
def append(cx: Any, arr: Value, values: Value, axis: Value = NONE) -> Value:
    return concatenate(cx, cx.tuple([as_array(cx, arr), as_array(cx, values)]), axis)


# --- splitting ---------------------------------------------------------------------------------


@numpy_rule(np.split)
def split(cx: Any, ary: Value, indices_or_sections: Value, axis: Value = Static(0)) -> Any:
    return _split(cx, ary, indices_or_sections, axis, even=True)


@numpy_rule(np.array_split)
def array_split(cx: Any, ary: Value, indices_or_sections: Value, axis: Value = Static(0)) -> Any:
    return _split(cx, ary, indices_or_sections, axis, even=False)


def _split(cx: Any, ary: Value, sections: Value, axis: Value, even: bool) -> Any:
    x = as_array(cx, ary)
    along = axis_of(cx, cx.static(axis, "`axis`"), x.ndim)
    size = cx.dim_of(x, along)
    known, given = cx.try_static(sections)
    if cx.is_number(sections) or getattr(sections, "shape", None) == ():
        given = cx.static(sections, "a number of sections")
    if getattr(sections, "shape", None) == (None,):
        return cx.call(Static(_parts), [x, sections, Static((slice(None),) * along)], {})
    if not known:
        ends = list(cx.items_of(sections))
    elif np.ndim(given):
        ends = [Static(int(i)) for i in np.asarray(given)]
    else:
        ends = _even_ends(cx, size, int(given), even)
    parts = []
    start: Value = Static(0)
    for stop in [*ends, NONE]:
        index = cx.tuple([*[Static(slice(None))] * along, _slice(cx, start, stop)])
        parts.append(cx.get_item(x, index))
        start = stop
    return parts


def _parts(x: Any, ends: Any, before: tuple[slice, ...]) -> list[Any]:
    """What ``np.split`` gives, of positions of which there are a staged number."""
    parts, start = [], 0
    for end in ends:
        parts.append(x[(*before, slice(start, end))])
        start = end
    parts.append(x[(*before, slice(start, None))])
    return parts


def _slice(cx: Any, start: Value, stop: Value) -> Value:
    return cx.call(Static(slice), [start, stop], {})  # type: ignore[no-any-return]


def _even_ends(cx: Any, size: Value, sections: int, even: bool) -> list[Value]:
    if sections <= 0:
        cx.raise_python(ValueError("number sections must be larger than 0."))
    if isinstance(size, Static):
        if even and size.obj % sections:
            cx.raise_python(ValueError("array split does not result in an equal division"))
        lengths = [len(p) for p in np.array_split(np.empty(size.obj, "?"), sections)]
        return [Static(int(i)) for i in np.cumsum(lengths)[:-1]]
    rest = cx.binary_op(operator.mod, size, Static(sections))
    width = cx.binary_op(operator.floordiv, size, Static(sections))
    ends = [cx.binary_op(operator.mul, width, Static(i)) for i in range(1, sections)]
    if even:
        require_equal(cx, rest, Static(0), "array split does not result in an equal division")
        return ends
    longer = [cx.call(Static(min), [rest, Static(i)], {}) for i in range(1, sections)]
    return [cx.binary_op(operator.add, end, more) for end, more in zip(ends, longer)]


def _split_along(axis: Callable[[int], int]) -> Callable[..., list[Value]]:
    def apply(cx: Any, ary: Value, indices_or_sections: Value) -> list[Value]:
        x = as_array(cx, ary)
        return split(cx, x, indices_or_sections, Static(axis(x.ndim)))

    return apply


numpy_rule(np.vsplit)(_split_along(lambda ndim: 0))
numpy_rule(np.hsplit)(_split_along(lambda ndim: 1 if ndim > 1 else 0))
numpy_rule(np.dsplit)(_split_along(lambda ndim: 2))
