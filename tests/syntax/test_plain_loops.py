"""Loops in which nothing depends on data: they run while compiling, in a time that hardly grows."""

from __future__ import annotations

import cmath
import math
import time
from typing import Any

import numpy as np
import pytest

import astfront
from astfront.control.plain_loops import PlainLoops
from tests.support import check, run

LIMIT = 3


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def primes(x, n):
    """Lists that are filled, looked through and changed under two names; jumps; what is bound last."""
    found, gaps = [2], []
    same = found
    total, text, k, roots, pairs = 1, "", 0, [], [(0, 0)]
    for i in range(3, n, 2):
        is_prime = True
        for p in found:
            if p * p > i:
                break
            if i % p == 0:
                is_prime = False
                break
        if not is_prime:
            continue
        gaps.append(i - found[-1])
        same.append(i)
        total = total * i + LIMIT
        last = i
    for p in found:
        roots.append(math.sqrt(p) * cmath.phase(-1) / math.pi)
        pairs[-1:] = [(p, pairs[-1][0]), (p, -p)]
        if len(roots) > 60:
            break
    else:
        text = "all"
    while gaps:
        k = k * 3 % 1_000_003 + gaps.pop()
        text = (text + str(k))[-5:]
    for c in "abcdefgh" * 20:
        text = c + text[:4]
    seen = 0
    for v in found:  # a list that changes while it's walked over
        seen += v
        found[-1] = seen % 7
    twins = [same, found, [1]]
    return x * k, total, last, roots, pairs, text, seen, same is found, len(twins[0]), same[-3:]


def test_values(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[bool] = []
    plainly = PlainLoops.run_plainly

    def counted(self: Any, *args: Any) -> bool:
        ran.append(plainly(self, *args))
        return ran[-1]

    monkeypatch.setattr(PlainLoops, "run_plainly", counted)
    check(primes, *((floats(2), n) for n in (4, 200, 700)))
    assert ran.count(True) > 10
    assert not ran.count(False)


def stops(x, n, kind):
    ns = list(range(200))
    total = 0
    for i in range(n):
        if kind == 0:
            total += 7 // (150 - i)
        elif kind == 1:
            total += ns[i]
        else:
            total += nothing if i == 120 else 1  # noqa: F821
    return x + total


@pytest.mark.parametrize(
    ("n", "kind"), [(100, 0), (151, 0), (201, 1), (200, 1), (119, 2), (130, 2)]
)
def test_exceptions(n: int, kind: int) -> None:
    x = floats(2)
    try:
        expected = stops(x, n, kind)
    except Exception as e:
        with pytest.raises(type(e), match=str(e)[:20]):
            run(stops, x, n, kind)
    else:
        np.testing.assert_array_equal(run(stops, x, n, kind), expected)


class Counter:
    """What a loop over plain values may also have, so that Python doesn't run it."""

    def __init__(self) -> None:
        self.log = [5]
        self.count = 0

    def __call__(self, x, n):
        def helper(i):
            return i % 3

        counts = {0: 0, 1: 0, 2: 0}
        for i in range(n):
            self.count += 1
            counts[i % 3] += 1
        total = 0
        for i in range(n):
            total += helper(i) + self.log[0]
        rows = [[0]]
        for i in range(n):
            rows[0].append(i)
        m = np.float32(1)
        for _ in range(n):
            m = m * np.float32(1.01)
        t = x
        for i in range(n):
            total += i
            if i == 70:
                t = t + total
        return t, counts, total, len(rows[0]), m, self.count


def test_loops_that_have_more_than_plain_values() -> None:
    x = floats(2)
    for n in (40, 80):
        expected = Counter()(x, n)
        got = astfront.compile(Counter())(x, n)
        np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
        assert got[1:4] == expected[1:4]
        np.testing.assert_allclose(got[4], expected[4], rtol=1e-5)
        assert got[5] == expected[5]


def test_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of plain values takes no time; another is kept after some turns, or else run to its end."""

    def plain(x, n):
        total = 0
        for i in range(n):
            total = (total * 31 + i) % 1_000_003
        return x + total

    def kept(x, n):
        counts = {"a": 0}
        for i in range(n):
            counts["a"] += i % 5
        return x + counts["a"]

    def run_on(x, n):
        counts = {}
        for i in range(n):
            counts[i] = i * 2
        return x + counts[n - 1]

    x = floats(2)
    start = time.process_time()
    np.testing.assert_array_equal(run(plain, x, 1_000_000), plain(x, 1_000_000))
    assert time.process_time() - start < 8
    monkeypatch.setattr("astfront.control.loops.RUN_LIMIT", 50)
    assert "kept" in astfront.explain(astfront.compile(kept), x, 200)
    np.testing.assert_array_equal(run(kept, x, 200), kept(x, 200))
    np.testing.assert_array_equal(run(run_on, x, 200), run_on(x, 200))


def test_a_loop_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(x):
        i = 0
        while i >= 0:
            i = (i + 1) % 5
        return x + i

    monkeypatch.setattr("astfront.control.plain_loops.TURNS_LIMIT", 1000)
    monkeypatch.setattr("astfront.control.loops.RUN_LIMIT", 50)
    assert "kept" in astfront.explain(astfront.compile(function), floats(2))
