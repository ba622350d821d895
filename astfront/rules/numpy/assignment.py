"""``array[index] = value``, as a new array that has the value in place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np

from astfront.rules.indexing import checked, index_tensor, minus, slice_ends
from astfront.rules.numpy.promotion import resolve
from astfront.rules.numpy.shaping import reshaped
from astfront.rules.numpy.subscripts import (
    Among,
    At,
    Axis,
    Entry,
    New,
    Part,
    entries_of,
    index_items,
    nonzero_rows,
    require_match,
)
from astfront.rules.numpy.support import (
    BOOL,
    FLOAT32,
    as_array,
    as_bool,
    broadcast_to,
    check_broadcast,
    constant,
    convert,
    full,
    known_sizes,
    operand,
    product,
    require_equal,
    size_vector,
    sizes_of,
    tensor_of,
)
from astfront.rules.registry import StaticArg, rule
from astfront.values import NONE, TRUE, Scalar, Static, Tensor, Tuple, Value, is_none


@rule(np.ndarray.__setitem__)
def updated(cx: Any, x: Tensor, index: Value, value: Value) -> Tensor:
    """``x`` after ``x[index] = value``; the value is cast to the array's dtype, as numpy does."""
    known, (args, _) = cx.try_all([x, index, value], {})
    if known:
        array = np.array(args[0])
        try:
            array[args[1]] = args[2]
        except (IndexError, ValueError, TypeError) as e:
            cx.raise_python(e)
        return constant(array)
    if isinstance(value, Static) and value.obj is None:
        cx.raise_python(TypeError("float() argument must be a string or a real number, not None"))
    new = convert(cx, as_array(cx, value), x.dtype)
    items = index_items(cx, index)
    if len(items) == 1 and isinstance(items[0], Tensor) and items[0].dtype == BOOL:
        return _by_mask(cx, x, items[0], new)
    if new.ndim == 0 and any(map(_is_bool, items)):
        return _where_all(cx, x, items, new)
    entries = entries_of(cx, x, index)
    axes = [e for e in entries if isinstance(e, Axis)]
    if any(isinstance(e, New) for e in entries):
        if any(isinstance(e, Among) for e in axes):
            cx.fail("AF0208", "assignment to an array of places and a new axis isn't supported")
        new = _without_new_axes(cx, new, entries)
    if any(isinstance(e, Among) for e in axes):
        return _scattered(cx, x, index, axes, new)
    count = next((i for i, e in enumerate(axes) if not isinstance(e, At)), len(axes))
    at_first = all(isinstance(e, Part) and e.whole for e in axes[count:])
    if at_first and count and _staged_position(x, axes[:count]):
        return _row(cx, x, axes[:count], new)
    steps = [cx.static(e.step, "a slice's step") for e in axes if isinstance(e, Part)]
    if all(s in (None, 1, -1) for s in steps):
        return _block(cx, x, axes, new)
    return _scattered(cx, x, index, axes, new)


def _is_bool(item: Value) -> bool:
    """Whether an item of an index is a bool, and no array of them."""
    if isinstance(item, Tensor):
        return item.dtype == BOOL and item.ndim == 0
    known = isinstance(item, Static) and isinstance(item.obj, bool | np.bool_)
    return known or (isinstance(item, Scalar) and item.type is bool)


def _where_all(cx: Any, x: Tensor, items: Sequence[Value], value: Tensor) -> Tensor:
    """One value, put in place if all those items of the index are true that are bools."""
    rest = cx.tuple([item for item in items if not _is_bool(item)])
    made = updated(cx, x, rest, value)
    for item in filter(_is_bool, items):
        made = cx.b.refine(cx.b.call("where", cx.as_tensor(item), made, x), x.shape)
    return made


def _without_new_axes(cx: Any, value: Tensor, entries: Sequence[Entry]) -> Tensor:
    """What's assigned, without those of its axes that are for new ones of the index."""
    shown = [e for e in entries if isinstance(e, New | Part)]
    for after, entry in enumerate(reversed(shown), 1):
        if not isinstance(entry, New) or value.ndim < after:
            continue
        axis = value.ndim - after
        message = f"could not broadcast input array from shape {value.shape}"
        require_equal(cx, cx.dim_of(value, axis), Static(1), message)
        sizes = [size for i, size in enumerate(sizes_of(cx, value)) if i != axis]
        value = reshaped(cx, value, sizes)
        shown.pop(-after)
        return _without_new_axes(cx, value, shown)
    return value


def _staged_position(x: Tensor, ats: Sequence[Entry]) -> bool:
    staged = any(not isinstance(e.index, Static) for e in ats)  # type: ignore[union-attr]
    return staged or None in x.shape[: len(ats)]


def fitted(cx: Any, value: Tensor, sizes: Sequence[Value]) -> Tensor:
    """``value`` broadcast to the part that is assigned; numpy's ValueError where it doesn't fit."""
    shape = known_sizes(sizes)
    message = f"could not broadcast input array from shape {value.shape} into shape {shape}"
    extra = value.ndim - len(sizes)
    if extra > 0:
        if any(d not in (1, None) for d in value.shape[:extra]):
            cx.raise_python(ValueError(message))
        staged = [axis for axis in range(extra) if value.shape[axis] is None]
        for axis in staged:
            require_equal(cx, cx.dim_of(value, axis), Static(1), message)
        if staged:
            value = _only_along(cx, value, staged)
        value = cx.b.call("squeeze", value, axis=list(range(extra)))
    for axis in range(-value.ndim, 0):
        own, wanted = value.shape[axis], sizes[axis]
        if own == 1:
            continue
        if own is not None:
            require_equal(cx, Static(own), wanted, message)
            continue
        _require_one_or(cx, cx.dim_of(value, axis), wanted, message)
    return broadcast_to(cx, value, sizes)


def _require_one_or(cx: Any, size: Value, wanted: Value, message: str) -> None:
    """numpy's ValueError where a size is neither 1 nor the one that's wanted."""
    fits = [cx.compare(gast.Eq(), size, n) for n in (Static(1), wanted)]
    if TRUE in fits:
        return
    either = cx.b.call("logical_or", *map(cx.as_tensor, fits))
    cx.check(Scalar(either.expr, bool), ValueError(message))


def _only_along(cx: Any, x: Tensor, axes: Sequence[int]) -> Tensor:
    """The only items along axes of staged sizes: a reduction does no harm where there are others."""
    numbers = convert(cx, x, "int8") if x.dtype == BOOL else x
    return convert(cx, cx.b.call("max", numbers, axis=list(axes), keepdims=True), x.dtype)


def in_turn(part: Any, value: Any) -> Any:
    """What is put into a part of ``x.flat``: the items in turn, again and again; compiled."""
    items = np.ravel(value)
    return items[np.arange(part.size) % max(items.size, 1)].reshape(part.shape)


def _row(cx: Any, x: Tensor, ats: Sequence[Entry], value: Tensor) -> Tensor:
    """One position of the leading axes, staged."""
    places = [
        checked(cx, e.index, cx.dim_of(x, i), i)  # type: ignore[union-attr]
        for i, e in enumerate(ats)
    ]
    sizes = sizes_of(cx, x)
    safe = [_clamped(cx, p, sizes[i]) for i, p in enumerate(places)]
    where = cx.b.call("expand_dims", size_vector(cx, safe), axis=1)
    row = fitted(cx, value, sizes[len(ats) :])
    update = cx.b.call("expand_dims", row, axis=0)
    return cx.b.call("scatter_nd", x, where, update, mode="update")  # type: ignore[no-any-return]


def _clamped(cx: Any, place: Value, size: Value) -> Value:
    """A place that does no harm where the check of it failed."""
    if isinstance(place, Static) and isinstance(size, Static):
        return place
    zero, last = cx.as_scalar(Static(0), int), cx.as_scalar(minus(cx, size, Static(1)), int)
    low = cx.b.call("minimum", cx.as_scalar(place, int), last)
    return Scalar(cx.b.call("maximum", low, zero).expr, int)


def _block(cx: Any, x: Tensor, axes: Sequence[Entry], value: Tensor) -> Tensor:
    """A contiguous part: what is before it, the value, and what is after it, axis by axis."""
    if _is_line(x, axes):
        return _line(cx, x, axes, value)
    ends: list[tuple[Value, Value]] = []
    sizes: list[Value] = []
    turned: list[int] = []
    for axis, entry in enumerate(axes):
        size = cx.dim_of(x, axis)
        if isinstance(entry, At):
            place = checked(cx, entry.index, size, axis)
            ends.append((place, cx.binary_op(operator.add, place, Static(1))))
            continue
        start, stop = _ends(cx, entry, size)  # type: ignore[arg-type]
        if cx.static(entry.step) == -1:  # type: ignore[union-attr]
            turned.append(len(sizes))
        ends.append((start, stop))
        sizes.append(minus(cx, stop, start))
    block = fitted(cx, value, sizes)
    for axis in turned:
        index = (*[slice(None)] * axis, slice(None, None, -1))
        block = index_tensor(cx, block, Static(index))
    for axis, entry in enumerate(axes):
        if isinstance(entry, At):
            block = cx.b.call("expand_dims", block, axis=axis)
    made = _placed(cx, x, block, ends, 0)
    return cx.b.refine(made, x.shape)  # type: ignore[no-any-return]


def _is_line(x: Tensor, axes: Sequence[Entry]) -> bool:
    """Whether it's one position of some axes, a staged one, and all of the others; of known sizes."""
    ats = [e for e in axes if isinstance(e, At)]
    whole = all(isinstance(e, At) or e.whole for e in axes)  # type: ignore[union-attr]
    return whole and None not in x.shape and any(not isinstance(e.index, Static) for e in ats)


def _line(cx: Any, x: Tensor, axes: Sequence[Entry], value: Tensor) -> Tensor:
    sizes = [Static(d) for d, e in zip(x.shape, axes) if not isinstance(e, At)]
    line = fitted(cx, value, sizes)
    here = None
    for axis, entry in enumerate(axes):
        if not isinstance(entry, At):
            continue
        line = cx.b.call("expand_dims", line, axis=axis)
        size = x.shape[axis] or 0
        place = checked(cx, entry.index, Static(size), axis)
        places = np.arange(size).reshape(-1, *[1] * (x.ndim - axis - 1))
        same = cx.b.call("equal", constant(places), cx.as_scalar(place, int))
        here = same if here is None else cx.b.call("logical_and", here, same)
    return cx.b.call("where", here, line, x)  # type: ignore[no-any-return]


def _ends(cx: Any, part: Part, size: Value) -> tuple[Value, Value]:
    """First and one after the last position of a slice of step 1 or −1, in rising order."""
    step = cx.static(part.step)
    if part.whole:
        return Static(0), size
    if step != -1:
        return slice_ends(cx, part, size, 1)
    start, stop = slice_ends(cx, part, size, -1)
    if isinstance(stop, Static) and isinstance(size, Static):
        last = stop.obj if stop.obj >= 0 else stop.obj + size.obj
        return Static(last + 1), Static(start.obj + 1)  # type: ignore[attr-defined]
    if not is_none(part.start) or not is_none(part.stop):
        cx.fail("AF0208", "assignment to a backward slice with staged ends isn't supported")
    return Static(0), size


def _placed(
    cx: Any, x: Tensor, block: Tensor, ends: Sequence[tuple[Value, Value]], axis: int
) -> Tensor:
    while axis < x.ndim and _is_whole(cx, x, ends, axis):
        axis += 1
    if axis == x.ndim:
        return block
    start, stop = ends[axis]
    parts = []
    for low, high in ((NONE, start), (start, stop), (stop, NONE)):
        index = cx.tuple([*[Static(slice(None))] * axis, cx.call(Static(slice), [low, high], {})])
        part = index_tensor(cx, x, index)
        if high is stop:
            part = _placed(cx, part, block, ends, axis + 1)
        if part.shape[axis] != 0:
            parts.append(part)
    if len(parts) == 1:
        return parts[0]
    return cx.b.call("concatenate", parts, axis=axis)  # type: ignore[no-any-return]


def _is_whole(cx: Any, x: Tensor, ends: Sequence[tuple[Value, Value]], axis: int) -> bool:
    start, stop = ends[axis]
    if not isinstance(start, Static) or start.obj != 0:
        return False
    if isinstance(stop, Static):
        return bool(stop.obj == x.shape[axis])
    return x.shape[axis] is None and cx.difference(stop, cx.dim_of(x, axis)) == 0


# --- arrays as indices -------------------------------------------------------------------------


@rule(np.copyto)
def copyto(
    cx: Any, dst: Value, src: Value, casting: StaticArg[str] = "same_kind", where: Value = TRUE
) -> Value:
    if not isinstance(dst, Tensor) or dst.kind != "array":
        cx.raise_python(TypeError("copyto() argument 1 must be numpy.ndarray"))
        return NONE
    source = operand(cx, src)
    given = source.obj if isinstance(source, Static) else source.dtype
    if not np.can_cast(given, dst.dtype, casting):  # type: ignore[arg-type]
        between = (
            f"{np.asarray(given).dtype if isinstance(source, Static) else given!r} to {dst.dtype!r}"
        )
        rule_name = f"according to the rule '{casting}'"
        cx.raise_python(TypeError(f"Cannot cast array data from {between} {rule_name}"))
    value: Value = tensor_of(cx, source, dst.dtype)
    if not (isinstance(where, Static) and where.obj is True):
        mask = as_bool(cx, as_array(cx, where))
        fits = Tensor(None, dst.shape, dst.dtype)
        if check_broadcast(cx, fits, mask) != dst.shape:
            cx.raise_python(ValueError("could not broadcast where mask into dst"))
        value = cx.call(Static(np.where), [mask, value, dst], {})
    cx.set_item(dst, Static(Ellipsis), value)
    return NONE


def _by_mask(cx: Any, x: Tensor, mask: Tensor, value: Tensor) -> Tensor:
    """``x[mask] = value``: one value for all, or one for each true element."""
    if mask.ndim > x.ndim:
        cx.raise_python(IndexError("too many indices for array"))
    for axis in range(mask.ndim):
        require_match(cx, x, axis, mask, axis)
    rest = x.ndim - mask.ndim
    if not rest and value.ndim > 1:
        message = "NumPy boolean array indexing assignment requires a 0 or 1-dimensional input, "
        cx.raise_python(TypeError(f"{message}input has {value.ndim} dimensions"))
    if value.ndim == rest + 1 and value.shape[0] == 1:
        value = cx.b.call("squeeze", value, axis=[0])
    if value.ndim <= rest:
        if rest:
            mask = cx.b.call("expand_dims", mask, axis=mask.ndim, num_newaxis=rest)
            value = fitted(cx, value, sizes_of(cx, x)[-rest:])
        made = cx.b.call("where", mask, value, x)
        return cx.b.refine(made, x.shape)  # type: ignore[no-any-return]
    places = nonzero_rows(cx, mask)
    count = cx.dim_of(places, 1)
    message = (
        "NumPy boolean array indexing assignment cannot assign the input values to the output "
        "values where the mask is true: there are more or fewer of them"
    )
    _require_one_or(cx, cx.dim_of(value, 0), count, message)
    value = fitted(cx, value, [cx.dim_of(value, 0), *sizes_of(cx, x)[mask.ndim :]])
    order = cx.call(Static(np.arange), [count], {})
    if value.shape[0] == 0:
        return x
    rows = cx.b.call("take", value, order, axis=0, mode="clip")
    return cx.b.call("scatter_nd", x, places, rows, mode="update")  # type: ignore[no-any-return]


def _scattered(cx: Any, x: Tensor, index: Value, axes: Sequence[Entry], value: Tensor) -> Tensor:
    """By the positions that the index picks of the flat array.

    Of several values for one position numpy leaves the last, in the order of a list of positions; in
    which order it goes through several axes of them depends on how they lie in memory.
    """
    places = _places(cx, x, index)
    if places.const is not None:
        unique = np.unique(places.const).size == places.const.size
    else:
        arrays = [e.index for e in axes if isinstance(e, Among) and not e.safe]
        unique = all(d == 1 for i in arrays for d in i.shape)
    in_order = all(e.index.ndim == 1 for e in axes if isinstance(e, Among))
    one_value = all(d == 1 for d in value.shape)
    if not (unique or in_order or one_value):
        cx.fail(
            "AF0208",
            "assignment of several values to positions that may be the same one isn't supported",
            help="which one stays isn't certain; use a loop, or a sum with F.scatter_add",
        )
    return _at_places(cx, x, places, value, "update")


def _places(cx: Any, x: Tensor, index: Value) -> Tensor:
    """The positions in the flat array of ``x[index]``."""
    total = product(cx, sizes_of(cx, x))
    numbers = reshaped(cx, cx.call(Static(np.arange), [total], {}), sizes_of(cx, x))
    return index_tensor(cx, numbers, index)


def _at_places(cx: Any, x: Tensor, places: Tensor, value: Tensor, mode: str) -> Tensor:
    """``value`` put into ``x``, or added to it, at these positions of the flat array."""
    if 0 in places.shape:
        return x
    flat = fitted(cx, value, sizes_of(cx, places))
    updates = reshaped(cx, flat, [Static(-1)])
    where = cx.b.call("expand_dims", reshaped(cx, places, [Static(-1)]), axis=0)
    made = cx.b.call("scatter_nd", reshaped(cx, x, [Static(-1)]), where, updates, mode=mode)
    return reshaped(cx, made, sizes_of(cx, x))


#: What scatter_nd calls the ufuncs whose ``at`` it computes.
_AT: dict[np.ufunc, str] = {
    np.add: "add", np.subtract: "add", np.multiply: "mul", np.maximum: "max", np.minimum: "min"
}  # fmt: skip


def _combined(
    cx: Any, ufunc: np.ufunc, a: Tensor, places: Tensor, values: Tensor, mode: str
) -> Tensor:
    """``a`` with what the ufunc makes of its items at these positions and the values."""
    if a.dtype == BOOL:
        if ufunc is np.subtract:
            cx.raise_python(TypeError("numpy boolean subtract, the `-` operator, is not supported"))
        of_bools = {"add": "max", "mul": "min"}.get(mode, mode)  # which are `or` and `and`
        numbers, more = cx.cast(a, np.int8), cx.cast(values, np.int8)
        return cx.cast(_at_places(cx, numbers, places, more, of_bools), BOOL)  # type: ignore[no-any-return]
    if ufunc is np.subtract:
        values = as_array(cx, cx.call(Static(np.negative), [values], {}))
    new = _at_places(cx, a, places, values, mode)
    if mode in ("max", "min") and a.dtype.kind == "f":
        # TVM keeps no NaN that's there already.
        lost, more = (convert(cx, cx.b.call("isnan", x), FLOAT32) for x in (a, values))
        count = _at_places(cx, lost, places, more, "add")
        nan = constant(np.array(np.nan, a.dtype))
        new = cx.b.call("where", cx.b.call("greater", count, full(0, FLOAT32)), nan, new)
    return new


def _at_rule(ufunc: np.ufunc, mode: str) -> Callable[..., Value]:
    def at(cx: Any, a: Value, indices: Value, b: Value) -> Value:
        """Unbuffered: a position that is there twice gets both values."""
        if not isinstance(a, Tensor) or a.kind != "array":
            return cx.raise_python(TypeError("first operand must be array"))  # type: ignore[no-any-return]
        values = as_array(cx, b)
        made = resolve(cx, ufunc, [a, operand(cx, b)])
        kinds = (a.dtype.kind, made.kind)
        if made != a.dtype and not (
            kinds == ("f", "f") or (mode in ("add", "mul") and set(kinds) <= {*"iu"})
        ):
            # numpy rounds to the array's dtype after each item.
            what = f"numpy.{ufunc.__name__}.at of an array of {a.dtype}, computed in {made},"
            cx.fail("AF0306", f"{what} isn't supported", help="convert the values before")
        values, places = convert(cx, values, a.dtype), _places(cx, a, indices)
        new = _combined(cx, ufunc, a, places, values, mode)
        cx.replace_array(a, a.viewed_as(new.as_kind("array")))
        return NONE

    return at


for _ufunc, _mode in _AT.items():
    rule(_ufunc.at)(_at_rule(_ufunc, _mode))


__all__ = ["Tuple", "updated"]
