"""Builtins over something whose length is known at run time only, in Python: they're compiled.

Each gives what the builtin of that name gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np


def member(cls: Iterable[Any], value: Any) -> Any:
    """The member of an enum that has this value."""
    for found in cls:
        if found.value == value:
            return found
    raise ValueError(f"{value!r} is not a valid {cls.__qualname__}")  # type: ignore[attr-defined]


def total(iterable: Iterable[Any], start: Any = 0) -> Any:
    for x in iterable:
        start = start + x
    return start


def arrays(items: Iterable[Any]) -> list[Any]:
    return [np.array(x) for x in items]


def cast(items: Iterable[Any], dtype: Any) -> list[Any]:
    return [x.astype(dtype) for x in items]


def are_of_dtype(items: Iterable[Any], dtype: Any) -> bool:
    others = 0
    for x in items:
        if x.dtype != dtype:
            others += 1
    return others == 0


def of_dtypes(items: Sequence[Any], joint: Sequence[tuple[Any, Sequence[Any]]]) -> Any:
    """``np.array`` of items that may be of several dtypes.

    ``joint`` has the dtypes that the array may have, each with those of the items that it takes; one
    that takes fewer comes first, and the last one takes all.
    """
    for dtype, taken in joint[:-1]:
        others = 0
        for x in items:
            if all(np.asarray(x).dtype != one for one in taken):
                others += 1
        if others == 0:
            return np.array([np.asarray(x).astype(dtype) for x in items])
    last = joint[-1][0]
    return np.array([np.asarray(x).astype(last) for x in items])


def slice_start(length: int, start: int) -> int:
    """Where a slice of so many items with a step of 1 begins."""
    if start < 0:
        return max(start + length, 0)
    return min(start, length)


def chained(iterables: Iterable[Any]) -> Any:
    for iterable in iterables:
        yield from iterable


def keyed(pairs: Iterable[Any]) -> dict[Any, Any]:
    found = {}
    for key, value in pairs:
        found[key] = value
    return found


def padded(x: Any, axis: int, before: int, after: int, first: Any, last: Any) -> Any:
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")
    rest = x.shape[axis + 1 :]
    left = np.full((*x.shape[:axis], before, *rest), first, x.dtype)
    right = np.full((*x.shape[:axis], after, *rest), last, x.dtype)
    return np.concatenate((left, x, right), axis)


def diagonal_places(height: int, width: int, offset: int) -> Any:
    """Where the diagonal is in a flattened matrix."""
    row, column = max(-offset, 0), max(offset, 0)
    count = max(min(height - row, width - column), 0)
    return np.arange(count) * (width + 1) + (row * width + column)


def every(iterable: Iterable[Any]) -> bool:
    for x in iterable:  # noqa: SIM110
        if not x:
            return False
    return True


def some(iterable: Iterable[Any]) -> bool:
    for x in iterable:  # noqa: SIM110
        if x:
            return True
    return False


def largest(items: Sequence[Any]) -> Any:
    if len(items) == 0:
        raise ValueError("max() arg is an empty sequence")
    best = items[0]
    for x in items:
        if x > best:
            best = x
    return best


def smallest(items: Sequence[Any]) -> Any:
    if len(items) == 0:
        raise ValueError("min() arg is an empty sequence")
    best = items[0]
    for x in items:
        if x < best:
            best = x
    return best


def largest_by(items: Sequence[Any], key: Callable[[Any], Any]) -> Any:
    if len(items) == 0:
        raise ValueError("max() arg is an empty sequence")
    best = items[0]
    most = key(best)
    for i in range(1, len(items)):
        value = key(items[i])
        if value > most:
            best, most = items[i], value
    return best


def smallest_by(items: Sequence[Any], key: Callable[[Any], Any]) -> Any:
    if len(items) == 0:
        raise ValueError("min() arg is an empty sequence")
    best = items[0]
    least = key(best)
    for i in range(1, len(items)):
        value = key(items[i])
        if value < least:
            best, least = items[i], value
    return best


def reduced(function: Callable[[Any, Any], Any], items: Sequence[Any]) -> Any:
    if len(items) == 0:
        raise TypeError("reduce() of empty iterable with no initial value")
    total = items[0]
    for i in range(1, len(items)):
        total = function(total, items[i])
    return total


def reduced_from(function: Callable[[Any, Any], Any], items: Iterable[Any], initial: Any) -> Any:
    for x in items:
        initial = function(initial, x)
    return initial


def filtered(function: Callable[[Any], Any] | None, items: Iterable[Any]) -> list[Any]:
    return [x for x in items if (x if function is None else function(x))]


def mapped(items: Iterable[Any], function: Callable[[Any], Any]) -> list[Any]:
    made = []
    for x in items:
        made.append(function(x))
    return made


def listed(items: Iterable[Any]) -> list[Any]:
    return [x for x in items]  # noqa: C416


def given_on(items: Iterable[Any]) -> Iterable[Any]:
    for x in items:  # noqa: UP028
        yield x


def numbers_of(vector: Any) -> list[Any]:
    return [x.item() for x in vector]


def lists_of(array: Any) -> list[Any]:
    return [row.tolist() for row in array]


def order_by_comparing(keys: Sequence[Any], reverse: bool) -> list[int]:
    """The places of keys in Python's order, which is stable."""
    order: list[int] = []
    for i in range(len(keys)):
        at = len(order)
        while at > 0:
            first, last = (order[at - 1], i) if reverse else (i, order[at - 1])
            if not keys[first] < keys[last]:
                break
            at -= 1
        order = inserted(order, at, i)
    return order


def precedes(xs: Sequence[Any], ys: Sequence[Any], or_equal: bool) -> bool:
    """``xs < ys`` or ``xs <= ys``: sequences are ordered as their first items that differ are."""
    for x, y in zip(xs, ys):
        if x != y:
            return bool(x < y)
    return len(xs) <= len(ys) if or_equal else len(xs) < len(ys)


def are_equal(xs: Sequence[Any], ys: Sequence[Any]) -> bool:
    if len(xs) != len(ys):
        return False
    for x, y in zip(xs, ys):  # noqa: SIM110
        if x != y:
            return False
    return True


def contains(items: Iterable[Any], item: Any) -> bool:
    for x in items:  # noqa: SIM110
        if x == item:
            return True
    return False


def count(items: Iterable[Any], item: Any) -> int:
    found = 0
    for x in items:
        if x == item:
            found += 1
    return found


def index(items: Iterable[Any], item: Any) -> int:
    for i, x in enumerate(items):
        if x == item:
            return i
    raise ValueError(f"{item!r} is not in list")


def place_to_remove(items: Iterable[Any], item: Any) -> int:
    for i, x in enumerate(items):
        if x == item:
            return i
    raise ValueError("list.remove(x): x not in list")


def index_in_tuple(items: Iterable[Any], item: Any) -> int:
    for i, x in enumerate(items):
        if x == item:
            return i
    raise ValueError("tuple.index(x): x not in tuple")


def sliced_places(start: int | None, stop: int | None, step: int, size: int) -> Any:
    """The places that ``slice(start, stop, step)`` picks of a sequence of this size."""
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low = 0 if step > 0 else -1
    first = (low if step > 0 else size - 1) if start is None else _place(start, low, size)
    last = (low + size if step > 0 else low) if stop is None else _place(stop, low, size)
    count = (last - first + step - (1 if step > 0 else -1)) // step
    return first + np.arange(max(count, 0)) * step


def _place(end: int, low: int, size: int) -> int:
    """An end of a slice as ``slice.indices`` gives it, between ``low`` and ``low + size``."""
    return min(max(end + size if end < 0 else end, low), low + size)


def other_places(count: int, place: int) -> Any:
    """The places of ``count`` items beside the one at ``place``."""
    places = np.arange(count)
    return places + (places >= place)


def places_with(count: int, place: int) -> Any:
    """The places of ``count`` items of which the one at ``place`` stands after all of them."""
    places = np.arange(count)
    return np.where(places == place, count, places)


def inserted(items: list[Any], index: int, item: Any) -> list[Any]:
    return items[:index] + [item] + items[index:]


def spliced(items: list[Any], start: int | None, stop: int | None, values: Any) -> list[Any]:
    """``items`` after ``items[start:stop] = values``"""
    size = len(items)
    first = 0 if start is None else _place(start, 0, size)
    last = size if stop is None else _place(stop, 0, size)
    return items[:first] + list(values) + items[max(first, last) :]


def columns(rows: Any, width: int) -> Any:
    """``list(zip(*rows))`` of one row or more."""
    parts: list[list[Any]] = [[] for _ in range(width)]
    for row in rows:
        for i in range(width):
            parts[i].append(row[i])
    return [tuple(part) for part in parts]


def columns_if_any(rows: Any, width: int) -> Any:
    """``zip(*rows)``: without a row there is no column either."""
    if len(rows) > 0:
        yield from columns(rows, width)


def is_found(item: Any, owner: Any) -> bool:
    """``item in owner``, of an object that can only be walked over."""
    for x in owner:  # noqa: SIM110
        if x == item:
            return True
    return False
