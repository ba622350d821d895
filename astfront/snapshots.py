"""What an opaque object holds: arrays of dtypes that programs don't have, and other memory.

Such an object is read while compiling, so what it holds is in the program: each call has to find it
as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from astfront.sameness import same_static


@dataclass(frozen=True)
class Snapshot:
    """What an object held: its type, and what is equal as long as it holds the same; its items."""

    kind: type
    key: Any
    items: tuple[Any, ...] = ()


def has_contents(obj: Any) -> bool:
    """Whether an object is memory that can be written to: an array, a bytearray, an ``array.array``."""
    if isinstance(obj, np.ndarray):
        return True
    try:
        return not memoryview(obj).readonly
    except TypeError:
        return False


def snapshot(obj: Any) -> Any:
    """What is in an object, and in the lists and dicts in it; anything else stands for itself."""
    key, items = _contents(obj)
    return obj if key is None else Snapshot(type(obj), key, tuple(map(snapshot, items)))


def unchanged(obj: Any, taken: Any) -> bool:
    """Whether an object holds what it held when a snapshot of it was taken."""
    if not isinstance(taken, Snapshot):
        return obj is taken or same_static(obj, taken)
    if type(obj) is not taken.kind:
        return False
    key, items = _contents(obj)
    if key != taken.key or len(items) != len(taken.items):
        return False
    return all(map(unchanged, items, taken.items))


def _contents(obj: Any) -> tuple[Any, list[Any]]:
    """What :class:`Snapshot` has of an object; the key is None of one that isn't looked into."""
    if isinstance(obj, np.ndarray):
        if obj.dtype.hasobject:
            return (obj.dtype, obj.shape), list(obj.ravel())
        return (obj.dtype, obj.shape, obj.tobytes()), []
    if isinstance(obj, list | tuple):
        return len(obj), list(obj)
    if isinstance(obj, dict):
        return len(obj), [x for pair in obj.items() for x in pair]
    if has_contents(obj):
        return bytes(memoryview(obj)), []
    return None, []
