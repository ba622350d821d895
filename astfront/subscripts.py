"""Subscripts: reading, assigning and deleting items of containers and arrays."""

from __future__ import annotations

import collections
import contextlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import chainer
import gast
import numpy as np

from astfront.builder import Scope
from astfront.contents import GrownList, Items
from astfront.descriptions import describe
from astfront.diagnostics import CompileError
from astfront.environment import UNKNOWN_STORAGE, storages_of
from astfront.joins.leaves import number_type
from astfront.joins.options import MOST_ALTERNATIVES, choice_in
from astfront.machine import Machine
from astfront.rules import folds
from astfront.rules.numpy import assignment
from astfront.rules.registry import RULES
from astfront.sameness import same
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    Choice,
    Deferred,
    Dict,
    EitherDtype,
    Flat,
    List,
    Object,
    Poison,
    Range,
    Scalar,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
    is_none,
)


@dataclass(frozen=True)
class _Table:
    """Texts of which an index chooses one when the program has run."""

    texts: tuple[str, ...]

    def __call__(self, index: int) -> str:
        return self.texts[index]


class Subscripts(Machine):
    def get_item(self, container: Value, index: Value) -> Value:
        if isinstance(container, Poison) or isinstance(index, Poison):
            return POISON
        if isinstance(container, EitherDtype) and choice_in(index) is None:
            part: Any = self.get_item(container.array, index)
            return replace(container, array=part) if part.kind == container.array.kind else part
        if isinstance(container, Choice):
            return self.split(container, lambda v: self.get_item(v, index))
        if choice_in(index) is not None:
            return self.split_in(index, lambda v: self.get_item(container, v))
        if isinstance(container, Tensor):
            if container.kind == "variable":
                return self.call(Static(chainer.Variable.__getitem__), [container, index], {})
            if isinstance(container, Flat):
                return self.get_item(container.items, index).copied()  # type: ignore[attr-defined, no-any-return]
            return self.call(Static(np.ndarray.__getitem__), [container, index], {})
        if isinstance(container, Static) and isinstance(index, Static):
            return self.run_python(operator.getitem, container.obj, index.obj)
        if self.known_items and (known := self.known_item(container, index)) is not None:
            return known
        if self.is_keyed(container):
            return self.keyed_entry(container, index)  # type: ignore[no-any-return]
        is_staged = isinstance(index, Scalar | Tensor) or self.text_of_ints(index) is not None
        if isinstance(container, Dict) and is_staged:
            known, _ = self.try_static(index)
            if not known:
                default = Static(0) if container.cls is collections.Counter else None
                return self.staged_entry(container, index, default)
        of_pairs = isinstance(container, Dict) and isinstance(index, Tuple)
        if of_pairs and not self.try_static(index)[0] and self.can_be_keyed(container, index):
            return self.keyed_entry(container, index)  # type: ignore[no-any-return]
        if isinstance(container, Dict):
            return self.get_entry(container, self.static(index, "a dict's key"))
        if isinstance(container, Object):
            return self.call(self.get_attribute(container, "__getitem__"), [index], {})
        if isinstance(container, List) and isinstance(self.heap[container.cell], GrownList):
            return self.grown_item(container, index)
        if self.is_tuple(container) or isinstance(container, List | Range) or _is_range(container):
            return self._sequence_item(container, index)
        if isinstance(container, Deferred):
            self.static(container)
        if isinstance(container, Static) and hasattr(container.obj, "__getitem__"):
            if type(container.obj) is str and self.is_number(index):
                return self._character(container.obj, index)
            key = self.static(index, f"an index of {describe(container)}")
            return self.run_python(operator.getitem, container.obj, key)
        self.raise_lacking(container, "__getitem__", f"{describe(container)} isn't subscriptable")

    def _character(self, text: str, index: Value) -> Value:
        """``text[index]``"""
        if not text:
            self.raise_python(IndexError("string index out of range"))
        place = self.checked_index(index, Static(len(text)), "string")
        return self.select([Static(character) for character in text], place)

    def _sequence_item(self, container: Value, index: Value) -> Value:
        if isinstance(container, Range) or _is_range(container):
            iterator = self.iterator_of(container)
            return iterator.item(self.checked_index(index, iterator.length, "range object"))
        items = self.items_of(container)
        index = self._sequence_index(index)
        if isinstance(index, Scalar) and index.type is not float:
            kind = "tuple" if self.is_tuple(container) else "list"
            if not items:
                self.raise_python(IndexError(f"{kind} index out of range"))
            checked = self.checked_index(index, Static(len(items)), kind)
            return self.select(items, checked)
        if isinstance(index, Slice):
            made = List(self.heap.new(self.grown_slice(self.as_grown(Items(tuple(items))), index)))
            return self.like(container, made)
        key = self.static(index, "the index of a list or tuple")
        if isinstance(key, slice):
            part = items[key]
            return self.heap.new_list(part) if isinstance(container, List) else self.tuple(part)
        try:
            return items[key]
        except (IndexError, TypeError) as e:
            self.raise_python(e)

    def _sequence_index(self, index: Value) -> Value:
        """An index of a list or tuple, numpy's ints as Python's."""
        if isinstance(index, Static) and isinstance(index.obj, np.integer):
            return Static(int(index.obj))
        is_int = isinstance(index, Tensor) and index.ndim == 0 and index.dtype.kind in "iu"
        if is_int and index.kind in ("array", "generic"):  # type: ignore[attr-defined]
            return self.tensor_to_scalar(index)  # type: ignore[arg-type]
        return index

    def checked_index(self, index: Value, length: Value, what: str) -> Value:
        """A Python index, from the end where negative, as 0 … length-1; IndexError at run time."""
        index = self._sequence_index(index)
        if isinstance(index, Static) and isinstance(length, Static):
            known = operator.index(index.obj)
            if not -length.obj <= known < length.obj:
                self.raise_python(IndexError(f"{what} index out of range"))
            return Static(known % length.obj)
        if isinstance(index, Poison):
            self.poisoned()
        if not self.is_number(index):
            self.fail("AF0208", f"{describe(index)} as an index isn't supported")
        if self.is_index(index, length):
            return index
        i: Value
        if isinstance(index, Static):
            i = index if index.obj >= 0 else self.binary_op(operator.add, index, length)
        else:
            negative = self.compare(gast.Lt(), index, Static(0))
            shifted = self.as_scalar(self.binary_op(operator.add, index, length), int)
            plain = self.as_scalar(index, int)
            i = Scalar(self.b.call("where", negative, shifted, plain).expr, int)  # type: ignore
        if self.is_index(i, length):
            return i
        low = self.compare(gast.GtE(), i, Static(0))
        high = self.compare(gast.Lt(), i, length)
        ok = self.both(low, high)
        self.check(ok, IndexError(f"{what} index out of range"))
        return i

    def both(self, a: Value, b: Value) -> Value:
        """``a and b`` of two bools that are computed already."""
        if isinstance(a, Static):
            return b if a.obj else FALSE
        if isinstance(b, Static):
            return a if b.obj else FALSE
        return Scalar(self.b.call("logical_and", a, b).expr, bool)  # type: ignore[arg-type]

    def select(self, items: Sequence[Value], index: Value, scope: Scope | None = None) -> Value:
        """``items[index]`` for a staged index that is in range.

        The items are stacked in ``scope``, one that encloses the present one.
        """
        if isinstance(index, Static):
            return items[index.obj]
        kinds = {number_type(i) for i in items}
        if len(kinds) == 1 and None not in kinds:
            return self._select_number(items, index, self.b.scope if scope is None else scope)
        if _stack(items):
            return self._select_row(items, index, self.b.scope if scope is None else scope)
        tuples = [i for i in items if self.is_tuple(i) and not isinstance(i, List)]
        if items and len(tuples) == len(items):
            rows = [self.items_of(i) for i in items]
            if len({len(r) for r in rows}) == 1:
                return self.tuple([self.select(column, index, scope) for column in zip(*rows)])
        if items and all(same(i, items[0]) for i in items):
            return items[0]
        if items and not self.exact_choices:
            if all(isinstance(i, Tensor | Tuple) for i in items):
                with contextlib.suppress(CompileError):
                    return self.grown_element(self.as_grown(Items(tuple(items))), index)
            if len(items) > MOST_ALTERNATIVES and all(_is_text(i) for i in items):
                return Deferred(_Table(tuple(self.static(i) for i in items)), (index,))
            if len(items) <= MOST_ALTERNATIVES:
                return self._choose(items, index, 0)
        self.fail(
            "AF0504",
            f"a staged index chooses between {len(items)} values that aren't tensors of one type: "
            + ", ".join(dict.fromkeys(describe(i) for i in items[:4])),
            help="index with an int that is known while compiling",
        )

    def _choose(self, items: Sequence[Value], index: Value, first: int) -> Value:
        """One of the items, of which the first has this index."""
        if len(items) == 1:
            return items[0]
        half = len(items) // 2
        return self.stage_if(
            self.compare(gast.Lt(), index, Static(first + half)),
            lambda: self._choose(items[:half], index, first),
            lambda: self._choose(items[half:], index, first + half),
        )

    def _select_number(self, items: Sequence[Value], index: Value, scope: Scope) -> Value:
        kind: Any = number_type(items[0])
        if all(isinstance(v, Static) for v in items):
            table = np.array([v.obj for v in items], self.as_scalar(items[0], kind).dtype)  # type: ignore
            stacked = self.b.constant(table)
        else:
            with self.in_scope(scope):
                scalars = [self.as_tensor(self.as_scalar(v, kind)) for v in items]
            stacked = self.stacked(scalars, scope)
        return Scalar(self.row(stacked, index).expr, kind)

    def _select_row(self, tensors: Sequence[Any], index: Value, scope: Scope) -> Value:
        stacked = self.stacked(tensors, scope)
        self.heap.copied.update(storages_of(tensors))
        row = self.row(stacked, index)
        return replace(row, kind=tensors[0].kind, storage=UNKNOWN_STORAGE)

    def stacked(self, tensors: Sequence[Tensor], scope: Scope) -> Tensor:
        """Several tensors as one, made once in ``scope``."""
        for known, made in scope.stacks:
            if len(known) == len(tensors) and all(map(same, known, tensors)):
                return made
        with self.in_scope(scope):
            made = self.b.call("stack", list(tensors), axis=0)
        scope.stacks.append((list(tensors), made))
        return made

    def staged_entry(self, container: Dict, key: Value, default: Value | None = None) -> Value:
        """``d[key]``, or with a default ``d.get(key, default)``, for a staged number.

        It's looked for among the keys that are numbers; a text of staged ints (``str(number)``) among
        those that are texts.
        """
        text = self.text_of_ints(key)
        number = self.tensor_to_scalar(key) if isinstance(key, Tensor) else key
        makes_items = default is None and not is_none(container.factory)
        if makes_items and text is None and self.can_be_keyed(container, key):
            return self.keyed_entry(container, key)  # type: ignore[no-any-return]
        if makes_items or not (text or self.is_number(number)):
            self.static(key, "a dict's key")
        entries = self.entries_of(container).items()
        found: dict[Any, Value]
        if text is not None:
            found = dict(entries)
            names, is_there, place = self.place_among(text, [k for k in found if type(k) is str])
            found = {k: found[k] for k in names}
        else:
            found = {k: v for k, v in entries if isinstance(k, int | float)}
            is_there, place = self.place_of_key(number, list(found))
        values = list(found.values())
        if default is not None:
            return self.stage_if(is_there, lambda: self.select(values, place), lambda: default)
        self.raise_unless(is_there, Deferred(KeyError, (number,)))
        return self.select(values, place)

    def place_of_key(self, number: Value, keys: Sequence[Any]) -> tuple[Value, Value]:
        """Whether a staged number is one of these, and which."""
        if keys and number_type(number) is int and all(map(_is_int64, keys)):
            table = self.b.constant(np.array(keys, "int64"))
            equal = self.b.call("equal", table, self.as_scalar(number, int))
            first = self.b.call("argmax", self.b.call("cast", equal, dtype="int32"))
            place = self.b.call("cast", first, dtype="int64")
            return Scalar(self.b.call("any", equal).expr, bool), Scalar(place.expr, int)
        found: Value = Static(0)
        for i, key in enumerate(keys):
            equal = self.as_scalar(self.compare(gast.Eq(), number, Static(key)), int)
            step = self.binary_op(operator.mul, equal, Static(i))
            found = self.binary_op(operator.add, found, step)
        return self.contains(number, self.tuple([Static(key) for key in keys])), found

    def set_item(self, container: Value, index: Value, value: Value) -> None:
        if isinstance(container, Poison) or isinstance(index, Poison):
            return
        if isinstance(container, Choice):
            self.split(container, lambda v: self.set_item(self._found(container, v), index, value))
        elif choice_in(index) is not None:
            self.split_in(index, lambda v: self.set_item(container, v, value))
        elif isinstance(container, Tensor):
            self.split_in(value, lambda v: self.update_array(container, index, v))
        elif isinstance(container, Dict):
            known, key = self.try_static(index)
            if self.is_keyed(container) or (not known and self.can_be_keyed(container, index)):
                self.keyed(container, "put", index, value)
            else:
                self.set_entry(container, self.static(index, "a dict's key"), value)
        elif isinstance(container, List) and not self.is_tuple(container):
            self._set_list_item(container, index, value)
        elif isinstance(container, Object):
            self.call(self.get_attribute(container, "__setitem__"), [index, value], {})
        else:
            message = f"{describe(container)} object does not support item assignment"
            self.raise_lacking(container, "__setitem__", message)

    def _set_list_item(self, container: List, index: Value, value: Value) -> None:
        index = self._sequence_index(index)
        items = self.as_items(container)
        made: Any
        if items is None and self.is_number(index):
            place = self.checked_index(index, self.length(container), "list assignment")
            self.put_item(container, place, value)
            return
        if items is None or isinstance(index, Slice):
            start, stop, step = self._slice_parts(index)
            if not same(step, NONE):
                self.fail(
                    "AF0208", "a slice with a step, of a list that grew in a loop, is assigned"
                )
            made = self.call(Static(folds.spliced), [container, start, stop, value], {})
            self.heap[container.cell] = self.heap[made.cell]
            return
        if isinstance(index, Scalar) and index.type is not float:
            self._set_staged_item(container, items, index, value)
            return
        key = self.static(index, "the index of a list that is assigned to")
        try:
            items[key] = self.items_of(value) if isinstance(key, slice) else value  # type: ignore
        except (IndexError, ValueError, TypeError) as e:
            self.raise_python(e)
        self.heap[container.cell] = Items(tuple(items))

    @staticmethod
    def _slice_parts(index: Value) -> tuple[Value, Value, Value]:
        if isinstance(index, Slice):
            return index.start, index.stop, index.step
        known = index.obj  # type: ignore[attr-defined]
        return Static(known.start), Static(known.stop), Static(known.step)

    def _set_staged_item(
        self, container: List, items: list[Value], index: Scalar, value: Value
    ) -> None:
        i = self.checked_index(index, Static(len(items)), "list assignment")
        new = []
        for n, old in enumerate(items):
            here = self.compare(gast.Eq(), i, Static(n))
            new.append(self.stage_if(here, lambda: value, lambda old=old: old))
        self.heap[container.cell] = Items(tuple(new))

    def delete_item(self, container: Value, index: Value) -> None:
        if isinstance(container, Choice):
            self.split(container, lambda v: self.delete_item(v, index))
            return
        if isinstance(container, Dict) and self.is_keyed(container):
            is_counter = container.cls is collections.Counter
            self.keyed(container, "discard" if is_counter else "remove", index)
        elif isinstance(container, Dict):
            self.delete_entry(container, self.static(index, "a dict's key"))
        elif isinstance(container, Object) and hasattr(container.cls, "__delitem__"):
            self.call(self.get_attribute(container, "__delitem__"), [index], {})
        elif isinstance(container, List) and not self.is_tuple(container):
            index = self._sequence_index(index)
            items = self.as_items(container)
            if self.is_number(index) and (items is None or not isinstance(index, Static)):
                place = self.checked_index(index, self.length(container), "list assignment")
                self.heap[container.cell] = self.without(container, place)
                return
            if items is None or isinstance(index, Slice):
                self.set_item(container, index, self.heap.new_list())
                return
            try:
                del items[self.static(index, "the index of an item that is deleted")]
            except (IndexError, TypeError) as e:
                self.raise_python(e)
            self.heap[container.cell] = Items(tuple(items))
        else:
            self.fail("AF0208", f"an item of {describe(container)} can't be deleted")

    def update_array(self, array: Tensor, index: Value, value: Value) -> None:
        """``array[index] = value``: every name of the array gets the new contents."""
        rule = RULES.get(np.ndarray.__setitem__)
        if rule is None or array.kind != "array":
            self.fail("AF0209", f"an item of {describe(array)} is assigned")
        if not array.writeable:
            self.raise_python(ValueError("assignment destination is read-only"))
        if isinstance(array, Flat) and not self.is_number(index) and not self.is_number(value):
            part, values = self.as_tensor(self.get_item(array, index)), self.as_tensor(value)
            if part.shape != values.shape or None in part.shape:
                value = self.call(Static(assignment.in_turn), [part, values], {})
        self.replace_array(array, rule.function(self, array, index, value))

    def _found(self, choice: Choice, value: Value) -> Value:
        """``value``, on the way where a choice is that: so it is in each place that holds it."""
        self.put_everywhere(lambda held: value if held is choice else held)
        return value


def _stack(items: Sequence[Value]) -> bool:
    """Whether all items are arrays of one type and known sizes."""
    tensors = [i for i in items if isinstance(i, Tensor) and i.is_static_shape]
    types = {(t.shape, t.dtype, t.kind) for t in tensors}
    return len(tensors) == len(items) and len(types) == 1


def _is_int64(key: Any) -> bool:
    return isinstance(key, int) and -(2**63) <= key < 2**63


def _is_text(v: Value) -> bool:
    return isinstance(v, Static) and isinstance(v.obj, str)


def _is_range(v: Value) -> bool:
    return isinstance(v, Static) and isinstance(v.obj, range)
