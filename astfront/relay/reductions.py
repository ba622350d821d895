"""How sums, extremes and softmaxes walk through memory on CPUs.

TVM's schedule computes one number of the result after another. Where the last axis isn't reduced, it
reads one number of each row that way; here a reduction goes along whole rows, which LLVM makes vectors
of (40 times faster on 64 × 16384). Where the last axis is, the numbers are added up in lanes, as LLVM
may not reorder a sum of floats (5 to 15 times faster, and more exact). Importing this module registers
the schedules, for the whole process.
"""

from __future__ import annotations

import math
from typing import Any

from tvm import te, tir, topi
from tvm.relay.op import op as registry
from tvm.relay.op.strategy import generic
from tvm.relay.op.strategy import x86 as _x86  # noqa: F401  (its schedules come first)
from tvm.topi import tag
from tvm.topi.utils import traverse_inline

from astfront.relay import arg_extremes
from astfront.relay.injective import in_vectors, largest_divisor
from astfront.relay.strides import note_reads

#: Numbers added up side by side: up to four vectors of 16 floats.
_MOST_LANES = 64
_FEWEST_LANES = 16

#: Numbers of a row that stay in the first cache while others are added to them.
_ROW = 4096


def _schedule_reduce(outs: Any) -> Any:
    outs = [outs] if isinstance(outs, te.Tensor) else list(outs)
    note_reads(outs)
    schedule = te.create_schedule([x.op for x in outs])
    done: set[Any] = set()
    _after(schedule, outs[0].op, done)
    return schedule


def _after(schedule: Any, op: Any, done: set[Any]) -> None:
    """Schedule what follows the reduction, and the reduction."""
    if isinstance(op, te.PlaceholderOp) or op in done:
        return
    done.add(op)
    if tag.is_broadcast(op.tag):
        in_vectors(schedule[op])
        for tensor in op.input_tensors:
            _after(schedule, tensor.op, done)
        return
    if op.tag == arg_extremes.TAG:
        _arg_extreme(schedule, op, done)
        return
    if op.tag == "comm_reduce":
        reduction = op
        along(schedule, op.output(0))
    elif op.tag == "comm_reduce_idx":
        reduction = op.input_tensors[0].op
        along(schedule, *(reduction.output(i) for i in range(reduction.num_outputs)))
    else:
        raise RuntimeError(f"no reduction, and nothing after one: {op} ({op.tag})")
    _inline_operands(schedule, reduction, done)


def _inline_operands(schedule: Any, reduction: Any, done: set[Any]) -> None:
    for tensor in reduction.input_tensors:
        _inline(schedule, tensor.op, done)


def _inline(schedule: Any, op: Any, done: set[Any]) -> None:
    """What is before a reduction is computed where it's read."""
    if isinstance(op, te.PlaceholderOp) or op in done:
        return
    done.add(op)
    if not tag.is_injective(op.tag):
        raise RuntimeError(f"nothing that may be before a reduction: {op} ({op.tag})")
    schedule[op].compute_inline()
    for tensor in op.input_tensors:
        _inline(schedule, tensor.op, done)


def _arg_extreme(schedule: Any, op: Any, done: set[Any]) -> None:
    """Schedule the place of an extreme: what it's made of, in lanes or along rows."""
    parts: list[Any] = []

    def visit(reader: Any) -> None:
        for tensor in reader.input_tensors:
            if tensor.op in parts:
                continue
            if tensor.op.tag in (arg_extremes.PART, arg_extremes.LANES):
                parts.append(tensor.op)
                visit(tensor.op)
            else:
                _inline(schedule, tensor.op, done)

    visit(op)
    stage = schedule[op]
    if len(parts) == 1 and _inner_axes(parts[0]):
        _along_rows(schedule[parts[0]], vectors=True)
        in_vectors(stage)
        return
    for part in parts:
        if part.tag == arg_extremes.LANES:
            *others, lane = part.axis
            schedule[part].reorder(*others, *part.reduce_axis, lane)
            schedule[part].vectorize(lane)
    if len(op.axis):
        row = stage.fuse(*op.axis)
        stage.parallel(row)
        for part in parts:
            schedule[part].compute_at(stage, row)


# --- one reduction -----------------------------------------------------------------------------


def along(schedule: Any, *results: Any) -> None:
    """Schedule a reduction (of several results: an index and a value) by itself."""
    stage = schedule[results[0]]
    if _inner_axes(stage.op):
        _along_rows(stage)
        return
    part = _in_lanes(schedule, results)
    stage = schedule[results[0]]
    if len(stage.op.axis):
        outer = stage.fuse(*stage.op.axis)
        stage.parallel(outer)
        if part is not None:
            part.compute_at(stage, outer)


def _inner_axes(op: Any) -> list[Any]:
    """The axes of the result behind the last one that's reduced, in the operand's order."""
    index = _operand_index(op)
    if index is None:
        return []
    reduced = [axis.var for axis in op.reduce_axis]
    last = max((i for i, x in enumerate(index) if _among(x, reduced)), default=len(index))
    return [axis for axis in op.axis if _among(axis.var, index[last + 1 :])]


def _operand_index(op: Any) -> list[Any] | None:
    """Where the reduction reads its operand; None where it isn't one element of one array."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, tir.ProducerLoad):
            found.append(node)

    values = op.body[0].source
    tir.stmt_functor.post_order_visit(values[len(values) - 1], visit)
    return list(found[0].indices) if len(found) == 1 else None


def _among(x: Any, variables: list[Any]) -> bool:
    return any(x.same_as(v) for v in variables)


def _extent(axes: Any) -> int | None:
    """How many elements the axes have; None where that isn't known."""
    sizes = [axis.dom.extent for axis in axes]
    return math.prod(map(int, sizes)) if all(isinstance(n, tir.IntImm) for n in sizes) else None


def _along_rows(stage: Any, vectors: bool = False) -> None:
    op = stage.op
    inner = _inner_axes(op)
    if _extent(inner) is None:
        # Of axes taken together, an index would be divided by a staged size for each number.
        inner = inner[-1:]
    outer = [axis for axis in op.axis if not _among(axis, inner)]
    row = stage.fuse(*inner) if len(inner) > 1 else inner[0]
    extent = _extent(inner)
    if extent is not None and extent > _FEWEST_LANES:
        width = largest_divisor(extent, _MOST_LANES if vectors else _ROW)
        vectors = vectors and width >= _FEWEST_LANES
        if width >= _FEWEST_LANES and width < extent:
            part, row = stage.split(row, width)
            outer.append(part)
    reduced = list(op.reduce_axis)
    stage.reorder(*outer, *reduced, row)
    if vectors and extent is not None and extent > 1:
        stage.vectorize(row)
    if outer:
        stage.parallel(stage.fuse(*outer) if len(outer) > 1 else outer[0])


def _in_lanes(schedule: Any, results: Any) -> Any:
    """Reduce the last axis in lanes, where it's long; gives the stage that does, if there's one."""
    stage = schedule[results[0]]
    last = stage.op.reduce_axis[len(stage.op.reduce_axis) - 1]
    size = _extent([last])
    if size is not None and size < _FEWEST_LANES:
        return None
    lanes, divides = _lanes(size)
    _, lane = stage.split(last, lanes)
    made = schedule.rfactor(results[0], lane)
    part = schedule[made if isinstance(made, te.Tensor) else made[0]]
    first, *others = part.op.axis
    part.reorder(*others, *part.op.reduce_axis, first)
    if divides:
        part.vectorize(first)
    return part


def _lanes(size: int | None) -> tuple[int, bool]:
    """How many lanes, and whether to make vectors of them: where they don't come out even, LLVM may mask
    the rest. Where that's staged, TVM takes it apart."""
    if size is None:
        return _FEWEST_LANES, True
    divisor = largest_divisor(size, _MOST_LANES)
    if divisor >= _FEWEST_LANES:
        return divisor, True
    return (_MOST_LANES if size >= _MOST_LANES else _FEWEST_LANES), False


# --- softmax -----------------------------------------------------------------------------------


def _schedule_softmax(outs: Any) -> Any:
    """As TVM has it: a row after the other, with what follows; a row's extreme and sum as above."""
    outs = [outs] if isinstance(outs, te.Tensor) else list(outs)
    note_reads(outs)
    schedule = te.create_schedule([x.op for x in outs])

    def visit(op: Any) -> None:
        if "softmax" in op.tag:
            _softmax(schedule, op, outs[0])

    traverse_inline(schedule, outs[0].op, visit)
    return schedule


def _softmax(schedule: Any, op: Any, output: Any) -> None:
    axis = int(op.attrs["axis"])
    # What follows may have another layout.
    together = list(output.shape) == list(op.output(0).shape)
    last = output.op if together else op
    if not together:
        in_vectors(schedule[output])
    if op.tag == "softmax_output":
        exponentials, total = op.input_tensors
        whole = [exponentials]
        reductions = [exponentials.op.input_tensors[1], total]
    else:
        whole = []
        reductions = list(op.input_tensors[1:])
    if not last.same_as(op):
        whole.append(op.output(0))
    parts = [_in_lanes(schedule, [r]) if axis == len(last.axis) - 1 else None for r in reductions]
    stage = schedule[last]
    if axis == 0:
        return
    row = stage.fuse(*last.axis[:axis])
    stage.parallel(row)
    for part in parts:
        if part is not None:
            part.compute_at(stage, row)
    for tensor in [*reductions, *whole]:
        schedule[tensor].compute_at(stage, row)
    for reduction, part in zip(reductions, parts):
        if part is None and axis < len(last.axis) - 1:
            inner = schedule[reduction].op.axis[axis:]
            schedule[reduction].reorder(*schedule[reduction].op.reduce_axis, *inner)


def _softmax_strategy(compute: Any, name: str) -> Any:
    def strategy(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
        chosen = registry.OpStrategy()
        chosen.add_implementation(
            generic.wrap_compute_softmax(compute),
            generic.wrap_topi_schedule(_schedule_softmax),
            name=f"astfront.{name}",
        )
        return chosen

    return strategy


# Operators keep the schedule that they were registered with, which calls this one.
topi.x86.schedule_reduce = _schedule_reduce
generic.softmax_strategy.register("cpu", _softmax_strategy(topi.nn.softmax, "softmax"))
generic.log_softmax_strategy.register("cpu", _softmax_strategy(topi.nn.log_softmax, "log_softmax"))
