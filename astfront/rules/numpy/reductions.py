"""Reductions and cumulative operations: ``np.sum(x)``, ``x.max(axis=1)`` …"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import chainer
import gast
import numpy as np

from astfront.rules.numpy import elementwise as e
from astfront.rules.numpy.support import (
    BOOL,
    FLOAT32,
    INT64,
    as_array,
    as_bool,
    as_result,
    axes_of,
    axis_of,
    check_broadcast,
    constant,
    convert,
    dtype_of,
    full,
    is_variable,
    numpy_rule,
    product,
    refuse_out,
    sizes_of,
    store_out,
)
from astfront.values import FALSE, NONE, TRUE, EitherDtype, List, Scalar, Static, Tensor, Value

FLOAT64 = np.dtype("float64")


def reduced(
    cx: Any, op: str, x: Tensor, axes: Sequence[int], keepdims: bool, dtype: Any = None
) -> Tensor:
    """A Relay reduction; over no axes at all it's a copy of the array."""
    if not axes:
        return Tensor(x.expr, x.shape, x.dtype, "array", x.const)
    made: Tensor = cx.b.call(op, x, axis=list(axes), keepdims=keepdims)
    return made if dtype is None else convert(cx, made, dtype)


def _stored(cx: Any, out: Value, result: Tensor) -> Tensor:
    """``out=``, whose dtype numpy computes in."""
    if isinstance(out, Tensor) and not np.can_cast(result.dtype, out.dtype, "same_kind"):
        cx.fail("AF0306", f"a reduction of {result.dtype} with an `out` of {out.dtype}")
    return store_out(cx, out, result)


def accumulated(cx: Any, op: str, x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """A sum or product; that of float16 is made in float32, as numpy's is."""
    if x.dtype == np.float16:
        wide = reduced(cx, op, convert(cx, x, FLOAT32), axes, keepdims)
        return convert(cx, wide, np.float16)
    return reduced(cx, op, x, axes, keepdims)


def _parts(cx: Any, a: Value, axis: Value, keepdims: Value) -> tuple[Tensor, tuple[int, ...], bool]:
    x = as_array(cx, a)
    axes = axes_of(cx, cx.static(axis, "`axis`"), x.ndim)
    return x, axes, bool(cx.static(keepdims, "`keepdims`"))


def _count(cx: Any, x: Tensor, axes: Sequence[int]) -> Value:
    sizes = sizes_of(cx, x)
    return product(cx, [sizes[a] for a in axes])


def _kept(cx: Any, x: Tensor, where: Value, identity: Any) -> Tensor:
    """``where=``: elsewhere it's what doesn't count."""
    if isinstance(where, Static) and where.obj is True:
        return x
    mask = as_bool(cx, as_array(cx, where))
    check_broadcast(cx, Tensor(None, x.shape, x.dtype), mask)
    made: Tensor = cx.b.call("where", mask, x, full(identity, x.dtype))
    return cx.b.refine(made, x.shape)  # type: ignore[no-any-return]


def _with_initial(cx: Any, combine: np.ufunc, result: Tensor, initial: Value | None) -> Tensor:
    """``initial=``: one more element, of the result's dtype."""
    if initial is None:
        return result
    first = convert(cx, as_array(cx, initial), result.dtype)
    made: Tensor = cx.as_tensor(cx.call(Static(combine), [result, first], {}))
    return made


def _of_all_items(cx: Any, op: str, a: Value) -> Value:
    """Of a Variable numpy takes the items one by one, which are Variables: so is their sum."""
    message = f"numpy's {op} of a Variable without an item, which isn't a Variable"
    ok = cx.compare(gast.NotEq(), cx.get_attribute(a, "size"), Static(0))
    cx.require(ok, cx.error("AF0207", message))
    whole = chainer.functions.sum if op == "sum" else chainer.functions.prod
    return cx.call(Static(whole), [a], {})  # type: ignore[no-any-return]


def _sum_rule(op: str, combine: np.ufunc, identity: int) -> Callable[..., Value]:
    def apply(
        cx: Any,
        a: Value,
        axis: Value = NONE,
        dtype: Value = NONE,
        out: Value = NONE,
        keepdims: Value = FALSE,
        initial: Value | None = None,
        where: Value = TRUE,
    ) -> Value:
        given = [(axis, None), (dtype, None), (out, None), (keepdims, False), (where, True)]
        plain = all(isinstance(v, Static) and v.obj is default for v, default in given)
        if plain and initial is None and is_variable(a) and cx.as_tensor(a).dtype.itemsize >= 4:
            return _of_all_items(cx, op, a)
        x, axes, keep = _parts(cx, a, axis, keepdims)
        wanted = dtype_of(cx, dtype, _sum_dtype(x.dtype))
        x = _kept(cx, convert(cx, x, wanted), where, identity)
        result = _with_initial(cx, combine, accumulated(cx, op, x, axes, keep), initial)
        return _stored(cx, out, as_result(result))

    return apply


def _sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.sum(np.ones(1, dtype)).dtype


numpy_rule(np.sum, np.ndarray.sum)(_sum_rule("sum", np.add, 0))
numpy_rule(np.prod, np.product, np.ndarray.prod)(_sum_rule("prod", np.multiply, 1))


# --- extremes ----------------------------------------------------------------------------------


def require_items(cx: Any, x: Tensor, axes: Sequence[int], message: str) -> None:
    """numpy's ValueError where there is nothing to choose from."""
    count = _count(cx, x, axes)
    if isinstance(count, Static):
        rest = [d for i, d in enumerate(x.shape) if i not in axes]
        if count.obj == 0 and 0 not in rest:
            cx.raise_python(ValueError(message))
        return
    cx.check(cx.compare(gast.Gt(), count, Static(0)), ValueError(message))


def _extreme_rule(op: str, combine: np.ufunc) -> Callable[..., Tensor]:
    def apply(
        cx: Any,
        a: Value,
        axis: Value = NONE,
        out: Value = NONE,
        keepdims: Value = FALSE,
        initial: Value | None = None,
        where: Value = TRUE,
    ) -> Tensor:
        x, axes, keep = _parts(cx, a, axis, keepdims)
        if initial is None:
            if where is not TRUE:
                refuse_out(cx, where=where)
            message = f"zero-size array to reduction operation {op}imum which has no identity"
            require_items(cx, x, axes, message)
        else:
            x = _kept(cx, x, where, _worst(op, x.dtype))
            if any(x.shape[a] == 0 for a in axes):
                cx.fail("AF0306", "an extreme with `initial` of an empty axis")
        result = _with_initial(cx, combine, reduced(cx, op, x, axes, keep), initial)
        return _stored(cx, out, as_result(result))

    return apply


def _worst(op: str, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "b":
        return op == "min"
    if dtype.kind == "f":
        return -np.inf if op == "max" else np.inf
    info = np.iinfo(dtype)
    return info.min if op == "max" else info.max


numpy_rule(np.max, np.amax, np.ndarray.max)(_extreme_rule("max", np.maximum))
numpy_rule(np.min, np.amin, np.ndarray.min)(_extreme_rule("min", np.minimum))


@numpy_rule(np.ptp, np.ndarray.ptp)
def ptp(cx: Any, a: Value, axis: Value = NONE, out: Value = NONE, keepdims: Value = FALSE) -> Value:
    high = cx.call(Static(np.max), [a, axis], {"keepdims": keepdims})
    low = cx.call(Static(np.min), [a, axis], {"keepdims": keepdims})
    return cx.call(Static(np.subtract), [high, low, out], {})  # type: ignore[no-any-return]


def _arg_rule(op: str) -> Callable[..., Tensor]:
    def apply(
        cx: Any, a: Value, axis: Value = NONE, out: Value = NONE, *, keepdims: Value = FALSE
    ) -> Tensor:
        x = as_array(cx, a)
        given = cx.static(axis, "`axis`")
        axes = axes_of(cx, given, x.ndim) if given is None else (axis_of(cx, given, x.ndim),)
        require_items(cx, x, axes, f"attempt to get {op} of an empty sequence")
        if x.dtype == BOOL:
            x = convert(cx, x, "int8")
        if not axes:
            return as_result(constant(np.zeros((), INT64)))
        keep = bool(cx.static(keepdims, "`keepdims`"))
        return _stored(cx, out, as_result(reduced(cx, op, x, axes, keep, INT64)))

    return apply


numpy_rule(np.argmax, np.ndarray.argmax)(_arg_rule("argmax"))
numpy_rule(np.argmin, np.ndarray.argmin)(_arg_rule("argmin"))


# --- truth -------------------------------------------------------------------------------------


def _truth_rule(op: str) -> Callable[..., Tensor]:
    def apply(
        cx: Any,
        a: Value,
        axis: Value = NONE,
        out: Value = NONE,
        keepdims: Value = FALSE,
        *,
        where: Value = TRUE,
    ) -> Tensor:
        x, axes, keep = _parts(cx, a, axis, keepdims)
        x = _kept(cx, as_bool(cx, x), where, op == "all")
        return _stored(cx, out, as_result(reduced(cx, op, x, axes, keep)))

    return apply


numpy_rule(np.all, np.ndarray.all)(_truth_rule("all"))
numpy_rule(np.any, np.ndarray.any)(_truth_rule("any"))


def _reduce_rule(whole: Callable[..., Any]) -> Callable[..., Value]:
    """``ufunc.reduce``, which goes along the first axis if not told otherwise."""

    def reduce(
        cx: Any,
        array: Value,
        axis: Value = Static(0),
        dtype: Value = NONE,
        out: Value = NONE,
        keepdims: Value = FALSE,
        **more: Value,
    ) -> Value:
        if isinstance(dtype, Static) and dtype.obj is None:
            return cx.call(Static(whole), [array, axis], {"out": out, "keepdims": keepdims, **more})  # type: ignore[no-any-return]
        if whole not in (np.sum, np.prod):
            refuse_out(cx, dtype=dtype)
        given = {"dtype": dtype, "out": out, "keepdims": keepdims, **more}
        return cx.call(Static(whole), [array, axis], given)  # type: ignore[no-any-return]

    return reduce


for _ufunc, _whole in (
    (np.add, np.sum),
    (np.multiply, np.prod),
    (np.maximum, np.max),
    (np.minimum, np.min),
    (np.logical_and, np.all),
    (np.logical_or, np.any),
):
    numpy_rule(_ufunc.reduce)(_reduce_rule(_whole))


def _fmax_rule(extreme: Callable[..., Any], worst: float) -> Callable[..., Value]:
    """``fmax.reduce``: the extreme of what isn't NaN, and NaN where nothing else is."""

    def reduce(
        cx: Any, array: Value, axis: Value = Static(0), dtype: Value = NONE, out: Value = NONE,
        keepdims: Value = FALSE,
    ) -> Value:  # fmt: skip
        refuse_out(cx, dtype=dtype)
        x = as_array(cx, array)
        if x.dtype.kind != "f":
            return cx.call(Static(extreme), [x, axis], {"out": out, "keepdims": keepdims})  # type: ignore[no-any-return]
        lost = cx.b.call("isnan", x)
        rest = cx.b.call("where", lost, full(worst, x.dtype), x)
        found = cx.call(Static(extreme), [rest, axis], {"keepdims": keepdims})
        all_lost = cx.call(Static(np.all), [lost, axis], {"keepdims": keepdims})
        made = cx.call(Static(np.where), [all_lost, full(np.nan, x.dtype), found], {})
        return _stored(cx, out, as_result(made))

    return reduce


numpy_rule(np.fmax.reduce)(_fmax_rule(np.max, -np.inf))
numpy_rule(np.fmin.reduce)(_fmax_rule(np.min, np.inf))


@numpy_rule(np.count_nonzero)
def count_nonzero(
    cx: Any, a: Value, axis: Value = NONE, *, keepdims: Value = FALSE
) -> Tensor | Scalar:
    """A Python int where there's no axis."""
    x, axes, keep = _parts(cx, a, axis, keepdims)
    found = reduced(cx, "sum", convert(cx, as_bool(cx, x), INT64), axes, keep)
    if cx.static(axis) is None and not keep:
        return Scalar(found.expr, int)
    return as_result(found)


# --- means -------------------------------------------------------------------------------------


def mean_of(
    cx: Any, x: Tensor, axes: Sequence[int], keep: bool, count: Value | None = None
) -> Tensor:
    """The sum of floats, divided by their number."""
    total = reduced(cx, "sum", x, axes, keep)
    number = convert(cx, cx.as_tensor(_count(cx, x, axes) if count is None else count), x.dtype)
    made: Tensor = cx.b.call("divide", total, number)
    return made


def _float_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else FLOAT64


def _inner(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return FLOAT32 if dtype == np.float16 else dtype


@numpy_rule(np.mean, np.ndarray.mean)
def mean(
    cx: Any,
    a: Value,
    axis: Value = NONE,
    dtype: Value = NONE,
    out: Value = NONE,
    keepdims: Value = FALSE,
    *,
    where: Value = TRUE,
) -> Tensor:
    x, axes, keep = _parts(cx, a, axis, keepdims)
    wanted = dtype_of(cx, dtype, _float_of(x.dtype))
    if wanted.kind != "f":
        cx.fail("AF0306", f"a mean of dtype {wanted} isn't supported")
    x = convert(cx, x, _inner(wanted))
    if isinstance(where, Static) and where.obj is True:
        found = mean_of(cx, x, axes, keep)
    else:
        more = {"axis": axis, "keepdims": keepdims}
        chosen = cx.call(Static(np.broadcast_to), [where, cx.get_attribute(x, "shape")], {})
        total = cx.call(Static(np.sum), [x], {**more, "where": where})
        number = as_array(cx, cx.call(Static(np.sum), [chosen], more))
        found = cx.b.call("divide", as_array(cx, total), convert(cx, number, x.dtype))
    return _stored(cx, out, as_result(convert(cx, found, wanted)))


def _variance(
    cx: Any, a: Value, axis: Value, dtype: Value, ddof: Value, keepdims: Value, where: Value
) -> tuple[Tensor, Any]:
    x, axes, keep = _parts(cx, a, axis, keepdims)
    wanted = dtype_of(cx, dtype, _float_of(x.dtype))
    if wanted.kind != "f":
        cx.fail("AF0306", f"a variance of dtype {wanted} isn't supported")
    x = convert(cx, x, _inner(np.promote_types(wanted, x.dtype)))
    if not (isinstance(where, Static) and where.obj is True):
        parts = x, axis, ddof, keepdims, as_array(cx, where)
        return as_array(cx, cx.call_function_object(_variance_where, *parts)), wanted
    centre = mean_of(cx, x, axes, True)
    gap = cx.b.call("subtract", x, centre)
    count = _count(cx, x, axes)
    freedom = cx.static(ddof, "`ddof`")
    if freedom:
        count = cx.at_least_zero(cx.binary_op(operator.sub, count, Static(freedom)))
    return mean_of(cx, e.square(cx, gap), axes, keep, count), wanted


def _variance_where(x, axis, ddof, keepdims, where):  # type: ignore[no-untyped-def]
    """Compiled."""
    chosen = np.broadcast_to(where, x.shape)
    number = np.sum(chosen, axis=axis, keepdims=True).astype(x.dtype)
    gap = x - np.sum(x, axis=axis, keepdims=True, where=chosen) / number
    total = np.sum(gap * gap, axis=axis, keepdims=keepdims, where=chosen)
    count = np.sum(chosen, axis=axis, keepdims=keepdims) - ddof
    return total / np.maximum(count, 0).astype(x.dtype)


@numpy_rule(np.var, np.ndarray.var)
def var(
    cx: Any,
    a: Value,
    axis: Value = NONE,
    dtype: Value = NONE,
    out: Value = NONE,
    ddof: Value = Static(0),
    keepdims: Value = FALSE,
    *,
    where: Value = TRUE,
) -> Tensor:
    found, wanted = _variance(cx, a, axis, dtype, ddof, keepdims, where)
    return _stored(cx, out, as_result(convert(cx, found, wanted)))


@numpy_rule(np.std, np.ndarray.std)
def std(
    cx: Any,
    a: Value,
    axis: Value = NONE,
    dtype: Value = NONE,
    out: Value = NONE,
    ddof: Value = Static(0),
    keepdims: Value = FALSE,
    *,
    where: Value = TRUE,
) -> Tensor:
    found, wanted = _variance(cx, a, axis, dtype, ddof, keepdims, where)
    return _stored(cx, out, as_result(convert(cx, cx.b.call("sqrt", found), wanted)))


# --- cumulative --------------------------------------------------------------------------------


def _cumulative_rule(op: str) -> Callable[..., Value]:
    def apply(
        cx: Any, a: Value, axis: Value = NONE, dtype: Value = NONE, out: Value = NONE
    ) -> Value:
        made = cx.call(Static(np.asarray), [a], {}) if isinstance(a, List) else a
        if isinstance(made, EitherDtype):
            return cx.split(made, lambda one: apply(cx, one, axis, dtype, out))  # type: ignore[no-any-return]
        x = as_array(cx, made)
        wanted = dtype_of(cx, dtype, _sum_dtype(x.dtype))
        given = cx.static(axis, "`axis`")
        if given is None:
            x = cx.b.call("reshape", x, newshape=(-1,))
        along = 0 if given is None else axis_of(cx, given, x.ndim)
        x = convert(cx, x, wanted)
        found = cx.b.call(op, x, axis=along)
        return _stored(cx, out, found)

    return apply


numpy_rule(np.cumsum, np.ndarray.cumsum)(_cumulative_rule("cumsum"))
numpy_rule(np.cumprod, np.cumproduct, np.ndarray.cumprod)(_cumulative_rule("cumprod"))


def _accumulate_rule(whole: Callable[..., Any]) -> Callable[..., Value]:
    def accumulate(
        cx: Any, array: Value, axis: Value = Static(0), dtype: Value = NONE, out: Value = NONE
    ) -> Value:
        return cx.call(Static(whole), [array, axis, dtype, out], {})  # type: ignore[no-any-return]

    return accumulate


numpy_rule(np.add.accumulate)(_accumulate_rule(np.cumsum))
numpy_rule(np.multiply.accumulate)(_accumulate_rule(np.cumprod))


@numpy_rule(np.diff)
def diff(
    cx: Any,
    a: Value,
    n: Value = Static(1),
    axis: Value = Static(-1),
    prepend: Value = Static(np._NoValue),  # type: ignore[attr-defined]
    append: Value = Static(np._NoValue),  # type: ignore[attr-defined]
) -> Value:
    """Differences of neighbours, ``n`` times."""
    x: Value = as_array(cx, a)
    ndim = x.ndim  # type: ignore[attr-defined]
    along = axis_of(cx, cx.static(axis, "`axis`"), ndim)
    for end, first in ((prepend, True), (append, False)):
        if not (isinstance(end, Static) and end.obj is np._NoValue):  # type: ignore[attr-defined]
            x = cx.call(Static(_with_end), [x, end, Static(along), Static(first)], {})
    for _ in range(cx.static(n, "`n`")):
        whole = [slice(None)] * along
        later = cx.get_item(x, Static((*whole, slice(1, None))))
        earlier = cx.get_item(x, Static((*whole, slice(None, -1))))
        f = np.not_equal if later.dtype == BOOL else np.subtract
        x = cx.call(Static(f), [later, earlier], {})
    return x


def _with_end(x: Any, end: Any, axis: int, first: bool) -> Any:
    end = np.asarray(end)
    if end.ndim == 0:
        end = np.broadcast_to(end, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return np.concatenate((end, x) if first else (x, end), axis)


__all__ = ["accumulated", "full", "reduced"]
