"""Special functions, Fourier transforms and linear algebra: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest
from scipy import special

from tests.functions.cases import FLOATS, V, cases, programs, rows
from tests.support import check, run

EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.5, -3.5, 1e-3, -1e-3, 10.0, -10.0, 27.0, -30.0, np.inf,
    -np.inf, np.nan, 1e-6, 100.0, 0.1, 0.9, -0.9, 0.99, 0.999999, 1e-30, 1.46163214, 1.4617, -2.3, 1.99,
]  # fmt: skip
WIDELY = np.concatenate([EDGES, rows(60, seed=1), 4 * rows(60, seed=2)]).astype("f")


@cases([V(WIDELY)], dtypes=("float16",), rtol=2e-3, atol=1e-7)
@cases([V(WIDELY)], rtol=1e-6, atol=1e-13)
@cases([V(WIDELY)], dtypes=("float64",), rtol=1e-11, atol=1e-13)
def special_functions(x):
    return (
        F.digamma(x), F.lgamma(x), F.erfc(x), F.erfcx(x), F.erfinv(x), F.erfcinv(x), F.ndtr(x),
        F.ndtri(x), F.log_ndtr(x), F.erf(x),
    )  # fmt: skip


THIRDS = V(abs(rows(3, 4)) / 3)


@cases([THIRDS], dtypes=("float16", "float32"), rtol=1e-5)
def of_scipy(x):
    a = x.array
    return (
        special.erf(a), special.gammaln(a), special.ndtri(a), special.erfinv(a[0]), special.digamma(a),
        special.expit(a), special.expit(-90 * a), special.expit(a[0, 0]), special.logit(a), special.softmax(a, axis=1),
    )  # fmt: skip


@cases([THIRDS], [V(abs(rows(1, 2)) / 3)], dtypes=(), staged={0: (None, None)})
def special_functions_of_staged_sizes(x):
    return (
        F.digamma(x), F.lgamma(x), F.erfc(x), F.erfcx(x), F.erfinv(x), F.erfcinv(x), F.ndtr(x),
        F.ndtri(x), F.log_ndtr(x), F.erf(x), F.zeta(x.array + 2, x), F.polygamma(np.array(1, "int32"), x),
    )  # fmt: skip


ZETA = [
    np.array([1, 2, 2, 2, 2, 3, 2.5, 0.5, 1, np.nan, 100, 2, 7.5, 3, 2], "f"),
    V(np.array([1, 0, -1, -0.5, -3, -25.5, -2.5, 1, 0, 1, 1.5, 6e4, 3.25, 0.1, np.nan], "f")),
    np.array([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 1, 1, 1, 2, 1], "int32"),
]


@cases(ZETA, dtypes=("float16",), rtol=2e-3, atol=0)
@cases(ZETA, rtol=2e-6, atol=0)
@cases(ZETA, dtypes=("float64",), rtol=1e-12, atol=0)
def zetas(x, q, n):
    return F.zeta(x, q), F.zeta(np.full(q.shape, 2.0), q), F.polygamma(n, abs(q))


WAVES = [V(rows(2, 7)), V(rows(2, 7, seed=1)), V(rows(5))]


@cases(WAVES, dtypes=("float16",), rtol=1e-2, atol=1e-2)
@cases(WAVES, rtol=1e-5, atol=1e-5)
@cases(WAVES, dtypes=("float64",), rtol=1e-11, atol=1e-11)
def transforms(x, y, z):
    return F.fft((x, y)), F.ifft((x, y)), F.fft((z, z * 0))


WELL = np.eye(5, dtype="f")[[1, 0, 4, 2, 3]] * 2 + rows(5, 5) / 4
FACTORED = [V(WELL), V(rows(3, 4, 4, seed=3)), V(WELL @ WELL.T + np.eye(5, dtype="f"))]


@cases(FACTORED, rtol=1e-4, atol=1e-4)
@cases(FACTORED, dtypes=("float64",), rtol=1e-10, atol=1e-10)
def factored(x, batch, spd):
    a = batch.array
    return (
        F.inv(x), F.batch_inv(batch), F.det(x), F.batch_det(batch), F.cholesky(spd),
        np.linalg.inv(a), np.linalg.solve(a, a[:, :, :2]), np.linalg.solve(a, a[:, 0]),
        np.linalg.det(a), np.linalg.slogdet(a), np.linalg.inv(a[0]), np.linalg.cholesky(spd.array[None]),
    )  # fmt: skip


@cases([rows(3, 6)], rtol=1e-4, atol=1e-5)
def transformed(x):
    y, z = np.fft.rfft(x), np.fft.fft(x, 5, axis=0)
    z[0] += 1
    return (
        y, np.abs(y), y.real, y.imag, abs(y) ** 2, np.angle(z + 2), (y * np.conj(y)).real, np.fft.ifft(z, norm="ortho").real,
        np.fft.irfft(y), np.fft.irfft(y, 5), np.fft.fft2(x), np.fft.irfft2(np.fft.rfft2(x)), z / (z + 3), 1j * x, np.exp(2j * x),
        np.fft.fftshift(z, 0)[1:, 0], np.fft.ifftshift(x, 1), np.fft.fftfreq(x.shape[1], 0.5) * x, z @ x.T, y.sum(0).conj(), y[0, 1],
        isinstance(y, np.ndarray), np.iscomplexobj(y), y.dtype == np.complex128, y.astype(np.complex64), x @ np.exp(1j * np.arange(6)),
        np.concatenate([y, y]).T, [abs(q) for q in y], 2 - y, np.fft.fftn(x)[1] == 0, np.where(x > 0, z[:3, :6], 0),
    )  # fmt: skip


@cases([rows(3, 6)], [rows(2, 5)], dtypes=("float64",), staged={0: (None, None)}, atol=1e-6)
def staged_transformed(x):
    y = np.fft.rfft(x)
    return abs(y), np.fft.irfft(y, x.shape[1]), F.fft((x, x))


def long_transformed(x):
    """Of lengths that are taken apart."""
    return np.fft.fft(x), np.fft.irfft(x, 514)


def test_long_transforms():
    check(long_transformed, (np.random.RandomState(0).randn(2, 600),), rtol=1e-5, atol=1e-5)


TALL, RANK_1 = rows(5, 3), np.outer([1, 2, 3], [1, 2]).astype("f")


@cases([TALL, rows(2, 3, 3, seed=3), RANK_1, rows(5, seed=4)], rtol=1e-4, atol=1e-4)
def decomposed(x, batch, flat, y):
    return (
        np.linalg.svd(x, compute_uv=False), np.linalg.svd(batch, compute_uv=False), np.linalg.eigvalsh(batch),
        np.linalg.pinv(x), np.linalg.pinv(batch), np.linalg.pinv(x.T), np.linalg.lstsq(x, y, rcond=None),
        np.linalg.lstsq(flat, y[:3], rcond=0.1), np.linalg.qr(x), np.linalg.qr(x.T), np.linalg.qr(batch, "complete"),
        np.linalg.qr(flat, "r"), np.linalg.matrix_rank(flat, tol=0.1), np.linalg.norm(x, 2), np.linalg.norm(x, "nuc"),
        np.linalg.cond(x), np.polyfit(y, y * y, 2), np.polyval([1, 2, 3], y),
    )  # fmt: skip


@cases(
    [TALL, rows(2, 3, 3, seed=3), rows(5, seed=4)],
    [TALL[:4], rows(1, 2, 2, seed=3), rows(4, seed=4)],
    dtypes=("float64",),
    staged={0: (None, None), 1: (None, None, None), 2: (None,)},
)
def some_decomposed(x, batch, y):
    return (
        np.linalg.svd(batch, compute_uv=False),
        np.linalg.lstsq(x, y, rcond=None),
        np.linalg.qr(x),
    )


@cases([V(rows(3, 3) + 3 * np.eye(3, dtype="f")), V(rows(2, 4, 4, seed=1))], dtypes=("float16",))
@cases(
    [V(rows(3, 3) + 3 * np.eye(3, dtype="f")), V(rows(2, 4, 4, seed=1))],
    [V(rows(1, 1)), V(rows(1, 4, 4, seed=1))],
    dtypes=(),
    staged={0: (None, None), 1: (None, 4, 4)},
    rtol=1e-3,
)
def some_factored(x, batch):
    return F.inv(x), F.batch_inv(batch), F.det(x), F.batch_det(batch)


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


@cases(
    [V(rows(*s, seed=i)) for i, s in enumerate([(2, 3), (3, 4), (2, 5, 3), (3, 3)])],
    dtypes=("float16", "float32"),
)
def sums(a, b, c, d):
    return (
        F.einsum("ij,jk->ik", a, b), F.einsum("ij,kj", a, a), F.einsum("ii->i", d), F.einsum("ii", d),
        F.einsum("ij->ji", a), F.einsum("ij->", a), F.einsum("bij,bkj->bik", c, c),
        F.einsum("ij,kl->ikjl", a, b), F.einsum("ij,ij->", a, a), F.einsum("...ij,jk->...ik", c, b),
        F.einsum("ij,jk,lk->il", a, b, b), F.einsum("iij->j", c[:, :2]), F.einsum("iji->ij", c[:, :, :2]),
        F.einsum("b...->...", c), F.einsum(a, [0, 1], b, [1, 2], [0, 2]), F.einsum("i...,i...->i...", c, c),
        np.einsum("bij,bij->b", c.array, c.array[:, :1]), np.einsum("i,i", c.array[0, 0], c.array[1, 0]),
    )  # fmt: skip


@cases(
    [V(rows(2, 3)), V(rows(3, 4)), V(rows(2, 5, 3))],
    [V(rows(1, 3)), V(rows(3, 4)), V(rows(4, 1, 3))],
    dtypes=(),
    staged={0: (None, 3), 2: (None, None, 3)},
)
def staged_sums(a, b, c):
    return (
        F.einsum("ij,jk->ik", a, b), F.einsum("bij,bkj->bik", c, c), F.einsum("bij->ij", c),
        F.einsum("b...j,jk->b...k", c, b),
    )  # fmt: skip


SCATTERED = [V(rows(2, 3, 4)), np.array([1, 1, 0], "int32"), V(rows(2, 3, 4, seed=1))]


@cases(SCATTERED, dtypes=FLOATS)
def scattered(x, i, y):
    a = x.array.copy()
    np.add.at(a, (slice(None), i), 1.5)
    return (
        F.scatter_add(x, [0, 0], y), F.scatter_add(x, 0, x[1]), F.scatter_add(x, (slice(None), i), x),
        F.scatter_add(x, (slice(None), slice(0, 2)), x[:, :2]), F.scatter_add(x, ([0, 1], [1, 2]), x[0, :2]),
        F.scatter_add(x, i[:1] % 2, y[:1]), a,
    )  # fmt: skip


@cases(SCATTERED, dtypes=(), staged={0: (None, 3, 4)})
def scattered_to_staged_sizes(x, i, y):
    return F.scatter_add(x, (slice(None), i), y)


SPARSE = chainer.utils.to_coo(np.array([[0, 2, 0, 0.5], [-1, 0, 0, 3], [0, 0, 0, 0]], "f"))
SPARSE_BATCH = chainer.utils.to_coo(rows(2, 3, 4) * (rows(2, 3, 4, seed=1) > 0))


@cases([V(rows(4, 2)), V(rows(2, 4)), V(rows(3, 2)), V(rows(2, 4, 5))])
def sparse(x, y, z, batch):
    return (
        F.sparse_matmul(SPARSE, x), F.sparse_matmul(SPARSE, y, transb=True),
        F.sparse_matmul(SPARSE, z, transa=True), F.sparse_matmul(y, SPARSE, transb=True),
        F.sparse_matmul(z, SPARSE, transa=True), F.sparse_matmul(SPARSE_BATCH, batch),
    )  # fmt: skip


@cases([V(rows(4, 2))], [V(rows(4, 1))], dtypes=(), staged={0: (4, None)})
def sparse_by_staged_sizes(x):
    return F.sparse_matmul(SPARSE, x)


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
