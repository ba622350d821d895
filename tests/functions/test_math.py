"""chainer/functions/math: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from tests.functions.cases import V, check_staged, rows
from tests.support import check


def operators(x, y, z):
    return x + y, x - y, x * y, x / y, -x, abs(x), x @ z


def constants(x, a):
    return (
        x + 2, 2 + x, x - 1.5, 1.5 - x, x * 3, 3 * x, x / 3, 3 / x, x // 2, 2 // x,
        x ** 2, x ** 3, x ** 0.5, x ** -1, x ** 1, 2 ** x, x + a, a + x, x * a, a - x, a / x,
        x ** np.float32(2.5), x * np.float64(0.1),
    )  # fmt: skip


def broadcasting(x, row, column):
    return x + row, column * x, row - column, F.maximum(x, row), F.add(x, row, column), x**row


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_arithmetic(dtype):
    x, y = abs(rows(3, 4, dtype=dtype)) + 0.5, abs(rows(3, 4, seed=1, dtype=dtype)) + 0.5
    loose = {"rtol": 1e-2, "atol": 1e-2} if dtype == "float16" else {}
    x, y = x.astype(dtype), y.astype(dtype)
    check(operators, [V(x), V(y), V(y[:3, :3].repeat(2, 0)[:4])], **loose)
    check(constants, [V(x), y], **loose)
    check(broadcasting, [V(x), V(y[0]), V(y[:, :1])], **loose)


def integers(x):
    return x + 1, x * 2, 5 - x, -x, x + x, x - x, x + 1.7


def test_arithmetic_of_integers():
    check(integers, [V(np.array([1, -2, 3], "int32"))], [V(np.array([1, 2, 3], "int64"))])


def by_numbers(x, n, r):
    return x * n, x + r, n - x, x / n, r / x, x**n, n**x


def test_numbers_known_at_run_time_only():
    from astfront.signature import ScalarSpec

    check_staged(
        by_numbers,
        [V(rows(2, 3) ** 2 + 1), 3, 0.5],
        specs=[((None, 3), "float32"), ScalarSpec(int), ScalarSpec(float)],
    )


def elementwise(x):
    return (
        F.exp(x), F.log(x), F.log2(x), F.log10(x), F.log1p(x), F.expm1(x), F.sqrt(x), F.square(x),
        F.sin(x), F.cos(x), F.tan(x), F.arcsin(x), F.arccos(x), F.arctan(x), F.sinh(x), F.cosh(x),
        F.arctanh(x), F.erf(x), F.absolute(x), F.rsqrt(x), F.identity(x),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_elementwise(dtype):
    x = np.array([[0.1, 0.5, 0.9], [1e-3, 0.25, 0.75]], dtype)
    loose = {"rtol": 3e-3, "atol": 3e-3} if dtype == "float16" else {"rtol": 1e-5, "atol": 1e-6}
    check(elementwise, [V(x)], **loose)


def edges(x, y):
    return (
        F.log1p(x), F.expm1(x), F.relu(x), F.maximum(x, y), F.minimum(x, y), F.arctan2(x, y),
        F.clip(x, -1.0, 0.5), F.fmod(x, y), F.max(x), F.argmax(x), F.min(x, axis=0), F.sum(x),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_infinities_and_nan(dtype):
    items = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-6, -1e-6, 30.0, -0.99]
    x, y = (g.ravel().astype(dtype) for g in np.meshgrid(items, items))
    with np.errstate(all="ignore"):
        check(edges, [V(x), V(y)], rtol=2e-5 if dtype == "float32" else 1e-10, atol=0)


def extremes(x):
    return F.max(x, axis=1), F.min(x, axis=1), F.argmax(x, axis=1), F.argmin(x, axis=1)


def test_extremes_of_infinities():
    x = np.array([[-np.inf] * 3, [np.inf] * 3, [0, -np.inf, 0], [np.nan, 1, np.nan]], "f")
    check(extremes, [V(x)])


def reductions(x):
    return (
        F.sum(x), F.sum(x, axis=-1), F.sum(x, axis=(0, 2), keepdims=True), F.mean(x), F.mean(x, 1),
        F.average(x, axis=(0, -1), keepdims=True), F.max(x), F.max(x, axis=(1, 2)),
        F.min(x, axis=-2, keepdims=True), F.argmax(x), F.argmax(x, axis=-1), F.argmin(x, axis=0),
        F.logsumexp(x), F.logsumexp(x, axis=(0, -1)), F.prod(x), F.prod(x, axis=1, keepdims=True),
        F.cumsum(x), F.cumsum(x, axis=-1), F.cumprod(x, axis=0), F.cumprod(x),
        F.batch_l2_norm_squared(x), F.sum(x, axis=()),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_reductions(dtype):
    loose = {"rtol": 2e-2, "atol": 2e-2} if dtype == "float16" else {}
    check(reductions, [V(rows(2, 3, 4, dtype=dtype))], **loose)


def some_reductions(x):
    return (
        F.sum(x), F.mean(x, axis=(0, -1), keepdims=True), F.max(x, axis=(1, 2)), F.argmax(x, axis=-1),
        F.logsumexp(x, axis=0), F.cumsum(x), F.cumprod(x, axis=2), F.prod(x, axis=1),
    )  # fmt: skip


def test_reductions_of_staged_sizes():
    check_staged(some_reductions, [V(rows(2, 3, 4))], specs=[((None, 3, None), "float32")])


def test_reductions_of_nothing():
    check(
        lambda x: (F.sum(x), F.sum(x, axis=0), F.mean(x, axis=1), F.logsumexp(x, 1)),
        [V(rows(0, 3))],
    )
    with pytest.raises(ZeroDivisionError):
        check(lambda x: F.mean(x), [V(rows(0, 3))])
    with pytest.raises(ZeroDivisionError):
        check_staged(lambda x: F.mean(x), [V(rows(0, 3))], specs=[((None, 3), "float32")])


def weighted(x, w):
    return F.average(x, axis=1, weights=w), F.average(x, weights=x * x)


def test_weighted_average():
    check(weighted, [V(rows(3, 4)), V(rows(4) ** 2)])


def two_tensors(x, y):
    p = F.sigmoid(x)
    return (
        F.maximum(x, y), F.minimum(x, y), F.fmod(x, y), F.arctan2(x, y), F.linear_interpolate(p, x, y),
        F.squared_difference(x, y), F.absolute_error(x, y), F.clip(x, -0.5, 0.5), F.clip(x, None, 0.1),
        F.clip(x, 0.1, None),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_two_tensors(dtype):
    loose = {"rtol": 1e-2, "atol": 1e-2} if dtype == "float16" else {}
    check(two_tensors, [V(rows(3, 4, dtype=dtype)), V(rows(3, 4, seed=1, dtype=dtype))], **loose)


def some_of_two(x, y):
    return F.maximum(x, y), F.fmod(x, y), F.arctan2(x, y), F.squared_difference(x, y), x + y


def test_two_tensors_of_staged_sizes():
    specs = [((None, 4), "float32"), ((None, 4), "float32")]
    check_staged(some_of_two, [V(rows(3, 4)), V(rows(3, 4, seed=1))], specs=specs)


def products(a, b, c, v, w):
    return (
        F.matmul(a, b), F.matmul(b, a, transa=True, transb=True), F.matmul(a, a, transb=True),
        F.matmul(a, a, transa=True), F.matmul(c, b), F.matmul(c, c, transb=True),
        F.matmul(c, c, transa=True), F.matmul(v, b), F.matmul(a, v), F.matmul(v, v), F.matmul(c, v),
        F.matmul(w, c), F.matmul(a, c, transb=True), F.tensordot(a, b, axes=1),
        F.tensordot(c, a, axes=([2], [1])), F.tensordot(c, c, axes=([0, 1], [0, 1])),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_matrix_products(dtype):
    loose = {"rtol": 2e-2, "atol": 2e-2} if dtype == "float16" else {}
    shapes = [(3, 4), (4, 5), (2, 3, 4), (4,), (3,)]
    check(products, [V(rows(*s, dtype=dtype)) for s in shapes], **loose)


def batched(a, b, d, e):
    return (
        F.batch_matmul(a, b), F.batch_matmul(a, a, transa=True), F.batch_matmul(a, a, transb=True),
        F.matmul(d, e), F.matmul(e, d, transa=True, transb=True), F.matmul(d, a, transb=True),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:batch_matmul is deprecated")
def test_batched_products():
    shapes = [(2, 3, 4), (2, 4, 3), (5, 1, 3, 4), (2, 4, 6)]
    check(batched, [V(rows(*s)) for s in shapes])


def staged_products(x, y, w):
    return (
        F.matmul(x, w), F.matmul(x, y, transb=True), F.matmul(x, y, transa=True), x @ w[:, 0],
    )  # fmt: skip


def test_products_of_staged_sizes():
    check_staged(
        staged_products,
        [V(rows(2, 3, 4)), V(rows(2, 3, 4)), V(rows(4, 5))],
        specs=[((None, 3, 4), "float32"), ((None, 3, 4), "float32"), ((4, 5), "float32")],
    )
    check_staged(
        lambda a, b: F.matmul(a, b, transa=True),
        [V(rows(3, 4)), V(rows(3, 5))],
        specs=[((None, 4), "float32"), ((None, 5), "float32")],
    )


def sums_over_staged_sizes(a, b, c, d):
    return (
        F.matmul(a, b), F.matmul(c, d), F.matmul(d, c, True, True), F.matmul(c[0], d[0]),
        F.linear(a, b.T), np.matmul(c.array, d.array), np.dot(a.array, b.array),
    )  # fmt: skip


@pytest.mark.parametrize(("left", "right"), [((3, None), (None, 5)), ((None, 4), (None, None))])
def test_sums_over_staged_sizes(left, right):
    """The size that's summed over is known of one operand, of the other, or of neither."""
    check_staged(
        sums_over_staged_sizes,
        [V(rows(3, 4)), V(rows(4, 5)), V(rows(2, 3, 4)), V(rows(2, 4, 5))],
        specs=[
            (left, "float32"),
            (right, "float32"),
            ((2, *left), "float32"),
            ((None, *right), "float32"),
        ],
    )


def broadcast_behind_others(x, d):
    """Fused with what comes before and after, in a list that grows."""
    return F.stack([F.broadcast_to((d - k)[:, None], x.shape) for k in range(3)])


def test_broadcasts_in_loops():
    check(broadcast_behind_others, [V(rows(2, 3)), V(rows(2))])


def test_sizes_that_differ_at_run_time():
    specs = [((None, 4), "float32"), ((None, 4), "float32")]
    with pytest.raises(chainer.utils.type_check.InvalidType):
        check_staged(
            lambda x, y: F.squared_error(x, y), [V(rows(1, 4)), V(rows(2, 4))], specs=specs
        )


def scaled(x, y):
    return F.bias(x, y), F.scale(x, y), F.bias(x, y, axis=-2 + 3)


def test_bias_and_scale():
    check(scaled, [V(rows(2, 3, 4)), V(rows(3))])


def rounded(x):
    return F.floor(x), F.ceil(x), F.fix(x), F.sign(x)


def test_rounding():
    check(rounded, [V(np.array([-1.5, 0.0, 0.5, 2.0], "f"))])


def test_bools_are_refused():
    with pytest.raises(CompileError, match="AF0307"):
        check(lambda x: x + x, [V(np.array([True, False]))])
