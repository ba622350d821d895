"""chainer/functions/connection."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from tests.functions.cases import FLOATS, cases, f, programs
from tests.support import run, run_staged


@cases([f(2, 12), f(4, 12), f(4), chainer.Variable(f(2, 3, 4)), f(5, 4)], dtypes=FLOATS)
def linear(x, w, b, h, v):
    return (
        F.linear(x, w),
        F.linear(x, w, b),
        F.linear(h, v, n_batch_axes=2),
        F.linear(h.reshape(2, 2, 3, 2), w),
    )


@cases(
    [f(2, 3), f(4, 3), f(4), chainer.Variable(f(2, 5, 3))],
    [f(1, 3), f(4, 3), f(4), chainer.Variable(f(3, 1, 3))],
    dtypes=(),
    staged={0: (None, 3), 3: (None, None, 3)},
)
def linear_of_staged_sizes(x, w, b, h):
    return F.linear(x, w), F.linear(x, w, b), F.linear(h, w, b, n_batch_axes=2)


@cases(
    [f(2, 3, dtype="f8"), f(4, 3, dtype="f8"), f(4, dtype="f8"), f(2, 3, dtype="f2"), f(4, 3)],
    rtol=1e-2,
)
def mixed(x, w, b, y, v):
    return F.linear(x, w, b), F.linear(y, v), F.linear(x, v)


@cases([f(0, 3), f(4, 3), f(4)], [f(2, 0), f(4, 0), f(4)])
def empty(x, w, b):
    return F.linear(x, w, b)


@cases([f(1, 7), f(2, 7), f(1, 4, 5, 5), f(1, 4, 1, 1), f(3, 4, 3, 3)])
def of_scaled_operands(x, w, y, g, v):
    """A scale may be zero: TVM's folding of scales divides by it."""
    t, h, r = F.sigmoid(x), F.relu(x), F.relu(g)
    gated = F.broadcast_to(r, y.shape) * y + y
    return (
        F.linear(t * h + (1 - t) * x, w),
        F.matmul(h * x + t, w, transb=True),
        F.convolution_2d(gated, v),
    )


@cases([f(2, 16, 5, 4), f(1, 16, 3, 3), f(3, 16, 3, 3)])
def of_blocked_layouts(x, v, w):
    """What follows finds channels in blocks, where TVM convolves them so."""
    one, three = F.convolution_2d(x, v), F.convolution_2d(x, w).array
    return F.squeeze(one), F.separate(one, axis=1), F.logsumexp(three, axis=1), three[three > 0]


CONV = (f(2, 4, 9, 8), f(6, 4, 3, 3), f(6), f(6, 2, 3, 3), f(6), f(4, 1, 3, 3))


@cases(CONV)
def convolutions(x, w, b, wg, bg, wd):
    return (
        F.convolution_2d(x, w),
        F.convolution_2d(x, w, b, stride=2, pad=1),
        F.convolution_2d(x, w, b, stride=(2, 3), pad=(2, 0)),
        F.convolution_2d(x, w, b, stride=2, cover_all=True),
        F.convolution_2d(x, w, b, stride=3, pad=1, cover_all=True, dilate=2),
        F.convolution_2d(x, w, dilate=(2, 1), pad=(2, 1)),
        F.convolution_2d(x, wg, bg, groups=2, pad=1),
        F.convolution_2d(x, wd, groups=4, stride=2, pad=1),
        F.depthwise_convolution_2d(x, F.reshape(wg, (3, 4, 3, 3)), pad=1),
        F.depthwise_convolution_2d(x, F.reshape(wg, (3, 4, 3, 3)), b=None, stride=2),
        F.depthwise_convolution_2d(x, w[:2], F.concat((b, b[:2]), 0)),
        F.dilated_convolution_2d(x, w, b, dilate=2, pad=2),
        F.dilated_convolution_2d(x, w, None, 2, pad=1, dilate=(1, 2), cover_all=True),
    )


STAGED_IMAGES = [{0: shape} for shape in ((None, 4, 9, 8), (2, 4, None, None), (None, 4, None, 8))]


@cases([*CONV[:3], f(4, 2, 3, 3), f(4), CONV[5], f(6, 4, 1, 1)], dtypes=(), staged=STAGED_IMAGES)
def staged_convolutions(x, w, b, wg, bg, wd, w1):
    return (
        F.convolution_2d(x, w, b, stride=2, pad=1),
        F.convolution_2d(x, w, b, stride=2, cover_all=True),
        F.convolution_2d(x, w, dilate=(2, 1), pad=(2, 1)),
        F.convolution_2d(x, wg, bg, groups=2, pad=1),
        F.convolution_2d(x, wd, groups=4, stride=2, pad=1),
        F.convolution_2d(x, w1, stride=2),
        F.deconvolution_2d(x, wg, stride=2, pad=1, groups=2),
        F.deconvolution_2d(x, F.transpose(w1, (1, 0, 2, 3))),
    )


@cases(
    [f(2, 4, 9, 8), f(6, 4, 3, 3), f(4, 3, 2, 2)],
    [f(1, 4, 7, 8), f(6, 4, 3, 3), f(4, 3, 2, 2)],
    dtypes=(),
    staged={0: (None, None, None, None)},
)
def convolutions_of_staged_channels(x, w, wd):
    return F.convolution_2d(x, w, pad=1), F.deconvolution_2d(x, wd)


@cases([f(2, 3, 5, 5), f(3, 3, 3, 3), f(3), f(3, 3, 3, 3, dtype="f8")])
@cases([f(2, 3, 5, 5), f(3, 3, 3, 3), f(3), f(3, 3, 3, 3)], dtypes=("float16", "float64"))
def conv_dtypes(x, w, b, y):
    return F.convolution_2d(x, w, b, pad=1), F.convolution_2d(y, w), F.convolution_2d(w, y)


@cases([f(2, 4, 9), f(6, 4, 3), f(6), f(6, 2, 3), f(2, 3, 4, 5, 4), f(4, 3, 2, 3, 2), f(4)])
@cases(
    [f(2, 4, 5), f(6, 4, 3), f(6), f(6, 2, 3), f(2, 3, 3, 3, 3), f(4, 3, 2, 3, 2), f(4)],
    dtypes=("float16", "float64"),
)
def convolutions_nd(x1, w1, b1, wg, x3, w3, b3):
    return (
        F.convolution_1d(x1, w1, b1, stride=2, pad=1),
        F.convolution_1d(x1, w1, stride=3, cover_all=True, dilate=2),
        F.convolution_1d(x1, wg, groups=2),
        F.convolution_3d(x3, w3, b3, pad=1, stride=(2, 1, 1)),
        F.convolution_nd(x3, w3, b3, stride=2, cover_all=True),
    )


@cases(
    [f(2, 4, 9), f(6, 4, 3), f(6), f(4, 6, 3)],
    [f(1, 4, 9), f(6, 4, 3), f(6), f(4, 6, 3)],
    dtypes=(),
    staged=[{0: (None, 4, 9)}, {0: (None, 4, None)}],
)
def one_dimension(x, w, b, v):
    return (
        F.convolution_1d(x, w, b, stride=2, pad=1),
        F.convolution_1d(x, w, cover_all=True, stride=2),
        F.deconvolution_1d(x, v, stride=2, pad=1),
    )


@cases([f(2, 4, 5, 4), f(4, 3, 3, 3), f(3), f(4, 3, 3, 3), f(6)])
def deconvolutions(x, w, b, wg, bg):
    return (
        F.deconvolution_2d(x, w),
        F.deconvolution_2d(x, w, b, stride=2, pad=1),
        F.deconvolution_2d(x, w, b, stride=(2, 3), pad=(1, 0), outsize=(10, 14)),
        F.deconvolution_2d(x, w, b, stride=2, outsize=(10, 8)),
        F.deconvolution_2d(x, w, b, stride=2, pad=3),
        F.deconvolution_2d(x, w, b, dilate=2, stride=2, pad=1),
        F.deconvolution_2d(x, wg, bg, groups=2, stride=2, pad=1),
        F.deconvolution_2d(x, wg, bg, groups=2, dilate=2, pad=1),
    )


@cases([f(2, 4, 4), f(4, 6, 3), f(6), f(4, 3, 3), f(1, 4, 3, 2, 3), f(4, 3, 3, 2, 3), f(3)])
def deconvolutions_nd(x1, w1, b1, wg, x3, w3, b3):
    return (
        F.deconvolution_1d(x1, w1, b1, stride=2, pad=1),
        F.deconvolution_1d(x1, w1, stride=3, outsize=(14,), dilate=2),
        F.deconvolution_1d(x1, wg, groups=2),
        F.deconvolution_3d(x3, w3, b3, pad=1, stride=2),
        F.deconvolution_3d(x3, w3, groups=2),
        F.deconvolution_nd(x3, w3, stride=2, pad=(1, 0, 1), outsize=(6, 4, 6), dilate=1),
    )


@cases([f(2, 4, 3, 3), f(4, 3, 3, 3), f(3), f(2, 4, 3), f(4, 2, 3)], dtypes=("float16", "float64"))
def deconvolution_dtypes(x, w, b, y, v):
    return (
        F.deconvolution_2d(x, w, b, stride=2, pad=1), F.deconvolution_2d(x, w, groups=2),
        F.deconvolution_1d(y, v, stride=2),
    )  # fmt: skip


IDS = np.array([[-1, 2, 0], [4, -5, 3]])


KERNELS = [f(2, 4, 5), f(4, 2, 3), f(4), f(2, 4, 11)]
OTHERS = [f(1, 2, 4), f(2, 1, 2), f(2), f(2, 3, 9)]
UNKNOWN = {0: (None, None, None), 1: (None, None, None), 2: (None,), 3: (None, None, None)}


@cases(KERNELS, OTHERS, dtypes=(), staged=UNKNOWN)
def kernels_of_staged_shapes(x, w, b, like):
    y = F.convolution_1d(x, w, b, stride=2, pad=1, groups=2)
    return y, F.deconvolution_1d(x, F.concat([w, w]), stride=2, outsize=like.shape[2:])


@cases([f(1, 2, 2, 3, 2, 2), f(2, 2, 1, 2, 2, 1), f(2)], dtypes=())
def convolution_over_four_dimensions(x, w, b):
    return F.convolution_nd(x, w, b, pad=(0, 1, 0, 0))


@cases([IDS, f(5, 4)], [IDS.astype("i"), f(5, 4)])
@cases([IDS, f(5, 4)], [IDS[:1, 1:], f(5, 4)], dtypes=(), staged={0: (None, None)})
@cases([IDS, f(5, 4)], dtypes=("float16", "float64"))
def embed(ids, w):
    return (
        F.embed_id(ids, w),
        F.embed_id(ids[0], w, ignore_label=-1),
        F.embed_id(ids, w, ignore_label=2),
    )


def out_of_range(ids, w):
    return F.embed_id(ids, w)


def test_embed_id_out_of_range():
    with pytest.raises(IndexError):
        run(out_of_range, np.array([1, 5]), f(5, 4))
    with pytest.raises(IndexError):
        run(out_of_range, np.array([1, -6], "i"), f(5, 4))


@cases(
    [f(3, 4), f(3, 5), f(4, 5, 2), f(4, 2), f(5, 2), f(2)],
    [f(2, 4), f(2, 5), f(4, 5, 2), f(4, 2), f(5, 2), f(2)],
)
def bilinear(e1, e2, w, v1, v2, b):
    return (
        F.bilinear(e1, e2, w),
        F.bilinear(e1, e2, w, v1, v2, b),
    )


@cases([f(2, 10, 5, 4)], dtypes=FLOATS)
def shifts(x):
    return F.shift(x), F.shift(x, ksize=3, dilate=2), F.shift(x, 1)


@cases([f(2, 3, 7, 5), f(2, 2, 2, 3, 3, 3), f(2, 2, 2)])
def local(x, w, b):
    return F.local_convolution_2d(x, w, b, 2), F.local_convolution_2d(x, w, stride=(4, 2))


DEFORMED = [f(2, 3, 5, 5), f(2, 18, 5, 5), f(4, 3, 3, 3), f(4)]


@cases(DEFORMED)
def deformed(x, offset, w, b):
    return (
        F.deformable_convolution_2d_sampler(x, offset, w, b, 1, 1),
        F.deformable_convolution_2d_sampler(x, offset[:, :, :2, :2], w, stride=2),
    )


@cases(
    DEFORMED,
    [f(1, 3, 4, 6), f(1, 18, 4, 6), f(4, 3, 3, 3), f(4)],
    dtypes=(),
    staged=[
        {0: (None, 3, 5, 5), 1: (None, 18, 5, 5)},
        {0: (None, 3, None, None), 1: (None, 18, None, None)},
    ][1:],
)
def deformed_of_staged_sizes(x, offset, w, b):
    return F.deformable_convolution_2d_sampler(x, offset, w, b, pad=1)


@cases(
    [f(3, 4), f(3, 5), f(4, 5, 2), f(2, 10, 5, 4)],
    [f(1, 2), f(1, 3), f(2, 3, 1), f(1, 9, 3, 6)],
    dtypes=(),
    staged={0: (None, None), 1: (None, None), 2: (None, None, None), 3: (None, None, None, None)},
)
def others_of_staged_batches(e1, e2, w, x):
    return F.bilinear(e1, e2, w), F.shift(x)


def wrong_linear(x, w):
    return F.linear(x, w)


def test_sizes_that_do_not_fit():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run(wrong_linear, f(2, 3), f(4, 5))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(wrong_linear, (f(2, 3), f(4, 5)), {0: (None, None)})
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(F.convolution_2d, (f(1, 2, 3, 3), f(4, 3, 2, 2)), {0: (1, None, 3, 3)})


SOLID = (f(4, 4, 3, 2, 2), f(6, 2, 3, 2, 2), f(4))


@cases(
    [f(2, 4, 6, 5, 4), *SOLID],
    [f(1, 4, 6, 5, 4), *SOLID],
    dtypes=(),
    staged={0: (None, 4, 6, 5, 4)},
)
def solid(x, w, v, b):
    return (
        F.convolution_nd(x, w, b, stride=(2, 1, 1), pad=1, cover_all=True),
        F.convolution_nd(x, v, pad=(1, 0, 2), dilate=(2, 1, 1), groups=2),
        F.deconvolution_nd(x, F.swapaxes(w, 0, 1), stride=2),
    )


@cases(
    [f(1, 2, 4, 4, 4), f(2, 2, 3, 2, 2), f(2)],
    [f(2, 2, 5, 3, 4), f(2, 2, 3, 2, 2), f(2)],
    dtypes=(),
    staged={0: (None, 2, None, None, None)},
)
def solid_of_staged_depth(x, w, b):
    return F.convolution_nd(x, w, b, stride=(2, 1, 1), pad=(1, 0, 1))


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
