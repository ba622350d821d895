"""numpy.linalg's decompositions, and what is made of them.

The vectors of ``svd`` and ``eigh`` are refused: their signs are as LAPACK happens to leave them. What
doesn't depend on signs (singular and eigenvalues, pseudo-inverses, least squares) is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.rules.numpy.composed import composed, refuse
from astfront.rules.numpy.factorisation import as_batch, square
from astfront.rules.numpy.shaping import reshaped
from astfront.rules.numpy.support import as_array, sizes_of
from astfront.rules.registry import rule
from astfront.values import Tensor, Value


def _rotations(a: Any) -> Any:
    """The orthogonal V for which the columns of ``a @ V`` are orthogonal: no function of numpy's."""


def _reflected(a: Any, b: Any) -> Any:
    """``Q.T @ b`` where ``a = Q @ R``."""


def _eigenvectors(a: Any) -> Any:
    """Of symmetric matrices, in columns, in no order."""


@rule(_rotations)
def _rotations_rule(cx: Any, a: Value) -> Tensor:
    x = as_array(cx, a)
    sizes = sizes_of(cx, x)
    found = cx.b.call("astfront.rotations", as_batch(cx, x))
    return reshaped(cx, found, [*sizes[:-2], sizes[-1], sizes[-1]])


@rule(_reflected)
def _reflected_rule(cx: Any, a: Value, b: Value) -> Tensor:
    x, y = as_array(cx, a), as_array(cx, b)
    return reshaped(
        cx, cx.b.call("astfront.reflected", as_batch(cx, x), as_batch(cx, y)), sizes_of(cx, y)
    )


@rule(_eigenvectors)
def _eigenvectors_rule(cx: Any, a: Value) -> Tensor:
    x = square(cx, a)
    found = cx.b.call("astfront.eigenvectors", as_batch(cx, x))
    return reshaped(cx, found, sizes_of(cx, x))


def _floats(a: Any) -> Any:
    """The matrices in a dtype that LAPACK computes in."""
    a = np.asarray(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if a.dtype == np.float16:
        raise TypeError("array type float16 is unsupported in linalg")
    return a if a.dtype.kind == "f" else a.astype(np.float64)


def _columns(a: Any) -> Any:
    """V, and a @ V with its lengths, of matrices that aren't wider than they are high."""
    if not np.all(np.isfinite(a)):
        raise np.linalg.LinAlgError("SVD did not converge")
    v = _rotations(a)
    turned = a @ v
    return v, turned, np.sqrt(np.sum(turned * turned, axis=-2))


def _singular_values(a: Any) -> Any:
    if a.shape[-2] < a.shape[-1]:
        a = np.swapaxes(a, -2, -1)
    return -np.sort(-_columns(a)[2], axis=-1)


def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if compute_uv:
        refuse("numpy.linalg.svd with `compute_uv` (the signs of its vectors aren't determined)")
    return _singular_values(_floats(a))


def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    a = _floats(a)
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    half = np.tril(a, -1) if UPLO.upper() == "L" else np.triu(a, 1)
    a = half + np.swapaxes(half, -2, -1) + np.where(np.eye(a.shape[-1], dtype=bool), a, 0)
    if not np.all(np.isfinite(a)):
        raise np.linalg.LinAlgError("Eigenvalues did not converge")
    v = _eigenvectors(a)
    return np.sort(np.sum(v * (a @ v), axis=-2), axis=-1)


def _pinv(a: Any, rcond: Any = 1e-15, hermitian: bool = False) -> Any:
    if hermitian:
        refuse("numpy.linalg.pinv with `hermitian`")
    a = _floats(a)
    if a.shape[-2] < a.shape[-1]:
        return np.swapaxes(_inverted(np.swapaxes(a, -2, -1), rcond), -2, -1)
    return _inverted(a, rcond)


def _inverted(a: Any, rcond: Any) -> Any:
    v, turned, s = _columns(a)
    large = s > np.asarray(rcond)[..., None] * np.max(s, axis=-1, keepdims=True)
    weights = np.where(large, 1 / np.where(large, s * s, 1), 0).astype(a.dtype)
    return (v * weights[..., None, :]) @ np.swapaxes(turned, -2, -1)


def _lstsq(a: Any, b: Any, rcond: Any = "warn") -> Any:
    a, b = _floats(a), np.asarray(b)
    right = b[:, None] if b.ndim == 1 else b
    if a.ndim != 2 or right.ndim != 2:
        raise np.linalg.LinAlgError("arrays given must be two-dimensional")
    m, n = a.shape
    if m != right.shape[0]:
        raise np.linalg.LinAlgError("Incompatible dimensions")
    dtype = np.result_type(a.dtype, _floats(right).dtype)
    a, right = a.astype(dtype), right.astype(dtype)
    least = np.finfo(dtype).eps
    cut = least if isinstance(rcond, str) or (rcond is not None and rcond < 0) else rcond
    cut = least * max(m, n) if cut is None else cut
    x = _pinv(a, cut) @ right
    s = _singular_values(a)
    rank = np.sum(s > cut * s[:1]).astype(np.int32)
    rest = np.sum(np.square(right - a @ x), axis=0)
    if m <= n or rank != n:
        rest = rest[:0]
    return (x[:, 0] if b.ndim == 1 else x), rest, rank, s


def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        refuse(f"numpy.linalg.qr with mode {mode!r}")
    a = _floats(a)
    m, n = a.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    r = np.triu(_reflected(a, a)[..., :k, :])
    if mode == "r":
        return r
    unit = np.zeros(a.shape[:-1] + (m,), a.dtype) + np.eye(m, dtype=a.dtype)
    return np.swapaxes(_reflected(a, unit), -2, -1)[..., :k], r


def _matrix_rank(A: Any, tol: Any = None, hermitian: bool = False) -> Any:
    if hermitian:
        refuse("numpy.linalg.matrix_rank with `hermitian`")
    matrices = np.asarray(A)
    if matrices.ndim < 2:
        return int(not np.all(matrices == 0))
    s = _singular_values(_floats(matrices))
    if tol is None:
        cut = s.max(axis=-1, keepdims=True) * max(matrices.shape[-2:]) * np.finfo(s.dtype).eps
    else:
        cut = np.asarray(tol)[..., None]
    return np.count_nonzero(s > cut, axis=-1)


def _refused_eigh(a: Any, UPLO: str = "L") -> Any:
    refuse("numpy.linalg.eigh (the signs of its vectors aren't determined; eigvalsh is)")


composed(np.linalg.svd, _svd)
composed(np.linalg.eigvalsh, _eigvalsh)
composed(np.linalg.eigh, _refused_eigh)
composed(np.linalg.pinv, _pinv)
composed(np.linalg.lstsq, _lstsq)
composed(np.linalg.qr, _qr)
composed(np.linalg.matrix_rank, _matrix_rank)
