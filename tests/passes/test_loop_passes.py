"""The passes over loops: what they change, and that the answers stay Chainer's."""

from __future__ import annotations

import resource
import time
from typing import Any

import chainer
import chainer.functions as F
import numpy as np
import pytest

import astfront
from astfront.program import lower
from astfront.signature import TensorSpec
from passes.relay import loop_invariants, loop_kernels, loops, many_operands, text
from tests.support import assert_same


def floats(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)


def memory() -> int:
    """The most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
    loops.run(lower(function, args, {}).mod, lambda span, what: found.append(what))
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


# --- common subexpressions -------------------------------------------------------------------


def test_what_is_computed_twice() -> None:
    """Products, sums and the checks of an index, in a loop and on one way through it."""

    def function(c, h, order, w, n):
        total = 0
        for i in range(int(n)):
            c, h = c[order], h[order] + F.matmul(c, w) + F.tanh(F.matmul(c, w))
            total += float(F.sum(h * c).array) + float(F.sum(h * c).array) - float(F.sum(c).array)
            if i % 2:
                c = c * F.sum(h * c) + F.matmul(c, w) * F.sum(h * c)
        return c, h, total

    order = np.array([2, 0, -1])
    args = floats(3, 3), floats(3, 3, seed=1), order, floats(3, 3, seed=2)
    check(function, *((*args, number(n)) for n in (0, 1, 4)))
    assert notes(function, *args, number(2)).count("the same product as before: computed once") == 2
    with pytest.raises(IndexError):
        astfront.compile(function)(*args[:2], order + 2, args[3], number(2))


# --- input projections -----------------------------------------------------------------------

PROJECTED = "one product for all turns, before the loop"


def projected(xs, zs, ids, table, w, b):
    """Rows by index, forwards and backwards, of a table, with a bias, a broadcast and a condition."""
    h = xs[0] * 0
    n = xs.shape[0]
    for t in range(n):
        h = F.tanh(h + F.bias(F.matmul(xs[t], w), b) + F.matmul(xs[n - 1 - t], w) * 0.5)
        if t > 1:
            h = h + F.matmul(F.tanh(zs[t]) * xs[t], w)
    for x, z, i in zip(xs, zs, ids):
        h = F.tanh(F.matmul(h, w) - F.matmul(x + z, w) + F.matmul(F.embed_id(i, table), w))
    return h


def projected_arguments(n: int) -> tuple[Any, ...]:
    ids = np.random.RandomState(0).randint(0, 5, (n, 2)).astype(np.int32)
    return floats(n, 2, 3), floats(n, 3, seed=1), ids, floats(5, 3), floats(3, 3), floats(3)


def test_products_of_rows() -> None:
    args = projected_arguments(6)
    check(projected, args)
    assert notes(projected, *args).count(PROJECTED) == 4


def test_products_of_rows_of_staged_number() -> None:
    def function(xs, w):
        h = xs.sum(axis=0)
        for x in xs:
            h = F.tanh(F.matmul(h, w) + F.matmul(x, w))
        for t in range(1, len(xs)):
            h = F.tanh(F.matmul(h, w) * F.matmul(xs[t], w))
        for t in range(len(xs) - 1, -1, -1):
            h = F.tanh(F.matmul(h, w) - F.matmul(xs[t], w))
        return h

    spec = TensorSpec((None, 2, 3), "float32")
    compiled = astfront.compile(function, specs=(spec, floats(3, 3)))
    for n in (0, 1, 2, 5):
        args = floats(n, 2, 3), floats(3, 3)
        with chainer.no_backprop_mode():
            assert_same(compiled(*args), function(*args))
    assert notes(function, spec, floats(3, 3)).count(PROJECTED) == 3


def test_products_of_rows_in_nested_loops() -> None:
    def function(xs, ys, w):
        h = xs[0]
        for x in xs:
            h = h + F.matmul(x, w)
            for y in ys:
                h = F.tanh(F.matmul(h, w) + F.matmul(y, w))
        return h

    check(function, (floats(6, 2, 3), floats(5, 2, 3, seed=1), floats(3, 3)))


def test_rows_that_are_hardly_read_are_not_projected() -> None:
    def few(xs, w, n):
        h = xs[0]
        for t in range(3):
            h = h + F.matmul(xs[t], w)
        for t in range(int(n)):
            h = h + F.matmul(xs[t], w)
        for x in xs:
            h = h + F.matmul(x, w)
            if h[0, 0].array > 1:
                break
        return h

    args = floats(7, 2, 3), floats(3, 3), number(4)
    check(few, args)
    assert PROJECTED not in notes(few, *args)


# --- table projections -----------------------------------------------------------------------

OF_TABLE = "one product for the whole table, before the loop"


def test_products_of_what_is_looked_up() -> None:
    """With a bias and without, of negative indices; not where the turns may be fewer than the rows."""

    def function(y, table, large, w, b, n, stop):
        total, h, rows = y.sum(), table[:2] * 0, []
        for i in range(6):
            x = F.embed_id(y - 2, table)
            h = F.tanh(h + F.linear(x, w, b) + F.linear(large[y], w) + x)
            y = (F.argmax(h, axis=1).array + i) % 5
        for i in range(5):
            h = F.tanh(F.linear(table[y], w) - h)
            y = F.argmin(h, axis=1).array.astype(np.int32)
            if F.sum(h).array > stop:
                break
            rows.append(y)
        for _ in range(int(n)):
            y = F.argmax(F.linear(table[y], w), axis=1).array
        return h, y, total, len(rows)

    args = (
        np.array([1, 4], np.int32),
        floats(5, 3),
        floats(40, 3),
        floats(3, 3, seed=1),
        floats(3, seed=2),
    )
    check(function, *((*args, number(n), np.float32(stop)) for n, stop in ((0, 9), (3, 0.5))))
    assert notes(function, *args, number(3), np.float32(0)).count(OF_TABLE) == 1


# --- collected rows --------------------------------------------------------------------------

AHEAD = "computed for all turns at once, without a loop"
AFTERWARDS = "one product for all turns, after the loop"


def collected(xs, ids, w, b):
    """Lists of what depends on the index, on a state, and on both."""
    h = xs[0]
    rows, outputs, mixed, sums, backwards = [], [h[0]], [], [], [xs[1]]
    for t in range(len(xs)):
        h = F.tanh(F.matmul(h, w) + xs[t])
        rows.append(F.exp(xs[t]) * 2 + ids[t])
        outputs.append(F.bias(F.matmul(h, w), b)[1])
        mixed.append(F.matmul(h * xs[t], w))
        s = F.matmul(h + 1, w)
        sums.append(s)
        h = h - s
        backwards.append(xs[len(xs) - 1 - t])
    later = [x + 1 for x in xs[1:]] + [xs[t] for t in range(1, 4)]
    lists = rows, mixed, sums, backwards, later
    return [F.stack(x) for x in lists], outputs[0], outputs[-1], len(outputs), h


def test_collected_rows() -> None:
    args = floats(5, 2, 3), np.arange(5), floats(3, 3), floats(3)
    check(collected, args)
    found = notes(collected, *args)
    assert found.count(AHEAD) == 4
    assert found.count(AFTERWARDS) == 2


def test_collected_rows_of_staged_number() -> None:
    def function(xs, w):
        h = xs.sum(axis=0)
        rows, outputs, first = [h], [h], 0
        for x in xs:
            h = F.tanh(F.matmul(h, w) + x)
            rows.append(F.relu(x))
            outputs.append(F.matmul(h, w))
        while F.sum(h).array > 1:
            h = h * 0.5
            outputs.append(F.matmul(F.exp(h), w))
        for i in range(1, len(xs)):
            first += len(rows) + i
        return F.stack(rows), F.stack(outputs), len(outputs), first

    spec = TensorSpec((None, 2, 3), "float32")
    compiled = astfront.compile(function, specs=(spec, floats(3, 3)))
    for n in (0, 1, 2, 5):
        args = floats(n, 2, 3) + 1, floats(3, 3)
        with chainer.no_backprop_mode():
            assert_same(compiled(*args), function(*args))
    found = notes(function, spec, floats(3, 3))
    assert (found.count(AHEAD), found.count(AFTERWARDS)) == (3, 2)


# --- loop variables --------------------------------------------------------------------------


def test_variables_that_count_are_told_from_the_turns() -> None:
    def function(x, n, m):
        length = twice = last = total = 0
        for i in range(int(m), int(n)):
            length += 1
            twice += 2
            last = i
            total += i * twice
        for _ in range(int(n)):
            length += 1
        return x + total, length, twice, last

    check(
        function, *((floats(2), number(n), number(m)) for n, m in ((0, 0), (5, 0), (5, 3), (2, 7)))
    )
    assert "let %loop1" not in text(
        loops.run(lower(function, (floats(2), number(3), number(1)), {}).mod)
    )


# --- blocks of turns -------------------------------------------------------------------------


def test_loops_of_many_turns() -> None:
    def function(x, n, w):
        """A counted loop with lists, one with lists inside of another, and one that isn't counted."""
        h, rows, every_third, lengths = x, [], [], [0]
        for i in range(int(n)):
            h = F.tanh(F.matmul(h, w) + 0.1 * i)
            rows.append(h)
            if i % 3 == 0:
                every_third.append(h[0])
        total = 0
        for k in range(3):
            inner = [k]
            while len(inner) < int(n) - k and total < 500:
                inner.append(len(inner) + inner[-1] % 7)
                total += inner[-1]
            lengths.append(len(inner))
        return h, len(rows), sum(rows[1:], x), len(every_third), lengths, total, rows[-1]

    w = floats(3, 3)
    check(function, *((floats(1, 3), number(n), w) for n in (1, 2, 31, 32, 33, 64, 65, 100, 300)))


def test_loops_that_take_several_turns_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values used more than once, lists, several counters, and loops within loops; any number of turns."""
    monkeypatch.setattr(loop_kernels, "run", lambda mod, target, note: mod)

    def function(x, n, w):
        total, rows, h, k = 3, [], x, 0
        for i in range(int(n)):
            total = (total * 5 + i) % 97 - total // 3
        for i in range(2, int(n), 3):
            x = x * x * 0.01 + i * 0.01
        for i in range(int(n)):
            h = F.tanh(F.matmul(h, w) + 0.1)
            rows.append(h)
            k += 2
        for _ in range(int(n)):
            h, x = x, h
        for i in range(int(n) - 5):
            for j in range(9):
                k = (k + i * j) % 11
        backwards = [rows[len(rows) - 1 - i] for i in range(len(rows))]
        return h, x, total, k, sum(rows, x), sum(backwards[1:], h)

    calls = [(floats(1, 3), number(n), floats(3, 3)) for n in (1, 2, 3, 4, 5, 7, 8, 11, 33, 70)]
    check(function, *calls)
    text = astfront.explain(astfront.compile(function), *calls[0])
    assert text.count("4 turns at a time") >= 4


def test_lists_that_grow_on_some_ways() -> None:
    """By several rows, on one way or the other; lists that are read or shortened in the loop."""

    def function(x, n):
        some, twice, either, read, short = [], [], [x], [x], []
        for i in range(int(n)):
            k = (i * 5 + 3) % 7
            twice.append(x + i)
            if k > 2:
                some.append(x * k)
                twice.append(x - k)
            else:
                either.append(x * i)
                if k == 1:
                    either.append(x)
            read.append(read[-1] * 0.5 + k)
            short.append(x + k)
            if len(short) > 5:
                short.pop()
        n_some = len(some)
        some.append(x)
        lists = some, twice, either, read, short
        return (
            [sum(ys, x * 0) for ys in lists],
            n_some,
            [len(ys) for ys in lists],
            some[0],
            either[-1],
        )

    check(function, *((floats(2), number(n)) for n in (0, 1, 2, 33, 40, 150)))


def test_lists_grow_in_linear_time() -> None:
    def function(x, n):
        some, twice = [], []
        for i in range(int(n)):
            if (i * 5) % 7 > 2:
                some.append(x)
            twice.append(x)
            twice.append(x * i)
        return F.stack(some), F.stack(twice)

    compiled = astfront.compile(function)
    times = []
    for n in (1000, 10000):
        args = floats(128), number(n)
        compiled(*args)
        start = time.process_time()
        compiled(*args)
        times.append(time.process_time() - start)
    assert times[1] < 40 * times[0]


def test_memory_of_a_long_loop() -> None:
    def function(x, n):
        i = 0
        while i < int(n):
            x = F.tanh(x) * 1.0001
            i += 1
        return x

    compiled = astfront.compile(function)
    compiled(floats(4), number(2000))
    before = memory()
    compiled(floats(4), number(60_000))
    assert memory() - before < 60e6


def test_rows_that_are_gathered_again() -> None:
    def function(x, n):
        parts = F.split_axis(x, 3, 0)
        rows = [x[0], x[1], x[2]]
        h = x[0]
        for i in range(int(n)):
            h = h + F.stack(rows)[i % 3]
        apart = F.concat([parts[1], parts[0], parts[2]], axis=0)
        return (
            F.concat(parts, axis=0), F.stack(parts), F.concat(parts, axis=1), apart, h,
            F.stack(rows), F.stack(rows[1:]), F.stack(rows, axis=1), F.concat(rows, axis=0),
        )  # fmt: skip

    check(function, (floats(3, 2), number(4)))
    mod = lower(function, (floats(3, 2), number(4)), {}).mod
    assert text(loops.run(mod)).count("stack(") == 2


# --- many parts ------------------------------------------------------------------------------


def test_arrays_of_many_parts() -> None:
    """Put together and taken apart along any axis, into parts of any sizes."""

    def function(xs):
        wide = F.concat(xs, axis=1)
        tall = F.stack([F.sum(x, axis=1) for x in xs], axis=-1)
        even = F.split_axis(tall, 37, 1)
        odd = F.split_axis(wide, [i + i * i // 60 for i in range(1, 37)], -1)
        return wide, even, odd[35] + odd[20][:, :1], F.stack(even[1:], axis=0)

    args = ([floats(2, 1 + i % 3, seed=i) for i in range(37)],)
    check(function, args)
    assert text(many_operands.run(lower(function, args, {}).mod)).count("stop_fusion") == 4 * 3


def test_time_of_compiling_many_rows() -> None:
    def rows(xs):
        return F.stack(xs) * 2

    times = []
    for n in (16, 320):
        start = time.process_time()
        check(rows, ([floats(2)] * n,))
        times.append(time.process_time() - start)
    assert times[1] < times[0] + 3
