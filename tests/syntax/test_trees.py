"""Trees as arguments: nested tuples, dicts and objects; one program for every shape."""

import collections
import functools

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.syntax.compare import agrees

RNG = np.random.RandomState(0)
WORDS, JOIN = RNG.randn(10, 4).astype("f"), RNG.randn(4, 8).astype("f")


class Base(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(10, 4, initialW=WORDS)
            self.linear = L.Linear(8, 4, initialW=JOIN)

    def word(self, n):
        return self.embed(np.array([n], "int32"))

    def join(self, left, right):
        return F.tanh(self.linear(F.concat((left, right))))


class OfTuples(Base):
    def forward(self, tree):
        if isinstance(tree, tuple):
            left, right = tree
            return self.join(self.forward(left), self(right))
        return self.word(tree)


class OfArrays(Base):
    def forward(self, tree):
        if isinstance(tree, np.ndarray):
            return F.tanh(chainer.Variable(tree[None]))
        return self.join(self(tree[0]), self(tree[1])) * len(tree)


class OfDicts(Base):
    """The way of Chainer's sentiment example: two results, a loss that starts as a number."""

    def forward(self, node, root=True):
        if isinstance(node["node"], int):
            value, loss = self.word(node["node"]), 0
        else:
            (first, left), (second, right) = [self.forward(n, False) for n in node["node"]]
            value, loss = self.join(left, right), first + second
        loss += F.softmax_cross_entropy(value, np.array([node["label"]], "int32"))
        return loss, value


class Node:
    def __init__(self, word=0, left=None, right=None):
        self.word, self.left, self.right = word, left, right

    @property
    def is_leaf(self):
        return self.left is None and self.right is None


class OfObjects(Base):
    def forward(self, node):
        if node.is_leaf:
            return self.word(node.word)
        found = self.word(node.word)
        if node.left is not None:
            found = self.join(found, self.forward(node.left))
        if node.right is not None:
            found = self.join(self.forward(node.right), found)
        return found


class Parent:
    def __init__(self, x, *children):
        self.x, self.children, self.parent = x, list(children), None
        for child in children:
            child.parent = self


class OfChildren(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.lstm = L.ChildSumTreeLSTM(3, 4)
        for param in self.params():
            param.array[...] = np.random.RandomState(1).uniform(-0.5, 0.5, param.shape)

    def forward(self, node):
        cs, hs = [], []
        for child in node.children:
            c, h = self.forward(child)
            cs.append(c)
            hs.append(h)
        return self.lstm(*cs, *hs, node.x[None])


TREES = [((1, 2), 3), (1, ((2, 3), (4, 5))), ((((1, 2), 3), 4), 5), (1, (2, (3, 4)))]


def mapped(leaf, node, tree, depth=1):
    if isinstance(tree, int):
        return leaf(tree, depth)
    return node(depth, *(mapped(leaf, node, part, depth + 1) for part in tree))


def test_tuples():
    agrees(OfTuples(), *[(tree,) for tree in TREES], ((1, 2),), programs=1)
    Pair = collections.namedtuple("Pair", "left right")
    named = [mapped(lambda n, _: n, lambda _, a, b: Pair(a, b), tree) for tree in TREES[:3]]
    agrees(OfTuples(), *[(tree,) for tree in named], programs=1)


def test_arrays():
    def leaf(n, depth):
        return RNG.randn(4).astype("f") + n

    agrees(OfArrays(), *[(mapped(leaf, lambda _, *x: x, t),) for t in TREES], programs=1)
    agrees(OfArrays(), *[(mapped(leaf, lambda _, *x: [*x], t),) for t in TREES[:2]], programs=1)


def test_dicts():
    def leaf(n, depth):
        return {"label": depth % 4, "node": n}

    def node(depth, *parts):
        return {"label": (depth + 1) % 4, "node": parts}

    agrees(OfDicts(), *[(mapped(leaf, node, tree),) for tree in TREES], programs=1)


def test_objects():
    def leaf(n, depth):
        return Node(n)

    def node(depth, *parts):
        return Node(depth, *parts)

    trees = [mapped(leaf, node, tree) for tree in TREES]
    one_sided = Node(1, Node(2, None, Node(3, Node(4))), Node(5))
    agrees(OfObjects(), (one_sided,), *[(tree,) for tree in trees], programs=1)


def test_any_number_of_children():
    def tree(*children):
        return Parent(RNG.randn(3).astype("f"), *children)

    large = tree(tree(tree(), tree(tree(tree()))), tree(tree(), tree(), tree()))
    small = tree(tree(), tree(tree()))
    agrees(OfChildren(), (large,), (small,), (large.children[0],), programs=1)
    # A program grows with what it has met.
    compiled = agrees(OfChildren(), (small,), (large,), (small,), (large,))
    assert compiled.cache_info().misses <= 3


def test_leaves_of_every_kind_and_shared_parts():
    def value(leaf):
        if isinstance(leaf, chainer.Variable):
            return F.sum(leaf).reshape((1,))
        if isinstance(leaf, np.ndarray):
            return chainer.Variable(leaf.reshape((-1,))[:1].astype("f"))
        number = {"one": 1, "two": 2}[leaf] if isinstance(leaf, str) else leaf or 0.5
        return chainer.Variable(np.ones(1, "f") * number)

    def f(tree):
        if isinstance(tree, list):
            return F.sin(f(tree[0]) - f(tree[1]) * 0.5)
        return value(tree)

    flat = np.arange(6, dtype="f")
    leaves = [
        chainer.Variable(flat + 1), flat.reshape(2, 3) + 2, np.array(3.5), "one", "two", None, True,
        7, 0.25, np.float32(1.5), np.int16(3),
    ]  # fmt: skip
    numbers = [x for x in leaves if not isinstance(x, str)]
    shared = [leaves[0], [flat.reshape(2, 3), 4]]
    chain = functools.reduce(lambda tree, leaf: [tree, leaf], leaves)
    other = functools.reduce(lambda tree, leaf: [leaf, tree], [*leaves[:4], *leaves])
    swapped = functools.reduce(lambda tree, leaf: [leaf, tree], numbers[::-1])
    trees = chain, other, [[shared, shared], [leaves[9], shared]], swapped, chain
    compiled = agrees(f, *[(tree,) for tree in trees])
    assert compiled.cache_info().misses <= 2
    with pytest.raises(KeyError, match="three"):
        compiled([[1, "three"], 2])


def test_what_cannot_be_a_tree_has_a_program_for_each():
    class Stores(Base):
        def forward(self, node):
            node.found = self.word(node.word)
            if node.left is not None:
                node.found = self.join(self.forward(node.left), self.forward(node.right))
            return node.found

    class Finds(Base):
        def forward(self, tree):
            return self.forward(tree[0]) if isinstance(tree[0], tuple) else tree

    tree = Node(1, Node(2), Node(3, Node(4), Node(5)))
    expected = Stores().forward(tree).array
    got = astfront.compile(Stores())(tree)
    np.testing.assert_allclose(got.array, expected, rtol=1e-5)
    np.testing.assert_allclose(tree.left.found.array, WORDS[2:3], rtol=1e-5)
    agrees(Finds(), *[(tree,) for tree in TREES])


def test_nested_lists_of_dicts_joined_into_one():
    """Without recursion, they are no trees."""

    def f(episodes):
        steps = [step for episode in episodes for step in episode]
        values = np.stack([step["state"] for step in steps]).sum(axis=1)
        for step, value in zip(steps, values):
            step["value"] = float(value)
        return [[step["value"] for step in episode] for episode in episodes]

    def episodes(*lengths):
        rows = np.random.RandomState(sum(lengths)).rand(9, 2).astype("f")
        return [[{"state": rows[i], "action": i} for i in range(n)] for n in lengths]

    def total(episodes):
        return sum(
            sum(float(step["state"].sum()) for step in e) for group in episodes for e in group
        )

    agrees(f, (episodes(3, 2),), (episodes(1, 2, 1),))
    agrees(total, ([episodes(2, 1), episodes(3)],), ([episodes(1)],))


def test_exceptions_in_a_tree():
    compiled = agrees(OfTuples(), (TREES[1],))
    with pytest.raises(IndexError):
        compiled((1, ((2, 3), (4, 50))))
    with pytest.raises(ValueError, match="unpack"):
        compiled((1, ((2, 3), (4, 5, 6))))
    agrees(OfTuples(), (TREES[0],), (TREES[3],))


def test_lower_and_explain():
    compiled = astfront.compile(OfTuples())
    program = compiled.lower(TREES[0]).compile()
    for tree in TREES:
        np.testing.assert_allclose(program(tree).array, OfTuples()(tree).array, rtol=1e-4)
    assert "a recursive function in Relay" in astfront.explain(compiled, TREES[0])
