"""Reductions and cumulative operations."""

from __future__ import annotations

import numpy as np
import pytest

from astfront.diagnostics import CompileError
from astfront.program import lower
from tests.functions.cases import proved_apart
from tests.functions.numpy_cases import same
from tests.support import run_staged

X = np.array([[3, -1, 2, 0], [1, 5, -7, 2], [0, 0, 4, 4]])


@proved_apart(dtypes=("float32", "float64", "int32", "bool", "float16", "int8"))
def sums(x):
    return (
        x.sum(), np.sum(x), x.sum(0), x.sum(axis=1), np.sum(x, axis=(0, 1)), x.sum(-1, keepdims=True),
        x.prod(), np.prod(x, 1), x.mean(), x.mean(axis=0), np.mean(x, -1, keepdims=True), x.var(),
        x.var(0), x.std(axis=1), np.std(x), np.cumsum(x), x.cumsum(axis=0), np.cumprod(x, 1),
        x.sum(dtype=np.float64), np.sum(x, axis=()), np.diff(x), np.var(x, ddof=1), np.average(x, 0),
        np.average(x, 1, x),
    )  # fmt: skip


@proved_apart(dtypes=("float32", "float64", "int32", "bool", "float16", "int8"))
def choices(x):
    return (
        x.max(), np.max(x, 0), x.max(axis=1, keepdims=True), np.amin(x), x.min(-1), x.argmax(),
        np.argmax(x, axis=0), x.argmax(1), x.argmin(axis=-1), np.argmin(x), x.all(), x.any(0),
        np.all(x > 0, axis=1), np.any(x < 0), np.count_nonzero(x), np.count_nonzero(x, axis=0),
        np.ptp(x, 0), np.max(x, axis=(0, 1)), (x > 0).sum(), (x > 0).mean(), (x > 0).argmax(0),
        np.array_equal(x, x), np.array_equal(x, x[:2]),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "float16", "int8"])
def test_dtypes(dtype):
    x = X.astype(dtype)
    rtol = 2e-3 if dtype == "float16" else 1e-5
    if dtype == "bool":
        same(
            lambda x: (
                x.sum(),
                x.sum(0),
                x.mean(1),
                x.prod(),
                np.cumsum(x, 1),
                x.max(),
                x.min(0),
                x.argmax(1),
                x.all(),
                x.any(1),
                np.count_nonzero(x),
            ),
            (x,),
        )
        return
    same(sums, (x,), rtol=rtol)
    if dtype != "int8":
        same(choices, (x,), rtol=rtol)


def test_staged_sizes():
    x = X.astype("f")

    def some(x):
        return (
            x.sum(), x.mean(0), x.mean(), x.var(1), x.max(1), x.argmax(0), x.cumsum(), x.all(0),
            np.any(x > 1), np.count_nonzero(x), x.std(axis=0, keepdims=True), x.sum(1), x.min(),
            np.var(x, ddof=1), np.var(x, where=x > 1), x.std(1, where=x[:1] > -9, ddof=1, keepdims=True),
        )  # fmt: skip

    same(some, (x,), (x[:1],), (x[:2, :3],), specs=[(None, None)])
    same(lambda x: x.max(0), (x,), (x[:0],), (x[:1],), specs=[(None, 4)])
    same(lambda x: (x.sum(0), x.prod(0), x.all(0), x.cumsum(0)), (x,), (x[:0],), specs=[(None, 4)])


def test_out_of_known_sizes():
    def written(x):
        whole, row = np.zeros((3, 4), "f"), np.zeros_like(x)
        np.multiply(x, 2, out=whole)
        np.sum(whole, axis=0, out=row[1])
        return whole, row, x.view("i"), (x > 1).view(np.uint8)

    x = X.astype("f")
    same(written, (x,), specs=[(None, None)])
    with pytest.raises(CompileError, match="AF0306"):
        run_staged(written, (x[:2],), {0: (None, None)})


def test_nan():
    x = np.array([[1, np.nan, 3], [np.nan, 2, -np.inf], [0, 4, np.inf]], "f")
    same(lambda x: (x.max(0), x.min(1), x.argmax(0), x.argmin(1), x.sum(1), x.any(), x.all(0), np.isnan(x).any()), (x,))  # fmt: skip


def test_wrong_calls():
    x = X.astype("f")
    for f, error in (
        (lambda x: x.sum(2), np.AxisError),
        (lambda x: x[:0].max(), ValueError),
        (lambda x: x[:, :0].argmax(1), ValueError),
        (lambda x: np.sum(x, axis=(0, 0)), ValueError),
    ):
        with pytest.raises(error):
            lower(f, (x,), {})
        with pytest.raises(error):
            f(x)


@proved_apart()
def composed(x, i):
    row, column = np.unravel_index(np.argmax(x), x.shape)
    return (
        row, column, np.unravel_index(i, (3, 2)), np.unravel_index(i, np.array((3, 2))),
        np.isin(i, [1, 2]), np.isin(x, i, invert=True),
        np.in1d(x > 0, [True]), np.allclose(x, x), np.allclose(x, x + 1),
        np.var(x, axis=0, dtype=np.float64), np.std(x, dtype="f4"),
    )  # fmt: skip


def test_composed():
    same(
        composed,
        (X.astype("f"), np.array([5, 0, 3], "i")),
        (-X.astype("f"), np.array([4, 1, 1], "i")),
    )


def test_unravel_index_out_of_bounds():
    from tests.support import run

    for i in (6, -1):
        with pytest.raises(ValueError, match="out of bounds"):
            run(lambda i: np.unravel_index(i, (3, 2)), np.array([i]))
