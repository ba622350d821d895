"""chainer/functions/pooling."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

import astfront
from tests.functions.cases import FLOATS, cases, f, programs, refused
from tests.support import run, run_staged

LOW = f(1, 1, 6, 5)
LOW[0, 0, :3, :3] = -np.inf
LOW[0, 0, 5, 1] = np.nan


@cases([f(2, 3, 7, 6)], [LOW])
@cases([f(1, 2, 6, 6)], dtypes=("float16", "float64"))
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


@cases([f(2, 3, 7, 6)])
@cases([f(1, 2, 6, 6)], dtypes=("float16", "float64"))
def average(x):
    return (
        F.average_pooling_2d(x, 2),
        F.average_pooling_2d(x, 3, stride=2, pad=1),
        F.average_pooling_2d(x, (2, 3), stride=(3, 1), pad=(1, 2)),
        F.average_pooling_nd(x, 3, stride=2, pad=1, pad_value=None),
        F.average_pooling_2d(x, x.shape[2:]),
    )


@cases(
    [f(2, 3, 7, 6)],
    [f(1, 3, 7, 6)],
    dtypes=(),
    staged=[{0: (None, 3, 7, 6)}, {0: (None, 3, None, None)}],
)
def staged(x):
    return (
        F.max_pooling_2d(x, 2),
        F.max_pooling_2d(x, 3, stride=2, pad=1),
        F.max_pooling_2d(x, 2, stride=2, pad=1),
        F.average_pooling_2d(x, 3, stride=2, pad=1),
        F.average_pooling_nd(x, 3, stride=2, pad=1, pad_value=None),
    )


@cases([f(2, 3, 8)], [f(1, 3, 8)], staged={0: (None, 3, None)})
def one_dimension(x):
    return (
        F.max_pooling_1d(x, 2),
        F.max_pooling_1d(x, 3, stride=2, pad=1),
        F.max_pooling_1d(x, 3, stride=2, cover_all=False),
        F.average_pooling_1d(x, 3, stride=2, pad=1),
        F.average_pooling_1d(x, 3, stride=2, pad=1, pad_value=None),
    )


@cases([f(2, 3, 5, 4, 6)])
def three_dimensions(x):
    return (
        F.max_pooling_3d(x, 2),
        F.max_pooling_3d(x, 2, 1, (1, 0, 1), cover_all=False),
        F.max_pooling_nd(x, 3, stride=2, pad=1),
        F.average_pooling_nd(x, 2, (1, 2, 1)),
        F.average_pooling_3d(x, (2, 1, 2), pad=(1, 0, 0)),
        F.average_pooling_3d(x, 3, stride=2, pad=1, pad_value=None),
    )


@cases([f(1, 2, 3, 4, 3, 2)])
def four_dimensions(x):
    return (
        F.max_pooling_nd(x, 2, 1, (1, 0, 1, 0)), F.average_pooling_nd(x, (2, 1, 2, 1), 1, (0, 0, 1, 0)),
        F.average_pooling_nd(x, (1, 2, 1, 2), 1, (0, 1, 0, 0), pad_value=None), F.unpooling_nd(x, (1, 2, 1, 1)),
    )  # fmt: skip


@cases([f(2, 3, 4, 3)], dtypes=FLOATS)
def back(x):
    return (
        F.unpooling_2d(x, 2),
        F.unpooling_2d(x, 2, cover_all=False),
        F.unpooling_2d(x, 3, stride=2, pad=1),
        F.unpooling_2d(x, 2, stride=3, pad=0),
        F.unpooling_2d(x, 2, outsize=(8, 5)),
        F.unpooling_nd(x, (2, 3), stride=2, pad=(0, 1)),
    )


@cases(
    [f(2, 3, 4, 5), f(2, 3, 4), 2],
    [f(1, 3, 7, 3), f(1, 3, 6), 3],
    dtypes=(),
    staged={0: (None,) * 4, 1: (None, 3, None), 2: None},
)
def by_staged_windows(x, y, k):
    h, w = x.shape[2:]
    return (
        F.average_pooling_2d(x, x.shape[2:]), F.average_pooling_2d(x, (h, w), stride=1, pad=(1, 0)),
        F.max_pooling_2d(x, (h, w)), F.max_pooling_2d(x, k, 1, 1), F.max_pooling_2d(x, k, cover_all=False),
        F.average_pooling_nd(y, y.shape[2:]), F.average_pooling_nd(x, k, 2, 1, pad_value=None),
        F.max_pooling_nd(y, k), F.max_pooling_2d(x, k, 1, 1, return_indices=True),
    )  # fmt: skip


def test_staged_windows_that_do_not_fit():
    with pytest.raises(AssertionError):
        run_staged(lambda x, k: F.average_pooling_2d(x, k), [f(1, 1, 4, 4), 9], {1: None})


@cases([f(2, 3, 4), f(2, 1, 2, 3, 2)])
def back_nd(x, y):
    return (
        F.unpooling_1d(x, 3, stride=2), F.unpooling_1d(x, 2, outsize=(7,)), F.unpooling_3d(y, 2, cover_all=False),
        F.unpooling_nd(y, 2, (2, 1, 2), pad=(1, 0, 0)),
    )  # fmt: skip


@cases(
    [f(2, 3, 4, 3), f(2, 3, 4), f(2, 3, 2, 3, 2)],
    [f(1, 3, 2, 5), f(1, 3, 1), f(1, 3, 1, 2, 1)],
    dtypes=(),
    staged=[{0: (None, 3, None, None), 1: (None, 3, None), 2: (None, 3, None, None, None)}],
)
def back_of_staged_sizes(x, y, z):
    return (
        F.unpooling_2d(x, 2), F.unpooling_2d(x, 2, cover_all=False), F.unpooling_2d(x, 3, stride=2, pad=1),
        F.unpooling_nd(x, (2, 3), stride=2, pad=(0, 1)), F.unpooling_1d(y, 3, stride=2),
        F.unpooling_3d(z, 2),
    )  # fmt: skip


@cases([f(2, 3, 7, 6)], dtypes=FLOATS)
def pyramids(x):
    return F.spatial_pyramid_pooling_2d(x, 2, pooling="max"), F.spatial_pyramid_pooling_2d(
        x, 1, "max"
    )


LOWER = f(2, 3, 7, 6)
LOWER[0, 0, :4, :4] = -np.inf
LOWER[1, 0, 5, 2] = np.nan


@cases([LOWER])
def with_indices(x):
    y, places = F.max_pooling_2d(x, 2, return_indices=True)
    wide, _ = F.max_pooling_2d(x, (3, 2), (2, 1), (1, 0), cover_all=False, return_indices=True)
    return y, places, wide, F.max_pooling_2d(x, 3, 2, 1, return_indices=True)[1]


@cases([f(2, 3, 7, 6)], [f(1, 3, 5, 8)], dtypes=(), staged={0: (None, 3, None, None)})
def one_with_indices(x):
    y, places = F.max_pooling_2d(x, 2, return_indices=True)
    return y, places, F.upsampling_2d(y, places, 2)


@cases([f(2, 3, 7), f(1, 2, 4, 5, 4)])
def others_with_indices(x, y):
    return (
        F.max_pooling_1d(x, 2, return_indices=True), F.max_pooling_nd(x, 3, 2, 1, return_indices=True),
        F.max_pooling_3d(y, 2, return_indices=True),
    )  # fmt: skip


@cases([f(2, 3, 7, 6)])
@cases([f(2, 3, 6, 6)], [f(1, 3, 6, 6)], dtypes=(), staged={0: (None, 3, 6, 6)})
def up_again(x):
    y, places = F.max_pooling_2d(x, 2, return_indices=True)
    return F.upsampling_2d(y, places, 2), F.upsampling_2d(y, places, 2, outsize=x.shape[2:])


@cases([f(2, 3, 3, 3), np.random.RandomState(0).randint(-9, 9, (2, 3, 3, 3))])
def up(x, places):
    return F.upsampling_2d(x, places, 3, stride=2, pad=1, outsize=(5, 5))


class WithANode(chainer.Chain):
    """What a node leaves of one call is for the next one, too."""

    def __init__(self):
        super().__init__()
        self.pool = F.pooling.max_pooling_nd.MaxPoolingND(2, 2)

    def forward(self, x):
        y = self.pool.apply((x,))[0]
        return y, F.upsampling_2d(y, self.pool.indexes, 2)


def test_what_a_node_of_the_model_leaves():
    model, expected = WithANode(), WithANode()
    compiled = astfront.compile(model)
    for seed in range(2):
        x = np.random.RandomState(seed).rand(1, 2, 4, 4).astype(np.float32)
        for given, wanted in zip(compiled(x), expected(x), strict=True):
            np.testing.assert_array_equal(given.array, wanted.array)
        np.testing.assert_array_equal(model.pool.indexes, expected.pool.indexes)


@refused("AF0301", f(1, 2, 4, 4))
def what_a_rule_leaves_out(x):
    node = F.pooling.max_pooling_nd.MaxPoolingND(2, 2)
    return node.apply((x,))[0], node.indexes


def test_upsampling_of_what_is_out_of_range():
    with pytest.raises(IndexError):
        run(up, f(2, 3, 3, 3), np.full((2, 3, 3, 3), 9))
    with pytest.raises(IndexError):
        run(up, f(2, 3, 3, 3), f(2, 3, 3, 3))
    with pytest.raises(AttributeError):
        run(lambda x: F.upsampling_2d(x, [[[[0]]]], 2), f(1, 1, 1, 1))


@cases(
    [f(2, 3, 5, 4, 6)],
    [f(1, 3, 5, 4, 6)],
    dtypes=(),
    staged={0: (None, 3, None, None, None)},
)
def three_dimensions_of_some(x):
    return F.max_pooling_nd(x, 3, stride=2, pad=1), F.average_pooling_nd(x, 2, pad=(1, 0, 1))


# --- regions of interest ---------------------------------------------------------------------

REGIONS = np.array(
    [[0, 0, 10, 10], [2, 3, 15, 12], [-1, 4, 20, 20], [3, 3, 3, 3], [1, 1, 7, 8], [90, 0, 99, 9]],
    "f",
)
IMAGES = np.array([0, 1, 0, 1, -1, 0], "i")


@cases([f(2, 3, 8, 8), REGIONS, IMAGES])
@cases(
    [f(2, 3, 8, 9), REGIONS[1:], IMAGES[1:]],
    dtypes=(),
    staged={0: (None, 3, None, None), 1: (None, 4), 2: (None,)},
)
def pooled(x, rois, index):
    flipped = F.concat([index.astype(x.dtype)[:, None], rois[:, [1, 0, 3, 2]]])
    return (
        F.roi_pooling_2d(x, flipped, 3, 2, 0.5),
        F.roi_max_pooling_2d(x, rois, index, (2, 3), 0.5),
        F.roi_average_pooling_2d(x, rois, index, 3, 1),
    )


def test_regions_that_do_not_fit():
    for bad in ((REGIONS[:1], np.array([2], "i")), (REGIONS[:1] * np.nan, IMAGES[:1])):
        with pytest.raises((IndexError, ValueError)):
            run(pooled, f(2, 3, 8, 8), *bad)


@cases([f(2, 3, 8, 8), REGIONS, IMAGES])
def aligned(x, rois, index):
    return (
        F.roi_max_align_2d(x, rois, index, 3, 0.5, sampling_ratio=1),
        F.roi_average_align_2d(x, rois, index, (2, 3), 0.5, sampling_ratio=2),
    )


@cases(
    [f(2, 3, 8, 9), REGIONS[:5], IMAGES[:5]],
    [f(2, 3, 8, 9), REGIONS[:0], IMAGES[:0]],
    staged={1: (None, 4), 2: (None,)},
)
def aligned_by_size(x, rois, index):
    return F.roi_average_align_2d(x, rois, index, 3, 0.5, sampling_ratio=(None, 2))


@cases([f(2, 3, 8, 9), REGIONS[:2], IMAGES[:2]], dtypes=(), staged={1: (None, 4), 2: (None,)})
def aligned_at_scales(x, rois, index):
    """A loop that's kept: the scale is one of its staged values."""
    return [F.roi_average_align_2d(x, rois, index, 1, s, sampling_ratio=1) for s in (0.5, 0.25)]


def too_large(x):
    return F.average_pooling_2d(x, 5)


def test_windows_larger_than_the_image():
    kernel = f(1, 1, 5, 5)
    with pytest.raises(AssertionError):
        run(too_large, f(1, 1, 3, 3))
    for g in (too_large, lambda x: F.convolution_2d(x, kernel)):
        with pytest.raises(AssertionError):
            run_staged(g, [f(1, 1, 4, 4)], {0: (1, 1, None, None)})
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run(too_large, f(1, 3, 3))


@pytest.mark.parametrize(
    ("g", "error"),
    [
        (lambda x: F.max_pooling_2d(x, 2), chainer.utils.type_check.InvalidType),
        (lambda x: F.group_normalization(x, 2, np.ones(2, "f"), np.ones(2, "f")), ValueError),
    ],
    ids=["pooling", "normalisation"],
)
def test_no_images(g, error):
    with pytest.raises(error):
        run_staged(g, [f(0, 2, 4, 4)], {0: (None, 2, 4, 4)})


@refused("AF0306", f(1, 1, 4))
def windows_of_nothing_but_padding(x):
    return F.average_pooling_1d(x, 2, pad=2, pad_value=None)


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
