"""The vectorised functions of float32 against float64, over all of float32's range."""

from __future__ import annotations

import chainer.functions as F
import numpy as np
import pytest
import scipy.special
import tvm
from tvm import relay, tir

import astfront
from astfront.build import build, host_target
from astfront.relay import builder, math
from tests.support import check

FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "erf": scipy.special.erf,
    "atanh": np.arctanh,
    "sin": np.sin,
    "cos": np.cos,
    "sigmoid": scipy.special.expit,
}
# Chainer's is tanh(x / 2) / 2 + 1 / 2: of a small result only the digits that it has beside 1 / 2.
LEAST = {"sigmoid": 0.25}
EDGES = [
    0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 1, -1, 1e-6, -1e-6, 88.722839, 88.72284,
    -87.3, -103.9, -104, -1e30, 1e30, 0.625, 0.921875, 0.9218751, 1.17549435e-38, 3.4028235e38, 9.01, -9.01,
]  # fmt: skip


def all_magnitudes() -> np.ndarray:
    bits = np.arange(0, 2**32, 4001, dtype=np.uint64).astype(np.uint32)
    numbers = np.concatenate([bits.view(np.float32), np.array(EDGES, np.float32)])
    return np.resize(numbers, -(-len(numbers) // 64) * 64 + 5)


def units_in_the_last_place(got: np.ndarray, exact: np.ndarray, least: float) -> np.ndarray:
    one = np.spacing(np.maximum(np.abs(exact.astype(np.float32)), np.float32(least)))
    return np.abs(got.astype(np.float64) - exact) / one


@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3", "host"])
def test_every_magnitude(cpu):
    target = host_target() if cpu == "host" else f"llvm -mcpu={cpu}"
    numbers = all_magnitudes()
    x = relay.var("x", shape=numbers.shape)
    results = relay.Tuple([getattr(relay, name)(x) for name in FUNCTIONS])
    module = tvm.IRModule.from_expr(relay.Function([x], results))
    with np.errstate(all="ignore"):
        for got, (name, f) in zip(build(module, target=target).run([numbers]), FUNCTIONS.items()):
            exact = f(numbers.astype(np.float64))
            expected = exact.astype(np.float32)
            finite = np.isfinite(expected)
            np.testing.assert_array_equal(got[~finite], expected[~finite], name)
            assert np.array_equal(np.signbit(got[finite]), np.signbit(expected[finite])), name
            units = units_in_the_last_place(got[finite], exact[finite], LEAST.get(name, 0))
            assert units.max() < 3, name


def test_hyperbolic_functions():
    """Small numbers keep their digits, large ones don't overflow too early; in vectors, too."""

    def hyperbolic(x):
        return np.sinh(x), np.cosh(x), np.tanh(x), F.sinh(x), F.cosh(x), F.tanh(x)

    sizes = np.concatenate([10.0 ** np.linspace(-30, 1.9, 190), np.linspace(0.4, 1.2, 66)])
    sizes = np.concatenate([sizes, -sizes]).reshape(8, 64)
    for dtype, tolerance in (("f", 1e-6), ("d", 1e-14), ("e", 2e-3)):
        x = np.clip(sizes, -11, 11) if dtype == "e" else sizes
        check(hyperbolic, (x.astype(dtype),), rtol=tolerance, atol=0)
    compiled = astfront.compile(np.tanh, fast_math=False)
    x = sizes.astype("f")
    np.testing.assert_allclose(compiled(x), np.tanh(x), rtol=1e-6)


def test_in_functions():
    """Fused with others, in loops over rows and columns of odd sizes; float64 and float16 too."""

    def everything(x):
        y = F.softmax(x) + F.log_softmax(x), F.sigmoid(x) * F.tanh(x) - F.exp(x)
        return *y, F.softplus(x), F.erf(x), F.logsumexp(x, axis=0), F.elu(x), F.log(x * x + 1)

    rng = np.random.RandomState(0)
    for shape, dtype in (((3, 7), "f"), ((1, 65), "d"), ((2, 5), "e")):
        x = rng.randn(*shape).astype(dtype) * 3
        tolerance = 1e-2 if dtype == "e" else 1e-5
        check(everything, (x,), rtol=tolerance, atol=tolerance)


def test_logarithm_of_sigmoid():
    """-inf where Chainer's sigmoid is 0."""
    x = np.array([-np.inf, -1e30, -40, -20, -9, -1, 0, 1, 40, np.inf, np.nan])
    with np.errstate(all="ignore"):
        for dtype in "fde":
            check(lambda x: F.log(F.sigmoid(x)), (x.astype(dtype),), rtol=1e-3)


def test_functions_within_functions():
    """TVM's code generator would write out the innermost argument a hundred million times."""

    def nested(x):
        return F.sigmoid(F.tanh(F.softplus(F.sigmoid(F.tanh(F.softplus(F.exp(-x) - x))))))

    check(nested, (np.linspace(-3, 3, 20, dtype=np.float32),))


def test_option():
    x = relay.var("x", shape=(8,))
    module = tvm.IRModule.from_expr(relay.Function([x], relay.exp(x)))
    calls = [
        "expf" in build(module, fast_math=on).executable.lib.get_source("asm")
        for on in (True, False, True)
    ]
    assert calls == [False, True, False]
    numbers = np.linspace(-3, 3, 9, dtype=np.float32)
    compiled = astfront.compile(lambda x: F.tanh(x), fast_math=False)
    np.testing.assert_allclose(compiled(numbers).array, np.tanh(numbers), rtol=1e-5)


def occurrences(expr, x):
    """How often ``x`` occurs where each name stands for its value."""

    def of(e, names):
        if isinstance(e, tir.Var):
            return int(e.same_as(x)) or names.get(e, 0)
        if isinstance(e, tir.Let):
            return of(e.body, {**names, e.var: of(e.value, names)})
        if isinstance(e, tir.Call):
            return sum(of(part, names) for part in e.args if isinstance(part, tir.PrimExpr))
        parts = ("a", "b", "value", "condition", "true_value", "false_value")
        return sum(of(getattr(e, part), names) for part in parts if hasattr(e, part))

    return of(expr, {})


@pytest.mark.parametrize("name", ["exp", "log", "erf", "atanh", "sin", "cos", "sigmoid", "tanh"])
def test_what_functions_of_functions_would_take_is_known(name):
    """Else sinh(tanh(arctanh(x))) compiles for a minute, and sin(cos(x)) for several."""
    x = tir.Var("x", "float32")
    counted = occurrences(getattr(math, f"_{name}")(x), x)
    assert counted <= builder._OCCURRENCES[name] <= 1.1 * counted
