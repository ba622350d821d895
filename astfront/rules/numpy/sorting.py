"""Sorting and searching, and what is taken out of arrays as plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.core.numeric import normalize_axis_tuple  # type: ignore[attr-defined]

from astfront.calls.calls import numpy_source
from astfront.descriptions import describe
from astfront.rules import folds
from astfront.rules.indexing import index_tensor, minus
from astfront.rules.numpy import elementwise as e
from astfront.rules.numpy.composed import composed, refuse
from astfront.rules.numpy.picking import take_along_axis
from astfront.rules.numpy.shaping import array_and_axis, reshaped, transposed
from astfront.rules.numpy.subscripts import nonzero_rows, rows_of
from astfront.rules.numpy.support import (
    BOOL,
    FLOAT32,
    INT64,
    as_array,
    as_bool,
    as_result,
    axis_of,
    convert,
    dtype_of,
    full,
    numpy_rule,
    product,
    refuse_out,
    size_value,
    sizes_of,
)
from astfront.rules.registry import rule
from astfront.values import NONE, Scalar, Static, Tensor, Tuple, Value


@numpy_rule(np.sort)
def sort(
    cx: Any, a: Value, axis: Value = Static(-1), kind: Value = NONE, order: Value = NONE
) -> Tensor:
    """NaN comes last, and of 0 and −0, which are equal, each keeps its sign."""
    x, along = array_and_axis(cx, a, axis)
    algorithm = _SORTS.get(cx.static(kind, "`kind`"))
    if x.dtype.kind != "f":
        # Equal ones are the same, whatever the algorithm.
        made = _by_rows(cx, [e.ordered_key(cx, x)], along, "astfront.sort_ints")
        return e.of_ordered_key(cx, made, x.dtype)
    if algorithm != "astfront.argsort":
        return take_along_axis(cx, x, argsort(cx, x, Static(along), kind), Static(along))
    floats = convert(cx, x, FLOAT32) if x.dtype == np.float16 else x
    bits = cx.b.call("reinterpret", floats, dtype=f"int{floats.dtype.itemsize * 8}")
    made = _by_rows(cx, [bits], along, "astfront.sort_floats")
    return convert(cx, cx.b.call("reinterpret", made, dtype=floats.dtype.name), x.dtype)


@rule(np.ndarray.sort)
def sort_in_place(
    cx: Any, self: Tensor, axis: Value = Static(-1), kind: Value = NONE, order: Value = NONE
) -> Value:
    new = cx.as_tensor(cx.call(Static(np.sort), [self, axis], {}))
    _replace(cx, self, new)
    return NONE


@rule(np.ndarray.partition)
def partition_in_place(
    cx: Any, self: Tensor, kth: Value, axis: Value = Static(-1), kind: Value = NONE
) -> Value:
    _replace(cx, self, cx.as_tensor(partition(cx, self, kth, axis)))
    return NONE


@numpy_rule(np.partition)
def partition(
    cx: Any, a: Value, kth: Value, axis: Value = Static(-1), kind: Value = NONE, order: Value = NONE
) -> Value:
    """numpy's own functions only look at the places ``kth``, which sorting fills, too."""
    refuse_out(cx, order=order)
    if numpy_source(cx.frame.function) is not None:
        return sort(cx, a, axis)
    x, along = array_and_axis(cx, a, axis)
    return take_along_axis(cx, x, argpartition(cx, x, kth, Static(along)), Static(along))


def _from_the_start(kth: int, size: int) -> int:
    place = kth + size if kth < 0 else kth
    if size > 0 and (place < 0 or place >= size):
        raise ValueError(f"kth(={place}) out of bounds ({size})")
    return place


@numpy_rule(np.argpartition, np.ndarray.argpartition)
def argpartition(
    cx: Any, a: Value, kth: Value, axis: Value = Static(-1), kind: Value = NONE, order: Value = NONE
) -> Tensor:
    refuse_out(cx, order=order)
    x, along = array_and_axis(cx, a, axis)
    if isinstance(kth, Tensor) and kth.ndim == 0 and kth.dtype.kind in "iu":
        kth = cx.tensor_to_scalar(kth)
    if not cx.is_number(kth):
        cx.fail("AF0306", f"a partition by {describe(kth)} isn't supported", help="give one place")
    size = cx.dim_of(x, along)
    found = cx.call(Static(_from_the_start), [size_value(cx, kth), size], {})
    zero, last = full(0, INT64), cx.as_tensor(cx.as_scalar(minus(cx, size, Static(1)), int))
    # A place that isn't there does no harm.
    place = cx.b.call("maximum", cx.as_tensor(cx.as_scalar(found, int)), zero)
    place = cx.b.call("minimum", place, last)
    # (numpy's template takes its float16 for an integer.)
    of_floats = full(int(x.dtype.name in ("float32", "float64")), INT64)
    made = _by_rows(cx, [e.ordered_key(cx, x)], along, "astfront.argpartition", place, of_floats)
    if cx.checks:
        done = cx.call(Static(np.all), [cx.b.call("greater_equal", made, full(0, INT64))], {})
        message = "numpy's way of partitioning this array isn't known"
        cx.check(Scalar(cx.as_tensor(done).expr, bool), NotImplementedError(message))
    return made


@rule(np.ndarray.fill)
def fill(cx: Any, self: Tensor, value: Value) -> Value:
    new = cx.as_tensor(cx.call(Static(np.full_like), [self, value], {}))
    _replace(cx, self, new)
    return NONE


def _replace(cx: Any, array: Tensor, new: Tensor) -> None:
    cx.replace_array(array, new)


#: So few numbers numpy sorts by insertion, which is stable.
_BY_INSERTION = 16
_FEW_ROWS = 64

#: The operator for each kind of sorting: they differ in the order of equal elements.
_SORTS = {
    None: "astfront.argsort",
    "quicksort": "astfront.argsort",
    "heapsort": "astfront.argsort_by_heap",
    "mergesort": "argsort",
    "stable": "argsort",
}


@numpy_rule(np.argsort, np.ndarray.argsort)
def argsort(
    cx: Any, a: Value, axis: Value = Static(-1), kind: Value = NONE, order: Value = NONE
) -> Tensor:
    x, along = array_and_axis(cx, a, axis)
    keys = e.ordered_key(cx, x)
    algorithm = _SORTS.get(cx.static(kind, "`kind`"))
    if algorithm is None:
        cx.fail("AF0306", "argsort of this kind isn't supported", help=f"one of {list(_SORTS)}")
    size = x.shape[along]
    others = [d for i, d in enumerate(x.shape) if i != along]
    rows = math.prod(d for d in others if d is not None)
    # TVM's takes several times as long, but our own as long to compile as many rows take.
    few = size is not None and size <= _BY_INSERTION
    few = few and None not in others and rows <= _FEW_ROWS
    if algorithm == "argsort" or (algorithm == "astfront.argsort" and few):
        return cx.b.call("argsort", keys, axis=along, dtype="int64")  # type: ignore[no-any-return]
    return _by_rows(cx, [keys], along, str(algorithm))


def _by_rows(
    cx: Any, arrays: Sequence[Tensor], along: int, operator_: str, *more: Tensor
) -> Tensor:
    """An operator of rows, on what lies along an axis of arrays of one shape."""
    ndim = arrays[0].ndim
    axes = [*(i for i in range(ndim) if i != along), along]
    moved = [transposed(cx, x, axes) for x in arrays]
    sizes = sizes_of(cx, moved[0])
    rows = product(cx, sizes[:-1])
    taken = [reshaped(cx, x, [rows, sizes[-1]]) for x in moved]
    made: Tensor = cx.b.call(operator_, *taken, *more)
    return transposed(cx, reshaped(cx, made, sizes), [axes.index(i) for i in range(ndim)])


@numpy_rule(np.searchsorted, np.ndarray.searchsorted)
def searchsorted(
    cx: Any, a: Value, v: Value, side: Value = Static("left"), sorter: Value = NONE
) -> Tensor:
    if not (isinstance(sorter, Static) and sorter.obj is None):
        a = cx.call(Static(np.take), [a, sorter], {})
    x, values = as_array(cx, a), as_array(cx, v)
    if x.ndim != 1:
        cx.raise_python(ValueError("object too deep for desired array"))
    dtype = np.result_type(x.dtype, values.dtype)
    keys = [e.ordered_key(cx, convert(cx, t, dtype)) for t in (x, values)]
    flat = cx.b.call("reshape", keys[1], newshape=(-1,))
    right = cx.static(side, "`side`") == "right"
    found = cx.b.call("searchsorted", keys[0], flat, right=right, dtype="int64")
    if values.ndim == 1:
        return found  # type: ignore[no-any-return]
    return as_result(reshaped(cx, found, sizes_of(cx, values)))


@numpy_rule(np.argwhere)
def argwhere(cx: Any, a: Value) -> Tensor:
    x = as_bool(cx, as_array(cx, a))
    if not 0 < x.ndim <= 5:
        cx.fail("AF0306", f"argwhere of an array of rank {x.ndim} isn't supported")
    made: Tensor = cx.cast(cx.b.call("argwhere", x), INT64)
    return made


@numpy_rule(np.nonzero, np.ndarray.nonzero)
def nonzero(cx: Any, a: Value) -> tuple[Tensor, ...]:
    x = as_bool(cx, as_array(cx, a))
    if x.ndim == 0:
        cx.fail("AF0306", "nonzero of an array of rank 0 isn't supported")
    return tuple(rows_of(cx, nonzero_rows(cx, x)))


@numpy_rule(np.flatnonzero)
def flatnonzero(cx: Any, a: Value) -> Tensor:
    return nonzero(cx, reshaped(cx, as_array(cx, a), [Static(-1)]))[0]


def _lexsort(keys: Any, axis: int = -1) -> Any:
    """The last key comes first, and so on."""
    keys = [np.asarray(k) for k in keys]
    if not keys:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    order = np.argsort(keys[0], axis, kind="stable")
    for key in keys[1:]:
        found = np.argsort(np.take_along_axis(key, order, axis), axis, kind="stable")
        order = np.take_along_axis(order, found, axis)
    return order


def _lines(a: Any, axis: Any, keepdims: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """What is reduced as sorted lines with NaN last, how many of each count, and the result's shape."""
    a = np.asarray(a)
    a = a if a.dtype.kind == "f" else a.astype(np.float64)
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    rest = [i for i in range(a.ndim) if i not in axes]
    shape = tuple(a.shape[i] for i in rest)
    lines = np.sort(np.transpose(a, (*rest, *axes)).reshape((*shape, -1)), -1)
    if keepdims:
        shape = tuple(1 if i in axes else a.shape[i] for i in range(a.ndim))
    return lines, np.sum(~np.isnan(lines), -1, keepdims=True), shape


def _nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = False, *, interpolation: Any = None,
) -> Any:  # fmt: skip
    if method != "linear" or interpolation is not None or out is not None:
        refuse("nanquantile with `out` or another method than linear")
    q = np.asarray(q, np.float64)
    if np.any((q < 0) | (q > 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    lines, count, shape = _lines(a, axis, keepdims)
    last = np.maximum(count - 1, 0)
    place = q.reshape(-1) * last
    below = np.floor(place).astype(np.int64)
    share = place - below
    low = np.take_along_axis(lines, below, -1)
    high = np.take_along_axis(lines, np.minimum(below + 1, last), -1)
    gap = high - low
    found = np.where(share < 0.5, low + gap * share, high - gap * (1 - share))
    return np.moveaxis(found, -1, 0).reshape(q.shape + shape)[()]


def _nanpercentile(a: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
    return _nanquantile(a, np.true_divide(q, 100), *args, **kwargs)


def _nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    if out is not None:
        refuse("nanmedian with `out`")
    lines, count, shape = _lines(a, axis, keepdims)
    last = np.maximum(count - 1, 0)
    low = np.take_along_axis(lines, last // 2, -1)
    high = np.take_along_axis(lines, (last + 1) // 2, -1)
    return np.mean(np.concatenate([low, high], -1), -1).reshape(shape)[()]


def _median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    if out is not None:
        refuse("median with `out`")
    lines, _, shape = _lines(a, axis, keepdims)
    size = lines.shape[-1]
    if size == 0:
        return np.full(shape, np.nan, lines.dtype)[()]
    low, high = lines[..., (size - 1) // 2], lines[..., size // 2]
    middle = high if size % 2 else np.mean(np.stack([low, high], -1), -1)
    return np.where(np.isnan(lines[..., -1]), np.nan, middle).astype(lines.dtype).reshape(shape)[()]


composed(np.median, _median)
composed(np.nanquantile, _nanquantile)
composed(np.nanpercentile, _nanpercentile)
composed(np.nanmedian, _nanmedian)
composed(np.lexsort, _lexsort)


# --- out of arrays -----------------------------------------------------------------------------


@numpy_rule(np.ndarray.item)
def item(cx: Any, self: Value, *args: Value) -> Value:
    x = as_array(cx, self)
    if args:
        index = args[0] if len(args) == 1 else cx.tuple(args)
        known, obj = cx.try_static(index)
        if x.ndim > 1 and not isinstance(obj if known else index, tuple | Tuple):
            x = reshaped(cx, x, [Static(-1)])
        x = index_tensor(cx, x, index)
    error = ValueError("can only convert an array of size 1 to a Python scalar")
    if any(d not in (1, None) for d in x.shape):
        cx.raise_python(error)
    if not x.is_static_shape:
        x = cx.only_item(x, error)
    return cx.tensor_to_scalar(x)  # type: ignore[no-any-return]


@numpy_rule(np.ndarray.tolist)
def tolist(cx: Any, self: Value) -> Value:
    x = as_array(cx, self)
    if not x.ndim:
        return cx.tensor_to_scalar(x)  # type: ignore[no-any-return]
    if x.shape[0] is None:
        fold = folds.numbers_of if x.ndim == 1 else folds.lists_of
        return cx.call(Static(fold), [x], {})  # type: ignore[no-any-return]
    rows = [index_tensor(cx, x, Static(i)) for i in range(x.shape[0] or 0)]
    return cx.heap.new_list([tolist(cx, r) for r in rows])  # type: ignore[no-any-return]


@numpy_rule(np.ndarray.view)
def view(cx: Any, self: Value, dtype: Value = NONE) -> Tensor:
    x = as_array(cx, self)
    if cx.static(dtype) in (None, x.dtype):
        return x
    wanted = dtype_of(cx, dtype)
    if wanted.itemsize != x.dtype.itemsize or wanted == BOOL:
        cx.fail("AF0306", f"a view of {x.dtype} as {wanted} isn't supported")
    if x.dtype == BOOL:
        return x.viewed_as(convert(cx, x, wanted))
    return x.viewed_as(cx.b.call("reinterpret", x, dtype=wanted.name))


@numpy_rule(np.ndarray.__len__)
def length(cx: Any, self: Value) -> Value:
    return cx.length(self)  # type: ignore[no-any-return]


@numpy_rule(np.ndarray.__iter__)
def iterate(cx: Any, self: Value) -> Value:
    return cx.iterator_of(self)  # type: ignore[no-any-return]


def _attribute_rule(name: str) -> Any:
    def apply(cx: Any, a: Value) -> Value:
        # numpy takes the attribute of what has one, Variables too.
        x = a if isinstance(a, Tensor) else as_array(cx, a)
        return cx.get_attribute(x, name)  # type: ignore[no-any-return]

    return apply


numpy_rule(np.shape)(_attribute_rule("shape"))
numpy_rule(np.ndim)(_attribute_rule("ndim"))


@numpy_rule(np.size)
def size(cx: Any, a: Value, axis: Value = NONE) -> Value:
    x = a if isinstance(a, Tensor) else as_array(cx, a)
    given = cx.static(axis, "`axis`")
    if given is None:
        return cx.get_attribute(x, "size")  # type: ignore[no-any-return]
    return cx.dim_of(x, axis_of(cx, given, x.ndim))  # type: ignore[no-any-return]


__all__ = ["Scalar"]
