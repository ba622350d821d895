"""chainer.links, compiled from the source of their forward."""

from __future__ import annotations

import copy

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from astfront.program import lower
from tests.functions.cases import (
    V,
    cases,
    f,
    link_cases,
    programs,
    proved_apart,
    randomised,
)  # fmt: skip
from tests.support import assert_same, check, run


class Links(chainer.Chain):
    """Some links, random ones, under the names that they are given."""

    def __init__(self, **links):
        super().__init__()
        with self.init_scope():
            for name, link in links.items():
                setattr(self, name, link)
        randomised(self)


@link_cases([f(2, 4)], staged={0: (None, 4)})
def on_batches():
    return (
        L.Linear(4, 3), L.Linear(4, 3, nobias=True), L.Maxout(4, 3, 2), L.Highway(4), L.LayerNormalization(4),
        L.BatchNormalization(4), L.Scale(1, (4,)), L.Bias(axis=1, shape=(4,)), L.PReLU((4,)), L.Swish((4,)),
    )  # fmt: skip


@link_cases([f(2, 4)])
def on_vectors():
    return (
        L.Linear(4, 3), L.Linear(4, 3, nobias=True), L.Linear(3), L.Linear(None, 3, initial_bias=1),
        L.Linear(4), L.Maxout(4, 3, 2), L.Maxout(4, 3, 2, initial_bias=0.5), L.Highway(4),
        L.Highway(4, nobias=True, activate=F.tanh, init_bt=1), L.LayerNormalization(4),
        L.LayerNormalization(None, eps=0.1), L.BatchNormalization(4), L.BatchNormalization(4, eps=0.1),
        L.BatchNormalization(axis=0, size=4, use_gamma=False, use_beta=False),
        L.BatchRenormalization(4), L.DecorrelatedBatchNormalization(4, groups=2),
        L.Scale(axis=1, W_shape=(4,), bias_term=True), L.Scale(1, (4,)), L.Bias(axis=1, shape=(4,)),
        L.PReLU((4,)), L.PReLU(), L.Swish((4,)), L.Swish(None),
        chainer.Sequential(L.Linear(4, 5), F.relu, L.Linear(5, 2), F.tanh),
        L.SimplifiedDropconnect(4, 3, ratio=0.0),
    )  # fmt: skip


@link_cases([V(f(2, 4, 6, 6))])
def on_images():
    return (
        L.Convolution2D(4, 3, 3, pad=1), L.Convolution2D(None, 3, 3), L.Convolution2D(3, 3),
        L.Convolution2D(4, 6, (3, 2), stride=2, groups=2, nobias=True), L.Convolution2D(4, 2, 2, dilate=2),
        L.Deconvolution2D(4, 3, 4, stride=2, pad=1), L.Deconvolution2D(None, 3, 3, outsize=(8, 8)),
        L.Deconvolution2D(4, 4, 3, groups=2, nobias=True, dilate=2),
        L.DilatedConvolution2D(4, 3, 3, pad=2, dilate=2), L.DilatedConvolution2D(None, 2, 3, nobias=True),
        L.DepthwiseConvolution2D(4, 2, 3, pad=1), L.DepthwiseConvolution2D(None, 2, 3, stride=2, nobias=True),
        L.LocalConvolution2D(4, 2, (6, 6), 5),
        L.DeformableConvolution2D(4, 2, 3, 1, 1), L.BatchNormalization(4), L.BatchNormalization(axis=(0, 2, 3)),
        L.GroupNormalization(2, 4), L.GroupNormalization(4), L.MLPConvolution2D(4, (5, 3), 3),
        L.Inception(4, 2, 3, 2, 2, 3, 2), L.InceptionBN(4, 2, 3, 2, 2, 3, "avg", 2),
        L.InceptionBN(4, 0, 3, 2, 2, 3, "max", 2, stride=2), L.Linear(4 * 6 * 6, 2), L.PReLU(),
        L.DecorrelatedBatchNormalization(4, groups=2),
    )  # fmt: skip


@link_cases([V(f(3, 4, 5, 5))], train=True, rtol=1e-3, atol=1e-3)
def on_images_when_training():
    return (
        L.BatchNormalization(axis=(0, 2, 3)), L.BatchNormalization(4, decay=0.5),
        L.BatchNormalization(4, use_beta=False, initial_gamma=2), L.GroupNormalization(2),
        L.BatchRenormalization(4, rmax=1.2, dmax=0.3, decay=0.8),
        L.DecorrelatedBatchNormalization(4, groups=2, decay=0.5),
    )  # fmt: skip


@link_cases([f(2, 3, 7)])
def in_one_dimension():
    return (
        L.Convolution1D(3, 4, 3), L.Convolution1D(None, 4, 3, stride=2, pad=1, nobias=True),
        L.ConvolutionND(1, 3, 4, 2), L.ConvolutionND(1, 3, 6, 2, groups=3, dilate=2, cover_all=True),
        L.Deconvolution1D(3, 2, 3), L.DeconvolutionND(1, 3, 2, 3, stride=2, pad=1, outsize=(14,)),
    )  # fmt: skip


@link_cases([f(1, 2, 4, 3, 4)])
def in_three_dimensions():
    return (
        L.Convolution3D(2, 3, 2), L.Deconvolution3D(2, 2, 2, stride=2, nobias=True),
        L.DeconvolutionND(3, 2, 3, 2, stride=2),
    )  # fmt: skip


@link_cases([np.array([[0, 3, -1], [2, 2, 4]], "i")], staged={0: (None, None)})
def on_words():
    return L.EmbedID(5, 3), L.EmbedID(5, 3, ignore_label=-1), L.EmbedID(5, 3, initialW=f(5, 3))


@link_cases([f(2, 3)], [f(2, 3, seed=1)])
def with_state():
    """Two calls: the second sees the state that the first one left."""
    return (
        L.LSTM(3, 4), L.LSTM(4), L.LSTM(3, 4, forget_bias_init=0, bias_init=1), L.StatefulGRU(3, 4),
        L.GRU(3, 4), L.StatefulPeepholeLSTM(3, 4), L.StatefulMGU(3, 4), L.StatefulZoneoutLSTM(3, 4),
    )  # fmt: skip


@cases(
    [
        Links(
            bilinear=L.Bilinear(3, 4, 2), without=L.Bilinear(3, 4, 2, nobias=True), lstm=L.StatelessLSTM(3, 4),
            gru=L.StatelessGRU(3, 4), mgu=L.StatelessMGU(3, 4),
        ),
        f(2, 3), f(2, 4),
    ]
)  # fmt: skip
def of_two_inputs(links, x, y):
    return (
        links.bilinear(x, y), links.without(x, y), links.lstm(y, y, x), links.lstm(None, None, x),
        links.gru(y, x), links.mgu(y, x),
    )  # fmt: skip


class Lazy(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.conv = L.Convolution2D(None, 3, 3, pad=1)
            self.bn = L.BatchNormalization(3)
            self.linear = L.Linear(None, 2)

    def forward(self, x):
        return self.linear(F.max_pooling_2d(F.relu(self.bn(self.conv(x))), 2))


def test_lazy_parameters():
    """Compiling initialises them; then Chainer computes the same."""
    link = Lazy()
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        got = run(link, f(2, 3, 6, 6))
        assert link.linear.W.shape == (2, 27)
        assert_same(got, link(f(2, 3, 6, 6)))


WORDS = np.array([0, 2, 1, 1, 0], "i")


@cases([
    Links(
        linear=L.Linear(4, 3), classifier=L.Classifier(L.Linear(4, 3)), parameter=L.Parameter(f(4)),
        softmax=L.BinaryHierarchicalSoftmax(4, ((0, 1), ((2, 3), 4))),
        samples=L.NegativeSampling(4, [0, 7, 0], 3), words=L.BlackOut(4, [0, 7, 0], 3),
    ),
    f(5, 4), WORDS, V(f(2, 3, 4)), np.array([0, 1, 4, 3, 2], "i"),
])  # fmt: skip
def others(links, x, t, h, t5):
    """BinaryHierarchicalSoftmax walks down a tree; the samples are all of the only word there is."""
    return (
        links.linear(h, n_batch_axes=2), links.classifier(x, t), links.parameter() * x,
        links.softmax(x, t5), links.samples(x, t), links.words(x, t),
    )  # fmt: skip


SEQUENCES = [V(f(n, 3, seed=n)) for n in (1, 2)]
STATE = f(2, 2, 2)


@cases(
    [
        Links(lstm=L.NStepLSTM(2, 3, 2, 0.5), gru=L.NStepGRU(1, 3, 2, 0.5)),
        STATE,
        f(2, 2, 2, seed=1),
        SEQUENCES,
    ]
)
def over_sequences(links, h, c, xs):
    """Sequences of differing lengths, in an order that isn't theirs; with a state and without."""
    return links.lstm(h, c, xs), links.gru(None, xs)


@cases(
    [
        Links(
            lstm=L.NStepBiLSTM(1, 3, 2, 0.5), gru=L.NStepBiGRU(1, 3, 2, 0.5), tanh=L.NStepBiRNNTanh(1, 3, 2, 0),
            relu=L.NStepBiRNNReLU(1, 3, 2, 0),
        ),
        STATE, SEQUENCES,
    ]
)  # fmt: skip
def in_both_directions(links, h, xs):
    return links.lstm(None, None, xs), links.gru(h, xs), links.tanh(h, xs), links.relu(None, xs)


@cases(
    [
        Links(tanh=L.NStepRNNTanh(1, 3, 2, 0), relu=L.NStepRNNReLU(1, 3, 2, 0.5), crf=L.CRF1d(3)),
        STATE[:1], SEQUENCES, [V(f(n, 3, seed=n)) for n in (2, 1)], [np.array(p, "i") for p in ([0, 1], [2])],
    ]
)  # fmt: skip
def over_other_sequences(links, h, xs, scores, paths):
    return (
        links.tanh(h, xs),
        links.relu(None, xs),
        links.crf(scores, paths),
        links.crf.argmax(scores),
    )


@cases(
    [
        Links(nary=L.NaryTreeLSTM(3, 4, 3), child_sum=L.ChildSumTreeLSTM(3, 4)),
        f(2, 4),
        f(2, 4, seed=1),
        f(2, 3),
    ]
)
def trees(links, c, h, x):
    return (
        links.nary(c, c, c, h, h, h, x),
        links.nary(c, None, c, h, None, h, None),
        links.child_sum(c, None, h, None, x),
    )


class Expectation(chainer.Chain):
    """A link without parameters, which models make where they use it."""

    def __init__(self, n, scale):
        super().__init__()
        self.places = np.arange(n, dtype="f").reshape(1, -1, 1)
        with self.init_scope():
            self.scale = scale

    def __call__(self, x):
        return F.sum(x * self.places, axis=1) * self.scale


class Nested(chainer.Chain):
    def __init__(self, scale):
        super().__init__()
        with self.init_scope():
            self.inner = Expectation(3, scale)

    def forward(self, x):
        return self.inner(x)


def made_where_used(x):
    y = Expectation(3, 2)(x)
    for row in x:
        y += Nested(F.sum(row).array)(x)
    chosen = Expectation(3, 1) if x[0, 0, 0] > 0 else Nested(3)
    return y + chosen(x)


def test_links_made_where_they_are_used():
    x = f(2, 3, 4)
    check(made_where_used, (x,), (-x,))
    with pytest.raises(CompileError, match="AF0305"):
        lower(lambda x: L.Linear(4, 2)(x[0]), (x,), {})


class Held:
    def __init__(self, array):
        self.array = array
        self.count = 3


HELD = Held(f(3))


def copied(x):
    other = copy.copy(HELD)
    other.array = x
    other.count += 1
    made = Held(x)
    made.array = None
    twin = copy.copy(made)
    twin.array = x * 2
    return other.array, HELD.array, other.count, HELD.count, made.array, twin.array, copy.copy([x])


def test_copy():
    check(copied, (f(2),))


LARGE = {
    "VGG16Layers": 13, "VGG19Layers": 16, "ResNet50Layers": 53, "ResNet101Layers": 104, "ResNet152Layers": 155,
    "GoogLeNet": 57,
}  # fmt: skip


@proved_apart("lowered")
def large():
    L.VGG16Layers(pretrained_model=None)
    L.VGG19Layers(pretrained_model=None)
    L.ResNet50Layers(pretrained_model=None)
    L.ResNet101Layers(pretrained_model=None)
    L.ResNet152Layers(pretrained_model=None)
    L.GoogLeNet(pretrained_model=None)


@pytest.mark.parametrize(("name", "convolutions"), LARGE.items())
def test_large_models_are_lowered(name, convolutions, monkeypatch):
    """The front end only: to build them takes TVM most of a minute each."""
    for law in ("normal", "uniform"):  # a hundred million random weights take their time
        monkeypatch.setattr(np.random, law, lambda *args, size, **scale: np.zeros(size))
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        model = getattr(L, name)(pretrained_model=None)
        images = np.zeros((1, 3, 224, 224), "f")
        program = lower(model, (images,), {"layers": ["prob"]})
    assert program.as_text().count("nn.conv2d(") == convolutions


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
