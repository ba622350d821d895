"""Arrays in TVM's own memory, where numpy may work, too: TVM's code wants it aligned to 64 bytes."""

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
    return seen_by_numpy(tvm.nd.empty(array.shape, array.dtype.name))


def seen_by_numpy(holder: Any) -> np.ndarray[Any, Any]:
    """A TVM array's memory as a numpy array, which may be written to."""
    shape, dtype = holder.shape, np.dtype(holder.dtype)
    size = math.prod(shape) * dtype.itemsize
    memory: Any = (ctypes.c_uint8 * size).from_address(_address(holder))
    setattr(memory, _HOLDER, (holder, shape, dtype))
    return np.ndarray(shape, dtype, memory)


def _address(array: Any) -> int:
    tensor = array.handle.contents
    return (tensor.data or 0) + int(tensor.byte_offset)


def holder_of(array: np.ndarray[Any, Any]) -> Any:
    """The TVM array that has an array's memory; None for an array of numpy's own, and for a view."""
    found = getattr(array.base, _HOLDER, None)  # a view's base is the array it was taken from
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
        try:
            window = np.from_dlpack(result)
        except (RuntimeError, BufferError):  # bool has no place in numpy's DLPack
            made.append(result.numpy())
            continue
        if not is_fresh or window.nbytes < WORTH_HANDING_OVER:
            made.append(window.copy())
            continue
        given = given or {_address(a.array) for a in arguments}
        place = _address(result)
        made.append(window.copy() if place in given else seen_by_numpy(result))
        given.add(place)
    return made


class Argument:
    """What a VM takes as one of its arguments.

    It's the caller's own memory where TVM can use that, or else memory of the VM's that is filled
    anew at each call.
    """

    def __init__(self) -> None:
        self.array: Any = None
        self._own: np.ndarray[Any, Any] | None = None
        """The VM's memory as numpy sees it, if that's what the argument is in."""

    def set(self, array: np.ndarray[Any, Any]) -> bool:
        """Take an array's contents; whether the VM has to be told of other memory."""
        holder = holder_of(array)
        if holder is not None:
            changed = holder is not self.array
            self.array, self._own = holder, None
            return changed
        own = self._own
        if own is not None and own.shape == array.shape and own.dtype == array.dtype:
            own[...] = array
            return False
        own = self._own = empty_like(array)
        own[...] = array
        self.array = holder_of(own) if own.size else tvm.nd.array(own)
        return True
