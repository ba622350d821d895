"""Images of float32 numbers in another size, written with numpy: this is compiled.

One axis is done after the other: which columns go into one of the result (``places``) and with which
weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def weighted(image: Any, places: Any, weights: Any, dtype: Any) -> Any:
    """(H, W, ...) with places and weights of shape (m, taps) gives (H, m, ...), summed in ``dtype``."""
    if image.ndim == 3:
        weights = weights[:, :, None]
    return (image.astype(dtype)[:, places] * weights).sum(axis=2, dtype=dtype).astype(image.dtype)


def linear_filter(x: Any) -> Any:
    return np.maximum(1.0 - np.abs(x), 0.0)


def cubic_filter(x: Any, a: float) -> Any:
    """The cubic convolution kernel; ``a`` is its slope at 1."""
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def lanczos_filter(x: Any) -> Any:
    """Of three lobes."""
    return np.where((x >= -3.0) & (x < 3.0), np.sinc(x) * np.sinc(x / 3.0), 0.0)


def box_filter(x: Any) -> Any:
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def hamming_filter(x: Any) -> Any:
    window = 0.54 + 0.46 * np.cos(np.pi * x)
    return np.where(np.abs(x) < 1.0, np.sinc(x) * window, 0.0)


__all__ = [
    "box_filter",
    "cubic_filter",
    "hamming_filter",
    "lanczos_filter",
    "linear_filter",
    "weighted",
]
