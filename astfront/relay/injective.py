"""How elementwise kernels walk through memory on CPUs.

TVM's schedule makes vectors of 16 elements of the last axis, and single elements where 16 doesn't divide
it; for sums, differences, products and quotients its build leaves vectors to LLVM, which may take them
across rows: 16 × 64 × 32 × 32 elements, normalised by channel, took 3.9 ms instead of 0.07. Here vectors
are as wide as a divisor, and short axes are taken together. Importing this module registers that,
for the whole process.
"""

from __future__ import annotations

from typing import Any

from tvm import te, tir
from tvm.relay.op.strategy import generic
from tvm.relay.op.strategy import x86 as _x86  # noqa: F401  (its schedules come first)
from tvm.topi.utils import is_empty_shape

#: Elements in a vector of floats, and in the longest one that LLVM has to take apart.
LANES = 16
_MOST = 64
_FEWEST = 8

#: Rows are one loop, for several threads, until there are so many.
_PARTS = 64


def _schedule_injective(attrs: Any, outs: Any, target: Any) -> Any:
    outs = [outs] if isinstance(outs, te.Tensor) else list(outs)
    with target:
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
    is_static = all(_extent(axis) is not None for axis in outer)
    row, size = _row(stage, outer)
    # Operands of staged sizes have staged strides, too: along a row LLVM looks whether they're 1.
    width = _width(size) if is_static else 1
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


generic.schedule_injective.register("cpu", _schedule_injective, override=True)
