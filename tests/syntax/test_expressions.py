"""Operators, comparisons, truth, subscripts and literals."""

import operator

import chainer.functions as F
import numpy as np
import pytest

from tests.syntax.compare import N, agrees, array, full, refuses, variable

X = variable(2, 3)


@pytest.mark.parametrize("as_int", [int, N], ids=["static", "staged"])
def test_integers(as_int):
    def f(a, b):
        a, b = int(a), int(b)
        return (
            a + b, a - b, a * b, a / b, a // b, a % b, -a, +a, ~a, abs(a), a**2, a & b, a | b, a ^ b,
            a << 3, a >> 2, a == b, a != b, a < b, a <= b, a > b, a >= b, not a, bool(a), float(a),
            a + True, a * 1.5, a // 2.5, a % -2.5, min(a, b), max(a, b, 3), divmod(7, 2), a // -3, -7 % b,
        )  # fmt: skip

    agrees(f, *((as_int(a), as_int(b)) for a in (-7, -1, 0, 6, 7) for b in (-3, 2, 7)))


@pytest.mark.parametrize("as_float", [float, np.float64], ids=["static", "staged"])
def test_floats(as_float):
    def f(a, b):
        a, b = float(a), float(b)
        return (
            a + b, a - b, a * b, a / b, a // b, a % b, -a, abs(a), a**2, a == b, a != b, a < b,
            a <= b, a > b, a >= b, not a, bool(a), int(a), int(b), a + 1, 2 - a, a + True, a % 2, b // 1,
            min(a, b), max(a, b, 3.0),
        )  # fmt: skip

    agrees(f, *((as_float(a), as_float(b)) for a in (-7.5, 0.0, 2.25, 6.0) for b in (-3.0, 0.5)))


def test_booleans():
    def f(a, b):
        a, b = bool(a), bool(b)
        return (
            a and b, a or b, not a, a & b, a | b, a ^ b, a == b, a != b, a < b, a + b, -a, ~a, a * 3,
            int(a), float(b), a is b, (not a) == b, True if a else False, a // True, abs(a),
        )  # fmt: skip

    agrees(f, *((N(a), N(b)) for a in (0, 1) for b in (0, 1)), (0, 1), (1, 1))


def test_division_by_zero():
    def f(a, b):
        return int(a) // int(b)

    def g(a, b):
        return int(a) % int(b)

    def h(a, b):
        return int(a) / int(b)

    def k(a, b):
        return float(a) / float(b)

    def m(a, b):
        return float(a) // float(b), 1

    def n(a, b):
        return float(a) % float(b)

    for function in (f, g, h, k, m, n):
        agrees(function, (5, 0), (N(5), N(2)), (N(5), N(0)), (N(-5), N(3)), (N(0), N(0)))


@pytest.mark.parametrize("kind", [int, N], ids=["static", "staged"])
def test_chained_comparisons(kind):
    def f(a, b, c):
        a, b, c = int(a), int(b), int(c)
        return a < b < c, a < b > c, a == b != c, a <= b <= c <= 4, 0 < a, not a < b, 1 < 2 < a

    agrees(f, *((kind(a), kind(b), kind(c)) for a in (0, 1) for b in (1, 2) for c in (0, 3)))


def test_chains_evaluate_each_operand_once_and_only_as_needed():
    class Counter:
        def __init__(self):
            self.calls = 0

        def next(self, n):
            self.calls += 1
            return n

    def f(n):
        n = int(n)
        c = Counter()
        r = 0 < c.next(n) < c.next(5) < c.next(9)
        return r, c.calls

    agrees(f, *((k,) for k in (0, 3, 7)), *((N(k),) for k in (0, 3, 7)))


@pytest.mark.parametrize("kind", [int, N], ids=["static", "staged"])
def test_and_or_with_values(kind):
    def f(a, b):
        a, b = int(a), int(b)
        return a and b, a or b, a and b or 7, (a or b) and 3, not (a and b), a > 1 and b > 2

    agrees(f, *((kind(a), kind(b)) for a in (0, 2) for b in (0, 3)))


def test_and_or_do_not_evaluate_what_they_need_not():
    def f(x, n):
        n = int(n)
        safe = n != 0 and 10 // n > 2
        other = n == 0 or 10 % n == 0
        return safe, other, x

    agrees(f, *((X, k) for k in (0, 3, 5)), *((X, N(k)) for k in (0, 3, 5)))


def test_and_or_change_state():
    def f(n):
        n = int(n)
        seen = []

        def note(k):
            seen.append(k)
            return k > 1

        r = note(n) and note(n - 1) or note(5)
        return r, len(seen)

    agrees(f, *((k,) for k in (0, 2, 3)))


@pytest.mark.parametrize("kind", [int, N], ids=["static", "staged"])
def test_conditional_expression(kind):
    def f(x, n):
        n = int(n)
        y = x if n > 0 else -x
        z = (x * 2 if n > 1 else x * 3) if n > 0 else (x if n == 0 else x + n)
        k = 1 if n > 0 else 2
        return y, z, k, "a" if kind is None else "b"

    agrees(f, *((X, kind(k)) for k in (-1, 0, 1, 2)))


def test_tensor_arithmetic_with_numbers():
    def f(x, n):
        n = int(n)
        return (
            x + n, n + x, x - 1, 1 - x, x * 2.5, n * x, x / 3, 3 / (x + 5), x**2, -x, +x, abs(x),
            x + x.array, x.array + x, x * n - n, (x + n) * (x - n),
        )  # fmt: skip

    agrees(f, (X, 2), (X, N(3)))


def test_array_arithmetic():
    def f(x, y):
        return x + y, x - y, x * y, x / y, -x, abs(x), x > y, x == y, x + 1, 1 - x, x * 2.5

    a, b = array(2, 3), array(2, 3, seed=1)
    agrees(f, (a, b), (a, b[0]), (a, b[:, :1]), (np.arange(6).reshape(2, 3), np.full(3, 2)))


def test_tuples_lists_and_dicts():
    def f(x, n):
        n = int(n)
        t = (x, n, 3)
        u = t + (4,)
        d = {"a": x, **{"b": n}, 3: t}
        e = dict(d, c=1)
        xs = [*t, *[1, 2]]
        return (
            u[0], u[-1], u[1:3], len(u), d["a"], d[3][1], list(d), list(d.keys()), e["c"], xs[1:],
            xs[::2], d.get("z"), d.get("z", n), "a" in d, 3 in (1, 2, 3), 4 not in [1], t * 2,
            [0] * 3, (1, 2) == (1, 2), [1, n] == [1, 2], xs.index(3), tuple(xs), [n, n + 1][0],
            list(d.values())[1], [k for k, v in e.items()], d.pop("b"), len(d), sorted([3, 1, 2]),
        )  # fmt: skip

    agrees(f, (X, 2), (X, N(2)), (X, N(3)))


def test_subscripts():
    def f(x, n):
        n = int(n)
        t = (10, 20, 30)
        xs = [1.5, 2.5, 3.5, 4.5]
        return t[n], xs[n], xs[-n], t[n - 1], xs[1:][n - 1], "abc"[1], range(4, 20, 3)[n], x[n - 1]

    agrees(f, (X, 1), (X, 2), (X, N(1)), (X, N(2)), (X, N(3)), (X, N(0)))


def test_slices_of_tensors():
    def f(x):
        return x[0], x[-1], x[:1], x[1:], x[:, 1], x[:, ::2], x[0, 1], x[..., 0], x[None], x[:, -1]

    agrees(f, (X,), (X.array,))


def test_comprehensions():
    def f(x, n):
        ys = [x * i for i in range(3) if i != 1]
        zs = [a + b for a in ys for b in ys]
        d = {i: x * i for i in range(2)}
        s = {i % 2 for i in range(5)}
        total = sum(i * i for i in range(5))
        nested = [[i * j for j in range(2)] for i in range(2)]
        pairs = [(i, y) for i, y in enumerate(ys)]
        return ys, zs, d, len(s), total, nested, pairs, [k for k in [n, int(n) + 1]], any([n > 1])

    agrees(f, (X, 2), (X, 0))


def test_comprehension_over_a_staged_range():
    def f(x, n):
        ys = [x * i for i in range(int(n))]
        return ys, len(ys)

    agrees(f, (X, 0), (X, 3), (X, N(0)), (X, N(1)), (X, N(4)))


def test_builtins():
    def f(x, n):
        n = int(n)
        rows = [r for r in x]
        return (
            [i for i in enumerate("ab")], list(zip([1, 2], [n, 4])), list(reversed([1, 2, n])),
            sorted([(2, "b"), (1, "a")]), sum([n, 2.5]), sum(rows), min(3, n), max([1, n]),
            isinstance(n, int), isinstance(x, tuple), hasattr(x, "shape"), hasattr(x, "nope"),
            getattr(x, "nope", 5), len(x), all([n > 0, True]), any([n > 5, False]), list(map(abs, [-1, n])),
            round(2.5), divmod(7, 2), list(range(3)), tuple(range(2, 8, 3)), abs(-n), type(n) is int,
            callable(len), x.shape, x.ndim, x.size, x.dtype == np.float32, operator.add(n, 1),
        )  # fmt: skip

    agrees(f, (X, 2), (X, N(7)))


def test_strings_and_formatting():
    def f(x, n):
        name = f"{n}-{n:03d}-{x.shape!r:>8}"
        return (
            name,
            "%d %s" % (n, "a"),
            "{} {k}".format(n, k=2),
            ",".join(["a", "b"]),
            name.upper(),
            "ab",
        )

    agrees(f, (X, 2), (X, 7))


def test_tensor_conditions():
    def f(x):
        a = F.sum(x).array > 0
        b = float(F.sum(x).array) > 1 and x.shape[0] == 2
        c = 0 < float(F.sum(x).array) < 3
        return (x if a else -x), bool(b), bool(c), x * 2 if not a else x

    agrees(f, *((full(2, 3, value=v),) for v in (-1, 0.1, 0.3, 1)))


def test_membership_of_staged_numbers():
    def f(n):
        n = int(n)
        return (
            n in (1, 2),
            n in [3],
            n not in (4, 5),
            n == 1 or n == 3,
            (n, 1) == (2, 1),
            [n] != [3],
        )

    agrees(f, *((N(k),) for k in range(6)))


def test_shapes_in_expressions():
    def f(x):
        b, n = x.shape
        return x * b + n, b // 2, -n % 2, [b] * n, range(b)[-1], x.reshape(n, b), x.shape[::-1]

    agrees(f, (X,), (variable(4, 1),))


def test_none_and_is():
    def f(x, y=None):
        z = y if y is not None else x
        return z, y is None, x is x, x is not None, None is None, x is y

    agrees(f, (X,), (X, X + 1), (X, None))


def test_arrays_and_none():
    """numpy compares each item with None; a Variable refuses."""

    def f(x, n):
        y = x if int(n) else None
        there = x[int(n)] == None  # noqa: E711
        compared = x == None, None != x, x.sum() != None, y == None  # noqa: E711
        return compared, there, np.array(3) == None, int(n) == None  # noqa: E711

    agrees(f, (array(2, 3), N(1)), (array(2, 3), N(0)), programs=1)
    agrees(lambda x: (x == None, x != None), (array(0, 2),))  # noqa: E711
    agrees(lambda x: x == None, (X,))  # noqa: E711


def test_the_memory_of_an_array():
    def f(x, v, n):
        sizes = x.data.shape, v.data.shape, x.data.ndim, len(x.data), isinstance(x.data, np.ndarray)
        return sizes, np.zeros((x.data.shape[0] + n, 2), "f")

    agrees(f, (array(2, 3), variable(2, 3), N(0)), (array(4), variable(1), N(2)))
    refuses("AF0202", lambda x: x.data.tobytes(), array(2))
