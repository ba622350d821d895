"""Making arrays: of a value, of a range, of lists of tensors, of other arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np

from astfront.contents import GrownList
from astfront.numbers import is_generic
from astfront.rules.numpy import complex_arrays
from astfront.rules.numpy.grown import UNEVEN, grown_list
from astfront.rules.numpy.shaping import transposed
from astfront.rules.numpy.stacking import of_objects, stacked
from astfront.rules.numpy.support import (
    INT64,
    as_array,
    as_result,
    broadcast_to,
    check_broadcast,
    constant,
    convert,
    dtype_of,
    known_sizes,
    numpy_rule,
    operand,
    refuse_out,
    shape_values,
    sizes_of,
    tensor_of,
)
from astfront.rules.numpy.support import (
    full as full_scalar,
)
from astfront.values import (
    NONE,
    UNBOUND,
    EitherDtype,
    List,
    Option,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
    is_none,
)

FLOAT = Static(np.float64)


def filled(cx: Any, sizes: Sequence[Value], value: Tensor) -> Tensor:
    """An array of these sizes, all of it ``value`` (of rank 0)."""
    shape = known_sizes(sizes)
    if None not in shape and value.const is not None:
        return constant(np.full(shape, value.const))  # type: ignore[arg-type]
    if None in shape:
        message = "negative dimensions are not allowed"
        for size in sizes:
            if isinstance(size, Scalar):
                low = cx.b.call("greater_equal", size, cx.as_scalar(Static(0), int))
                cx.check(Scalar(low.expr, bool), ValueError(message))
        zero = cx.as_scalar(Static(0), int)
        sizes = [
            Scalar(cx.b.call("maximum", s, zero).expr, int) if isinstance(s, Scalar) else s
            for s in sizes
        ]
    return _fresh(broadcast_to(cx, value, sizes))


def _fresh(x: Tensor) -> Tensor:
    """The same data in memory of its own."""
    const = None if x.const is None else x.const.copy()
    return Tensor(x.expr if const is None else None, x.shape, x.dtype, "array", const)


def _zeros_rule(value: int) -> Callable[..., Tensor]:
    def make(
        cx: Any, shape: Value, dtype: Value = FLOAT, order: Value = NONE, *, like: Value = NONE
    ) -> Tensor:
        refuse_out(cx, like=like)
        scalar = full_scalar(value, dtype_of(cx, dtype, float))
        return _laid_out(cx, filled(cx, shape_values(cx, shape), scalar), order)

    return make


numpy_rule(np.zeros, np.empty, np.ndarray)(_zeros_rule(0))
numpy_rule(np.ones)(_zeros_rule(1))


@numpy_rule(np.full)
def full(
    cx: Any, shape: Value, fill_value: Value, dtype: Value = NONE, order: Value = NONE
) -> Tensor:
    value = as_array(cx, fill_value)
    wanted = dtype_of(cx, dtype, value.dtype)
    sizes = shape_values(cx, shape)
    check_broadcast(cx, Tensor(None, known_sizes(sizes), wanted), value)
    return _laid_out(cx, filled(cx, sizes, convert(cx, value, wanted)), order)


def _laid_out(cx: Any, made: Tensor, order: Value) -> Tensor:
    """An array that numpy makes in this order, in memory of its own."""
    known = cx.static(order, "`order`") in (None, "C")
    return cx.lifter.layouts.made(made) if known else made  # type: ignore[no-any-return]


def _like_rule(value: int) -> Callable[..., Tensor]:
    def make(
        cx: Any,
        a: Value,
        dtype: Value = NONE,
        order: Value = NONE,
        subok: Value = NONE,
        shape: Value = NONE,
    ) -> Tensor:
        return full_like(cx, a, Static(value), dtype, order, subok, shape)

    return make


@numpy_rule(np.full_like)
def full_like(
    cx: Any,
    a: Value,
    fill_value: Value,
    dtype: Value = NONE,
    order: Value = NONE,
    subok: Value = NONE,
    shape: Value = NONE,
) -> Tensor:
    like = _prototype(cx, a, dtype)
    wanted = dtype_of(cx, dtype, like.dtype)
    value = tensor_of(cx, operand(cx, fill_value), wanted)
    given = isinstance(shape, Static) and shape.obj is None
    sizes = sizes_of(cx, like) if given else shape_values(cx, shape)
    return filled(cx, sizes, value)


def _prototype(cx: Any, a: Value, dtype: Value) -> Tensor:
    """The array whose sizes are wanted. numpy reads a Variable as nested sequences of objects, so
    with a dtype it may be one, unless one of its sizes is 0."""
    no_dtype = isinstance(dtype, Static) and dtype.obj is None
    if isinstance(a, Tensor) and a.kind == "variable" and not no_dtype and all(a.shape):
        return a.as_kind("array")
    return as_array(cx, a)


numpy_rule(np.zeros_like, np.empty_like)(_like_rule(0))
numpy_rule(np.ones_like)(_like_rule(1))


# --- diagonals and triangles ---------------------------------------------------------------------


@numpy_rule(np.eye)
def eye(cx: Any, N: Value, M: Value = NONE, k: Value = Static(0), dtype: Value = FLOAT) -> Tensor:
    wide = isinstance(M, Static) and M.obj is None
    rows, columns = shape_values(cx, N)[0], shape_values(cx, N if wide else M)[0]
    wanted = dtype_of(cx, dtype, float)
    here = _column_minus_row(cx, rows, columns)
    diagonal = cx.b.call("equal", here, _diagonal(cx, k))
    return convert(cx, diagonal, wanted)


@numpy_rule(np.identity)
def identity(cx: Any, n: Value, dtype: Value = FLOAT) -> Tensor:
    return eye(cx, n, dtype=dtype)


def _diagonal(cx: Any, k: Value) -> Tensor:
    """The number of a diagonal, which may be staged."""
    is_number = isinstance(k, Scalar) and k.type is int
    if is_number or (isinstance(k, Tensor) and k.ndim == 0 and k.dtype.kind in "iu"):
        return convert(cx, cx.as_tensor(k), INT64)
    return full_scalar(cx.static(k, "`k`"), INT64)


def _column_minus_row(cx: Any, rows: Value, columns: Value) -> Tensor:
    down = cx.as_tensor(cx.call(Static(np.arange), [rows], {}))
    across = cx.as_tensor(cx.call(Static(np.arange), [columns], {}))
    made: Tensor = cx.b.call("subtract", across, cx.b.call("expand_dims", down, axis=1))
    return made


@numpy_rule(np.tril)
def tril(cx: Any, m: Value, k: Value = Static(0)) -> Tensor:
    return _triangle(cx, m, k, "less_equal")


@numpy_rule(np.triu)
def triu(cx: Any, m: Value, k: Value = Static(0)) -> Tensor:
    return _triangle(cx, m, k, "greater_equal")


def _triangle(cx: Any, m: Value, k: Value, name: str) -> Tensor:
    x = as_array(cx, m)
    if x.ndim < 2:
        cx.fail("AF0306", "a triangle of an array of fewer than two axes isn't supported")
    rows, columns = sizes_of(cx, x)[-2:]
    if isinstance(rows, Static) and isinstance(columns, Static) and isinstance(k, Static):
        grid = np.arange(columns.obj) - np.arange(rows.obj)[:, None]
        offset = cx.static(k, "`k`")
        kept = constant(grid <= offset if name == "less_equal" else grid >= offset)
    else:
        kept = cx.b.call(name, _column_minus_row(cx, rows, columns), _diagonal(cx, k))
    made: Tensor = cx.b.call("where", kept, x, full_scalar(0, x.dtype))
    return made


@numpy_rule(np.tri)
def tri(
    cx: Any, N: Value, M: Value = NONE, k: Value = Static(0), dtype: Value = Static(float)
) -> Tensor:
    wide = isinstance(M, Static) and M.obj is None
    rows, columns = shape_values(cx, N)[0], shape_values(cx, N if wide else M)[0]
    here = _column_minus_row(cx, rows, columns)
    below = cx.b.call("less_equal", here, _diagonal(cx, k))
    return convert(cx, below, dtype_of(cx, dtype, float))


@numpy_rule(np.meshgrid)
def meshgrid(
    cx: Any,
    *xi: Value,
    indexing: Value = Static("xy"),
    sparse: Value = Static(False),
    copy: Value = Static(True),
) -> list[Tensor]:
    arrays = [as_array(cx, x) for x in xi]
    if any(x.ndim > 1 for x in arrays):
        cx.fail("AF0306", "meshgrid of arrays of more than one axis isn't supported")
    arrays = [cx.b.call("reshape", x, newshape=(1,)) if x.ndim == 0 else x for x in arrays]
    order = list(range(len(arrays)))
    if cx.static(indexing, "`indexing`") == "xy" and len(arrays) > 1:
        order[:2] = [1, 0]
    sizes = [sizes_of(cx, arrays[i])[0] for i in order]
    is_sparse = cx.static(sparse, "`sparse`")
    result = []
    for i, x in enumerate(arrays):
        others = [n for n, o in enumerate(order) if o != i]
        wide = cx.b.call("expand_dims", x, axis=0, num_newaxis=len(others)) if others else x
        axes = list(range(len(others)))
        axes.insert(order.index(i), len(others))
        if axes != sorted(axes):
            wide = cx.b.call("transpose", wide, axes=axes)
        result.append(_fresh(wide if is_sparse else broadcast_to(cx, wide, sizes)))
    return result


# --- of other values ---------------------------------------------------------------------------


@numpy_rule(np.array)
def array(
    cx: Any,
    object: Value,
    dtype: Value = NONE,
    *,
    copy: Value = Static(True),
    order: Value = NONE,
    subok: Value = NONE,
    ndmin: Value = Static(0),
) -> Value:
    made = asarray(cx, object, dtype)
    if isinstance(made, Option):
        return cx.split(made, lambda x: array(cx, x, copy=copy, ndmin=ndmin))
    wanted = cx.static(ndmin, "`ndmin`")
    if isinstance(made, EitherDtype):
        return made if wanted < 2 else cx.split(made, lambda x: array(cx, x, ndmin=ndmin))
    missing = wanted - made.ndim
    if missing > 0:
        made = made.viewed_as(cx.b.call("expand_dims", made, axis=0, num_newaxis=missing))
    return _fresh(made) if cx.static(copy, "`copy`") else made


@numpy_rule(np.ascontiguousarray)
def ascontiguousarray(cx: Any, a: Value, dtype: Value = NONE) -> Value:
    return asarray(cx, a, dtype, Static("C"))


@numpy_rule(np.asfortranarray)
def asfortranarray(cx: Any, a: Value, dtype: Value = NONE) -> Value:
    return asarray(cx, a, dtype, Static("F"))


@numpy_rule(np.asarray, np.asanyarray)
def asarray(cx: Any, a: Value, dtype: Value = NONE, order: Value = NONE) -> Value:
    content = grown_list(cx, a, may_be_empty=True)
    if content is not None and getattr(content.element, "shape", None) == ():
        return _array_of_numbers(cx, content, dtype)
    made = _made_of(cx, a, not is_none(dtype))
    if isinstance(made, Option):
        return cx.split(made, lambda x: asarray(cx, x, dtype, order))
    wanted = dtype_of(cx, dtype, made.dtype)
    if wanted != made.dtype:
        return convert(cx, made, wanted).as_kind("array")
    lies = cx.static(order, "`order`")
    if lies == "F" and made.ndim > 1:
        axes = list(range(made.ndim))[::-1]
        return transposed(cx, transposed(cx, made, axes).viewed_in_order(), axes)
    return made.viewed_in_order() if lies in ("C", "F") else made


def _array_of_numbers(cx: Any, content: GrownList, dtype: Value) -> Value:
    """Numbers as an array; of none of them numpy makes float64."""
    made: Tensor = cx.stack_of(content)
    if not is_none(dtype):
        return convert(cx, made, dtype_of(cx, dtype, made.dtype))
    filled = cx.is_filled(content)
    if made.dtype == np.float64 or isinstance(filled, Static):
        return made
    return EitherDtype(made, np.dtype(float), cx.unary(gast.Not(), filled))


def _array_of_grown(cx: Any, content: GrownList, typed: bool) -> Tensor:
    if content.element is UNBOUND:
        return constant(np.array([]))
    # Of an empty list numpy makes float64 and one dimension.
    message = "an array of rows, of which there are none, isn't supported"
    filled = cx.is_filled(content)
    if not isinstance(filled, Static):
        cx.require(filled, cx.error("AF0208", message))
    uneven = UNEVEN if typed else of_objects(cx)
    rows: Tensor = cx.uniform_rows(content, ValueError(message), uneven)
    return rows


def _made_of(cx: Any, v: Value, typed: bool = False) -> Any:
    """A list, number or array as an array, or as one of several where items of it are.

    ``typed`` if numpy is told the dtype.
    """
    content = grown_list(cx, v, may_be_empty=True)
    if content is not None:
        return _array_of_grown(cx, content, typed)
    known, obj = cx.try_static(v)
    if known and not isinstance(v, Tensor):
        array = np.asarray(obj)
        if array.dtype.kind not in "biuf":
            cx.fail("AF0307", f"an array of dtype {array.dtype} isn't supported")
        return constant(array)
    if isinstance(v, Scalar):
        return cx.as_tensor(v)  # type: ignore[no-any-return]
    if isinstance(v, Option):
        return cx.split(v, lambda one: _made_of(cx, one, typed))
    if isinstance(v, Tuple | List):
        items = [_made_of(cx, item, typed) for item in cx.items_of(v)]
        for i, made in enumerate(items):
            if isinstance(made, Option):  # of several dtypes or ranks
                with_one = functools.partial(_with_item, cx, items, i, typed)
                return cx.split(made, with_one)
        return stacked(cx, items, typed)
    x = as_array(cx, v)
    return x.viewed_as(x.as_kind("array"))


def _with_item(cx: Any, items: Sequence[Value], i: int, typed: bool, item: Value) -> Any:
    return _made_of(cx, Tuple((*items[:i], item, *items[i + 1 :])), typed)


@numpy_rule(np.ndarray.copy)
def copy_method(cx: Any, self: Value, order: Value = Static("C")) -> Tensor:
    """As ``np.copy``, which keeps an array's layout instead."""
    return _laid_out(cx, copied(cx, self), order)


@numpy_rule(np.copy)
def copy(cx: Any, a: Value, order: Value = NONE) -> Tensor:
    return _fresh(_made_of(cx, a))


@numpy_rule(np.ndarray.__copy__)
def copied(cx: Any, self: Value) -> Tensor:
    made = copy(cx, self)
    return made.as_kind("generic") if is_generic(self) else made


@numpy_rule(np.ndarray.__deepcopy__)
def deepcopy(cx: Any, a: Value, memo: Value = NONE) -> Tensor:
    return copy(cx, a)


@numpy_rule(np.ndarray.astype)
def astype(
    cx: Any,
    self: Value,
    dtype: Value,
    order: Value = NONE,
    casting: Value = NONE,
    subok: Value = NONE,
    copy: Value = Static(True),
) -> Value:
    x = as_array(cx, self)
    if complex_arrays.is_complex_dtype(dtype):
        return cx.call(Static(complex_arrays.as_complex), [x, dtype], {})  # type: ignore[no-any-return]
    wanted = dtype_of(cx, dtype, float)
    if wanted == x.dtype:
        kept = x if not cx.static(copy, "`copy`") else _fresh(x)
        return kept.as_kind(x.kind)
    return Tensor(convert(cx, x, wanted).expr, x.shape, wanted, x.kind)


def _number_rule(cls: Any) -> Callable[..., Value]:
    def make(cx: Any, x: Value = Static(0)) -> Value:
        made = _made_of(cx, x)
        if isinstance(made, Option):
            return cx.split(made, lambda one: make(cx, one))  # type: ignore[no-any-return]
        return as_result(convert(cx, made, np.dtype(cls)))

    return make


for _cls in (
    np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
    np.float16, np.float32, np.float64,
):  # fmt: skip
    numpy_rule(_cls)(_number_rule(_cls))
