"""chainer/functions/array."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

import astfront
from astfront.diagnostics import CompileError
from tests.functions.cases import FLOATS, V, cases, f, programs, refused
from tests.support import assert_same, prepared, run, run_staged, specs_of

INTEGERS = ("uint8", "int32", "int64")


def var(*shape, **kwargs):
    return V(f(*shape, **kwargs))


@cases(
    [var(2, 3, 4), var(2, 1, 4)], [var(3, 2, 17), var(3, 5, 17)], [var(2, 0, 3), var(2, 4, 3)], [var(1, 1, 0), var(1, 2, 0)],
    staged={0: (None, None, None), 1: (None, None, None)},
)  # fmt: skip
def joined_in_rows(x, y):
    """Loops over items of one operand and then of the other, each along all that lies in a row."""
    return (
        F.concat((x, y)), F.concat((x * 2, y, F.relu(x)), 1) + 1, F.concat((x, x[:1]), 0), F.concat((x[:, :, :1], x), 2),
        F.stack((x, x + 1), 1), F.stack((x, x), -1), F.cumsum(y, axis=1),
    )  # fmt: skip


@cases([var(2, 3, 4), var(0, 3)], dtypes=("float16", "float32"))
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


@cases([var(2, 3, 4)], dtypes=(), staged=[{0: (None, 3, 4)}, {0: (None, None, None)}])
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


@cases([var(2, 3, 4)], [var(1, 3, 4)], dtypes=(), staged={0: (None, 3, None)})
def more_staged_shapes(x):
    return (
        F.fliplr(x),
        F.flipud(x),
        F.rollaxis(x, 2),
        F.moveaxis(x, 0, -1),
        F.identity(x),
        F.cast(x, "float64"),
        F.copy(x, -1),
        F.broadcast(x, x[0, 0]),
        F.diagonal(x[0]),
        F.diagonal(x, 1, 1, 2),
        F.pad(x, 1, "constant"),
        F.where(x.array > 0, x, -x),
        F.separate(F.reshape(x, (-1, 3, 4)), axis=1),
        F.swapaxes(x, -1, 0),
        F.depth2space(F.reshape(x, (1, 4, -1, 3)), 2),
    )


def to_two_by_four(x):
    return F.reshape(x, (2, 4))


def to_rows_of_five(x):
    return F.reshape(x, (-1, 5))


def squeeze_first(x):
    return F.squeeze(x, 0)


def broadcast_rows(x):
    return F.broadcast_to(x, (4, 3))


def turned_by_four(x):
    return x.reshape(x.shape[1], x.shape[0], 4)


@pytest.mark.parametrize(
    "g", [to_two_by_four, to_rows_of_five, squeeze_first, broadcast_rows, turned_by_four]
)
def test_sizes_that_do_not_fit(g):
    with pytest.raises((ValueError, chainer.utils.type_check.InvalidType)) as expected:
        g(f(2, 3))
    with pytest.raises(expected.type):
        run(g, f(2, 3))
    with pytest.raises(expected.type):
        run_staged(g, (f(2, 3),), {0: (None, None)})


@cases(
    [var(2, 3), var(2, 2), var(4, 3)],
    dtypes=("float32", "int32"),
    staged={0: (None, 3), 1: (None, None)},
)
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


@cases([var(3, 2, 4)], [var(1, 2, 4)], dtypes=(), staged={0: (None, 2, 4)})
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
        F.dstack(rows),
        F.dstack([F.expand_dims(r, 1) for r in rows]),
    )


@cases([var(3, 4)], [var(1, 2)], dtypes=(), staged={0: (None, None)})
def grown_vectors(x):
    rows = []
    for i in range(x.shape[0]):
        rows.append(x[i] * 2)
    return F.stack(rows), F.concat(rows, axis=0), F.vstack(rows), F.hstack(rows), F.dstack(rows)


def test_lists_that_did_not_grow():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(grown_vectors, (chainer.Variable(f(0, 4)),), {0: (None, 4)})


@cases([var(2, 6)], dtypes=("float16", "float32"))
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


@cases([var(6, 4), np.array([2, 2, 5])], dtypes=(), staged={0: (None, 4)})
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


LENGTHS = [np.array(x, "i") for x in ((3, 1, 2), (6,), (0, 2, 0, 4, 0))]


@cases(*[[V(f(len(n), 6, 2)), n] for n in LENGTHS], dtypes=(), staged={0: (None, 6, 2), 1: (None,)})
def as_many_parts_as_there_are(x, lengths):
    """Tuples of staged lengths."""
    parts = F.split_axis(x[0], np.cumsum(lengths)[:-1], axis=0)
    pairs = F.separate(x[:, : len(x) * 2])
    columns = F.separate(x[:, : len(x) * 2], axis=1)
    across = F.split_axis(F.transpose(x[0]), np.cumsum(lengths)[:-1], axis=-1)
    total = sum([F.sum(v, axis=0) for v in parts]), columns[-1] * len(columns)
    return parts, len(parts), F.pad_sequence(parts), F.stack(pairs[::-1]), total, across


@cases([f(4, 6), f(2, 1)], [f(9, 6), f(3, 1)], dtypes=(), staged={0: (None, 6), 1: (None, 1)})
def so_many_equal_parts(x, y):
    return F.split_axis(x, len(y), 1)[-1], F.split_axis(x, len(y), 0)


def test_parts_that_there_cannot_be():
    def parts(x, y, ends):
        return F.split_axis(x, len(y), 0), F.separate(y), F.split_axis(x, ends, 0)

    sizes = {0: (None, 6), 1: (None, 1), 2: (None,)}
    call = prepared(parts, specs_of([f(4, 6), f(2, 1), LENGTHS[0]], sizes))
    for rows, count, ends, error in (
        (4, 3, [1], chainer.utils.type_check.InvalidType),
        (4, 0, [1], ZeroDivisionError),
        (4, 2, [1, 5], chainer.utils.type_check.InvalidType),
        (4, 2, [2, 1], ValueError),
    ):
        with pytest.raises(error):
            call([f(rows, 6), f(count, 1), np.array(ends, "i")])


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


@cases([var(3, 4), np.array([0, -1, 2], "i"), np.array([2, 0, 1], "i")], dtypes=FLOATS)
def picking(x, t, order):
    return (
        F.get_item(x, (0, slice(1, 3))), F.get_item(x, Ellipsis), F.get_item(x, (None, [0, 2, 0])),
        F.get_item(x, (slice(None, None, -1), slice(0, 4, 2))), F.get_item(x, -1), x[:, -1],
        F.get_item(x, ([0, 1], [1, 2])), F.select_item(x, t), F.flip(x, 1), F.flip(x, -1), F.fliplr(x),
        F.flipud(x), F.permutate(x, order), F.permutate(x, order, inv=True),
        F.permutate(x, (order - 3).astype("int16"), inv=True), F.get_item(x, np.zeros(0, bool)),
        F.get_item(np.arange(300.0), (t + 130).astype("uint8")), F.get_item(np.arange(300.0), (t + 99).astype("int8")),
        F.permutate(x, np.array([1, 2, 0, 3], "i"), axis=1), F.where(x.array > 0, x, -x),
        F.where(x.array[:1] > 0, x[:, :1], -x), F.where(t > 0, x[:, 0], x[:, 1]), F.diagonal(x),
        F.diagonal(x, offset=1), F.diagonal(x[None], -1, axis1=-1, axis2=1),
    )  # fmt: skip


@cases(
    [var(3, 4), np.array([0, 3, 2])],
    [var(2, 5), np.array([4, 1])],
    dtypes=(),
    staged={0: (None, None), 1: (None,)},
)
def picking_of_staged_sizes(x, t):
    return F.select_item(x, t), F.get_item(x, (slice(None), 1))


def select(x, t):
    return F.select_item(x, t)


def test_select_item():
    with pytest.raises(IndexError):
        run(select, f(3, 4), np.array([0, 4, 2]))
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(select, (f(3, 4), np.array([0, 1])), {0: (None, 4), 1: (None,)})


@cases([var(2, 3), var(3, 5)], [var(2, 3), var(4, 3)], dtypes=("float16", "float32"))
def copies(x, y):
    return (
        F.tile(x, 2),
        F.tile(x, (2, 1, 3)),
        F.tile(x, (0, 2)),
        F.repeat(x, 2),
        F.repeat(x, 2, axis=1),
        F.repeat(x, (1, 0, 2), axis=1),
        F.repeat(x, (2,), axis=-1),
        F.pad(x, 1, "constant"),
        F.pad(x, (1, 2), "edge"),
        F.pad(x, 1, "reflect"),
        F.pad(x, ((0, 1), (2, 0)), mode="symmetric"),
        F.pad(x, ((0, 2), (1, 0)), "constant", constant_values=3),
        F.pad_sequence([x[0], y[0], x[1]]),
        F.pad_sequence([x[0], y[0], x[1]], length=7, padding=-1),
        F.pad_sequence([x, y]) if x.shape[1:] == y.shape[1:] else None,
    )


@cases(
    [var(2, 3), var(4, 3), var(0, 3)],
    [var(1, 3), var(1, 3), var(5, 3)],
    dtypes=(),
    staged=dict.fromkeys(range(3), (None, 3)),
)
def ragged(x, y, z):
    return F.pad_sequence([x, y, z]), F.pad_sequence([x, z], 5, 2.0)


def pad_too_short(x):
    return F.pad_sequence([x], length=1)


def test_pad_sequence_too_short():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        run_staged(pad_too_short, (f(2, 3),), {0: (None, 3)})


@cases([var(4, 2), var(3, 2), var(1, 2)], [var(2, 2), var(2, 2), var(0, 2)], dtypes=FLOATS)
def sequences(x, y, z):
    return (
        F.transpose_sequence([x, y, z]),
        F.transpose_sequence([x, x]),
        F.transpose_sequence([y]),
        F.transpose_sequence([]),
    )


@cases([var(4, 3)], dtypes=("uint8", "int32", "int64"))
def of_integers(x):
    return (
        F.reshape(x, (6, -1)), F.concat((x, x), 0), F.stack([x, x]), F.get_item(x, (0, 1)), F.cast(x, "float32"),
        F.split_axis(x, 2, axis=0), F.select_item(x, np.array([0, 1, 2, 0])), F.expand_dims(x, 0),
        F.squeeze(x[:1], 0), F.broadcast_to(x, (2, 4, 3)), F.flip(x, 0), F.copy(x, -1), F.hstack([x, x]),
        F.separate(x), F.flatten(x), F.swapaxes(x, 0, 1), F.where(x.array > 1, x, x), F.sum_to(x, (1, 3)),
        F.sum_to(x, (1,)), F.scatter_add(x, 0, x[1]), F.scatter_add(x.array > 0, [0, 0], x.array[2:] > 0),
        F.repeat(x, 2, 1), F.tile(x, 2), F.permutate(x, np.array([2, 0, 1, 3], "i")), F.bias(x, x[0]), F.sign(x),
    )  # fmt: skip


THETA = f(2, 2, 3)
GRID = np.clip(f(2, 2, 3, 5), -1.2, 1.2)


@cases([V(f(2, 4, 6, 4)), V(GRID), V(THETA)])
def images(x, grid, theta):
    return (
        F.resize_images(x, (5, 7)),
        F.resize_images(x, (3, 2), align_corners=False),
        F.resize_images(x, (9, 6), mode="nearest"),
        F.resize_images(x, (9, 6), mode="nearest", align_corners=False),
        F.im2col(x, 3, 1, 1),
        F.im2col(x, (2, 3), stride=2, pad=(1, 0), cover_all=True),
        F.im2col(x, 2, dilate=2),
        F.spatial_transformer_sampler(x, grid),
        F.spatial_transformer_grid(theta, (3, 5)),
        F.depth2space(x, 2),
        F.space2depth(x, 2),
    )


@cases([np.where(f(1, 2, 3, 3) > 1, [np.nan, 1, -np.inf], f(1, 2, 3, 3)).astype("f")])
def images_with_nan(x):
    return [F.resize_images(x, (3, 5), mode=mode) for mode in ("bilinear", "nearest")]


@cases(
    [V(f(2, 4, 6, 4)), V(GRID)],
    [V(f(1, 4, 3, 5)), V(GRID[:1])],
    dtypes=(),
    staged={0: (None, 4, None, None), 1: (None, 2, None, None)},
)
def images_of_staged_sizes(x, grid):
    return (
        F.resize_images(x, (5, 7)),
        F.resize_images(x, (9, 6), mode="nearest"),
        F.resize_images(x, (x.shape[2] * 2, x.shape[3] * 2)),
        F.im2col(x, 3, 1, 1),
        F.im2col(x, 2, dilate=2),
        F.spatial_transformer_sampler(x, grid),
    )


@cases(
    [V(f(2, 4, 6, 4)), V(THETA)],
    [V(f(1, 4, 2, 8)), V(THETA[:1])],
    dtypes=(),
    staged={0: (None, 4, None, None), 1: (None, 2, 3)},
)
def rearranged_images_of_staged_sizes(x, theta):
    return F.depth2space(x, 2), F.spatial_transformer_grid(theta, x.shape[2:])


@cases([V(f(1, 4, 4, 4)), np.int64(2)], [V(f(1, 4, 4, 4)), np.int64(1)])
def rearranged_images_by_numpy_ints(x, r):
    return F.depth2space(x, r), F.space2depth(x, r)


@cases([V(f(3, 4))], [V(f(4, 3))], dtypes=FLOATS, staged={0: (None, None)})
def strides(x):
    return (
        F.as_strided(x, (3, 2), (1, 4)),
        F.as_strided(x, (2, 2, 2), (-1, 0, 3), storage_offset=4),
        F.as_strided(x[1:], (2,), (5,), 1),
        F.as_strided((x * 2).array.copy(), (), ()),
    )


@cases([var(2, 1, 3)], [var(1, 1, 3)], [var(1, 1, 1)], dtypes=(), staged={0: (None, 1, None)})
def axes_of_size_one(x):
    y = F.squeeze(x)
    return y, y.shape, F.sum(y * 2), np.squeeze(x.array), x.array.squeeze() + 1


@refused("AF0306", f(2, 3))
def strides_of_a_result(x):
    return F.as_strided(x * 2, (2,), (1,))


def test_strides_depend_on_the_layout():
    """A program is for arrays that are all of their memory; others are refused."""

    def strided(x, shape, strides, offset=0):
        return F.as_strided(x, shape, strides, offset)

    compiled = astfront.compile(strided)
    whole = np.arange(12, dtype="float32")
    for x in (whole, whole.copy()):
        expected = strided(x.reshape(3, 4), (2, 2), (5, 1)).array
        assert_same(compiled(x.reshape(3, 4), (2, 2), (5, 1)).array, expected)
    for x in (whole[6:], whole[::2], whole.reshape(2, 6).T):
        with pytest.raises(CompileError, match="AF0306"):
            compiled(x, (2, 2), (5, 1))
    for shape, offset in (((2, 2), 7), ((2, 2), -1)):
        for call in (strided, compiled):
            with pytest.raises(ValueError, match="Out of buffer"):
                call(whole, shape, (5, 1), offset)


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
