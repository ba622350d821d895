"""Strides that follow from known sizes, and from how an array is read.

Of an array with a staged size TVM asks for all strides when the kernel runs: an axis that turns out to
be 1 is broadcast. But VMs' arrays are compact, so along axes of known sizes strides are known, too; rows
can be vectors then, and LLVM needn't look whether their elements follow each other. So are those of
arrays that no operator of the kernel broadcasts: which those are, a schedule notes (:func:`note_reads`)
before the kernel is lowered.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from tvm import ir, te, tir

#: TVM's names of what only moves elements and broadcasts none, whatever its result's sizes are called.
_MOVING = frozenset(
    [
        "T_concat", "T_dynamic_strided_slice", "T_stack", "T_strided_slice",
        "T_strided_slice_dynamic", "T_strided_slice_with_axes", "T_take",
    ]
)  # fmt: skip

_noted = threading.local()


def note_reads(outs: Sequence[Any]) -> None:
    """Note the shapes of the arguments that are read along their own axes alone.

    What's noted is of the kernel that's lowered next, and known by the variables of its sizes.
    """
    arguments: dict[Any, list[list[Any]]] = {}
    broadcast: list[list[Any]] = []
    _noted.without_strides = []

    def visit(op: Any) -> list[list[Any]]:
        """The shapes of the arguments that an operator's result is made of."""
        if op not in arguments:
            below = {tensor.op: visit(tensor.op) for tensor in op.input_tensors}
            if isinstance(op, te.PlaceholderOp):
                below = {op: [list(op.output(0).shape)]}
            for operand in _broadcast_by(op):
                broadcast.extend(below[operand])
            arguments[op] = [shape for shapes in below.values() for shape in shapes]
        return arguments[op]

    noted = [shape for x in outs for shape in visit(x.op)]
    _noted.equal = [pair for op in arguments for pair in _equal_sizes(op)]
    _noted.shapes = [s for s in noted if not any(_is_one_shape(s, b) for b in broadcast)]


def note_without_strides(outs: Sequence[Any]) -> None:
    """Note the shapes of the arguments that are broadcast in a kernel with a ``te.extern``.

    TVM gives the arguments of such a kernel no strides, which would be 0 along an axis of 1.
    """
    _noted.shapes, _noted.equal = [], []
    found: list[list[Any]] = []
    seen = set()

    def visit(op: Any) -> None:
        if op in seen:
            return
        seen.add(op)
        if isinstance(op, te.ComputeOp):
            arguments = (x for x in _broadcast_by(op) if isinstance(x, te.PlaceholderOp))
            found.extend(list(x.output(0).shape) for x in arguments)
        for tensor in op.input_tensors:
            visit(tensor.op)

    for x in outs:
        visit(x.op)
    _noted.without_strides = found


@tir.transform.prim_func_pass(opt_level=0, name="astfront.broadcast_places")
def broadcast_places(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR as TVM makes it of a schedule: such arguments are read at 0 along an axis of 1."""
    shapes = getattr(_noted, "without_strides", [])
    buffers = [
        b
        for b in (function.buffer_map.values() if shapes else ())
        if not len(b.strides) and any(_is_one_shape(list(b.shape), s) for s in shapes)
    ]
    if not buffers:
        return function

    def place(load: Any) -> Any:
        if not any(load.buffer.same_as(b) for b in buffers):
            return None
        indices = [
            i if isinstance(n, tir.IntImm) else tir.Select(n.equal(1), tir.const(0, i.dtype), i)
            for i, n in zip(load.indices, load.buffer.shape)
        ]
        return tir.BufferLoad(load.buffer, indices)

    body = tir.stmt_functor.ir_transform(function.body, None, place, ["tir.BufferLoad"])
    return function.with_body(body)


def _broadcast_by(op: Any) -> list[Any]:
    """The operands that an operator may read along an axis of another size than their own.

    TVM's operators do so by the place along that axis, as it is.
    """
    if isinstance(op, te.PlaceholderOp) or op.name in _MOVING:
        return []
    if not isinstance(op, te.ComputeOp):
        return [tensor.op for tensor in op.input_tensors]
    sizes = {axis.var: axis.dom.extent for axis in [*op.axis, *op.reduce_axis]}
    found: list[Any] = []

    def is_other(index: Any, size: Any) -> bool:
        if isinstance(size, tir.IntImm) or not isinstance(index, tir.Var):
            return False
        return index not in sizes or not ir.structural_equal(sizes[index], size)

    def visit(node: Any) -> None:
        if isinstance(node, tir.ProducerLoad):
            shape = node.producer.shape
            if any(is_other(i, n) for i, n in zip(node.indices, shape)):
                found.append(node.producer.op)

    for part in op.body:
        for expr in part.source if isinstance(part, tir.Reduce) else [part]:
            tir.stmt_functor.post_order_visit(expr, visit)
    return found


def _equal_sizes(op: Any) -> list[tuple[Any, Any]]:
    """The sizes of what's joined that are variables, each with one operand's, which is equal."""
    if isinstance(op, te.PlaceholderOp) or op.name not in ("T_concat", "T_stack"):
        return []
    shapes = [tensor.shape for tensor in op.input_tensors]  # in any order
    first, along = shapes[0], [-1]
    if op.name == "T_concat":
        joined = op.output(0).shape
        for shape in shapes:
            pairs = enumerate(zip(shape, joined))
            along = [i for i, (m, n) in pairs if not ir.structural_equal(m, n)]
            if len(along) == 1:
                first = shape
                break
        else:
            return []
    return [
        (size, first[i])
        for shape in shapes
        for i, size in enumerate(shape)
        if i not in along and _is_variable(size) and not size.same_as(first[i])
    ]


def _is_one_shape(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(ir.structural_equal(m, n) for m, n in zip(a, b))


@tir.transform.prim_func_pass(opt_level=0, name="astfront.known_strides")
def known_strides(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, before vectorisation."""
    buffers = [b for b in function.buffer_map.values() if any(map(_is_variable, b.strides))]
    if not buffers:
        return function
    strides: dict[Any, Any] = {}
    written, shapes = _written(function.body), getattr(_noted, "shapes", [])
    for buffer in buffers:
        is_whole = any(_is_one_shape(list(buffer.shape), s) for s in shapes)
        strides.update(_strides(buffer, is_whole or buffer.data in written))
    body = tir.stmt_functor.substitute(function.body, strides)
    equal = {size: other for size, other in getattr(_noted, "equal", []) if _among(size, buffers)}
    return function.with_body(tir.stmt_functor.substitute(body, equal) if equal else body)


def _among(size: Any, buffers: list[Any]) -> bool:
    return any(size.same_as(n) for buffer in buffers for n in buffer.shape)


def _written(body: Any) -> set[Any]:
    found = set()

    def visit(store: Any) -> None:
        found.add(store.buffer.data)

    # TVM calls Python for the stores alone.
    tir.stmt_functor.ir_transform(body, None, visit, ["tir.BufferStore"])
    return found


def _strides(buffer: Any, all_of_them: bool) -> dict[Any, Any]:
    """The strides of an array that are known, from the sizes of its last axes."""
    found = {}
    step: Any = 1
    for size, stride in reversed(list(zip(buffer.shape, buffer.strides))):
        is_known = isinstance(size, tir.IntImm)
        if not is_known and not all_of_them:
            break
        if _is_variable(stride):
            found[stride] = _step(stride, 0 if is_known and int(size) == 1 else step)
        step = step * (int(size) if is_known else size)
    return found


def _is_variable(stride: Any) -> bool:
    return isinstance(stride, tir.Var)


def _step(stride: Any, step: Any) -> Any:
    return tir.IntImm(stride.dtype, step) if isinstance(step, int) else step.astype(stride.dtype)
