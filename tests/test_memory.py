"""Parameters in TVM's memory: moved only where nobody can tell, and as good as any array."""

from __future__ import annotations

import copy
import pickle

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from astfront.relay import memory as relay_memory

X = np.random.RandomState(0).uniform(-1, 1, (2, 70)).astype("float32")


class Net(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.fc = L.Linear(70, 80)

    def forward(self, x):
        return F.tanh(self.fc(x)), self.fc.W + 0


def is_moved(parameter):
    return relay_memory.holder_of(parameter.array) is not None


def agrees(compiled, net):
    for got, expected in zip(compiled(X), net.forward(X)):
        np.testing.assert_allclose(got.array, expected.array, rtol=1e-5, atol=1e-6)


@pytest.fixture
def net():
    return Net()


@pytest.fixture
def compiled(net):
    compiled = astfront.compile(net)
    agrees(compiled, net)
    return compiled


def test_a_large_parameter_is_moved(net, compiled):
    assert is_moved(net.fc.W)
    assert not is_moved(net.fc.b)


def test_changes_are_seen(net, compiled):
    net.fc.W.array[1:, ::2] *= 2
    agrees(compiled, net)
    net.fc.W.array = np.flip(net.fc.W.array, 0).copy()
    assert not is_moved(net.fc.W)
    agrees(compiled, net)
    assert compiled.cache_info().misses == 1


def test_another_array_leaves_the_moved_one_alone(net, compiled):
    moved = net.fc.W.array
    before = moved.copy()
    net.fc.W.array = np.zeros_like(moved)
    agrees(compiled, net)
    net.fc.W.array = moved
    agrees(compiled, net)
    np.testing.assert_array_equal(moved, before)


def test_results_have_memory_of_their_own(net, compiled):
    before = net.fc.W.array.copy()
    compiled(X)[1].array[...] = 7
    np.testing.assert_array_equal(net.fc.W.array, before)


@pytest.mark.parametrize("hold", [
    lambda array: array,
    lambda array: array[2:],
    lambda array: memoryview(array),
])  # fmt: skip
def test_an_array_that_someone_holds_stays(net, hold):
    held = hold(net.fc.W.array)
    compiled = astfront.compile(net)
    agrees(compiled, net)
    assert not is_moved(net.fc.W)
    np.asarray(held)[...] = 0.5
    agrees(compiled, net)


def test_training_goes_on(net, compiled):
    optimizer = chainer.optimizers.MomentumSGD(0.1).setup(net)
    net.cleargrads()
    loss = F.sum(net.forward(X)[0])
    loss.backward()
    optimizer.update()
    assert is_moved(net.fc.W)
    agrees(compiled, net)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_memory_of_its_own(net, compiled, copied):
    other = copied(net)
    net.fc.W.array[...] = 0
    assert not is_moved(other.fc.W)
    assert other.fc.W.array.any()


def test_another_program_takes_it_where_it_is(net, compiled):
    array = net.fc.W.array
    other = astfront.compile(net.forward)
    agrees(other, net)
    assert net.fc.W.array is array


def test_a_moved_parameter_can_be_frozen(net, compiled):
    frozen = astfront.compile(net, freeze=True)
    agrees(frozen, net)
    with pytest.raises(ValueError, match="read-only"):
        net.fc.W.array[0, 0] = 1
    ((loaded,),) = frozen._programs.values()
    assert [f.contents for f in loaded.frozen.values()] == [None, None]
    frozen.clear()
    net.fc.W.array[0, 0] = 1
    agrees(compiled, net)


def test_the_memory_outlives_the_model():
    net = Net()
    agrees(astfront.compile(net), net)
    array, expected = net.fc.W.array, net.fc.W.array.copy()
    del net
    _ = [np.ones(array.shape, "float32") for _ in range(10)]
    np.testing.assert_array_equal(array, expected)
