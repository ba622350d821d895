"""Functions of integers: places in arrays as one number or several, divisors, bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.rules.numpy.composed import composed, refuse


def _sizes(dims: Any) -> tuple[Any, ...]:
    """The sizes of an array: several, or one."""
    several = isinstance(dims, tuple | list) or (isinstance(dims, np.ndarray) and dims.ndim > 0)
    return tuple(dims) if several else (dims,)


def _unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    indices = np.asarray(indices).astype(np.int64)
    places = []
    for size in reversed(_sizes(shape)):
        places.append(indices % size)
        indices = indices // size
    if np.any(indices != 0):
        raise ValueError("index is out of bounds for array")
    return tuple(places[::-1])


def _ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    dims = _sizes(dims)
    if order != "C" or not isinstance(mode, str):
        refuse("ravel_multi_index with `order`, or several modes,")
    if len(multi_index) != len(dims):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(dims)}")
    place = np.int64(0)
    for index, size in zip(multi_index, dims):
        index = np.asarray(index).astype(np.int64)
        if mode == "wrap":
            index = index % size
        elif mode == "clip":
            index = np.clip(index, 0, size - 1)
        elif np.any((index < 0) | (index >= size)):
            raise ValueError("invalid entry in coordinates array")
        place = place * size + index
    return place


def _gcd(x1: Any, x2: Any) -> Any:
    """Euclid's algorithm, for all at once."""
    one = np.ones(1, np.add(x1, x2).dtype)  # numbers take the dtype of an array beside them
    dtype = np.gcd(one, one).dtype
    a, b = np.broadcast_arrays(
        np.abs(np.asarray(x1).astype(dtype)), np.abs(np.asarray(x2).astype(dtype))
    )
    while np.any(b != 0):
        a, b = np.where(b == 0, a, b), np.where(b == 0, b, a % b)
    return np.abs(a)[()]


def _lcm(x1: Any, x2: Any) -> Any:
    found = np.gcd(x1, x2)
    product = np.abs(np.asarray(x1).astype(found.dtype) // np.maximum(found, 1) * x2)
    return np.where(found == 0, 0, product).astype(found.dtype)[()]


def _packbits(a: Any, /, axis: Any = None, bitorder: str = "big") -> Any:
    bits = np.asarray(a) != 0
    if axis is None:
        bits, axis = bits.reshape(-1), 0
    bits = np.moveaxis(bits, axis, -1)
    rest = -bits.shape[-1] % 8
    bits = np.concatenate([bits, np.zeros(bits.shape[:-1] + (rest,), bool)], -1)
    groups = bits.reshape(bits.shape[:-1] + (bits.shape[-1] // 8, 8)).astype(np.uint8)
    worth = np.arange(8) if bitorder == "little" else np.arange(7, -1, -1)
    packed = (groups << worth.astype(np.uint8)).sum(-1).astype(np.uint8)
    return np.moveaxis(packed, -1, axis)


def _unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: str = "big") -> Any:
    a = np.asarray(a)
    if a.dtype != np.uint8:
        raise TypeError("Expected an input array of unsigned byte data type")
    if count is not None:
        refuse("unpackbits with `count`")
    if axis is None:
        a, axis = a.reshape(-1), 0
    worth = np.arange(8) if bitorder == "little" else np.arange(7, -1, -1)
    bits = (np.moveaxis(a, axis, -1)[..., None] >> worth.astype(np.uint8)) & np.uint8(1)
    return np.moveaxis(bits.reshape(bits.shape[:-2] + (bits.shape[-2] * 8,)), -1, axis)


composed(np.unravel_index, _unravel_index)
composed(np.ravel_multi_index, _ravel_multi_index)
composed(np.gcd, _gcd)
composed(np.lcm, _lcm)
composed(np.packbits, _packbits)
composed(np.unpackbits, _unpackbits)
