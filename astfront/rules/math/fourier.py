"""Fourier transforms of arrays of real and imaginary parts."""

from __future__ import annotations

from typing import Any

from chainer.functions.math import fft

from astfront.rules.nodes import require_floats, require_same_shape
from astfront.rules.numpy.fourier import transformed
from astfront.rules.registry import node_rule
from astfront.values import Static, Tensor


@node_rule(fft.FFT)
def transform(cx: Any, node: Any, real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    """Along the last axis, in float64 as numpy does it."""
    require_floats(cx, real, imag)
    require_same_shape(cx, real, imag)
    method = node._method
    if method not in ("fft", "ifft"):
        cx.fail("AF0306", f"the transform `{method}` isn't supported")
    found = cx.call(Static(transformed), [real, imag, Static(method == "ifft")], {})
    first, second = cx.items_of(found)
    return first, second
