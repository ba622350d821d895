"""Descriptors of a class: properties that keep what they gave, and those that a user writes."""

import functools

import chainer
import chainer.functions as F
import numpy as np
from chainer import distributions
from chainer.utils import cache

import astfront
from tests.support import assert_same


class Scaled:
    """A descriptor that looks and changes."""

    def __init__(self, key):
        self.key = key

    def __get__(self, obj, cls):
        return getattr(obj, self.key) * 2

    def __set__(self, obj, value):
        setattr(obj, self.key, value + 1)


class Shifted:
    """A descriptor that an attribute of the object hides."""

    def __init__(self, function):
        self.function = function

    def __get__(self, obj, cls):
        return self.function(obj) + 1


class Point:
    scaled = Scaled("_scaled")

    def __init__(self, x):
        self.x = x
        self.scaled = x

    @functools.cached_property
    def once(self):
        return F.exp(self.x)

    @cache.cached_property
    def kept(self):
        return F.exp(self.x)

    @Shifted
    def shifted(self):
        return self.x * 3


class Model(chainer.Chain):
    scaled = Scaled("_scaled")

    def __init__(self):
        super().__init__()
        self.k = np.ones(2, "f")
        self.point = Point(np.ones(2, "f"))

    @functools.cached_property
    def once(self):
        return F.exp(self.k)

    def forward(self, x):
        point = Point(x)
        before = point.once, point.kept, point.shifted
        point.x = x * 2
        after = point.once, point.kept, point.shifted
        point.shifted = x
        self.scaled = x
        mine = self.scaled, self.once, self.point.once, self.point.kept, self.point.scaled
        return before, after, point.scaled, point.shifted, mine


def test_descriptors():
    model, expected = Model(), Model()
    compiled = astfront.compile(model)
    for i in range(3):
        x = np.array([0.5, 1 + i], "f")
        assert_same(compiled(x), expected(x))
        assert sorted(vars(model)) == sorted(vars(expected))
        assert sorted(vars(model.point)) == sorted(vars(expected.point))
        model.k = expected.k = np.full(2, i, "f")  # `once` keeps what it was


def likelihood(x, mean, deviation):
    normal = distributions.Normal(mean, deviation)
    with chainer.no_backprop_mode():
        constant = normal.entropy
    return normal.log_prob(x), normal.entropy, constant, normal.mean, normal.variance


def test_distributions():
    x, mean, deviation = (np.array(v, "f") for v in ([0.1, 2], [0, 1], [1, 0.5]))
    with chainer.no_backprop_mode():
        assert_same(
            astfront.compile(likelihood)(x, mean, deviation), likelihood(x, mean, deviation)
        )


def test_getattribute():
    class Heads(chainer.Chain):
        def __init__(self):
            super().__init__()
            self.first, self.second = 2, 3

        def forward(self, x):
            return [self.__getattribute__(name) * x for name in ("first", "second")]

    x = np.ones(2, "f")
    assert_same(astfront.compile(Heads())(x), Heads()(x))


def made(mean, deviation):
    normal = distributions.Normal(mean, log_scale=deviation)
    return normal, normal.scale


def test_a_distribution_is_given_back():
    x = np.array([0.5, 1], "f")
    with chainer.no_backprop_mode():
        got, expected = astfront.compile(made)(x, x * 2), made(x, x * 2)
        assert_same(got[1], expected[1])
        assert_same(got[0].scale, expected[0].scale)
