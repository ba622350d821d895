"""The models that the benchmarks and the model tests share, as a Chainer user would write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np


class MLP(chainer.Chain):
    """Chainer's mnist example: three fully connected layers; x is (N, 784) float32."""

    def __init__(self, n_units: int = 1000, n_out: int = 10) -> None:
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(None, n_units)
            self.l2 = L.Linear(None, n_units)
            self.l3 = L.Linear(None, n_out)

    def forward(self, x):  # type: ignore[no-untyped-def]
        h1 = F.relu(self.l1(x))
        h2 = F.relu(self.l2(h1))
        return self.l3(h2)


class RNN(chainer.Chain):
    """A recurrent network written by hand; xs is (T, N, n_in) float32."""

    def __init__(self, n_in: int, n_units: int, n_out: int) -> None:
        super().__init__()
        self.n_units = n_units
        with self.init_scope():
            self.W = L.Linear(n_in, n_units)
            self.U = L.Linear(n_units, n_units, nobias=True)
            self.out = L.Linear(n_units, n_out)

    def forward(self, xs):  # type: ignore[no-untyped-def]
        h = self.xp.zeros((xs.shape[1], self.n_units), dtype=xs.dtype)
        ys = []
        for t in range(xs.shape[0]):
            h = F.tanh(self.W(xs[t]) + self.U(h))
            ys.append(self.out(h))
        return F.stack(ys)


class StatelessLSTMModel(chainer.Chain):
    """L.StatelessLSTM over time; xs is (T, N, n_in) float32."""

    def __init__(self, n_in: int, n_units: int) -> None:
        super().__init__()
        with self.init_scope():
            self.lstm = L.StatelessLSTM(n_in, n_units)

    def forward(self, xs):  # type: ignore[no-untyped-def]
        c = h = None
        for x in xs:
            c, h = self.lstm(c, h, x)
        return c, h


class LSTMModel(chainer.Chain):
    """L.LSTM over time, its state reset at each call; xs is (T, N, n_in) float32."""

    def __init__(self, n_in: int, n_units: int, n_out: int) -> None:
        super().__init__()
        with self.init_scope():
            self.lstm = L.LSTM(n_in, n_units)
            self.out = L.Linear(n_units, n_out)

    def forward(self, xs):  # type: ignore[no-untyped-def]
        self.lstm.reset_state()
        ys = []
        for x in xs:
            ys.append(self.out(self.lstm(x)))
        return F.stack(ys, axis=1)


class NStepLSTMModel(chainer.Chain):
    """Chainer's stacked LSTM over one sequence; x is (T, n_in) float32."""

    def __init__(self, n_layers: int, n_in: int, n_units: int) -> None:
        super().__init__()
        with self.init_scope():
            self.lstm = L.NStepLSTM(n_layers, n_in, n_units, 0.0)

    def forward(self, x):  # type: ignore[no-untyped-def]
        h, c, ys = self.lstm(None, None, [x])
        return h, c, ys[0]


def stacked_rows(xs):  # type: ignore[no-untyped-def]
    """A list that grows by a row at each turn, stacked at the end; xs is (T, n) float32."""
    rows = []
    for x in xs:
        rows.append(x * 2 + 1)
    return F.stack(rows)


def empty_loop(x):  # type: ignore[no-untyped-def]
    """A loop that carries a number, as often as x has rows."""
    n = 0
    for i in range(x.shape[0]):
        n = (n + i) % 7
    return x[0] + n


def _floats(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def _image() -> np.ndarray:
    return _floats(1, 3, 224, 224)


#: name → (makes the model, makes an example of its argument)
MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "mlp": (MLP, lambda: _floats(1, 784)),
    "rnn": (lambda: RNN(64, 128, 32), lambda: _floats(50, 1, 64)),
    "stateless_lstm": (lambda: StatelessLSTMModel(64, 256), lambda: _floats(50, 1, 64)),
    "nimble_lstm": (lambda: StatelessLSTMModel(300, 512), lambda: _floats(26, 1, 300)),
    "nstep_lstm": (lambda: NStepLSTMModel(3, 120, 600), lambda: _floats(500, 120)),
    "rows_100": (lambda: stacked_rows, lambda: _floats(100, 256)),
    "rows_1000": (lambda: stacked_rows, lambda: _floats(1000, 256)),
    "rows_10000": (lambda: stacked_rows, lambda: _floats(10000, 256)),
    "lstm": (lambda: LSTMModel(64, 256, 32), lambda: _floats(50, 1, 64)),
    "vgg16": (lambda: L.VGG16Layers(pretrained_model=None), _image),
    "resnet50": (lambda: L.ResNet50Layers(pretrained_model=None), _image),
    "googlenet": (lambda: L.GoogLeNet(pretrained_model=None), _image),
}
