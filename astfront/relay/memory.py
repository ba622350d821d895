"""Arrays in TVM's own memory, where numpy may work, too: TVM's code wants it aligned to 64 bytes."""

from __future__ import annotations

import ctypes
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
    memory: Any = (ctypes.c_uint8 * array.nbytes).from_address(holder.handle.contents.data)
    setattr(memory, _HOLDER, (holder, array.shape, array.dtype))
    return np.ndarray(array.shape, array.dtype, memory)


def holder_of(array: np.ndarray[Any, Any]) -> Any:
    """The TVM array that has an array's memory; None for an array of numpy's own, and for a view."""
    found = getattr(array.base, _HOLDER, None)  # a view's base is the array it was taken from
    if found is None:
        return None
    holder, shape, dtype = found
    return holder if array.shape == shape and array.dtype == dtype else None


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
