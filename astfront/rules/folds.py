"""Builtins over something whose length is known at run time only, in Python: they're compiled.

Each gives what the builtin of that name gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def total(iterable: Iterable[Any], start: Any = 0) -> Any:
    for x in iterable:
        start = start + x
    return start


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


def index_in_tuple(items: Iterable[Any], item: Any) -> int:
    for i, x in enumerate(items):
        if x == item:
            return i
    raise ValueError("tuple.index(x): x not in tuple")


def repeated(items: list[Any], times: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(times):
        made.extend(items)
    return made


def part(items: Sequence[Any], start: int | None, stop: int | None) -> list[Any]:
    """``items[start:stop]``"""
    size = len(items)
    first = 0 if start is None else _place(start, size)
    last = size if stop is None else _place(stop, size)
    made = []
    for i in range(first, last):
        made.append(items[i])
    return made


def _place(end: int, size: int) -> int:
    """An end of a slice as ``slice.indices`` gives it."""
    if end < 0:
        return max(end + size, 0)
    return min(end, size)


def inserted(items: list[Any], index: int, item: Any) -> list[Any]:
    return items[:index] + [item] + items[index:]


def replaced(items: list[Any], index: int, item: Any) -> list[Any]:
    return items[:index] + [item] + items[index + 1 :]
