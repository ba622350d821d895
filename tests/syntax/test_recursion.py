"""Recursion that depends on data: one program for every depth and every tree."""

import argparse
import collections

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.syntax.compare import N, agrees, array, refuses, variable


class Tree(chainer.Chain):
    """A binary tree in index arrays; ``left[i] < 0`` marks a leaf."""

    def __init__(self):
        super().__init__()
        rng = np.random.RandomState(0)
        with self.init_scope():
            self.embed = L.EmbedID(10, 4, initialW=rng.randn(10, 4).astype("f"))
            self.join = L.Linear(8, 4, initialW=rng.randn(4, 8).astype("f"))
        self.nodes = 0

    def node(self, left, right, word, i):
        self.nodes += 1
        if left[i] < 0:
            return self.embed(word[i : i + 1])
        pair = [self.node(left, right, word, child[i]) for child in (left, right)]
        return F.tanh(self.join(F.concat(pair)))

    def forward(self, left, right, word):
        return self.node(left, right, word, 0)


def index_arrays(tree):
    """A tree as nested pairs of ints as three arrays, padded to 16 nodes."""
    left, right, word = np.full((3, 16), -1, "int32")
    count = 0

    def add(node):
        nonlocal count
        i, count = count, count + 1
        if isinstance(node, int):
            word[i] = node
        else:
            left[i], right[i] = add(node[0]), add(node[1])
        return i

    add(tree)
    return left, right, word


def test_one_program_for_trees_of_every_shape():
    trees = [1, (1, 2), ((1, 2), 3), (1, ((2, 3), (4, 5))), ((((1, 2), 3), 4), 5)]
    agrees(Tree(), *map(index_arrays, trees), programs=1)
    text = astfront.compile(Tree()).lower(*index_arrays(3)).as_text()
    assert (
        text.count("tanh(") == 1 + 1
    )  # The first call stands before the function, its index is 0.


def test_children_in_loops():
    def f(first, count, n):
        def total(i):
            found = np.zeros(2, "f") + i
            for k in range(int(count[i])):
                found = found + total(int(first[i]) + k)
            return found * 0.9

        return total(int(n))

    first, count = np.array([1, 3, 4, 0, 0, 0]), np.array([2, 1, 2, 0, 0, 0])
    agrees(f, (first, count, N(0)), (first, count, N(5)), (first, 0 * count, N(0)), programs=1)

    def g(children, n):
        def total(i):
            found = F.relu(chainer.Variable(np.ones((1, 2), "f")))
            for k in range(3):
                if children[i, k] >= 0:
                    found += total(int(children[i, k]))
            return found * 0.9

        return total(int(n))

    full = np.array([[1, 2, -1], [-1, -1, -1], [3, 4, 5], [-1] * 3, [-1] * 3, [-1] * 3])
    agrees(g, (full, N(0)), (np.minimum(full, [[5, 5, -1]]), N(0)), (full, N(4)), programs=1)


def test_numbers():
    def f(a, b):
        def gcd(a, b):
            return a if b == 0 else gcd(b, a % b)

        def fib(n):
            if n < 2:
                return n
            return fib(n - 1) + fib(n - 2)

        def even(n):
            return True if n == 0 else odd(n - 1)

        def odd(n):
            return False if n == 0 else even(n - 1)

        def ackermann(m, n):
            if m == 0:
                return n + 1
            if n == 0:
                return ackermann(m - 1, 1)
            return ackermann(m - 1, ackermann(m, n - 1))

        a, b = int(a), int(b)
        return gcd(a, b), fib(b), even(a), ackermann(a % 3, b % 3)

    agrees(f, (N(12), N(9)), (N(7), N(0)), (N(1071), N(10)), programs=1)


def test_a_static_number_that_data_stops():
    def f(x):
        def count(i):
            if x[i] > 0:
                return count(i + 1) * 2
            return i

        return count(0)

    agrees(f, *[(np.array(x),) for x in ([1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 1])], programs=1)


def test_results_and_arguments_of_several_parts():
    def f(x, n):
        def pair(n, h=None):
            if h is None:
                h = x * 2
            if n <= 0:
                return h, x * 2
            h, c = pair(n - 1, h + 1)
            return h + c, c * 0.5

        return pair(int(n))

    agrees(f, (array(2), N(0)), (array(2), N(3)), programs=1)


def test_what_a_call_changes():
    def f(n):
        calls, moves = 0, []

        def hanoi(n, a, b, c):
            nonlocal calls
            calls += 1
            if n > 0:
                hanoi(n - 1, a, c, b)
                moves.append((a, b))
                hanoi(n - 1, c, b, a)

        hanoi(int(n), 0, 1, 2)
        return calls, moves

    agrees(f, (N(0),), (N(1),), (N(4),), programs=1)


def test_printing_keeps_its_order(capsys):
    def f(n):
        def go(n):
            print("in", n)
            if n > 0:
                go(n - 1)
            print("out", n)

        go(int(n))

    compiled = astfront.compile(f)
    for n in (3, 0):
        f(N(n))
        expected = capsys.readouterr().out
        compiled(N(n))
        assert capsys.readouterr().out == expected


def test_exceptions():
    def f(x, n):
        def go(i):
            if x[i] == 0:
                return 1
            if x[i] == 9:
                raise ValueError("nine")
            return go(int(x[i])) + go(int(x[i]))

        return go(int(n))

    agrees(f, (np.array([1, 2, 0]), N(0)), (np.array([1, 9, 0]), N(0)), (np.array([0]), N(0)))
    compiled = astfront.compile(f)
    for x, n in (([1, 5, 0], 0), ([0, 0, 0], 3)):
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 3"):
            compiled(np.array(x), N(n))


def test_too_deep():
    def f(n):
        def go(n):
            return 0 if n == 0 else go(n - 1)

        return go(int(n))

    compiled = agrees(f, (N(300),))
    with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
        compiled(N(-1))


def test_arrays_that_callers_hold():
    def given_back(x, n):
        def go(y, n):
            return go(y * 2, n - 1) if n > 0 else y

        y = x * 1
        found = go(y, int(n))
        found += 1
        return found, y

    def changed(x, n):
        def go(y, n):
            if n > 0:
                y += 1
                return go(y, n - 1)
            return y

        return go(x * 1, int(n))

    def made(x, n):
        def go(n):
            return go(n - 1) * 2 + 1 if n > 0 else x * 1

        first, second = go(int(n)), go(int(n))
        first += 1
        return first, second

    def components(tree):
        low, order, seen = -np.ones_like(tree), -np.ones_like(tree), [0]

        def connect(i):
            order[i] = low[i] = seen[0]
            seen[0] += 1
            for j in np.where(tree == i)[0]:
                if order[j] == -1:
                    connect(j)
                    low[i] = min(low[i], low[j])
                else:
                    low[i] = min(low[i], order[j])

        for i in range(len(tree)):
            if order[i] == -1:
                connect(i)
        return low

    refuses("AF0209", components, np.array([1, 0, 3, 2]))  # soon, however often it's tried
    refuses("AF0209", given_back, array(2), N(1))
    refuses("AF0209", changed, array(2), N(1))
    agrees(made, (array(2), N(0)), (array(2), N(3)), programs=1)


def test_a_number_or_a_variable():
    def f(x, n):
        counts = collections.defaultdict(int)

        def go(k):
            counts["calls"] += 1
            if k == 0:
                return 0
            return go(k - 1) + F.sum(x) * k

        return go(int(n)) / 2, counts["calls"]

    agrees(f, *((variable(2, 3), N(n)) for n in (0, 1, 3)), programs=1)


def test_refusals():
    def lists(n):
        def go(n):
            return [n] if n == 0 else [*go(n - 1), n]

        return go(int(n))

    def types(x, n):
        def go(n):
            return x if n == 0 else (go(n - 1),)

        return go(int(n))

    def several(x, n, i):
        def go(a, b, i, w, n):
            if n <= 0:
                return a, b, i, w
            if i % 3 == 1:
                a, b, i, w = go(b - i * 0.01, a + b * 0.3, n, i % 3 == 1, n - 1)
            else:
                if n % 2 == 0:
                    if go(b, a, i * 3 % 17, n > 2, n - 2)[3]:
                        a = a - 0.25
                    return a, b, i, w
                a, b, i, w = go(b, a, i - n, n % 2 == 0, n // 2 - 1)
                if go(a * 0.5, a - b, i * 3 % 17, a.sum() > 0, n // 2 - 1)[3]:
                    a = a - 0.25
            return a + b, b, i, w

        return go(x, x * 0.5, int(i), int(i) > 2, int(n))

    refuses("AF0304", lists, N(1))
    refuses("AF0304", types, array(2), N(1))
    refuses("AF0304", several, array(2), N(3), N(1))  # soon, though each call has several in it


def again(x, options, n):
    y = x * options.step
    if y.sum() < n:
        options = argparse.Namespace(**vars(options))
        options.step = min(options.step + 1, 3)
        return again(x, options, n)
    return y, options.step


def test_calls_with_new_objects_are_inlined_while_they_differ():
    def guarded(x, options, n):
        try:
            return again(x, options, n)
        except Exception:
            return None

    def halved(xs, n):
        if xs[0].sum() > n:
            return halved([x / 2 for x in xs], n)
        return xs

    x, options = np.ones(2, "f"), argparse.Namespace(step=1)
    agrees(again, *((x, options, N(n)) for n in (2, 4, 6)))
    refuses("AF0304", again, x, options, N(7))
    refuses("AF0304", guarded, x, options, N(7))
    agrees(halved, ([x], N(2)))
    refuses("AF0304", halved, [x], N(1))
