"""``astfront.sort_ints`` and ``astfront.sort_floats``: the rows of an array of 32 or 64 bits, sorted.

A float is given by its bits. NaN comes last, and 0 and −0, which are equal, stay as they stood. Short
rows are sorted by numpy's quicksort, on the values themselves; long ones by their bytes, from the
lowest, which compares no elements: a byte that all have in common costs nothing.

Importing this module registers the operators, for arrays of shape (rows, n); ``relay/builder.py`` does.
"""

# ruff: noqa: SIM117  (nested loops of a kernel read as loops)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm
from tvm import te, tir
from tvm.relay.op import op as registry
from tvm.relay.op._tensor import elemwise_shape_func

from astfront.relay.sort import INT, Row, constant, quicksort
from astfront.relay.special import make_operator, set_opaque

#: So many elements of 32 bits are worth counting bytes for.
_LONG = 48

_VALUES = 256


class _Values(Row):
    """A row of values that are put in order themselves: integers, or the bits of floats."""

    def __init__(self, ib: Any, given: Any, order: Any, floats: bool) -> None:
        self.ib = ib
        self.given, self.order = ib.buffer_ptr(given), ib.buffer_ptr(order)
        self.dtype, self.bits, self.floats = given.dtype, int(given.dtype[3:]), floats
        self.start: Any = None
        self.key = self.variable("key")

    def __getitem__(self, i: Any) -> Any:
        return constant(self.order[self.start + i])

    def __setitem__(self, i: Any, element: Any) -> None:
        self.order[self.start + i] = tir.Cast(self.dtype, element)

    @property
    def least(self) -> Any:
        return constant(-(1 << (self.bits - 1)))

    def is_nan(self, element: Any) -> Any:
        exponent = 0x7F800000 if self.bits == 32 else 0x7FF << 52
        return (element & constant((1 << (self.bits - 1)) - 1)) > constant(exponent)

    def key_of(self, element: Any) -> Any:
        if not self.floats:
            return element
        turned = tir.Select(element < 0, self.least - element, element)
        return tir.Select(self.is_nan(element), constant((1 << (self.bits - 1)) - 1), turned)

    def over_rows(self, shape: Any, order: Callable[[Any], None]) -> None:
        rows, size = map(constant, shape)
        with self.ib.for_range(0, rows, name="row") as i:
            self.start = constant(i) * size
            order(size)


def _by_bytes(row: _Values, size: Any, work: Any, count: Any) -> None:
    """Sort a row by each byte in turn, between the two halves of ``work``.

    There the values' bits are such that they have the order of unsigned numbers.
    """
    ib, bits = row.ib, row.bits
    passes = bits // 8
    names = ("source", "target", "place", "held", "zeros", "at")
    source, target, place, held, zeros, at = map(row.variable, names)
    with ib.for_range(0, passes * _VALUES, name="i") as i:
        count[i] = tir.const(0, "int32")
    zeros[0] = constant(0)
    with ib.for_range(0, size, name="i") as i:
        element = row.given[row.start + constant(i)]
        held[0] = constant(element)
        if row.floats:
            zeros[0] = zeros[0] + tir.Cast(INT, held[0] == row.least)
            most = constant((1 << (bits - 1)) - 1)
            turned = held[0] ^ ((held[0] >> 63) & most)
            held[0] = tir.Select(row.is_nan(held[0]), held[0] & most, turned)
        held[0] = held[0] ^ row.least
        work[constant(i)] = tir.Cast(row.dtype, held[0])
        for k in range(passes):
            digit = ((held[0] >> (8 * k)) & 255) + k * _VALUES
            count[digit] = count[digit] + tir.const(1, "int32")
    source[0], target[0] = constant(0), size
    with ib.for_range(0, passes, name="byte") as k:
        shift, first = constant(k) * 8, constant(k) * _VALUES

        def digit_of(element: Any, shift: Any = shift, first: Any = first) -> Any:
            return ((constant(element) >> shift) & 255) + first

        with ib.if_scope(constant(count[digit_of(work[source[0]])]) < size):
            place[0] = target[0]
            with ib.for_range(0, _VALUES, name="value") as v:
                held[0] = constant(count[first + constant(v)])
                count[first + constant(v)] = tir.Cast("int32", place[0])
                place[0] = place[0] + held[0]
            with ib.for_range(0, size, name="i") as i:
                held[0] = constant(work[source[0] + constant(i)])
                at[0] = digit_of(held[0])
                place[0] = constant(count[at[0]])
                work[place[0]] = tir.Cast(row.dtype, held[0])
                count[at[0]] = tir.Cast("int32", place[0] + 1)
            held[0] = source[0]
            source[0] = target[0]
            target[0] = held[0]
    with ib.for_range(0, size, name="i") as i:
        element = constant(work[source[0] + constant(i)]) ^ row.least
        if row.floats:
            element = element ^ ((element >> 63) & constant((1 << (bits - 1)) - 1))
        row[constant(i)] = element
    if row.floats:
        with ib.if_scope(zeros[0] > 0):
            _put_zeros_back(row, size, place, held)


def _put_zeros_back(row: _Values, size: Any, place: Any, held: Any) -> None:
    """Where the zeros of both signs stand, put them as they stood at first."""
    ib = row.ib
    place[0] = constant(0)
    with ib.while_loop(row.key_at(place[0]) < 0):
        place[0] = place[0] + 1
    with ib.for_range(0, size, name="i") as i:
        held[0] = constant(row.given[row.start + constant(i)])
        with ib.if_scope(row.key_of(held[0]) == 0):
            row[place[0]] = held[0]
            place[0] = place[0] + 1


def _kernel(floats: bool) -> Callable[[Any, Any], Any]:
    def kernel(inputs: Any, outputs: Any) -> Any:
        ib = tir.ir_builder.create()
        row = _Values(ib, inputs[0], outputs[0], floats)
        size = inputs[0].shape[1]
        long = _LONG * (row.bits // 32)
        is_short = isinstance(size, int | tir.IntImm) and int(size) < long
        if not is_short:
            work = ib.allocate(row.dtype, (size * 2,), name="work", scope="global")
            count = ib.allocate("int32", (row.bits // 8 * _VALUES,), name="count", scope="global")

        def by_quicksort(size: Any) -> None:
            with ib.for_range(0, size, name="i") as i:
                row[constant(i)] = constant(row.given[row.start + constant(i)])
            quicksort(row, size)

        def order(size: Any) -> None:
            if is_short:
                by_quicksort(size)
                return
            with ib.if_scope(size < long):
                by_quicksort(size)
            with ib.else_scope():
                _by_bytes(row, size, work, count)

        row.over_rows(inputs[0].shape, order)
        return ib.get()

    return kernel


def _type(types: Any, attrs: Any) -> Any:
    return tvm.relay.TensorType(types[0].shape, types[0].dtype)


def _register(name: str, floats: bool) -> None:
    full = make_operator(name, 1, _type)

    def compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        (x,) = tensors
        return [te.extern([x.shape], [x], _kernel(floats), name=name, dtype=x.dtype)]

    set_opaque(full, compute)
    registry.register_shape_func(full, False, elemwise_shape_func)


_register("sort_ints", floats=False)
_register("sort_floats", floats=True)
