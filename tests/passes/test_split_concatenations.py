"""What is put together and split again stays apart, and the answers stay Chainer's."""

from __future__ import annotations

from typing import Any

import chainer.functions as F
import numpy as np

from astfront.program import lower
from passes.relay import split_concatenations, text
from tests.support import check, check_staged


def floats(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)


def operators(function: Any, *args: Any) -> str:
    """The program's text without what's only made to be split."""
    return text(split_concatenations.run(lower(function, args, {}).mod))


def gates(a, b, c, s):
    """Sums and products of concatenations, broadcast along either axis, and of all their parts."""
    both = F.concat([a, b], axis=1)
    total = F.concat([both * c + F.concat([c[:1], c[1:]], axis=0), both / 2 - s], axis=-1)
    first, second, third, *rest = F.split_axis(total, 6, axis=1)
    whole, last = F.split_axis(F.concat([a, c], axis=1), [4], axis=1)
    return first * second, third, [F.tanh(x) for x in rest], whole, last


def across(a, b, c, s):
    """Parts that lie in two operands, or along another axis."""
    x = F.concat([a, b, a], axis=1)
    columns = F.split_axis(x, [3, 5, 10], axis=1)
    rows = F.split_axis(x, 2, axis=0)
    maxima = F.split_axis(F.maximum(x, F.concat([b, a, a], axis=1)), [2, 4, 6], axis=1)
    return columns, rows, maxima, x


def in_loops(a, b, c, s):
    """Outside of a loop and inside of it, on one way and on both."""
    total = c
    outside = F.concat([a, b], axis=1)
    for row in c:
        both = F.concat([F.tanh(total), outside * row], axis=1)
        left, right = F.split_axis(both, 2, axis=1)
        if F.sum(left).array > 0:
            head, tail = F.split_axis(outside, [4], axis=1)
            left = F.concat([head + 1, tail], axis=1)
        total = left - right * s
    return total


ARGS = floats(2, 4), floats(2, 2, seed=1), floats(2, 6, seed=2), floats(2, 1, seed=3)


def test_same_answers() -> None:
    def everything(*args):
        return gates(*args), across(*args), in_loops(*args)

    check(everything, ARGS, tuple(-x for x in ARGS))
    batch = {i: (None, x.shape[1]) for i, x in enumerate(ARGS)}
    check_staged(lambda *args: (across(*args)[0], gates(*args)[3:]), ARGS, batch)


def test_nothing_is_put_together() -> None:
    def cell(a, b, c):
        x, y, z = F.split_axis(F.concat([a, b], axis=1) + c, 3, axis=1)
        return x * y + z

    found = operators(cell, *ARGS[:3])
    assert "concatenate" not in found
    assert "split(" not in found
    assert "concatenate" in operators(across, *ARGS)


def test_many_operators_before_a_split() -> None:
    """Of a few that use their operand twice each operand is one part; of very many nothing is."""

    def doubled(x, times):
        return doubled(x + x, times - 1) if times else x

    def deep(a, b, times):
        return F.split_axis(doubled(F.concat([a, b], axis=1), times), 2, axis=1)

    a, b = floats(2, 4), floats(2, 4, seed=1)
    few = operators(lambda a, b: deep(a, b, 4), a, b)
    assert ("concatenate" in few, few.count("add(")) == (False, 8)
    assert "concatenate" in operators(lambda a, b: deep(a, b, 40), a, b)
