"""numpy's functions that are written with other ones of numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from astfront.program import lower
from tests.functions.cases import proved_apart
from tests.functions.numpy_cases import same

RANDOM = np.random.RandomState(0)
X = RANDOM.uniform(-1, 1, (3, 4)).astype("float32")
Y = RANDOM.uniform(-1, 1, (5, 4)).astype("float32")
LABELS, OTHERS = RANDOM.randint(0, 5, 7), RANDOM.randint(0, 9, 4)
NONE = np.zeros(0, "int64")
POINTS = np.array([0, 0.25, 0.5, 0.5, 0.75], "float32")
HEIGHTS = np.array([1, 2, 0, 3, 5], "float32")


def test_sets():
    def sets(i, j):
        return (
            np.unique(i), np.unique(i, True, True, True), np.unique(i, return_counts=True),
            np.union1d(i, j), np.setdiff1d(i, j), np.intersect1d(i, j), np.setdiff1d(i, j, True),
        )  # fmt: skip

    calls = [(LABELS, OTHERS), (OTHERS, LABELS), (NONE, LABELS), (LABELS, NONE)]
    same(sets, *calls, specs=[(None,), (None,)])


def test_nan_counts_once():
    found = np.array([1, np.nan, 2, np.nan, 1], "float32")

    def unique(x):
        return np.unique(x), np.unique(x, True, True, True)

    same(unique, (found,), (found[:0],), (found[1:2],), specs=[(None,)])


def test_rows_that_occur_once():
    def distinct(x):
        return np.unique(x, axis=0), np.unique(x, True, True, True, axis=-1)

    rows = np.array([[2, 1, 2], [0, 3, 0], [2, 1, 2], [2, 0, 2]])
    same(distinct, (rows,))


def test_counts():
    def counts(i):
        return np.bincount(i), np.bincount(i, minlength=20), np.bincount(i, minlength=3)

    negative = np.array([-1, 2])
    same(counts, (LABELS,), (OTHERS,), (NONE,), (negative,), specs=[(None,)])
    same(lambda i: np.bincount(i, i * 0.5), (LABELS,), (OTHERS,), specs=[(None,)])
    with pytest.raises(TypeError, match="safe"):
        lower(lambda x: np.bincount(x), (LABELS.astype("f"),), {})


def test_parts_and_turns():
    def parts(x):
        return (
            np.rot90(x), np.rot90(x, 2), np.rot90(x, 3), np.rot90(x, -1, (1, 0)), np.rot90(x, 4),
            np.compress(x[:, 0] > 0, x, axis=0), np.compress([True, False, True], x),
            np.compress([False, True, True], x, axis=1), np.extract(x > 0, x),
        )  # fmt: skip

    same(parts, (X,), (Y,), specs=[(None, 4)])


def test_functions_of_points():
    def interpolated(x):
        return (
            np.interp(x, POINTS, HEIGHTS), np.interp(x, POINTS, HEIGHTS, -7, 9),
            np.interp(x, POINTS[:1], HEIGHTS[:1]), np.interp(x.astype("float64"), [0, 1], [5, 6]),
        )  # fmt: skip

    def polynomial(x, p):
        return np.polyval(p, x), np.polyval([1, 2.0, 3], x), np.polyval([2, 3], np.float32(2))

    def places(x, bins):
        return (
            np.digitize(x, bins), np.digitize(x, bins, True), np.digitize(x, bins[::-1]),
            np.digitize(x, bins[::-1], right=True),
        )  # fmt: skip

    with_nan = np.concatenate([X.ravel(), POINTS, [np.nan]]).astype("float32")
    same(interpolated, (with_nan,), (POINTS,), specs=[(None,)])
    same(polynomial, (X, Y[0]), (Y, X[0, :2]), specs=[(None, 4), (None,)])
    calls = [(POINTS, POINTS), (X.ravel(), POINTS), (X.ravel(), POINTS[:1]), (POINTS, HEIGHTS)]
    same(places, *calls, specs=[(None,), (None,)])


@proved_apart(staged=True)
def compared(x, y):
    return (
        np.array_equal(x, y), np.array_equal(x, x, equal_nan=True), np.array_equal(x, x), np.array_equal(x, y[0]),
        np.array_split(x, 3), np.array_split(x, 2, axis=1),
    )  # fmt: skip


def test_arrays_of_staged_sizes_are_compared_and_split():
    with_nan = np.where(X > 0.5, np.nan, X).astype("float32")
    calls = [(X, X + 1), (X, X[:2]), (X[:1], X), (with_nan, with_nan), (X[:0], X)]
    same(compared, (X, X.copy()), *calls, specs=[(None, 4), (None, 4)])


def test_numbers_give_what_numpy_gives_for_them():
    def numbers(x):
        n, k = int(x[0]), float(x[1])
        return (
            np.interp(k, POINTS, HEIGHTS), np.isin(n, [1, 3]), np.isin(n, [1], invert=True), np.in1d(n, [1, 3]),
            np.gcd(n, 4), np.lcm(n, 6), np.ravel_multi_index((n, n), (4, 4)),
        )  # fmt: skip

    same(numbers, (np.array([3, 0.4]),), (np.array([2, -1.0]),))
