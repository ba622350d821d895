"""Python's iterators: what is taken from one is gone, whoever takes it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gast

from astfront.contents import Names
from astfront.descriptions import describe
from astfront.machine import Machine
from astfront.values import NONE, Generator, Iterator, Object, Scalar, Static, Value

#: More items than this aren't taken one by one while compiling.
ITEMS_LIMIT = 100_000


class Iterators(Machine):
    def once(self, iterator: Iterator) -> Iterator:
        """An iterator as Python has it."""
        return replace(iterator, cell=self.heap.new(Names({"next": Static(0)})))

    def taken(self, v: Iterator) -> Iterator:
        """What is left in an iterator, for one who walks over it from here on."""
        if v.cell is None:
            return v
        start = self._position(v)
        self.heap.bind(v.cell, "next", NONE)
        if isinstance(start, Static) and start.obj == 0:
            return replace(v, cell=None)
        length = self.at_least_zero(self.binary_op(operator.sub, v.length, start))

        def item(i: Value) -> Value:
            return v.item(self.binary_op(operator.add, start, i))

        return Iterator(length, item, v.name, v.sources, arrays=v.arrays)

    def exhausted(self, v: Value) -> None:
        """Whoever walked over ``v`` took all of it."""
        if isinstance(v, Iterator) and v.cell is not None:
            self.heap.bind(v.cell, "next", v.length)
            if v.ended is not None:
                v.ended()

    def side_by_side_ended(
        self, iterables: Sequence[Value], starts: Sequence[Value], lengths: Sequence[Value]
    ) -> None:
        """How far iterators are from which ``zip`` took items up to the end of the shortest.

        ``starts`` and ``lengths`` are where each was before, and how many items were left in it.
        """
        known = [x.obj for x in lengths if isinstance(x, Static)]
        if len(known) < len(lengths):
            return
        shortest = min(known)
        first = known.index(shortest)
        for i, (v, start) in enumerate(zip(iterables, starts)):
            if isinstance(v, Iterator) and v.cell is not None:
                # It's asked for one more than the shortest has, if it comes before that.
                took = Static(shortest + (i < first))
                self.heap.bind(v.cell, "next", self.binary_op(operator.add, start, took))

    def position(self, v: Value) -> Value:
        """Where an iterator is, if ``v`` is one that Python has."""
        if isinstance(v, Iterator) and v.cell is not None:
            return self._position(v)
        return Static(0)

    def next_item(self, v: Iterator, default: Value | None) -> Value:
        """``next(v)``"""
        cell = v.cell
        if cell is None:
            self.fail("AF0208", f"next() of {describe(v)}")
        i = self._position(v)
        more = self.compare(gast.Lt(), i, v.length)

        def step() -> Value:
            self.heap.bind(cell, "next", self.binary_op(operator.add, i, Static(1)))
            return v.item(i)

        if not isinstance(more, Static):
            if default is not None:
                return self.stage_if(more, step, lambda: default)  # type: ignore[no-any-return]
            self.check(more, StopIteration())
        elif not more.obj:
            if default is None:
                self.raise_python(StopIteration())
            return default
        return step()

    def _position(self, v: Iterator) -> Value:
        i = self.heap.lookup(v.cell, "next") if v.cell is not None else NONE
        if i is NONE or not isinstance(i, Static | Scalar):
            self.fail(
                "AF0503",
                f"{describe(v)} is walked over in two places",
                help="make a list of it first: `list(…)`",
            )
        return i

    def is_walked_over(self, v: Value) -> bool:
        """Whether it's an object whose methods say what a loop over it is."""
        if not isinstance(v, Object):
            return False
        by_items = hasattr(v.cls, "__getitem__") and not hasattr(v.cls, "__len__")
        return by_items or hasattr(v.cls, "__iter__")

    def iter_of(self, v: Value) -> Value:
        """``iter(v)`` of an object whose methods say what that is; anything else as it is."""
        if not isinstance(v, Object) or not self.is_walked_over(v):
            return v
        if not hasattr(v.cls, "__iter__"):
            return self.stepped(v)
        made = self.call(self.get_attribute(v, "__iter__"), [], {})
        if isinstance(made, Object) and hasattr(made.cls, "__next__"):
            return self.stepped(made)
        return made

    def stepped(self, v: Object) -> Value:
        """What walks over an object with ``__next__``, or only with ``__getitem__``."""
        walk = _each_next if hasattr(v.cls, "__iter__") else _each_item
        made = self.call(Static(walk), [v], {})
        if isinstance(made, Generator):
            made = replace(made, cells=made.cells | {v.cell}, name=v.cls.__name__)
        return made


def _each_next(owner: Any) -> Any:
    while True:
        try:
            item = owner.__next__()
        except StopIteration:
            return
        yield item


def _each_item(owner: Any) -> Any:
    i = 0
    while True:
        try:
            item = owner[i]
        except IndexError:
            return
        yield item
        i += 1
