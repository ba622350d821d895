"""Matrix products: all of them become ``nn.dense`` or ``nn.batch_matmul`` with a transposed right
side, which is what TVM has good kernels for (``nn.matmul`` takes 80 times as long)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from chainer.functions.math import matmul, sparse_matmul, tensordot

from astfront.rules.array.shape import reshape_fitting, reshape_to
from astfront.rules.nodes import (
    invalid_type,
    mismatch,
    require_equal_dims,
    require_floats,
)
from astfront.rules.numpy.support import broadcast_to, check_broadcast, known_sizes
from astfront.rules.registry import node_rule, rule
from astfront.rules.sizes import constant, dims_of, equal, guarded, require_divisor, same_dim
from astfront.rules.sizes import product as multiplied
from astfront.values import Scalar, Static, Tensor, Tuple, Value


@node_rule(matmul.MatMul)
def mat_mul(cx: Any, node: Any, a: Tensor, b: Tensor) -> Tensor:
    transa, transb = bool(node.transa), bool(node.transb)
    if node.transc:
        a, b, transa, transb = b, a, not transb, not transa
    result = product(cx, a, b, transa, transb)
    return result if node.dtype is None else cx.cast(result, node.dtype)  # type: ignore[no-any-return]


@node_rule(matmul.BatchMatMul)
def batch_mat_mul(cx: Any, node: Any, a: Tensor, b: Tensor) -> Tensor:
    for x in (a, b):
        if x.dtype != np.float32 or x.ndim not in (2, 3):
            invalid_type(cx, "dtype == float32 and 2 <= ndim <= 3", f"{x.dtype}, {x.ndim}")
        require_divisor(cx, x, (0, 1))
    a, b = (x if x.ndim == 3 else cx.call_op("expand_dims", x, axis=2) for x in (a, b))
    return product(cx, a, b, bool(node.transa), bool(node.transb))


def product(cx: Any, a: Tensor, b: Tensor, transa: bool = False, transb: bool = False) -> Tensor:
    """``np.matmul``, of operands whose last two axes are swapped first where asked."""
    require_floats(cx, a, b, same=False)
    if not a.ndim or not b.ndim:
        invalid_type(cx, "ndim >= 1", "0")
    dtype = np.result_type(a.dtype, b.dtype)
    inner = np.dtype(np.float32) if dtype == np.float16 else dtype  # numpy adds up in float32
    a, b = cx.cast(a, inner), cx.cast(b, inner)
    # A vector is a row on the left and a column on the right, and isn't there in the result.
    drop = [axis for axis, x in ((-2, a), (-1, b)) if x.ndim == 1]
    transa, transb = transa and a.ndim > 1, transb and b.ndim > 1
    if a.ndim == 1:
        a = cx.call_op("expand_dims", a, axis=0)
    if b.ndim == 1:
        b, transb = cx.call_op("expand_dims", b, axis=0), True
    require_equal_dims(cx, a, -2 if transa else -1, b, -1 if transb else -2)
    result = _of_matrices(cx, a, b, transa, transb)
    if drop:
        result = cx.call_op("squeeze", result, axis=[result.ndim + axis for axis in drop])
    return cx.cast(result, dtype)  # type: ignore[no-any-return]


def _of_matrices(cx: Any, a: Tensor, b: Tensor, transa: bool, transb: bool) -> Tensor:
    if 0 in (*a.shape, *b.shape) or b.ndim > 2 or (a.ndim > 2 and transa):
        return _batched(cx, a, b, transa, transb)
    left = _swapped(cx, a) if transa else a
    lead = dims_of(cx, left)[:-1]
    if left.shape[:-1].count(None) > 1:
        return _batched(cx, a, b, transa, transb)
    if a.ndim > 2:
        left = reshape_fitting(cx, left, [multiplied(cx, lead), cx.dim_of(left, -1)])
    left, right = _of_one_depth(cx, left, b, -1, -1 if transb else -2)
    if None in right.shape:
        # TVM packs the right operand of a dense, for which it has to know its sizes.
        left, right = (_with_ndim(cx, x, 3) for x in (left, right))
        right = right if transb else _swapped(cx, right)
        made: Tensor = cx.call_op("squeeze", cx.call_op("nn.batch_matmul", left, right), axis=[0])
    else:
        made = cx.call_op("nn.dense", left, right if transb else _swapped(cx, right))
    return reshape_fitting(cx, made, [*lead, cx.dim_of(made, 1)]) if a.ndim > 2 else made


def _batched(cx: Any, left: Tensor, right: Tensor, transa: bool, transb: bool) -> Tensor:
    """The products of matrices over leading axes that are broadcast."""
    ndim = max(left.ndim, right.ndim)
    left, right = (_with_ndim(cx, x, ndim) for x in (left, right))
    for axis in range(ndim - 2):
        left, right = _spread(cx, left, right, axis), _spread(cx, right, left, axis)
        n, m = left.shape[axis], right.shape[axis]
        if n is None and m is None:
            left, right = _both_spread(cx, left, right, axis)
        elif 1 not in (n, m):
            require_equal_dims(cx, left, axis, right, axis)
    lead = [cx.dim_of(right if left.shape[i] == 1 else left, i) for i in range(ndim - 2)]
    of_left, of_right = (-1, -2) if transa else (-2, -1), (-2, -1) if transb else (-1, -2)
    sizes = [*lead, cx.dim_of(left, of_left[0]), cx.dim_of(right, of_right[0])]
    if 0 in (*known_sizes(sizes), left.shape[of_left[1]]):
        return broadcast_to(cx, constant(cx, 0, left.dtype), sizes)
    if ndim > 3:
        left, right = (_flattened(cx, x, lead) for x in (left, right))
    left, right = _of_one_depth(cx, left, right, of_left[1], of_right[1])
    # Turned last of all: a product may take them as they stand (passes/relay/straight_products.py).
    left, right = _swapped(cx, left) if transa else left, right if transb else _swapped(cx, right)
    made: Tensor = cx.call_op("nn.batch_matmul", left, right, transpose_a=False, transpose_b=True)
    return made if ndim == 3 else reshape_fitting(cx, made, sizes)


def _spread(cx: Any, x: Tensor, other: Tensor, axis: int) -> Tensor:
    """``x``, broadcast along an axis whose size is staged, and that of ``other`` known."""
    size = other.shape[axis]
    if x.shape[axis] is not None or size in (None, 1):
        return x
    alone: list[int | None] = [1] * x.ndim
    alone[axis] = size
    check_broadcast(cx, x, Tensor(None, tuple(alone), x.dtype), error=mismatch)
    sizes = [Static(size) if i == axis else n for i, n in enumerate(dims_of(cx, x))]
    return broadcast_to(cx, x, sizes)


def _both_spread(cx: Any, left: Tensor, right: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Both of one size along an axis where each is staged: they seldom differ."""
    n, m = cx.dim_of(left, axis), cx.dim_of(right, axis)

    def spread() -> Tuple:
        size = multiplied(cx, [n, m])  # as one of them is 1
        sizes = [[size if i == axis else d for i, d in enumerate(dims_of(cx, x))] for x in given]
        return Tuple(tuple(broadcast_to(cx, x, s) for x, s in zip(given, sizes)))

    def differing() -> Value:
        either = cx.b.call("logical_or", *(equal(cx, size, Static(1)) for size in (n, m)))
        fits = [Scalar(either.expr, bool)]
        return guarded(cx, fits, mismatch("the sizes of two batches differ"), spread)

    given = (left, right)
    made = cx.stage_if(equal(cx, n, m), lambda: Tuple(given), differing)
    left, right = made.items
    return left, right


def _of_one_depth(
    cx: Any, left: Tensor, right: Tensor, of_left: int, of_right: int
) -> tuple[Tensor, Tensor]:
    """The size that is summed over, known of both where it's known of one: TVM asks for that."""
    known = [left.shape[of_left], right.shape[of_right]]
    depth = known[0] if known[1] is None else known[1]

    def refined(x: Tensor, axis: int) -> Tensor:
        shape = list(x.shape)
        shape[axis] = depth
        return cx.b.refine(x, tuple(shape))  # type: ignore[no-any-return]

    return refined(left, of_left), refined(right, of_right)


def _flattened(cx: Any, x: Tensor, lead: Sequence[Value]) -> Tensor:
    """The leading axes as one: broadcast to ``lead``, or 1 where all of them are 1."""
    own, matrix = dims_of(cx, x)[:-2], dims_of(cx, x)[-2:]
    if all(d == 1 for d in x.shape[:-2]):
        return reshape_fitting(cx, x, [Static(1), *matrix])
    if any(d == 1 and e != 1 for d, e in zip(x.shape, known_sizes(lead))):
        x, own = broadcast_to(cx, x, [*lead, *matrix]), list(lead)
    return reshape_fitting(cx, x, [multiplied(cx, own), *matrix])


def _with_ndim(cx: Any, x: Tensor, ndim: int) -> Tensor:
    if x.ndim == ndim:
        return x
    result: Tensor = cx.call_op("expand_dims", x, axis=0, num_newaxis=ndim - x.ndim)
    return result


def _swapped(cx: Any, x: Tensor) -> Tensor:
    axes = [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2]
    result: Tensor = cx.call_op("transpose", x, axes=axes)
    return result


@node_rule(tensordot.TensorDot)
def tensor_dot(cx: Any, node: Any, a: Tensor, b: Tensor) -> Tensor:
    """A matrix product between two transpositions."""
    if node.a_axes is not None or node.c_axes is not None:
        cx.fail("AF0306", "a TensorDot made with a_axes or c_axes isn't supported")
    axes, differ = node.axes, ValueError("shape mismatch")
    if isinstance(axes, int | np.integer):
        a_axes, b_axes = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        a_axes, b_axes = (list(np.atleast_1d(x)) for x in axes)
    if len(a_axes) != len(b_axes):
        cx.raise_python(ValueError("axes count mismatch"))
    if len(a_axes) > min(a.ndim, b.ndim):
        message = "dimension of input tensors must be greater equal to dot-axes count"
        cx.raise_python(ValueError(f"{message} ({len(a_axes)})"))
    fits = []
    for n, (i, j) in enumerate(zip(a_axes, b_axes)):
        a_axes[n], b_axes[n] = _axis(cx, i, a.ndim), _axis(cx, j, b.ndim)
        fits.append(same_dim(cx, a, i, b, j))
        if isinstance(fits[-1], Static) and not fits[-1].obj:
            cx.raise_python(differ)
    a_rest = [i for i in range(a.ndim) if i not in a_axes]
    b_rest = [i for i in range(b.ndim) if i not in b_axes]

    def compute() -> Tensor:
        left = cx.call_op("transpose", a, axes=[*a_rest, *a_axes])
        right = cx.call_op("transpose", b, axes=[*b_rest, *b_axes])
        rows, columns = dims_of(cx, left)[: len(a_rest)], dims_of(cx, right)[: len(b_rest)]
        depth = multiplied(cx, dims_of(cx, left)[len(a_rest) :])
        left = reshape_to(cx, left, [multiplied(cx, rows), depth])
        right = reshape_to(cx, right, [multiplied(cx, columns), depth])
        return reshape_to(cx, product(cx, left, right, transb=True), [*rows, *columns])

    made = guarded(cx, fits, differ, compute)
    return made if node.dtype is None else cx.cast(made, node.dtype)  # type: ignore[no-any-return]


def _axis(cx: Any, axis: Any, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        cx.raise_python(IndexError("tuple index out of range"))
    return int(axis) % ndim


@rule(sparse_matmul._coo_matmul_cpu)
def coo_matmul(cx: Any, *args: Value) -> Value:
    """Chainer's goes by scipy's sparse matrices."""
    made: Value = cx.call_function_object(_sparse_product, *args)
    return made


# What follows is compiled, not run.


def _sparse_product(data, row, column, shape, dense, dtype):  # type: ignore[no-untyped-def]
    """Rows of the dense matrix, each times an entry of the sparse one, added up in the entry's row."""
    height, width = shape
    inner = np.result_type(data.dtype, dense.dtype, np.float32)
    if dense.ndim == 2:
        if (
            np.any(row < 0)
            or np.any(row >= height)
            or np.any(column < 0)
            or np.any(column >= width)
        ):
            raise ValueError("an index exceeds the matrix dimensions")
        made = np.zeros((height, dense.shape[1]), inner)
        np.add.at(made, row, (data[:, None] * dense[column]).astype(inner))
        return made.astype(dtype)
    # Where a matrix of the batch has fewer entries than others, it's filled up with those of row -1.
    there = row >= 0
    if np.any(there & ((row >= height) | (column < 0) | (column >= width))):
        raise ValueError("an index exceeds the matrix dimensions")
    if np.any(there[:, 1:] & ~there[:, :-1]):
        raise ValueError("negative row index found")
    made = np.zeros((len(dense), height, dense.shape[2]), inner)
    batch = np.arange(len(dense))[:, None]
    terms = np.where(there[:, :, None], data[:, :, None] * dense[batch, column], 0)
    np.add.at(made, (batch, row), terms.astype(inner))
    return made.astype(dtype)
