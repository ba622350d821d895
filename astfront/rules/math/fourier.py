"""Fourier transforms, as products with the matrix of the roots of unity."""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer.functions.math import fft

from astfront.rules.math.matmul import product
from astfront.rules.nodes import require_floats, require_same_shape
from astfront.rules.numpy.support import constant, convert
from astfront.rules.registry import node_rule
from astfront.values import Tensor

#: The matrix of a longer transform would take more memory than it's worth.
LONGEST = 2048


@node_rule(fft.FFT)
def transform(cx: Any, node: Any, real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    """Along the last axis, in float64 as numpy does it."""
    require_floats(cx, real, imag)
    require_same_shape(cx, real, imag)
    method = node._method
    if method not in ("fft", "ifft"):
        cx.fail("AF0306", f"the transform `{method}` isn't supported")
    size = real.shape[-1]
    if size is None or size > LONGEST:
        raise cx.error(
            "AF0306",
            f"F.{method} along an axis whose size isn't known while compiling, or over {LONGEST}",
        )
    if size == 0:
        cx.raise_python(ValueError(f"Invalid number of FFT data points ({size}) specified."))
    numbers = np.arange(size)
    steps = numbers[:, None] * numbers % size
    angle = 2 * np.pi / size * steps
    cosine, sine = np.cos(angle), np.sin(angle)
    if method == "fft":
        sine = -sine
    else:
        cosine, sine = cosine / size, sine / size
    c, s = constant(cosine), constant(sine)
    x, y = (cx.cast(v, np.float64) for v in (real, imag))
    first = cx.call_op("subtract", product(cx, x, c), product(cx, y, s))
    second = cx.call_op("add", product(cx, x, s), product(cx, y, c))
    return convert(cx, first, real.dtype), convert(cx, second, real.dtype)
