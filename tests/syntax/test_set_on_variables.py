"""Attributes of Variables and arrays that the program sets: what they hold, their names, others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same, check


def X() -> chainer.Variable:
    return chainer.Variable(np.arange(6, dtype="f").reshape(2, 3))


def agrees(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """What it gives, and what it does to its arguments; the arguments as the compiled call leaves them."""
    theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
    compiled = astfront.compile(copy.deepcopy(function))
    assert_same(compiled(*ours), function(*theirs))
    assert_same(ours, theirs)
    for got, expected in zip(ours, theirs):
        if isinstance(got, chainer.Variable):
            assert got.name == expected.name
            assert getattr(got, "lower", None) == getattr(expected, "lower", None)
    return ours


def test_variables_of_the_program():
    def function(x, n):
        y = F.relu(x)
        same = y
        y.data = y.data * 2
        total = F.sum(same)
        kept = y.array
        y.array = y.array[:1]
        each = [x * 1, x * 2]
        for v in each:
            v.name = "each"
            v.data = v.data + 1
        y.creator = None
        z = x + 1
        if n > 1:
            z.array = z.array + kept
        for i in range(3):
            z.array = z.array + i
        return y, same, kept, total, each, z

    for n in (1, 2):
        agrees(function, X(), np.float32(n))


def test_variables_from_outside():
    def function(x, y, n):
        held = x.array
        x.data = held * 2
        held[0] = 7
        y.array = held
        y.array[1] = 5
        y.lower = 3
        y.name = "y"
        if n > 1:
            x.array = x.array + 1
        return x + y, held, y.lower, y.name

    for n in (1, 2):
        agrees(function, X(), X(), np.float32(n))


class Scaled(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.linear = L.Linear(3, 3)

    def forward(self, x: chainer.Variable, n: np.float32) -> chainer.Variable:
        before = self.linear(x)
        self.linear.W.array = self.linear.W.array * 2
        if n > 1:
            self.linear.b.data = self.linear.b.data + 1
        self.last = before * 2
        self.last.name = "last"
        return self.linear(before)


def test_parameters():
    plain = Scaled()
    model = copy.deepcopy(plain)
    compiled = astfront.compile(model)
    for n in (1, 2, 1):
        assert_same(compiled(X(), np.float32(n)), plain(X(), np.float32(n)))
        for got, expected in zip(model.params(), plain.params()):
            assert_same(got.array, expected.array)
        assert model.last.name == "last"


def test_attributes_of_its_own():
    def function(x):
        y = x + 1
        y.lower = 3
        y.name = "foo"
        same = y
        assert hasattr(same, "lower")
        assert not hasattr(x, "lower")
        z = x.array * 2
        z.shape = 3, 2
        return y, same.lower, y.name, z

    expected, got = function(X()), astfront.compile(function)(X())
    assert_same(got, expected)
    assert (got[0].name, got[0].lower) == ("foo", 3)


def test_what_is_refused_or_raises():
    def other_names(x, n):
        parts = []
        for i in range(int(n)):
            x.array = x.array + i
            parts.append(x)
        return parts

    def on_one_way(x, n):
        y = x + 1
        if n > 1:
            y = x * 2
            y.lower = 4
        return y.lower

    for function in (other_names, on_one_way):
        with pytest.raises(astfront.CompileError, match="AF020[39]"):
            astfront.compile(function)(X(), np.int64(3))

    def function(x):
        raised = []
        for name in ("requires_grad", "shape"):
            try:
                setattr(x, name, 1)
            except AttributeError:
                raised.append(name)
        try:
            x.array.lower = 1
        except AttributeError:
            raised.append("lower")
        return raised, x.array[0, 1].is_integer()

    check(function, [X()])
