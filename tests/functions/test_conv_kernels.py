"""Convolutions whose channels don't fill whole vectors, and transposed ones: constant weights and live."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from astfront.relay.conv import padded_channels
from tests.support import assert_same


class Net(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.a = L.Convolution2D(3, 17, 3, pad=1)
            self.b = L.Convolution2D(17, 29, 3, stride=2, pad=1)
            self.c = L.Convolution2D(29, 50, 1, nobias=True)
            self.d = L.Convolution2D(50, 50, 3, pad=2, dilate=2)
            self.e = L.Convolution2D(50, 50, 3, pad=1, groups=2)
            self.f = L.Convolution2D(50, 7, (2, 3), stride=(1, 2))

    def forward(self, x):
        h = F.relu(self.b(F.relu(self.a(x))))
        h = self.c(h)
        h = F.relu(h + self.d(h))
        h = F.max_pooling_2d(h, 2) + self.e(h)[:, :, ::2, ::2]
        return h, self.f(h)


@pytest.mark.parametrize(("freeze", "staged"), [(False, True), (True, False)])
def test_odd_numbers_of_channels(freeze, staged):
    np.random.seed(0)
    rng = np.random.RandomState(0)
    model = Net()
    specs = [astfront.TensorSpec((None, 3, 12, 20), np.float32)] if staged else None
    compiled = astfront.compile(model, freeze=freeze, specs=specs)
    for n in (1, 3) if staged else (2,):
        x = rng.uniform(-1, 1, (n, 3, 12, 20)).astype(np.float32)
        with chainer.no_backprop_mode():
            assert_same(compiled(x), model.forward(x))


#: Input and output channels, kernels, strides, paddings, dilations, groups of convolutions of staged sizes.
STAGED = [
    (3, 20, (3, 3), 1, 1, 1, 1),
    (3, 5, (1, 1), 1, 0, 1, 1),
    (3, 33, (1, 1), 2, 1, 1, 1),
    (4, 9, (7, 7), 2, 3, 1, 1),
    (4, 8, (3, 3), 1, 2, 2, 1),
    (4, 8, (2, 3), (2, 3), (0, 2), (3, 2), 1),
    (4, 4, (3, 3), 1, 1, 1, 4),
    (4, 12, (3, 1), 2, 1, 1, 2),
    (140, 70, (3, 3), 1, 1, 1, 70),
]
#: Sizes: nothing but padding beside a row, less than a vector, several tiles and strips.
STAGED_SIZES = [(1, 1, 1), (2, 5, 1), (0, 4, 4), (3, 9, 17), (1, 40, 70)]


class Staged(chainer.Chain):
    def __init__(self, layers) -> None:
        super().__init__()
        with self.init_scope():
            self.layers = chainer.ChainList(
                *(
                    L.Convolution2D(i, o, k, s, p, dilate=d, groups=g)
                    for i, o, k, s, p, d, g in layers
                )
            )

    def forward(self, x):
        made = [layer(x[:, : layer.W.shape[1] * layer.groups]) for layer in self.layers]
        return [F.relu(y) if i % 2 else y for i, y in enumerate(made)]


@pytest.mark.parametrize(
    ("freeze", "layers", "cpu"),
    [(True, STAGED, None), (False, STAGED[2::3], None), (True, STAGED[1::3], "x86-64-v3")],
)
def test_staged_sizes(freeze, layers, cpu):
    np.random.seed(0)
    rng = np.random.RandomState(0)
    model = Staged(layers)
    specs = [astfront.TensorSpec((None, 140, None, None), np.float32)]
    target = None if cpu is None else f"llvm -mcpu={cpu}"
    compiled = astfront.compile(model, freeze=freeze, specs=specs, target=target)
    for n, height, width in STAGED_SIZES:
        # The smallest ones leave no place for the larger kernels.
        x = rng.uniform(-1, 1, (n, 140, height + 6, width + 6)).astype(np.float32)
        x[:, :, -1, -1:] = np.inf
        with chainer.no_backprop_mode(), np.errstate(invalid="ignore"):
            assert_same(compiled(x), model.forward(x))


def test_windows_that_are_too_wide():
    """The program goes on, with nothing, until it raises the exception."""
    w, v = np.ones((3, 3, 5, 5), np.float32), np.ones((3, 3, 5, 5))

    def windows(x):
        y = F.relu(F.convolution_2d(x, w, stride=2, dilate=2)), F.max_pooling_2d(x, 5, 2)
        z = F.average_pooling_2d(x, 5, 3), F.relu(F.convolution_2d(F.cast(x, "d"), v, stride=3))
        return (*y, *z)

    specs = [astfront.TensorSpec((None, 3, None, None), np.float32)]
    compiled = astfront.compile(windows, specs=specs)
    for shape in ((4, 3, 1, 8), (4, 3, 30, 1), (1, 3, 1, 1)):
        with pytest.raises(AssertionError):
            compiled(np.zeros(shape, np.float32))
    x = np.random.RandomState(0).uniform(-1, 1, (2, 3, 12, 9)).astype(np.float32)
    assert_same(compiled(x), windows(x))


#: Kernels, strides, paddings, sizes asked for, and groups of transposed convolutions.
TRANSPOSED = [
    ((4, 4), 2, 1, None, 1),
    ((3, 3), 2, 1, (14, 12), 1),
    ((2, 2), 3, 0, None, 1),
    ((5, 5), 3, 2, None, 2),
    ((3, 5), (2, 1), (0, 2), None, 1),
]


class Transposed(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.layers = chainer.ChainList(
                *(
                    L.Deconvolution2D(6, 4, kernel, stride, pad, outsize=outs, groups=groups)
                    for kernel, stride, pad, outs, groups in TRANSPOSED
                )
            )

    def forward(self, x):
        return [F.relu(layer(x)) for layer in self.layers]


@pytest.mark.parametrize("freeze", [False, True])
def test_transposed_convolutions(freeze):
    np.random.seed(0)
    model = Transposed()
    x = np.random.uniform(-1, 1, (2, 6, 7, 6)).astype(np.float32)
    x[1, 2, 3, 4] = np.nan  # which mustn't spread further than the kernels reach
    with chainer.no_backprop_mode():
        assert_same(astfront.compile(model, freeze=freeze)(x), model.forward(x))


def test_padding():
    assert [padded_channels(n, 16) for n in (1, 10, 16, 17, 29, 50, 64)] == [
        1,
        10,
        16,
        32,
        32,
        64,
        64,
    ]
