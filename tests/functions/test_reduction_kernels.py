"""Reductions along rows and in lanes: sizes that fill vectors and not, NaN, sizes known at run time."""

from __future__ import annotations

import chainer.functions as F
import numpy as np
import pytest
import tvm
from tvm import relay

import astfront
from astfront.build import host_target
from passes.relay.kernel_writer import with_kernel
from tests.support import assert_same

RNG = np.random.RandomState(0)
AXES = (0, 1, 2, (0, 1), (0, 2), (1, 2), None)


def reductions(x):
    out = []
    for axis in AXES:
        for keepdims in (False, True):
            out += [
                np.sum(x, axis, keepdims=keepdims),
                np.max(x, axis, keepdims=keepdims),
                np.min(x, axis, keepdims=keepdims),
            ]
    for axis in range(3):
        out += [x.argmax(axis), x.argmin(axis)]
    return [*out, x.argmax(), (x > 0).all(2), (x > 0).any(0), x.var(1), (x * 2).sum(2) + 1]


def of_rows(x):
    return x.sum(1), x.max(1), x.argmax(1), x.argmin(1), x.sum(0), x.argmax(0), x.sum()


def softmaxes(x):
    found = [F.softmax(x, axis=a) for a in range(2)] + [F.log_softmax(x, axis=a) for a in range(2)]
    return [*found, F.relu(F.softmax(x * 2) - 0.1)]


@pytest.mark.parametrize("shape", [(6, 7, 33), (3, 5, 64), (2, 40, 7)])
def test_axes(shape):
    x = RNG.uniform(-1, 1, shape).astype("f")
    compiled = astfront.compile(reductions)
    assert_same(compiled(x), reductions(x))
    x[1, 2, 3] = x[1, 2, 5] = x[0, :, 1] = np.nan
    assert_same(compiled(x), reductions(x))


def test_the_first_of_equal_numbers_and_of_nan():
    compiled = astfront.compile(of_rows)
    for columns in (5000, 4999):
        x = RNG.randint(-3, 3, (4, columns)).astype("f")
        assert_same(compiled(x), of_rows(x))
        x[0, 777] = x[0, 4000] = x[1, 4000] = x[1, 780] = np.nan
        x[2, 30] = x[2, 20] = np.inf
        assert_same(compiled(x), of_rows(x))


def extreme_places(x):
    return x.argmax(-1), x.argmin(0), x.argmax()


OTHERS = [(dtype, (2, 300), False) for dtype in ("d", "e", "i", "q", "u1", "?")]
FLOATS = [("f", s, False) for s in ((3, 300), (2, 64), (33, 5), (2, 3, 4, 16))]
STAGED = [("f", (3, 35), True), ("f", (2, 3, 4, 16), True)]


@pytest.mark.parametrize(("dtype", "shape", "is_staged"), [*OTHERS, *FLOATS, *STAGED])
def test_places_of_extremes(dtype, shape, is_staged):
    """Lanes that come out even and don't, equal elements, those that nothing is worse than, NaN."""
    rows = RNG.randint(-2, 3, shape).astype(dtype)
    arrays = [rows, np.zeros(shape, dtype)]
    if np.dtype(dtype).kind == "f":
        some = rows.copy()
        some[RNG.uniform(size=shape) < 0.1] = np.nan
        arrays += [some, np.full(shape, -np.inf, dtype), np.full(shape, np.inf, dtype)]
    if is_staged:
        arrays += [rows[:, :1], rows[..., :1], np.concatenate([rows] * 2, axis=-1)[:1]]
    specs = [astfront.TensorSpec([None] * len(shape), rows.dtype)] if is_staged else None
    compiled = astfront.compile(extreme_places, specs=specs)
    for x in arrays:
        assert_same(compiled(x), extreme_places(x))


def test_sizes_known_at_run_time():
    spec = astfront.TensorSpec((None, None))
    compiled = [astfront.compile(f, specs=[spec]) for f in (of_rows, softmaxes)]
    for shape in ((1, 1), (3, 20), (7, 100), (2, 33)):
        x = RNG.uniform(-1, 1, shape).astype("f")
        for function, expected in zip(compiled, (of_rows, softmaxes)):
            assert_same(function(x), expected(x))


@pytest.mark.parametrize("shape", [(5, 1000), (3, 7), (2, 21, 8, 8), (4, 1), (2, 33, 64)])
def test_softmax(shape):
    x = RNG.uniform(-3, 3, shape).astype("f")
    assert_same(astfront.compile(softmaxes)(x), softmaxes(x))


def kernel_of(operator, *shape: int) -> str:
    """The kernel of an operator, as TIR."""
    x = relay.var("x", shape=shape)
    function = relay.Function([x], operator(x)).with_attr("Primitive", tvm.tir.IntImm("int32", 1))
    function = relay.transform.InferType()(tvm.IRModule.from_expr(function))["main"]
    target = tvm.target.Target(host_target())
    return str(with_kernel(function, target).attrs["lowered"].script())


def test_operators_have_our_schedules() -> None:
    """Those that TVM registers as it's imported, before there are any of ours, too."""
    for operator in (relay.sum, relay.mean, relay.prod, relay.max):
        assert "_rf" in kernel_of(lambda x, f=operator: f(x, axis=1), 2, 100)
    for operator in (relay.tanh, relay.sigmoid, relay.copy, lambda x: relay.add(x, x)):
        assert "+ 50]" in kernel_of(operator, 3, 150)
