"""Subscripts of arrays: numpy's basic, integer and boolean indexing."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gast
import numpy as np

from astfront.control.endings import Shortened
from astfront.rules import folds
from astfront.rules.numpy.subscripts import (
    Among,
    At,
    Axis,
    Entry,
    New,
    Part,
    entries_of,
    index_items,
    is_ellipsis,
)
from astfront.rules.numpy.support import (
    INT64,
    broadcast,
    constant,
    full,
    known_sizes,
    numpy_rule,
    require_equal,
    run_numpy,
    size_vector,
)
from astfront.values import (
    Scalar,
    Static,
    Tensor,
    Value,
    is_none,
)

FAR = 2**31 - 1


@numpy_rule(np.ndarray.__getitem__)
def get_item(cx: Any, self: Value, index: Value) -> Value:
    return index_tensor(cx, cx.as_tensor(self), index)


def index_tensor(cx: Any, x: Tensor, index: Value) -> Tensor:
    """``x[index]``. Basic indexing gives a view, a complete one of an array a numpy scalar."""
    known, (args, _) = cx.try_all([x, index], {})
    if known and x.kind != "variable":
        again = lambda _, base: index_tensor(cx, base, index)  # noqa: E731
        value = cx.as_tensor(run_numpy(cx, operator.getitem, [x], args, {}, again))
        return value.as_kind("generic") if not value.ndim and x.ndim else value  # type: ignore[no-any-return]
    if x.kind == "generic":
        x = x.copied().as_kind("array")
    if isinstance(index, Static) and isinstance(index.obj, bool | np.bool_):
        whole = cx.b.call("expand_dims", x, axis=0)  # copied, as an array of indices does
        if not index.obj:
            whole = strided_slice(cx, whole, [(0, slice(0, 0))])
        return replace(whole, kind=x.kind, is_variable=x.is_variable)
    entries = entries_of(cx, x, index)
    if any(isinstance(e, Among) for e in entries):
        return replace(advanced(cx, x, entries), kind=x.kind)
    ellipsis = any(is_ellipsis(e) for e in index_items(cx, index))
    all_at = all(isinstance(e, At) for e in entries) and not ellipsis
    kind = "generic" if all_at and x.kind == "array" else x.kind
    found = basic(cx, x, entries)
    if kind == "generic":
        return found.copied().as_kind("generic")
    made = replace(found, kind=kind, is_variable=x.is_variable)
    return x.viewed_as(made, lambda base: basic(cx, base, entries))


# --- basic indexing ----------------------------------------------------------------------------


def basic(cx: Any, x: Tensor, entries: Sequence[Entry]) -> Tensor:
    """Slices, single positions and new axes."""
    axes = [e for e in entries if isinstance(e, Axis)]
    x = sliced(cx, x, [e if isinstance(e, Part) else Part() for e in axes])
    ats = [i for i, e in enumerate(axes) if isinstance(e, At)]
    for axis in reversed(ats):
        at = axes[axis]
        x = take_one(cx, x, at.index, axis)  # type: ignore[union-attr]
    place = 0
    for entry in entries:
        if isinstance(entry, New):
            x = cx.b.call("expand_dims", x, axis=place)
        place += isinstance(entry, New | Part)
    return x


def take_one(cx: Any, x: Tensor, index: Value, axis: int) -> Tensor:
    """One position of an axis, which goes."""
    i = checked(cx, index, cx.dim_of(x, axis), axis)
    where = cx.as_tensor(i)
    return cx.b.call("take", x, where, axis=axis, mode="clip")  # type: ignore[no-any-return]


def checked(cx: Any, index: Value, size: Value, axis: int) -> Value:
    """An index counted from the front; numpy's IndexError where it's out of range."""
    at = index.obj if isinstance(index, Static) else None
    length = size.obj if isinstance(size, Static) else None
    message = f"index {'?' if at is None else at} is out of bounds for axis {axis} with size "
    error = IndexError(Shortened(message + ("?" if length is None else str(length))))
    if at is not None and length is not None:
        if not -length <= at < length:
            cx.raise_python(IndexError(str(error)))
        return Static(at % length)
    if cx.is_index(index, size):
        return index
    if at is not None:
        cx.check(cx.compare(gast.Lt(), Static(at if at >= 0 else -at - 1), size), error)
        return index if at >= 0 else cx.binary_op(operator.add, size, index)  # type: ignore[no-any-return]
    scalar = cx.as_scalar(index, int)
    negative = cx.compare(gast.Lt(), scalar, Static(0))
    shifted = cx.as_scalar(cx.binary_op(operator.add, scalar, size), int)
    found = Scalar(cx.b.call("where", negative, shifted, scalar).expr, int)
    low = cx.compare(gast.GtE(), found, Static(0))
    high = cx.compare(gast.Lt(), found, size)
    cx.check(Scalar(cx.b.call("logical_and", low, high).expr, bool), error)
    return found


def sliced(cx: Any, x: Tensor, parts: Sequence[Part]) -> Tensor:
    """Slices of the leading axes; in one strided_slice for all that are known."""
    known: list[tuple[int, slice]] = []
    staged: list[tuple[int, Part]] = []
    for axis, part in enumerate(parts):
        if part.whole:
            continue
        values = (part.start, part.stop, part.step)
        if not all(isinstance(v, Static) for v in values):
            staged.append((axis, part))
            continue
        s = slice(*(v.obj for v in values))  # type: ignore[attr-defined]
        if s.step == 0:
            cx.raise_python(ValueError("slice step cannot be zero"))
        size = x.shape[axis]
        if size is not None:
            start, stop, step = s.indices(size)
            if (start, stop, step) != (0, size, 1):
                known.append((axis, slice(start, stop, step)))
        elif _safe(s):
            known.append((axis, s))
        else:
            staged.append((axis, part))
    if known:
        x = strided_slice(cx, x, known)
    if staged:
        x = _staged_slice(cx, x, staged)
    return x


def _safe(s: slice) -> bool:
    """Whether TVM clamps this slice of an axis of unknown size as Python does."""
    if s.start is None and s.stop is None:
        return True
    return s.start is None and s.stop >= 0 and s.step in (None, 1)


def strided_slice(cx: Any, x: Tensor, slices: Sequence[tuple[int, slice]]) -> Tensor:
    """Slices of axes: of known sizes with all numbers given, as ``slice.indices`` gives them."""
    begin, end, strides = [0] * x.ndim, [FAR if d is None else d for d in x.shape], [1] * x.ndim
    shape: list[Any] = list(x.shape)
    for axis, s in slices:
        step = 1 if s.step is None else s.step
        size = x.shape[axis]
        if size is None:
            begin[axis] = FAR if step < 0 else 0
            end[axis] = -FAR - 1 if step < 0 else FAR if s.stop is None else s.stop
        else:
            shape[axis] = (
                len(range(*s.indices(size))) if step > 0 else len(range(s.start, s.stop, step))
            )
            # −1 as an end means before the first; TVM would count it from the end.
            begin[axis], end[axis] = s.start, s.stop if s.stop >= 0 else -size - 1
        strides[axis] = step
    if 0 in shape and None not in shape:
        return constant(np.zeros(shape, x.dtype))
    made = cx.b.call("strided_slice", x, begin=begin, end=end, strides=strides)
    return made  # type: ignore[no-any-return]


def _window(cx: Any, x: Tensor, axis: int, part: Part) -> Tensor | None:
    """``x[t : t + k]`` where that is known to lie in ``x``: a slice of a known size."""
    size = cx.dim_of(x, axis)
    start = Static(0) if is_none(part.start) else part.start
    stop = size if is_none(part.stop) else part.stop
    length = cx.difference(stop, start)
    unit = isinstance(part.step, Static) and part.step.obj in (None, 1)
    if length is None or length <= 0 or not unit:
        return None
    if not (cx.is_at_least(start, 0) and cx.is_at_most(stop, size)):
        return None
    first = cx.as_tensor(cx.as_scalar(start, int))
    if length == 1:
        row = cx.b.call("take", x, first, axis=axis, mode="clip")
        return cx.b.call("expand_dims", row, axis=axis)  # type: ignore[no-any-return]
    places = cx.b.call("add", constant(np.arange(length)), first)
    return cx.b.call("take", x, places, axis=axis, mode="clip")  # type: ignore[no-any-return]


def _staged_slice(cx: Any, x: Tensor, parts: Sequence[tuple[int, Part]]) -> Tensor:
    """Slices with an end, a step or an axis that is staged: Python's clamping at run time."""
    for n, (axis, part) in enumerate(parts):
        window = _window(cx, x, axis, part)
        if window is not None:
            rest = [*parts[:n], *parts[n + 1 :]]
            return _staged_slice(cx, window, rest) if rest else window
        if isinstance(part.step, Scalar):
            ends = [part.start, part.stop, part.step, cx.dim_of(x, axis)]
            places = cx.call(Static(folds.sliced_places), ends, {})
            x = cx.b.call("take", x, places, axis=axis, mode="clip")
            rest = [*parts[:n], *parts[n + 1 :]]
            return _staged_slice(cx, x, rest) if rest else x
    begin: list[Value] = [Static(0)] * x.ndim
    end: list[Value] = [Static(FAR if d is None else d) for d in x.shape]
    strides = [1] * x.ndim
    shape = list(x.shape)
    for axis, part in parts:
        step = cx.static(part.step, "the step of a slice")
        strides[axis] = step = 1 if step is None else step
        if step == 0:
            cx.raise_python(ValueError("slice step cannot be zero"))
        begin[axis], end[axis] = slice_ends(cx, part, cx.dim_of(x, axis), step)
        shape[axis] = None
    made = cx.b.call(
        "dyn.strided_slice",
        x,
        size_vector(cx, begin),
        size_vector(cx, end),
        constant(np.array(strides, INT64)),
    )
    return cx.b.refine(made, shape)  # type: ignore[no-any-return]


def slice_ends(cx: Any, part: Part, size: Value, step: int) -> tuple[Value, Value]:
    """First and last position of a slice as ``slice.indices`` gives them; never a negative length.

    For a negative step the end before the first element is ``-size - 1``.
    """
    low, high = (Static(0), size) if step > 0 else (Static(-1), minus(cx, size, Static(1)))

    def position(bound: Value, default: Value) -> Value:
        if is_none(bound):
            return default
        if isinstance(bound, Static):
            at = bound if bound.obj >= 0 else cx.binary_op(operator.add, size, bound)
        else:
            shifted = cx.binary_op(operator.add, bound, size)
            negative = cx.compare(gast.Lt(), bound, Static(0))
            at = select(cx, negative, shifted, bound)
        return smaller(cx, larger(cx, at, low), high)

    start = position(part.start, low if step > 0 else high)
    stop = position(part.stop, high if step > 0 else low)
    if step > 0:
        return start, larger(cx, stop, start)
    stop = smaller(cx, stop, start)
    before = cx.compare(gast.Lt(), stop, Static(0))
    return start, select(cx, before, minus(cx, Static(-1), size), stop)


def minus(cx: Any, a: Value, b: Value) -> Value:
    return cx.binary_op(operator.sub, a, b)  # type: ignore[no-any-return]


def larger(cx: Any, a: Value, b: Value) -> Value:
    return _extreme(cx, "maximum", max, a, b)


def smaller(cx: Any, a: Value, b: Value) -> Value:
    return _extreme(cx, "minimum", min, a, b)


def _extreme(cx: Any, name: str, f: Any, a: Value, b: Value) -> Value:
    if isinstance(a, Static) and isinstance(b, Static):
        return Static(f(a.obj, b.obj))
    return Scalar(cx.b.call(name, cx.as_scalar(a, int), cx.as_scalar(b, int)).expr, int)


def select(cx: Any, condition: Value, a: Value, b: Value) -> Value:
    if isinstance(condition, Static):
        return a if condition.obj else b
    chosen = cx.b.call("where", condition, cx.as_scalar(a, int), cx.as_scalar(b, int))
    return Scalar(chosen.expr, int)


# --- integer arrays ----------------------------------------------------------------------------


def advanced(cx: Any, x: Tensor, entries: Sequence[Entry]) -> Tensor:
    """Arrays of ints, with slices and single positions between them.

    The slices come first. Then the axes that are indexed by arrays (single positions are arrays of
    rank 0 here) go to the front, and the result's axes to where numpy puts them: in the place of
    the first of them if they're side by side, else first.
    """
    axes = [e for e in entries if isinstance(e, Axis)]
    x = sliced(cx, x, [e if isinstance(e, Part) else Part() for e in axes])
    fancy = [i for i, e in enumerate(axes) if isinstance(e, At | Among)]
    places = [i for i, e in enumerate(entries) if isinstance(e, At | Among)]
    adjacent = places == list(range(places[0], places[-1] + 1))
    masks = {id(m): m for m in (getattr(axes[axis], "mask", None) for axis in fancy)}
    indices = [_positions(cx, x, axis, axes[axis]) for axis in fancy]
    picked_rank = max(i.ndim for i in indices)
    if len(fancy) == 1:
        first = fancy[0]
        x = cx.b.call("take", x, indices[0], axis=first, mode="clip")
    else:
        (mask, *others) = masks.values()
        together = adjacent and fancy == list(range(fancy[0], fancy[-1] + 1))
        if mask is not None and not others and mask.shape[0] == len(fancy):
            first = 0
            x = _gather_by_mask(cx, x, fancy, mask)
        else:
            first = fancy[0] if together else 0
            x = _gather(cx, x, fancy, indices, first)
    target = sum(isinstance(e, Part) for e in entries[: places[0]])
    if adjacent and first != target:
        rest = list(range(picked_rank, x.ndim))
        order = [*rest[:target], *range(picked_rank), *rest[target:]]
        x = cx.b.call("transpose", x, axes=order)
    return _with_new_axes(cx, x, entries, places[0] if adjacent else None, picked_rank)


def _with_new_axes(
    cx: Any, x: Tensor, entries: Sequence[Entry], picked: int | None, picked_rank: int
) -> Tensor:
    place = picked_rank if picked is None else 0
    for n, entry in enumerate(entries):
        if n == picked:
            place += picked_rank
        if isinstance(entry, New):
            x = cx.b.call("expand_dims", x, axis=place)
            place += 1
        elif isinstance(entry, Part):
            place += 1
    return x


def _positions(cx: Any, x: Tensor, axis: int, entry: Entry) -> Tensor:
    """Positions from the front, checked."""
    size = cx.dim_of(x, axis)
    if isinstance(entry, At):
        return cx.as_tensor(checked(cx, entry.index, size, axis))  # type: ignore[no-any-return]
    index: Tensor = entry.index  # type: ignore[union-attr]
    if index.const is not None and isinstance(size, Static):
        n = size.obj
        for i in index.const.ravel():
            if not -n <= i < n:
                cx.raise_python(
                    IndexError(f"index {i} is out of bounds for axis {axis} with size {n}")
                )
        return constant(np.where(index.const < 0, index.const + n, index.const).astype(INT64))
    counted = None if index.const is not None else cx.counts.get(index.expr)
    if counted is not None and cx.is_at_most(counted, size):
        return index
    if index.dtype.name not in ("int32", "int64"):
        index = cx.cast(index, INT64)
    if entry.safe:  # type: ignore[union-attr]
        return index
    call = cx.b.call
    n = cx.cast(cx.as_tensor(size), index.dtype)
    zero, shifted = full(0, index.dtype), call("add", index, n)
    low = call("greater_equal", shifted, zero)
    inside = call("all", call("logical_and", low, call("less", index, n)))
    shown = size.obj if isinstance(size, Static) else "?"
    error = IndexError(Shortened(f"index is out of bounds for axis {axis} with size {shown}"))
    cx.check(Scalar(inside.expr, bool), error)
    return call("where", call("less", index, zero), shifted, index)  # type: ignore[no-any-return]


def _gather_by_mask(cx: Any, x: Tensor, fancy: Sequence[int], mask: Tensor) -> Tensor:
    x = _with_first(cx, x, fancy)
    if None in mask.shape:
        # TVM can't make the shape function of a fused operator whose result alone is staged in size.
        x = cx.b.call("annotation.stop_fusion", x)
    return cx.b.call("gather_nd", x, mask, index_rank=len(fancy))  # type: ignore[no-any-return]


def _with_first(cx: Any, x: Tensor, fancy: Sequence[int]) -> Tensor:
    """``x`` with these axes in front."""
    order = [*fancy, *(i for i in range(x.ndim) if i not in fancy)]
    return x if order == list(range(x.ndim)) else cx.b.call("transpose", x, axes=order)  # type: ignore[no-any-return]


def _gather(
    cx: Any, x: Tensor, fancy: Sequence[int], indices: Sequence[Tensor], first: int
) -> Tensor:
    """Elements at several axes' positions together, whose axes begin at ``first``.

    The axes are made one, along which the elements are taken.
    """
    shapes = [i.shape for i in indices]
    try:
        np.broadcast_shapes(*(s for s in shapes if None not in s))  # type: ignore[arg-type]
    except ValueError:
        text = " ".join(str(s).replace(" ", "") for s in shapes)
        cx.raise_python(
            IndexError(
                f"shape mismatch: indexing arrays could not be broadcast together with shapes {text} "
            )
        )
    if any(None in s for s in shapes):
        broadcast(cx, *shapes)
    places, *others = [cx.cast(i, INT64) for i in indices]
    for axis, index in zip(fancy[1:], others):
        size = cx.cast(cx.as_tensor(cx.dim_of(x, axis)), INT64)
        places = cx.b.call("add", cx.b.call("multiply", places, size), index)
    if not first:
        x = _with_first(cx, x, fancy)
    count = len(fancy)
    if None not in x.shape:
        joined = math.prod(x.shape[first : first + count])  # type: ignore[arg-type]
        newshape = (*x.shape[:first], joined, *x.shape[first + count :])
        x = cx.b.call("reshape", x, newshape=newshape)
    elif x.ndim == count:
        x = cx.b.call("reshape", x, newshape=(-1,))
    else:
        for _ in range(count - 1):
            x = cx.b.call("reshape", x, newshape=(*[0] * first, -3, -2))
    return cx.b.call("take", x, places, axis=first, mode="clip")  # type: ignore[no-any-return]


__all__ = ["index_tensor", "known_sizes", "require_equal"]
