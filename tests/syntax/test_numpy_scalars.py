"""Scalars of numpy's beside staged Python numbers: what they make is a scalar of numpy's, too."""

import copy
import math

import chainer
import chainer.functions as F
import numpy as np

from tests.support import check
from tests.syntax.compare import N, agrees, array

X = np.array([[1.5, -2, 0.25], [-0.5, 3, 1]], "f")


def arithmetic(x):
    s, n = x.item(0), int(x.sum())
    return (
        s + np.float64(2), np.float64(2) * s, s + np.float32(2), n * np.float64(2.5), n + np.int64(2), n * np.float32(1),
        s ** np.float64(2), n // np.float64(2), n % np.float64(3), np.float64(7) // n, n * np.pi, abs(n * np.float64(-1.5)),
        x.sum() * (n * np.sqrt(2)), x * (n * np.sqrt(2)), chainer.Variable(x) * (n * np.sqrt(8)),
        F.leaky_relu(x, slope=0.1) * (n / np.sqrt(2)), x[: n - np.int64(1)], sum([s, np.float64(2)]),
    )  # fmt: skip


def comparisons(x):
    s, n = x.item(0), int(x.sum())
    return (
        s < np.float64(2), n < np.float64(3.5), n < np.float32(3.5), np.int64(3) <= n, np.float64(2) in [s, 1.5],
        "yes" if n <= np.float64(3.5) else "no", n if n > np.float64(0) else s, np.float64(2) if s > 100 else s,
        [0, 0, 1][np.int64(1) + n - 3],
    )  # fmt: skip


def numbers_of(x):
    m = int(x.sum()) * np.sqrt(8)
    return (
        math.floor(m), math.sqrt(m), int(m), float(m), m > 2, not m, np.zeros(int(m)), f"{m:.2f}", divmod(m, 2),
        isinstance(m, float), round(m), round(m, 1), round(x.sum()), round(x.sum(), 1), round(x.argmax()),
        round(x.sum() * 100, -1), [round(v) for v in x[0]],
    )  # fmt: skip


def test_beside_staged_numbers():
    check(lambda x: (arithmetic(x), comparisons(x), numbers_of(x)), (X,), (X - 0.2,))


def test_numbers_of_numpys_on_two_ways():
    def forward(x, n):
        scale, count, most = np.float32(0.25), np.int64(1), np.float64(-np.inf)
        found, which, last = np.bool_(False), np.int32(3), None
        for i in range(int(n)):
            scale = scale * np.float32(2)
            count = count * 3 % 1000
            if x[i] > 0:
                found, which = np.bool_(True), np.int32(i)
            elif x[i] < -0.5:
                which, last = np.int32(7), np.float32(i)
            most = max(most, np.float64(x[i]))
        first = np.float32(1) if x[0] > 0 else np.float32(2)
        either = np.float32(1) if x[0] > 0 else x[1]
        return scale, count, most, found, which, last, first * x, either

    agrees(forward, *((array(6, seed=seed), N(n)) for seed, n in enumerate((0, 1, 2, 6))))


def repeated(n, k):
    a = [1, 2]
    b = a
    a *= k[0]
    t = (0,)
    t *= n[0]
    return (
        a, a is b, t, [0] * n[0], k[1] * [n, 1], (0, n[0]) * k[0], [[0.0] * k[1]] * n[0], [[]] * n.max(),
        [1] * -n[0], np.stack([n] * k[1]), [0] * np.prod((2, 3)), [1, 2] + np.int64(3), [1, 2] + n[0],
        [1, 2] * np.array(3), [1, 2] * n, n[0] * range(3), [1, 2] == n[0],
    )  # fmt: skip


def listed(n, k):
    return (
        list(range(k[0], n[1])), tuple(range(n[0])), np.arange(int(k[0]), np.int32(7)), np.arange(k[1], n[1], np.int64(2)), list(enumerate(range(n[0]), k[1])), list(zip(range(n[0]), n)),
        sorted([n[1], n[0], k[0]]), sorted([(n[1], "b"), (k[0], "a")], key=lambda p: -p[0]), [k[0]] + list(range(n[1])),
    )  # fmt: skip


def test_sequences():
    def forward(n, k):
        return repeated(n, k), listed(n, k)

    agrees(
        forward, *((np.array(n), np.array(k, "i")) for n, k in [((2, 5), (3, 1)), ((1, 4), (0, 2))])
    )

    def not_of_a_float(x):
        return [0] * x[0]

    agrees(not_of_a_float, (X[0],), (X[0].astype("d"),))


def parts(x, i):
    s = x[i]
    return (
        s[None], x[0][np.newaxis, None], s[...], s[()], s.T, s.transpose(), np.transpose(s), s.copy(), np.copy(s), copy.copy(s),
        isinstance(s[None], np.ndarray), F.embed_id(s[None].astype("i"), X), np.copy(x[:2]), x.sum()[None], np.array(s)[()],
    )  # fmt: skip


def test_parts_and_copies():
    agrees(parts, (np.array([1, 0, 1]), N(2)), (np.array([0.5, 1.5]), N(1)))
