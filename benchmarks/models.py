"""The models that the benchmarks and the model tests share, as a Chainer user would write them."""

from __future__ import annotations

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


class TreeLSTM(chainer.Chain):
    """Child-Sum Tree-LSTM over trees of :class:`~benchmarks.trees.Node`; x is (n_in,) float32."""

    def __init__(self, n_in: int, n_units: int) -> None:
        super().__init__()
        with self.init_scope():
            self.lstm = L.ChildSumTreeLSTM(n_in, n_units)

    def forward(self, node):  # type: ignore[no-untyped-def]
        cs, hs = [], []
        for child in node.children:
            c, h = self.forward(child)
            cs.append(c)
            hs.append(h)
        return self.lstm(*cs, *hs, node.x[None])


class Seq2Seq(chainer.Chain):
    """LSTM encoder and decoder with dot attention; decodes greedily, ``steps`` characters."""

    def __init__(self, n_vocabulary: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        with self.init_scope():
            self.embed = L.EmbedID(n_vocabulary, n_units)
            self.encoder = L.StatelessLSTM(n_units, n_units)
            self.decoder = L.StatelessLSTM(n_units, n_units)
            self.combine = L.Linear(2 * n_units, n_units)
            self.out = L.Linear(n_units, n_vocabulary)

    def forward(self, xs, steps):  # type: ignore[no-untyped-def]
        """xs: (N, T) int32."""
        c = h = None
        states = []
        for t in range(xs.shape[1]):
            c, h = self.encoder(c, h, self.embed(xs[:, t]))
            states.append(h)
        hs = F.stack(states, axis=1)
        y = self.xp.zeros(xs.shape[0], np.int32)
        ys = []
        for _ in range(steps):
            c, h = self.decoder(c, h, self.embed(y))
            weights = F.softmax(F.matmul(hs, h[:, :, None])[:, :, 0])
            context = F.matmul(weights[:, None, :], hs)[:, 0]
            y = F.argmax(self.out(F.tanh(self.combine(F.concat([h, context])))), axis=1).array
            ys.append(y)
        return F.stack(ys, axis=1)


class CharRNN(chainer.Chain):
    """A character model with state; writes ``length`` characters, each the likeliest."""

    def __init__(self, n_vocabulary: int, n_units: int) -> None:
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(n_vocabulary, n_units)
            self.lstm = L.LSTM(n_units, n_units)
            self.out = L.Linear(n_units, n_vocabulary)

    def forward(self, first, length):  # type: ignore[no-untyped-def]
        """first: (1,) int32."""
        self.lstm.reset_state()
        y = first
        ys = []
        for _ in range(length):
            y = F.argmax(self.out(self.lstm(self.embed(y))), axis=1).array
            ys.append(y)
        return F.concat(ys, axis=0)


class BeamSearch(chainer.Chain):
    """Beam search over an LSTM: the ``width`` likeliest texts, grown at once."""

    def __init__(self, n_vocabulary: int, n_units: int, width: int) -> None:
        super().__init__()
        self.n_vocabulary, self.width = n_vocabulary, width
        with self.init_scope():
            self.embed = L.EmbedID(n_vocabulary, n_units)
            self.lstm = L.StatelessLSTM(n_units, n_units)
            self.out = L.Linear(n_units, n_vocabulary)

    def forward(self, c, h, steps):  # type: ignore[no-untyped-def]
        """c, h: (width, n_units) float32."""
        xp = self.xp
        y = xp.zeros(self.width, np.int32)
        scores = xp.full((self.width,), -1e9, np.float32)
        scores[0] = 0
        texts = xp.zeros((self.width, steps), np.int32)
        for t in range(steps):
            c, h = self.lstm(c, h, self.embed(y))
            total = scores[:, None] + F.log_softmax(self.out(h)).array
            best = xp.argsort(-total.reshape(-1))[: self.width]
            scores = total.reshape(-1)[best]
            parents, y = best // self.n_vocabulary, (best % self.n_vocabulary).astype(np.int32)
            c, h = c[parents], h[parents]
            texts = texts[parents]
            texts[:, t] = y
        return texts, scores


class EarlyExit(chainer.Chain):
    """BranchyNet's idea: where the first classifier is sure enough, the rest isn't computed."""

    def __init__(self, n_channels: int = 64) -> None:
        super().__init__()
        with self.init_scope():
            self.conv1 = L.Convolution2D(3, n_channels, 5, pad=2)
            self.exit1 = L.Linear(n_channels * 64, 10)
            self.conv2 = L.Convolution2D(n_channels, 2 * n_channels, 3, pad=1)
            self.conv3 = L.Convolution2D(2 * n_channels, 4 * n_channels, 3, pad=1)
            self.exit2 = L.Linear(4 * n_channels * 4, 10)

    def forward(self, x, threshold):  # type: ignore[no-untyped-def]
        """x: (1, 3, 32, 32) float32; threshold: () float32, the probability that's enough."""
        h = F.max_pooling_2d(F.relu(self.conv1(x)), 4)
        y = F.softmax(self.exit1(h))
        if F.max(y).array >= threshold:
            return y
        h = F.max_pooling_2d(F.relu(self.conv2(h)), 2)
        h = F.max_pooling_2d(F.relu(self.conv3(h)), 2)
        return F.softmax(self.exit2(h))


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


def counted_loop(x, n):  # type: ignore[no-untyped-def]
    """The same loop of ``n`` turns, which only the run knows; n is () int64."""
    m = 0
    for i in range(int(n)):
        m = (m + i) % 7
    return x + m
