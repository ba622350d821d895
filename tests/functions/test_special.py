"""Special functions, Fourier transforms and linear algebra: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest
from scipy import special

from tests.functions.cases import V, check_staged, rows
from tests.support import check, run


def special_functions(x):
    return (
        F.digamma(x), F.lgamma(x), F.erfc(x), F.erfcx(x), F.erfinv(x), F.erfcinv(x), F.ndtr(x),
        F.ndtri(x), F.log_ndtr(x), F.erf(x),
    )  # fmt: skip


EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.5, -3.5, 1e-3, -1e-3, 10.0, -10.0, 27.0, -30.0, np.inf,
    -np.inf, np.nan, 1e-6, 100.0, 0.1, 0.9, -0.9, 0.99, 0.999999, 1e-30, 1.46163214, 1.4617, -2.3, 1.99,
]  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "rtol"), [("float16", 2e-3), ("float32", 1e-6), ("float64", 1e-11)]
)
def test_special_functions(dtype, rtol):
    x = np.concatenate([EDGES, rows(60, seed=1), 4 * rows(60, seed=2)]).astype(dtype)
    with np.errstate(all="ignore"):
        check(special_functions, [V(x)], rtol=rtol, atol=1e-7 if dtype == "float16" else 1e-13)


def of_scipy(x):
    a = x.array
    return (
        special.erf(a), special.gammaln(a), special.ndtri(a), special.erfinv(a[0]), special.digamma(a),
    )  # fmt: skip


def test_functions_of_scipy():
    x = abs(rows(3, 4)) / 3
    check(of_scipy, [V(x)], [V(x.astype("float16"))], rtol=1e-5)
    check_staged(special_functions, [V(x)], specs=[((None, None), "float32")])


def zetas(x, q, n):
    return F.zeta(x, q), F.zeta(np.full(q.shape, 2.0), q), F.polygamma(n, abs(q))


@pytest.mark.parametrize(
    ("dtype", "rtol"), [("float16", 2e-3), ("float32", 2e-6), ("float64", 1e-12)]
)
def test_zeta(dtype, rtol):
    x = np.array([1, 2, 2, 2, 2, 3, 2.5, 0.5, 1, np.nan, 100, 2, 7.5, 3, 2], dtype)
    q = np.array([1, 0, -1, -0.5, -3, -25.5, -2.5, 1, 0, 1, 1.5, 6e4, 3.25, 0.1, np.nan], dtype)
    n = np.array([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 1, 1, 1, 2, 1], "int32")
    with np.errstate(all="ignore"):
        check(zetas, [x, V(q), n], rtol=rtol, atol=0)


def transforms(x, y, z):
    return F.fft((x, y)), F.ifft((x, y)), F.fft((z, z * 0))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_fourier_transforms(dtype):
    tolerance = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-11}[dtype]
    args = [V(rows(2, 7, dtype=dtype)), V(rows(2, 7, seed=1, dtype=dtype)), V(rows(5, dtype=dtype))]
    check(transforms, args, rtol=tolerance, atol=tolerance)


def factored(x, batch, spd):
    a = batch.array
    return (
        F.inv(x), F.batch_inv(batch), F.det(x), F.batch_det(batch), F.cholesky(spd),
        np.linalg.inv(a), np.linalg.solve(a, a[:, :, :2]), np.linalg.solve(a, a[:, 0]),
        np.linalg.det(a), np.linalg.slogdet(a), np.linalg.inv(a[0]), np.linalg.cholesky(spd.array[None]),
    )  # fmt: skip


def some_factored(x, batch):
    return F.inv(x), F.batch_inv(batch), F.det(x), F.batch_det(batch)


def test_linear_algebra():
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-10)):
        x = np.eye(5, dtype=dtype)[[1, 0, 4, 2, 3]] * 2 + rows(5, 5, dtype=dtype) / 4
        batch = rows(3, 4, 4, dtype=dtype, seed=3)
        spd = (x @ x.T + np.eye(5)).astype(dtype)
        check(factored, [V(x), V(batch), V(spd)], rtol=tolerance, atol=tolerance)
        some = [V(x.astype("float16")), V(batch.astype("float16"))]
        check(some_factored, some, rtol=2e-2, atol=2e-2)


def test_linear_algebra_of_staged_sizes():
    specs = [((None, None), "float32"), ((None, 4, 4), "float32")]
    args = [V(rows(3, 3) + 3 * np.eye(3, dtype="f")), V(rows(2, 4, 4, seed=1))]
    check_staged(some_factored, args, specs=specs, rtol=1e-3)


@pytest.mark.parametrize(
    ("f", "x", "exception"),
    [
        (lambda x: F.inv(x), np.zeros((3, 3), "f"), ValueError),
        (lambda x: F.batch_inv(x), np.ones((2, 3, 3), "f"), ValueError),
        (lambda x: F.cholesky(x), -np.eye(3, dtype="f"), np.linalg.LinAlgError),
        (lambda x: np.linalg.inv(x.array), np.zeros((2, 2), "f"), np.linalg.LinAlgError),
        (lambda x: F.inv(x), np.zeros((3, 4), "f"), chainer.utils.type_check.InvalidType),
    ],
)
def test_matrices_that_have_no_factors(f, x, exception):
    with pytest.raises(exception):
        f(V(x))
    with pytest.raises(exception):
        run(f, V(x))


def sums(a, b, c, d):
    return (
        F.einsum("ij,jk->ik", a, b), F.einsum("ij,kj", a, a), F.einsum("ii->i", d), F.einsum("ii", d),
        F.einsum("ij->ji", a), F.einsum("ij->", a), F.einsum("bij,bkj->bik", c, c),
        F.einsum("ij,kl->ikjl", a, b), F.einsum("ij,ij->", a, a), F.einsum("...ij,jk->...ik", c, b),
        F.einsum("ij,jk,lk->il", a, b, b), F.einsum("iij->j", c[:, :2]), F.einsum("iji->ij", c[:, :, :2]),
        F.einsum("b...->...", c), F.einsum(a, [0, 1], b, [1, 2], [0, 2]), F.einsum("i...,i...->i...", c, c),
        np.einsum("bij,bij->b", c.array, c.array[:, :1]), np.einsum("i,i", c.array[0, 0], c.array[1, 0]),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_einsum(dtype):
    loose = {"rtol": 2e-2, "atol": 2e-2} if dtype == "float16" else {}
    shapes = [(2, 3), (3, 4), (2, 5, 3), (3, 3)]
    check(sums, [V(rows(*s, dtype=dtype, seed=i)) for i, s in enumerate(shapes)], **loose)


def staged_sums(a, b, c):
    return (
        F.einsum("ij,jk->ik", a, b), F.einsum("bij,bkj->bik", c, c), F.einsum("bij->ij", c),
        F.einsum("b...j,jk->b...k", c, b),
    )  # fmt: skip


def test_einsum_of_staged_sizes():
    specs = [((None, 3), "float32"), ((3, 4), "float32"), ((None, None, 3), "float32")]
    check_staged(staged_sums, [V(rows(2, 3)), V(rows(3, 4)), V(rows(2, 5, 3))], specs=specs)


def scattered(x, i, y):
    a = x.array.copy()
    np.add.at(a, (slice(None), i), 1.5)
    return (
        F.scatter_add(x, [0, 0], y), F.scatter_add(x, 0, x[1]), F.scatter_add(x, (slice(None), i), x),
        F.scatter_add(x, (slice(None), slice(0, 2)), x[:, :2]), F.scatter_add(x, ([0, 1], [1, 2]), x[0, :2]),
        F.scatter_add(x, i[:1] % 2, y[:1]), a,
    )  # fmt: skip


def test_scatter_add():
    args = [V(rows(2, 3, 4)), np.array([1, 1, 0], "int32"), V(rows(2, 3, 4, seed=1))]
    check(scattered, args)
    specs = [((None, 3, 4), "float32"), ((3,), "int32"), ((2, 3, 4), "float32")]
    check_staged(lambda x, i, y: F.scatter_add(x, (slice(None), i), y), args, specs=specs)
