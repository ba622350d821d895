"""Arrays in TVM's own memory, where numpy may work, too, and in numpy's, where TVM does.

TVM wants its arrays aligned to 64 bytes; our kernels read them anywhere (`relay/alignment.py`).
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm

#: What the memory of :func:`empty_like` carries: its TVM array, and shape and dtype.
_HOLDER = "astfront_holder"


def empty_like(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A numpy array in the memory of a TVM array, which lives as long as it's used."""
    if not array.size:
        return np.empty_like(array)
    holder = tvm.nd.empty(array.shape, array.dtype.name)
    tensor = holder.handle.contents
    place = (tensor.data or 0) + int(tensor.byte_offset)
    return _seen_by_numpy(holder, array.shape, array.dtype, place)


def _seen_by_numpy(
    holder: Any, shape: tuple[int, ...], dtype: np.dtype[Any], place: int
) -> np.ndarray[Any, Any]:
    """A TVM array's memory as a numpy array, which may be written to."""
    size = math.prod(shape) * dtype.itemsize
    memory: Any = (ctypes.c_uint8 * size).from_address(place)
    setattr(memory, _HOLDER, (holder, shape, dtype))
    return np.ndarray(shape, dtype, memory)


def _place_of(array: np.ndarray[Any, Any]) -> int:
    place: int = array.__array_interface__["data"][0]
    return place


def holder_of(array: np.ndarray[Any, Any]) -> Any:
    """The TVM array that has an array's memory; None for an array of numpy's own, and for a view."""
    base = array.base  # a view's is the array it was taken from
    found = None if base is None else getattr(base, _HOLDER, None)
    if found is None:
        return None
    holder, shape, dtype = found
    return holder if array.shape == shape and array.dtype == dtype else None


#: Bytes from which a result is worth handing over where it is.
WORTH_HANDING_OVER = 1 << 16


def handed_over(
    results: Sequence[Any], fresh: Sequence[bool], arguments: Sequence[Argument]
) -> list[np.ndarray[Any, Any]]:
    """A run's results as arrays that nobody else has.

    One whose memory is ``fresh``, filled by a kernel of this very run, isn't copied if it's large; but
    two may be one and the same, and TVM may have found that one is an argument.
    """
    made: list[np.ndarray[Any, Any]] = []
    given: set[int] = set()
    for i, result in enumerate(results):
        is_fresh = i < len(fresh) and fresh[i]
        window = _window_on(result)
        if not is_fresh or window.nbytes < WORTH_HANDING_OVER:
            made.append(window.copy())
            continue
        given = given or {a.place for a in arguments}
        place = _place_of(window)
        if place in given:
            made.append(window.copy())
        else:
            made.append(_seen_by_numpy(result, window.shape, window.dtype, place))
        given.add(place)
    return made


def _window_on(result: Any) -> np.ndarray[Any, Any]:
    """A TVM array's memory as numpy sees it."""
    try:
        return np.from_dlpack(result)  # type: ignore[no-any-return,attr-defined]
    except (RuntimeError, BufferError):
        kind = result.handle.contents.dtype
        if (kind.type_code, kind.bits) != (tvm.DataTypeCode.UINT, 1):
            raise
    # Of bool, which has no place in numpy's DLPack, the bytes.
    kind.bits = 8
    try:
        return np.from_dlpack(result).view(np.bool_)  # type: ignore[no-any-return,attr-defined]
    finally:
        kind.bits = 1


#: Bytes from which an argument is worth being taken where it is.
WORTH_A_WINDOW = 1 << 15


def _window(array: np.ndarray[Any, Any]) -> Any:
    """A TVM array of an array's shape and dtype, whose memory is still to be told.

    It's a view of one with a single item: what it frees in the end is that one's memory.
    """
    one = tvm.nd.empty((1,), array.dtype.name)
    sizes = one.handle.contents.shape
    sizes[0] = array.size
    try:
        return one._create_view(array.shape)
    finally:
        sizes[0] = 1


class Argument:
    """What a VM takes as one of its arguments.

    It's the caller's own memory where that's large or aligned, for as long as a call lasts, or else
    memory of the VM's that is filled anew at each call.
    """

    def __init__(self) -> None:
        self.array: Any = None
        self.place = 0
        """The address of its memory."""
        self._seen: tuple[Any, Any, Any] | None = None
        """Of a window on a caller's array: its shape, its dtype, and TVM's record of it."""
        self._own: np.ndarray[Any, Any] | None = None
        """The VM's memory as numpy sees it, if that's what the argument is in."""

    def set(self, array: np.ndarray[Any, Any]) -> bool:
        """Take an array's contents; whether the VM has to be told of other memory."""
        holder = holder_of(array)
        if holder is not None:
            changed = holder is not self.array
            if changed:
                self.array, self._own, self._seen = holder, None, None
                self.place = _place_of(array)
            return changed
        if array.nbytes >= WORTH_A_WINDOW and _can_be_seen(array):
            return self._look(array)
        own = self._own
        if own is not None and own.shape == array.shape and own.dtype == array.dtype:
            own[...] = array
            return False
        own = self._own = empty_like(array)
        own[...] = array
        self.array = holder_of(own) if own.size else tvm.nd.array(own)
        self.place = _place_of(own)
        self._seen = None
        return True

    def _look(self, array: np.ndarray[Any, Any]) -> bool:
        """Take an array's memory as it is."""
        seen = self._seen
        changed = False
        if seen is None or seen[0] != array.shape or seen[1] != array.dtype:
            changed = True
            self.array, self._own = _window(array), None
            seen = self._seen = (array.shape, array.dtype, self.array.handle.contents)
        self.place = seen[2].data = _place_of(array)
        return changed


def _can_be_seen(array: np.ndarray[Any, Any]) -> bool:
    flags = array.flags
    return flags.c_contiguous and flags.aligned and array.dtype.isnative
