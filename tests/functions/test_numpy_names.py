"""The rest of numpy's names: functions that compile from numpy's own source, and what they stand on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.functions.cases import cases, f, programs
from tools import numpy_names

X, V, W = f(3, 4), f(4), f(3)
I = np.array([2, 0, 1, 1])
B = f(3, 4, seed=1) > 0.3
HOLES = f(3, 4, seed=2)
HOLES[0, 1] = HOLES[2] = np.nan
SQUARE = f(3, 3) + 3 * np.eye(3, dtype="f")


@cases([X, V, W], rtol=2e-4)
def statistics(x, v, w):
    return (
        np.median(x), np.median(x, axis=(0, 1)), np.percentile(x, 30),
        np.percentile(x, [10, 50, 90], axis=0), np.percentile(x, [25, 50, 75]),
        np.quantile(x, 0.3, axis=1, keepdims=True), np.cov(x),
        np.cov(x, rowvar=False), np.corrcoef(x), np.average(x, 1, weights=v), np.average(x, weights=x * x + 1),
        np.histogram(v, 3), np.histogram(x, bins=[0, 1, 2]), np.histogram(v, 4, range=(-3, 3)),
        np.histogram_bin_edges(v, 4), np.ptp(x, 1), np.trapz(v), np.trapz(x, dx=0.5, axis=0), np.gradient(v),
        np.gradient(x), np.gradient(x, 2.0, axis=1), np.diff(x, 2), np.ediff1d(x), np.ediff1d(x, [1, 2], 0), np.apply_over_axes(np.sum, x, [0, 1]),
        np.alltrue(x), np.sometrue(x, 0), np.cumproduct(v), np.product(v), np.msort(x), np.round_(x, 1),
    )  # fmt: skip


@cases([HOLES], rtol=2e-4)
def with_nan(n):
    return (
        np.nansum(n), np.nansum(n, 1), np.nanprod(n, 1), np.nanmax(n), np.nanmax(n, 1), np.nanmin(n, 0), np.nanmean(n),
        np.nanmean(n, 0, keepdims=True), np.nanstd(n, 0), np.nanvar(n), np.nanmedian(n), np.nanmedian(n, 1),
        np.nanpercentile(n, 30, axis=0), np.nanquantile(n, [0.1, 0.9]), np.nancumsum(n, 1), np.nancumprod(n),
        np.nanargmax(n[:2], 1), np.nanargmin(n[:2]), np.nan_to_num(n), np.nan_to_num(n, nan=1, posinf=3),
        np.fmin.reduce(n, axis=1), np.isneginf(n), np.isposinf(n),
    )  # fmt: skip


@cases([X, V, W, I, B])
def chosen(x, v, w, i, b):
    return (
        np.select([b, ~b], [x, x + x]), np.select([b], [x], default=7), np.choose(i, [v, v + v, v * v]),
        np.choose(i + 1, [v, 1, 2], mode="clip"), i.choose([v, v + v, v]), np.piecewise(v, [v < 0, v >= 0], [-1, 1]),
        np.piecewise(v, [v < 0], [lambda a: -a, lambda a: a * 2]), np.lexsort((v, i)), np.lexsort((i, v)),
        np.setxor1d(v, w), np.trim_zeros(v * (v > 0)), np.resize(v, (3, 3)), np.ix_(i, i), x[np.ix_(i[:2], [1, 3])],
        np.delete(x, 1, 0), np.delete(x, [0, 2], 1), np.delete(x, slice(0, 2), 1), np.insert(v, 1, v[0]),
        np.insert(x, 1, 5, axis=0), np.insert(x, 2, w, axis=1), np.ravel_multi_index((i, i), (4, 5)),
        np.unravel_index(i, (2, 2)), np.ravel_multi_index((i, i), np.array((4, 5))),
        np.ravel_multi_index((i, i + 3), (4, 5), mode="wrap"), np.gcd(i, 4), np.lcm(i, 6),
        np.packbits(b), np.packbits(b, axis=1), np.unpackbits(np.packbits(b, axis=0), axis=0, bitorder="little"),
        np.sort(v).searchsorted(w), x.compress([True, False, True], axis=0), np.array_equiv(x, x[:1]),
        np.diag_indices_from(x[:, :3]), np.triu_indices_from(x, 1), np.tril_indices_from(x), x[..., v > 0],
        np.maximum.accumulate(x), np.minimum.accumulate(x, axis=1), np.fromiter([v[0], v[1] * 2], dtype="f"),
        np.gcd(i.astype("i2"), 4), x[0, 0, ...] ** 0.5,
    )  # fmt: skip


@cases([X, V, W, SQUARE], rtol=2e-4)
def products(x, v, w, s):
    return (
        np.convolve(v, w), np.convolve(w, v, "same"), np.convolve(v, w, "valid"), np.correlate(v, w),
        np.correlate(v, w, "full"), np.correlate(w, v, "same"), np.kron(x, x), np.kron(v, w), np.cross(x[:, :3], x[:, 1:]),
        np.cross(x[:, :2], x[:, 1:3]), np.vander(w), np.vander(w, 2, increasing=True), np.diagflat(v, 1),
        np.polyadd(v, w), np.polysub(v, w), np.polyder(v), np.polyint(v), np.poly(w), np.inner(x, x),
        np.einsum_path("ij,jk->ik", x, x.T)[0], np.block([[x, x], [x, x * 2]]), np.multiply.outer(v, w), np.less.outer(v, w),
        np.lib.stride_tricks.sliding_window_view(v, 2), np.lib.stride_tricks.sliding_window_view(x, (2, 3)),
        np.lib.stride_tricks.sliding_window_view(x, 2, axis=-1).sum(-1), np.linalg.matrix_power(s, 3),
        np.linalg.multi_dot([x, x.T, x]),
    )  # fmt: skip


@cases([X, V, W, I], rtol=2e-4)
def shapes_and_types(x, v, w, i):
    return (
        np.angle(v), np.real(x), np.imag(x), x.real, x.imag, np.conj(x), np.conjugate(v), x.conj(), np.isreal(x), np.iscomplex(x),
        np.iscomplexobj(x), np.isrealobj(x), np.real_if_close(x), np.isscalar(v[0]), np.iterable(x), np.asfarray(i),
        np.asarray_chkfinite(x), np.require(x), np.sinc(v), np.unwrap(v * 3), np.cbrt(v), np.logaddexp2(v, w[0]),
        np.linspace(v[0], v[1], 5), np.linspace(v, v + v, 3), np.logspace(0, v[0], 4),
        np.hanning(4) * v, np.indices(x.shape), np.fromfunction(lambda a, b: a + b, (2, 3)) * v[0], np.mgrid[0:3, 0:2] * v[0],
        np.ogrid[0:3, 0:2][0] * v[0], np.r_[v, w], np.c_[v, v], np.broadcast_shapes(x.shape, (1, 4)), np.row_stack([v, v]),
        np.rollaxis(x, 1), np.dsplit(x[None], 2), np.result_type(x, i), np.bitwise_or.reduce(i), np.result_type(x, 3), np.common_type(x, i),
        np.min_scalar_type(x), np.can_cast(x, "d"), np.promote_types(x.dtype, "d"), np.shape(x), np.size(x, 0), np.ndim(x),
        np.broadcast_arrays(x, v)[1], np.copysign(v, -v), np.signbit(v), np.modf(v), np.float_power(v, 2),
        np.nextafter(v, -v), x[True], x[False], x.ravel("A"), x.ravel(order="K"), x.reshape((x.shape[1], -1), order="A"),
    )  # fmt: skip


@cases([X, V])
def by_python_functions(x, v):
    return (
        np.apply_along_axis(np.sum, 0, x), np.apply_along_axis(lambda a: a * 2, 1, x), np.apply_along_axis(np.sort, 0, x),
        np.vectorize(lambda a: a * 2)(v), [k for k in np.ndindex(2, 3)], [e for k, e in np.ndenumerate(x)],
    )  # fmt: skip


@cases([X, V, I, B])
def changed_in_place(x, v, i, b):
    y, z, p, q, t, u, g, h, k, e, j = (x.copy() for _ in range(11))
    e.flat = v[:3]
    j.flat[1:6] = [7, 8]
    np.subtract.at(g, i, 2 * x[:1])
    np.multiply.at(g, (i, i), v)
    np.maximum.at(h, (i[:2], 1), v[2:] * np.nan)
    np.maximum.at(h, i, v)
    np.minimum.at(k, i[2:], v[::-1])
    np.put(y, [0, 5], v)
    np.putmask(z, b, v[:3])
    np.place(p, b, v[:2])
    np.fill_diagonal(q, 3)
    np.put_along_axis(t, np.argsort(x, 1, kind="stable")[:, :1], 9, 1)
    np.copyto(u, 7, where=b)
    y.itemset(3, 5)
    z.put(1, 4)
    return y, z, p, q, t, u, g, h, k, e, j


@cases([X, V], [X[:1], V], dtypes=(), staged={0: (None, 4)}, rtol=2e-4)
def staged(x, v):
    return (
        np.median(x, 1), np.median(x, 0), np.select([x > 0, x < -1], [x, 2 * x], 5), np.nansum(x, 0), np.trapz(x), np.kron(x, v), np.convolve(x[:, 0], v), np.average(x, 1, weights=v),
        np.delete(x, 1, 1), np.insert(x, 1, 5, axis=1), np.lexsort((x[:, 0], x[:, 1])), np.apply_along_axis(np.sum, 1, x),
        np.lib.stride_tricks.sliding_window_view(x, 2, axis=1), np.nan_to_num(x), np.add.reduce(x), np.diff(x),
        np.diag(x), np.trace(x, 1), np.diff(v, prepend=0, append=v[:2]), np.insert(v, [1, -1, 1], [7, 8, 9]), np.unique(x[:0], axis=0),
        np.unique(x[:, :0], axis=0), np.einsum("ii->i", x[:, :len(x)]), x[:1, :1].item(), float(x[:1, 0]),
    )  # fmt: skip


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()


def test_the_page_is_up_to_date():
    assert numpy_names.PAGE.read_text() == numpy_names.render(), "run `make docs`"


def test_at_least_250_functions_on_staged_arguments():
    assert len(numpy_names.on_staged_arguments()) >= 250
