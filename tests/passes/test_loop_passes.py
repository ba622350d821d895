"""The passes over loops: what they change, and that the answers stay Chainer's."""

from __future__ import annotations

from typing import Any

import chainer
import chainer.functions as F
import numpy as np

import astfront
from astfront.build import LOOP_PASSES
from astfront.program import lower
from passes.relay import loop_invariants, text
from tests.support import assert_same


def floats(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)


def number(n: int) -> np.ndarray[Any, Any]:
    return np.array(n)


def check(function: Any, *calls: Any) -> None:
    """One compiled function gives at each of some calls what Chainer gives."""
    compiled = astfront.compile(function)
    with chainer.no_backprop_mode():
        for args in calls:
            assert_same(compiled(*args), function(*args))


def notes(function: Any, *args: Any) -> list[str]:
    """What all the passes together do to a program."""
    found: list[str] = []
    mod = lower(function, args, {}).mod
    for optimise in LOOP_PASSES:
        mod = optimise.run(mod, lambda span, what: found.append(what))
    return found


# --- loop invariants -------------------------------------------------------------------------


def invariant(x, w, ks, n, m):
    h, total = x, 0
    for i in range(int(n)):
        h = F.tanh(F.matmul(h, F.transpose(w) * F.exp(w)))
        if i > 1:
            # Neither branch may be computed ahead: k may be 0, m too large.
            h = h + F.concat([w, w], axis=0)[:2] * (7 // int(ks[0]))
        if i > 2:
            total += int(ks[int(m)])
        for j in range(i):
            h = h + F.transpose(w)[j % 2] * i
    return h, total


def test_invariant_values() -> None:
    x, w = floats(2, 2), floats(2, 2, seed=1)
    k, zero = np.array([3, 5]), np.array([0, 5])
    calls = [(x, w, zero, number(n), number(9)) for n in (0, 1, 2)]
    calls += [(x, w, k, number(n), number(m)) for n, m in ((3, 9), (6, 1))]
    check(invariant, *calls)


def test_where_invariants_go() -> None:
    mod = lower(
        invariant, (floats(2, 2), floats(2, 2), np.array([3, 5]), number(3), number(1)), {}
    ).mod
    after = text(loop_invariants.run(mod))
    before_loops, loops = after.split("let %loop", 1)
    assert "transpose" in before_loops
    assert "exp" in before_loops
    assert "transpose(" not in loops
    assert "floor_divide" not in before_loops
    assert "take(%ks" not in before_loops
