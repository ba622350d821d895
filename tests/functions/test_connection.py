"""chainer/functions/connection."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from tests.support import check, run, run_staged
from tests.support import check_staged as staged


def f(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed + sum(shape)).randn(*shape).astype(dtype)


def linear(x, w, b, h, v):
    return (
        F.linear(x, w),
        F.linear(x, w, b),
        F.linear(h, v, n_batch_axes=2),
        F.linear(h.reshape(2, 2, 3, 2), w),
    )


def test_linear():
    h = chainer.Variable(f(2, 3, 4))
    check(linear, (f(2, 12), f(4, 12), f(4), h, f(5, 4)))


def mixed(x, w, b, y, v):
    return F.linear(x, w, b), F.linear(y, v), F.linear(x, v)


def test_linear_of_other_dtypes():
    args = (f(2, 3, dtype="f8"), f(4, 3, dtype="f8"), f(4, dtype="f8"))
    check(mixed, (*args, f(2, 3, dtype="f2"), f(4, 3)), rtol=1e-2)


def empty(x, w, b):
    return F.linear(x, w, b)


def test_linear_of_nothing():
    check(empty, (f(0, 3), f(4, 3), f(4)), (f(2, 0), f(4, 0), f(4)))


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
        F.dilated_convolution_2d(x, w, b, dilate=2, pad=2),
    )


CONV = (f(2, 4, 9, 8), f(6, 4, 3, 3), f(6), f(6, 2, 3, 3), f(6), f(4, 1, 3, 3))


def test_convolution_2d():
    check(convolutions, CONV)


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


@pytest.mark.parametrize("shape", [(None, 4, 9, 8), (2, 4, None, None), (None, 4, None, 8)])
def test_convolution_2d_of_staged_sizes(shape):
    wg = f(4, 2, 3, 3)
    args = (*CONV[:3], wg, f(4), CONV[5], f(6, 4, 1, 1))
    staged(staged_convolutions, args, {0: shape})


def conv_dtypes(x, w, b, y):
    return F.convolution_2d(x, w, b, pad=1), F.convolution_2d(y, w), F.convolution_2d(w, y)


def test_convolution_2d_of_other_dtypes():
    check(conv_dtypes, (f(2, 3, 5, 5), f(3, 3, 3, 3), f(3), f(3, 3, 3, 3, dtype="f8")))
    x, w, b = f(2, 3, 5, 5, dtype="f2"), f(3, 3, 3, 3, dtype="f2"), f(3, dtype="f2")
    check(conv_dtypes, (x, w, b, w), rtol=1e-2, atol=1e-2)


def convolutions_nd(x1, w1, b1, wg, x3, w3, b3):
    return (
        F.convolution_1d(x1, w1, b1, stride=2, pad=1),
        F.convolution_1d(x1, w1, stride=3, cover_all=True, dilate=2),
        F.convolution_1d(x1, wg, groups=2),
        F.convolution_3d(x3, w3, b3, pad=1, stride=(2, 1, 1)),
        F.convolution_nd(x3, w3, b3, stride=2, cover_all=True),
    )


def test_convolution_nd():
    args = (f(2, 4, 9), f(6, 4, 3), f(6), f(6, 2, 3), f(2, 3, 4, 5, 4), f(4, 3, 2, 3, 2), f(4))
    check(convolutions_nd, args)


def one_dimension(x, w, b, v):
    return (
        F.convolution_1d(x, w, b, stride=2, pad=1),
        F.convolution_1d(x, w, cover_all=True, stride=2),
        F.deconvolution_1d(x, v, stride=2, pad=1),
    )


@pytest.mark.parametrize("shape", [(None, 4, 9), (2, 4, None)])
def test_convolution_1d_of_staged_sizes(shape):
    staged(one_dimension, (f(2, 4, 9), f(6, 4, 3), f(6), f(4, 6, 3)), {0: shape})


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


def test_deconvolution_2d():
    check(deconvolutions, (f(2, 4, 5, 4), f(4, 3, 3, 3), f(3), f(4, 3, 3, 3), f(6)))


def deconvolutions_nd(x1, w1, b1, wg, x3, w3, b3):
    return (
        F.deconvolution_1d(x1, w1, b1, stride=2, pad=1),
        F.deconvolution_1d(x1, w1, stride=3, outsize=(14,), dilate=2),
        F.deconvolution_1d(x1, wg, groups=2),
        F.deconvolution_3d(x3, w3, b3, pad=1, stride=2),
        F.deconvolution_3d(x3, w3, groups=2),
    )


def test_deconvolution_nd():
    args = (f(2, 4, 4), f(4, 6, 3), f(6), f(4, 3, 3), f(1, 4, 3, 2, 3), f(4, 3, 3, 2, 3), f(3))
    check(deconvolutions_nd, args)


def embed(ids, w):
    return (
        F.embed_id(ids, w),
        F.embed_id(ids[0], w, ignore_label=-1),
        F.embed_id(ids, w, ignore_label=2),
    )


def test_embed_id():
    ids = np.array([[-1, 2, 0], [4, -5, 3]])
    check(embed, (ids, f(5, 4)), (ids.astype("i"), f(5, 4)))
    staged(embed, (ids, f(5, 4)), {0: (None, None)})


def out_of_range(ids, w):
    return F.embed_id(ids, w)


def test_embed_id_out_of_range():
    with pytest.raises(IndexError):
        run(out_of_range, np.array([1, 5]), f(5, 4))
    with pytest.raises(IndexError):
        run(out_of_range, np.array([1, -6], "i"), f(5, 4))


def others(e1, e2, w, v1, v2, b, x):
    return (
        F.bilinear(e1, e2, w),
        F.bilinear(e1, e2, w, v1, v2, b),
        F.shift(x),
        F.shift(x, ksize=3, dilate=2),
    )


def test_bilinear_and_shift():
    args = (f(3, 4), f(3, 5), f(4, 5, 2), f(4, 2), f(5, 2), f(2), f(2, 10, 5, 4))
    check(others, args)


def local(x, w, b):
    return F.local_convolution_2d(x, w, b), F.local_convolution_2d(x, w, stride=(2, 1))


def test_local_convolution_2d():
    check(local, (f(2, 3, 7, 5), f(2, 2, 2, 3, 3, 3), f(2, 2, 2)))


def wrong_linear(x, w):
    return F.linear(x, w)


def test_sizes_that_do_not_fit():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run(wrong_linear, f(2, 3), f(4, 5))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(wrong_linear, (f(2, 3), f(4, 5)), {0: (None, None)})


def solid(x, w, v, b):
    return (
        F.convolution_nd(x, w, b, stride=(2, 1, 1), pad=1, cover_all=True),
        F.convolution_nd(x, v, pad=(1, 0, 2), dilate=(2, 1, 1), groups=2),
        F.deconvolution_nd(x, F.swapaxes(w, 0, 1), stride=2),
    )


def test_staged_batch_of_three_dimensions():
    args = (f(2, 4, 6, 5, 4), f(4, 4, 3, 2, 2), f(6, 2, 3, 2, 2), f(4))
    staged(solid, args, {0: (None, 4, 6, 5, 4)})
