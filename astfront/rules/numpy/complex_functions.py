"""What functions are of arrays of complex numbers: the table of those that have a meaning."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from astfront.contents import Items
from astfront.rules.numpy.complex_arrays import (
    ComplexArray,
    add,
    divide,
    dot,
    is_complex,
    matmul,
    multiply,
    parts,
    subtract,
)
from astfront.values import List, Static, Tensor, Tuple, Value


def _exp(x: ComplexArray) -> ComplexArray:
    size = np.exp(x._re)
    return ComplexArray(size * np.cos(x._im), size * np.sin(x._im))


def _angle(z: ComplexArray, deg: bool = False) -> Any:
    found = np.arctan2(z._im, z._re)
    return found * (180 / np.pi) if deg else found


def _absolute(x: ComplexArray) -> Any:
    return np.hypot(x._re, x._im)


def _where(condition: Any, x: Any, y: Any) -> Any:
    (p, q), (r, s) = parts(x), parts(y)
    return ComplexArray(np.where(condition, p, r), np.where(condition, q, s))


def _vdot(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(np.ravel(a)), parts(np.ravel(b))
    return ComplexArray(np.dot(p, r) + np.dot(q, s), np.dot(p, s) - np.dot(q, r))


def _outer(a: Any, b: Any) -> Any:
    return multiply(np.ravel(a)[:, None], np.ravel(b)[None, :])


def _asarray(a: Any, dtype: Any = None) -> Any:
    return a if dtype is None else a.astype(dtype)


def _array(a: Any, dtype: Any = None) -> Any:
    return a.copy() if dtype is None else a.astype(dtype)


def _isfinite(x: ComplexArray) -> Any:
    return np.isfinite(x._re) & np.isfinite(x._im)


def _isnan(x: ComplexArray) -> Any:
    return np.isnan(x._re) | np.isnan(x._im)


#: What numpy's functions are of complex numbers.
_MEANINGS: dict[Any, Callable[..., Any]] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.matmul: matmul,
    np.dot: dot,
    np.vdot: _vdot,
    np.outer: _outer,
    np.where: _where,
    np.negative: lambda x: -x,
    np.square: lambda x: multiply(x, x),
    np.equal: lambda a, b: a == b,
    np.not_equal: lambda a, b: a != b,
    np.absolute: _absolute,
    abs: _absolute,
    np.conjugate: lambda x: x.conj(),
    np.exp: _exp,
    np.angle: _angle,
    np.real: lambda val: val.real,
    np.imag: lambda val: val.imag,
    np.iscomplexobj: lambda x: True,
    np.isrealobj: lambda x: False,
    np.iscomplex: lambda x: x.imag != 0,
    np.isreal: lambda x: x.imag == 0,
    np.isfinite: _isfinite,
    np.isnan: _isnan,
    np.asarray: _asarray,
    np.ascontiguousarray: _asarray,
    np.array: _array,
    np.copy: lambda a: a.copy(),
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.complex128: lambda x: x.astype(np.complex128),
    np.complex64: lambda x: x.astype(np.complex64),
}

#: Functions that do the same with both parts.
_BY_PARTS: frozenset[Any] = frozenset(
    {
        np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.squeeze,
        np.expand_dims, np.broadcast_to, np.tile, np.repeat, np.take, np.roll, np.flip, np.fliplr,
        np.flipud, np.rot90, np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.tril, np.triu,
        np.diag, np.trace, np.sum, np.mean, np.cumsum, np.diff, np.atleast_1d, np.atleast_2d,
        np.zeros_like, np.fft.fftshift, np.fft.ifftshift,
    }
)  # fmt: skip


def _is_known_complex(v: Value) -> bool:
    """Whether it's a complex number, or an array of them, that's known while compiling."""
    if isinstance(v, Static):
        return isinstance(v.obj, complex | np.complexfloating)
    return isinstance(v, Tensor) and v.const is not None and v.dtype.kind == "c"


def applied(cx: Any, f: Any, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value | None:
    """A function of complex numbers, or None if there are none among the arguments, or if it has no
    meaning for them."""
    try:
        if f not in _MEANINGS and f not in _BY_PARTS:
            return None
    except TypeError:
        return None
    found = [*args, *kwargs.values()]
    found += [i for v in found for i in _items(cx, v)]
    if not any(map(is_complex, found)) and not (
        any(map(_is_known_complex, found)) and not cx.try_all(args, kwargs)[0]
    ):
        return None
    name = getattr(f, "__name__", "this")
    if f in _MEANINGS:
        try:
            inspect.signature(_MEANINGS[f]).bind(*args, **kwargs)
        except TypeError:
            message = f"`{name}` of complex numbers isn't supported with these arguments"
            raise cx.error("AF0306", message) from None
        return cx.call(Static(_MEANINGS[f]), args, kwargs)  # type: ignore[no-any-return]
    if "dtype" in kwargs or "out" in kwargs:
        raise cx.error(
            "AF0306", f"`{name}` of complex numbers isn't supported with these arguments"
        )
    halves = [
        cx.call(
            Static(f),
            [_part(cx, v, name) for v in args],
            {k: _part(cx, v, name) for k, v in kwargs.items()},
        )
        for name in ("real", "imag")
    ]
    return cx.call(Static(ComplexArray), halves, {})  # type: ignore[no-any-return]


def _items(cx: Any, v: Value) -> Sequence[Value]:
    if isinstance(v, Tuple):
        return v.items
    if isinstance(v, List):
        content = cx.heap[v.cell]
        return content.items if isinstance(content, Items) else ()
    return ()


def _part(cx: Any, v: Value, name: str) -> Value:
    """An argument with the real or imaginary part in the place of complex arrays."""
    if is_complex(v) or _is_known_complex(v):
        return cx.get_attribute(v, name)  # type: ignore[no-any-return]
    items = _items(cx, v)
    if any(is_complex(i) or _is_known_complex(i) for i in items):
        if not all(is_complex(i) or _is_known_complex(i) for i in items):
            raise cx.error(
                "AF0306",
                "complex and real arrays put together aren't supported",
                help="write `x + 0j` for the real one",
            )
        return cx.tuple([_part(cx, i, name) for i in items])  # type: ignore[no-any-return]
    return v
