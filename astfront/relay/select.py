"""``astfront.argpartition``: the order in which numpy's ``argpartition`` leaves the items.

Which items come before the one asked for is certain, but not their order: that follows from the steps
of numpy's introselect (``selection.cpp``), so they're taken one by one: the smallest items one after
another for the first three places, else a quickselect by the median of three. What numpy does where
that gets nowhere (pivots by medians of five) isn't here: the order's first item is -1 then.

Importing this module registers the operator, for keys of shape (rows, n), a place, and whether the keys
stand for floats; ``relay/builder.py`` does.
"""

# ruff: noqa: SIM117  (nested loops of a kernel read as loops)

from __future__ import annotations

from typing import Any

import tvm
from tvm import te, tir
from tvm.relay.op import op as registry
from tvm.relay.op._tensor import elemwise_shape_func

from astfront.relay.sort import INT, Row, constant, set_depth
from astfront.relay.special import make_operator, set_opaque

#: So many places from the start are found by looking for the smallest.
_FIRST = 3


def _select(row: Row, size: Any, kth: Any, of_floats: Any) -> None:
    ib = row.ib
    names = ("low", "high", "left", "right", "middle", "held", "depth", "apart")
    low, high, left, right, middle, held, depth, apart = map(row.variable, names)
    low[0], high[0] = constant(0), size - 1

    def smallest_first() -> None:
        with ib.while_loop(low[0] <= kth):
            middle[0], left[0] = low[0], low[0] + 1
            with ib.while_loop(left[0] <= high[0]):
                with ib.if_scope(row.key_at(left[0]) < row.key_at(middle[0])):
                    middle[0] = left[0]
                left[0] = left[0] + 1
            row.swap(held, low[0], middle[0])
            low[0] = low[0] + 1

    def largest_last() -> None:
        middle[0], left[0] = constant(0), constant(1)
        with ib.while_loop(left[0] < size):
            with ib.if_scope(row.key_at(left[0]) >= row.key_at(middle[0])):
                middle[0] = left[0]
            left[0] = left[0] + 1
        row.swap(held, kth, middle[0])

    def swap_if_less(i: Any, j: Any) -> None:
        with ib.if_scope(row.key_at(i) < row.key_at(j)):
            row.swap(held, i, j)

    def partition() -> None:
        left[0], right[0] = low[0] + 1, high[0]
        middle[0] = low[0] + ((high[0] - low[0]) >> 1)
        swap_if_less(high[0], middle[0])
        swap_if_less(high[0], low[0])
        swap_if_less(low[0], middle[0])
        row.swap(held, middle[0], low[0] + 1)
        row.key[0] = row.key_at(low[0])
        apart[0] = constant(1)
        with ib.while_loop(apart[0] > 0):
            row.close_in(left, right)
            with ib.if_scope(right[0] < left[0]):
                apart[0] = constant(0)
            with ib.else_scope():
                row.swap(held, left[0], right[0])
        row.swap(held, low[0], right[0])

    def quickselect() -> None:
        set_depth(ib, depth, size, held)
        with ib.while_loop(low[0] + 1 < high[0]):
            with ib.if_scope(tir.all(depth[0] <= 0, high[0] - low[0] >= 6)):
                row[constant(0)] = constant(-1)
                high[0] = low[0]
            with ib.else_scope():
                partition()
                depth[0] = depth[0] - 1
                with ib.if_scope(right[0] >= kth):
                    high[0] = right[0] - 1
                with ib.if_scope(right[0] <= kth):
                    low[0] = left[0]
        with ib.if_scope(high[0].equal(low[0] + 1)):
            swap_if_less(high[0], low[0])

    with ib.if_scope(kth < _FIRST):
        smallest_first()
    with ib.else_scope():
        with ib.if_scope(tir.all(of_floats > 0, kth.equal(size - 1))):
            largest_last()
        with ib.else_scope():
            quickselect()


def _kernel(inputs: Any, outputs: Any) -> Any:
    ib = tir.ir_builder.create()
    row = Row(ib, inputs[0], outputs[0])
    kth, of_floats = (ib.buffer_ptr(b) for b in inputs[1:])
    row.over_rows(inputs[0].shape, lambda size: _select(row, size, kth[0], of_floats[0]))
    return ib.get()


def _type(types: Any, attrs: Any) -> Any:
    return tvm.relay.TensorType(types[0].shape, INT)


def _compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
    return [te.extern([tensors[0].shape], list(tensors), _kernel, name="argpartition", dtype=INT)]


_NAME = make_operator("argpartition", 3, _type)
set_opaque(_NAME, _compute)
registry.register_shape_func(_NAME, False, elemwise_shape_func)
