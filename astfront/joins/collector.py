"""Collecting what fills a template: a tensor for each leaf, and the buffers of lists that grew."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from astfront.builder import Builder
from astfront.contents import (
    Attributes,
    ByValue,
    Content,
    Entries,
    GrownList,
    ItemOf,
    Items,
    Names,
)
from astfront.diagnostics import CompileError, error
from astfront.environment import Heap, State, as_pairs, storages_of
from astfront.joins.contained import contained_tuple
from astfront.joins.leaves import BOOL_LEAF, INT_LEAF, Leaf, with_leaf
from astfront.joins.options import alike
from astfront.joins.templates import content_leaves, leaves_of, mapped, same_template, stand_in
from astfront.values import (
    FALSE,
    TRUE,
    UNBOUND,
    Deferred,
    Dict,
    EitherDtype,
    List,
    Node,
    Object,
    Option,
    Scalar,
    Shape,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
)

# --- how the elements of a list that grew are kept -------------------------------------------------
#
# Where an element's sizes are known, its rows are stacked. Where they aren't, they may differ from row
# to row: then all elements stand one after another in a vector, and a second buffer has for each row
# its *extent*, where it starts there and its sizes.


def is_ragged(leaf: Leaf) -> bool:
    """Whether the rows of this leaf may differ in size."""
    return None in leaf.shape


def leaf_buffers(content: GrownList) -> Iterator[tuple[Leaf, list[Tensor]]]:
    """Each leaf of the elements with its buffers: the rows, or the data and the extents."""
    buffers = iter(content.buffers)
    for leaf in leaves_of(content.element):
        yield leaf, [next(buffers) for _ in range(1 + is_ragged(leaf))]


def buffer_leaves(leaf: Leaf) -> tuple[Leaf, ...]:
    """The types of the buffers that keep the rows of a leaf."""
    if not is_ragged(leaf):
        return (Leaf((None, *leaf.shape), leaf.dtype, name="rows"),)
    extents = Leaf((None, 1 + len(leaf.shape)), np.dtype("int64"), name="extents")
    return Leaf((None,), leaf.dtype, name="rows"), extents


def rows_of(b: Builder, leaf: Leaf, column: Sequence[Tensor]) -> list[Tensor]:
    """The buffers that hold these elements, of which there's one at least."""
    if not is_ragged(leaf):
        return [_concatenated(b, [_as_row(b, x) for x in column])]
    data, extents = [], []
    start: Tensor = b.constant(np.array([0], "int64"))
    for x in column:
        flat = b.call("reshape", x, newshape=(-1,))
        data.append(flat)
        if x.is_static_shape:
            sizes = b.constant(np.array(x.shape, "int64"))
        else:
            sizes = b.call("shape_of", x, dtype="int64")
        extents.append(_as_row(b, b.call("concatenate", [start, sizes], axis=0)))
        if len(data) < len(column):
            start = b.call("add", start, b.call("shape_of", flat, dtype="int64"))
    return [_concatenated(b, data), _concatenated(b, extents)]


def even_extents(b: Builder, count: Tensor, sizes: Tensor) -> Tensor:
    """The extents of ``count`` elements of one size, one after another."""
    rows = b.call("concatenate", [count, b.constant(np.array([1], "int64"))], axis=0)
    ones = b.refine(
        b.call("full", b.constant(np.array(1, "int64")), rows, dtype="int64"), (None, 1)
    )
    before = b.call("subtract", b.call("cumsum", ones, axis=0, dtype="int64"), ones)
    starts = b.call("multiply", before, b.call("prod", sizes, axis=0))
    return b.call("concatenate", [starts, b.call("multiply", ones, sizes)], axis=1)  # type: ignore[no-any-return]


def _concatenated(b: Builder, parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else b.call("concatenate", parts, axis=0)  # type: ignore[no-any-return]


class Collector:
    """Walks a template beside actual values and makes a tensor for each leaf."""

    def __init__(self, builder: Builder, heap: Heap) -> None:
        self.builder = builder
        self.heap = heap
        self.widen = True
        self.state: State | None = None
        """Where what isn't in a content is found; by default the heap as it is."""
        self.made: dict[int, tuple[int, int]] = {}
        """Cells of the template that stand for two."""
        self.tensors: list[Tensor] = []

    def content(self, template: Content, actual: Content, cell: int) -> None:
        if isinstance(template, Items | GrownList) and isinstance(actual, Entries):
            actual = as_pairs(actual)
        if isinstance(template, Items):
            actual_items = actual.items if isinstance(actual, Items) else ()
            for t, v in zip(template.items, actual_items):
                self.value(t, v)
        elif isinstance(template, GrownList):
            self._grown(template, actual)
        elif isinstance(template, Entries | Attributes | Names):
            for key, t in template.items.items():
                found = actual.items.get(key)  # type: ignore[union-attr]
                if found is None:
                    found = self.heap.current(self.heap.original(cell, key), self.state)
                self.value(t, found)

    def _grown(self, template: GrownList, actual: Content | None) -> None:
        b = self.builder
        if isinstance(actual, GrownList):
            if isinstance(actual.element, Unbound):
                self._empty_rows(template)
            else:
                rows = _Rows(self, iter(template.buffers), iter(actual.buffers), actual.length)
                rows.collect(template.element, actual.element)
            self._leaf(INT_LEAF, actual.length)
            return
        items = actual.items if isinstance(actual, Items) else ()
        if not items:
            self._empty_rows(template)
        else:
            collected = []
            self.heap.copied.update(storages_of(items))
            for item in items:
                inner = Collector(b, self.heap)
                inner.state = self.state
                inner.value(template.element, item)
                collected.append(inner.tensors)
            for column, leaf in zip(zip(*collected), leaves_of(template.element)):
                for buffer, made in zip(buffer_leaves(leaf), rows_of(b, leaf, column)):
                    self._leaf(buffer, made)
        self._leaf(INT_LEAF, Static(len(items)))

    def _empty_rows(self, template: GrownList) -> None:
        leaves: Any = template.buffers
        for leaf in leaves:
            self.tensors.append(self.builder.widen(stand_in(self.builder, leaf), leaf.shape))

    def value(self, template: Value, actual: Value) -> None:
        if isinstance(template, Leaf):
            self._leaf(template, actual)
        elif isinstance(template, Deferred | Tuple | Slice | EitherDtype):
            for t, v in _beside(template, actual):
                self.value(t, v)
        elif isinstance(template, Node):
            self._node(template, actual)
        elif isinstance(template, ByValue):
            self._by_value(template, actual)
        elif isinstance(template, ItemOf):
            self.value(template.index, actual.index if isinstance(actual, ItemOf) else UNBOUND)
        elif isinstance(template, Option):
            self._option(template, actual)

    def _node(self, template: Node, actual: Value) -> None:
        kind, row = (actual.kind, actual.row) if isinstance(actual, Node) else (UNBOUND, UNBOUND)
        if isinstance(template.kind, Leaf):
            self._leaf(template.kind, kind)
        self.value(template.row, row)

    def _by_value(self, template: ByValue, actual: Any) -> None:
        actual = contained_tuple(actual)
        if isinstance(actual, ByValue):
            self.content(template.content, actual.content, actual.reference.cell)
        elif isinstance(actual, Unbound):
            for leaf in content_leaves(template.content):
                self._leaf(leaf, UNBOUND)
        else:
            state = self.heap.cells if self.state is None else self.state
            content = state[actual.cell]
            self.heap.take_by_value(actual.cell, content)
            self.content(template.content, content, actual.cell)

    def _option(self, template: Option, actual: Value) -> None:
        if not isinstance(template.present, Leaf):
            return
        is_it = functools.partial(self.is_made_of, template.absent)
        another, absent, rest = taken_out(self.builder, actual, is_it)
        self._leaf(template.present, another)
        self.value(template.value, rest)
        self.value(template.absent, absent)

    def is_made_of(self, template: Value, actual: Value) -> bool:
        """Whether what a way has is what a template stands for."""
        if isinstance(template, List | Dict | Object) and type(template) is type(actual):
            cell: int = actual.cell  # type: ignore[attr-defined]
            return cell in (template.cell, *self.made.get(template.cell, ()))
        return alike(template, actual)

    def _leaf(self, leaf: Leaf, actual: Value) -> None:
        b = self.builder
        is_known = isinstance(with_leaf(actual), Leaf)  # one of numpy's numbers
        if isinstance(actual, Static) and leaf.scalar is None and not is_known:
            actual = UNBOUND
        if isinstance(actual, Unbound):
            self.tensors.append(stand_in(b, leaf))
            if leaf.kind == "either":
                self._leaf(BOOL_LEAF, Static(False))
            return
        if isinstance(actual, Static):
            value = np.array(actual.obj, leaf.dtype)
            self.tensors.append(b.constant(value))
            return
        if isinstance(actual, Scalar):
            if actual.dtype != leaf.dtype:
                actual = b.call("cast", actual, dtype=leaf.dtype.name)
            else:
                actual = Tensor(actual.expr, (), actual.dtype)
        if isinstance(actual, Tensor):
            self.tensors.append(b.widen(actual, leaf.shape) if self.widen else actual)
            if leaf.kind == "either":
                flag = actual.is_variable or Static(actual.kind == "variable")
                self._leaf(BOOL_LEAF, flag)


def _beside(
    template: Deferred | Tuple | Slice | EitherDtype, actual: Value
) -> Iterator[tuple[Value, Value]]:
    """The parts of a template, each with that of an actual value; unbound where it has none."""
    match template:
        case Deferred(args=args):
            found = actual.args if isinstance(actual, Deferred) else (UNBOUND,) * len(args)
            yield from zip(args, found)
        case Tuple(items=items):
            found = actual.items if isinstance(actual, Tuple) else (UNBOUND,) * len(items)
            yield from zip(items, found)
        case Slice():
            found = actual.parts if isinstance(actual, Slice) else (UNBOUND,) * 3
            yield from zip(template.parts, found)
        case EitherDtype(array=array, other=other):
            if isinstance(actual, EitherDtype):
                yield from ((array, actual.array), (other, actual.other))
            else:
                yield from ((array, actual), (other, Static(False)))


def taken_out(
    b: Builder,
    value: Value,
    is_it: Callable[[Value], bool],
    read: Callable[[Any], Value] = lambda present: present,  # type: ignore[no-any-return]
) -> tuple[Value, Value, Value]:
    """Takes one alternative out of a value: whether it's another one, that one, and the others.

    ``read`` gives the flag of an option. What there isn't, is unbound.
    """
    if not isinstance(value, Option):
        return (FALSE, value, UNBOUND) if is_it(value) else (TRUE, UNBOUND, value)
    present: Any = read(value.present)
    if is_it(value.absent):
        return present, value.absent, value.value
    another, found, rest = taken_out(b, value.value, is_it, read)
    if another is TRUE:
        return TRUE, UNBOUND, value
    is_absent = b.call("logical_not", present)
    if isinstance(rest, Unbound):
        return is_absent, found, value.absent
    either = b.call("logical_or", is_absent, another)  # type: ignore[arg-type]
    return either, found, replace(value, value=rest)


@dataclass(frozen=True, eq=False)
class _Column(Leaf):
    """A leaf of the elements of a list that grew, with the buffers that have its rows."""

    buffers: tuple[Tensor, ...] = ()


@dataclass
class _Rows:
    """The buffers of a list that grew, for a template whose elements may have more staged parts."""

    collector: Collector
    leaves: Iterator[Any]
    buffers: Iterator[Tensor]
    length: Value

    def collect(self, template: Value, actual: Value) -> None:
        self._collect(template, mapped(actual, self._column))

    def _column(self, leaf: Leaf) -> _Column:
        count = 1 + is_ragged(leaf) + (leaf.kind == "either")
        buffers = tuple(next(self.buffers) for _ in range(count))
        return _Column(
            leaf.shape, leaf.dtype, leaf.kind, leaf.scalar, leaf.storage, leaf.name, buffers
        )

    def _collect(self, template: Value, actual: Value) -> None:
        if isinstance(template, Leaf):
            self._leaf(template, actual)
        elif isinstance(template, Deferred | Tuple | Slice | EitherDtype):
            for t, v in _beside(template, actual):
                self._collect(t, v)
        elif isinstance(template, Node):
            at = actual if isinstance(actual, Node) else None
            self._collect(template.kind, UNBOUND if at is None else at.kind)
            self._collect(template.row, UNBOUND if at is None else at.row)
        elif isinstance(template, ByValue):
            actual = contained_tuple(actual)
            self._by_value(
                template.content, actual.content if isinstance(actual, ByValue) else None
            )
        elif isinstance(template, Option):
            is_it = functools.partial(self.collector.is_made_of, template.absent)
            b = self.collector.builder
            another, absent, rest = taken_out(b, actual, is_it, lambda flag: flag.buffers[0])
            if isinstance(another, Tensor):
                another = _Column(BOOL_LEAF.shape, another.dtype, scalar=bool, buffers=(another,))
            self._collect(template.present, another)
            self._collect(template.value, rest)
            self._collect(template.absent, absent)

    def _by_value(self, template: Content, actual: Content | None) -> None:
        if actual is None:
            for leaf in content_leaves(template):
                self._collect(leaf, UNBOUND)
        elif isinstance(template, GrownList) and isinstance(actual, GrownList):
            self._nested(template, actual)
        elif isinstance(template, GrownList) and isinstance(actual, Items):
            self._nested_items(template, actual)
        elif isinstance(template, Items) and isinstance(actual, Items):
            for t, v in zip(template.items, actual.items):
                self._collect(t, v)
        elif isinstance(template, Entries | Attributes) and isinstance(
            actual, Entries | Attributes
        ):
            for key, t in template.items.items():
                self._collect(t, actual.items.get(key, UNBOUND))
        else:
            raise unlike_lists()

    def _nested(self, template: GrownList, actual: GrownList) -> None:
        """Lists in the list: their buffers are leaves of its elements."""
        if isinstance(actual.element, Unbound):
            for leaf in content_leaves(template):
                if leaf is not template.length:
                    self._collect(leaf, UNBOUND)
        elif same_template(template.element, actual.element):
            for t, v in zip(template.buffers, actual.buffers):
                self._collect(t, v)
        elif not actual.buffers and isinstance(actual.length, _Column):
            self._nested_constants(template, actual.element, actual.length.buffers[0])
        else:
            raise unlike_lists()
        self._collect(template.length, actual.length)

    def _nested_constants(self, template: GrownList, element: Value, counts: Tensor) -> None:
        """Lists in the list, of one known item so many times, where others hold staged ones."""
        leaves = list(leaves_of(template.element))
        if any(map(is_ragged, leaves)):
            raise unlike_lists()
        b = self.collector.builder
        total = b.call("sum", counts, axis=0)
        made = self._rows_alone(template.element, element, Scalar(total.expr, int))
        before = b.call("subtract", b.call("cumsum", counts, axis=0, dtype="int64"), counts)
        for buffer, leaf, rows in zip(template.buffers, leaves, made):
            size = b.constant(np.array(math.prod(leaf.shape), "int64"))  # type: ignore[arg-type]
            columns = [b.call("multiply", before, size), counts]
            columns += [b.call("full_like", counts, b.constant(np.array(n))) for n in leaf.shape]
            data = b.call("reshape", rows, newshape=(-1,))
            parts = (data, b.call("stack", columns, axis=1))
            shape = (None, *leaf.shape)
            self._collect(buffer, _Column(shape, leaf.dtype, leaf.kind, leaf.scalar, buffers=parts))

    def _nested_items(self, template: GrownList, actual: Items) -> None:
        """Lists in the list, all of one known length, where others are of any length."""
        leaves = list(leaves_of(template.element))
        if any(map(is_ragged, leaves)):
            raise unlike_lists()
        b = self.collector.builder
        made = [self._rows_alone(template.element, item) for item in actual.items]
        for i, (buffer, leaf) in enumerate(zip(template.buffers, leaves)):
            column: Value = UNBOUND
            if made:
                rows = b.call("stack", [tensors[i] for tensors in made], axis=1)
                shape = (len(made), *leaf.shape)
                column = _Column(shape, leaf.dtype, leaf.kind, leaf.scalar, buffers=(rows,))
            self._collect(buffer, column)
        self._collect(template.length, Static(len(actual.items)))

    def _rows_alone(
        self, template: Value, actual: Value, length: Value | None = None
    ) -> list[Tensor]:
        """The buffers of a part of the elements, or of so many."""
        collector = Collector(self.collector.builder, self.collector.heap)
        leaves = itertools.chain.from_iterable(map(buffer_leaves, leaves_of(template)))
        rows = _Rows(collector, leaves, iter(()), self.length if length is None else length)
        rows._collect(template, actual)
        return collector.tensors

    def _leaf(self, template: Leaf, actual: Value) -> None:
        if isinstance(actual, _Column):
            self._take_over(template, actual)
        else:
            self._repeat(actual.obj if isinstance(actual, Static) else 0, template)
        if template.kind == "either":
            if isinstance(actual, _Column) and actual.kind == "either":
                self._add([actual.buffers[-1]])
            else:
                is_variable = isinstance(actual, _Column) and actual.kind == "variable"
                self._repeat(is_variable, BOOL_LEAF)

    def _take_over(self, template: Leaf, actual: _Column) -> None:
        b = self.collector.builder
        data = actual.buffers[0]
        if data.dtype != template.dtype:
            data = b.call("cast", data, dtype=template.dtype.name)
        buffers = [data]
        if is_ragged(actual):
            buffers.append(actual.buffers[1])
        elif is_ragged(template):
            buffers = [b.call("reshape", data, newshape=(-1,)), self._even_extents(actual.shape)]
        self._add(buffers)

    def _add(self, buffers: Sequence[Tensor]) -> None:
        for buffer in buffers:
            self.collector._leaf(next(self.leaves), buffer)

    def _repeat(self, value: Any, leaf: Leaf) -> None:
        """As many rows as the list has, each of them full of ``value``."""
        b = self.collector.builder
        if is_ragged(leaf):
            sizes = tuple(0 if d is None else d for d in leaf.shape)
            self._add([b.constant(np.zeros(0, leaf.dtype)), self._even_extents(sizes)])
            return
        one = b.constant(np.array(value, leaf.dtype))
        shape = self._vector(*leaf.shape)
        self._add([b.call("full", one, shape, dtype=leaf.dtype.name)])

    def _vector(self, *sizes: Any) -> Tensor:
        """The number of rows and these sizes."""
        b = self.collector.builder
        if isinstance(self.length, Static):
            length = b.constant(np.array([self.length.obj], "int64"))
        else:
            length = b.call("reshape", self.length, newshape=(1,))  # type: ignore[arg-type]
        if not sizes:
            return length
        rest = b.constant(np.array(sizes, "int64"))
        return b.call("concatenate", [length, rest], axis=0)  # type: ignore[no-any-return]

    def _even_extents(self, sizes: Shape) -> Tensor:
        b = self.collector.builder
        return even_extents(b, self._vector(), b.constant(np.array(sizes, "int64")))


def unlike_lists() -> CompileError:
    return error(
        "AF0206",
        "the lists in a list that grows differ: some are of a known length, others grow",
        help="make all of them in one way",
    )


def _as_row(b: Builder, x: Tensor) -> Tensor:
    """``x`` with a first axis of one; of a constant, a constant: TVM fails on what it leaves of it."""
    if x.const is not None:
        return b.constant(x.const[np.newaxis])
    return b.call("expand_dims", x, axis=0)  # type: ignore[no-any-return]
