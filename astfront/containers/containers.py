"""Lists, dicts, ranges and other iterables: length, items, and lists that grow in kept loops."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import gast

from astfront.containers.iterators import ITEMS_LIMIT
from astfront.contents import Content, Entries, GrownList, Items
from astfront.descriptions import describe
from astfront.diagnostics import CompileError
from astfront.joins.leaves import Leaf
from astfront.machine import Machine
from astfront.rules import folds
from astfront.sameness import same
from astfront.values import (
    FALSE,
    TRUE,
    Choice,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    Generator,
    Iterator,
    List,
    Memory,
    Node,
    Object,
    Range,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
    Walked,
)

#: A list that grew to this length is taken apart where its items are changed one by one.
FEW_ITEMS = 64


class Containers(Machine):
    @staticmethod
    def is_tuple(v: Value) -> bool:
        if isinstance(v, List):
            return v.cls is tuple
        return isinstance(v, Tuple) or (isinstance(v, Static) and isinstance(v.obj, tuple))

    def listed_copy(self, v: Value, cls: type = list) -> List:
        """A new list of the items of a list or tuple."""
        content = self.heap[v.cell] if isinstance(v, List) else Items(tuple(self.items_of(v)))
        return List(self.heap.new(content), cls)

    def as_tuple(self, v: List) -> Value:
        """``tuple(v)``; where the length of the list is staged, that of the tuple is."""
        items = self.as_items(v)
        if items is None:
            return List(self.heap.new(self.heap[v.cell]), tuple)
        return self.tuple(items)

    def turned_into_tuple(self, made: List) -> Value:
        """``tuple(made)`` of a list that nobody else has, and that is gone then."""
        found = self.as_tuple(made)
        self.heap.cells.pop(made.cell, None)
        return found

    def like(self, sequence: Value, made: List) -> Value:
        """What an operator makes of a list or tuple: a list, or the tuple of its items."""
        return self.turned_into_tuple(made) if self.is_tuple(sequence) else made

    def extend_list(self, target: List, more: Value) -> None:
        if isinstance(more, Choice):
            self.split(more, lambda v: self.extend_list(target, v))
            return
        if isinstance(more, Generator):
            start, generator = self.checkpoint(), more
            more = self.listed(generator)
            if len(self.exceptions) > start.exceptions:
                # What it yields before it raises an exception is appended.
                self.rewind(start)
                self.run_generator(generator, lambda item: self.append(target, item))
                return
        elif not isinstance(more, List | Static | Tuple):
            more = self.call(Static(list), [more], {})
        content = self.heap[target.cell]
        other = self.heap[more.cell] if isinstance(more, List) else None
        if isinstance(content, Items) and not isinstance(other, GrownList):
            self.heap[target.cell] = Items((*content.items, *self.items_of(more)))
            return
        if isinstance(content, Items) and not content.items and other is not None:
            self.heap[target.cell] = other
            return
        if isinstance(other, GrownList) and isinstance(more, List):
            try:
                self.heap[target.cell] = self.concatenated(content, other)
            except CompileError:
                items = self.as_items(more)
                if items is None or not isinstance(content, Items):
                    raise
                self.heap[target.cell] = Items((*content.items, *items))
            return
        for item in self.items_of(more):
            self.append(target, item)

    def as_items(self, v: List) -> list[Value] | None:
        """The items of a list, one by one, where their number is known and not large."""
        content = self.heap[v.cell]
        if isinstance(content, GrownList):
            length = content.length
            if not isinstance(length, Static) or length.obj > FEW_ITEMS:
                return None
        return self.items_of(v)

    def has_grown(self, v: Value) -> bool:
        """Whether ``v`` is a list whose length is known at run time only."""
        content = self.heap[v.cell] if isinstance(v, List) else None
        return isinstance(content, GrownList) and not isinstance(content.length, Static)

    def holds_ints(self, v: Value) -> bool:
        """Whether all items of a list or tuple are ints, so that equal ones are as good as one."""
        content = self.heap[v.cell] if isinstance(v, List) else None
        if isinstance(content, GrownList):
            return isinstance(content.element, Leaf) and content.element.scalar in (int, bool)
        items = self.items_of(v) if content is not None or self.is_tuple(v) else ()
        types = {x.type if isinstance(x, Scalar) else type(getattr(x, "obj", x)) for x in items}
        return types <= {int, bool}

    def append(self, target: Value, item: Value) -> None:
        """``list.append``; a list that grew in a kept loop gets one more row in each buffer."""
        if isinstance(target, Choice):
            self.split(target, lambda v: self.append(v, item))
            return
        if not isinstance(target, List):
            self.fail("AF0208", f"append to {describe(target)}")
        content = self.heap[target.cell]
        if isinstance(content, Items):
            self.heap[target.cell] = Items((*content.items, item))
            return
        if isinstance(content, GrownList):
            before = self.heap.snapshot()
            self.heap[target.cell] = self.concatenated(content, Items((item,)))
            self.keep_parts(target, content)
            self.note_placed(target, content.length, item, before)

    def put_item(self, target: List, place: Value, item: Value) -> None:
        """``target[place] = item``, for a place that is in range, in a list that grew."""
        before = self.heap.snapshot()
        self.heap[target.cell] = self.with_item(target, place, item)
        self.note_placed(target, place, item, before)

    def length(self, v: Value) -> Value:
        """``len(v)``, static where it's known."""
        match v:
            case Static(obj=obj):
                return self.run_python(len, obj)
            case Tuple(items=items):
                return Static(len(items))
            case List(cell=cell):
                content = self.heap[cell]
                return Static(len(content.items)) if isinstance(content, Items) else content.length  # type: ignore
            case Dict():
                return self.dict_length(v)
            case DictView(of=of):
                return self.dict_length(of)
            case Tensor(shape=shape):
                if not shape:
                    self.raise_python(TypeError("len() of unsized object"))
                return self.dim_of(v, 0)
            case Memory(array=array):
                return self.length(array)
            case Range() | Iterator():
                return self.iterator_of(v).length
            case Choice():
                return self.split(v, self.length)
            case Object(cls=cls) if hasattr(cls, "__len__"):
                return self.call(self.get_attribute(v, "__len__"), [], {})
            case Deferred():
                self.static(v)
        self.raise_lacking(v, "__len__", f"{describe(v)} has no len()")

    def dim_of(self, x: Tensor, axis: int) -> Value:
        """The size along an axis: static where it's known."""
        size = x.shape[axis]
        return Static(size) if size is not None else self.b.dim(x, axis % x.ndim)

    def items_of(self, v: Value, expected: int | None = None) -> list[Value]:
        """The items of something iterable whose length is known while compiling."""
        match v:
            case Static(obj=obj):
                try:
                    return [self.constant_value(x) for x in obj]
                except TypeError as e:
                    self.raise_python(e)
            case Tuple(items=items):
                return list(items)
            case DictView():
                return self.looked_at(v)
            case Dict():
                return self.looked_at(DictView(v, "keys"))
            case List(cell=cell) if isinstance(self.heap[cell], Items):
                return list(self.heap[cell].items)  # type: ignore[union-attr, arg-type]
            case Generator(cell=cell):
                rows, width = self.zipped.get(cell, (v, -1))
                if width == expected and same(self.heap.lookup(cell, "taken"), FALSE):
                    self.require_at_least(self.length(rows), 1, str(expected))
                    self.heap.bind(cell, "taken", TRUE)
                    return self.items_of(
                        self.call(Static(folds.columns), [rows, Static(width)], {})
                    )
                return self.items_of(self.listed(v), expected)
            case Node() if len(self.kinds_of(v)) == 1:
                return self.items_of(self.opened(v), expected)
        iterator = self.iterator_of(v)
        self.exhausted(v)
        length = iterator.length
        if not isinstance(length, Static) and expected is not None:
            self._require_count(length, expected)
            length = Static(expected)
        count = self.static(length, "the number of items")
        if count > ITEMS_LIMIT:
            self.fail("AF0503", f"all items of {describe(v)} are taken, which are {count}")
        return [iterator.item(Static(i)) for i in range(count)]

    def _require_count(self, length: Value, expected: int) -> None:
        """As many values as are unpacked, or Python's ValueError."""

        self.require_at_least(length, expected, str(expected))
        if self.checks:
            message = f"too many values to unpack (expected {expected})"
            self.check(self.compare(gast.LtE(), length, Static(expected)), ValueError(message))

    def require_at_least(self, length: Value, count: int, expected: str = "") -> None:
        """As many values as are unpacked, or more, or Python's ValueError."""

        def too_few() -> None:
            form = (
                f"not enough values to unpack (expected {expected or f'at least {count}'}, got %d)"
            )
            text = self.text(operator.mod, Static(form), length)
            self.raise_value(self.construct(ValueError, [text], {}))

        if self.checks or isinstance(length, Static):
            self.stage_if(self.compare(gast.Lt(), length, Static(count)), too_few, lambda: None)

    def iterator_of(self, v: Value) -> Iterator:
        """How to walk over ``v`` by position."""
        match v:
            case Iterator():
                return self.taken(v)
            case EitherDtype():
                return self.iterator_of(self.of_one_dtype(v))
            case Generator():
                with self.pure_generator(v):
                    made = self.listed(v)
                return self._list_iterator(made)
            case Range(start=start, stop=stop, step=step):
                return self._range_iterator(start, stop, step)
            case Static(obj=obj) if isinstance(obj, range):
                if len(obj) == 0:
                    return Iterator(Static(0), lambda i: Static(0), "range")
                return self._range_iterator(
                    Static(obj.start), Static(obj.stop), Static(obj.step), Static(len(obj))
                )
            case Tensor(ndim=0):
                self.raise_python(TypeError("iteration over a 0-d array"))
            case Tensor():
                return self._rows_of(v)
            case List():
                return self.window_iterator(v) or self._list_iterator(v)
            case DictView():
                return self._dict_iterator(v)
            case Dict():
                return self._dict_iterator(DictView(v, "keys"))
            case Static() | Tuple():
                items = self.items_of(v)
                # What a staged index needs is computed once, before the loop.
                scope = self.b.scope
                return Iterator(Static(len(items)), lambda i: self.select(items, i, scope), "list")
            case Object(cls=cls):
                if self.is_walked_over(v):
                    return self.iterator_of(self.iter_of(v))
                if hasattr(cls, "__getitem__") and hasattr(cls, "__len__"):
                    return Iterator(self.length(v), lambda i: self.get_item(v, i), cls.__name__)
        self.fail("AF0503", f"a loop over {describe(v)} isn't supported")

    def _rows_of(self, v: Tensor) -> Iterator:
        """An array is walked over as it is at each turn of a loop (``Walked``)."""
        walked = Walked(v)

        def item(i: Value) -> Value:
            # It only sees indices in range: no bounds check.
            now = v if walked.cell is None else self.heap.lookup(walked.cell, "array")
            return self.tensor_row(now, i)  # type: ignore[arg-type]

        return Iterator(self.length(v), item, "tensor", (v,), arrays=(walked,))

    def _list_iterator(self, v: List) -> Iterator:
        """A list is walked over as it is at each turn."""
        content = self.heap[v.cell]
        scope = self.b.scope

        def item(i: Value) -> Value:
            self.require_same_length(content, v)
            now = self.heap[v.cell]
            if isinstance(now, GrownList):
                return self.grown_element(now, i, v)
            # What a staged index needs is computed once, before the loop, where that's possible.
            return self.select(self.items_of(v), i, scope if now is content else None)

        return Iterator(self.length(v), item, "list", (v,))

    def _dict_iterator(self, view: DictView) -> Iterator:
        """So is a dict, whose values may change, but not its keys."""
        content = self.heap[view.of.cell]
        scope = self.b.scope
        if self.has_staged_keys(view.of):
            self.require_order(view.of)
            pairs = self._list_iterator(self.pairs_in(view.of))
            name = view.cls.__name__

            def item_of_pair(i: Value) -> Value:
                if isinstance(content, Entries):
                    self.require_same_keys(view.of, list(content.items), pairs.length)
                return self.of_pair(view, pairs.item(i))

            return Iterator(pairs.length, item_of_pair, name, (view.of,))

        def item(i: Value) -> Value:
            self.require_same_length(content, view.of)
            unchanged = self.heap[view.of.cell] is content
            return self.select(self.looked_at(view), i, scope if unchanged else None)

        name = view.cls.__name__
        return Iterator(Static(len(self.looked_at(view))), item, name, (view.of,))

    def require_same_length(self, before: Content, v: List | Dict) -> None:
        """AF0503 where a list grew or shrank, or a dict got other keys, while it's walked over."""
        now = self.heap[v.cell]
        before = self.at_turn.get((v.cell, id(before)), before)
        if isinstance(before, Entries) and isinstance(now, Entries):
            as_long = list(before.items) == list(now.items)
        else:
            lengths = self.length_of(before), self.length_of(now)
            as_long = now is before or same(*lengths)
        if not as_long and isinstance(v, Dict) and self.is_keyed(v):
            message = "a dict gets other keys while a loop walks over it"
            self.require(
                self.compare(gast.Eq(), *lengths),
                self.error("AF0503", message, help="walk over a copy: `for k in list(d):`"),
            )
        elif not as_long:
            self.fail(
                "AF0503",
                f"{describe(v)} gets longer or shorter while a loop walks over it",
                help="walk over a copy: `for x in list(xs):`",
            )

    def require_same_keys(self, v: Dict, keys: list[Any], length: Value) -> None:
        """RuntimeError where a dict that's walked over has got other keys, or lost some."""
        content = self.heap[v.cell]
        if not isinstance(content, Entries) or list(content.items) != keys:
            self.fail(
                "AF0503",
                f"{describe(v)} may get other keys while a loop walks over it",
                help="walk over a copy: `for k in list(d):`",
            )
        changed = RuntimeError("dictionary changed size during iteration")
        self.check(self.compare(gast.Eq(), self.dict_length(v), length), changed)

    def tensor_row(self, x: Tensor, i: Value) -> Value:
        """``x[i]`` for an index in range."""
        if x.const is not None and isinstance(i, Static):
            return self.get_item(x, i)
        kind = "generic" if x.ndim == 1 and x.kind == "array" else x.kind

        def of(base: Tensor) -> Tensor:
            return replace(self.row(base, i), kind=kind, is_variable=x.is_variable)

        return x.viewed_as(of(x), of if kind == "array" else None)

    def _range_iterator(
        self, start: Value, stop: Value, by: Value, length: Value | None = None
    ) -> Iterator:
        if not isinstance(by, Static):
            return self._range_by(start, stop, by)
        step = int(by.obj)
        if length is None:
            ends = (stop, start) if step > 0 else (start, stop)
            span = self.binary_op(operator.sub, *ends)
            size = abs(step)
            if size > 1:
                up = self.binary_op(operator.add, span, Static(size - 1))
                span = self.binary_op(operator.floordiv, up, Static(size))
            length = self.at_least_zero(span)

        def item(i: Value) -> Value:
            if isinstance(start, Static) and start.obj == 0 and step == 1:
                return i
            scaled = i if abs(step) == 1 else self.binary_op(operator.mul, i, Static(abs(step)))
            return self._in_range(
                self.binary_op(operator.add if step > 0 else operator.sub, start, scaled),
                *((start, stop, 0) if step > 0 else (stop, start, 1)),
            )

        return Iterator(length, item, "range")

    def _range_by(self, start: Value, stop: Value, step: Value) -> Iterator:
        """``range(start, stop, step)`` of a staged step."""
        up = self.as_scalar(self.compare(gast.Gt(), step, Static(0)), int)
        sign = self.binary_op(operator.sub, self.binary_op(operator.mul, up, Static(2)), Static(1))
        span = self.binary_op(operator.sub, stop, start)
        reached = self.binary_op(operator.sub, self.binary_op(operator.add, span, step), sign)
        length = self.at_least_zero(self.binary_op(operator.floordiv, reached, step))

        def item(i: Value) -> Value:
            return self.binary_op(operator.add, start, self.binary_op(operator.mul, i, step))

        return Iterator(length, item, "range")

    def _in_range(self, v: Value, low: Value, high: Value, shift: int) -> Value:
        """An item of a range: ``low + shift <= v < high + shift``, as far as the ends are known."""
        if not isinstance(v, Scalar):
            return v
        known = self.no_larger(v, max(self.magnitude(low), self.magnitude(high)))
        floor = (
            low.obj + shift if isinstance(low, Static) else 0 if self.is_at_least(low, 0) else None
        )
        limit = self.affine(high)
        ceiling = None if limit is None else (limit[0], limit[1] + shift)
        return self.with_bounds(known, low=floor, high=ceiling)

    def at_least_zero(self, n: Value) -> Value:
        if isinstance(n, Static):
            return Static(max(n.obj, 0))
        if self.is_at_least(n, 0):
            return n
        return Scalar(
            self.b.call("maximum", self.as_scalar(n, int), self.as_scalar(Static(0), int)).expr, int
        )
