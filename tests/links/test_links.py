"""chainer.links, compiled from the source of their forward."""

from __future__ import annotations

import copy

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from astfront.program import lower
from tests.support import assert_same, check, check_staged, run


def f(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed + sum(shape)).randn(*shape).astype(dtype)


def randomised(link, seed=0):
    """Every parameter and persistent array random, so that nothing is hidden by a 0 or a 1."""
    state = np.random.RandomState(seed)
    for parameter in link.params():
        if parameter.array is not None:
            parameter.array[...] = state.uniform(-1, 1, parameter.shape)
    for child in link.links():
        if isinstance(child, L.BatchNormalization) and child.avg_mean is not None:
            child.avg_mean[...] = state.uniform(-1, 1, child.avg_mean.shape)
            child.avg_var[...] = state.uniform(0.5, 2, child.avg_var.shape)
    return link


class Every(chainer.Chain):
    """Applies each of its links to the same input."""

    def __init__(self, *links):
        super().__init__()
        with self.init_scope():
            self.all = chainer.ChainList(*links)

    def forward(self, *args):
        return [link(*args) for link in self.all]


def same_as_chainer(link, *args, rtol=1e-4, atol=1e-5):
    randomised(link)
    with chainer.using_config("train", False):
        check(link, args, rtol=rtol, atol=atol)


def test_links_on_vectors():
    same_as_chainer(
        Every(
            L.Linear(4, 3),
            L.Linear(4, 3, nobias=True),
            L.Maxout(4, 3, 2),
            L.Highway(4),
            L.LayerNormalization(4),
            L.BatchNormalization(4),
            L.BatchNormalization(axis=0, size=4, use_gamma=False, use_beta=False),
            L.Scale(axis=1, W_shape=(4,), bias_term=True),
            L.Bias(axis=1, shape=(4,)),
            L.PReLU((4,)),
            L.Swish((4,)),
            chainer.Sequential(L.Linear(4, 5), F.relu, L.Linear(5, 2), F.tanh),
            L.SimplifiedDropconnect(4, 3, ratio=0.0),
        ),
        f(2, 4),
    )


def test_links_on_images():
    same_as_chainer(
        Every(
            L.Convolution2D(4, 3, 3, pad=1),
            L.Convolution2D(4, 6, (3, 2), stride=2, groups=2, nobias=True),
            L.Deconvolution2D(4, 3, 4, stride=2, pad=1),
            L.DilatedConvolution2D(4, 3, 3, pad=2, dilate=2),
            L.DepthwiseConvolution2D(4, 2, 3, pad=1),
            L.BatchNormalization(4),
            L.GroupNormalization(2, 4),
            L.MLPConvolution2D(4, (5, 3), 3),
            L.Inception(4, 2, 3, 2, 2, 3, 2),
            L.InceptionBN(4, 2, 3, 2, 2, 3, "avg", 2),
            L.Linear(4 * 6 * 6, 2),
            L.PReLU(),
        ),
        chainer.Variable(f(2, 4, 6, 6)),
    )


def test_links_in_one_and_three_dimensions():
    line = Every(L.Convolution1D(3, 4, 3), L.ConvolutionND(1, 3, 4, 2), L.Deconvolution1D(3, 2, 3))
    same_as_chainer(line, f(2, 3, 7))
    solid = Every(L.Convolution3D(2, 3, 2), L.DeconvolutionND(3, 2, 3, 2, stride=2))
    same_as_chainer(solid, f(1, 2, 4, 3, 4))


def test_embed_id():
    ids = np.array([[0, 3, -1], [2, 2, 4]], "i")
    same_as_chainer(Every(L.EmbedID(5, 3), L.EmbedID(5, 3, ignore_label=-1)), ids)


class Two(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.bilinear = L.Bilinear(3, 4, 2)
            self.lstm = L.StatelessLSTM(3, 4)
            self.gru = L.StatelessGRU(3, 4)

    def forward(self, x, y):
        return self.bilinear(x, y), self.lstm(y, y, x), self.lstm(None, None, x), self.gru(y, x)


def test_links_of_two_inputs():
    same_as_chainer(Two(), f(2, 3), f(2, 4))


@pytest.mark.parametrize("make", [L.LSTM, L.StatefulGRU, L.StatefulPeepholeLSTM])
def test_state(make):
    """Two calls: the second sees the state that the first one left."""
    link = randomised(make(3, 4))
    expected, got = copy.deepcopy(link), copy.deepcopy(link)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        for seed in range(2):
            x = f(2, 3, seed=seed)
            assert_same(run(got, x), expected(x))
    assert_same(got.h, expected.h)


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


def test_staged_batch():
    link = randomised(Lazy())
    with chainer.using_config("train", False):
        lower(link, (f(2, 3, 6, 6),), {})
        check_staged(link, (f(2, 3, 6, 6),), {0: (None, 3, 6, 6)})


class Axes(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.linear = L.Linear(4, 3)

    def forward(self, x):
        return self.linear(x, n_batch_axes=2)


def test_linear_over_two_batch_axes():
    same_as_chainer(Axes(), chainer.Variable(f(2, 3, 4)))
    with chainer.using_config("train", False):
        check_staged(Axes(), (chainer.Variable(f(2, 3, 4)),), {0: (None, None, 4)})


def test_classifier():
    model = L.Classifier(L.Linear(4, 3))
    same_as_chainer(model, f(5, 4), np.array([0, 2, 1, 1, 0], "i"))


def renormalization():
    return L.BatchRenormalization(4, rmax=1.2, dmax=0.3, decay=0.8)


def of_axes():
    return L.BatchNormalization(axis=(0, 2, 3))  # its size is that of the first input


@pytest.mark.parametrize("make", [renormalization, of_axes])
def test_running_statistics(make):
    """Three calls in training mode: the later ones see what the earlier ones left."""
    expected, got = make(), make()
    with chainer.using_config("train", True), chainer.no_backprop_mode():
        for seed in range(3):
            x = f(2, 4, 3, 3, seed=seed)
            assert_same(run(got, x), expected(x))
            assert_same(got.avg_mean, expected.avg_mean)
            assert_same(got.avg_var, expected.avg_var)


def test_lazy_lstm():
    expected = L.LSTM(None, 4, lateral_init=chainer.initializers.Normal(1))
    got = copy.deepcopy(expected)
    with chainer.no_backprop_mode():
        for seed in range(2):
            x = f(2, 3, seed=seed)
            np.random.seed(0)
            y = run(got, x)
            np.random.seed(0)
            assert_same(y, expected(x))


@pytest.mark.parametrize(
    ("make", "states"), [(L.NStepLSTM, 2), (L.NStepBiLSTM, 2), (L.NStepBiGRU, 1)]
)
def test_n_step(make, states):
    """Sequences of differing lengths, in an order that isn't theirs; with a state and without."""
    link = make(2, 3, 4, 0.5)
    xs = [f(n, 3, seed=n) for n in (2, 4, 1)]
    given = [f(2 * link.direction, 3, 4, seed=i) for i in range(states)]
    same_as_chainer(link, *[None] * states, xs)
    same_as_chainer(link, *given, [chainer.Variable(x) for x in xs])


class Scaled(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.weight = L.Parameter(f(4))

    def forward(self, x):
        y = self.weight() * x
        y.unchain_backward()
        y.to_cpu()
        return y


def test_parameter():
    same_as_chainer(Scaled(), f(3, 4))


def test_binary_hierarchical_softmax():
    """It copies its function object, and walks down a tree for each label."""
    link = L.BinaryHierarchicalSoftmax(4, ((0, 1), ((2, 3), 4)))
    same_as_chainer(link, f(6, 4), np.array([0, 1, 2, 3, 4, 2], "i"))


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


class Trees(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.nary = L.NaryTreeLSTM(3, 4, 3)
            self.child_sum = L.ChildSumTreeLSTM(3, 4)

    def forward(self, c, h, x):
        return (
            self.nary(c, c, c, h, h, h, x),
            self.nary(c, None, c, h, None, h, None),
            self.child_sum(c, None, h, None, x),
        )


def test_tree_lstms():
    same_as_chainer(Trees(), f(2, 4), f(2, 4, seed=1), f(2, 3))


@pytest.mark.parametrize(
    ("make", "convolutions"), [(L.VGG16Layers, 13), (L.ResNet50Layers, 53), (L.GoogLeNet, 57)]
)
def test_large_models_are_lowered(make, convolutions):
    """The front end only: to build them takes TVM most of a minute each."""
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        model = make(pretrained_model=None)
        images = np.zeros((1, 3, 224, 224), "f")
        program = lower(model, (images,), {"layers": ["prob"]})
    assert program.as_text().count("nn.conv2d(") == convolutions
