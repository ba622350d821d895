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


class Large(chainer.Chain):
    """Results of more than 64 KB: new ones, one twice, an argument, a constant, what has no operator."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.w = chainer.Parameter(np.ones((200, 200), "float32"))
        self.fixed = np.full((200, 200), 2, "float32")

    def forward(self, x, n):
        y = F.relu(x) + self.w
        again = F.relu(x) + self.w
        kept = self.fixed
        for _ in range(int(n)):
            kept = kept * x
        known = self.fixed * 2
        either = self.fixed if x[0, 0] > 0 else x
        joined = F.concat([x[:100], x[100:]], axis=0)
        halves = F.split_axis(F.concat([self.w, y], axis=0), 2, axis=0)
        signs = F.reshape(y, (2, 100, 200)).array > 0.5
        return y, again, y, kept, known, either, joined, *halves, x, signs, F.reshape(y, (400, 100))


@pytest.mark.parametrize("freeze", [False, True])
def test_large_results_are_the_callers_own(freeze):
    net = Large()
    compiled = astfront.compile(net, freeze=freeze)
    x = np.random.RandomState(0).uniform(-1, 1, (200, 200)).astype("float32")
    calls = [(sign * x, np.array(n)) for sign, n in ((1, 0), (-1, 2))]
    expected = [net.forward(*args) for args in calls]
    arrays = [array_of(y).copy() for results in expected for y in results]
    held = []
    for _ in range(2):
        results = [compiled(*args) for args in calls]
        for got, theirs in zip((y for r in results for y in r), arrays):
            np.testing.assert_allclose(array_of(got), theirs, rtol=1e-5)
        new = [r[i] for r in results for i in (0, 1, 3, 4, 6, 10, 11)]
        for i, y in enumerate(map(array_of, new)):
            assert y.flags.writeable
            assert not any(np.may_share_memory(y, array_of(other)) for other in new[:i] + held)
            y[...] = np.nan if y.dtype.kind == "f" else True
        held += new
    np.testing.assert_array_equal(net.w.array, 1)
    np.testing.assert_array_equal(net.fixed, 2)
    np.testing.assert_array_equal(calls[0][0], x)


def test_a_large_result_is_an_argument_where_it_is():
    f = astfront.compile(lambda x: F.tanh(x) * 2 + 1)
    x = chainer.Variable(np.linspace(-1, 1, 40000, dtype="float32").reshape(200, 200))
    y = f(x)
    assert relay_memory.holder_of(y.array) is not None
    np.testing.assert_allclose(f(y).array, np.tanh(y.array) * 2 + 1, rtol=1e-5)
    y.array[...] = 0
    np.testing.assert_array_equal(f(y).array, 1)
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y)), y[:100], y.T):
        np.testing.assert_allclose(f(other).array, np.tanh(other.array) * 2 + 1, rtol=1e-5)
    strided = astfront.compile(lambda x: F.as_strided(x, (10, 20), (20, 1), 40))
    np.testing.assert_array_equal(strided(f(x)).array, f(x).array.ravel()[40:240].reshape(10, 20))


def placed(x, offset):
    """A copy of an array, so many bytes after a multiple of 64."""
    memory = np.empty(x.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    y = memory[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


def test_large_arguments_are_taken_where_they_are():
    def f(x, w, h, d, m, k):
        y = F.matmul(x, w).array
        found = np.argwhere(m)[::100], np.unique(k), x[m], np.argsort(k)
        images = F.convolution_2d(x.reshape(1, 4, 50, -1), w[:6, :100].reshape(6, 4, 5, 5)).array
        return y, x + 1, x.max(0), h * 2, d.sum(1), ~m, np.logical_not(m), images, *found

    random = np.random.RandomState(0)
    x, w = random.rand(100, 400).astype("f"), random.rand(400, 300).astype("f")
    given = [x, w, x.astype("e"), x.astype("d"), x > 0.5, random.randint(0, 50, 20000)]
    rank = [len(a.shape) for a in given]
    staged = [astfront.TensorSpec((None,) * n, a.dtype) for n, a in zip(rank, given)]
    staged[1] = astfront.TensorSpec(w.shape, w.dtype)
    for compiled in (astfront.compile(f), astfront.compile(f, specs=staged)):
        for offset in (0, 8, 16, 24, 0):
            args = [placed(a, offset) for a in given]
            got = compiled(*args)
            for mine, theirs in zip(got, f(*args), strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=2e-3 if mine.dtype == "e" else 1e-4)
                assert not any(np.may_share_memory(mine, a) for a in args)
            args[4][:] = False
            assert compiled(*args)[5].all()
            got[5][:] = False
            assert compiled(*args)[5].all()
            x += 1


def array_of(x):
    return x.array if isinstance(x, chainer.Variable) else x
