"""chainer/functions/rnn: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer.functions as F
import pytest

from tests.functions.cases import V, check_staged, rows
from tests.support import check


def cells(c, x, c2, x2):
    return F.lstm(c, x), F.slstm(c, c2, x, x2), F.lstm(c2, F.tanh(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lstm(dtype):
    shapes = [(2, 3), (2, 12), (2, 3), (2, 12)]
    check(cells, [V(rows(*s, dtype=dtype, seed=i)) for i, s in enumerate(shapes)])


def test_lstm_of_staged_batches():
    shapes = [(2, 3), (2, 12), (2, 3), (2, 12)]
    args = [V(rows(*s, seed=i)) for i, s in enumerate(shapes)]
    check_staged(cells, args, specs=[((None, s[1]), "float32") for s in shapes])


def one(c, x):
    return F.lstm(c, x)


def test_lstm_of_a_shorter_batch():
    c, x = V(rows(5, 3)), V(rows(2, 12))
    check(one, [c, x], [V(rows(5, 3, 2)), V(rows(5, 12, 2))])
    check_staged(one, [c, x], specs=[((None, 3), "float32"), ((None, 12), "float32")])
    check_staged(one, [c, x], specs=[((5, 3), "float32"), ((None, 12), "float32")])


def test_lstm_of_a_longer_batch():
    from chainer.utils.type_check import InvalidType

    specs = [((None, 3), "float32"), ((None, 12), "float32")]
    with pytest.raises(InvalidType):
        check_staged(one, [V(rows(2, 3)), V(rows(3, 12))], specs=specs)


def tree(a, b, x, y):
    return F.tree_lstm(a, b, x), F.tree_lstm(a, y)


def test_tree_lstm():
    shapes = [(2, 3), (2, 3), (2, 15), (2, 12)]
    args = [V(rows(*s, seed=i)) for i, s in enumerate(shapes)]
    check(tree, args)
    check_staged(tree, args, specs=[((None, s[1]), "float32") for s in shapes])
