"""chainer/functions/rnn: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer.functions as F
import pytest
from chainer.utils.type_check import InvalidType

from tests.functions.cases import FLOATS, WIDE, V, cases, f, programs, rows
from tests.support import check_staged

CELLS = [V(rows(*s, seed=i)) for i, s in enumerate([(2, 3), (2, 12), (2, 3), (2, 12)])]


@cases(CELLS, dtypes=FLOATS)
def cells(c, x, c2, x2):
    return F.lstm(c, x), F.slstm(c, c2, x, x2), F.lstm(c2, F.tanh(x))


@cases(
    CELLS,
    [v[:1] for v in CELLS],
    dtypes=(),
    staged={i: (None, v.shape[1]) for i, v in enumerate(CELLS)},
)
def cells_of_staged_batches(c, x, c2, x2):
    return F.lstm(c, x), F.slstm(c, c2, x, x2)


FEWER = [V(rows(*s, seed=i)) for i, s in enumerate([(3, 2), (3, 8), (3, 2), (3, 8)])]


@cases(CELLS, FEWER, dtypes=(), staged=dict.fromkeys(range(4), (None, None)))
def cells_of_staged_units(c, x, c2, x2):
    return F.lstm(c, x), F.slstm(c, c2, x, x2), F.tree_lstm(c, x)


def test_gates_that_do_not_fit_staged_units():
    with pytest.raises(InvalidType):
        check_staged(one, [V(rows(2, 3)), V(rows(2, 11))], {0: (None, None), 1: (None, None)})


SHORTER = [V(rows(5, 3)), V(rows(2, 12))]


@cases(SHORTER, [V(rows(5, 3, 2)), V(rows(5, 12, 2))])
@cases(
    SHORTER,
    dtypes=(),
    staged=[{0: (None, 3), 1: (None, 12)}, {0: (5, 3), 1: (None, 12)}],
)
def one(c, x):
    """The batch may be shorter than the state."""
    return F.lstm(c, x)


def test_lstm_of_a_longer_batch():
    with pytest.raises(InvalidType):
        check_staged(one, [V(rows(2, 3)), V(rows(3, 12))], {0: (None, 3), 1: (None, 12)})


TREES = [V(rows(*s, seed=i)) for i, s in enumerate([(2, 3), (2, 3), (2, 15), (2, 12)])]


@cases(TREES, dtypes=FLOATS)
@cases(TREES, dtypes=(), staged={i: (None, v.shape[1]) for i, v in enumerate(TREES)})
def trees(a, b, x, y):
    return F.tree_lstm(a, b, x), F.tree_lstm(a, y)


def weights(gates: int, directions: int = 1, layers: int = 2) -> tuple[list, list]:
    """Of an RNN from 3 to 2 units: for each layer and direction, one for each gate."""
    ws, bs = [], []
    for layer in range(layers):
        for direction in range(directions):
            seed = 10 * layer + 100 * direction
            inputs = 3 if layer == 0 else 2 * directions
            ins = [f(2, inputs, seed=seed + i) / 2 for i in range(gates)]
            ws.append(ins + [f(2, 2, seed=seed + i) / 2 for i in range(gates)])
            bs.append([f(2, seed=seed + i) for i in range(2 * gates)])
    return ws, bs


SEQUENCES = [V(f(n, 3)) for n in (2, 1)]
STATE, CELL = V(f(2, 2, 2)), V(f(2, 2, 2, seed=1))


@cases([STATE, CELL, *weights(4), SEQUENCES])
def lstm_over_sequences(h, c, ws, bs, xs):
    return F.n_step_lstm(2, 0.5, h, c, ws, bs, xs)


@cases([STATE[:1], *weights(3, 1, 1), *weights(1, 1, 1), SEQUENCES], dtypes=WIDE)
def others_over_sequences(h, ws, bs, vs, ds, xs):
    return (
        F.n_step_gru(1, 0.5, h, ws, bs, xs),
        F.n_step_rnn(1, 0.5, h, vs, ds, xs),
        F.n_step_rnn(1, 0.5, h, vs, ds, xs, activation="relu"),
    )


@cases([STATE, CELL, *weights(4, 2, 1), *weights(3, 2, 1), *weights(1, 2, 1), SEQUENCES])
def in_both_directions(h, c, ws, bs, us, es, vs, ds, xs):
    return (
        F.n_step_bilstm(1, 0.0, h, c, ws, bs, xs),
        F.n_step_bigru(1, 0.0, h, us, es, xs),
        F.n_step_birnn(1, 0.0, h, vs, ds, xs, activation="tanh"),
    )


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
