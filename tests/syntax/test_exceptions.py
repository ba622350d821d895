"""try, with and raise against Python, where what is caught is known while compiling."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same

X = np.array([[0.5, -1.0, 2.0], [1.5, -0.5, 0.25]], "f")


def agrees(function: Any, *calls: Any) -> None:
    """One compiled object, called several times, gives and raises what Python does."""
    compiled = astfront.compile(copy.deepcopy(function))

    def outcome(f: Any, args: Any) -> Any:
        try:
            return f(*copy.deepcopy(args))
        except astfront.CompileError:
            raise
        except Exception as e:
            return type(e), e.args

    for args in calls:
        with chainer.no_backprop_mode():
            assert_same(outcome(compiled, args), outcome(function, args))


def refuses(code: str, function: Any, *args: Any) -> None:
    with pytest.raises(astfront.CompileError, match=code):
        astfront.compile(function)(*args)


def test_handlers():
    def f(x, d):
        log = []
        for k in ["a", "b", "c"]:
            try:
                try:
                    v = 10 // d[k]
                except ZeroDivisionError as e:
                    log.append(str(e))
                    continue
                finally:
                    log.append("f" + k)
                if k == "b":
                    break
            except KeyError as e:
                log.append(("no", e.args[0]))
            else:
                log.append(v)
            if x.sum() > 0:
                log.append("positive")
            else:
                log.append("negative")
        return log, x * len(log)

    agrees(f, (X, {"a": 1}), (-X, {"b": 2}), (X, {"a": 0}))


class Net(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 2)
        self.busy = 0

    def checked(self, x):
        if x.shape[1] != 3:
            raise ValueError("%d columns" % x.shape[1])
        return self.l(x)

    def forward(self, x):
        self.busy += 1
        try:
            import no_module_of_this_name as extra
        except ImportError:
            extra = None
        try:
            h = self.other(x)
        except AttributeError:
            h = x
        try:
            h = self.checked(h)
            if F.sum(h).array > 0:
                return h * 2
        except (TypeError, ValueError) as e:
            return str(e), extra
        finally:
            self.busy -= 1
        return h


def test_in_a_link():
    np.random.seed(0)
    model = Net()
    agrees(model, (X,), (-X,), (X[:, :2],))
    assert model.busy == 0


def test_in_staged_branches_and_loops():
    def f(x):
        d = {"a": x}
        y = x
        if x.sum() > 0:
            try:
                y = d["b"]
            except KeyError:
                y = d["a"] * 2
        for row in x:
            try:
                step = d["none"]
            except (KeyError, IndexError):
                step = row
            y = y + step
        total = 0
        try:
            for v in x[0]:
                if v > 1.75:
                    raise ValueError("too large")
                total += float(v)
        finally:
            total = total * 2
        return y, total

    agrees(f, (X,), (-X,))


def test_raise_again_and_own_exceptions():
    class Coded(Exception):
        def __init__(self, code):
            super().__init__("code %d" % code)
            self.code = code

    def g(k):
        if k == "coded":
            raise Coded(5)
        if k == "other":
            raise RuntimeError("other")
        return 1

    def f(x, k):
        try:
            n = g(k)
        except Coded as e:
            n = e.code
        except RuntimeError:
            raise
        return x * n

    agrees(f, (X, "coded"), (X, ""), (X, "other"))


def test_what_is_printed_after_an_exception_that_depends_on_data():
    def cleaning(x):
        try:
            x = x[int(x[0, 0])]
        finally:
            print("done")
        return x

    refuses("AF0106", cleaning, X)


class Log:
    def __init__(self):
        self.seen = []

    def __enter__(self):
        self.seen.append("in")
        return self

    def __exit__(self, kind, value, trace):
        self.seen.append("out" if kind is None else kind.__name__)


@contextlib.contextmanager
def guard(log, name):
    log.append("start " + name)
    try:
        yield log
    except ValueError as e:
        log.append(str(e))
    finally:
        log.append("end " + name)


@contextlib.contextmanager
def scaled(holder, k):
    old, holder.k = holder.k, k
    yield k * 2
    holder.k = old


def test_context_managers():
    class Holder:
        k = 1.0

    def f(x, n):
        log = Log()
        y = x
        try:
            with log as same:
                same.seen.append("body")
                y = x * (4 // n)
        except ZeroDivisionError:
            pass
        seen = []
        with guard(seen, "a") as other, guard(seen, "b"):
            other.append("body")
            if n == 2:
                raise ValueError("two")
            y = y * 2
        for i in range(2):
            with guard(seen, str(i)):
                y = y + i
        with contextlib.suppress(KeyError, IndexError):
            y = y * 3
            y = {}["none"]
        holder = Holder()
        with scaled(holder, 3.0) as k:
            if x.sum() > 0:
                y = y * holder.k + k
        return y, log.seen, seen, holder.k

    agrees(f, (X, 1), (-X, 0), (X, 2))


def test_a_staged_key_of_a_dict():
    def f(x):
        scales = {0: 1.0, 1: 2.5, 7: -1.0}
        rows = {1: x[0], 2: x[1]}
        k = int(x[0, 0])
        return scales[k], rows.get(1), k in rows

    agrees(f, (X,), (X + 1,), (X + 7,), (X + 3,))
