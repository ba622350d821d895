"""Generator functions and expressions, ``nonlocal``, and builtins over what they give."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from astfront.program import lower
from tests.support import assert_same, prepared
from tests.syntax.test_exceptions import agrees

X = np.array([[0.5, -1.0, 2.0], [1.5, -0.5, 0.25]], "f")


def chunks(xs, n):
    for i in range(0, len(xs), n):
        yield xs[i : i + n]


def leaves(tree):
    if isinstance(tree, tuple):
        for child in tree:
            yield from leaves(child)
    else:
        yield tree


def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b


class Layers(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.a = L.Linear(3, 3)
            self.b = L.Linear(3, 3)
        self.count = 0

    def states(self, x):
        for layer in self.children():
            x = layer(x)
            self.count += 1
            yield x

    def __iter__(self):
        yield self.a
        yield self.b

    def forward(self, x, tree):
        found = [sum(c) for c in chunks([1, 2, 3, 4, 5], 2)]
        total = sum(leaves(tree))
        for v in fibonacci():
            if v > 10:
                break
            total += v
        hs = list(self.states(x))
        for i, h in enumerate(self.states(x)):
            if i == 1:
                found.append(h)
        a, b = self
        pairs = list(zip(chunks("abcd", 2), range(5)))
        first = next(v for v in leaves(tree) if v > 1)
        once = (v * 2 for v in leaves(tree))
        sums = sum(once), sum(once)
        return found, total, hs, b(a(x)), pairs, first, sums, next(fibonacci()), self.count


def test_known_while_compiling():
    np.random.seed(0)
    agrees(Layers(), (X, (1, (2, 3), ((4,), 5))), (-X, (1, 2)))


def test_in_kept_loops():
    def positive(x):
        for v in x:
            if v > 0:
                yield v
            elif v < -3:
                yield -v

    def steps(n):
        i = 0
        while i < n:
            yield i
            i += 1

    def f(x):
        total = 0.0
        for v in positive(x):
            total = total * 2 + float(v)
        n = int((x > 0).sum())
        count = 0
        for i in steps(n):
            for j in steps(i):
                count += i * j
        listed = [v * 2 for v in positive(x)]
        numbered = 0.0
        for i, v in enumerate(positive(x)):
            numbered += i * float(v)
        return total, count, len(listed), numbered, sum(float(v) for v in positive(x))

    agrees(f, (X[0],), (-X[1],), (X[0] * 10,), (X[0] * 0,))


def test_iterators_are_walked_over_once():
    class Countdown:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return self

        def __next__(self):
            if self.n == 0:
                raise StopIteration
            self.n -= 1
            return self.n

    def f(x):
        z = zip([1, 2, 3], x)
        first, again = [p * q for p, q in z], list(z)
        it = iter([1, 2, 3, 4])
        a, b = next(it), next(it)
        rest, none = list(it), next(it, None)
        for i, row in zip(range(9), x):
            a = a + i
        kept = filter(lambda i: i % 2, range(6))
        total = sum(kept), sum(kept)
        down = Countdown(3)
        counted = [n for n in down], [n for n in down], next(down, "end")
        it = iter([1, 2, 3, 4])
        twice = [p * q for p, q in zip(it, it)]
        return first, again, a, b, rest, none, total, counted, twice, bool(map(len, []))

    agrees(f, (X,))


def test_any_and_all_stop_at_the_first_that_decides():
    def f(x):
        log = []

        def large(v):
            log.append(v)
            return v > 1

        some = any(large(v) for v in [0, 2, 3])
        every = all(large(v) for v in [5, 0, 7])
        endless = any(v > 100 for v in fibonacci())
        return log, some, every, endless, any(v > 1 for v in x[0]), all(v > -2 for v in x[0])

    agrees(f, (X,), (X * 3,))

    def depends(x):
        log = []

        def large(v):
            log.append(v)
            return v > 1

        some = any(large(v) for v in x[0])
        every = all(v > -2 for v in x[0] if v < 1.5)
        first = next((i for i, v in enumerate(x[0]) if v > 0.5), None)
        number = next((float(v) for v in x[0] if v < -100), -1.0)
        return log, some, every, first, number, next(v for v in x[0] if v > 1)

    agrees(depends, (X,), (X * 3,), (-X,), (X * 0,))

    def values(xs):
        for v in xs:
            log = [v]
            yield log[0]

    def goes_on(x):
        values_of = (v for v in values(x[0]))
        return next((v for v in values_of if v > 0.5), None), list(values_of)

    with pytest.raises(astfront.CompileError, match="AF0101"):
        astfront.compile(goes_on)(X)


def test_folds():
    def f(x):
        picked = [float(v) for v in x if v > -10]
        n = len(picked)
        return sum(picked), any(v > 1 for v in picked), all(v > -1 for v in picked), n, max(picked)

    def g(x):
        pairs = [(float(v), i) for i, v in enumerate(x)]
        best = max(pairs, key=lambda p: -p[0])
        return best, min(range(3), key=lambda i: x[i]), max([], default=4), min(x[0], x[1])

    agrees(f, (X[0],), (-X[1],), (X[0] * 100,), (X[0] * 0 - 20,))
    agrees(g, (X[0],), (-X[1],))


def test_nonlocal():
    def f(x):
        n, best, log = 0, None, []

        def outer():
            k = 0

            def inner(v):
                nonlocal n, k, best
                n += 1
                k += 2
                if best is None or v > best:
                    best = v
                    log.append(1)
                return k

            return inner

        g, h = outer(), outer()
        ks = [g(x[0, 0]), g(x[0, 1]), h(x[1, 1])]
        for row in x:
            g(row[2])
        return n, ks, len(log), best

    agrees(f, (X,), (-X,))


def test_nonlocal_of_a_function_around_the_model():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    compiled = astfront.compile(f)
    for turn in (1, 2, 3):
        np.testing.assert_allclose(compiled(X), X * turn, rtol=1e-6)
        assert n == turn


def noted(rows, log):
    try:
        for i, row in enumerate(rows):
            log.append(i)
            if row[0] < 0:
                continue
            yield i, row
            log.append(-i)
        yield from ((i, row) for i, row in enumerate(rows))
    finally:
        log.append(50)


def test_what_ends_early_depending_on_data():
    def first(log, x, n):
        for i, row in noted(x, log):
            if row[1] > n:
                return i
        return -1

    def f(x, n):
        log, found = [], []
        for v in fibonacci():
            if v > n:
                break
        for i, row in noted(x, log):
            found.append(row)
            if i >= n:
                break
        else:
            log.append(7)
        return v, log, found, first([], x, n)

    compiled = prepared(f, (X, np.int64(0)))
    for x in (X, -X, abs(X)):
        for n in (-1, 0, 1, 5):
            assert_same(compiled((x, np.int64(n))), f(x, n))


def test_what_goes_on_after_an_early_end_is_refused():
    def f(x):
        values = fibonacci()
        for v in values:
            if v > x[0]:
                break
        return next(values)

    with pytest.raises(astfront.CompileError, match="AF0101"):
        astfront.compile(f)(X[0])


@pytest.mark.parametrize(
    "made", [enumerate, reversed, iter, lambda xs: zip(xs, xs), lambda xs: map(abs, xs)]
)
def test_iterators_have_no_length(made):
    with pytest.raises(TypeError, match="has no len"):
        lower(lambda x: len(made([x, x])), (np.ones(2, "f"),), {})
    with pytest.raises(TypeError, match="has no len"):
        lower(lambda x: len(y for y in [x, x]), (np.ones(2, "f"),), {})


def gates(x):
    rows = x.reshape((-1, 3))
    scale = 2
    made = (F.tanh(row) * scale for row in rows)
    scale = 3
    return made


def sums_of_neighbours(xs):
    ys = [x * 2 for x in xs]
    return map(sum, zip((y for y in ys), (y + 1 for y in ys)))


def test_generator_expressions_that_outlive_their_function():
    def forward(x):
        a, b = gates(x)
        if float(a.array[0]) > 0:
            b, a = gates(x * 2)
        total = 0
        for s in sums_of_neighbours([a, b]):
            total = total + s
        return a, b, total

    agrees(forward, (X,), (-X,))
