"""Sizes of 0 and 1, NaN and infinity, and sizes that don't fit, where TVM alone goes wrong."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from tests.functions.cases import Every, V, f, kept_by, randomised, rows
from tests.support import assert_same, check, check_staged, run, run_staged

EXTREMES = V(np.array([[np.nan, np.inf, -np.inf, 0.0], [-0.0, 1.0, 2.0, -3.0]], "f"))


def broadcast(a, c):
    wide = F.relu(a)
    return (
        V(a * 0.5) + c, wide * F.relu(c) + 1, F.where(a * 2 > 0.5, F.relu(c), c), F.add(wide, c, c),
        F.maximum(wide, c), F.sum(wide - c), V((a + 1) / (c * c + 3)), (a + 1 > c) & (c + 1 > a),
        np.maximum(a.astype("i") + 1, c.astype("i")) - c.astype("i"), (a + 1) - (c + 1),
    )  # fmt: skip


def test_rows_of_one_and_of_many():
    shapes = (((1, 3), (2, 3)), ((2, 1), (2, 3)), ((2, 3), (2, 3)), ((2, 3), (1, 1)))
    calls = [[f(*s) for s in pair] for pair in shapes]
    check_staged(broadcast, calls[0], {0: (None, None), 1: (None, None)}, *calls[1:])
    check_staged(broadcast, calls[0], {0: (None, 3)}, calls[2])


def after_products(a, c):
    turned = np.full((3, 3), 0.25, "f")
    return F.linear(a, turned) + c, F.sigmoid(F.linear(a, turned) - F.linear(c, turned)) * a + c


def test_rows_of_one_after_products():
    """A kernel with a product of matrices gets no strides of 0 for what's broadcast."""
    calls = [[f(n, 3), f(m, 3)] for n, m in ((2, 2), (1, 4), (4, 1), (30, 1))]
    check_staged(after_products, calls[0], {0: (None, 3), 1: (None, 3)}, *calls[1:])


def either_of_ints(x, t, places):
    if x[0, 0, 0, 0] > 0:
        places, _ = F.split_axis(places, [2], 0)
    return F.accuracy(x, t), F.accuracy(x, t, 1), (places * 3 + 1 - places)[:2], 2 + places


def test_sizes_that_have_to_be_one_and_ints_of_either_kind():
    """Those of which only the run knows that, and what's a Variable on some ways, as ints are."""
    x, t = f(4, 3, 1, 1), np.array([0, 2, 1, 1])
    x[0, 0] = 1
    places = np.arange(2, dtype="i")
    staged = {0: (None,) * 4, 1: (None,), 2: (None,)}
    check_staged(either_of_ints, [x, t, places], staged, [-x, t, places])
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(either_of_ints, [f(4, 3, 1, 2), t, places], staged)


@pytest.mark.parametrize("shape", [(3, 3), (None, 3)])
def test_sizes_that_do_not_fit(shape):
    for function in (
        lambda a, c: F.relu(a) * c,
        lambda a, c: F.where(a > 0, c, -c),
        lambda a, c: F.sum(F.relu(a) - c),
        lambda a, c: F.matmul(a[:, None], c[:, :, None]),
    ):
        with pytest.raises(chainer.utils.type_check.InvalidType):
            run_staged(function, [f(2, 3), f(3, 3)], {0: (None, 3), 1: shape})
    with pytest.raises(chainer.utils.type_check.InvalidType, match="ndim"):
        run_staged(lambda a, c: F.hstack([a, c]), [f(2, 3), f(3)], {0: (None, 3), 1: shape[:1]})


def of_nothing(x, order):
    return (
        F.decov(x), F.cross_covariance(x, x), F.leaky_relu(x), F.permutate(x, order), x[order],
        F.batch_normalization(x, np.ones(3, "f"), np.ones(3, "f")),
    )  # fmt: skip


def of_no_axes(x):
    return F.repeat(x, 2, 0), F.repeat(x, 3), F.pad(x, 1, "constant"), F.relu(x), F.sum(x)


def looked_up(x, i):
    return F.embed_id(i, x), x[()].sum(), np.array(2.0)[()], F.triplet(x, x * 2, x, reduce="no")


def test_tables_of_no_rows():
    staged = {0: (None, None), 1: (None,)}
    for table, ids in ((f(3, 2), np.array([2, -3])), (f(1, 2), np.zeros(0, "i8"))):
        assert_same(run_staged(looked_up, [table, ids], staged), looked_up(table, ids))
    with pytest.raises(IndexError):
        run_staged(lambda x, i: F.embed_id(i, x), [f(0, 2), np.array([0])], staged)
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(looked_up, [f(0, 2), np.zeros(0, "i8")], staged)
    check(lambda x, z: (-V(x), z[()]), (np.array([1, 0, 7], "u1"), np.array(3.0)))


def extremes(x):
    square = np.where(np.eye(4) > 0, 1 + abs(x.array[0]), 0.5)
    return (
        F.leaky_relu(x, slope=0.0), F.decov(x, reduce="no"), F.relu(x), F.clip(x, -1, 1),
        np.signbit(np.sort(x.array)), F.inv(V(square)), np.linalg.solve(square[1:, 1:], square[1:, 1:]),
    )  # fmt: skip


def test_no_rows_and_extremes():
    with np.errstate(all="ignore"), chainer.using_config("train", True):
        check(of_nothing, (V(rows(0, 3)), np.zeros(0, "i")))
        check(of_no_axes, (V(np.float32(-2.5)),))
        check(extremes, (EXTREMES,))
        links = [
            randomised(Every(L.BatchNormalization(3), L.BatchRenormalization(3))) for _ in range(2)
        ]
        assert_same(run(links[0], rows(0, 3)), links[1](rows(0, 3)))
        assert_same(kept_by(links[0]), kept_by(links[1]))


def quotients(x):
    n, s = int(x[48]), float(x[48])
    return (
        np.floor(x / 49), x // 49.0, x % 49.0, np.floor(x.astype("d") / 49), (x.astype("i") / 49).astype("i"),
        int(n / 49), int(s / 49), s // 49.0, s % 49.0, F.floor(V(x.astype("d")) / 49.0), round(n / 98 + 0.5),
        np.signbit(-(x - x[3])), 1 / -F.relu(V(x[3] - x)), np.signbit(-(x - x[3]).astype("d")),
        np.signbit(0 - (x - x) + 0), np.signbit(-(x - x) + 0.0), np.signbit(np.where(x > 9, -0.0, 0.0)), 1 / (0 + -(V(x) * 0)),
        np.signbit(np.rint(x / -200)), np.signbit(np.round(x / -99, 1)), np.signbit(np.add.reduceat(x * -0.0, [0, 9, 3])),
        np.signbit(np.add.reduceat((x - 3) * 0, [0, 2, 3])), 1 / (F.linear(V(-x[None, :3]), x[3:6][None]) * int(x[0] - 1)),
    )  # fmt: skip


def test_quotients_by_numbers_are_exact():
    check(quotients, (np.arange(1, 300, dtype="f"),), rtol=0, atol=0)


def test_matrices_that_are_not_square():
    """TVM's kernels have run when the call finds that they aren't."""
    for function in (F.batch_det, F.batch_inv, np.linalg.cholesky):
        for shape in ((2, 4, 3), (2, 3, 4), (1, 3, 0)):
            with pytest.raises((chainer.utils.type_check.InvalidType, np.linalg.LinAlgError)):
                run_staged(lambda x: function(x), [f(*shape)], {0: (None, None, None)})
