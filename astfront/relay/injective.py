"""How elementwise kernels walk through memory on CPUs.

TVM's schedule makes vectors of 16 elements of the last axis, and single elements where 16 doesn't divide
it; for sums, differences, products and quotients its build leaves vectors to LLVM, which may take them
across rows: 16 × 64 × 32 × 32 elements, normalised by channel, took 3.9 ms instead of 0.07. Here vectors
are as wide as a divisor, and short axes are taken together. Importing this module registers that,
for the whole process.
"""

from __future__ import annotations

from typing import Any

from tvm import te, tir, topi
from tvm.relay.op import op as registry
from tvm.topi.utils import is_empty_shape

from astfront.relay.strides import note_reads

#: Elements in a vector of floats, and in the longest one that LLVM has to take apart.
LANES = 16
_MOST = 64
_FEWEST = 8

#: Rows are one loop, for several threads, until there are so many.
_PARTS = 64


def _schedule_injective(outs: Any) -> Any:
    outs = [outs] if isinstance(outs, te.Tensor) else list(outs)
    note_reads(outs)
    schedule = te.create_schedule([x.op for x in outs])
    te.schedule.AutoInlineInjective(schedule)
    for x in outs:
        if not is_empty_shape(x.shape):
            in_vectors(schedule[x])
    return schedule


def in_vectors(stage: Any) -> None:
    """Schedule an elementwise stage: rows by threads, each in vectors."""
    outer = list(stage.op.axis)
    if not outer:
        return
    has_known_rows = _known_rows(stage.op)
    row, size = _row(stage, outer)
    # Where the size of a row is staged, so is its stride: LLVM looks whether that's 1.
    width = _width(size) if has_known_rows else 1
    if width > 1:
        part, vector = stage.split(row, width)
        stage.vectorize(vector)
        if not outer:
            outer = [part]
    elif not outer:
        outer = [row]
    together, count = [], 1
    while outer and count < _PARTS:
        together.append(outer.pop(0))
        count *= _extent(together[-1]) or _PARTS
    stage.parallel(stage.fuse(*together) if len(together) > 1 else together[0])


def _row(stage: Any, outer: list[Any]) -> tuple[Any, int | None]:
    """The last axes as one, of a vector's length at least, taken from ``outer``; and their extent."""
    axes = [outer.pop()]
    size = _extent(axes[0])
    while outer and size is not None and size < LANES:
        further = _extent(outer[-1])
        if further is None:
            break
        axes.insert(0, outer.pop())
        size *= further
    return (stage.fuse(*axes) if len(axes) > 1 else axes[0]), size


def _known_rows(op: Any) -> bool:
    """Whether all arrays that a stage reads have last axes of known sizes."""
    for x in op.input_tensors:
        if isinstance(x.op, te.PlaceholderOp | te.ExternOp):
            if len(x.shape) and not isinstance(x.shape[-1], tir.IntImm):
                return False
        elif not _known_rows(x.op):
            return False
    return True


def _extent(axis: Any) -> int | None:
    """How long an axis is, if that's known; one that was split off isn't looked at."""
    known = axis.dom is not None and isinstance(axis.dom.extent, tir.IntImm)
    return int(axis.dom.extent) if known else None


def _width(size: int | None) -> int:
    """How wide vectors are; 1 leaves them to LLVM, along the row."""
    if size is None or size < _FEWEST:
        return 1
    if size % LANES == 0:
        return LANES
    width = largest_divisor(size, _MOST)
    return width if width >= _FEWEST else 1


def largest_divisor(size: int, most: int) -> int:
    """Into how large equal parts a loop may be split, of ``most`` turns at most."""
    return max(d for d in range(1, min(size, most) + 1) if size % d == 0)


# Operators keep the schedule that they were registered with, which calls this one.
topi.x86.schedule_injective = _schedule_injective

# Of staged sizes; some builds of TVM take another architecture's schedule.
for _architecture in ("x86", "riscv"):
    if hasattr(topi, _architecture):
        getattr(topi, _architecture).injective.schedule_concatenate = _schedule_injective

# TVM has it for an operator of its own kind; it's as elementwise as others that move elements.
registry.register_pattern("sliding_window", registry.OpPattern.INJECTIVE, level=11)
