"""``cumsum`` and ``cumprod`` along the rows in memory, and of axes that may be empty.

TVM goes along the axis for one of the other places after another: of (4, 64, 56, 56) along the third
axis, 16 ms where sizes are staged. It also writes the first number of an axis that has none.
Importing this module registers the kernels, for the whole process.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from tvm import te, tir, topi
from tvm.relay.op.strategy import generic

from astfront.relay.kernels import register

Combine = Callable[[Any, Any], Any]


def _scan(combine: Combine, name: str, usual: Any) -> Callable[..., list[Any]]:
    def compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
        (x,) = inputs
        dtype = attrs.dtype or x.dtype
        if attrs.exclusive:
            return [usual(x, attrs.axis, dtype, attrs.exclusive)]
        size = functools.reduce(operator.mul, x.shape, 1)
        axis = 0 if attrs.axis is None else int(attrs.axis) % len(x.shape)
        shape = [size] if attrs.axis is None else list(x.shape)
        given, made = (tir.decl_buffer(s, t, name) for s, t in ((x.shape, x.dtype), (shape, dtype)))

        def body(arrays: Any, results: Any) -> Any:
            return _rows(combine, shape, axis, arrays[0], results[0])

        return [
            te.extern(
                [shape], [x], body, dtype=dtype, in_buffers=[given], out_buffers=[made], name=name
            )
        ]

    return compute


def _rows(combine: Combine, shape: Sequence[Any], axis: int, given: Any, made: Any) -> Any:
    """Each row, of all places behind the axis, from the one before it."""
    ib = tir.ir_builder.create()
    x, y = ib.buffer_ptr(given), ib.buffer_ptr(made)
    outer = functools.reduce(operator.mul, shape[:axis], tir.const(1, "int32"))
    width = functools.reduce(operator.mul, shape[axis + 1 :], tir.const(1, "int32"))
    length = shape[axis]

    def item(place: Any) -> Any:
        value = x[place]
        return value if value.dtype == y.dtype else value.astype(y.dtype)

    with ib.for_range(0, outer, "part", kind="parallel") as part:
        first = part * length * width
        with ib.if_scope(length > 0):
            with ib.for_range(0, width, "i") as i:
                y[first + i] = item(first + i)
            with ib.for_range(0, length - 1, "k") as k:
                row = first + (k + 1) * width
                with ib.for_range(0, width, "i") as i:
                    y[row + i] = combine(y[row - width + i], item(row + i))
    return ib.get()


for _name, _combine in (("cumsum", operator.add), ("cumprod", operator.mul)):
    _compute = _scan(_combine, _name, getattr(topi, _name))
    register(_name, _compute, generic.wrap_topi_schedule(topi.generic.schedule_extern))
