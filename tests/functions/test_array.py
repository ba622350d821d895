"""chainer/functions/array."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from tests.support import check, check_staged, run, run_staged


def f(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed + sum(shape)).randn(*shape).astype(dtype)


def var(*shape, **kwargs):
    return chainer.Variable(f(*shape, **kwargs))


def shapes(x, y):
    a, b, c = x.shape
    return (
        F.reshape(x, (6, 4)),
        F.reshape(x, (-1, 2)),
        x.reshape(a * b, -1),
        x.reshape((2, 1, 3, 4, 1)),
        F.flatten(x),
        F.reshape(y, (0, 3)),
        F.transpose(x),
        x.transpose(1, 2, 0),
        F.transpose(x, (-1, 0, 1)),
        F.swapaxes(x, 0, -1),
        F.rollaxis(x, 2),
        F.rollaxis(x, 0, 3),
        F.moveaxis(x, 0, -1),
        F.moveaxis(x, (0, 1), (2, 0)),
        F.expand_dims(x, 1),
        F.expand_dims(x, -1),
        F.squeeze(F.expand_dims(x, 0)),
        F.squeeze(x.reshape(1, 24, 1), 0),
        F.squeeze(x.reshape(1, 24, 1), axis=(0, -1)),
        F.broadcast_to(x, (2, 2, 3, 4)),
        F.broadcast_to(x[:, :, :1], x.shape),
        F.cast(x, "float64"),
        F.copy(x, -1),
        F.broadcast(x, f3(x)),
    )


def f3(x):
    return x[0, 0]


def test_shapes():
    check(shapes, (var(2, 3, 4), var(0, 3)))


def staged_shapes(x):
    a, b, c = x.shape
    return (
        F.reshape(x, (-1, 4)),
        F.reshape(x, (a * b, 4)),
        F.reshape(x, (a, b, 2, 2)),
        F.reshape(x, (a, -1)),
        F.reshape(x, (2, 12)),
        F.reshape(x, (3, -1, 2)),
        F.reshape(x, x.shape),
        F.flatten(x),
        F.transpose(x, (2, 0, 1)),
        F.swapaxes(x, 0, 1),
        F.expand_dims(x, 0),
        F.squeeze(F.reshape(x, (a, b, 1, c)), 2),
        F.broadcast_to(x, (2, 3, 4)),
        F.broadcast_to(x, (3, a, b, c)),
        F.broadcast_to(F.expand_dims(x, 2), (a, b, 5, c)),
        F.flip(x, 0),
        F.flip(x, 2),
        F.tile(x, (2, 1, 3)),
        F.repeat(x, 2, 0),
    )


@pytest.mark.parametrize("shape", [(None, 3, 4), (None, None, None)])
def test_staged_shapes(shape):
    check_staged(staged_shapes, (var(2, 3, 4),), {0: shape})


def to_two_by_four(x):
    return F.reshape(x, (2, 4))


def to_rows_of_five(x):
    return F.reshape(x, (-1, 5))


def squeeze_first(x):
    return F.squeeze(x, 0)


def broadcast_rows(x):
    return F.broadcast_to(x, (4, 3))


@pytest.mark.parametrize("g", [to_two_by_four, to_rows_of_five, squeeze_first, broadcast_rows])
def test_sizes_that_do_not_fit(g):
    with pytest.raises((ValueError, chainer.utils.type_check.InvalidType)) as expected:
        g(f(2, 3))
    with pytest.raises(expected.type):
        run(g, f(2, 3))
    with pytest.raises(expected.type):
        run_staged(g, (f(2, 3),), {0: (None, None)})


def joining(x, y, z):
    return (
        F.concat((x, y)),
        F.concat([x, x, z], axis=0),
        F.concat([x], axis=-1),
        F.stack([x, x]),
        F.stack((x, x, x), axis=-1),
        F.hstack((x, y)),
        F.vstack((x, z)),
        F.dstack((x, x)),
        F.hstack([z[0], z[1]]),
        F.vstack([z[0], z[1]]),
        F.dstack([z[0], z[1]]),
    )


def test_joining():
    check(joining, (var(2, 3), var(2, 2), var(4, 3)))
    args = (var(2, 3), var(2, 2), var(4, 3))
    check_staged(joining, args, {0: (None, 3), 1: (None, None), 2: (4, 3)})


def join_rows(x, y):
    return F.concat((x, y), axis=0)


def join_nothing(x):
    return F.concat([])


def stack_nothing(x):
    return F.stack([])


def test_joining_what_does_not_fit():
    for g, args, shape in (
        (join_rows, (f(2, 3), f(2, 4)), (None, None)),
        (join_nothing, (f(2, 3),), (None, 3)),
        (stack_nothing, (f(2, 3),), (None, 3)),
    ):
        with pytest.raises(chainer.utils.type_check.InvalidType):
            run(g, *args)
        with pytest.raises(chainer.utils.type_check.InvalidType):
            run_staged(g, args, {0: shape})


def grown(x):
    rows = []
    for i in range(x.shape[0]):
        rows.append(F.tanh(x[i]))
    return (
        F.stack(rows),
        F.stack(rows, axis=1),
        F.stack(rows, axis=-1),
        F.concat(rows, axis=0),
        F.concat(rows, axis=1),
        F.concat(rows, axis=-1),
        F.vstack(rows),
        F.hstack(rows),
    )


def grown_vectors(x):
    rows = []
    for i in range(x.shape[0]):
        rows.append(x[i] * 2)
    return F.stack(rows), F.concat(rows, axis=0), F.vstack(rows), F.hstack(rows)


def test_lists_that_grew_in_a_loop():
    check_staged(grown, (var(3, 2, 4),), {0: (None, 2, 4)})
    check_staged(grown_vectors, (var(3, 4),), {0: (None, None)})


def test_lists_that_did_not_grow():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(grown_vectors, (chainer.Variable(f(0, 4)),), {0: (None, 4)})


def splitting(x):
    return (
        F.split_axis(x, 3, axis=1),
        F.split_axis(x, 2, axis=0),
        F.split_axis(x, [1, 4], axis=1),
        F.split_axis(x, [0, 2, 2, 6], axis=1),
        F.split_axis(x, np.array([1]), axis=0),
        F.split_axis(x, 1, axis=0, force_tuple=False),
        F.split_axis(x, 1, axis=0),
        F.separate(x),
        F.separate(x, axis=1),
        F.separate(x[:1]),
    )


def test_splitting():
    check(splitting, (var(2, 6),))


def staged_splitting(x, ends):
    first, *_ = F.split_axis(x, 3, axis=0)
    return (
        first,
        F.split_axis(x, 2, axis=1),
        F.split_axis(x, [1, 4], axis=0),
        F.split_axis(x, [1], axis=1),
        F.separate(x, axis=1),
        F.split_axis(x, ends, axis=0),
    )


def test_splitting_of_staged_sizes():
    args = (var(6, 4), np.array([2, 2, 5]))
    check_staged(staged_splitting, args, {0: (None, 4)})


def split_in_four(x):
    return F.split_axis(x, 4, axis=0)


def split_beyond(x):
    return F.split_axis(x, [2, 9], axis=0)


@pytest.mark.parametrize("g", [split_in_four, split_beyond])
def test_splitting_what_does_not_split(g):
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run(g, f(6, 2))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(g, (f(6, 2),), {0: (None, 2)})


def picking(x, t, order):
    return (
        F.get_item(x, (0, slice(1, 3))),
        x[:, -1],
        F.select_item(x, t),
        F.flip(x, 1),
        F.fliplr(x),
        F.flipud(x),
        F.permutate(x, order),
        F.permutate(x, order, inv=True),
        F.permutate(x, np.array([1, 2, 0, 3], "i"), axis=1),
        F.where(x.array > 0, x, -x),
        F.diagonal(x),
    )


def test_picking():
    args = (var(3, 4), np.array([0, -1, 2], "i"), np.array([2, 0, 1], "i"))
    check(picking, args)


def select(x, t):
    return F.select_item(x, t)


def test_select_item():
    args = (f(3, 4), np.array([0, 3, 2]))
    check_staged(select, args, {0: (None, None), 1: (None,)})
    with pytest.raises(IndexError):
        run(select, f(3, 4), np.array([0, 4, 2]))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(select, (f(3, 4), np.array([0, 1])), {0: (None, 4), 1: (None,)})


def copies(x, y):
    return (
        F.tile(x, 2),
        F.tile(x, (2, 1, 3)),
        F.tile(x, (0, 2)),
        F.repeat(x, 2),
        F.repeat(x, 2, axis=1),
        F.repeat(x, (1, 0, 2), axis=1),
        F.pad(x, 1, "constant"),
        F.pad(x, ((0, 2), (1, 0)), "constant", constant_values=3),
        F.pad_sequence([x[0], y[0], x[1]]),
        F.pad_sequence([x[0], y[0], x[1]], length=7, padding=-1),
        F.pad_sequence([x, y]) if x.shape[1:] == y.shape[1:] else None,
    )


def test_copies():
    check(copies, (var(2, 3), var(3, 5)), (var(2, 3), var(4, 3)))


def ragged(x, y, z):
    return F.pad_sequence([x, y, z]), F.pad_sequence([x, z], 5, 2.0)


def test_pad_sequence_of_staged_sizes():
    args = (var(2, 3), var(4, 3), var(0, 3))
    check_staged(ragged, args, {0: (None, 3), 1: (None, 3)})


def pad_too_short(x):
    return F.pad_sequence([x], length=1)


def test_pad_sequence_too_short():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(pad_too_short, (f(2, 3),), {0: (None, 3)})


def sequences(x, y, z):
    return (
        F.transpose_sequence([x, y, z]),
        F.transpose_sequence([x, x]),
        F.transpose_sequence([y]),
        F.transpose_sequence([]),
    )


def test_transpose_sequence():
    check(sequences, (var(4, 2), var(3, 2), var(1, 2)), (var(2, 2), var(2, 2), var(0, 2)))


def images(x, grid):
    return (
        F.resize_images(x, (5, 7)),
        F.resize_images(x, (3, 2), align_corners=False),
        F.resize_images(x, (9, 6), mode="nearest"),
        F.im2col(x, 3, 1, 1),
        F.im2col(x, (2, 3), stride=2, pad=(1, 0), cover_all=True),
        F.im2col(x, 2, dilate=2),
        F.spatial_transformer_sampler(x, grid),
    )


def compiled_from_numpy(x, theta):
    return (
        F.depth2space(x, 2),
        F.space2depth(x, 2),
        F.spatial_transformer_grid(theta, (3, 5)),
        F.pad(x, 1, "edge"),
    )


def test_images_compiled_from_their_source():
    check(compiled_from_numpy, (f(2, 4, 6, 4), f(2, 2, 3)))


def test_images():
    grid = np.clip(f(2, 2, 3, 5), -1.2, 1.2)
    check(images, (f(2, 4, 6, 4), grid))


def refused(x):
    return F.as_strided(x, (2,), (1,))


def test_refused():
    with pytest.raises(CompileError, match="AF0306"):
        run(refused, f(2, 3))
