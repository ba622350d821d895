"""chainer/functions/math: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from tests.functions.cases import FLOATS, WIDE, V, cases, f, programs, rows
from tests.support import check, check_staged, run

INTEGERS = ("int8", "uint8", "int32", "int64")


@cases(
    [V(abs(rows(3, 4)) + 0.5), V(abs(rows(3, 4, seed=1)) + 0.5), V(rows(4, 3)), rows(3, 4) + 3],
    dtypes=FLOATS,
)
def operators(x, y, z, a):
    return (
        x + y, x - y, x * y, x / y, -x, abs(x), x @ z, x ** y, x // y, x + 2, 2 + x, x - 1.5, 1.5 - x,
        x * 3, 3 * x, x / 3, 3 / x, x // 2, 2 // x, x ** 2, x ** 3, x ** 0.5, x ** -1, x ** 1, 2 ** x,
        x + a, a + x, x * a, a - x, a / x, x ** np.float32(2.5), x * np.float64(0.1),
    )  # fmt: skip


@cases([V(abs(rows(3, 4)) + 0.5), V(rows(4)), V(rows(3, 1))], dtypes=WIDE)
def broadcasting(x, row, column):
    return (
        x + row, column * x, row - column, F.maximum(x, row), F.minimum(column, row), x**row,
        F.add(x, row, column), F.add(x, row), F.fmod(x, column), F.arctan2(row, column),
    )  # fmt: skip


@cases([V(rows(3) * 5)], dtypes=("int32", "int64"))
def integers(x):
    return x + 1, x * 2, 5 - x, -x, x + x, x - x, x + 1.7


@cases([V(rows(2, 3) ** 2 + 1), 3, 0.5], dtypes=(), staged={0: (None, 3), 1: (), 2: ()})
def by_numbers(x, n, r):
    return x * n, x + r, n - x, x / n, r / x, x**n, n**x


@cases(
    [V(np.array([[0.1, 0.5, 0.9], [1e-3, 0.25, 0.75]], "f"))],
    dtypes=FLOATS,
    rtol=3e-5,
)
def elementwise(x):
    return (
        F.exp(x), F.log(x), F.log2(x), F.log10(x), F.log1p(x), F.expm1(x), F.sqrt(x), F.square(x),
        F.sin(x), F.cos(x), F.tan(x), F.arcsin(x), F.arccos(x), F.arctan(x), F.sinh(x), F.cosh(x),
        F.arctanh(x), F.erf(x), F.absolute(x), F.rsqrt(x), F.identity(x), F.identity(x, x),
        F.floor(x * 3), F.ceil(x * 3), F.fix(x * 3), F.sign(x - 0.5), F.clip(x, 0.2, 0.6),
    )  # fmt: skip


@cases([V(abs(rows(3)) / 4)], [V(abs(rows(2)) / 4)], dtypes=(), staged={0: (None,)})
def elementwise_of_staged_sizes(x):
    return (
        F.exp(x), F.log(x), F.log2(x), F.log10(x), F.log1p(x), F.expm1(x), F.sqrt(x), F.square(x),
        F.sin(x), F.cos(x), F.tan(x), F.arcsin(x), F.arccos(x), F.arctan(x), F.sinh(x), F.cosh(x),
        F.arctanh(x), F.erf(x), F.absolute(x), F.rsqrt(x), F.identity(x), F.clip(x, 0.2, 0.6),
        F.floor(x * 3), F.ceil(x * 3), F.fix(x * 3), F.sign(x - 0.5), F.linear_interpolate(x, x, x),
        F.squared_error(x, x + 1), F.absolute_error(x, x + 1), F.minimum(x, 1 - x), F.bias(x, x, axis=0),
        F.scale(x, x, axis=0), F.argmin(x, axis=0), F.min(x), F.cumsum(x, axis=0), F.average(x, weights=x),
    )  # fmt: skip


@cases([V(np.array([-1.5, -0.5, 0.0, 0.5, 1.5, 2.0], "f"))], dtypes=FLOATS)
def rounded(x):
    return F.floor(x), F.ceil(x), F.fix(x), F.sign(x)


ITEMS = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-6, -1e-6, 30.0, -0.99], "f")
PAIRS = [V(g.ravel()) for g in np.meshgrid(ITEMS, ITEMS)]


@cases(PAIRS, dtypes=WIDE, rtol=2e-5, atol=0)
def edges(x, y):
    return (
        F.log1p(x), F.expm1(x), F.relu(x), F.maximum(x, y), F.minimum(x, y), F.arctan2(x, y),
        F.clip(x, -1.0, 0.5), F.fmod(x, y), F.max(x), F.argmax(x), F.min(x, axis=0), F.sum(x),
    )  # fmt: skip


@cases([V(np.array([[-np.inf] * 3, [np.inf] * 3, [0, -np.inf, 0], [np.nan, 1, np.nan]], "f"))])
def extremes(x):
    return (
        F.max(x, axis=1), F.min(x, axis=1), F.argmax(x, axis=1), F.argmin(x, axis=1),
        F.logsumexp(x[:1]), F.logsumexp(x, axis=1),
    )  # fmt: skip


@cases([V(rows(2, 3, 4))], dtypes=FLOATS)
def reductions(x):
    return (
        F.sum(x), F.sum(x, axis=-1), F.sum(x, axis=(0, 2), keepdims=True), F.mean(x), F.mean(x, 1),
        F.average(x, axis=(0, -1), keepdims=True), F.max(x), F.max(x, axis=(1, 2)),
        F.max(x, axis=-1, keepdims=True), F.min(x, axis=-2, keepdims=True), F.min(x, (0, -1)),
        F.argmax(x), F.argmax(x, axis=-1), F.argmin(x), F.argmin(x, axis=0), F.logsumexp(x),
        F.logsumexp(x, axis=(0, -1)), F.logsumexp(x, 1), F.prod(x), F.prod(x, axis=1, keepdims=True),
        F.prod(x, axis=(-1, 0)), F.cumsum(x), F.cumsum(x, axis=-1), F.cumprod(x, axis=0), F.cumprod(x),
        F.batch_l2_norm_squared(x), F.sum(x, axis=()), F.sum_to(x, (3, 1)), F.sum_to(x, (2, 3, 4)),
        F.mean(x, axis=(1, 2), keepdims=True), F.sum_to(x, (1, 1, 4)), F.sum_to(x, ()),
    )  # fmt: skip


@cases([V(rows(2, 3, 4))], [V(rows(5, 3, 1))], dtypes=(), staged={0: (None, 3, None)})
def reductions_of_staged_sizes(x):
    return (
        F.sum(x), F.mean(x, axis=(0, -1), keepdims=True), F.max(x, axis=(1, 2)), F.argmax(x, axis=-1),
        F.logsumexp(x, axis=0), F.cumsum(x), F.cumprod(x, axis=2), F.prod(x, axis=1), F.sum_to(x, (3, 1)),
        F.batch_l2_norm_squared(x), F.sum_to(x, (1, 1)), F.sum_to(x, ()),
        F.sum_to(x, (x.shape[0], 1, x.shape[2])), F.maxout(F.concat([x, x], 0), 2, axis=0),
    )  # fmt: skip


@cases([V(rows(0, 3))], [V(rows(0, 2))], staged={0: (None, None)})
def reductions_of_nothing(x):
    return (
        F.sum(x), F.sum(x, axis=0), F.mean(x, axis=1), F.logsumexp(x, 1), F.prod(x), F.cumsum(x),
        F.max(x, axis=1), F.sum_to(x, (1, 1)), F.argmax(x, axis=1),
    )  # fmt: skip


def test_mean_of_nothing():
    with pytest.raises(ZeroDivisionError):
        check(lambda x: F.mean(x), [V(rows(0, 3))])
    with pytest.raises(ZeroDivisionError):
        check_staged(lambda x: F.mean(x), [V(rows(0, 3))], {0: (None, 3)})


@cases([V(rows(3, 4)), V(rows(4) ** 2), V(rows(3, 1) ** 2)], dtypes=FLOATS)
def weighted(x, w, v):
    return (
        F.average(x, axis=1, weights=w), F.average(x, weights=x * x), F.mean(x, 0, v[:, 0]),
        F.average(x, 1, w, keepdims=True), F.average(x, weights=x * x, keepdims=True),
    )  # fmt: skip


@cases(
    [V(rows(3, 4)), V(rows(3, 4, seed=1))],
    dtypes=FLOATS,
    staged={0: (None, 4), 1: (None, 4)},
)
def two_tensors(x, y):
    return (
        F.maximum(x, y), F.minimum(x, y), F.fmod(x, y), F.arctan2(x, y), F.absolute_error(x, y),
        F.linear_interpolate(F.sigmoid(x), x, y), F.squared_difference(x, y), F.clip(x, -0.5, 0.5),
        F.clip(x, None, 0.1), F.clip(x, 0.1, None), x + y,
    )  # fmt: skip


@cases(
    [V(rows(*s)) for s in [(3, 4), (4, 5), (2, 3, 4), (4,), (3,)]], dtypes=("float16", "float64")
)
def products(a, b, c, v, w):
    return (
        F.matmul(a, b), F.matmul(b, a, transa=True, transb=True), F.matmul(a, a, transb=True),
        F.matmul(a, a, transa=True), F.matmul(c, b), F.matmul(c, c, transb=True),
        F.matmul(c, c, transa=True), F.matmul(v, b), F.matmul(a, v), F.matmul(v, v), F.matmul(c, v),
        F.matmul(w, c), F.matmul(a, c, transb=True), F.tensordot(a, b, axes=1),
        F.tensordot(c, a, axes=([2], [1])), F.tensordot(c, c, axes=([0, 1], [0, 1])),
        F.tensordot(a, c, axes=0), F.tensordot(c, a), F.tensordot(c, v, axes=(2, 0)),
    )  # fmt: skip


@cases([V(rows(*s)) for s in [(2, 3, 4), (2, 4, 3), (5, 1, 3, 4), (2, 4, 6), (2, 3)]])
def batched(a, b, d, e, v):
    return (
        F.batch_matmul(a, b), F.batch_matmul(a, a, transa=True), F.batch_matmul(a, a, transb=True),
        F.batch_matmul(b, v), F.matmul(d, e), F.matmul(e, d, transa=True, transb=True),
        F.matmul(d, a, transb=True),
    )  # fmt: skip


@cases([V(rows(0, 3)), V(rows(3, 4)), V(rows(2, 0))])
def products_of_nothing(a, b, c):
    return F.matmul(a, b), F.matmul(c, a), F.tensordot(a, b, axes=1), F.matmul(a, a, transa=True)


@cases(
    [V(rows(2, 3, 4)), V(rows(2, 3, 4)), V(rows(4, 5))],
    dtypes=(),
    staged={0: (None, 3, 4), 1: (None, 3, 4)},
)
def staged_products(x, y, w):
    return (
        F.matmul(x, w), F.matmul(x, y, transb=True), F.matmul(x, y, transa=True), x @ w[:, 0],
        F.tensordot(x, w, axes=1), F.tensordot(x, y, axes=([0, 1], [0, 1])),
    )  # fmt: skip


@cases([f(1, 3, 4), f(5, 2, 4)], [f(5, 3, 4), f(5, 2, 4)], dtypes=(), staged={0: (None, 3, 4)})
def products_with_a_batch(x, y):
    return F.matmul(x, y, transb=True), F.matmul(y, x, transb=True)


@cases(
    *[
        [f(*a, 3, 4), f(*b, 2, 4)]
        for a, b in (((2, 3), (2, 3)), ((1, 3), (4, 1)), ((0, 1), (1, 2)))
    ],
    dtypes=(),
    staged={0: (None, None, None, 4), 1: (None, None, 2, 4)},
)
def products_of_two_batches(x, y):
    return F.matmul(x, y, transb=True), F.matmul(x, y[0], transb=True)


@cases([V(rows(3, 4)), V(rows(3, 5))], dtypes=(), staged={0: (None, 4), 1: (None, 5)})
def product_over_the_batch(a, b):
    return F.matmul(a, b, transa=True)


@cases(
    [V(rows(3, 4)), V(rows(4, 5)), V(rows(2, 3, 4)), V(rows(2, 4, 5))],
    dtypes=(),
    staged=[
        {0: left, 1: right, 2: (2, *left), 3: (None, *right)}
        for left, right in (((3, None), (None, 5)), ((None, 4), (None, None)))
    ],
)
def sums_over_staged_sizes(a, b, c, d):
    """The size that's summed over is known of one operand, of the other, or of neither."""
    return (
        F.matmul(a, b), F.matmul(c, d), F.matmul(d, c, True, True), F.matmul(c[0], d[0]),
        F.linear(a, b.T), np.matmul(c.array, d.array), np.dot(a.array, b.array),
    )  # fmt: skip


@cases([V(rows(2, 3)), V(rows(2))])
def broadcast_behind_others(x, d):
    """Fused with what comes before and after, in a list that grows."""
    return F.stack([F.broadcast_to((d - k)[:, None], x.shape) for k in range(3)])


def test_sizes_that_differ_at_run_time():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        check_staged(
            lambda x, y: F.squared_error(x, y),
            [V(rows(1, 4)), V(rows(2, 4))],
            {0: (None, 4), 1: (None, 4)},
        )


@cases([V(rows(2, 3, 4)), V(rows(3)), V(rows(3, 4)), V(rows())], dtypes=FLOATS)
def scaled(x, y, z, one):
    return (
        F.bias(x, y), F.scale(x, y), F.bias(x, z), F.scale(x, z, axis=1), F.bias(x, x, axis=0),
        F.scale(x, z[:, 0], axis=-2 + 3), F.scale(x, y[:2], axis=0),
    )  # fmt: skip


def test_bools():
    """numpy's logic, and its exceptions."""
    x, y = V(np.array([True, False, True])), V(np.array([False, False, True]))
    check(lambda x, y: (x + y, x + 2, 0 + x, x * 1, F.add(x, y, y)), [x, y])
    for refused in (lambda x: -x, lambda x: x - x, lambda x: 1 - x):
        with pytest.raises(TypeError):
            run(refused, x)


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
