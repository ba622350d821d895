"""What a call does besides computing: printed, logged and reported when it runs, in Python's order."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same

LOG = logging.getLogger("model")


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append((record.levelname, record.getMessage(), record.lineno, record.funcName))


def observed(function: Callable[..., Any], args: Any, link: chainer.Link | None = None) -> Any:
    """What a call gives or raises, prints, logs, warns of and reports."""
    handler, printed, reporter = Records(), io.StringIO(), chainer.Reporter()
    if link is not None:
        reporter.add_observer("main", link)
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        with (
            contextlib.redirect_stdout(printed),
            reporter,
            warnings.catch_warnings(record=True) as w,
        ):
            warnings.simplefilter("always")
            try:
                result = function(*copy.deepcopy(args))
            except (ValueError, RuntimeError, AssertionError) as e:
                result = (type(e).__name__, str(e).split("\n")[0])  # pytest says more
        # astfront and TVM have warnings of their own.
        said = [str(x.message) for x in w if x.category is UserWarning]
        return result, printed.getvalue(), handler.seen, said, dict(reporter.observation)
    finally:
        LOG.removeHandler(handler)


def compare(function: Any, *calls: Any) -> None:
    compiled = astfront.compile(function)
    link = function if isinstance(function, chainer.Link) else None
    for args in calls:
        with chainer.no_backprop_mode():
            expected = observed(function, args, link)
            for _ in range(2):  # The program that is there repeats all of it.
                got = observed(compiled, args, link)
                for a, b in zip(got, expected):
                    assert_same(a, b)


def ints(*items: int) -> Any:
    return (np.array(items, "i"),)


def test_straight_line() -> None:
    def f(x):
        print("shape", x.shape, x.ndim, sep="; ", end="!\n")
        hs = [x, x * 2]
        print(hs, {"a": x.sum(), "b": 1}, (1, None, x[0]))
        hs.append(x)
        n = int(x.sum())
        print(
            "%d %s %s" % (n, len(hs), x.dtype),
            f"{n:>4}|{n!r}|{x.shape[0]}",
            "{0}{k}".format(1, k=n),
        )
        LOG.info("n is %d, %s", n, "text")
        LOG.log(logging.ERROR, "x %s" % x)
        LOG.debug("never %s", n)
        warnings.warn("careful")
        title = "n=%d " % n
        LOG.info(title.strip().replace("=", str(n)).upper().ljust(9))
        assert isinstance(title, str)
        return str(n), repr(n) + "!", ", ".join([str(n), "a"]), format(n, "05d"), "n=" + str(n)

    compare(f, ints(1, 2), ints(-4, 2))


def test_filters_of_warnings() -> None:
    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.warn("never")
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.filterwarnings("ignore", "bad.*")
                warnings.warn("bad one")
                warnings.warn("good one")
            warnings.warn("never again")
        if x.sum() > 3:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", category=DeprecationWarning)
                warnings.warn("on this way")
        for i in range(x.shape[0]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if x[i] > 1:
                    x = x + 1
                    warnings.warn("never in a turn")
            if x[i] > 2:
                warnings.warn("in a turn")
        warnings.warn("at last")
        return x

    compare(f, ints(1, 2), ints(2, 3), ints(-4, 1))

    def outside(x):
        warnings.simplefilter("ignore", append=False)
        warnings.warn("never")
        warnings.resetwarnings()
        warnings.warn("always")
        return x

    compare(outside, ints(1))


@pytest.mark.parametrize(
    "filtered",
    [
        lambda: warnings.simplefilter("error"),
        lambda: warnings.filterwarnings("ignore", module="model"),
        lambda: warnings.catch_warnings(record=True).__enter__(),
    ],
)
def test_filters_that_are_refused(filtered: Any) -> None:
    with pytest.raises(astfront.CompileError, match="AF0301"):
        astfront.compile(lambda x: (filtered(), x)[1])(*ints(1))


def test_streams() -> None:
    stream = io.StringIO()

    def f(x):
        print("first", file=stream)
        for v in x:
            stream.write("%d\n" % v)
        stream.flush()
        return stream.write("done\n"), stream.write(f"{x.sum()}")

    compiled = astfront.compile(f)
    for args in ints(1, 12), ints(-3, 7):
        stream.seek(0)
        stream.truncate()
        expected, written = f(*args), stream.getvalue()
        stream.seek(0)
        stream.truncate()
        assert compiled(*args) == expected
        assert stream.getvalue() == written
    with pytest.raises(TypeError, match="must be str"):
        astfront.compile(lambda x: stream.write(x))(*ints(1))


def test_branches_and_loops() -> None:
    def f(x):
        n = 0
        print("start")
        for v in x:
            if v > 4:
                print("big", int(v), n)
            n += 1
            LOG.info("turn %d: %s", n, v)
            for k in range(int(v)):
                if k % 2:
                    print("inner", k)
        if n > 2 and (LOG.warning("many %d", n) or True):
            print(f"end {x.sum()}")
        else:
            print("few")
        return n

    compare(f, ints(1, 3), ints(-4, 5, 2), ints(0))


class TooMuch(RuntimeError):
    def __init__(self, value, where="here"):
        super().__init__(f"{value} {where}")
        self.value = value


def test_before_and_after_an_exception() -> None:
    def f(x):
        print("before")
        for v in x:
            if v < 0:
                LOG.error("negative: %d", int(v))
                raise ValueError("got %d of %s" % (int(v), x.shape), int(v))
            print(int(v))
        assert x[0] > 0, "the first is %d" % x[0]
        assert x[1] > 0, "the second"
        if x[1] > 7:
            print("raising")
            raise RuntimeError(f"{x[1]} is too much")
        try:
            if x[1] == 5:
                raise TooMuch(int(x[0]))
        except RuntimeError:
            print("caught")
        if x[1] == 6:
            raise TooMuch(int(x[0]), "there")
        if x[1] == 4:
            raise TooMuch(8)
        print("after")
        return x

    calls = ints(1, 2), ints(1, -2, 3), ints(0, 1), ints(1, 0), ints(1, 9), ints(1, 5), ints(3, 6)
    calls += (ints(1, 4),)
    compare(f, *calls)
    with pytest.raises(TooMuch) as raised:
        astfront.compile(f)(*ints(3, 6))
    assert raised.value.value == 3


def test_that_always_raises() -> None:
    def f(x):
        y = 10 // int(x[0])
        print("ten", y)
        raise ValueError(f"always, {x.shape} {y}")

    compare(f, ints(3), ints(4, 5))
    with pytest.raises(ZeroDivisionError):
        astfront.compile(f)(*ints(0))


class Reporting(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(2, 3)

    def forward(self, x):
        y = self.l(x)
        loss = F.sum(y * y)
        chainer.report({"loss": loss, "n": x.shape[0]}, self)
        if x[0, 0] > 0:
            chainer.reporter.report({"positive": float(loss.array)}, self)
        total = 0.0
        for row in x:
            total += float(row[0])
            chainer.report({"total": total}, self)
        for i in range(2):
            chainer.report({"times%d" % i: loss * i}, self)
        return loss


def test_reports() -> None:
    x = np.random.RandomState(0).randn(3, 2).astype("f")
    np.random.seed(0)
    compare(Reporting(), (x,), (-x,))


def test_report_of_something_unknown_raises() -> None:
    model = Reporting()
    compiled = astfront.compile(model)
    x = np.ones((1, 2), "f")
    with chainer.Reporter(), pytest.raises(KeyError):
        compiled(x)
    compiled(x)


def test_a_text_of_floats_decides_nothing() -> None:
    def f(x):
        return x * 2 if str(float(x[0])) == "1.0" else x

    with pytest.raises(astfront.CompileError, match="AF0205"):
        astfront.compile(f)(*ints(1))
