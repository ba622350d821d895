"""What the index of a subscript says, axis by axis."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from astfront.control.endings import Shortened
from astfront.descriptions import describe
from astfront.rules.numpy.support import BOOL, INT64, constant, full
from astfront.values import (
    NONE,
    EitherDtype,
    List,
    Range,
    Scalar,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
    is_none,
)

WRONG_INDEX = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) "
    "and integer or boolean arrays are valid indices"
)


@dataclass(frozen=True)
class At:
    """One position of an axis."""

    index: Value


@dataclass(frozen=True)
class Part:
    """A slice of an axis; ``Part()`` is all of it."""

    start: Value = NONE
    stop: Value = NONE
    step: Value = NONE

    @property
    def whole(self) -> bool:
        return all(is_none(v) for v in (self.start, self.stop)) and (
            is_none(self.step) or (isinstance(self.step, Static) and self.step.obj == 1)
        )


@dataclass(frozen=True)
class Among:
    """Positions of an axis, in an array of ints; ``safe`` where they're known to be in range.

    ``mask`` holds the positions of all axes of a mask, one axis a row, where they come from one.
    """

    index: Tensor
    safe: bool = False
    mask: Tensor | None = None


@dataclass(frozen=True)
class New:
    """A new axis of size 1."""


@dataclass(frozen=True)
class Gap:
    """An ellipsis that stands for no axis; it still separates arrays of ints."""


Entry = At | Part | Among | New | Gap
Axis = (At, Part, Among)


def entries_of(cx: Any, x: Tensor, index: Value) -> list[Entry]:
    """One entry for each axis of ``x`` in order, and those for new axes."""
    entries: list[Entry] = []
    hole: int | None = None
    items = index_items(cx, index)
    skipped = 0
    for item in items:
        if is_ellipsis(item):
            if hole is not None:
                cx.raise_python(IndexError("an index can only have a single ellipsis ('...')"))
            hole = len(entries)
            skipped = max(x.ndim - sum(_width(cx, i) for i in items), 0)
        else:
            axis = skipped + sum(isinstance(e, Axis) for e in entries)
            entries.extend(_entry(cx, x, item, axis))
    used = sum(isinstance(e, Axis) for e in entries)
    if used > x.ndim:
        cx.raise_python(
            IndexError(
                f"too many indices for array: array is {x.ndim}-dimensional, "
                f"but {used} were indexed"
            )
        )
    rest: list[Entry] = [Part()] * (x.ndim - used)
    place = len(entries) if hole is None else hole
    if hole is not None and not rest:
        rest = [Gap()]
    return [*entries[:place], *rest, *entries[place:]]


def index_items(cx: Any, index: Value) -> list[Value]:
    if cx.is_tuple(index):
        return cx.items_of(index)  # type: ignore[no-any-return]
    return [index]


def _width(cx: Any, item: Value) -> int:
    """How many axes an item of an index is for."""
    if is_none(item) or is_ellipsis(item):
        return 0
    if isinstance(item, Tensor):
        return item.ndim if item.dtype == BOOL else 1
    known, obj = cx.try_static(item)
    is_mask = known and isinstance(obj, list | tuple) and np.asarray(obj).dtype == bool
    return np.ndim(obj) if is_mask else 1


def _entry(cx: Any, x: Tensor, item: Value, axis: int) -> list[Entry]:
    if isinstance(item, Slice):
        return [Part(*(_bound(cx, v) for v in (item.start, item.stop, item.step)))]
    if isinstance(item, Static):
        obj = item.obj
        if obj is None:
            return [New()]
        if isinstance(obj, slice):
            return [Part(*(_bound(cx, Static(v)) for v in (obj.start, obj.stop, obj.step)))]
        if isinstance(obj, bool | np.bool_):
            cx.fail(
                "AF0208", "a bool among other indices isn't supported", help="write None for True"
            )
        if hasattr(obj, "__index__"):
            return [At(Static(operator.index(obj)))]
        if not isinstance(obj, tuple | range):
            cx.raise_python(IndexError(WRONG_INDEX))
        item = Static(tuple(obj))
    if isinstance(item, Range):
        return [Among(cx.call(Static(np.arange), [item.start, item.stop, item.step], {}))]
    if isinstance(item, Scalar):
        if item.type is not int:
            cx.fail("AF0208", f"{describe(item)} as an index isn't supported")
        return [At(item)]
    if isinstance(item, Tuple | List | Static):
        known, obj = cx.try_static(item)
        empty = known and np.size(obj) == 0
        item = cx.call(Static(np.array), [item], {})
        if isinstance(item, EitherDtype):
            item = item.array  # An empty list picks nothing.
        if empty:
            item = constant(item.const.astype(INT64))  # type: ignore[attr-defined]
    if not isinstance(item, Tensor) or item.kind in ("variable", "either"):
        raise cx.error("AF0208", f"{describe(item)} as an index isn't supported")
    if item.dtype == BOOL:
        return _mask(cx, x, item, axis)
    if item.dtype.kind not in "iu":
        cx.raise_python(IndexError("arrays used as indices must be of integer (or boolean) type"))
    if item.ndim == 0:
        return [At(cx.tensor_to_scalar(item))]
    return [Among(item)]


def _bound(cx: Any, v: Value) -> Value:
    """An end or the step of a slice: ``None`` or an int."""
    if isinstance(v, Tensor) and v.ndim == 0 and v.dtype.kind in "iu":
        v = cx.tensor_to_scalar(v)
    if isinstance(v, Scalar) and v.type is int:
        return v
    if isinstance(v, Static) and (v.obj is None or hasattr(v.obj, "__index__")):
        return v if v.obj is None else Static(operator.index(v.obj))
    cx.raise_python(TypeError("slice indices must be integers or None or have an __index__ method"))
    return NONE


def _mask(cx: Any, x: Tensor, mask: Tensor, axis: int) -> list[Entry]:
    """A boolean array picks the positions where it is true."""
    if mask.ndim == 0:
        cx.fail("AF0208", "a bool as an index isn't supported")
    for i in range(mask.ndim):
        if axis + i >= x.ndim:
            cx.raise_python(
                IndexError(
                    f"too many indices for array: array is {x.ndim}-dimensional, "
                    f"but {axis + mask.ndim} were indexed"
                )
            )
        require_match(cx, x, axis + i, mask, i)
    if mask.const is not None:
        return [Among(constant(i), safe=True) for i in np.nonzero(mask.const)]
    found = nonzero_rows(cx, mask)
    return [Among(row, True, found) for row in rows_of(cx, found)]


def require_match(cx: Any, x: Tensor, axis: int, mask: Tensor, mask_axis: int) -> None:
    if mask.shape[mask_axis] == 0:
        return  # numpy lets an empty mask pass
    sizes = cx.dim_of(x, axis), cx.dim_of(mask, mask_axis)
    shown = [s.obj if isinstance(s, Static) else "?" for s in sizes]
    message = (
        f"boolean index did not match indexed array along dimension {axis}; "
        f"dimension is {shown[0]} but corresponding boolean dimension is {shown[1]}"
    )
    cx.check(cx.compare(gast.Eq(), *sizes), IndexError(Shortened(message)))


def nonzero_rows(cx: Any, mask: Tensor) -> Tensor:
    """The positions of true elements: a row for each axis of the mask, of a staged length."""
    if mask.ndim > 5:
        cx.fail("AF0208", "a mask of more than five axes isn't supported")
    if 0 in mask.shape:
        return constant(np.zeros((mask.ndim, 0), INT64))
    found = cx.b.call("transpose", cx.b.call("argwhere", mask), axes=(1, 0))
    made: Tensor = cx.cast(found, INT64)
    return made


def rows_of(cx: Any, x: Tensor) -> list[Tensor]:
    count = x.shape[0] or 0
    return [cx.b.call("take", x, full(i, INT64), axis=0, mode="clip") for i in range(count)]


def is_ellipsis(v: Any) -> bool:
    return isinstance(v, Static) and v.obj is Ellipsis
