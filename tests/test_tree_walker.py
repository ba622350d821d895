"""The walk over trees in C gives what the one in Python does, and leaves it what it doesn't know."""

import collections
import subprocess
import sys
from pathlib import Path

import chainer
import numpy as np
import pytest

from astfront import tree_arguments
from astfront.tree_arguments import _Encoder, tree_of
from astfront.tree_walker import Walker, _native

ROOT = Path(__file__).parents[1]

Pair = collections.namedtuple("Pair", ["left", "right"])


class Node:
    def __init__(self, x, *children):
        self.x = x
        self.children = list(children)


class Counted(tuple):
    def __iter__(self):
        return iter(reversed([*super().__iter__()]))


class Hidden:
    """Has other parts than what's in its dict."""

    def __init__(self, *parts):
        self.parts = parts

    @property
    def __dict__(self):
        return {"first": 1, "second": (2, (3, (4,)))}


def encoded(x, known=None):
    encoder = _Encoder()
    root = encoder.visit(x)
    found = encoder.type_of(root, known)
    return found, encoder.data(found)


def nested(seed, depth, leaf):
    """Lists of two, of this depth."""
    random = np.random.RandomState(seed)
    if not depth:
        return leaf(random)
    short = random.randint(depth)
    return [nested(seed * 2 + 1, depth - 1, leaf), nested(seed * 2 + 2, short, leaf)]


def array(random):
    return random.uniform(-1, 1, (2, 3)).astype("f")


def strided(random):
    """Neither in C order nor alone in its memory."""
    return random.uniform(-1, 1, (3, 4)).astype("f").T[::2]


shared = Node(np.float32(1), Node(np.float32(2)))
cyclic = [1, [2, [3]]]
cyclic[1].append(cyclic)

TREES = [
    nested(1, 6, lambda r: int(r.randint(-5, 5))),
    nested(2, 6, lambda r: [-(2**63), 2**63 - 1][r.randint(2)]),
    nested(3, 6, lambda r: [True, 2.5, -0.0, "a", "b", None, np.int8(3)][r.randint(7)]),
    nested(4, 5, array),
    nested(5, 5, strided),
    nested(6, 4, lambda r: chainer.Variable(array(r), requires_grad=bool(r.randint(2)))),
    nested(7, 4, lambda r: chainer.Variable(array(r), name=["x", None][r.randint(2)])),
    nested(8, 4, lambda r: np.zeros((0, 3), "int32") if r.randint(2) else r.rand(2) < 0.5),
    ((1, (2, 3)), (4, ((5, ()), ()))),
    Pair(1, Pair(Pair(2, 3), 4)),
    {"op": "+", "args": [{"op": "-", "args": [1.5, {"op": "?", "args": []}]}, 2.5]},
    Node(1.0, Node(2.0), Node(3.0, Node(4.0), Node(5.0, Node(6.0)))),
    [shared, [shared, [shared, Node(np.float32(3))]]],
    cyclic,
]


@pytest.mark.skipif(_native() is None, reason="no C compiler or Python headers")
@pytest.mark.parametrize("tree", TREES, ids=range(len(TREES)))
def test_same_columns(tree):
    made, expected = encoded(tree)
    columns = Walker(made).columns(tree)
    assert len(columns) == len(expected) == len(made.columns)
    for column, theirs, ours in zip(made.columns, expected, columns):
        assert ours.dtype == theirs.dtype == column.dtype
        assert ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
        assert ours.flags.c_contiguous
    for other in TREES:
        if other is tree:
            continue
        found = Walker(made).columns(other)  # of another type, or the same columns
        theirs = encoded(other, made)
        if found is None:
            continue
        assert theirs[0] is made
        for a, b in zip(theirs[1], found):
            np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(_native() is None, reason="no C compiler or Python headers")
def test_what_the_walk_leaves_to_python():
    made, _ = encoded([1, [2, [3]]])
    walker = Walker(made)
    assert walker.columns([1, [2, [3, 4, 5]]]) is None  # no list of the type is of three
    assert walker.columns([1, [2**63, [3]]]) is None
    assert walker.columns([1, [np.int64(2), [3]]]) is None
    assert walker.columns((1, [2, [3]])) is None
    assert walker.columns(None) is None
    deep = []
    for _ in range(10**5):
        deep = [1, deep]
    made, _ = encoded([1, [1, [1, []]]])
    assert Walker(made).columns(deep) is None
    assert tree_of(deep, made) is None
    while deep:
        deep = deep[1]


def test_unusual_classes_are_walked_over_in_python():
    for tree in (Counted((1, Counted((2, Counted((3, 4)))))), [Hidden(1, 2), [[Hidden()]]]):
        made, expected = encoded(tree)
        assert Walker(made).columns(tree) is None
        for a, b in zip(expected, tree_of(tree, made).data):
            np.testing.assert_array_equal(a, b)


def test_a_class_that_changes_is_looked_at_again():
    tree = Node(1.0, Node(2.0, Node(3.0)))
    made, expected = encoded(tree)
    tree_arguments._walker.cache_clear()
    assert tree_of(tree, made).type is made
    Node.limit = 3
    try:
        for _ in range(2):
            for a, b in zip(expected, tree_of(tree, made).data):
                np.testing.assert_array_equal(a, b)
        Node.__call__ = lambda self: self
        assert tree_of(tree, made) is None  # what can be called may be a function
    finally:
        del Node.limit
        if "__call__" in vars(Node):
            del Node.__call__
    assert tree_of(tree, made).type is made


def test_without_a_compiler(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from astfront.tree_arguments import tree_of\n"
        "tree = [1, [2, [3]]]\n"
        "made = tree_of(tree)\n"
        "print([column.tolist() for column in tree_of(tree, made.type).data])\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)],
        env={"PYTHONPATH": str(ROOT), "PATH": "", "CC": "none", "ASTFRONT_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "trees are walked over in Python: tree_walk.c can't be compiled" in done.stderr
    made, expected = encoded([1, [2, [3]]])
    assert done.stdout.strip() == str([column.tolist() for column in expected])
