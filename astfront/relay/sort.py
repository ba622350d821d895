"""``astfront.argsort``: numpy's order of elements that are equal.

numpy sorts by quicksort, which leaves equal elements in an order of its own; what a model takes by that
order (boxes of one score, sentences of one length) depends on it. TVM's sort keeps them as they
stand. This is numpy's algorithm, step by step: the median of three, the smaller part first, insertion
for few elements, and heapsort where the parts are too uneven.

Keys of 32 bits are moved with their places, both in one int64: to look a key up for each
comparison takes a third longer.

Importing this module registers the operators, for keys of shape (rows, n); ``relay/builder.py`` does.
"""

# ruff: noqa: SIM117  (nested loops of a kernel read as loops)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm
from tvm import te, tir
from tvm.relay.op import op as registry
from tvm.relay.op._tensor import elemwise_shape_func

from astfront.relay.special import make_operator, set_opaque

#: Parts of so many elements, and one more, are sorted by insertion.
_SMALL = 15

#: At most so many parts wait: the larger one does, each time.
_WAITING = 64

INT = "int64"


def constant(value: Any) -> Any:
    """A number of the kernel, as int64."""
    return tir.const(value, INT) if isinstance(value, int) else tir.Cast(INT, value)


class Row:
    """The order of one row of keys, as it's being made.

    Where an element is ``packed``, its upper half is the key, and its lower one the key's place.
    """

    def __init__(self, ib: Any, keys: Any, order: Any) -> None:
        self.ib = ib
        self.keys, self.order = ib.buffer_ptr(keys), ib.buffer_ptr(order)
        self.packed = keys.dtype == "int32"
        self.start: Any = None
        self.key = self.ib.allocate(
            INT if self.packed else keys.dtype, (1,), name="key", scope="local"
        )

    def variable(self, name: str, size: int = 1) -> Any:
        return self.ib.allocate(INT, (size,), name=name, scope="local")

    def __getitem__(self, i: Any) -> Any:
        return self.order[self.start + i]

    def __setitem__(self, i: Any, element: Any) -> None:
        self.order[self.start + i] = element

    def key_of(self, element: Any) -> Any:
        return element >> 32 if self.packed else self.keys[self.start + element]

    def first_element(self, j: Any) -> Any:
        """What stands at a place at first."""
        return constant(self.keys[self.start + j]) << 32 | j if self.packed else j

    def key_at(self, i: Any) -> Any:
        return self.key_of(self[i])

    def over_rows(self, shape: Any, order: Callable[[Any], None]) -> None:
        """Have each row put in order, given its size; its places are in order at first."""
        rows, size = map(constant, shape)
        with self.ib.for_range(0, rows, name="row") as i:
            self.start = constant(i) * size
            with self.ib.for_range(0, size, name="i") as j:
                self[constant(j)] = self.first_element(constant(j))
            order(size)
            if self.packed:
                with self.ib.for_range(0, size, name="i") as j:
                    self[constant(j)] = constant(tir.Cast("int32", self[constant(j)]))

    def swap(self, held: Any, i: Any, j: Any) -> None:
        held[0] = self[i]
        self[i] = self[j]
        self[j] = held[0]

    def close_in(self, left: Any, right: Any) -> None:
        """To the next item from the left that isn't below the key, and from the right, not above."""
        left[0] = left[0] + 1
        with self.ib.while_loop(self.key_at(left[0]) < self.key[0]):
            left[0] = left[0] + 1
        right[0] = right[0] - 1
        with self.ib.while_loop(self.key[0] < self.key_at(right[0])):
            right[0] = right[0] - 1


def quicksort(row: Row, size: Any) -> None:
    ib = row.ib
    names = ("low", "high", "left", "right", "middle", "held", "depth", "waiting", "going", "apart")
    low, high, left, right, middle, held, depth, waiting, going, apart = map(row.variable, names)
    low[0], high[0] = constant(0), size - 1

    def partition() -> None:
        middle[0] = low[0] + ((high[0] - low[0]) >> 1)
        for i, j in ((middle, low), (high, middle), (middle, low)):
            with ib.if_scope(row.key_at(i[0]) < row.key_at(j[0])):
                row.swap(held, i[0], j[0])
        row.key[0] = row.key_at(middle[0])
        left[0], right[0] = low[0], high[0] - 1
        row.swap(held, middle[0], right[0])
        apart[0] = constant(1)
        with ib.while_loop(apart[0] > 0):
            row.close_in(left, right)
            with ib.if_scope(left[0] < right[0]):
                row.swap(held, left[0], right[0])
            with ib.else_scope():
                apart[0] = constant(0)
        row.swap(held, left[0], high[0] - 1)

    def put_aside(first: Any, last: Any) -> None:
        depth[0] = depth[0] - 1
        for i, value in enumerate((first, last, depth[0])):
            stack[3 * waiting[0] + i] = value
        waiting[0] = waiting[0] + 1

    def insertion() -> None:
        left[0] = low[0] + 1
        with ib.while_loop(left[0] <= high[0]):
            held[0] = row[left[0]]
            row.key[0] = row.key_of(held[0])
            right[0] = left[0]
            none = tir.const(False, "bool")
            before = tir.if_then_else(
                right[0] > low[0], row.key[0] < row.key_at(right[0] - 1), none
            )
            with ib.while_loop(before):
                row[right[0]] = row[right[0] - 1]
                right[0] = right[0] - 1
            row[right[0]] = held[0]
            left[0] = left[0] + 1

    known = tvm.arith.Analyzer().simplify(size)
    if isinstance(known, tir.IntImm) and int(known) <= _SMALL + 1:
        insertion()
        return
    stack = row.variable("stack", 3 * _WAITING)
    heap = _Heap(row)
    waiting[0], going[0] = constant(0), constant(1)
    set_depth(ib, depth, size, held)
    with ib.while_loop(going[0] > 0):
        with ib.if_scope(depth[0] < 0):
            heap.sort(low[0], high[0] - low[0] + 1)
        with ib.else_scope():
            with ib.while_loop(high[0] - low[0] > _SMALL):
                partition()
                with ib.if_scope(left[0] - low[0] < high[0] - left[0]):
                    put_aside(left[0] + 1, high[0])
                    high[0] = left[0] - 1
                with ib.else_scope():
                    put_aside(low[0], left[0] - 1)
                    low[0] = left[0] + 1
            insertion()
        with ib.if_scope(waiting[0] > 0):
            waiting[0] = waiting[0] - 1
            for i, name in enumerate((low, high, depth)):
                name[0] = stack[3 * waiting[0] + i]
        with ib.else_scope():
            going[0] = constant(0)


def set_depth(ib: Any, depth: Any, size: Any, rest: Any) -> None:
    """Twice the logarithm of the size."""
    depth[0] = constant(0)
    rest[0] = size >> 1
    with ib.while_loop(rest[0] > 0):
        depth[0] = depth[0] + 2
        rest[0] = rest[0] >> 1


class _Heap:
    """Heapsort of a part of a row; places in the heap count from 1."""

    def __init__(self, row: Row) -> None:
        self.row = row
        names = ("root", "element", "place", "child", "last", "first")
        self.root, self.element, self.place, self.child, self.last, self.first = map(
            row.variable, names
        )

    def at(self, i: Any) -> Any:
        return self.first[0] + i - 1

    def sift(self, place: Any) -> None:
        """Put ``element`` where it belongs below a place."""
        ib, row, at = self.row.ib, self.row, self.at
        self.place[0] = place
        self.child[0] = 2 * place
        with ib.while_loop(self.child[0] <= self.last[0]):
            more = self.child[0] < self.last[0]
            none = tir.const(False, "bool")
            left, right = at(self.child[0]), at(self.child[0] + 1)
            larger = tir.if_then_else(more, row.key_at(left) < row.key_at(right), none)
            with ib.if_scope(larger):
                self.child[0] = self.child[0] + 1
            with ib.if_scope(row.key_of(self.element[0]) < row.key_at(at(self.child[0]))):
                row[at(self.place[0])] = row[at(self.child[0])]
                self.place[0] = self.child[0]
                self.child[0] = 2 * self.child[0]
            with ib.else_scope():
                self.child[0] = self.last[0] + 1
        row[at(self.place[0])] = self.element[0]

    def sort(self, first: Any, size: Any) -> None:
        ib, row, at = self.row.ib, self.row, self.at
        self.first[0], self.last[0], self.root[0] = first, size, size >> 1
        with ib.while_loop(self.root[0] > 0):
            self.element[0] = row[at(self.root[0])]
            self.sift(self.root[0])
            self.root[0] = self.root[0] - 1
        with ib.while_loop(self.last[0] > 1):
            self.element[0] = row[at(self.last[0])]
            row[at(self.last[0])] = row[at(constant(1))]
            self.last[0] = self.last[0] - 1
            self.sift(constant(1))


def _heapsort(row: Row, size: Any) -> None:
    _Heap(row).sort(constant(0), size)


def _kernel(sort: Callable[[Row, Any], None]) -> Callable[[Any, Any], Any]:
    def kernel(inputs: Any, outputs: Any) -> Any:
        ib = tir.ir_builder.create()
        row = Row(ib, inputs[0], outputs[0])
        row.over_rows(inputs[0].shape, lambda size: sort(row, size))
        return ib.get()

    return kernel


def _type(types: Any, attrs: Any) -> Any:
    return tvm.relay.TensorType(types[0].shape, INT)


def _register(name: str, sort: Callable[[Row, Any], None]) -> None:
    full = make_operator(name, 1, _type)

    def compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        return [te.extern([tensors[0].shape], list(tensors), _kernel(sort), name=name, dtype=INT)]

    set_opaque(full, compute)
    registry.register_shape_func(full, False, elemwise_shape_func)


_register("argsort", quicksort)
_register("argsort_by_heap", _heapsort)
