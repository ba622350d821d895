"""chainer/functions/pooling."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

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
    y, places = F.max_pooling_2d(x, 2, return_indices=True)
    wide, _ = F.max_pooling_2d(x, (3, 2), (2, 1), (1, 0), cover_all=False, return_indices=True)
    return y, places, wide, F.max_pooling_2d(x, 3, 2, 1, return_indices=True)[1]


def one_with_indices(x):
    return F.max_pooling_2d(x, 2, return_indices=True)


def test_max_pooling_with_indices():
    low = f(2, 3, 7, 6)
    low[0, 0, :4, :4] = -np.inf
    low[1, 0, 5, 2] = np.nan
    check(with_indices, (low,))
    check_staged(one_with_indices, (f(2, 3, 7, 6),), {0: (None, 3, None, None)})


def up_again(x):
    y, places = F.max_pooling_2d(x, 2, return_indices=True)
    return F.upsampling_2d(y, places, 2), F.upsampling_2d(y, places, 2, outsize=x.shape[2:])


def up(x, places):
    return F.upsampling_2d(x, places, 3, stride=2, pad=1, outsize=(5, 5))


def test_upsampling():
    check(up_again, (f(2, 3, 7, 6),))
    check_staged(up_again, (f(2, 3, 6, 6),), {0: (None, 3, 6, 6)})
    overlapping = np.random.RandomState(0).randint(0, 9, (2, 3, 3, 3))
    check(up, (f(2, 3, 3, 3), overlapping))
    with pytest.raises(IndexError):
        run(up, f(2, 3, 3, 3), np.full((2, 3, 3, 3), 9))


def three_dimensions_of_some(x):
    return F.max_pooling_nd(x, 3, stride=2, pad=1), F.average_pooling_nd(x, 2, pad=(1, 0, 1))


def test_staged_batch_of_three_dimensions():
    check_staged(three_dimensions_of_some, (f(2, 3, 5, 4, 6),), {0: (None, 3, 5, 4, 6)})


# --- regions of interest ---------------------------------------------------------------------

REGIONS = np.array(
    [[0, 0, 10, 10], [2, 3, 15, 12], [-1, 4, 20, 20], [3, 3, 3, 3], [1, 1, 7, 8], [90, 0, 99, 9]],
    "f",
)
IMAGES = np.array([0, 1, 0, 1, -1, 0], "i")


def pooled(x, rois, index):
    flipped = F.concat([index.astype(x.dtype)[:, None], rois[:, [1, 0, 3, 2]]])
    return (
        F.roi_pooling_2d(x, flipped, 3, 2, 0.5),
        F.roi_max_pooling_2d(x, rois, index, (2, 3), 0.5),
        F.roi_average_pooling_2d(x, rois, index, 3, 1),
    )


def test_roi_pooling():
    check(pooled, (f(2, 3, 8, 8), REGIONS, IMAGES))
    sizes = {0: (None, 3, None, None), 1: (None, 4), 2: (None,)}
    check_staged(pooled, (f(2, 3, 8, 9), REGIONS[1:], IMAGES[1:]), sizes)
    for bad in ((REGIONS[:1], np.array([2], "i")), (REGIONS[:1] * np.nan, IMAGES[:1])):
        with pytest.raises((IndexError, ValueError)):
            run(pooled, f(2, 3, 8, 8), *bad)


def aligned(x, rois, index):
    return (
        F.roi_max_align_2d(x, rois, index, 3, 0.5, sampling_ratio=1),
        F.roi_average_align_2d(x, rois, index, (2, 3), 0.5, sampling_ratio=2),
    )


def aligned_by_size(x, rois, index):
    return F.roi_average_align_2d(x, rois, index, 3, 0.5, sampling_ratio=(None, 2))


def test_roi_align():
    check(aligned, (f(2, 3, 8, 8), REGIONS, IMAGES))
    check(aligned_by_size, (f(2, 3, 8, 8), REGIONS, IMAGES))
    staged = {1: (None, 4), 2: (None,)}
    for count in (5, 0):
        args = (f(2, 3, 8, 9), REGIONS[:count], IMAGES[:count])
        check_staged(aligned_by_size, args, staged)


def too_large(x):
    return F.average_pooling_2d(x, 5)


def test_windows_larger_than_the_image():
    for g in (too_large,):
        with pytest.raises(AssertionError):
            run(g, f(1, 1, 3, 3))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run(too_large, f(1, 3, 3))
