"""Hooks that links have: they run as in Chainer, and what they change is changed."""

from __future__ import annotations

import copy

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import link_hooks

import astfront
from tests.support import assert_same

X = np.random.RandomState(0).rand(2, 3, 5, 5).astype("f")


class Log(chainer.LinkHook):
    name = "Log"

    def __init__(self):
        self.calls = 0
        self.last = None

    def forward_preprocess(self, args):
        self.calls += len(args.args)

    def forward_postprocess(self, args):
        self.last = args.out


class Overridden(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.inner = L.Convolution2D(3, 4, 3)

    def __call__(self, x):
        return super().__call__(x) + 1

    def forward(self, x):
        return self.inner(x)


class Model(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            spectral = link_hooks.SpectralNormalization
            self.a = L.Convolution2D(3, 4, 3).add_hook(spectral(use_gamma=True))
            self.b = L.Deconvolution2D(4, 3, 3).add_hook(spectral(factor=2.0))
            self.c = L.Convolution2D(3, 4, 3).add_hook(link_hooks.WeightStandardization())
            self.d = Overridden()
        self.log = Log()
        self.d.add_hook(self.log)

    def forward(self, x):
        h = self.b(F.relu(self.a(x)))
        y = self.d(h)
        for i in range(len(x)):
            y += F.sum(self.d(x[i : i + 1]))
        return self.c(h), y


def test_hooks_of_links():
    np.random.seed(0)
    model = Model()
    reference = copy.deepcopy(model)
    compiled = astfront.compile(model)
    for train in (False, True):
        with chainer.using_config("train", train), chainer.no_backprop_mode():
            for k in range(2):
                assert_same(compiled(X + k), reference(X + k))
                assert_same(model.a.W_u, reference.a.W_u)
                assert_same(model.log.last, reference.log.last)
                assert model.log.calls == reference.log.calls
                hook = model.a.local_link_hooks["SpectralNormalization"]
                assert hook.original_weight is model.a.W
    assert compiled.cache_info().currsize == 2
    model.a.delete_hook("SpectralNormalization")
    reference.a.delete_hook("SpectralNormalization")
    with chainer.using_config("train", False):
        assert_same(compiled(X), reference(X))


def test_hooks_for_all_are_refused():
    def f(x):
        with chainer.function_hooks.TimerHook():
            return F.relu(x)

    with pytest.raises(astfront.CompileError, match="AF0301"):
        astfront.compile(f)(X)


def test_copyto():
    def f(x):
        y, z = np.zeros((5, 5), "float16"), np.zeros(5, "int32")
        np.copyto(y, x[0, 0])
        np.copyto(z, x[0, 0, 0], casting="unsafe")
        return y, z

    assert_same(astfront.compile(f)(X * 9), f(X * 9))
    with pytest.raises(TypeError, match="same_kind"):
        astfront.compile(lambda x: np.copyto(np.zeros(5, "int32"), x[0, 0, 0]))(X)
