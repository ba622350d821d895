"""OpenCV's ``resize`` of arrays of float numbers, as its ``resize.cpp`` computes it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from astfront.descriptions import describe
from astfront.rules.images.resampling import cubic_filter, weighted
from astfront.rules.registry import StaticArg, rule
from astfront.values import NONE, Static, Tensor, Value, is_none

INTER_NEAREST, INTER_LINEAR, INTER_CUBIC = range(3)
"""OpenCV's numbers of its interpolations; it has others, too."""


def register(cv2: Any) -> None:
    """For the library, which has been imported."""
    rule(cv2.resize)(resize)


def resize(
    cx: Any,
    src: Value,
    dsize: Value,
    dst: Value = NONE,
    fx: Value = Static(0.0),
    fy: Value = Static(0.0),
    interpolation: StaticArg[int] = INTER_LINEAR,
) -> Value:
    is_float = isinstance(src, Tensor) and src.kind == "array" and src.dtype.kind == "f"
    if not is_float or len(src.shape) not in (2, 3) or src.dtype == np.float16:  # type: ignore[attr-defined]
        cx.fail(
            "AF0306",
            f"cv2.resize of {describe(src)} isn't supported",
            help="arrays of float32 and float64, of two or three dimensions, are",
        )
    is_supported = interpolation in (INTER_NEAREST, INTER_LINEAR, INTER_CUBIC)
    if not is_supported or not is_none(dst):
        cx.fail(
            "AF0306",
            "cv2.resize with a result to write to isn't supported"
            if is_supported
            else f"cv2.resize with interpolation {interpolation} isn't supported",
            help="INTER_NEAREST, INTER_LINEAR and INTER_CUBIC are, into a new array",
        )
    written = Static(_resized)
    return cx.call(written, [src, dsize, fx, fy, Static(interpolation)], {})  # type: ignore[no-any-return]


def _resized(src: Any, dsize: Any, fx: Any, fy: Any, kind: int) -> Any:
    height, width = src.shape[:2]
    if dsize is None:
        if fx <= 0 or fy <= 0:
            refuse()
        columns, rows = round(width * fx), round(height * fy)
        scales = 1.0 / fx, 1.0 / fy
    else:
        columns, rows = dsize
        if columns <= 0 or rows <= 0:
            refuse()
        scales = width / columns, height / rows
    made = _columns(src, columns, scales[0], kind)
    made = np.swapaxes(_columns(np.swapaxes(made, 0, 1), rows, scales[1], kind), 0, 1)
    return made[:, :, 0] if made.ndim == 3 and made.shape[2] == 1 else made


def _columns(image: Any, wanted: Any, scale: Any, kind: int) -> Any:
    size = image.shape[1]
    if kind == INTER_NEAREST:
        return image[:, np.minimum(np.floor(np.arange(wanted) * scale).astype(np.int64), size - 1)]
    x = ((np.arange(wanted) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(x).astype(np.int64)
    x = x - first.astype(np.float32)
    if kind == INTER_LINEAR:
        x = np.where((first < 0) | (first >= size - 1), np.float32(0), x)
        places = np.stack([first, first + 1], axis=1)
        weights = np.stack([1 - x, x], axis=1)
    else:
        places = np.stack([first - 1, first, first + 1, first + 2], axis=1)
        three = cubic_filter(np.stack([x + 1, x, 1 - x], axis=1), -0.75)
        weights = np.concatenate([three, 1 - three.sum(axis=1, keepdims=True)], axis=1)
    return weighted(image, np.clip(places, 0, size - 1), weights, image.dtype)


def refuse() -> None:
    """In the function here: cv2.error, as a size isn't positive."""


@rule(refuse)
def _refused(cx: Any) -> Value:
    cx.raise_python(sys.modules["cv2"].error("resize: a size that isn't positive"))
    return NONE


__all__ = ["refuse", "register", "resize"]
