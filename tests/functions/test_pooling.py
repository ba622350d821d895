"""chainer/functions/pooling."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from tests.support import check, check_staged, run


def f(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed + sum(shape)).randn(*shape).astype(dtype)


def maximum(x):
    return (
        F.max_pooling_2d(x, 2),
        F.max_pooling_2d(x, 3, stride=2, pad=1),
        F.max_pooling_2d(x, 3, stride=2, pad=1, cover_all=False),
        F.max_pooling_2d(x, (2, 3), stride=(3, 1), pad=(1, 2)),
        F.max_pooling_2d(x, 2, stride=2, pad=1),
        F.max_pooling_2d(x, 1, stride=2),
        F.max_pooling_2d(x, x.shape[2:]),
    )


def test_max_pooling_2d():
    low = f(1, 1, 6, 5)
    low[0, 0, :3, :3] = -np.inf
    check(maximum, (f(2, 3, 7, 6),), (low,), (f(1, 2, 6, 6, dtype="f8"),))


def average(x):
    return (
        F.average_pooling_2d(x, 2),
        F.average_pooling_2d(x, 3, stride=2, pad=1),
        F.average_pooling_2d(x, (2, 3), stride=(3, 1), pad=(1, 2)),
        F.average_pooling_nd(x, 3, stride=2, pad=1, pad_value=None),
        F.average_pooling_2d(x, x.shape[2:]),
    )


def test_average_pooling_2d():
    check(average, (f(2, 3, 7, 6),), (f(1, 2, 6, 6, dtype="f8"),))
    check(average, (f(1, 2, 6, 6, dtype="f2"),), rtol=1e-2)


def staged(x):
    return (
        F.max_pooling_2d(x, 2),
        F.max_pooling_2d(x, 3, stride=2, pad=1),
        F.max_pooling_2d(x, 2, stride=2, pad=1),
        F.average_pooling_2d(x, 3, stride=2, pad=1),
        F.average_pooling_nd(x, 3, stride=2, pad=1, pad_value=None),
    )


@pytest.mark.parametrize("shape", [(None, 3, 7, 6), (None, 3, None, None)])
def test_staged_sizes(shape):
    check_staged(staged, (f(2, 3, 7, 6),), {0: shape})


def one_dimension(x):
    return (
        F.max_pooling_1d(x, 2),
        F.max_pooling_1d(x, 3, stride=2, pad=1),
        F.average_pooling_1d(x, 3, stride=2, pad=1),
        F.average_pooling_1d(x, 3, stride=2, pad=1, pad_value=None),
    )


def three_dimensions(x):
    return (
        F.max_pooling_3d(x, 2),
        F.max_pooling_nd(x, 3, stride=2, pad=1),
        F.average_pooling_3d(x, (2, 1, 2), pad=(1, 0, 0)),
        F.average_pooling_3d(x, 3, stride=2, pad=1, pad_value=None),
    )


def test_other_dimensions():
    check(one_dimension, (f(2, 3, 8),))
    check_staged(one_dimension, (f(2, 3, 8),), {0: (None, 3, None)})
    check(three_dimensions, (f(2, 3, 5, 4, 6),))


def back(x):
    return (
        F.unpooling_2d(x, 2),
        F.unpooling_2d(x, 2, cover_all=False),
        F.unpooling_2d(x, 3, stride=2, pad=1),
        F.unpooling_2d(x, 2, stride=3, pad=0),
        F.unpooling_2d(x, 2, outsize=(8, 5)),
        F.unpooling_nd(x, (2, 3), stride=2, pad=(0, 1)),
        F.spatial_pyramid_pooling_2d(x, 2, pooling="max"),
    )


def back_nd(x, y):
    return F.unpooling_1d(x, 3, stride=2), F.unpooling_3d(y, 2, cover_all=False)


def test_unpooling():
    check(back, (f(2, 3, 4, 3),))
    check(back_nd, (f(2, 3, 4), f(2, 1, 2, 3, 2)))


def with_indices(x):
    return F.max_pooling_2d(x, 2, return_indices=True)


def test_refused():
    with pytest.raises(CompileError, match="AF0306"):
        run(with_indices, f(1, 1, 4, 4))


def too_large(x):
    return F.average_pooling_2d(x, 5)


def test_windows_larger_than_the_image():
    for g in (too_large,):
        with pytest.raises(AssertionError):
            run(g, f(1, 1, 3, 3))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run(too_large, f(1, 3, 3))
