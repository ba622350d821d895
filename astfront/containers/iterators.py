"""Python's iterators: what is taken from one is gone, whoever takes it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace

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

        return Iterator(length, item, v.name, v.sources)

    def exhausted(self, v: Value) -> None:
        """Whoever walked over ``v`` took all of it."""
        if isinstance(v, Iterator) and v.cell is not None:
            self.heap.bind(v.cell, "next", v.length)

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

    def iter_of(self, v: Object) -> Value:
        """``iter(v)``"""
        made = self.call(self.get_attribute(v, "__iter__"), [], {})
        if isinstance(made, Object) and hasattr(made.cls, "__next__"):
            return self.stepped(made)
        return made

    def stepped(self, v: Object) -> Generator:
        """An object with ``__next__`` as a generator."""

        def run(on_yield: Callable[[Value], None]) -> None:
            for _ in range(ITEMS_LIMIT):
                method = self.get_attribute(v, "__next__")
                item = self.attempt(lambda m=method: self.call(m, [], {}), StopIteration)
                if item is None:
                    return
                on_yield(item)
            self.fail("AF0502", f"a loop over {describe(v)} has no end that is known")

        return self.generator(run, (), v.cls.__name__)
