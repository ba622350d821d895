"""Subscripts of arrays, read and assigned."""

from __future__ import annotations

import numpy as np
import pytest

import astfront
from astfront.diagnostics import CompileError
from astfront.program import lower
from tests.functions.cases import proved_apart
from tests.functions.numpy_cases import same
from tests.support import assert_same

X = np.arange(24, dtype="f").reshape(2, 3, 4)
Y = np.arange(20, dtype="f").reshape(5, 4)
I = np.array([1, -1, 0])
J = np.array([[0], [1]])
M = X > 7


@proved_apart(dtypes=("float32", "int64"))
def basic(x):
    return (
        x[0], x[-1], x[0, 1], x[0, 1, 2], x[..., 0], x[:, 1], x[:, 1:], x[:, ::-1], x[::-1, ::-2],
        x[None], x[:, None], x[0, ..., None], x[1:2, 0], x[:, :, -1], x[...], x[:, 5:2], x[:, -2:],
        x[:, :, ::2], x[:, -1:0:-1], x[1, 2, 3], x[(0, 1)], x[np.int64(1)], x[:, :, 1:-1], len(x),
        x[-2:, 2, ::3], x[:, 0:0], x[None, ..., None, 1], x[1, 2, 3, ...], [r.sum() for r in x],
    )  # fmt: skip


@proved_apart()
def fancy(x, i, j, m):
    return (
        x[:, i], x[j], x[j, i], x[:, i, i], x[i % 2, :, i], x[0, :, i], x[:, 0, i], x[i % 2, i],
        x[[0, 1]], x[:, [2, 0]], x[[]], x[j, None, i], x[:, i, ..., i], x[..., i], x[None, :, i],
        x[0, [1, 2], 1:3], x[1:, [1, 2], 1:3], x[:, i[0]], x[i[0] - 1, i[1]], x[i[0] :, i[2] : i[0]],
        x[np.array([True, False])], x[:, [True, False, True]], x[i.astype("i") % 2], x[:, -i],
    )  # fmt: skip


def test_known_sizes():
    same(basic, (X,))
    same(basic, ((X * 3).astype("l"),))
    same(fancy, (X, I, J, M))


def test_masks():
    same(
        lambda x, m: (x[m], x[0][m[1]], x[:, m[1, :, 0]], x[m[:, 0, 0]], x[m[:, 0, 0], 1:]),
        (X, M),
        (X, ~M),
        (X, M & False),
    )


@proved_apart(staged=True)
def staged(x, a):
    k, n = int(a[0]), int(a[1])
    return (
        x[k], x[:, k], x[:k], x[k:], x[1:], x[:-1], x[-2:], x[1:-1], x[::-1], x[::2], x[1:, k], x[0],
        x[-1], x[:n], x[n:], x[n:k], x[-1:0:-1], x[1::2], x[::-2], x[:, 1:], x[:, None, -1],
        x[-3:-1], x[k:n, 1], x[:, :1] + x[:, -1:], x[1:] - x[:-1],
    )  # fmt: skip


def test_staged_sizes():
    calls = (
        (Y, np.array([1, 2])), (Y[:2], np.array([-1, 5])), (Y[:1], np.array([0, -7])),
        (Y[:3, :3], np.array([2, -1])), (Y, np.array([4, 2])), (Y, np.array([-5, 2])),
    )  # fmt: skip
    same(staged, *calls, specs=[(None, None), None])
    same(
        lambda x: (x[1:], x[:-1], x[-2:], x[::2], x[2:4], x[::-1]),
        (Y,),
        (Y[:0],),
        (Y[:1],),
        specs=[(None, 4)],
    )


def test_staged_arrays():
    def use(x, i, m):
        more = (
            x[range(len(i)), i],
            x[range(len(x) - 1, -1, -2)],
            x[np.arange(len(x)), 0],
            x[np.arange(len(x) - 1), -1],
        )
        more = more, (x[:, :, None] * x[0])[:, i, i], (x[:, :, None] * x[0])[np.ix_(i, i)]
        return x[i], x[:, i], x[i, i], x[m], x[m[:, 0]], x[x[:, 0] > 2, 1], more

    same(
        use,
        (Y, np.array([1, -2]), Y > 3), (Y[:3], np.array([0]), Y[:3] > 50),
        (Y[:3], np.array([3]), Y[:3] > 50), (Y[:3], np.array([], int), Y[:3] < 50),
        specs=[(None, None), (None,), (None, None)],
    )  # fmt: skip


def test_wrong_indices():
    k = np.array(3)
    for f, error, message in (
        (lambda x: x[2], IndexError, "index 2 is out of bounds for axis 0 with size 2"),
        (lambda x: x[0, -4], IndexError, "index -4 is out of bounds for axis 1 with size 3"),
        (lambda x: x[0, 0, 0, 0], IndexError, "too many indices"),
        (lambda x: x[1.0], IndexError, "only integers"),
        (lambda x: x["a"], IndexError, "only integers"),
        (lambda x: x[[0, 5]], IndexError, "index 5 is out of bounds"),
        (lambda x: x[np.array([True, False, True])], IndexError, "boolean index did not match"),
        (lambda x: x[..., ...], IndexError, "single ellipsis"),
        (lambda x: x[:: int(0)], ValueError, "step cannot be zero"),
    ):
        with pytest.raises(error, match=message):
            lower(f, (X,), {})
        with pytest.raises(error, match=message):
            f(X)
    same(lambda x, k: x[k], (X, np.array(1)), (X, k), (X, -k), (X, np.array(-2)))
    same(lambda x, i: x[:, i], (X, I), (X, I + 3), (X, I - 4))


@proved_apart()
def assigned(x, v, r, k):
    a, b, c, d, e = x.copy(), x.copy(), x.copy(), x.copy(), x.copy()
    f, g, h, i, j = x.copy(), x.copy(), x.copy(), x.copy(), x.copy()
    a[0] = 1
    b[:, 1] = v[:, 0]
    c[1, 2] = r
    d[:, :, 1:3] = 0
    e[..., -1] = 5
    f[x > 7] = -1
    g[:, ::-1] = v
    h[k] = 2
    i[k, :, 1] = r[:3]
    j[:, ::2] = r
    l = np.zeros((4, 3), "f")
    l[np.arange(3), [2, 0, 1]] = v[0, 0, :3]
    l[0, 0] += 4
    m = np.zeros_like(x)
    m[...] = r
    n = np.zeros((3, 4), "i")
    n[:] = x[0] * 1.7
    n[1:2, k] = 9
    o = np.zeros((2, 5), "?")
    o[0, 1:3] = x[0, 0, :2]
    p = np.empty((2, 3, 4), "f")
    p[0], p[1] = v[1], 3
    q = x.copy()
    q[q[:, 0, 0] > 3] = r
    s = x.copy()
    s[:, np.array([True, False, True])] = 0
    t = x.copy()
    t[0, 1, 2] *= 3
    return a, b, c, d, e, f, g, h, i, j, l, m, n, o, p, q, s, t


def test_assignment():
    v, r = -X, np.array([10, 20, 30, 40], "f")
    same(assigned, (X, v, r, np.array(1)), (X, v, r, np.array(-2)))


def test_assignment_in_a_loop():
    def fill(x):
        y = np.zeros(x.shape, "f")
        for t in range(x.shape[0]):
            y[t] = x[t] * t
        return y

    def columns(x):
        y = np.zeros((5, 12, 1), "f")
        for i in range(12):
            y[:, i] = x[:, i : i + 2 : 2]
        return y

    same(fill, (Y,), (Y[:1],), specs=[(None, 4)])
    same(fill, (Y,))
    same(columns, (np.arange(60, dtype="f").reshape(5, 12),))


def test_assignment_to_staged_sizes():
    def use(x, r, k):
        a, b, c, d, e = x.copy(), x.copy(), x.copy(), x.copy(), x.copy()
        a[1:] = 0
        b[:, 0] = 1
        c[:-1] = r
        d[x > 3] = 9
        e[k] = r
        f = np.zeros((len(x), 4), "f")
        f[:, 1:] = x[:, :3]
        g = x.copy()
        g[:, None, 1:] = r[None, :3]
        g[None, 0] = r[None]
        part = g.flat[1:3]
        flat = g.flat
        flat[0] = 20
        parts = flat[:2]
        g[range(len(g)), 1] = 30
        h, m = x.copy(), x.copy()
        h[0] = x[:1]
        h[h[:, 1] > 2] = x[-1:]
        h[0, x[0, 0] > 1] = 7
        m[..., x[0, 0] > 0] = 8
        m[m[:, 0] > 1] = x[x[:, 0] > 1]
        return a, b, c, d, e, f, g, part, parts, h, m

    r = np.array([1, 2, 3, 4], "f")
    same(
        use,
        (Y, r, np.array(0)),
        (Y[:1], r, np.array(-1)),
        (Y[:2], r, np.array(2)),
        specs=[(None, 4), None, None],
    )


def test_assignment_to_a_list_of_positions():
    def use(x, i, v):
        a, b, c, d = x.copy(), x.copy(), x.copy(), x.copy()
        a[np.arange(len(i)), i] = v
        b[i] = v[:, None]
        c[i[::-1]] = v[::-1, None]
        d[:, i] = v
        return a, b, c, d

    v = np.array([5, 6, 7], "f")
    same(
        use,
        (Y, np.array([1, 3, 1]), v),
        (Y, np.array([0, -1]), v[:2]),
        (Y, np.array([2, 2, -2]), v),
        (Y, np.zeros(0, int), v[:0]),
        specs=[None, (None,), (None,)],
    )


def test_refused_assignments():
    def several(x, i):
        y = np.zeros(4, "f")
        y[i] = x[0, 0, :1, None]
        y[i[:, None]] = x[0, 0, :3, None]
        return y

    with pytest.raises(CompileError, match="AF0208"):
        lower(several, (X, I), {})

    def a_view(x):
        y = x + 1
        z = y.ravel()
        y[0] = 2
        return y, z

    with pytest.raises(CompileError, match="AF0209"):
        lower(a_view, (X,), {})

    def too_wide(x):
        y = x + 1
        y[0] = np.zeros((2, 4), "f")
        return y

    with pytest.raises(ValueError, match="could not broadcast"):
        lower(too_wide, (X,), {})


def test_views_of_constants():
    def use(x):
        a = np.zeros(4, "f")
        a[0] = 1
        b = a[1:].copy()
        a[1] = x[0, 0, 1]
        return a, b

    same(use, (X,))

    def a_view(x):
        a = np.zeros(4, "f")
        b = a[1:]
        a[1] = 2
        c, d, e = b[None], b.reshape(1, -1), np.broadcast_to(b, (2, 3))
        b[1:] += x[0, 0, :2]
        return a, b + x[0, 0, 0], c, d, e

    same(a_view, (X,))


def test_parts_changed_in_place():
    def use(x, y):
        boxes = x[0].copy()
        boxes[:, :2] += y[:, :2] * boxes[:, 2:]
        boxes[:, 2:] *= np.exp(y[:, 2:])
        boxes[1] -= boxes[0]
        boxes[0, 1] /= 3
        whole = np.ones((4, 4), int)
        whole[1:] *= 3
        whole[2] -= np.arange(4)
        return boxes, whole, np.finfo(boxes.dtype).eps

    same(use, (np.random.RandomState(0).randn(1, 4, 4).astype("f"), np.eye(4, dtype="f")))

    def not_ints(x):
        y = np.ones((2, 3), int)
        y[0] += x[0, 0, :3]
        return y

    with pytest.raises(TypeError, match="Cannot cast"):
        lower(not_ints, (X,), {})


def test_backwards_over_staged_sizes():
    def f(x, n):
        part = x[:, :n]
        turned = part.reshape(-1)[::-1].reshape(3, -1)
        both = part[:, ::-1].reshape(-1)[::-1], part[::-1, ::-1], part.reshape(n, 3)[::-1, ::-1]
        return part[:, ::-1], part[:, ::-2], part[:, n - 1 :: -1], np.flip(part), turned, both

    x = np.arange(120, dtype="f").reshape(3, 40)
    compiled = astfront.compile(f)
    for n in (1, 15, 16, 17, 40):  # TVM's code differs from 16 on
        assert_same(compiled(x, np.int64(n)), f(x, n))


def test_results_that_are_the_array_and_copies():
    def kept(x, i):
        whole, nothing, view = np.round(i), np.max(x, axis=()), np.einsum("ij->ji", x)
        diagonal = np.diagonal(x)
        i[0], x[1, 1] = 5, 7
        return whole, nothing, view, diagonal, i, x

    same(kept, (X[0].copy(), np.arange(3)))
    for written in (
        lambda x: np.einsum("ii->i", x[:, :3]),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0),
    ):

        def changed(x, written=written):
            y = written(x[0, :3])
            x[0] = 5
            return y

        with pytest.raises(CompileError, match="AF0209"):
            lower(changed, (X.copy(),), {})


def test_masks_of_nothing():
    x = np.zeros((0, 3), "f")
    same(
        lambda x: (x[x > 0], np.nonzero(x), np.argwhere(x), np.compress(x[:, 0] > 0, x, axis=0)),
        (x,),
    )
