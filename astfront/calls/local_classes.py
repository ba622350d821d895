"""Which classes were made while compiling, by ``class`` statements in compiled functions."""

from __future__ import annotations

import weakref

_local: weakref.WeakSet[type] = weakref.WeakSet()


def add(cls: type) -> None:
    _local.add(cls)


def is_local(cls: type) -> bool:
    """Whether a class, or a base of it, was made while compiling."""
    return any(c in _local for c in cls.__mro__)
