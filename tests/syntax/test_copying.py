"""`copy.copy`, `copy.deepcopy` and `__dict__`: what's shared, what isn't, and what is one object."""

from __future__ import annotations

import copy
import functools
import itertools

import chainer
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same, check


class Memory:
    def __init__(self, h):
        self.h = h
        self.steps = 0


class Model(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.fc = L.Linear(3, 3, initialW=0.5)
            self.norm = L.BatchNormalization(3)
        self.buffer = np.zeros(3, "f")
        self.state = {"all": [self.buffer]}

    def forward(self, x):
        other = copy.deepcopy(self)
        other.fc.W.array[...] = 1
        other.state["all"][0][1] = 3
        with chainer.using_config("train", True):
            y = other.norm(x)
        shared = self.fc.copy()
        one = self.state["all"][0] is self.buffer, other.state["all"][0] is other.buffer
        return other.fc(x) + self.fc(x), y, shared(x), self.norm(x), one, other.buffer


def sharing(x, n):
    a = x.array.copy()
    table = {"a": a, "both": (a, [a])}
    deep, shallow = copy.deepcopy(table), copy.copy(table)
    deep["a"][0] = n
    items = [x]
    items.append(items)
    round_trip = copy.deepcopy(items)
    return deep["both"][1][0], shallow["a"], round_trip[1] is round_trip, copy.copy(x) * n


def turns(x, n):
    memory = Memory(x.array.copy())
    for i in range(n):
        other = copy.deepcopy(memory)
        other.h[0] += i
        other.steps += 1
        memory = copy.copy(other)
    if n > 1:
        memory = copy.copy(memory)
        memory.steps += 10
    return memory.h, memory.steps


def by_name(x, n):
    memory = Memory(x)
    names = memory.__dict__
    names["more"] = x * n
    for name, value in vars(memory).items():
        if name == "steps":
            names[name] = value + n
    memory.__dict__.update(last=n)
    found = names.pop("last"), names.get("last", -1), "more" in names, {**names}["steps"]
    return memory.more, memory.steps, found, sorted(names), len(names)


def tee_of_a_generator(x, n):
    first, second = itertools.tee(x[i] * n for i in range(3))
    next(first)
    return sum(first), sum(second)


@pytest.fixture
def x():
    return chainer.Variable(np.random.RandomState(0).rand(4, 3).astype("f"))


def test_what_is_shared(x):
    together = [sharing, turns, by_name, tee_of_a_generator]
    check(lambda x, n: [f(x, int(n)) for f in together], *((x, np.int64(n)) for n in (0, 1, 3)))


def test_links(x):
    model = Model()
    reference = copy.deepcopy(model)
    check(lambda x: model(x), (x,))
    compiled, more = astfront.compile(model), chainer.Variable(x.array + 1)
    assert_same(compiled(more), reference(more))
    model.state["more"] = 1
    assert_same(compiled(more), reference(more))


def test_a_cache_whose_results_would_show_is_refused(x):
    @functools.lru_cache(maxsize=None)
    def rows(n):
        return [n]

    with pytest.raises(astfront.CompileError, match="a cache"):
        astfront.compile(lambda x, n: (rows(n), rows(int(x.shape[0])))).lower(x, 2)
