"""The models that the project must run: compared with Chainer, with golden Relay text for the small ones."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer.graph_optimizations.static_graph import static_graph

import astfront
from benchmarks import models
from benchmarks.programs import PROGRAMS
from tests.support import assert_same


@pytest.fixture(autouse=True)
def _inference():
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        np.random.seed(0)
        yield


def floats(*shape):
    return np.random.RandomState(1).uniform(-1, 1, shape).astype(np.float32)


def test_mlp(golden):
    model = models.MLP(8, 3)
    compiled = astfront.compile(model)
    for n in (1, 5):
        assert_same(compiled(floats(n, 6)), model(floats(n, 6)))
    golden("mlp", compiled.lower(floats(2, 6)).as_text(), suffix=".relay")


def test_rnn(golden):
    model = models.RNN(4, 6, 3)
    compiled = astfront.compile(model)
    for steps in (1, 2, 7):
        assert_same(compiled(floats(steps, 2, 4)), model(floats(steps, 2, 4)))
    golden("rnn", compiled.lower(floats(5, 2, 4)).as_text(), suffix=".relay")


def test_rnn_has_one_size_for_any_number_of_steps():
    model = models.RNN(4, 6, 3)
    texts = [astfront.compile(model).lower(floats(n, 2, 4)).as_text() for n in (10, 1000)]
    assert texts[0].replace("10", "1000") == texts[1].replace("10", "1000")[
        : len(texts[1]) + 99
    ] or (len(texts[1]) - len(texts[0]) < 20)


def test_rnn_of_unknown_length():
    model = models.RNN(4, 6, 3)
    program = astfront.compile(model).lower(astfront.TensorSpec((None, 2, 4))).compile()
    for steps in (1, 3, 50):
        assert_same(program(floats(steps, 2, 4)), model(floats(steps, 2, 4)))


def test_stateless_lstm(golden):
    model = models.StatelessLSTMModel(4, 5)
    compiled = astfront.compile(model)
    for steps in (0, 1, 6):
        assert_same(compiled(floats(steps, 2, 4)), model(floats(steps, 2, 4)))
    golden("stateless_lstm", compiled.lower(floats(5, 2, 4)).as_text(), suffix=".relay")


def test_lstm(golden):
    model = models.LSTMModel(4, 5, 3)
    compiled = astfront.compile(model)
    for steps in (1, 6):
        expected = model.forward(floats(steps, 2, 4))
        state = model.lstm.c.array.copy(), model.lstm.h.array.copy()
        assert_same(compiled(floats(steps, 2, 4)), expected)
        assert_same((model.lstm.c.array, model.lstm.h.array), state)
    golden("lstm", compiled.lower(floats(5, 2, 4)).as_text(), suffix=".relay")


def test_lstm_state_goes_on_from_call_to_call():
    import chainer.links as L

    link, twin = L.LSTM(4, 5), L.LSTM(4, 5)
    twin.copyparams(link)
    compiled = astfront.compile(link)
    for i in range(4):
        if i == 2:
            link.reset_state()
            twin.reset_state()
        x = floats(2, 4) * (i + 1)
        assert_same(compiled(x), twin(x))
        assert_same((link.c, link.h), (twin.c, twin.h))


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "googlenet"])
def test_large_cnn_lowers(name):
    """The front end, every time; what they compute is compared by the benchmarks."""
    program = PROGRAMS[name]
    text = astfront.compile(program.make()).lower(*program.arguments()).as_text()
    assert text.count("nn.conv2d(") == {"vgg16": 13, "resnet50": 53, "googlenet": 57}[name]


class StaticNet(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 2)

    @static_graph
    def __call__(self, xs):
        return [F.relu(self.l(x)) for x in xs]


def test_a_static_graph():
    """Chainer's schedule makes Variables of the arguments, and tuples of the lists."""
    net = StaticNet()
    xs = [np.ones((2, 3), "f"), np.zeros((2, 3), "f")]
    assert_same(astfront.compile(net)(xs), net(xs))
    with chainer.using_config("use_static_graph", False):
        assert_same(astfront.compile(net)(xs), net(xs))
