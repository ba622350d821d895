"""Lists, dicts and objects in a list that grows: by what they hold.

A list that grew keeps its items in buffers, so what's in it has no identity: an item that's read is a
copy. Neither the copy nor what was copied can change any more (``Heap.take_by_value``).
"""

from __future__ import annotations

import collections
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from astfront.contents import Attributes, ByValue, Content, Entries, GrownList, Items
from astfront.descriptions import describe
from astfront.environment import Heap, State, as_pairs
from astfront.joins.options import is_optional
from astfront.joins.reachability import led_to
from astfront.values import TRUE, Dict, List, Object, Option, Static, Tuple, Value


class JoinError(Exception):
    """Two values that can't become one; ``place`` is the name or attribute that holds them."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class Contained:
    """The part of a :class:`~astfront.joins.join.Join` that is about them."""

    heap: Heap
    made: dict[int, tuple[int, int]]
    cells: dict[int, Content]
    _a: State
    _b: State
    _pre: State
    taken: frozenset[int]
    parts: dict[int, Value]
    _taken: tuple[set[int], set[int]]
    if TYPE_CHECKING:

        def value(
            self,
            a: Value,
            b: Value,
            place: str = "",
            forced: Value | None = None,
            whole: bool = False,
        ) -> Value: ...

        def _grown(self, a: Content, b: Content, forced: Content | None) -> GrownList: ...

    def by_value(self, value: Value, state: State, inside: tuple[int, ...] = ()) -> Value:
        """An item of a list that grows: lists, dicts and objects in it by what they hold."""

        def inner(v: Value) -> Any:
            return self.by_value(v, state, inside)

        match value:
            case Object(instance=instance) if instance is not None:
                return value
            case List(cell=cell) | Dict(cell=cell) | Object(cell=cell):
                if cell in inside or cell in self.heap.base or not _is_plain(value):
                    raise JoinError(f"{describe(value)} inside a list that grows")
                inside = (*inside, cell)
                content = state.get(cell) or self.heap.cells[cell]
                self.heap.require_known(cell, state)
                self._take(cell, content, state)
                if isinstance(content, Items):
                    content = Items(tuple(map(inner, content.items)))
                elif isinstance(content, Entries | Attributes):
                    items = {k: inner(v) for k, v in content.items.items()}
                    content = replace(content, items=items)
                return ByValue(value, content, self.heap.sources_of(cell))
            case Tuple(items=items):
                return replace(value, items=tuple(map(inner, items)))
            case Option(value=present):
                return replace(value, value=inner(present))
        return value

    def _take(self, cell: int, content: Content, state: State) -> None:
        """A cell is taken by value, on the way to ``state`` or, outside of a join, here."""
        sides = [i for i, way in enumerate((self._a, self._b)) if state and state is way]
        if not sides:
            self.heap.take_by_value(cell, content)
            return
        self._taken[sides[0]].add(cell)
        self.heap.note_copies(content)

    def _taken_after(self) -> frozenset[int]:
        """The cells that were taken by value on either way.

        One that stands for two is where it stands for one that was, whatever happened to the one
        that had its name before.
        """
        ways = (self._a, self._b)
        a, b = ({*self.heap.taken_in(way), *more} for way, more in zip(ways, self._taken))
        known = {max(c, ~c) for c in a | b} - {*self.made}
        known = {c for c in known if c in self._pre or c in self.heap.base or c in self.cells}
        stay = {c for c in a | b if max(c, ~c) in known}
        # In a loop it's there when a turn begins: that it was taken is known of itself.
        firsts = {c: c if c in self._a else x for c, (x, _) in self.made.items()}
        made = [c for c, (_, y) in self.made.items() if firsts[c] in a or y in b]
        outdated = [~c for c, (_, y) in self.made.items() if ~firsts[c] in a or ~y in b]
        found = frozenset([*stay, *made, *outdated])
        marks = [self.heap.taken_in(way) for way in ways]
        more = self._taken[0] | self._taken[1]
        self.parts = {}
        for c in sorted((found - more) & known):
            mark = marks[0].get(c) or marks[1].get(c)
            if mark is not None and mark is not TRUE and all(m.get(c, mark) is mark for m in marks):
                self.parts[c] = mark
        return found

    def note_shared(self, *contents: Content) -> None:
        """Whether one thing is in a list twice, which will have its items by value."""
        for content in contents:
            if isinstance(content, Items):
                held = collections.Counter(c for item in content.items for c in led_to(item))
                self.heap.shared.update(cell for cell, times in held.items() if times > 1)

    def contained(self, a: ByValue, b: ByValue, place: str) -> Value:
        """The template of a list, dict or object in a list that grows."""
        x, y = a.content, b.content
        if a.reference.cls is not b.reference.cls:
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
        if isinstance(x, Items | GrownList) is not isinstance(y, Items | GrownList):
            raise JoinError(f"{describe(a)} whose keys are known on one way only")
        a = replace(a, sources=a.sources | b.sources)
        if isinstance(x, Items) and isinstance(y, Items) and len(x.items) == len(y.items):
            pairs = zip(x.items, y.items)
            return replace(
                a, content=Items(tuple(self.value(v, w, place, whole=True) for v, w in pairs))
            )
        if isinstance(x, Items | GrownList):
            return replace(a, content=self._grown(x, y, None))
        keys: list[Any] = list(x.items)  # type: ignore[union-attr]
        others: Any = y.items  # type: ignore[union-attr]
        if keys != list(others):
            raise JoinError(f"{describe(a)} that holds other things on one way than on the other")
        triples = [(k, x.items[k], others[k]) for k in keys]  # type: ignore[index, union-attr]
        items = {k: self.value(v, w, str(k), whole=True) for k, v, w in triples}
        made: Any = replace(x, items=items)  # type: ignore[arg-type]
        if isinstance(x, Entries) and isinstance(y, Entries):
            made = replace(made, ordered=x.ordered and y.ordered)
        return replace(a, content=made)


def contained_tuple(value: Value) -> Value:
    """A tuple of known length as one of staged length that a list holds; anything else as it is."""
    items = items_of_tuple(value)
    return value if items is None else ByValue(List(-1, tuple), Items(items))


def items_of_tuple(value: Value) -> tuple[Value, ...] | None:
    if isinstance(value, Tuple) and value.cls is tuple:
        return value.items
    if isinstance(value, Static) and type(value.obj) is tuple:
        return tuple(map(Static, value.obj))
    return None


def is_long_tuple(value: Value) -> bool:
    return isinstance(value, ByValue) and value.reference.cls is tuple


def _is_plain(v: List | Dict | Object) -> bool:
    if isinstance(v, Object):
        return not issubclass(v.cls, list | dict | tuple)
    return v.cls in (list, tuple, dict, set, collections.OrderedDict)


def both_as_pairs(a: Content, b: Content, forced: Content | None) -> tuple[Content, Content]:
    """A dict of known keys as a list of pairs, where it's one on the other way."""
    kinds = [isinstance(v, Entries) for v in (a, b) if isinstance(v, Entries | Items | GrownList)]
    if len(kinds) < 2 or (all(kinds) and not isinstance(forced, Items | GrownList)):
        return a, b
    if not any(kinds):
        return a, b
    for v in (a, b):
        if isinstance(v, Entries) and (not v.ordered or any(map(is_optional, v.items.values()))):
            raise JoinError("a dict whose keys depend on data gets a key that does so, too")
    a, b = (as_pairs(v) if isinstance(v, Entries) else v for v in (a, b))
    return a, b
