"""Which arrays are all of their memory, in C order: known of some, taken for granted of others."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from astfront.environment import Heap
from astfront.sameness import same_array
from astfront.values import Tensor


def fills_buffer(array: Any) -> bool:
    """Whether an array's elements in C order are all that's in the memory behind it."""
    base = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    if isinstance(base, ctypes.Array):  # relay/memory.py has such
        return ctypes.sizeof(base) == array.nbytes and bool(array.flags.c_contiguous)
    return (
        isinstance(base, np.ndarray)
        and base.dtype == array.dtype
        and base.nbytes == array.nbytes
        and base.flags.c_contiguous
        and array.flags.c_contiguous
    )


class Layouts:
    """What's known of the layout of a program's arrays."""

    def __init__(self) -> None:
        self.scattered: set[int] = set()
        """Cells of arrays from outside that don't fill a buffer."""
        self.granted: set[str] = set()
        """The program's parameters that are taken to be arrays that do."""
        self._made: dict[tuple[int, int], Tensor] = {}
        """The arrays that the program itself makes so."""

    def found(self, cell: int, array: Any) -> None:
        """An array from outside, whose contents are in a cell."""
        if not fills_buffer(array):
            self.scattered.add(cell)

    def made(self, x: Tensor) -> Tensor:
        """An array that numpy makes in C order, in memory of its own."""
        self._made[_identity(x)] = x
        return x

    def is_made(self, x: Tensor) -> bool:
        return _identity(x) in self._made

    def changed(self, old: Tensor, new: Tensor) -> None:
        """``new`` is what a change in place has made of ``old``."""
        if self.is_made(old):
            self.made(new)

    def is_in_order(self, heap: Heap, x: Tensor) -> bool:
        """Whether the elements of ``x`` lie in memory one after another, in C order."""
        if (view := x.known_view) is not None:
            return view.in_order and self.is_in_order(heap, view.base)
        return self.buffer_of(heap, x) is not None

    def buffer_of(self, heap: Heap, x: Tensor) -> Tensor | None:
        """The array whose elements in C order are the memory behind ``x``, where it's known."""
        while (view := x.known_view) is not None:
            x = view.base
        cell = heap.array_cells.get(x.storage)
        if cell is None:
            return x if self.is_made(x) else None
        first: Any = heap.base[cell]
        if cell in self.scattered or not same_array(heap.lookup(cell, "array"), x):  # type: ignore[arg-type]
            return None
        self.granted.add(first.items["array"].expr.name_hint)
        return x


def _identity(x: Tensor) -> tuple[int, int]:
    """Of an array, as it is at one time."""
    return x.storage, id(x.contents)
