"""What Python would have raised is raised by the program, and the next call is right."""

import chainer.functions as F
import numpy as np
import pytest

import astfront
from tests.syntax.asserting import Custom, first_error, messages
from tests.syntax.compare import N, agrees, full, variable

X = variable(2, 3)


def test_indices():
    def items(n):
        return [1, 2, 3][int(n)]

    def tuples(n):
        return (1, 2, 3)[int(n)]

    def rows(x, n):
        return x[int(n)]

    def grown(x, n):
        ys = []
        for i in range(x.shape[0]):
            ys.append(x * i)
        return ys[int(n)]

    def ranges(n):
        return range(2, 8, 3)[int(n)], range(int(n))[2]

    for f in (items, tuples):
        agrees(f, *((N(k),) for k in (0, 3, -3, -4, 2, 1 << 40)), programs=1)
    agrees(ranges, *((N(k),) for k in (1, 2, -1, 0)), programs=1)
    agrees(grown, *((X, N(k)) for k in (0, 2, -2, -3, 1)), programs=1)
    for x in (X.array, X):
        compiled = astfront.compile(rows)
        for k in (0, 2, -2, -3, 1):
            if -2 <= k < 2:
                np.testing.assert_array_equal(
                    getattr(compiled(x, N(k)), "array", compiled(x, N(k))), X.array[k]
                )
            else:
                with pytest.raises(IndexError):
                    compiled(x, N(k))


def test_index_of_an_empty_list():
    def f(x, n, i):
        ys = []
        for k in range(int(n)):
            ys.append(x * k)
        return ys[int(i)]

    agrees(
        f, *((variable(1000, 300), N(n), N(i)) for n in (0, 2) for i in (0, 1, -1, 7)), programs=1
    )


def test_a_list_in_an_empty_list_and_a_size_in_one():
    def f(t, n, i):
        rows, sizes = [], []
        for k in range(int(n)):
            rows.append([k] * k)
            sizes.append(k)
        try:
            rows[int(t[0])].append(7)
        except IndexError:
            rows.append([len(rows)])
        return np.zeros(sizes[int(i)]), rows

    t = np.array([1], "i8")
    agrees(f, *((t, N(n), N(i)) for n, i in ((0, 0), (3, -1), (1, 0), (1, 3))), programs=1)


def test_division():
    def f(n):
        n = int(n)
        return 10 // n, 10 % n

    agrees(f, *((N(k),) for k in (3, 0, -4)), programs=1)


def test_in_branches_and_loops():
    def f(x, n):
        n = int(n)
        total = 0
        for i in range(n):
            if i > 2:
                total += 12 // (5 - i)
            elif i == n - 1:
                total += [1, 2][i]
        return x + total

    agrees(f, *((X, N(k)) for k in (0, 2, 3, 5, 6, 8)), programs=1)


def test_a_while_loop_ends_after_an_error():
    def divides(n, d):
        k = int(n)
        while k > 0:
            k = k // int(d)
        return k

    def raises(n):
        k = 0
        while k < 10:
            if k == int(n):
                raise ValueError("found")
            k += 1
        return k

    def before(n):
        k, by = 0, [1, 2][int(n)]
        while k < 10:
            k += by * (1 if int(n) < 2 else 0)
        return k

    agrees(divides, (N(5), N(2)), (N(5), N(0)), (N(9), N(3)))
    agrees(raises, (N(20),), (N(5),), (N(0),))
    agrees(before, (N(0),), (N(5),), (N(1),))


def test_the_first_error_counts():
    agrees(first_error, *((N(k),) for k in (0, 1, 5, 7)))


def test_assert_and_raise_with_messages():
    compiled = agrees(messages, *((full(2, value=v),) for v in (1, 70, 30, -1, -40, 2)), programs=1)
    with pytest.raises(Custom) as caught:
        compiled(full(2, value=30))
    assert "asserting.py" in str(caught.value.__cause__)


def test_an_error_in_a_way_that_is_not_taken():
    def f(n):
        n = int(n)
        if n != 0 and 10 // n > 2:
            return 1
        k = 10 % n if n > 0 else 7
        return [5, 6][n] if n < 2 else k

    agrees(f, *((N(k),) for k in (0, 1, 2, 3, 4, 9)), programs=1)


def test_without_checks():
    def f(x, n):
        return x * [1, 2, 3][int(n)]

    compiled = astfront.compile(f, checks=False)
    np.testing.assert_allclose(compiled(X, N(1)).array, f(X, 1).array)
    assert compiled.lower(X, N(1))._program.error_index is None


def test_numbers_in_the_place_of_arrays():
    def functions(x, n):
        if n == 0:
            return F.sum(1)
        if n == 1:
            return F.concat([x, float(n)], axis=0)
        if n == 2:
            return F.reshape(0, (1,))
        return F.relu(x)

    agrees(functions, *((X, N(n)) for n in range(4)))
