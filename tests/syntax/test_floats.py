"""NaN, infinity and rounding: numbers and arrays are compared and divided as Python does it."""

from __future__ import annotations

import math

import chainer
import chainer.functions as F
import numpy as np

from tests.syntax.compare import agrees

EXTREMES = np.array([1, np.nan, 2, np.inf, -np.inf, 3, 0.3], "f")
USUAL = np.array([-0.0, 0.1, 0.7, -3.5, 1e8, 0.3, -0.25], "f")


def test_zero_times_what_is_no_number():
    def forward(x):
        y, first = chainer.Variable(x), float(x[0])
        return x * 0, 0 / x, x / np.inf, y * 0.0, x[1] * 0, first * 0.0, np.zeros_like(x) * x

    agrees(forward, (EXTREMES,), (USUAL,))


def test_opposites_of_comparisons():
    def numbers(x):
        v, found = float(x[1]), []
        for i in range(len(x)):
            w = float(x[i])
            if not w <= 1.0 or w != w:
                found.append(i)
            if w <= 1.0:
                found.append(-1)
            elif w > 1.0:
                found.append(-2)
        return (
            found, not v <= 1.0, not v > 1, v != v, v == v, not v == v, v <= 1 or v > 1, not 1 < v < 3,
            not (v > 1 or v < 0), [w for w in x.tolist() if not w <= 1], v in (v, 1.0), bool(v), v and 1,
        )  # fmt: skip

    def arrays(x):
        low, high = x <= 1, x > 1
        y = np.where(low, 1, np.where(high, 2, 3))
        return (
            y, ~low, low | high, np.logical_or(low, high), low == ~high, x != x, np.logical_not(low),
            np.where(~low, F.where(high, x, -x).array, 5), (~low | (x < 3)).all(), x.astype(bool),
        )  # fmt: skip

    agrees(numbers, (EXTREMES,), (USUAL,))
    agrees(arrays, (EXTREMES,), (USUAL,))


def test_largest_and_smallest():
    def of_two(x):
        v, w, k = float(x[0]), float(x[1]), int(x[2:].argmax())
        return (
            max(v, w), max(w, v), min(v, w), min(w, v), max(1, v), 0.5 * min(k, v), max(x[1], 0.0), max(True, k),
        )  # fmt: skip

    def of_many(x):
        most, least = 0.0, math.inf
        for v in x:
            most, least = max(most, float(v)), min(float(v), least)
        return most, least, max(x.tolist()), min(x.tolist())

    agrees(of_two, (EXTREMES,), (USUAL,), (-USUAL,))
    agrees(of_many, (EXTREMES,), (USUAL,), (EXTREMES[1:],))


def test_division_rounded_down():
    def forward(x):
        found = []
        for i in range(len(x)):
            v = float(x[i])
            found.append((v // 2, v % 2, v // 0.1, v % 0.1, v % -3, 5 % (v + 0.01), divmod(v, 0.7)))
        return found, float(x[5]) % float(x[3]), -float(x[5]) // float(x[3])

    agrees(forward, (EXTREMES,), (USUAL,), (-USUAL,))


def test_choices_among_choices_compile_fast():
    def forward(x):
        m = x[0]
        m = np.where(x[1] > m, x[1], m)
        m = np.where(x[2] > m, x[2], m)
        m = np.where(x[3] > m, x[3], m)
        m = np.where(x[4] > m, x[4], m)
        return np.where(x[5] > m, x[5], m)  # it took two minutes

    agrees(forward, (EXTREMES,), (USUAL,))


def test_functions_of_two_numbers():
    def f(a, b):
        a, b = float(a), float(b)
        directions = math.atan2(a, b), math.copysign(2, a), math.copysign(a, b)
        return directions, math.hypot(a, b), math.log(abs(a) + 1, 2), pow(a, 2), pow(2, abs(b))

    def logarithm(a, base):
        return math.log(float(a), float(base))

    values = [(a, b) for a in (0.5, -0.5, 0.0, -0.0, 3e100) for b in (2.0, -2.0, 0.0, -0.0, 1e-8)]
    agrees(f, *((np.float64(a), np.float64(b)) for a, b in values), rtol=1e-13, atol=0)
    agrees(logarithm, *((np.float64(a), np.float64(b)) for a, b in ((2, 3), (2, 1), (-2, 3))))


def test_nan_beside_loops_that_are_no_kernels():
    def f(xs, n):
        seen = set()
        for x in xs[:n]:
            seen.add(float(x))
        return len(seen), float("nan") in seen  # compiling it didn't end

    agrees(f, (np.array([1.0, 2.0, 1.0]), np.int64(3)), (np.array([math.nan, 2.0]), np.int64(0)))
