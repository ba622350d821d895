"""Calls of a recursive function that are computed level by level give what they give one by one."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from passes.relay import call_levels, call_slices, level_kernel
from tests.syntax.compare import N, agrees


class Node:
    def __init__(self, x, *children):
        self.x = x
        self.children = list(children)


class Cells(chainer.Chain):
    """Functions whose calls are all known before anything is computed."""

    def __init__(self, n=8):
        super().__init__()
        draw = np.random.RandomState(0)
        with self.init_scope():
            self.a = L.Linear(n, n, initialW=draw.uniform(-0.6, 0.6, (n, n)).astype("f"))
            self.b = L.Linear(n, n, initialW=draw.uniform(-0.6, 0.6, (n, n)).astype("f"))


class Numbered(Cells):
    """Two ways with products, one of them with another two; and what's decided for each call."""

    def forward(self, x, n):
        def go(n, k):
            if n <= 0:
                return self.a(x[k % 3][None])
            left = go(n - 1, k + 1)
            right = go(n - 2, 2 * k + 1) if k % 4 else x[:1]
            h = F.tanh(self.a(left) + self.b(right))
            if k % 2:
                h = F.relu(self.b(h)) - left
            if k > 6:
                h = h * 0.5
            return h

        return go(int(n), 1)


class Several(Cells):
    """Results of several dtypes, one of which decides; one call's results are another's."""

    def forward(self, x, n):
        def go(n, k):
            if n <= 0:
                return x[:2] * np.float32(k % 5), x[0, 0] > 0, k
            if n == 2:
                return go(n - 1, k + 1)
            h, some, i = go(n - 1, k)
            g, other, j = go(n - 2 - i % 2, k + i)
            both = F.concat([h, g], axis=0)
            both = F.sigmoid(self.a(both))
            return both[:2] + both[2:], np.logical_xor(some, other), (i + j) % 7

        return go(int(n), 1)


class Children(Cells):
    """A node's children are in a list."""

    def forward(self, node):
        hs = [self.forward(child) for child in node.children]
        h = F.tanh(self.a(node.x[None] + sum(hs)))
        for other in hs:
            h = h + F.sigmoid(self.b(other)) * other
        return h


class Deciding(Cells):
    """What's computed decides which calls there are."""

    def forward(self, x, n):
        def go(h, n):
            if n <= 0:
                return h
            h = F.tanh(self.a(h))
            if float(h.array.sum()) > 0:
                return go(h, n - 1) + go(-h, n - 2)
            return go(h * 2, n - 2) - go(x[:1], n - 1)

        return go(x[:1], int(n))


def numbers(n, rows=3):
    return np.random.RandomState(1).uniform(-1, 1, (rows, 8)).astype("f"), N(n)


def tree(count):
    """A node for each of so many leaves, and those that they hang on."""
    draw = np.random.RandomState(count)

    def node(count):
        x = draw.uniform(-1, 1, 8).astype("f")
        left = draw.randint(1, count) if count > 1 else 0
        return Node(x, node(left), node(count - left)) if left else Node(x)

    return (node(count),)


@pytest.fixture
def found(monkeypatch):
    """What calls share, of each recursive function, or None; small products count."""
    found = []
    levels = call_levels.levels

    def noted(*args):
        found.append(levels(*args))
        return found[-1]

    monkeypatch.setattr(call_levels, "levels", noted)
    monkeypatch.setattr(call_slices, "_LEAST_WEIGHTS", 1)
    return found


@pytest.mark.parametrize("model", [Numbered, Several, Deciding])
def test_against_chainer(model, found):
    agrees(model(), *map(numbers, (5, 0, 1, 2, 3, 9, 13)), programs=1, freeze=True)
    assert [levels is not None for levels in found] == [model is not Deciding]


def test_trees(found):
    agrees(Children(), *map(tree, (7, 1, 2, 3, 40, 400)), programs=2, freeze=True)
    assert [len(levels.paths) for levels in found] == [2]


def test_too_many_calls(found, monkeypatch):
    monkeypatch.setattr(level_kernel, "_MOST_BYTES", 1)
    agrees(Numbered(), *map(numbers, (4, 13, 2)), programs=1, freeze=True)
    assert [len(path) for path in found[0].conditions] == [1, 2, 2]


def test_what_is_reported():
    """Products that are worth it; what's small is computed for each call."""

    class Halves(chainer.Chain):
        def __init__(self, n):
            super().__init__()
            with self.init_scope():
                self.a = L.Linear(n, n)

        def forward(self, x, n):
            return x if n <= 0 else F.tanh(self.a(self(x, n - 1) + self(x, n - 2)))

    def explained(units):
        x = np.ones((1, units), "f")
        compiled = astfront.compile(Halves(units), freeze=True)
        text = astfront.explain(compiled, x, N(3))
        return "share products" in text

    assert [explained(units) for units in (16, 128)] == [False, True]
