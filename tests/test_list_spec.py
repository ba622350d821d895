"""A list of any number of arrays of any lengths as an argument of one program."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from astfront import ListSpec, TensorSpec
from tests.syntax.compare import agrees, array, variable

ROWS = ListSpec(TensorSpec((None, 3), "float32", variable=True))


class Encoder(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.cell = L.StatelessLSTM(3, 4)

    def forward(self, xs):
        states = []
        for x in xs:
            c, h = (chainer.Variable(np.zeros((1, 4), "float32")) for _ in range(2))
            for row in x:
                c, h = self.cell(c, h, row[None])
            states.append(h)
        ordered = sorted(xs, key=len, reverse=True)
        lengths = [len(x) for x in xs]
        return states, lengths, F.concat(xs, axis=0), xs[0], F.transpose_sequence(ordered)


def sequences(*lengths):
    return ([variable(n, 3, seed=n) for n in lengths],)


def test_any_number_of_sequences_of_any_length():
    np.random.seed(0)
    calls = [sequences(2, 3, 1), sequences(1), sequences(4, 1, 1, 2, 3)]
    compiled = agrees(Encoder(), *calls, specs=[ROWS], programs=1)
    for wrong in ([array(2, 3)], tuple(sequences(2)[0]), sequences(2)[0] + [variable(2, 4)]):
        with pytest.raises(astfront.CompileError, match="AF0402"):
            compiled(wrong)


def test_none_of_them_and_arrays_of_one_size():
    def forward(xs, pairs):
        total = 0.0
        for x in xs:
            total = total + x.sum()
        return total, len(pairs), [y * 2 for y in pairs], xs, pairs

    specs = [ListSpec(TensorSpec((None,))), ListSpec(TensorSpec((2, 2)))]
    calls = [
        ([array(2), array(3)], [array(2, 2)]),
        ([], []),
        ([array(1)], [array(2, 2), array(2, 2, seed=1)]),
    ]
    agrees(forward, *calls, specs=specs, programs=1)
    mod, _ = astfront.from_chainer(forward, specs)
    names = [p.name_hint for p in mod["main"].params][:3]
    assert names == ["xs_rows", "xs_extents", "pairs_rows"]


def test_taken_apart_by_their_lengths():
    """numpy makes float64 of the places where there is one array: of an empty list."""

    def forward(xs):
        lengths = [len(x) for x in xs]
        joined = F.concat(xs, axis=0)
        parts = F.split_axis(joined, np.cumsum(lengths[:-1]), 0)
        return parts, F.split_axis(joined * 2, np.cumsum(np.array(lengths))[:-1], 0)

    agrees(forward, sequences(2, 3, 1), sequences(4), sequences(1, 2), specs=[ROWS], programs=1)


def test_it_can_t_be_changed():
    def forward(xs):
        xs.append(xs[0])
        return len(xs)

    with pytest.raises(astfront.CompileError, match="AF0209"):
        astfront.compile(forward, specs=[ROWS])(*sequences(2))


def test_the_signature_of_a_list():
    assert ROWS == ListSpec(TensorSpec((None, 3), "float32", variable=True))
    rows, extents = ROWS.packed([variable(2, 3), variable(0, 3), variable(1, 3)])
    assert rows.shape == (9,)
    assert extents.tolist() == [[0, 2, 3], [6, 0, 3], [6, 1, 3]]
