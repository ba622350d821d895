"""Attributes that were given to Variables, and whether modules and classes have one."""

from __future__ import annotations

import sys

import chainer
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same

X = np.random.RandomState(0).rand(2, 3).astype("f")
this = sys.modules[__name__]


class Bounded(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.fc = L.Linear(3, 3)
        self.fc.W.lower = np.full(3, -0.1, "f")

    def forward(self, x):
        y = self.fc(x) + self.fc.W.lower
        upper = self.fc.W.upper if hasattr(self.fc.W, "upper") else 1
        return y * upper, getattr(self.fc.b, "lower", 2)


def test_of_parameters():
    model = Bounded()
    compiled = astfront.compile(model)
    assert_same(compiled(X), model(X))
    model.fc.W.lower = np.full(3, -0.5, "f")
    assert_same(compiled(X), model(X))
    assert compiled.cache_info().currsize == 1
    model.fc.W.upper = 3
    assert_same(compiled(X), model(X))
    model.fc.b.lower = 4
    assert_same(compiled(X), model(X))


def test_of_arguments_are_refused():
    x = chainer.Variable(X)
    x.lower = X
    with pytest.raises(astfront.CompileError, match="given attributes"):
        astfront.compile(lambda x: x * 2)(x)


def made(x, w, dtype):
    named = chainer.Variable(x, name="q")
    apart = chainer.is_arrays_compatible([x, named]), chainer.is_arrays_compatible([x, None])
    item = x.item((1, 2)) * np.float32(2).astype("f8")
    return named.name, named + 1, chainer.as_variable(w.T), x.astype(dtype), item, apart


def test_of_variables_that_the_program_makes():
    w = chainer.Parameter(0.5)  # initialised when it's first used, as those of links
    w.initialize((2, 3))
    for dtype in (np.float16, "float64"):
        assert_same(astfront.compile(made)(X, w, dtype), made(X, w, dtype))
    with pytest.raises(astfront.CompileError, match="belongs to backprop"):
        astfront.compile(lambda x: (x * 2).requires_grad)(chainer.Variable(X))


class Holder:
    pass


def set_and_asked(x, n):
    first = hasattr(this, "extra"), hasattr(Holder, "extra")
    this.extra = Holder.extra = n
    second = hasattr(this, "extra"), hasattr(Holder, "extra"), hasattr(Holder(), "extra")
    del this.extra
    return x * n, first, second, hasattr(this, "extra")


def test_hasattr_of_what_the_program_set():
    compiled = astfront.compile(set_and_asked)
    got = compiled(X, np.int64(3))
    del Holder.extra
    assert_same(got, set_and_asked(X, 3))
    del Holder.extra
