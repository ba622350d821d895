"""Our kernels for ``nn.dense`` and ``nn.batch_matmul``: every size of either side, constant weights and live ones."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
import tvm
from tvm import relay

import astfront
from astfront.build import build, host_target
from astfront.relay.dense import PACKED, block_width, pack
from tests.support import assert_same, check, check_staged

SIZES = [(1, 3), (16, 33), (37, 1), (37, 17), (37, 100)]
ROWS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 23, 24, 25, 33, 40)


class Layers(chainer.Chain):
    """Every number of columns, with a sum of each size, at once."""

    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            for k, n in SIZES:
                setattr(self, f"l{k}_{n}", L.Linear(k, n))

    def forward(self, x):
        made = []
        for k, n in SIZES:
            y = getattr(self, f"l{k}_{n}")(x[:, :k])
            made.append(F.relu(y) if n % 2 else y)
        return made


def rows(rng: np.random.RandomState, m: int, k: int) -> np.ndarray:
    return rng.uniform(-1, 1, (m, k)).astype(np.float32)


def compare(compiled, model, x: np.ndarray) -> None:
    with chainer.no_backprop_mode():
        assert_same(compiled(x), model.forward(x))


@pytest.mark.parametrize("freeze", [False, True])
def test_any_number_of_rows(freeze):
    rng = np.random.RandomState(0)
    np.random.seed(0)
    model = Layers()
    specs = [astfront.TensorSpec((None, 37), np.float32)]
    compiled = astfront.compile(model, freeze=freeze, specs=specs)
    for m in ROWS:
        compare(compiled, model, rows(rng, m, 37))


@pytest.mark.parametrize("freeze", [False, True])
def test_known_numbers_of_rows(freeze):
    rng = np.random.RandomState(0)
    np.random.seed(0)
    model = Layers()
    for m in (7, 35):
        compare(astfront.compile(model, freeze=freeze), model, rows(rng, m, 37))


@pytest.mark.parametrize("freeze", [False, True])
def test_in_loops(freeze):
    class Net(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.x = L.Linear(20, 33)
                self.h = L.Linear(33, 33, nobias=True)

        def forward(self, xs, n):
            h = F.tanh(self.x(xs))
            i = 0
            while i < n:
                h = F.tanh(self.x(xs) + self.h(h))
                i += 1
            return h

    np.random.seed(0)
    rng = np.random.RandomState(0)
    model = Net()
    specs = [astfront.TensorSpec((None, 20), np.float32), astfront.TensorSpec((), np.int64)]
    compiled = astfront.compile(model, freeze=freeze, specs=specs)
    for m, n in ((1, 0), (3, 1), (26, 17)):
        x = rows(rng, m, 20)
        with chainer.no_backprop_mode():
            assert_same(compiled(x, np.array(n)), model.forward(x, n))


def test_sizes_of_both_sides_staged():
    """And other dtypes, which TVM's kernels compute."""
    rng = np.random.RandomState(0)

    def products(a, b, c, d):
        return F.matmul(a, b, transb=True), F.matmul(c, d), F.linear(a.astype("d"), b.astype("d"))

    for m, k, n in ((1, 3, 1), (5, 40, 20), (30, 33, 50), (49, 16, 100)):
        arrays = (rows(rng, m, k), rows(rng, n, k), rows(rng, m, k), rows(rng, k, n))
        check(products, arrays)
    a, b = (
        relay.var("a", shape=(relay.Any(), relay.Any())),
        relay.var("b", shape=(relay.Any(),) * 2),
    )
    executable = build(tvm.IRModule.from_expr(relay.Function([a, b], relay.nn.dense(a, b))))
    for m, k, n in ((1, 3, 1), (5, 40, 20), (30, 33, 50), (49, 0, 9), (0, 4, 5), (25, 35, 0)):
        x, w = rows(rng, m, k), rows(rng, n, k)
        (got,) = executable.run([x, w])
        np.testing.assert_allclose(got, x @ w.T, rtol=1e-4, atol=1e-5)


def test_stacks_of_matrices():
    rng = np.random.RandomState(0)

    def stack(*shape):
        return rng.uniform(-1, 1, shape).astype(np.float32)

    def products(a, b, c, d):
        return (
            F.matmul(a, b, transb=True),
            F.relu(F.matmul(a, c)),
            F.matmul(a, d, transb=True) * 2,
            F.matmul(d, a, transb=True),
        )

    for batch, m, k, n in ((1, 1, 3, 5), (3, 5, 40, 17), (2, 30, 33, 50)):
        arrays = stack(batch, m, k), stack(batch, n, k), stack(batch, k, n), stack(1, n, k)
        check(products, arrays)
    a, b = stack(2, 27, 9), stack(2, 49, 9)
    for shapes in ({0: (2, None, 9)}, {1: (2, None, 9)}, {0: (None, None, 9), 1: (None, 49, 9)}):
        check_staged(lambda a, b: F.matmul(a, b, transb=True), (a, b), shapes)


def test_stacks_of_staged_number():
    """Also of none, and beside a single matrix."""
    rng = np.random.RandomState(0)

    def products(a, b, c):
        return F.matmul(a, b, transb=True), F.matmul(a, c, transb=True)

    specs = [astfront.TensorSpec((n, None, 9), np.float32) for n in (None, None, 1)]
    compiled = astfront.compile(products, specs=specs)
    for n, m, rows_, columns in (
        (0, 1, 2, 3),
        (3, 3, 30, 50),
        (4, 1, 5, 60),
        (1, 2, 40, 3),
        (1, 1, 1, 1),
    ):
        shapes = (n, rows_, 9), (m, columns, 9), (1, columns, 9)
        arrays = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
        assert_same(compiled(*arrays), products(*arrays))


def test_values_that_are_not_finite():
    """A NaN in one row or column stays there."""
    rng = np.random.RandomState(0)
    for m, n in ((2, 19), (31, 61)):
        x, w = rows(rng, m, 21), rows(rng, n, 21)
        x[1, 20], w[n - 1, 3], w[4, 0] = np.nan, np.inf, -np.inf
        check(F.linear, (x, w))
        constant = relay.var("x", shape=x.shape), relay.const(w)
        module = tvm.IRModule.from_expr(relay.Function([constant[0]], relay.nn.dense(*constant)))
        (got,) = build(module).run([x])
        np.testing.assert_allclose(got, x @ w.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3", "skylake-avx512"])
def test_vector_widths(cpu):
    if cpu == "skylake-avx512" and "avx512" not in host_target():
        pytest.skip("this machine has no vectors of 16")
    rng = np.random.RandomState(0)
    x, w = relay.var("x", shape=(relay.Any(), 35)), rows(rng, 45, 35)
    live = relay.var("w", shape=w.shape)
    both = relay.Tuple([relay.nn.dense(x, relay.const(w)), relay.nn.dense(x, live)])
    module = tvm.IRModule.from_expr(relay.Function([x, live], both))
    executable = build(module, target=f"llvm -mcpu={cpu}")
    for m in (1, 6, 29):
        array = rows(rng, m, 35)
        for got in executable.run([array, w]):
            np.testing.assert_allclose(got, array @ w.T, rtol=1e-4, atol=1e-5)


def test_packing():
    weight = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert pack(weight, 2).tolist() == [[[0, 2], [1, 3]], [[4, 0], [5, 0]]]
    assert [block_width(n, 16) for n in (1, 16, 17, 33, 64, 1000)] == [16, 16, 32, 16, 32, 32]


def test_constant_weights_are_packed():
    x = relay.var("x", shape=(2, 8))
    module = tvm.IRModule.from_expr(
        relay.Function([x], relay.nn.dense(x, relay.const(np.ones((5, 8), np.float32))))
    )
    with tvm.target.Target(host_target()), tvm.transform.PassContext(opt_level=3):
        module = relay.transform.AlterOpLayout()(relay.transform.InferType()(module))
    assert PACKED in module.astext(show_meta_data=False)


def products(x, y):
    return F.matmul(x, y)


def of_turned(x, y):
    return F.matmul(x, y, transa=True)


@pytest.mark.parametrize("lead", [(), (2,)])
def test_right_sides_as_they_stand(lead):
    """``passes/relay/straight_products.py`` and ``relay/matmul.py``: few rows and many, one column, rests."""
    rng = np.random.RandomState(0)
    for function in (products, of_turned):
        spec = astfront.TensorSpec((*[None] * len(lead), None, None), np.float32)
        compiled = astfront.compile(function, specs=[spec, spec])
        for m in (0, 1, 2, 3, 7, 8, 13, 33):
            for n, k in ((1, 1), (1, 37), (5, 9), (16, 8), (33, 20), (70, 3)):
                x = rng.uniform(-1, 1, (*lead, m, k)).astype(np.float32)
                y = rng.uniform(-1, 1, (*lead, k, n)).astype(np.float32)
                x = np.ascontiguousarray(np.swapaxes(x, -1, -2)) if function is of_turned else x
                assert_same(compiled(x, y), function(x, y))


@pytest.mark.parametrize(("m", "n"), [(1, 40), (5, 16), (12, 49)])
def test_known_right_sides_as_they_stand(m, n):
    rng = np.random.RandomState(0)
    x, y = (rng.uniform(-1, 1, s).astype(np.float32) for s in ((2, m, 21), (2, 21, n)))
    turned = np.ascontiguousarray(x.swapaxes(1, 2))

    def every(x, turned, y):
        straight = products(x, y), products(x[0], y[1]), products(x, y[:1]), np.matmul(x, y)
        return *straight, of_turned(turned, y)

    assert_same(astfront.compile(every)(x, turned, y), every(x, turned, y))
