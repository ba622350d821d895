"""State that calls leave on links and objects, seen by the next call."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same
from tests.syntax.compare import N, agrees, full, state_of, variable

X = variable(2, 3)
KINDS = pytest.mark.parametrize("kind", [int, N], ids=["static", "staged"])


class Memory(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.linear = L.Linear(3, 3)
        self.reset()

    def reset(self):
        self.h = None
        self.count = 0
        self.total = 0.0
        self.seen = []
        self.names = {"first": 1}

    def forward(self, x, n=1):
        n = int(n)
        self.h = self.linear(x) if self.h is None else F.tanh(self.linear(x) + self.h)
        self.count += 1
        if F.sum(x).array > 0:
            self.total = self.total + float(F.sum(self.h).array)
            self.names["first"] = self.count
        for _ in range(n):
            self.h = self.h * 0.5
            self.count += 2
        return self.h


@KINDS
def test_attributes_of_a_link(kind):
    agrees(Memory(), (X, kind(1)), (X, kind(2)), (-X, kind(0)), (X * 0, kind(3)), (X, kind(2)))


def test_reset_between_calls():
    model = Memory()
    compiled = astfront.compile(model)
    first = compiled(X).array
    second = compiled(X).array
    model.reset()
    np.testing.assert_allclose(compiled(X).array, first, rtol=1e-5)
    assert model.count == 3
    np.testing.assert_allclose(compiled(X).array, second, rtol=1e-5)
    assert compiled.cache_info().currsize >= 2


class Resets(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.memory = Memory()
            self.lstm = L.LSTM(3, 3)
            self.decoder = L.LSTM(3, 3)

    def forward(self, x, n):
        if int(n) == 0:
            self.memory.reset()
            self.lstm.reset_state()
        y = self.memory(x)
        for i in range(2):
            y = self.lstm(y + i)
        self.decoder.set_state(self.lstm.c, self.lstm.h)
        return self.decoder(y)


def test_state_of_children():
    agrees(Resets(), (X, 1), (X, 2), (X, 0), (X, 3))


class Window(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.items = []
        self.pair = (1, 2)

    def forward(self, x):
        self.items.append(x)
        if len(self.items) > 2:
            self.items.pop(0)
        self.pair = (self.pair[1], self.pair[0] + self.pair[1])
        total = 0
        for y in self.items:
            total = total + y
        return total


def test_list_of_tensors_on_a_link():
    agrees(Window(), *((full(2, value=v),) for v in range(5)))


class Counter(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.n = 0
        self.best = None

    def forward(self, x):
        if float(F.sum(x).array) > 0:
            self.n += 1
            if self.best is None or float(F.sum(x).array) > float(F.sum(self.best).array):
                self.best = x
        while self.n > 2:
            self.n -= 2
        return x * self.n


def test_attributes_that_tensor_data_decides():
    calls = [(full(2, value=v),) for v in (-1, 2, 1, 3, -2, 5)]
    agrees(Counter(), *calls)


class Config:
    def __init__(self):
        self.scale = 2.0
        self.log = []


class Shared(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.config = Config()
        self.same = self.config
        self.items = [1]
        self.alias = self.items
        with self.init_scope():
            self.a = L.Linear(3, 3)
        self.b = {"link": self.a}

    def forward(self, x):
        self.config.scale = self.same.scale + 1
        self.alias.append(self.same.scale)
        self.config.log.append(len(self.items))
        assert self.items is self.alias
        return self.b["link"](x) * self.same.scale + len(self.items)


def test_two_names_for_one_object():
    model = Shared()
    agrees(model, (X,), (X,), (X,))
    assert model.items is model.alias
    assert model.config is model.same


def test_state_of_an_object_that_is_no_link():
    def f(config, x, n):
        config.scale *= 2
        if int(n) > 0:
            config.scale += 1
        config.log.append(int(n))
        return x * config.scale

    real, reference = Config(), Config()
    compiled = astfront.compile(f)
    for n in (0, 1, N(0), N(2)):
        expected = f(reference, X, n)
        got = compiled(real, X, n)
        np.testing.assert_allclose(got.array, expected.array, rtol=1e-5)
        assert vars(real) == vars(reference)


class Defaults(chainer.Chain):
    """What a class has, its objects have, until they're given one of their own."""

    count = 0
    last = None
    seen = ()

    def forward(self, x, n):
        if x[0] > 0:
            self.count += 1
            self.last = x
        for i in range(int(n)):
            if x[i] > 0.3:
                self.count += 10
            self.seen = (*self.seen[-1:], i)
        last = self.last
        return self.count, 0 if last is None else last.sum(), self.seen


def test_attributes_of_the_class():
    xs = (np.array(v, "f") for v in ([-1, 0, 1], [1, 1, 1], [-1, -1, -1], [1, 0, 0.5]))
    agrees(Defaults(), *((x, N(n)) for x, n in zip(xs, (0, 3, 2, 1))))


def test_new_and_deleted_attributes():
    class Net(chainer.Chain):
        def forward(self, x):
            if hasattr(self, "cache"):
                y = self.cache
                del self.cache
                return y
            self.cache = x * 2
            return x

    agrees(Net(), (X,), (X,), (X,))


def test_an_exception_leaves_the_state_as_it_was_before_the_call():
    class Net(chainer.Chain):
        def __init__(self):
            super().__init__()
            self.n = 0

        def forward(self, x):
            if float(F.sum(x).array) < 0:
                raise ValueError("negative")
            self.n += 1
            return x

    agrees(Net(), (full(2, value=1),), (full(2, value=-1),), (full(2, value=1),))


def test_persistent_values_and_parameters():
    class Net(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.bn = L.BatchNormalization(3)
            self.add_persistent("steps", np.zeros((), "float32"))

        def forward(self, x):
            self.steps = self.steps + 1
            return self.bn(x)

    model = Net()
    agrees(model, (variable(4, 3),), (variable(4, 3, seed=1),))
    assert float(model.steps) == 2
    assert state_of(model)


class _Private(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.__scale = 3.0
        self.__calls = 0

    def forward(self, x):
        def scaled(y):
            return y * self.__scale

        self.__calls += 1
        return scaled(x) + self.__calls


def test_private_names():
    ours, theirs = _Private(), _Private()
    compiled = astfront.compile(ours)
    for _ in range(2):
        assert_same(compiled(X), theirs(X))
    assert vars(ours)["_Private__calls"] == 2
