"""What numpy's BLAS takes for a program's products alone, on this machine.

FLOPs over its peak, or bytes of weights over the rate at which it reads them, whichever is more: the
peak is measured by a large product, the rate by the product of a vector with a matrix as large as all
the weights, which the caches hold or don't. Better kernels, or products of all turns at once, take less.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np
from chainer.functions.connection.convolution_2d import Convolution2DFunction
from chainer.functions.connection.linear import LinearFunction
from chainer.functions.math.matmul import MatMul
from chainer.utils import conv


class Work(chainer.FunctionHook):
    """Counts the products of a run in Chainer: their FLOPs, and the bytes of the weights they read."""

    name = "Work"

    def __init__(self) -> None:
        self.flops = 0
        self.bytes = 0

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        if isinstance(function, LinearFunction):
            x, w = in_data[:2]
            self._count(2 * x.size * len(w), w)
        elif isinstance(function, Convolution2DFunction):
            x, w = in_data[:2]
            sizes = zip(
                x.shape[2:], w.shape[2:], (function.sy, function.sx), (function.ph, function.pw),
                (function.dy, function.dx),
            )  # fmt: skip
            places = [conv.get_conv_outsize(n, k, s, p, d=d) for n, k, s, p, d in sizes]
            self._count(2 * len(x) * math.prod(places) * w.size, w)
        elif isinstance(function, MatMul):
            a, b = in_data
            inner = a.shape[-2 if function.transa and a.ndim > 1 else -1]
            free = b.size // inner if b.ndim < 3 else b.size // inner // len(b)
            self._count(2 * a.size * free, b)

    def _count(self, flops: int, weights: np.ndarray) -> None:
        self.flops += flops
        self.bytes += weights.nbytes


def products_seconds(run: Callable[[], Any], weights: int) -> float | None:
    """For a run in Chainer of a model with these weights; None without products."""
    with Work() as work:
        run()
    if not work.flops:
        return None
    return max(work.flops / peak(), work.bytes / bandwidth(weights))


def peak(n: int = 1024) -> float:
    """FLOPs a second of a product of two large matrices."""
    a, b = np.ones((2, n, n), np.float32)
    return 2 * n**3 / _shortest(lambda: a @ b)


def bandwidth(size: int) -> float:
    """Bytes a second at which so many bytes of weights are read again and again."""
    matrix = np.ones((max(size // 4096, 16), 1024), np.float32)
    x = np.ones(1024, np.float32)
    return matrix.nbytes / _shortest(lambda: matrix @ x)


def _shortest(run: Callable[[], Any], times: int = 20) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)
