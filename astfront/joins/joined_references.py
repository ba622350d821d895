"""Lists, dicts and objects that differ on the two ways: a new one stands for both."""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from astfront.contents import Content, GrownList, Items, Names
from astfront.descriptions import describe
from astfront.environment import Heap, State
from astfront.joins.contained import JoinError
from astfront.joins.reachability import reached
from astfront.values import Dict, List, Object, Value

#: The cell of a list that isn't there on a way.
_NOWHERE = -1


class References:
    """The part of a :class:`~astfront.joins.join.Join` that is about them."""

    heap: Heap
    cells: dict[int, Content]
    made: dict[int, tuple[int, int]]
    strict: Any
    if TYPE_CHECKING:
        _a: State
        _b: State
        _pre: State
        _pairs: dict[tuple[int, int], int]
        _force: Any
        _takes: Literal["arms", "turn", "nothing"]

        def value(self, a: Value, b: Value, place: str = "", *, whole: bool = False) -> Value: ...

        def _content(
            self, a: Content, b: Content, forced: Content | None = None, *, cell: int = -1
        ) -> Content: ...

        def _grown(self, a: Content, b: Content, forced: Content | None) -> GrownList: ...

    def _reference(self, a: Value, b: Value, whole: bool) -> Value:
        ca, cb = a.cell, b.cell  # type: ignore[attr-defined]
        again = self._force is not None and ca in self._force.made
        if ca == cb and not again:
            # What's read from a real object while joining is there on both ways.
            was_there = ca in self._pre or ca in self.heap.base
            return self._taken_over(a) if whole and not was_there else a  # type: ignore
        if whole and self._takes == "nothing":
            raise JoinError(f"{describe(a)} inside a list that grows, or that may be undefined")
        if (ca, cb) not in self._pairs:
            cell = ca if again else self.heap.new(Items())
            if not self.heap.frozen.isdisjoint((ca, cb)):
                self.heap.frozen.add(cell)
            self._pairs[ca, cb] = cell
            self.heap.sources[cell] = self.heap.sources_of(cell, ca, cb)
            self.made[cell] = (self._force.made[ca][0] if again else ca, cb)  # type: ignore[union-attr]
            forced = self._force.cells.get(cell) if again else None  # type: ignore[union-attr]
            self.cells[cell] = self._content(self._a[ca], self._b[cb], forced, cell=cell)
        return replace(a, cell=self._pairs[ca, cb])  # type: ignore[type-var]

    def _taken_over(self, made: List | Dict | Object) -> Value:
        """A list or object that one of two arms made, or that a loop's turns make, each of them."""
        if self._takes == "nothing" or (self._takes == "turn" and self.strict.types):
            raise JoinError(f"{describe(made)} inside a list that grows, or that may be undefined")
        cell = source = made.cell
        if self._takes == "turn":
            cell = self._pairs.setdefault((_NOWHERE, source), -1)
            if cell < 0:
                cell = self._pairs[_NOWHERE, source] = self.heap.new(Items())
                self.made[cell] = (_NOWHERE, source)
                self.heap.sources[cell] = self.heap.sources_of(cell, source)
                if source in self.heap.frozen:
                    self.heap.frozen.add(cell)
        if cell not in self.cells:
            content = self._a[source] if source in self._a else self._b[source]
            self.cells[cell] = content  # It may refer to itself.
            self.cells[cell] = self._whole_content(content)
        return replace(made, cell=cell)

    def _whole_content(self, content: Content) -> Content:
        if isinstance(content, Items):
            return Items(tuple(self.value(v, v, whole=True) for v in content.items))
        if isinstance(content, GrownList):
            return self._grown(content, content, None)
        values = {k: self.value(v, v, str(k), whole=True) for k, v in content.items.items()}
        return replace(content, items=values)

    def _aliased(self, live: Callable[[int, Any], bool]) -> set[int]:
        """Lists of which one stands for two that have another name: there it would be another list."""
        again = {a for a, _ in self._pairs if a in self.made}
        sides = (
            collections.Counter(a for a, _ in self._pairs),
            collections.Counter(b for _, b in self._pairs),
        )
        shared = {c for side in sides for c, count in side.items() if count > 1} - {_NOWHERE}
        gone = {*sides[0], *sides[1]} - again
        return shared | (gone & self._reachable(live)) if gone or shared else set()

    def _reachable(self, live: Callable[[int, Any], bool]) -> set[int]:
        """The cells that names in use, and objects from outside, lead to after the join."""
        state = {**self._a, **self._b, **self._pre, **self.cells}
        roots = [c for c, v in state.items() if isinstance(v, Names) or c in self.heap.base]
        return reached(state, roots, live)
