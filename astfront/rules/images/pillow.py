"""Pillow's images of float32 numbers (mode F): made of arrays, resized, read as arrays.

An image is an object of the class here, which is compiled like any. What it does is that of Pillow's
``Resample.c`` and ``Geometry.c``: filters get wider as the image gets smaller, sums are in float64, and
the columns come first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from astfront.descriptions import describe
from astfront.rules.images.resampling import (
    box_filter,
    cubic_filter,
    hamming_filter,
    lanczos_filter,
    linear_filter,
    weighted,
)
from astfront.rules.objects import STANDS_FOR
from astfront.rules.registry import StaticArg, rule
from astfront.values import NONE, Tensor, Value

NEAREST, LANCZOS, BILINEAR, BICUBIC, BOX, HAMMING = range(6)
"""Pillow's numbers of its filters."""


class FloatImage:
    """Stands for an image of mode F: its ``array`` is of shape (height, width) and float32."""

    mode = "F"

    def __init__(self, array: Any) -> None:
        self._array = array

    @property
    def size(self) -> Any:
        return self._array.shape[1], self._array.shape[0]

    @property
    def width(self) -> Any:
        return self._array.shape[1]

    @property
    def height(self) -> Any:
        return self._array.shape[0]

    def __array__(self, dtype: Any = None) -> Any:
        return self._array.copy() if dtype is None else self._array.astype(dtype)

    def copy(self) -> Any:
        return FloatImage(self._array)

    def resize(
        self, size: Any, resample: Any = None, box: Any = None, reducing_gap: Any = None
    ) -> Any:
        if box is not None or reducing_gap is not None:
            refuse("an image resized with `box` or `reducing_gap`")
        width, height = size
        if width <= 0 or height <= 0:
            raise ValueError("height and width must be > 0")
        kind = BICUBIC if resample is None else int(resample)
        if kind not in (NEAREST, LANCZOS, BILINEAR, BICUBIC, BOX, HAMMING):
            raise ValueError(f"Unknown resampling filter ({resample}).")
        array = self._array
        if kind == NEAREST:
            rows = _nearest(array.shape[0], height)
            return FloatImage(array[rows][:, _nearest(array.shape[1], width)])
        if width != array.shape[1]:
            array = _resampled(array, width, kind)
        if height != array.shape[0]:
            array = _resampled(array.T, height, kind).T
        return FloatImage(array)

    def __getattr__(self, name: str) -> Any:
        refuse(f"`{name}` of an image")


def _nearest(size: Any, wanted: Any) -> Any:
    """Places are found by adding up, in float64."""
    scale = size / wanted
    steps = np.full(wanted, scale)
    steps[0] = scale * 0.5
    return np.minimum(np.cumsum(steps).astype(np.int64), size - 1)


def _resampled(array: Any, wanted: Any, kind: int) -> Any:
    """(H, W) in another width."""
    size = array.shape[1]
    scale = size / wanted
    wider = max(scale, 1.0)
    support = {LANCZOS: 3.0, BILINEAR: 1.0, BICUBIC: 2.0, BOX: 0.5, HAMMING: 1.0}[kind] * wider
    centers = (np.arange(wanted) + 0.5) * scale
    first = np.maximum((centers - support + 0.5).astype(np.int64), 0)
    end = np.minimum((centers + support + 0.5).astype(np.int64), size)
    taps = first[:, None] + np.arange(math.ceil(support) * 2 + 1)
    x = (taps - centers[:, None] + 0.5) * (1.0 / wider)
    weights = np.where(taps < end[:, None], _filter(x, kind), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = weights / np.where(total == 0.0, 1.0, total)
    return weighted(array, np.minimum(taps, size - 1), weights, np.float64)


def _filter(x: Any, kind: int) -> Any:
    if kind == BILINEAR:
        return linear_filter(x)
    if kind == BICUBIC:
        return cubic_filter(x, -0.5)
    if kind == LANCZOS:
        return lanczos_filter(x)
    return box_filter(x) if kind == BOX else hamming_filter(x)


def refuse(what: str) -> Any:
    """In these functions: AF0306, as this isn't supported."""


@rule(refuse)
def _refused(cx: Any, what: StaticArg[str]) -> Value:
    cx.fail("AF0306", f"{what} isn't supported", help="do it with numpy, or outside the model")
    return NONE


def register(library: Any) -> None:
    """For ``PIL.Image``, which has been imported."""
    rule(library.fromarray)(fromarray)
    STANDS_FOR[FloatImage] = library.Image


def fromarray(cx: Any, obj: Value, mode: StaticArg[str] = None) -> Value:  # type: ignore[assignment]
    is_float = isinstance(obj, Tensor) and obj.kind == "array" and obj.dtype == np.float32
    if not is_float or len(obj.shape) != 2 or mode not in (None, "F"):  # type: ignore[attr-defined]
        cx.fail(
            "AF0306",
            f"an image of {describe(obj)} isn't supported"
            + ("" if mode is None else f" in mode {mode!r}"),
            help="images of float32 arrays of two dimensions are",
        )
    return cx.construct(FloatImage, [cx.call(cx.get_attribute(obj, "copy"), [], {})], {})  # type: ignore[no-any-return]


__all__ = ["FloatImage", "fromarray", "refuse", "register"]
