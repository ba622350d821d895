"""Arrays of complex numbers: Relay has none, so one is an object with an array of each part.

:class:`ComplexArray` is compiled like any class. What it has no meaning for is refused.
"""

from __future__ import annotations

from typing import Any

import chainer
import numpy as np

from astfront.rules.numpy.composed import refuse
from astfront.rules.registry import StaticArg, rule
from astfront.values import FALSE, TRUE, Object, Static, Tensor, Value


class ComplexArray:
    """An array of complex128 or complex64, of two of float64 or float32 of one shape."""

    def __init__(self, re: Any, im: Any) -> None:
        self._re, self._im = re, im

    def __getattr__(self, name: str) -> Any:
        _refuse_attribute(name)

    @property
    def real(self) -> Any:
        return self._re

    @real.setter
    def real(self, value: Any) -> None:
        self._re[...] = value

    @property
    def imag(self) -> Any:
        return self._im

    @imag.setter
    def imag(self, value: Any) -> None:
        self._im[...] = value

    @property
    def shape(self) -> Any:
        return self._re.shape

    @property
    def ndim(self) -> Any:
        return self._re.ndim

    @property
    def size(self) -> Any:
        return self._re.size

    @property
    def dtype(self) -> Any:
        return np.dtype(np.complex64 if self._re.dtype == np.float32 else np.complex128)

    @property
    def T(self) -> Any:
        return ComplexArray(self._re.T, self._im.T)

    def __len__(self) -> Any:
        return len(self._re)

    def __getitem__(self, index: Any) -> Any:
        return ComplexArray(self._re[index], self._im[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        re, im = parts(value)
        self._re[index] = re
        self._im[index] = im

    def __iter__(self) -> Any:
        for i in range(len(self._re)):
            yield self[i]

    def __contains__(self, value: Any) -> Any:
        refuse("`in` of complex numbers")

    def __bool__(self) -> Any:
        refuse("the truth of complex numbers")

    def __hash__(self) -> Any:
        raise TypeError("unhashable type: 'numpy.ndarray'")

    def __str__(self) -> Any:
        refuse("the text of complex numbers")

    __repr__ = __str__

    def __format__(self, spec: str) -> Any:
        refuse("the text of complex numbers")

    def __lt__(self, other: Any) -> Any:
        refuse("the order of complex numbers")

    __le__ = __gt__ = __ge__ = __lt__

    def __complex__(self) -> Any:
        refuse("complex() of a staged number")

    def __int__(self) -> Any:
        refuse("int() of a complex number")

    __float__ = __index__ = __int__

    def __add__(self, other: Any) -> Any:
        return add(self, other)

    def __radd__(self, other: Any) -> Any:
        return add(other, self)

    def __sub__(self, other: Any) -> Any:
        return subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return divide(other, self)

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

    def __pow__(self, other: Any) -> Any:
        if not _is_two(other):
            refuse("a power of complex numbers but the second")
        return multiply(self, self)

    def __rpow__(self, other: Any) -> Any:
        refuse("a power of complex numbers but the second")

    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __ipow__ = __imatmul__ = __rpow__
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = __rpow__

    def __iadd__(self, other: Any) -> Any:
        self[...] = _fitting(self, add(self, other))
        return self

    def __isub__(self, other: Any) -> Any:
        self[...] = _fitting(self, subtract(self, other))
        return self

    def __imul__(self, other: Any) -> Any:
        self[...] = _fitting(self, multiply(self, other))
        return self

    def __itruediv__(self, other: Any) -> Any:
        self[...] = _fitting(self, divide(self, other))
        return self

    def __eq__(self, other: Any) -> Any:
        if other is None:
            refuse("the comparison of complex numbers with None")
        a, b = parts(other)
        return (self._re == a) & (self._im == b)

    def __ne__(self, other: Any) -> Any:
        if other is None:
            refuse("the comparison of complex numbers with None")
        a, b = parts(other)
        return (self._re != a) | (self._im != b)

    def __neg__(self) -> Any:
        return ComplexArray(-self._re, -self._im)

    def __pos__(self) -> Any:
        return ComplexArray(+self._re, +self._im)

    def __invert__(self) -> Any:
        raise TypeError("ufunc 'invert' not supported for the input types")

    def __abs__(self) -> Any:
        return np.hypot(self._re, self._im)

    def conj(self) -> Any:
        return ComplexArray(+self._re, -self._im)

    conjugate = conj

    def copy(self) -> Any:
        return ComplexArray(self._re.copy(), self._im.copy())

    def astype(self, dtype: Any) -> Any:
        dtype = np.dtype(dtype)
        if dtype.kind != "c":
            refuse("complex numbers as other ones (write `.real` or abs())")
        part = np.float32 if dtype == np.complex64 else np.float64
        return ComplexArray(self._re.astype(part), self._im.astype(part))

    def reshape(self, *shape: Any) -> Any:
        return ComplexArray(self._re.reshape(*shape), self._im.reshape(*shape))

    def ravel(self) -> Any:
        return ComplexArray(self._re.ravel(), self._im.ravel())

    def flatten(self) -> Any:
        return ComplexArray(self._re.flatten(), self._im.flatten())

    def transpose(self, *axes: Any) -> Any:
        return ComplexArray(self._re.transpose(*axes), self._im.transpose(*axes))

    def swapaxes(self, axis1: Any, axis2: Any) -> Any:
        return ComplexArray(self._re.swapaxes(axis1, axis2), self._im.swapaxes(axis1, axis2))

    def squeeze(self, axis: Any = None) -> Any:
        return ComplexArray(self._re.squeeze(axis), self._im.squeeze(axis))

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ComplexArray(
            self._re.sum(axis, keepdims=keepdims), self._im.sum(axis, keepdims=keepdims)
        )

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ComplexArray(
            self._re.mean(axis, keepdims=keepdims), self._im.mean(axis, keepdims=keepdims)
        )

    def dot(self, other: Any) -> Any:
        return dot(self, other)


def _refuse_attribute(name: str) -> None:
    """AF0306, or Python's AttributeError where no array has it."""


@rule(_refuse_attribute)
def _refuse_attribute_rule(cx: Any, name: StaticArg[str]) -> Value:
    if not hasattr(np.ndarray, name):
        cx.raise_python(
            AttributeError(f"'numpy.ndarray' object has no attribute '{name}'"),
        )
    raise cx.error("AF0306", f"`{name}` of complex numbers isn't supported")


def _is_two(x: Any) -> bool:
    """Whether it's known to be the number 2."""
    return False


@rule(_is_two)
def _is_two_rule(cx: Any, x: Value) -> Value:
    return TRUE if isinstance(x, Static) and type(x.obj) in (int, float) and x.obj == 2 else FALSE


def _fitting(a: ComplexArray, made: ComplexArray) -> ComplexArray:
    """What goes into ``a`` in place."""
    if a.ndim == 0:
        refuse("a complex number changed in place")
    return made


def parts(x: Any) -> Any:
    """The real and the imaginary part of anything that's a number or array, in dtypes that make that
    of a result right when they are computed with."""
    if isinstance(x, ComplexArray):
        return x._re, x._im
    if isinstance(x, complex):
        return x.real, x.imag
    if isinstance(x, chainer.Variable):
        refuse("a Variable with complex numbers")
    if isinstance(x, int | float):
        return x, 0.0
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return x.real, x.imag
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    return x, np.zeros_like(x)


def as_complex(x: Any, dtype: Any) -> ComplexArray:
    re = x.astype(np.float32 if np.dtype(dtype) == np.complex64 else np.float64)
    return ComplexArray(re, np.zeros_like(re))


def add(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return ComplexArray(p + r, q + s)


def subtract(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return ComplexArray(p - r, q - s)


def multiply(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return ComplexArray(p * r - q * s, p * s + q * r)


def divide(a: Any, b: Any) -> Any:
    """Smith's algorithm, as numpy's."""
    (p, q), (r, s) = parts(a), parts(b)
    first = np.abs(r) >= np.abs(s)
    large, small = np.where(first, r, s), np.where(first, s, r)
    none = large == 0
    ratio = np.where(none, 0.0 * p, small / large)
    scale = 1.0 / np.where(none, np.abs(r) + 0.0 * p, large + small * ratio)
    re = np.where(first, p + q * ratio, p * ratio + q) * scale
    im = np.where(first, q - p * ratio, q * ratio - p) * scale
    return ComplexArray(re, im)


def matmul(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    if _is_real(a):
        return ComplexArray(np.matmul(p, r), np.matmul(p, s))
    if _is_real(b):
        return ComplexArray(np.matmul(p, r), np.matmul(q, r))
    re = np.matmul(p, r) - np.matmul(q, s)
    return ComplexArray(re, np.matmul(p, s) + np.matmul(q, r))


def _is_real(x: Any) -> bool:
    return not isinstance(x, ComplexArray) and np.asarray(x).dtype.kind != "c"


def dot(a: Any, b: Any) -> Any:
    if a.ndim == 0 or b.ndim == 0 or b.ndim > 2:
        refuse("numpy.dot of complex numbers, other than of vectors and matrices")
    return matmul(a, b)


def is_complex(v: Value) -> bool:
    """Whether it's a staged array of complex numbers."""
    return isinstance(v, Object) and v.cls is ComplexArray


def is_complex_dtype(v: Value) -> bool:
    """Whether an argument ``dtype`` is one of those of complex numbers."""
    try:
        return isinstance(v, Static) and np.dtype(v.obj).kind == "c"
    except TypeError:
        return False


def class_of(cx: Any, v: Object) -> type:
    """The class of numpy's whose objects such a one stands for."""
    re = cx.get_attribute(v, "_re")
    if isinstance(re, Tensor) and re.kind == "generic":
        return np.complex64 if re.dtype == np.float32 else np.complex128
    return np.ndarray


def put_together(re: Any, im: Any) -> Any:
    """What numpy has for these two parts."""
    dtype = np.result_type(re.dtype, np.complex64)
    made = np.empty(np.shape(re), dtype)
    made.real, made.imag = re, im
    return made[()] if isinstance(re, np.generic) else made
