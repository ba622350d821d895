"""``dynamic``: one program for calls whose arrays differ in their sizes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer.utils.type_check import InvalidType

import astfront
from tests.support import assert_same


def floats(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def agrees(function: Callable[..., Any], *calls: tuple[Any, ...], programs: int) -> None:
    """Every call gives what Chainer gives; so many programs are compiled."""
    compiled = astfront.compile(copy.deepcopy(function), dynamic=True)
    with chainer.using_config("train", False):
        for args in calls:
            given, expected = copy.deepcopy(args), copy.deepcopy(args)
            assert_same(compiled(*given), function(*expected))
            assert_same(given, expected)
    assert compiled.cache_info().currsize == programs


class RNN(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.step = L.Linear(5, 3)

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        h = np.zeros((x.shape[1], 3), np.float32)
        for t in range(len(x)):
            h = F.tanh(self.step(F.concat((x[t], h)))) * scale
        return h, len(x)


def test_sizes() -> None:
    calls = [
        (floats(t, b, 2),) for t, b in ((2, 3), (4, 3), (0, 3), (7, 3), (5, 1), (1, 2), (6, 1))
    ]
    # The first one's, one for all lengths, one for all lengths and batches.
    agrees(RNN(), *calls, programs=3)
    # Another scale is another program, with sizes of its own.
    variables = [(chainer.Variable(x), 2.0) for (x,) in calls]
    agrees(RNN(), calls[0], *variables[:4], programs=3)


def test_lists() -> None:
    def total(xs: list[Any], pair: Any) -> Any:
        found = np.zeros(2, np.float32)
        for x in xs:
            found = found + x.sum(axis=0) * pair["a"].sum()
        return found * len(xs)

    calls = [
        ([floats(n, 2) for n in lengths], {"a": floats(m)})
        for lengths, m in (((1, 2), 3), ((4, 5), 3), ((), 2), ((6, 0, 1), 1), ((2,) * 9, 0))
    ]
    # Two items of any sizes, then any number of items.
    agrees(total, *calls, programs=3)


def test_what_is_not_widened() -> None:
    scales = {"0x1": 2.0, "0x2": 3.0, "0x3": 5.0}

    def by_text(x: Any) -> Any:
        return x.sum() * scales[hex(len(x))]

    def changed(a: Any, b: Any) -> Any:
        a += 1
        return a.sum() * b.sum()

    agrees(by_text, (floats(1),), (floats(2),), (floats(3),), programs=3)
    x, y = floats(3), floats(4)
    agrees(changed, (floats(2), floats(2)), (x, x), (y, y), programs=3)
    fixed = [(chainer.Variable(floats(n), requires_grad=False),) for n in (1, 2)]
    agrees(lambda x: x.requires_grad, *fixed, (chainer.Variable(x),), programs=3)


def test_sizes_that_do_not_broadcast() -> None:
    """Numpy and Chainer raise exceptions of their own."""

    def add(x: Any, y: Any) -> Any:
        return x + y

    def rows(n: int) -> np.ndarray:
        return np.ones((n, 3), "f")

    for made, raised in ((np.asarray, ValueError), (chainer.Variable, InvalidType)):
        compiled = astfront.compile(add, dynamic=True)
        for n in (2, 3):
            compiled(made(rows(n)), made(rows(n)))
        with pytest.raises(raised, match="broadcast") as found:
            compiled(made(rows(2)), made(rows(4)))
        assert found.type is raised


def test_places_of_lengths_that_do_not_broadcast() -> None:
    """What's raised after other checks of the program, of sizes that are known."""
    places = astfront.TensorSpec((None,), "int64")
    compiled = astfront.compile(lambda x, i, j: x[i, j], specs=(floats(4, 3), places, places))
    x = floats(4, 3)
    assert compiled(x, np.array([0, 3]), np.array([2])).shape == (2,)
    with pytest.raises(IndexError, match="could not be broadcast"):
        compiled(x, np.array([0, 1, 2]), np.array([0, 1]))


def test_an_axis_of_no_rows_is_not_squeezed() -> None:
    compiled = astfront.compile(
        lambda x: np.squeeze(x[:1], 0), specs=(astfront.TensorSpec((None, 3)),)
    )
    x = floats(2, 3)
    np.testing.assert_array_equal(compiled(x), x[0])
    with pytest.raises(ValueError, match="cannot select an axis to squeeze out"):
        compiled(x[:0])
