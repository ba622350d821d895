"""The order that numpy's sorts leave equal elements in."""

import numpy as np
import pytest

import astfront
from tests.support import assert_same

RANDOM = np.random.RandomState(0)


def uneven(n):
    """Numbers of which the median of three is always a bad one: numpy changes to heapsort."""
    half = n // 2
    numbers = np.zeros(n, int)
    for i in range(1, half + 1):
        if i % 2:
            numbers[i - 1 : i + 1] = i, half + i
        numbers[half + i - 1] = 2 * i
    return numbers


@pytest.mark.parametrize("dtype", ["f", "i", "bool"])
def test_ties(dtype):
    def f(x):
        return x.argsort(), np.argsort(x, kind="heapsort"), np.argsort(x, kind="stable")

    compiled = astfront.compile(f)
    for n in (16, 17, 200):
        for different in (1, 3, 50):
            x = RANDOM.randint(0, different, n).astype(dtype)
            assert_same(compiled(x), f(x))


def test_axes_and_staged_sizes():
    def f(x, n):
        part = x[:n]
        columns, rows = np.argsort(part, axis=0), np.argsort(x[:, :n], axis=1)[:, ::-1]
        return columns, rows, np.argsort(part, axis=None), x[0, :n].argsort()

    x = RANDOM.randint(0, 5, (20, 30)).astype("f")
    x[0], x[0, ::2], x[3, 4] = -0.0, 0, np.nan
    compiled = astfront.compile(f)
    for n in (0, 1, 17, 20):
        assert_same(compiled(x, np.int64(n)), f(x, n))


def test_parts_that_are_too_uneven():
    numbers = uneven(400)
    for x in (numbers, numbers // 3):
        assert_same(astfront.compile(np.argsort)(x), np.argsort(x))


def test_values():
    """NaN comes last. Of 0 and −0, which are equal, each keeps its sign: numpy's own vectors mix them up."""

    def f(x, n):
        h, part = x.astype("e"), x[:, :n]
        return (
            np.sort(x),
            np.sort(h, axis=0),
            np.sort(part),
            np.sort(part, axis=0),
            np.sort(x, None),
        )

    compiled = astfront.compile(f)
    x = RANDOM.randint(-2, 3, (20, 40)).astype("f") * RANDOM.choice([-1, 1, 0.5], (20, 40)).astype(
        "f"
    )
    x[3, ::5], x[7], x[8, 0] = np.nan, -0.0, np.inf
    x[7, ::3] = 0
    for n in (0, 1, 3, 17, 40):
        sorted_ = compiled(x, np.int64(n))
        for given, expected, of in zip(
            sorted_, f(x, n), (x, x, x[:, :n], x[:, :n], x), strict=True
        ):
            assert_same(given, expected)
            assert np.signbit(given).sum() == np.signbit(of).sum()
    rows = np.stack([uneven(400).astype("f"), np.zeros(400, "f")])
    assert_same(astfront.compile(np.sort)(rows), np.sort(rows))


def test_sorted_integers():
    rng = np.random.RandomState(0)
    of_ints = rng.randint(-(2**31), 2**31 - 1, (2, 300)).astype("i")
    arrays = [of_ints, rng.randint(0, 255, (300, 2)).astype("u1"), of_ints.astype("h")]

    def every(x, y, z):
        return np.sort(x), np.sort(y, axis=0), np.sort(z, None), np.sort(y > 9)

    for specs in (None, [astfront.TensorSpec((None, None), x.dtype) for x in arrays]):
        assert_same(astfront.compile(every, specs=specs)(*arrays), every(*arrays))


def test_long_rows_of_each_dtype():
    """Those are sorted by their bytes."""

    def f(arrays):
        return [np.sort(x) for x in arrays], np.sort(arrays[0], axis=0)

    bits = RANDOM.randint(-(2**63), 2**63, (3, 150), dtype=np.int64)
    bits[0] >>= 40
    bits[1, :2] = 2**63 - 1, -(2**63)
    floats = RANDOM.randn(3, 150) * 10.0 ** RANDOM.randint(-30, 30, (3, 150))
    floats[0, :6] = np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0
    dtypes = (np.int32, np.int64, np.uint64, np.uint32, np.int8, np.bool_)
    arrays = [*(bits.astype(d) for d in dtypes), floats, floats.astype("f")]
    staged = [astfront.TensorSpec((None, None), x.dtype) for x in arrays]
    for compiled in (astfront.compile(f), astfront.compile(f, specs=[staged])):
        rows, columns = compiled(arrays)
        for given, x in zip(rows, arrays, strict=True):
            assert_same(given, np.sort(x))
        assert_same(columns, np.sort(arrays[0], axis=0))
        zeros = rows[-2][0][rows[-2][0] == 0]
        assert list(np.signbit(zeros)) == [True, False]
