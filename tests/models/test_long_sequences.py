"""Sequences of many steps: what's compiled has the same size for any number of them."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.syntax.compare import agrees, array, variable


class Cell(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 3)

    def over(self, xs, h):
        ys = []
        for x in xs:
            h = F.tanh(self.l(h) + x)
            ys.append(h)
        return ys


class Parts(Cell):
    def forward(self, x):
        columns = F.separate(x, axis=1)
        pairs = F.split_axis(F.transpose(x[0]), 40, axis=1)
        doubled = [y * 2 for y in columns]
        return (
            F.stack(self.over(columns, columns[0]), axis=1),
            F.concat(self.over([F.transpose(p) for p in pairs], F.transpose(pairs[-1]))),
            (len(columns), isinstance(columns, tuple), columns[3:5], columns[-1], columns),
            (doubled, F.maximum(*columns[:2]), F.hstack(columns)),
        )


class Steps(Cell):
    """A list of many arguments."""

    def forward(self, xs, others):
        h = xs[0]
        for t in range(len(xs)):
            h = F.tanh(self.l(h) + xs[t])
        return F.stack(xs, axis=1), h, xs[7], F.concat(others, axis=0), F.hstack(others), others[0]


class Sequences(Cell):
    def forward(self, xs):
        columns = F.transpose_sequence(xs)
        h, sizes, ends = chainer.Variable(np.zeros((len(xs), 3), "float32")), 0, []
        for x in columns:
            h = F.tanh(self.l(h[: len(x)]) + x)
            ends.append(h[-1])
            sizes = sizes + len(x)
        rows = F.transpose_sequence(columns)
        return columns[0], columns[-1], rows, h, sizes, F.stack(ends), columns[2:4]


class Recurrent(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.lstm = L.NStepBiLSTM(1, 3, 2, 0.5)
            self.gru = L.NStepGRU(1, 3, 2, 0.5)
            self.relu = L.NStepRNNReLU(1, 3, 2, 0.5)

    def forward(self, xs):
        return self.lstm(None, None, xs), self.over_states(xs)

    def over_states(self, xs):
        hy, ys = self.gru(None, xs)
        return ys, self.relu(hy, xs[::-1])


def lines(model, *args):
    return len(astfront.compile(model).lower(*args).as_text().splitlines())


def test_parts_of_an_array():
    np.random.seed(0)
    model = Parts()
    agrees(model, [variable(2, 80, 3)])
    assert len({lines(model, array(2, n, 3)) for n in (40, 400)}) == 1


def test_a_list_of_many_arguments():
    np.random.seed(0)
    model, arguments = Steps(), []
    for seed in (0, 100):
        xs = [variable(2, 3, seed=seed + t) for t in range(40)]
        others = [array(1, 3, seed=seed + t) for t in range(35)]
        arguments.append([xs, others])
    xs, others = arguments[0]
    agrees(model, *arguments, [xs[:1] * 40, others], [xs[:30], others[:3]])
    assert np.shares_memory(astfront.compile(model)(xs, others)[-1], others[0])


def test_many_columns_of_sequences():
    np.random.seed(0)
    model = Sequences()
    calls = [[[variable(n, 3, seed=n) for n in lengths]] for lengths in ((50, 50), (41, 40, 2))]
    agrees(model, *calls)


def test_recurrent_links_over_long_sequences():
    np.random.seed(0)
    model = Recurrent()

    def sequences(*lengths):
        return [[variable(n, 3, seed=n) for n in lengths]]

    with chainer.using_config("train", False):
        agrees(model, sequences(40, 1, 35))
        agrees(model.over_states, sequences(36, 36))
        sizes = {lines(model.over_states, *sequences(n, n // 2, 7)) for n in (40, 400)}
    assert len(sizes) == 1


def test_more_or_fewer_states_than_sequences():
    np.random.seed(0)
    ws, bs = ([[array(2, 3, seed=k)] * 3 + [array(2, 2, seed=k)] * 3 for k in (0,)],
              [[array(2, seed=k)] * 6 for k in (1,)])  # fmt: skip

    def forward(h, xs):
        return F.n_step_gru(1, 0.0, h, ws, bs, xs)

    xs = [variable(2, 3, seed=t) for t in range(4)] + [variable(1, 3)]
    agrees(forward, [array(1, 4, 2), xs], [array(1, 1, 2), xs[-3:]])


def test_an_array_that_was_taken_apart_can_t_be_changed():
    def forward(x):
        rows = F.separate(x)
        x[0] = 1
        return rows[0]

    with pytest.raises(astfront.CompileError, match="AF0209"):
        astfront.compile(forward)(array(40, 2))
