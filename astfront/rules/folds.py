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
