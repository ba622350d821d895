"""Handlers of exceptions that depend on data: which one runs, and what was done before the exception."""

from __future__ import annotations

import contextlib

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer.utils.type_check import InvalidType

import astfront
from tests.support import assert_same, prepared

X = chainer.Variable(np.random.RandomState(0).rand(4, 3).astype("f"))
TABLE = [3, 1, 2]
NUMBERS = tuple(map(np.int64, (-7, -1, 0, 1, 2, 3, 5)))


class TooLarge(ValueError):
    pass


def what_was_done_stays(n):
    log = [0, 0]
    q = 0
    try:
        log[0] = 1
        k = TABLE[n]
        log[0] = 2
        q = 10 // n
        log[0] = 3
    except IndexError:
        k = -1
        log[0] += 10
    except ZeroDivisionError as e:
        k = len(str(e))
        log[0] += 100
    else:
        log[0] += 1000
    return k, q, log


def step(n, state):
    state["a"] = n
    if n > 2:
        raise TooLarge(f"{n} is too large")
    state["a"] = n * 2
    if n < 0:
        state["b"] = 9
        raise KeyError("negative")
    return n


def raised_in_a_function(n):
    state = {"a": 0, "b": 0}
    y = 1
    try:
        y = step(n, state) + 1
        state["b"] += 1
    except ValueError:
        y *= 3
        state["b"] += 5
    except (KeyError, IndexError) as e:
        y *= 4 + len(str(e))
    return y, state


def in_a_loop(n):
    total = 0
    for i in range(n):
        try:
            total += 12 // (i - 1)
            total += TABLE[i] * 2
        except ZeroDivisionError:
            total += 100
            continue
        except IndexError:
            total += 1000
            break
        total += 1
    return total


def around_loops(n):
    total, turns = 0, 0
    try:
        for i in range(n + 2):
            total += 12 // (i - 3)
            turns += 1
    except ZeroDivisionError:
        total += 100
    try:
        while TABLE[n] > 0:
            n += 1
            turns += 1
    except IndexError:
        turns += 10
    return total, turns


def nested(n):
    done = []
    try:
        try:
            done.append(TABLE[n])
            k = 4 // (n - 1)
        except ZeroDivisionError:
            k = TABLE[n + 2]
        finally:
            done.append(5)
        done.append(k)
    except IndexError:
        done.append(77)
    return len(done), sum(done)


def bound_in_turns(n):
    try:
        for i in range(n + 2):
            try:
                if i > 3:
                    raise TooLarge(i)
                if i == 1:
                    raise KeyError(i)
            except KeyError:
                i = -5
            finally:
                last = i
    except ValueError:
        return last
    return n


def every_way_raises(n):
    try:
        if n > 2:
            raise ValueError("a")
        elif n > 0:
            raise KeyError("b")
        raise IndexError("c")
    except (ValueError, KeyError) as e:
        return 1 if str(e) == "a" else 2
    except IndexError:
        return 3


def once_more(n):
    try:
        try:
            if n > 1:
                raise TooLarge("more")
        except TooLarge:
            n += 1
            raise
    except ValueError as e:
        n += len(str(e))
    return n


def in_a_comprehension(n):
    try:
        return max([step(k, {}) for k in range(n, 3)])
    except ValueError:
        return -1
    except KeyError:
        return -2


class Noting:
    """Stops some exceptions, and notes what it's left with."""

    def __init__(self, *stopped):
        self.stopped = stopped
        self.log = []

    def __enter__(self):
        self.log.append("in")
        return self

    def __exit__(self, kind, value, traceback):
        self.log.append("out" if kind is None else "error")
        return kind is not None and issubclass(kind, self.stopped)


def around_a_with(n):
    noting, k = Noting(), 0
    try:
        with noting, contextlib.suppress(ZeroDivisionError):
            k = 1
            k = 12 // n
            if n == 3:
                raise TooLarge("n")
            noting.log.append(TABLE[0])
    except ValueError as e:
        k = -1
    return k, noting.log


def stopped_by_a_with(n):
    noting = Noting(KeyError, TooLarge)
    z = 0
    for i in range(3):
        with noting:
            z = 1 if n > i else 2
            if n == i:
                raise KeyError(i)
            z += 10
    with noting:
        z *= 2
        raise TooLarge("always")
    return z, noting.log


def index_in_a_with(x, n):
    noting, k = Noting(IndexError), 0
    with noting:
        k = F.sum(x[n])
        k += 1
    return k, noting.log


def shapes(x, n):
    try:
        assert n > 1, "small"
        return F.concat((x[:n], x[:2]), axis=1), 0
    except AssertionError as e:
        return F.concat((x, x), axis=1), len(str(e)[:5])  # pytest makes it longer
    except InvalidType:
        return F.concat((-x, x), axis=1), 2


def test_handlers():
    together = [what_was_done_stays, raised_in_a_function, in_a_loop, around_loops, nested]
    together += [bound_in_turns, every_way_raises, once_more, in_a_comprehension]
    together += [around_a_with, stopped_by_a_with]

    def f(x, n):
        n = int(n)
        y, kind = shapes(x, n)
        return [g(n) for g in together], kind, F.sum(y), index_in_a_with(x, n)

    compiled = prepared(f, (X, NUMBERS[0]))
    with chainer.no_backprop_mode():
        for n in NUMBERS:
            assert_same(compiled((X, n)), f(X, n))


class Model(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.h = None
        self.steps = 0

    def forward(self, x, n):
        try:
            self.steps += 1
            with chainer.using_config("train", True):
                self.h = x * TABLE[int(n)]
            self.steps += 1
        except IndexError:
            self.steps += 100
        if n > 4:
            raise TooLarge("n")
        return x * self.steps


def test_what_leaves_the_call_and_what_does_not():
    model, reference = Model(), Model()
    compiled = astfront.compile(model)
    with chainer.no_backprop_mode():
        for n in NUMBERS[1:-1]:
            assert_same(compiled(X, n), reference(X, n))
            assert model.steps == reference.steps
            assert_same(model.h, reference.h)
        with pytest.raises(TooLarge):
            compiled(X, NUMBERS[-1])
    assert not chainer.config.train or chainer.global_config.train


def test_a_text_that_depends_on_data_is_refused():
    def f(x, n):
        try:
            if n > 2:
                raise TooLarge(f"{n} is too large")
        except TooLarge as e:
            return str(e)
        return ""

    with pytest.raises(astfront.CompileError, match="AF0106"):
        astfront.compile(f)(X, NUMBERS[0])
