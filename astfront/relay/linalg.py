"""Factorisations of matrices as Relay operators of our own: TVM has none.

``astfront.pivots`` (of an LU decomposition with partial pivoting), ``astfront.solve``,
``astfront.cholesky`` and ``astfront.eigenvectors`` (of symmetric matrices, in columns; in no order) take
batches of square matrices, of shape (batch, n, n), and compute in their dtype, as LAPACK does.
``astfront.rotations`` (the V for which the columns of A·V are at right angles) and
``astfront.reflected`` (Qᵀ·B, where A = Q·R) take others, too.

Importing this module registers them; ``relay/builder.py`` does.
"""

# ruff: noqa: SIM117  (nested loops of a kernel read as loops)

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relay, te, tir
from tvm.relay.op import op as registry
from tvm.relay.op._tensor import elemwise_shape_func
from tvm.te.hybrid import script

from astfront.relay.special import make_operator, set_opaque


class _Matrices:
    """Access to a (batch, rows, columns) buffer by flat positions."""

    def __init__(self, ib: Any, buffer: Any) -> None:
        self.data = ib.buffer_ptr(buffer)
        self.rows, self.columns = buffer.shape[1], buffer.shape[2]

    def at(self, b: Any, i: Any, j: Any) -> Any:
        return (b * self.rows + i) * self.columns + j

    @property
    def order(self) -> Any:
        """The number of rows, and no more than columns: a matrix of staged sizes that isn't square
        is an error that the call raises when the kernel has run."""
        return tir.min(self.rows, self.columns)


def _eliminate(ib: Any, matrix: _Matrices, b: Any, n: Any, others: Any, pivots: Any) -> None:
    """Gauss's elimination below the diagonal, in place, of one matrix of a batch.

    ``others`` are columns to go along, ``pivots(k, value)`` is told each pivot, of the sign that
    the exchange of rows gives it.
    """
    dtype = matrix.data.dtype
    zero = tir.const(0, dtype)
    row = ib.allocate("int32", (1,), name="row", scope="local")
    held = ib.allocate(dtype, (1,), name="held", scope="local")
    data = matrix.data
    with ib.for_range(0, n, name="k") as k:
        row[0] = k
        held[0] = tir.abs(data[matrix.at(b, k, k)])
        with ib.for_range(0, n - k - 1, name="i") as i:
            size = tir.abs(data[matrix.at(b, k + 1 + i, k)])
            # A NaN is taken for a pivot: then it spreads to all that's solved for.
            with ib.if_scope(tir.any(size > held[0], tir.isnan(size))):
                held[0] = size
                row[0] = k + 1 + i
        pivots(k, tir.Select(row[0].equal(k), data[matrix.at(b, row[0], k)],
                             zero - data[matrix.at(b, row[0], k)]))  # fmt: skip
        for block in (matrix, *others):
            with ib.if_scope(tir.Not(row[0].equal(k))):
                with ib.for_range(0, block.columns, name="j") as j:
                    held[0] = block.data[block.at(b, k, j)]
                    block.data[block.at(b, k, j)] = block.data[block.at(b, row[0], j)]
                    block.data[block.at(b, row[0], j)] = held[0]
        pivot = data[matrix.at(b, k, k)]
        # TVM takes NaN for neither equal to 0 nor not.
        with ib.if_scope(tir.any(pivot < zero, pivot > zero, tir.isnan(pivot))):
            with ib.for_range(0, n - k - 1, name="i") as i:
                held[0] = data[matrix.at(b, k + 1 + i, k)] / data[matrix.at(b, k, k)]
                for block in (matrix, *others):
                    with ib.for_range(0, block.columns, name="j") as j:
                        place = block.at(b, k + 1 + i, j)
                        block.data[place] = (
                            block.data[place] - held[0] * block.data[block.at(b, k, j)]
                        )


def _copy(ib: Any, source: _Matrices, target: _Matrices, b: Any) -> None:
    with ib.for_range(0, source.rows, name="i") as i:
        with ib.for_range(0, source.columns, name="j") as j:
            target.data[target.at(b, i, j)] = source.data[source.at(b, i, j)]


def _identity(ib: Any, matrix: _Matrices, b: Any) -> None:
    one, zero = (tir.const(value, matrix.data.dtype) for value in (1, 0))
    with ib.for_range(0, matrix.rows, name="i") as i:
        with ib.for_range(0, matrix.columns, name="j") as j:
            matrix.data[matrix.at(b, i, j)] = tir.Select(i.equal(j), one, zero)


class _Rotation:
    """One of Jacobi's, of two axes."""

    def __init__(self, ib: Any, dtype: str) -> None:
        self.zero, self.one = tir.const(0, dtype), tir.const(1, dtype)
        self.ratio, self.tangent, self.cosine, self.held = (
            ib.allocate(dtype, (1,), name=name, scope="local")
            for name in ("ratio", "tangent", "cosine", "held")
        )

    def choose(self, ratio: Any) -> None:
        """That of a ratio: half the difference of two squares or elements over what's to be zero."""
        one, tangent = self.one, self.tangent
        self.ratio[0] = ratio
        size = self.ratio[0]
        tangent[0] = one / (tir.abs(size) + tir.sqrt(size * size + one))
        tangent[0] = tir.Select(size < self.zero, self.zero - tangent[0], tangent[0])
        self.cosine[0] = one / tir.sqrt(tangent[0] * tangent[0] + one)

    def turn(self, data: Any, first: Any, second: Any) -> None:
        """Two elements, by their places."""
        held, cosine, tangent = self.held, self.cosine, self.tangent
        held[0] = data[first]
        data[first] = cosine[0] * (held[0] - tangent[0] * data[second])
        data[second] = cosine[0] * (tangent[0] * held[0] + data[second])


def _pivots_kernel(inputs: Any, outputs: Any) -> Any:
    ib = tir.ir_builder.create()
    source, work = _Matrices(ib, inputs[0]), _Matrices(ib, outputs[1])
    found = ib.buffer_ptr(outputs[0])

    def note(k: Any, value: Any) -> None:
        found[b * source.rows + k] = value

    with ib.for_range(0, inputs[0].shape[0], name="b") as b:
        _copy(ib, source, work, b)
        _eliminate(ib, work, b, source.order, (), note)
    return ib.get()


def _solve_kernel(inputs: Any, outputs: Any) -> Any:
    ib = tir.ir_builder.create()
    source, right = _Matrices(ib, inputs[0]), _Matrices(ib, inputs[1])
    result, work = _Matrices(ib, outputs[0]), _Matrices(ib, outputs[1])
    n = tir.min(source.order, right.rows)
    with ib.for_range(0, inputs[0].shape[0], name="b") as b:
        _copy(ib, source, work, b)
        _copy(ib, right, result, b)
        _eliminate(ib, work, b, n, (result,), lambda k, value: None)
        with ib.for_range(0, n, name="up") as up:
            i = n - 1 - up
            with ib.for_range(0, result.columns, name="j") as j:
                place = result.at(b, i, j)
                with ib.for_range(0, up, name="k") as k:
                    below = result.data[result.at(b, i + 1 + k, j)]
                    result.data[place] = (
                        result.data[place] - work.data[work.at(b, i, i + 1 + k)] * below
                    )
                result.data[place] = result.data[place] / work.data[work.at(b, i, i)]
    return ib.get()


def _cholesky_kernel(inputs: Any, outputs: Any) -> Any:
    """The lower triangle; NaN on the diagonal where the matrix isn't positive definite."""
    ib = tir.ir_builder.create()
    source, result = _Matrices(ib, inputs[0]), _Matrices(ib, outputs[0])
    dtype = source.data.dtype
    n = source.order
    held = ib.allocate(dtype, (1,), name="held", scope="local")
    with ib.for_range(0, inputs[0].shape[0], name="b") as b:
        with ib.for_range(0, n, name="i") as i:
            with ib.for_range(0, n, name="j") as j:
                with ib.if_scope(j > i):
                    result.data[result.at(b, i, j)] = tir.const(0, dtype)
                with ib.else_scope():
                    held[0] = source.data[source.at(b, i, j)]
                    with ib.for_range(0, j, name="k") as k:
                        held[0] = held[0] - (
                            result.data[result.at(b, i, k)] * result.data[result.at(b, j, k)]
                        )
                    with ib.if_scope(i.equal(j)):
                        result.data[result.at(b, i, j)] = tir.if_then_else(
                            held[0] > tir.const(0, dtype),
                            tir.sqrt(held[0]),
                            tir.const(float("nan"), dtype),
                        )
                    with ib.else_scope():
                        result.data[result.at(b, i, j)] = held[0] / result.data[result.at(b, j, j)]
    return ib.get()


#: Jacobi's method converges quadratically: in less than ten for matrices of some hundred rows.
_SWEEPS = 15


def _eigenvectors_kernel(inputs: Any, outputs: Any) -> Any:
    """By Jacobi's rotations of two axes, which bring one element off the diagonal to zero each."""
    ib = tir.ir_builder.create()
    source, result, work = (_Matrices(ib, m) for m in (inputs[0], *outputs))
    n, rotation = source.order, _Rotation(ib, source.data.dtype)
    with ib.for_range(0, inputs[0].shape[0], name="b") as b:
        _copy(ib, source, work, b)
        _identity(ib, result, b)
        with ib.for_range(0, _SWEEPS, name="sweep"):
            with ib.for_range(0, n, name="p") as p:
                with ib.for_range(0, n - p - 1, name="rest") as rest:
                    q = p + 1 + rest
                    off = work.data[work.at(b, p, q)]
                    with ib.if_scope(tir.Not(off.equal(rotation.zero))):
                        difference = work.data[work.at(b, q, q)] - work.data[work.at(b, p, p)]
                        rotation.choose(difference / (off + off))
                        with ib.for_range(0, n, name="k") as k:
                            rotation.turn(work.data, work.at(b, k, p), work.at(b, k, q))
                        with ib.for_range(0, n, name="k") as k:
                            rotation.turn(work.data, work.at(b, p, k), work.at(b, q, k))
                        with ib.for_range(0, n, name="k") as k:
                            rotation.turn(result.data, result.at(b, k, p), result.at(b, k, q))
    return ib.get()


def _rotations_kernel(inputs: Any, outputs: Any) -> Any:
    """Jacobi's rotations of pairs of columns, until all are at right angles to one another."""
    ib = tir.ir_builder.create()
    source, result, work = (_Matrices(ib, m) for m in (inputs[0], *outputs))
    dtype, n = source.data.dtype, source.columns
    small = tir.const(float(np.finfo(dtype).eps), dtype)
    rotation = _Rotation(ib, dtype)
    left, right, both = (
        ib.allocate(dtype, (1,), name=name, scope="local") for name in ("left", "right", "both")
    )
    with ib.for_range(0, inputs[0].shape[0], name="b") as b:
        _copy(ib, source, work, b)
        _identity(ib, result, b)
        with ib.for_range(0, 2 * _SWEEPS, name="sweep"):
            with ib.for_range(0, n, name="p") as p:
                with ib.for_range(0, n - p - 1, name="rest") as rest:
                    q = p + 1 + rest
                    for sum_ in (left, right, both):
                        sum_[0] = rotation.zero
                    with ib.for_range(0, source.rows, name="k") as k:
                        first, second = work.data[work.at(b, k, p)], work.data[work.at(b, k, q)]
                        left[0] = left[0] + first * first
                        right[0] = right[0] + second * second
                        both[0] = both[0] + first * second
                    with ib.if_scope(
                        tir.abs(both[0]) > small * tir.sqrt(left[0]) * tir.sqrt(right[0])
                    ):
                        rotation.choose((right[0] - left[0]) / (both[0] + both[0]))
                        for matrix in (work, result):
                            with ib.for_range(0, matrix.rows, name="k") as k:
                                rotation.turn(matrix.data, matrix.at(b, k, p), matrix.at(b, k, q))
    return ib.get()


def _reflected_kernel(inputs: Any, outputs: Any) -> Any:
    """Householder's reflections of the first matrix, as LAPACK has them, applied to the second."""
    ib = tir.ir_builder.create()
    source, right = _Matrices(ib, inputs[0]), _Matrices(ib, inputs[1])
    result, work = _Matrices(ib, outputs[0]), _Matrices(ib, outputs[1])
    dtype, m, n = source.data.dtype, source.rows, source.columns
    zero = tir.const(0, dtype)
    norm, head, product = (
        ib.allocate(dtype, (1,), name=name, scope="local") for name in ("norm", "head", "product")
    )

    def reflect(matrix: _Matrices, b: Any, k: Any, j: Any) -> None:
        """The rows from k of column j, by the vector of column k with ``head`` as its first item."""
        data = matrix.data
        product[0] = head[0] * data[matrix.at(b, k, j)]
        with ib.for_range(0, m - k - 1, name="i") as i:
            item = work.data[work.at(b, k + 1 + i, k)]
            product[0] = product[0] + item * data[matrix.at(b, k + 1 + i, j)]
        # head = alpha - beta, and beta is -norm or norm: the reflection's factor is 1 / |head * norm|.
        product[0] = product[0] / (tir.abs(head[0]) * norm[0])
        data[matrix.at(b, k, j)] = data[matrix.at(b, k, j)] - product[0] * head[0]
        with ib.for_range(0, m - k - 1, name="i") as i:
            place = matrix.at(b, k + 1 + i, j)
            data[place] = data[place] - product[0] * work.data[work.at(b, k + 1 + i, k)]

    with ib.for_range(0, inputs[0].shape[0], name="b") as b:
        _copy(ib, source, work, b)
        _copy(ib, right, result, b)
        with ib.for_range(0, tir.min(m, n), name="k") as k:
            norm[0] = zero
            with ib.for_range(0, m - k - 1, name="i") as i:
                below = work.data[work.at(b, k + 1 + i, k)]
                norm[0] = norm[0] + below * below
            # What has zeros below already stays as it is.
            with ib.if_scope(tir.Not(norm[0].equal(zero))):
                head[0] = work.data[work.at(b, k, k)]
                norm[0] = tir.sqrt(norm[0] + head[0] * head[0])
                head[0] = tir.Select(head[0] < zero, head[0] - norm[0], head[0] + norm[0])
                with ib.for_range(0, right.columns, name="j") as j:
                    reflect(result, b, k, j)
                with ib.for_range(0, n - k - 1, name="j") as j:
                    reflect(work, b, k, k + 1 + j)
    return ib.get()


def _tensor_type(shape: Any, dtype: Any) -> Any:
    return relay.TensorType(list(shape), dtype)


def _pivots_type(types: Any, attrs: Any) -> Any:
    matrix = types[0]
    return _tensor_type([matrix.shape[0], matrix.shape[1]], matrix.dtype)


def _rotations_type(types: Any, attrs: Any) -> Any:
    matrix = types[0]
    return _tensor_type([matrix.shape[0], matrix.shape[2], matrix.shape[2]], matrix.dtype)


def _solve_type(types: Any, attrs: Any) -> Any:
    return _tensor_type(types[1].shape, types[1].dtype)


@script
def _rows_shape(x):  # type: ignore[no-untyped-def]
    out = output_tensor((2,), "int64")  # type: ignore[name-defined]  # noqa: F821
    out[0] = x[0]
    out[1] = x[1]
    return out


@script
def _square_shape(x):  # type: ignore[no-untyped-def]
    out = output_tensor((3,), "int64")  # type: ignore[name-defined]  # noqa: F821
    out[0] = x[0]
    out[1] = x[2]
    out[2] = x[2]
    return out


@script
def _same_shape(x):  # type: ignore[no-untyped-def]
    out = output_tensor((3,), "int64")  # type: ignore[name-defined]  # noqa: F821
    for i in const_range(3):  # type: ignore[name-defined]  # noqa: F821
        out[i] = x[i]
    return out


def _register_of_two(name: str, kernel: Any) -> None:
    """An operator whose result has the shape of its second operand."""
    full = make_operator(name, 2, _solve_type)

    def compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        a, b = tensors
        made = te.extern([b.shape, a.shape], [a, b], kernel, name=name, dtype=[a.dtype] * 2)
        return [made[0]]

    set_opaque(full, compute)
    registry.register_shape_func(full, False, lambda attrs, inputs, ndims: [_same_shape(inputs[1])])


def _register() -> None:
    rotations = make_operator("rotations", 1, _rotations_type)

    def rotated(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        (x,) = tensors
        square = (x.shape[0], x.shape[2], x.shape[2])
        made = te.extern(
            [square, x.shape], [x], _rotations_kernel, name="rotations", dtype=[x.dtype] * 2
        )
        return [made[0]]

    set_opaque(rotations, rotated)
    registry.register_shape_func(
        rotations, False, lambda attrs, inputs, ndims: [_square_shape(inputs[0])]
    )

    pivots = make_operator("pivots", 1, _pivots_type)

    def pivots_of(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        (x,) = tensors
        shapes = [(x.shape[0], x.shape[1]), x.shape]
        made = te.extern(shapes, [x], _pivots_kernel, name="pivots", dtype=[x.dtype] * 2)
        return [made[0]]

    set_opaque(pivots, pivots_of)
    registry.register_shape_func(
        pivots, False, lambda attrs, inputs, ndims: [_rows_shape(inputs[0])]
    )

    for name, kernel in (("solve", _solve_kernel), ("reflected", _reflected_kernel)):
        _register_of_two(name, kernel)

    cholesky = make_operator("cholesky", 1)

    def factor(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        (x,) = tensors
        return [te.extern([x.shape], [x], _cholesky_kernel, name="cholesky", dtype=x.dtype)]

    set_opaque(cholesky, factor)
    registry.register_shape_func(cholesky, False, elemwise_shape_func)

    eigenvectors = make_operator("eigenvectors", 1)

    def vectors(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        (x,) = tensors
        made = te.extern(
            [x.shape] * 2, [x], _eigenvectors_kernel, name="eigenvectors", dtype=[x.dtype] * 2
        )
        return [made[0]]

    set_opaque(eigenvectors, vectors)
    registry.register_shape_func(eigenvectors, False, elemwise_shape_func)


_register()
