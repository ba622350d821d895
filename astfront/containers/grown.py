"""Lists that grew in a kept loop: their items, slices, and what is appended to them.

The elements are kept in buffers, leaf by leaf (``templates.buffer_leaves``): stacked, or where their
sizes may differ, one after another in a vector, with an extent (start, sizes) for each.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import gast
import numpy as np

from astfront.containers.parts import Part, Parts
from astfront.contents import Attributes, ByValue, Content, Entries, GrownList, Items
from astfront.diagnostics import CompileError
from astfront.identity import sources_of_item
from astfront.joins.collector import Collector, even_extents, is_ragged, leaf_buffers
from astfront.joins.join import Join, JoinError
from astfront.joins.leaves import Leaf
from astfront.joins.reachability import led_to, reached
from astfront.joins.templates import element_at
from astfront.rules import folds
from astfront.values import List, Option, Scalar, Slice, Static, Tensor, Tuple, Unbound, Value

#: An array that's taken apart into more parts than this stays one array.
FEW_PARTS = 32


def _alike(*contents: Content) -> bool:
    """Whether all items of some lists are arrays of one type."""
    items: list[Value] = []
    for content in contents:
        items += content.items if isinstance(content, Items) else [content.element]  # type: ignore[union-attr]
    tensors = [x for x in items if isinstance(x, Tensor)]
    return len(tensors) == len(items) and len({(x.shape, x.dtype, x.kind) for x in tensors}) <= 1


class GrownLists(Parts):
    def concatenated(self, first: Content, second: Content) -> GrownList | Items:
        """The items of one list after those of another, at least one of them grown.

        Lists of known lengths whose items differ in type become a list of single items.
        """
        self._note_shared(first, second)
        return self.put_together(first, second)

    def put_together(self, first: Content, second: Content) -> GrownList | Items:
        """As :meth:`concatenated`, for what's surely not in both."""
        if not _alike(first, second):
            lists = [List(self.heap.new(content)) for content in (first, second)]
            apart = [self.as_items(found) for found in lists]
            for found in lists:
                self.heap.cells.pop(found.cell)  # It would count as another list of these items.
            if None not in apart:
                return Items(tuple(item for items in apart for item in items or ()))
        template = self._template_of(first, second)
        sides = [self._collected(template, content) for content in (first, second)]
        buffers = []
        for (leaf, before), (_, after) in zip(*map(leaf_buffers, sides)):
            if is_ragged(leaf):
                shift = np.array([1] + [0] * len(leaf.shape), "int64")
                start = self.b.call("multiply", self._size(before[0]), self.b.constant(shift))
                after = [after[0], self.b.call("add", after[1], start)]
            for pair in zip(before, after):
                buffers.append(self.b.call("concatenate", list(pair), axis=0))
        grown, other = self.length_of(first), self.length_of(second)
        total = self.binary_op(operator.add, grown, other)
        added = None
        if isinstance(other, Static):
            known = first.added if isinstance(first, GrownList) else None
            base, count = known or (grown, 0)
            added = (base, count + other.obj)
        made = GrownList(template.element, tuple(buffers), total, added)
        return self.of_length(made, total.obj) if isinstance(total, Static) else made

    def _note_shared(self, first: Content, second: Content) -> None:
        """Whether what's put together may be one thing twice."""
        self.heap.shared |= self.sources_in(first) & self.sources_in(second)

    def sources_in(self, content: Content) -> frozenset[int]:
        """The cells of which a list's items, and what's in them, are copies, or which they are."""
        if isinstance(content, GrownList):
            return sources_of_item(content.element)
        items: Any = content.items  # type: ignore[union-attr]
        cells = [c for item in items for c in led_to(item)]
        return self.heap.sources_of(*reached(self.heap.cells, cells, lambda cell, name: True))

    def as_grown(self, content: Content) -> GrownList:
        """A list of known length (and at least one item) as one whose items are in buffers."""
        if isinstance(content, GrownList):
            return content
        template = self._template_of(content, content)
        return self._collected(template, content)

    def _template_of(self, first: Content, second: Content) -> GrownList:
        try:
            return Join(self.heap)._grown(first, second, None)
        except JoinError as e:
            self.fail(
                "AF0504",
                "the items of a list that grows differ: "
                + e.message.removeprefix("elements of a list that grows differ: "),
            )

    def _collected(self, template: GrownList, content: Content) -> GrownList:
        collector = Collector(self.b, self.heap)
        collector.widen = False
        collector.content(template, content, -1)
        buffers = tuple(collector.tensors[:-1])
        return replace(template, buffers=buffers, length=self.length_of(content))

    def repeated_list(self, v: List, times: Value) -> List:
        """``v * times``"""
        content = self.heap[v.cell]
        known = isinstance(times, Static)
        if isinstance(content, Items) and (known or not content.items):
            count = operator.index(times.obj) if isinstance(times, Static) else 0
            return self.heap.new_list(content.items * count)
        grown = self.as_grown(content)
        self._note_shared(grown, grown)
        length = grown.length
        total = self.binary_op(operator.mul, length, self.at_least_zero(times))
        if not grown.buffers:
            return List(self.heap.new(replace(grown, length=total, added=None)))
        every = self.call(Static(np.arange), [total], {})
        return List(
            self.heap.new(self.items_at(grown, self.binary_op(operator.mod, every, length)))
        )

    def without(self, v: List, place: Value) -> Content:
        """What a list is without the item at a place that is in range."""
        content = self.heap[v.cell]
        if isinstance(content, GrownList):
            if isinstance(place, Static) and place.obj == 0:
                return self.grown_slice(content, Static(slice(1, None)))
            if self.difference(place, content.length) == -1:
                return self.grown_slice(content, Static(slice(None, -1)))
            last = self.binary_op(operator.sub, content.length, Static(1))
            return self.items_at(content, self.call(Static(folds.other_places), [last, place], {}))
        items: Any = content.items  # type: ignore[union-attr]
        kept = [
            self.select(pair, self.as_scalar(self.compare(gast.LtE(), place, Static(i)), int))
            if isinstance(place, Scalar)
            else pair[place.obj <= i]  # type: ignore[attr-defined]
            for i, pair in enumerate(itertools.pairwise(items))
        ]
        return Items(tuple(kept))

    def with_item(self, v: List, place: Value, item: Value) -> Content:
        """What a list that grew is with another item at a place that is in range."""
        before = self.as_grown(self.heap[v.cell])
        made = self.as_grown(self.concatenated(before, Items((item,))))
        places = self.call(Static(folds.places_with), [before.length, place], {})
        content = self.items_at(made, places)
        return replace(content, length=before.length, added=before.added)

    def items_at(self, content: GrownList, places: Tensor) -> GrownList:
        """The items at these places, which are in range."""
        buffers: list[Tensor] = []
        for leaf, (*data, rows) in leaf_buffers(content):
            part = self.b.call("take", rows, places, axis=0, mode="clip")
            buffers += self._compact(data[0], part) if is_ragged(leaf) else [part]
        return GrownList(content.element, tuple(buffers), self.dim_of(places, 0))

    @staticmethod
    def length_of(content: Content) -> Value:
        if isinstance(content, GrownList):
            return content.length
        return Static(len(content.items)) if isinstance(content, Items) else Static(0)

    def _size(self, data: Tensor) -> Tensor:
        return self.b.call("shape_of", data, dtype="int64")  # type: ignore[no-any-return]

    def of_length(self, content: GrownList, length: int) -> GrownList:
        """A list that is known to have so many items."""
        buffers: list[Tensor] = []
        for _, (*data, rows) in leaf_buffers(content):
            buffers += [*data, self.b.refine(rows, (length, *rows.shape[1:]))]
        return replace(content, buffers=tuple(buffers), length=Static(length))

    def row(self, buffer: Tensor, index: Value) -> Tensor:
        """``buffer[index]`` for an index that is in range."""
        if buffer.const is not None and isinstance(index, Static):
            return Tensor(None, buffer.shape[1:], buffer.dtype, const=buffer.const[index.obj])
        i = self.as_scalar(index, int)
        return self.b.call("take", buffer, i, axis=0, mode="clip")  # type: ignore[no-any-return]

    def _row_if_any(self, buffer: Tensor, index: Value, length: Value) -> Tensor:
        """As :meth:`row`, of an index that a check found to be in range: if it isn't, the list may be
        empty, and ints that are anything would be sizes that there's no memory for."""
        row = self.row(buffer, index)
        if row.dtype.kind not in "iu" or self.is_at_least(length, 1):
            return row
        if self.is_index(index, length):
            return row
        filled = self.as_scalar(self.compare(gast.Gt(), length, Static(0)), bool)
        zero = self.b.constant(np.zeros((), row.dtype))
        return self.b.call("where", filled, row, zero)  # type: ignore[no-any-return]

    def grown_element(self, content: GrownList, index: Value, owner: List | None = None) -> Value:
        """An item, by an index that is in range, of the list ``owner``."""
        rows = []
        for leaf, buffers in leaf_buffers(content):
            row = self._row_if_any(buffers[-1], index, content.length)
            rows.append(self._piece(buffers[0], row, leaf) if is_ragged(leaf) else row)
        cells: set[int] = set()
        item = self._with_cells(element_at(content.element, rows), cells)
        if owner is not None and cells:
            self.note_part(Part(owner, index, item, cells, [content]))
        return item

    def _with_cells(self, value: Value, cells: set[int]) -> Value:
        """An item of a list that grew: the lists, dicts and objects in it get cells of their own.

        They are copies, so they can't be changed, unless the list changes with them (``parts.py``).
        """

        def inner(v: Value) -> Value:
            return self._with_cells(v, cells)

        match value:
            case Tuple(items=items):
                return replace(value, items=tuple(map(inner, items)))
            case Option(value=present):
                return replace(value, value=inner(present))
            case ByValue(reference=reference, content=content):
                if isinstance(content, Items):
                    content = Items(tuple(map(inner, content.items)))
                elif isinstance(content, Entries | Attributes):
                    held = {k: inner(v) for k, v in content.items.items()}
                    content = replace(content, items=held)
                made = replace(reference, cell=self.heap.new(content))
                self.heap.frozen.add(made.cell)
                self.heap.sources[made.cell] = value.sources
                cells.add(made.cell)
                return made
        return value

    def _piece(self, data: Tensor, extent: Tensor, leaf: Leaf) -> Tensor:
        """The element that an extent describes."""
        if extent.const is not None:
            begin, *shape = extent.const.tolist()
            end = begin + math.prod(shape)
            part = self.b.call("strided_slice", data, begin=(begin,), end=(end,), strides=(1,))
            return self.b.call("reshape", part, newshape=tuple(shape))  # type: ignore[no-any-return]
        start, sizes = self.b.call("split", extent, indices_or_sections=[1], axis=0)
        end = self.b.call("add", start, self.b.call("prod", sizes, axis=0, keepdims=True))
        one = self.b.constant(np.array([1], "int64"))
        flat = self.b.call("dyn.strided_slice", data, start, end, one)
        if len(leaf.shape) == 1:
            return flat  # type: ignore[no-any-return]
        return self.b.refine(self.b.call("reshape", flat, sizes), leaf.shape)

    def width_of(self, v: Value) -> int | None:
        """How many items each item of a list of staged length has, if they all have as many."""
        content = self.heap[v.cell] if isinstance(v, List) and self.has_grown(v) else None
        match content:
            case GrownList(element=Tuple(items=items) | ByValue(content=Items(items=items))):
                return len(items)
            case GrownList(element=Leaf(shape=(int() as size, *_))):
                return size
        return None

    def grown_item(self, container: List, index: Value) -> Value:
        content = self.heap[container.cell]
        if not isinstance(content, GrownList):
            self.fail("AF0208", "a list is wanted here")
        if isinstance(index, Slice) or (isinstance(index, Static) and isinstance(index.obj, slice)):
            made = List(self.heap.new(self.grown_slice(content, index)))
            self.note_window(container, index, made)
            return self.like(container, made)
        kind = "tuple" if self.is_tuple(container) else "list"
        i = self.checked_index(index, content.length, kind)
        if isinstance(content.element, Unbound):
            self.raise_python(IndexError(f"{kind} index out of range"))
        return self.grown_element(content, i, container)

    def grown_slice(self, content: GrownList, index: Value) -> Content:
        if isinstance(content.element, Unbound):
            return Items()
        buffers: list[Tensor] = []
        for leaf, (*data, rows) in leaf_buffers(content):
            part = self.call(Static(np.ndarray.__getitem__), [rows, index], {})
            buffers += self._compact(data[0], part) if is_ragged(leaf) else [part]
        if not buffers:
            # All items are the same known value: what counts is how many there are.
            places = self.call(Static(np.zeros), [self.tuple([content.length])], {})
            part = self.call(Static(np.ndarray.__getitem__), [places, index], {})
            return GrownList(content.element, (), self.dim_of(part, 0))
        length = self.dim_of(buffers[-1], 0)
        return GrownList(content.element, tuple(buffers), length)

    def reversed_list(self, content: GrownList) -> GrownList:
        buffers: list[Tensor] = []
        for leaf, (*data, rows) in leaf_buffers(content):
            turned = self.b.call("reverse", rows, axis=0)
            buffers += self._compact(data[0], turned) if is_ragged(leaf) else [turned]
        return replace(content, buffers=tuple(buffers))

    def _compact(self, data: Tensor, extents: Tensor) -> list[Tensor]:
        """The pieces that these extents describe, one after another, and their new extents."""
        call, constant = self.b.call, self.b.constant
        old, sizes = call("split", extents, indices_or_sections=[1], axis=1)
        counts = call("prod", sizes, axis=1, keepdims=True)
        ends = call("cumsum", counts, axis=0, dtype="int64")
        starts = call("subtract", ends, counts)
        total = call("sum", counts, axis=0, keepdims=True)
        ones = call(
            "full",
            constant(np.array(1, "int64")),
            call("reshape", total, newshape=(1,)),
            dtype="int64",
        )
        places = call("subtract", call("cumsum", ones, axis=0, dtype="int64"), ones)
        # The row of each place: the number of rows that end at or before it.
        over = call("less_equal", ends, call("expand_dims", places, axis=0))
        row = call("sum", call("cast", over, dtype="int64"), axis=0)
        shift = call("squeeze", call("subtract", old, starts), axis=[1])
        source = call("add", places, call("take", shift, row, axis=0, mode="clip"))
        moved = call("take", data, source, axis=0, mode="clip")
        return [moved, call("concatenate", [starts, sizes], axis=1)]

    def rows_as_list(self, x: Tensor, element: Leaf) -> GrownList:
        """``list(x)`` of an array."""
        rows, length = x.as_kind("array"), self.dim_of(x, 0)
        if not is_ragged(element):
            return GrownList(element, (rows,), length)
        count, sizes = self.b.call(
            "split", self.b.call("shape_of", x, dtype="int64"), indices_or_sections=[1], axis=0
        )
        data = self.b.call("reshape", rows, newshape=(-1,))
        return GrownList(element, (data, even_extents(self.b, count, sizes)), length)

    def tuple_of_rows(self, x: Tensor, rows: Tensor) -> List:
        """The many parts of ``x`` that Chainer gives as a tuple, each of them a row of ``rows``."""
        self.heap.copied.add(x.storage)
        element = Leaf(rows.shape[1:], rows.dtype, "variable")
        return self.tuple_of_grown(self.rows_as_list(rows, element))

    def tuple_of_grown(self, content: GrownList) -> List:
        return List(self.heap.new(content), tuple)

    def same_sizes(self, content: GrownList, axes: Sequence[int] | None = None) -> Value:
        """Whether all items of a list of arrays, which isn't empty, agree in (these of) their sizes."""
        leaf, buffers = next(leaf_buffers(content))
        unknown = [a for a, d in enumerate(leaf.shape) if d is None and (axes is None or a in axes)]
        if not unknown:
            return Static(True)
        sizes = self.b.call(
            "take", buffers[1], self.b.constant(np.array(unknown, "int64") + 1), axis=1, mode="clip"
        )
        first = self.b.call(
            "take", sizes, self.b.constant(np.array([0], "int64")), axis=0, mode="clip"
        )
        equal = self.b.call("all", self.b.call("equal", sizes, first), axis=None)
        return Scalar(equal.expr, bool)

    def stack_of(self, content: GrownList) -> Tensor:
        """The items of a list of arrays of one size, stacked along a new first axis."""
        leaf, buffers = next(leaf_buffers(content))
        if not is_ragged(leaf):
            return buffers[0].as_kind("array")
        data, extents = buffers
        first = self.row(extents, Static(0))
        _, sizes = self.b.call("split", first, indices_or_sections=[1], axis=0)
        rows = self.b.call("shape_of", extents, dtype="int64")
        count, _ = self.b.call("split", rows, indices_or_sections=[1], axis=0)
        shape = self.b.call("concatenate", [count, sizes], axis=0)
        return self.b.refine(self.b.call("reshape", data, shape), (extents.shape[0], *leaf.shape))

    def strung(self, content: GrownList) -> Tensor:
        """The items of a list of arrays that differ in their first axis only, one after another."""
        leaf, (data, extents) = next(leaf_buffers(content))
        if len(leaf.shape) == 1:
            return data.as_kind("array")
        _, counts, _ = self.b.call("split", extents, indices_or_sections=[1, 2], axis=1)
        total = self.b.call("reshape", self.b.call("sum", counts, axis=0), newshape=(1,))
        _, rest = self.b.call(
            "split", self.row(extents, Static(0)), indices_or_sections=[2], axis=0
        )
        shape = self.b.call("concatenate", [total, rest], axis=0)
        return self.b.refine(self.b.call("reshape", data, shape), leaf.shape)

    def is_filled(self, content: GrownList) -> Value:
        return self.compare(gast.Gt(), content.length, Static(0))

    def uniform_rows(self, content: GrownList, empty: BaseException, uneven: BaseException) -> Any:
        """As :meth:`stack_of`, with these exceptions where there is no item, or their sizes differ."""
        filled = self.is_filled(content)

        def rows() -> Value:
            same = self.same_sizes(content)
            if isinstance(same, Static):
                return self.stack_of(content)
            return self.stage_if(  # type: ignore[no-any-return]
                same, lambda: self.stack_of(content), lambda: self._raise_or_refuse(uneven)
            )

        if isinstance(filled, Static):
            return rows() if filled.obj else self.raise_python(empty)
        if not self.checks:
            return self.stack_of(content)
        return self.stage_if(filled, rows, lambda: self.raise_python(empty))

    def _raise_or_refuse(self, exception: BaseException) -> NoReturn:
        if isinstance(exception, CompileError):
            self.refuse_way(exception)
        self.raise_python(exception)
