"""Programs have no gradients: whoever asks for one is told."""

import copy

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront


class Recurrent(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.cell = L.LSTM(3, 4)
            self.out = L.Linear(4, 2)

    def forward(self, x):
        return self.out(self.cell(x))


@pytest.fixture(scope="module")
def model():
    return Recurrent()


@pytest.fixture(scope="module")
def compiled(model):
    return astfront.compile(model)


X = np.ones((2, 3), np.float32)


def test_backward_comes_to_a_program(compiled):
    with pytest.raises(RuntimeError, match="no gradients: train with the model's `forward`"):
        F.sum(compiled(X)).backward()


def test_an_optimizer_does_not_train_nothing(model, compiled):
    optimizer = chainer.optimizers.SGD().setup(model)
    with pytest.raises(RuntimeError, match="no gradients"):
        optimizer.update(lambda x: F.sum(compiled(x)), X)


def test_state_that_a_program_left(model, compiled):
    compiled(X)
    with pytest.raises(RuntimeError, match="no gradients"):
        F.sum(model.forward(X)).backward()
    compiled(X)
    model.cell.h.unchain_backward()
    model.cell.c.unchain_backward()
    model.cleargrads()
    F.sum(model.forward(X)).backward()
    assert np.abs(model.out.W.grad).sum() > 0


def test_without_backprop_a_result_is_a_leaf(compiled):
    with chainer.no_backprop_mode():
        assert compiled(X).creator is None


def test_results_are_shown_and_copied(model, compiled):
    y = compiled(X)
    assert "astfront" in y.creator.label
    assert len(chainer.computational_graph.build_computational_graph([y]).nodes) == 3
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin.cell.h.array, model.cell.h.array)
