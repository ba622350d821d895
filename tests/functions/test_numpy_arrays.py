"""Making, shaping, joining, sorting and multiplying arrays."""

from __future__ import annotations

import warnings

import chainer
import chainer.functions as F
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from astfront.program import lower
from astfront.signature import ScalarSpec, TensorSpec
from tests.functions.cases import proved_apart
from tests.functions.numpy_cases import same, through_xp
from tests.support import assert_same, prepared

X = np.arange(24, dtype="f").reshape(2, 3, 4)
Y = np.array([[3, 1, 2, 0], [1, 5, 7, 2], [0, 9, 4, 4]], "f")
Z = np.array([5.0, 1.0, np.nan, -2.0, 1.0, np.inf, 0.0, -np.inf, -0.0], "f")


@proved_apart()
def made(x, a):
    n, k = int(a[0]), float(a[1])
    return (
        np.zeros(3), np.ones((2, 3), "f"), np.full((2, 2), 7), np.full(3, x[0, 0], "f"), np.empty(2).shape,
        np.zeros_like(x), np.ones_like(x, dtype="i"), np.full_like(x, k), np.arange(4), np.eye(3, dtype="f"),
        np.array([1, 2]), np.array([x[0, 0], x[1, 1]]), np.array([x[0], x[1] * 2]), np.array([1.5, x[0, 0]]),
        np.array([n, 2 * n]), np.array([k, 1]), np.array(n), np.asarray(x), np.asarray(x, "d"), np.array(x, "i"),
        np.float32(n), np.int32(k), np.float32(x), np.asarray([k, n], "f"), np.linspace(0, 1, 5),
        np.array([[n, 1], [2, k]], np.float32), np.tril(x), np.triu(x, 1), np.identity(2), np.tri(3),
        x.astype("i"), x.astype(np.float64), x.astype(bool), x.astype("f").dtype, x.astype(np.float16), x.copy(),
        np.copy(x[0]), np.meshgrid(x[0], np.arange(2)), np.meshgrid(x[0], x[1], indexing="ij"), np.diag(x[0]),
        np.diag(x[0, :2], -1), np.diag(x, 1), np.trace(x), np.trace(x, dtype="d"), np.pad(x, 1, "median"), np.ascontiguousarray(x.T), np.array([True, x[0, 0] > 2]),
        np.zeros(x.shape), np.bool_(x[0, 0]), np.array(x, ndmin=3), np.arange(0, 1, 0.25), x.dtype.type(3) * x,
        np.zeros_like(chainer.Variable(x), dtype="f"), np.ones_like(chainer.Variable(x), np.int32),
        np.transpose(chainer.Variable(x)), np.moveaxis(chainer.Variable(x), 0, 1), np.sum(chainer.Variable(x)),
        np.shape(chainer.Variable(x)), np.ndim(chainer.Variable(x)), np.size(chainer.Variable(x)), np.prod(chainer.Variable(x[0])),
    )  # fmt: skip


def test_creation():
    same(made, (Y, np.array([3, 2.7])), (Y, np.array([-2, 0.5])))


@proved_apart(staged=True)
def staged_sizes(x, a):
    n, m = int(a[0]), int(a[1])
    return (
        np.zeros(n), np.ones((n, 3), "f"), np.zeros((n, 2, m), "i"), np.full((2, m), n), np.arange(n),
        np.arange(1, n), np.arange(n, -1, -2), np.arange(m, n, 3, dtype="f"), np.eye(n), np.zeros_like(x),
        np.full(x.shape, 2.5, "f"), np.tri(n, m), np.triu(x), np.arange(len(x)) * 2, np.ones(x.shape[1:]),
        np.broadcast_to(x[0], (n, x.shape[1])), np.repeat(x, n, 0), np.tile(x, (n, 2)), np.diag(x[:, 0]),
        np.full((n, 1), x[0, 0]), np.zeros((n, m), "?"), np.triu(x, n - 4), np.tri(n, m, m - 3), np.eye(n, k=m - 3),
        np.meshgrid(x[0], x[:, 0], sparse=True), np.cumsum(x, axis=0), np.cumsum(x[:, :0], axis=1), np.cumprod(x),
    )  # fmt: skip


def test_creation_with_staged_sizes():
    calls = ((Y, np.array([3, 2])), (Y[:1], np.array([0, 4])), (Y[:2], np.array([5, 1])))
    same(staged_sizes, *calls, specs=[(None, None), None])
    same(lambda x, a: np.zeros(int(a[0])), (Y, np.array([-1])))


@proved_apart()
def shaped(x):
    y = x[0]
    return (
        x.reshape(6, 4), x.reshape(-1), x.reshape((2, -1)), np.reshape(x, (4, -1, 2)), x.ravel(), x.flatten(), x.reshape((4, -1), order="F"),
        x.ravel("F"),
        x.transpose(), x.T, x.transpose(0, 2, 1), np.transpose(x, (2, 0, 1)), x.transpose((-1, 0, 1)),
        x.swapaxes(0, 2), np.swapaxes(x, 1, -1), np.moveaxis(x, 0, -1), np.rollaxis(x, 2), np.expand_dims(x, 1),
        np.expand_dims(x, (0, -1)), np.squeeze(x[:1]), x[:1].squeeze(0), x[:, :1].squeeze(axis=(1,)),
        np.broadcast_to(y, (2, 3, 4)), np.flip(x, 1), np.flip(x), np.roll(x, 1, 0), np.roll(x, -2), np.roll(y, (1, 2), (0, 1)),
        np.repeat(x, 2), np.repeat(x, 2, 1), np.repeat(y, [1, 0, 2], 0), x.repeat(3, axis=-1), np.tile(y, 2),
        np.tile(y, (2, 1, 1)), np.pad(y, 1, "constant"), np.pad(y, ((1, 0), (2, 1)), constant_values=5), np.pad(y, 1, "edge"),
        np.pad(y, ((0, 0), (2, 2)), "reflect"), np.atleast_2d(y[0]), np.atleast_1d(y[0, 0]), x.reshape(2, 3, 2, 2).sum((1, 2)),
        np.fliplr(y), np.flipud(y), y.item(3), y[0].tolist(), y[:2, :2].tolist(), y[0, 0].item(), np.size(x), np.shape(x), np.ndim(x),
        np.diagonal(x, 0, 1, 2), np.broadcast_arrays(y, y[0])[1], np.pad(y.astype("l"), 1), np.pad(y > 3, 1),
    )  # fmt: skip


def test_shaping():
    same(shaped, (X,))


@proved_apart(staged=True)
def staged_shapes(x, a):
    n = int(a[0])
    return (
        x.reshape(-1), x.reshape(x.shape[0], 2, 2), x.reshape(-1, 2), x.ravel(), x.ravel("F"), x.T, x[:, None], np.expand_dims(x, 0),
        np.repeat(x, 2, 0), np.tile(x, (1, 2)), np.pad(x, ((1, 1), (0, 2))), np.flip(x, 0), np.roll(x, 1, 0), np.roll(x, n, 1),
        x.reshape(2, -1, x.shape[0]), x.transpose(1, 0).reshape(4 * x.shape[0]), np.roll(x, n), np.broadcast_to(x, (2, *x.shape)),
    )  # fmt: skip


def test_shaping_of_staged_sizes():
    same(staged_shapes, (Y, np.array([2])), (Y[:1], np.array([-1])), specs=[(None, 4), None])
    same(lambda x: x.reshape(2, 4), (Y[:2],), (Y,), specs=[(None, 4)])
    same(lambda x, a: x.reshape(int(a[0]), 4), (Y, np.array([3])), (Y, np.array([2])))
    same(lambda x: x.reshape(-1, 3), (Y,), (Y[:1],), specs=[(None, 4)])


def test_each_row_as_often_as_its_count_says():
    def repeated(x, n):
        return np.repeat(x, n, axis=0), x[:, 0].repeat(n), np.repeat(x[0, :2], [n[0], n[-1]])

    counts = [np.array(n) for n in ([2, 0, 1], [0, 0, 0], [1, -1, 2])]
    same(repeated, *((Y, n) for n in counts), (Y[:2], counts[0]), specs=[(None, 4), None])
    same(repeated, (Y, counts[0][:1]), (Y[:1], counts[0][:1]), specs=[(None, 4), None])

    def divided(x, n):
        ends = np.cumsum(np.bincount(n, minlength=2))
        return np.split(x, ends), np.array_split(x, ends[1:], axis=1)[-1]

    same(divided, *((Y, np.array(n)) for n in ([0, 1, 1], [0, 3, 0])))
    for split in (np.split, np.array_split):
        with pytest.raises(CompileError, match="AF0205"):
            lower(lambda x, n, split=split: split(x, n[0]), (Y, np.array([3])), {})


def test_ranges_of_staged_ends():
    def ranges(x, n, a, b, c):
        return (
            np.arange(n), np.arange(a, n), np.arange(0, b, n), np.arange(a, b, c), np.arange(0, n, 0.5, "f"),
            np.arange(x[0, 0], step=0.5), np.arange(b, n, -1.5, "i"), np.arange(np.ceil(x.max())),
        )  # fmt: skip

    call = prepared(ranges, [Y, *map(ScalarSpec, (float, int, int, int))])
    for ends in ((2.5, 0, 7, 2), (0.25, 3, 1, -1), (-1.0, 2, -4, 4)):
        assert_same(call((Y, *ends)), ranges(Y, *ends))
    for n, c in ((float("nan"), 1), (1e30, 1), (1.0, 0), (0.0, 1)):
        with pytest.raises((ValueError, ZeroDivisionError)) as expected:
            ranges(Y, n, 0, 1, c)
        with pytest.raises(expected.type):
            call((Y, n, 0, 1, c))


@proved_apart()
def joined(x, y):
    return (
        np.concatenate([x, y]), np.concatenate((x, y), axis=1), np.concatenate([x, y], None), np.stack([x, y]),
        np.stack((x, y), axis=-1), np.vstack([x, y]), np.hstack([x, y]), np.dstack([x, y]), np.vstack([x[0], y[0]]),
        np.hstack([x[0], y[0]]), np.column_stack([x[0], y[1]]), np.append(x, y), np.append(x, y, 0), np.split(x, 2, 1),
        np.split(x, [1, 3], axis=1), np.array_split(x, 3, 1), np.hsplit(x, 2), np.concatenate([x[0], [1, 2]]), np.vsplit(x, 3),
        np.concatenate([x, y.astype("i")]), np.stack([x[0, 0], y[0, 0]]), np.concatenate([r for r in x]),
    )  # fmt: skip


def test_joining():
    same(joined, (Y, Y + 10))

    def some(x, y):
        return (
            np.concatenate([x, y]), np.stack([x, x + 1]), np.vstack([x, y]), np.split(x, 2, 1), np.hstack([x, x]),
            np.concatenate([x, x * 2], 1), np.split(x, [1])[1], np.append(x, y),
        )  # fmt: skip

    same(some, (Y, Y[:1]), (Y[:1], Y[:2]), specs=[(None, 4), (None, 4)])
    same(lambda x, y: np.concatenate([x, y], 1), (Y, Y), (Y, Y[:1]), specs=[(None, 4), (None, 4)])
    same(lambda x: np.split(x, 2), (Y[:2],), (Y,), specs=[(None, 4)])
    with pytest.raises(ValueError, match="must match exactly"):
        lower(lambda x, y: np.concatenate([x, y], 1), (Y, Y[:1]), {})
    with pytest.raises(CompileError, match="AF0307"):
        lower(lambda x: np.array([x[0, 0], 1.0]), (X,), {})
    for kinds in (lambda x: np.array([x[0, 0], 1.0], "f"), lambda x: np.array([x[0], x[0, :, :1]])):
        with pytest.raises(ValueError, match="array element|could not broadcast"):
            lower(kinds, (X,), {})
    with pytest.raises(ValueError, match="same shape"):
        lower(lambda x, y: np.stack([x, y]), (Y, Y[:1]), {})


def test_lists_that_grow():
    def grow(x):
        rows, numbers, pairs = [], [], []
        for i in range(len(x)):
            rows.append(x[i] * 2)
            numbers.append(x[i, 0])
            pairs.append(x[i : i + 1])
        a, b = np.stack(rows), np.array(numbers)
        return (
            a, b, np.array(rows), np.concatenate(rows), np.vstack(rows), np.hstack(rows), np.stack(rows, 1),
            np.concatenate(pairs, 0), np.concatenate(pairs, axis=1), np.vstack(pairs), np.dstack(rows), sum(a.shape),
        )  # fmt: skip

    same(grow, (Y,), (Y[:1],), (Y[:2],), specs=[(None, 4)])


@proved_apart()
def sorted_(x, z):
    s = x.copy()
    s.sort(0)
    f = x.copy()
    f.fill(3)
    return (
        np.sort(x), np.sort(x, 0), np.argsort(x, axis=0, kind="stable"), x.argsort(kind="stable"), np.sort(z),
        z.argsort(kind="stable"), np.sort(x, None), s, f, np.argwhere(x > 2), np.nonzero(x > 2), (x[0] > 1).nonzero()[0],
        np.flatnonzero(x), np.where(x > 2), np.where(x[0])[0], np.take(x, [0, 2], 1), np.take(x, 5), x.take([[1], [0]], axis=0),
        np.take(x, [7, -1], 1, mode="clip"), np.take(x, [7, -1], 1, mode="wrap"), np.searchsorted(np.sort(x[0]), x[1]),
        np.searchsorted(np.array([1.0, 2, 5]), x, side="right"), np.take_along_axis(x, np.argsort(x, 1, kind="stable"), 1),
        np.argsort(-x[0], kind="stable")[:2], np.sort(x.astype("i") % 3), np.sort(x > 2), np.argsort(x.astype("e"), kind="stable"),
        np.sort(x.astype("d"))[:, ::-1], np.sort(x.astype(np.uint8)),
    )  # fmt: skip


def test_sorting():
    same(sorted_, (Y, Z))


@proved_apart(dtypes=("float32", "int64", "bool", "float16"), staged=True)
def partitioned(x, k):
    return (
        np.argpartition(x, k),
        np.partition(-x, int(k))[:3],
        x.argpartition(-1),
        np.partition(x, 0),
    )


def test_partitions_are_numpys():
    state = np.random.RandomState(0)
    arrays = [state.randint(0, n + 2, n).astype("f") for n in (1, 3, 4, 17, 100, 400)]
    arrays += [np.where(a % 3 == 0, np.nan, a) for a in arrays]
    for dtype in ("float32", "int64", "float16"):
        calls = [(a.astype(dtype), np.int64(state.randint(-len(a), len(a)))) for a in arrays[:6]]
        if dtype == "float32":
            calls += [(a.astype(dtype), np.int64(len(a) // 2)) for a in arrays[6:]]
            calls += [(arrays[0], np.int64(1)), (arrays[0][:0], np.int64(0))]
        same(partitioned, *calls, specs=[(None,), None])
    rows = state.randint(0, 3, (2, 40, 3)).astype("f")
    same(lambda x: (np.argpartition(x, 7, axis=1), np.argpartition(x > 1, 20, None)), (rows,))


@proved_apart(dtypes=("float32", "float64", "int32"))
def products(x, y):
    v, w = x[0, 0], y[0, :, 0]
    return (
        x @ y, np.matmul(x[0], y[1]), x[0].dot(y[0]), np.dot(x[0], y[0]), x[0] @ w, v @ y[0], v @ w, np.dot(v, w), np.dot(x, y[0]),
        x @ y[0], np.dot(v, 2), np.dot(x, y), np.inner(x[0], x[1]), np.outer(v, w), np.tensordot(x, y, ([2], [1])),
        np.tensordot(x, y, axes=((0, 2), (0, 1))), np.tensordot(x[0], y[0], 1), np.einsum("ij,jk->ik", x[0], y[0]),
        np.einsum("bij,bjk->bik", x, y), np.einsum("ij->ji", x[0]), np.einsum("ij,ij->i", x[0], x[1]), np.einsum("ij->", x[0]),
        np.einsum("i,j", v, w), np.einsum(x, [0, ..., 1], y, (0, 1, 2), [2, ...]), np.einsum(x[0], [1, 0]), np.einsum("bij,bkj->bik", x, x), np.linalg.norm(v), np.linalg.norm(x, axis=1), np.linalg.norm(x[0], 1, 0),
        np.linalg.norm(x[0], np.inf, axis=1, keepdims=True), np.linalg.norm(x[0], "fro"),
        np.linalg.norm(x, 1, axis=(1, 2)), np.linalg.norm(v, 0), np.linalg.norm(v, 3), np.vdot(v, w), x[0][None] @ y, x[:, None] @ y[0],
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_products(dtype):
    x = X.astype(dtype)
    same(products, (x, x.transpose(0, 2, 1).copy() - 3), rtol=1e-4)


def test_other_products():
    e, b = X.astype("e") / 8, X[0] > 3
    same(
        lambda e, b: (e[0] @ e[1].T, b @ b.T, e @ e.transpose(0, 2, 1), e[0].dot(e[0, 0])),
        (e, b),
        rtol=5e-3,
    )
    same(
        lambda x, y: (x @ y, x.dot(y), y.T @ x.T, x[0] @ y),
        (Y, Y.T.copy()),
        (Y[:1], Y[:2].T.copy()),
        specs=[(None, 4), (4, None)],
    )
    same(lambda x, y: x @ y, (Y, Y.T.copy()), (Y, Y.copy()), specs=[(None, None), (None, None)])
    with pytest.raises(ValueError, match="mismatch"):
        lower(lambda x: x @ x, (Y,), {})
    same(lambda x: (x[:, :0] @ x[:0], x[:0] @ x.T), (Y,))


def test_refusals():
    for f, code in (
        (lambda x: np.partition(x, [1, 2]), "AF0306"),
        (lambda x: np.exp(x, where=x > 1), "AF0306"),
        (lambda x: np.polydiv(x[0], x[1, :2]), "AF0301"),
        (lambda x: x.view("d"), "AF0306"),
        (lambda x: np.add.at(np.zeros(4, "i"), [0], x[0, :1]), "AF0306"),
        (lambda x: np.linalg.svd(x), "AF0306"),
        (lambda x: np.linalg.eigh(x[:, :3]), "AF0306"),
        (lambda x: np.fft.fft(x).max(), "AF0306"),
        (lambda x: np.sort(np.fft.fft(x)), "AF0207"),
        (lambda x: F.relu(np.fft.fft(x)), "AF0207"),
        (lambda x: np.fft.fft(x) if np.fft.fft(x)[0, 0] else x, "AF0306"),
    ):
        with pytest.raises(CompileError, match=code):
            lower(f, (Y,), {})


def test_axes_that_are_not_there():
    same(lambda x: (np.transpose(x[0], 0), x[0].transpose(0)), (Y,))
    for function in (
        lambda x: np.transpose(x[0], 1),
        lambda x: np.transpose(x, 0),
        lambda x: np.rollaxis(x[0], 1),
        lambda x: np.pad(x, -1),
    ):
        with pytest.raises(ValueError, match="ax[ei]s|negative") as raised:
            function(Y)
        with pytest.raises(raised.type, match="ax[ei]s|negative"):
            lower(function, (Y,), {})


def test_pad_by_staged_numbers():
    def padded(x, a):
        n = int(a[0])
        y, z = x[0, :n], x[:2, :n]
        some = (
            np.pad(y, (0, 3 - n), "constant", constant_values=-1),
            np.pad(y, a[0]),
            np.pad(y, (n,)),
        )
        more = (
            np.pad(z, [(0, 0), (1, n)], "constant", constant_values=x[0, 1]),
            np.pad(z, ((n, 1),)),
        )
        return some, more, np.pad(z, n)

    same(padded, *((Y, np.array([n])) for n in (0, 2, 3, 4)))
    with pytest.raises(CompileError, match="AF0205"):
        lower(lambda x, a: np.pad(x, a), (Y, np.array([1, 2])), {})


def test_pad_and_take_of_staged_sizes():
    def extended(x, n):
        return (
            np.pad(x, ((2, 1), (0, 3)), "edge"), np.pad(x, ((1, n), (n, 1)), "reflect"), np.pad(x, n, "symmetric"),
            np.pad(x, ((0, 0), (1, n)), "wrap"), np.pad(x, 1, "mean"), np.pad(x.astype("i"), ((0, 1), (1, 2)), "mean"),
            np.pad(x, ((1, 0), (0, n)), "maximum"), np.pad(x, n, "minimum"), np.pad(x[:0], 1), np.repeat(x, 0, 0),
            np.take(x, [5, -7], 1, mode="wrap"), np.take(x, [5, -7], mode="clip"), np.repeat(x, [1, 0, 2], 0),
            np.pad(x, ((1, 2), (0, n)), constant_values=((5, 6), (7, 8.5))), np.pad(x, ((2, n), (1, 0)), "linear_ramp", end_values=3),
            np.broadcast_arrays(x, x[:, :1], x[0]), np.max(x[:, :0], 1, initial=2), np.mean(x, 1, where=x > 2),
        )  # fmt: skip

    call = prepared(extended, [TensorSpec((None, None), "float32"), ScalarSpec(int)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x, n in ((Y, 1), (Y[:, :3] - 9, 2)):
            assert_same(call((x, n)), extended(x, n))
    with pytest.raises(CompileError, match="AF0306"):
        call((Y[:, :2], 3))
    with pytest.raises(ValueError, match="could not be broadcast"):
        call((Y[:2], 1))


def test_numpy_is_numpy_under_another_name():
    for function, args in ((made, (Y, np.array([3, 2.7]))), (shaped, (X,)), (joined, (Y, Y + 10))):
        texts = [lower(f, args, {}).as_text() for f in (function, through_xp(function))]
        assert texts[0] == texts[1]
