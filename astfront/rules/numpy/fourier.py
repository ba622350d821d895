"""numpy.fft: transforms as products with matrices of the roots of unity, in float64 as numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.rules.numpy.complex_arrays import ComplexArray
from astfront.rules.numpy.composed import composed, refuse
from astfront.rules.registry import rule
from astfront.values import Static, Value

#: So long a transform is one product with the matrix of the roots of unity.
_DIRECT = 256
#: The matrix of a longer one that has no divisors would take more memory than it's worth.
LONGEST = 2048


def divisor_of(n: Any) -> int:
    """Into how many parts a transform of so many points is taken apart; 1 if it isn't."""
    return 1


@rule(divisor_of)
def _divisor_rule(cx: Any, n: Value) -> Value:
    if not isinstance(n, Static) or n.obj <= _DIRECT:
        return Static(1)
    size = n.obj
    low = next(p for p in range(int(size**0.5), 0, -1) if size % p == 0)
    if size // low > LONGEST:
        raise cx.error("AF0306", f"a Fourier transform of {size} points isn't supported",
                       help="take a length with small divisors")  # fmt: skip
    return Static(low)


def _roots(powers: Any, n: Any, sign: float) -> Any:
    """Powers of the first root of unity: real and imaginary parts, zero where they are."""
    powers = powers % n
    angle = (2 * np.pi / n) * powers
    c = np.where((4 * powers == n) | (4 * powers == 3 * n), 0.0, np.cos(angle))
    return c, np.where((powers == 0) | (2 * powers == n), 0.0, sign * np.sin(angle))


def fourier(re: Any, im: Any, inverse: bool) -> Any:
    """The transform along the last axis, not scaled; ``im`` may be None."""
    n = re.shape[-1]
    p = divisor_of(n)
    sign = 1.0 if inverse else -1.0
    if p == 1:
        k = np.arange(n)
        c, s = _roots(k[:, None] * k[None, :], n, sign)
        if im is None:
            return re @ c, re @ s
        return re @ c - im @ s, re @ s + im @ c
    # Cooley and Tukey: transforms of p points, then of q, of which the first ones' are turned.
    q = n // p
    lead = re.shape[:-1]
    re = np.swapaxes(re.reshape(lead + (p, q)), -2, -1)
    im = None if im is None else np.swapaxes(im.reshape(lead + (p, q)), -2, -1)
    re, im = fourier(re, im, inverse)
    c, s = _roots(np.arange(q)[:, None] * np.arange(p)[None, :], n, sign)
    re, im = re * c - im * s, re * s + im * c
    re, im = fourier(np.swapaxes(re, -2, -1), np.swapaxes(im, -2, -1), inverse)
    re, im = np.swapaxes(re, -2, -1), np.swapaxes(im, -2, -1)
    return re.reshape(lead + (n,)), im.reshape(lead + (n,))


def _scale(n: Any, norm: Any, inverse: bool) -> Any:
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    if norm is None or norm == "backward":
        return 1 / n if inverse else 1.0
    if norm == "ortho":
        return 1 / np.sqrt(n)
    if norm == "forward":
        return 1.0 if inverse else 1 / n
    raise ValueError(f'Invalid norm value {norm}; should be "backward","ortho" or "forward".')


def _sized(x: Any, n: Any, axis: Any) -> Any:
    """In float64, with so many items along an axis, which goes last."""
    x = np.moveaxis(x.astype(np.float64), axis, -1)
    size = x.shape[-1]
    if size > n:
        return x[..., :n]
    if size < n:
        return np.concatenate([x, np.zeros(x.shape[:-1] + (n - size,))], axis=-1)
    return x


def _halves(a: Any) -> Any:
    if isinstance(a, ComplexArray):
        return a._re, a._im
    a = np.asarray(a)
    if a.dtype.kind == "c":
        return a.real, a.imag
    return a, None


def _transform(a: Any, n: Any, axis: Any, norm: Any, inverse: bool) -> Any:
    re, im = _halves(a)
    if n is None:
        n = re.shape[axis]
    scale = _scale(n, norm, inverse)
    re = _sized(re, n, axis)
    im = None if im is None else _sized(im, n, axis)
    re, im = fourier(re, im, inverse)
    return ComplexArray(np.moveaxis(re * scale, -1, axis), np.moveaxis(im * scale, -1, axis))


def transformed(re: Any, im: Any, inverse: bool) -> Any:
    """Chainer's: both parts along the last axis, in the dtype that they have."""
    scale = _scale(re.shape[-1], None, inverse)
    first, second = fourier(re.astype(np.float64), im.astype(np.float64), inverse)
    return (first * scale).astype(re.dtype), (second * scale).astype(re.dtype)


def _fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    return _transform(a, n, axis, norm, False)


def _ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    return _transform(a, n, axis, norm, True)


def _rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    re, im = _halves(a)
    if im is not None:
        refuse("numpy.fft.rfft of complex numbers")
    if n is None:
        n = re.shape[axis]
    scale = _scale(n, norm, False)
    re, im = fourier(_sized(re, n, axis), None, False)
    re, im = re[..., : n // 2 + 1], im[..., : n // 2 + 1]
    return ComplexArray(np.moveaxis(re * scale, -1, axis), np.moveaxis(im * scale, -1, axis))


def _irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    re, im = _halves(a)
    if n is None:
        n = (re.shape[axis] - 1) * 2
    scale = _scale(n, norm, True)
    half = n // 2 + 1
    re = _sized(re, half, axis)
    im = np.zeros_like(re) if im is None else _sized(im, half, axis)
    # The rest are the conjugates of these, in reverse; what's its own conjugate is real.
    rest = (n + 1) // 2
    none = np.zeros_like(im[..., :1])
    inner = im[..., 1:rest]
    middle = none[..., : half - rest]
    re = np.concatenate([re, re[..., 1:rest][..., ::-1]], axis=-1)
    im = np.concatenate([none, inner, middle, -inner[..., ::-1]], axis=-1)
    return np.moveaxis(fourier(re, im, True)[0] * scale, -1, axis)


composed(np.fft.fft, _fft, always=True)
composed(np.fft.ifft, _ifft, always=True)
composed(np.fft.rfft, _rfft, always=True)
composed(np.fft.irfft, _irfft, always=True)
