"""What the benchmarks count and print; they themselves are run by ``make bench``."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np

from benchmarks import report, roofline
from benchmarks.programs import PROGRAMS


def test_work_counts_products() -> None:
    x = np.ones((2, 3, 8, 8), np.float32)
    linear, convolution = L.Linear(192, 5), L.Convolution2D(3, 4, 3, stride=2, pad=1)
    grouped = L.Convolution2D(4, 6, 3, groups=2)
    with roofline.Work() as work, chainer.no_backprop_mode():
        linear(x)
        assert (work.flops, work.bytes) == (2 * 2 * 192 * 5, 4 * 192 * 5)
        y = convolution(x)
        grouped(y)
        convolutions = 2 * 2 * 16 * 4 * 3 * 9 + 2 * 2 * 4 * 6 * 2 * 9
        assert work.flops == 2 * 2 * 192 * 5 + convolutions
        before = work.flops
        F.matmul(x[:, 0], x[:, 1], transa=True)
        F.matmul(x[0, 0], x[0, 0, 0])
        assert work.flops - before == 2 * 2 * 8**3 + 2 * 8 * 8
    assert (roofline.products_seconds(lambda: linear(x), 4 * 192 * 5) or 0) > 0
    assert roofline.products_seconds(lambda: F.relu(x), 0) is None


def test_table() -> None:
    frozen = {
        "seconds": 1e-3,
        "front_end": 1.0,
        "building": 2.0,
        "peak_memory": 3.0,
        "difference": 0.0,
    }
    found = {
        "chainer": {"seconds": 4e-3, "products_seconds": 2e-4},
        "live": frozen,
        "frozen": frozen,
    }
    header, row = report.rows({"mlp": found})
    assert dict(zip(header, row)) == {
        "program": PROGRAMS["mlp"].what, "Chainer ms": "4", "astfront ms": "1", "astfront, frozen ms": "1",
        "× Chainer": "4.0", "products by BLAS ms": "0.2", "compile s": "3.0", "peak MB": "3", "max diff": "0e+00",
    }  # fmt: skip
