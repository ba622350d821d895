"""Values that are one of two lists, dicts or objects at the end of a turn: a copy takes their place.

What a turn leaves has to be of one type with what the next one starts with, and of two lists with other
names neither can stand for both. A copy of the one that it is can; as with what's in a list that grows
(``contained.py``), neither it nor what was copied can change any more. In the same way tuples whose
lengths change from turn to turn become tuples of staged length.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from astfront.contents import Content, GrownList, Items, Names
from astfront.effects import grown_text, is_grown_text, is_text, pieces_of
from astfront.environment import State
from astfront.joins.contained import items_of_tuple
from astfront.joins.options import alike, alternatives
from astfront.joins.reachability import reached
from astfront.machine import Machine
from astfront.values import UNBOUND, Deferred, Dict, List, Object, Option, Static, Tuple, Value

Place = tuple[int, Any]

#: What takes the place of a value there, before the first turn, too.
Places = dict[Place, Callable[[Value], Value]]


class Merging(Machine):
    def merge_alternatives(self, entry: State, live: Callable[[int, Any], bool]) -> Places:
        """Where a turn leaves one of two lists, it leaves a copy; the places where it does."""
        places: Places = {}
        merged_in_turn = functools.partial(self._merged, entry)
        for cell in sorted(reached(self.heap.cells, entry, live)):
            content = self.heap.cells[cell]
            if content is entry.get(cell) or isinstance(content, GrownList):
                continue
            before = dict(_entries(entry[cell])) if cell in entry else {}
            for key, value in _entries(content):
                if isinstance(content, Names) and not live(cell, key):
                    continue
                if key in before and self._staged_tuples(
                    places, (cell, key), (cell, key), before[key], value, entry
                ):
                    continue
                merged = self._mapped(value, merged_in_turn)
                if merged is not value:
                    self._put(cell, key, merged)
                    places[cell, key] = lambda v: self._mapped(v, self._split_into_copies)
        return places

    def copy_places(self, places: Places) -> None:
        """What stands there before the first turn is a copy, too."""
        for (cell, key), replaced in sorted(places.items(), key=str):
            if cell in self.heap.cells:
                values = dict(_entries(self.heap.cells[cell]))
                if key in values:
                    self._put(cell, key, replaced(values[key]))

    def _staged_tuples(
        self, places: Places, first: Place, last: Place, before: Value, after: Value, entry: State
    ) -> bool:
        """Whether there are tuples at a place, or in a list there, that a turn makes longer or shorter:
        they're of staged length from here on."""
        longer = self._with_staged_tuples(before, after)
        if longer is not None:
            self._put(*last, longer(after))
            places[first] = longer
            return True
        if not isinstance(before, List) or not isinstance(after, List) or after.cell in entry:
            return False
        olds, news = entry.get(before.cell), self.heap.cells[after.cell]
        if not isinstance(olds, Items) or not isinstance(news, Items):
            return False
        if len(olds.items) != len(news.items):
            return False
        for i, (x, y) in enumerate(zip(olds.items, news.items)):
            self._staged_tuples(places, (before.cell, i), (after.cell, i), x, y, entry)
        return False

    def _with_staged_tuples(self, before: Value, after: Value) -> Callable[[Value], Value] | None:
        """What makes tuples of staged length of those that a turn makes longer or shorter."""
        if _tuple_changes_length(before, after):
            return self._as_staged_tuple
        if _text_grows(before, after):
            return self._as_grown_text
        olds, news = items_of_tuple(before), items_of_tuple(after)
        if olds is None or news is None or len(olds) != len(news):
            return None
        parts = list(map(self._with_staged_tuples, olds, news))
        if not any(parts):
            return None

        def with_parts(value: Value) -> Value:
            items = zip(parts, items_of_tuple(value) or ())
            return Tuple(tuple(item if f is None else f(item) for f, item in items))

        return with_parts

    def _as_staged_tuple(self, value: Value) -> Value:
        """A tuple, or one of several, in a cell: there tuples of any length are of one type."""
        if isinstance(value, Option):
            return self.split(value, self._as_staged_tuple)
        return self.listed_copy(value, tuple)

    def _as_grown_text(self, value: Value) -> Value:
        """A text, or one of several, with its pieces in a cell."""
        if isinstance(value, Option):
            return self.split(value, self._as_grown_text)
        start, pieces = pieces_of(value)
        return Deferred(grown_text, (start, self._as_staged_tuple(pieces)))

    def _put(self, cell: int, key: Any, value: Value) -> None:
        content: Any = self.heap.cells[cell]
        items: Any = {**dict(_entries(content)), key: value}
        if isinstance(content, Items):
            items = tuple(items.values())
        self.heap.cells[cell] = replace(content, items=items)

    def _mapped(self, value: Value, f: Callable[[Value], Value]) -> Value:
        if not isinstance(value, Tuple):
            return f(value)
        made = tuple(self._mapped(v, f) for v in value.items)
        is_same = all(a is b for a, b in zip(made, value.items))
        return value if is_same else replace(value, items=made)

    def _merged(self, entry: State, value: Value) -> Value:
        """One of two lists, at least one of which the turn made: the others may stay what they are."""
        found: list[Any] = [v for v in alternatives(value) if self._is_made(v)]
        pairs = itertools.combinations(found, 2)
        if all(v.cell in entry for v in found) or not any(alike(v, w) for v, w in pairs):
            return value
        return self._split_into_copies(value)

    def _split_into_copies(self, value: Value) -> Value:
        if not isinstance(value, Option):
            return self._copied(value)
        if UNBOUND in alternatives(value):
            return value
        return self.split(value, self._split_into_copies)

    def _is_made(self, value: Value) -> bool:
        """Whether it's a list, dict or object that the program makes, and not one from outside."""
        return isinstance(value, List | Dict | Object) and value.cell not in self.heap.base

    def _copied(self, value: Value) -> Value:
        if not self._is_made(value):
            return value
        original: Any = value
        for cell in reached(self.heap.cells, [original.cell], lambda cell, name: True):
            self.heap.take_by_value(cell, self.heap.cells[cell])
        copy = self.heap.new(self.heap.cells[original.cell])
        self.heap.frozen.add(copy)
        self.heap.sources[copy] = self.heap.sources_of(original.cell)
        return replace(original, cell=copy)  # type: ignore[no-any-return]


def _tuple_changes_length(before: Value, after: Value) -> bool:
    """Whether these are tuples, of which not all have one length that's known."""
    lengths = {_tuple_length(v) for way in (before, after) for v in alternatives(way)}
    return None not in lengths and (len(lengths) > 1 or -1 in lengths)


def _text_grows(before: Value, after: Value) -> bool:
    """Whether these are texts, to which a turn adds pieces."""
    ways = [v for way in (before, after) for v in alternatives(way)]
    return all(map(is_text, ways)) and any(map(is_grown_text, ways))


def _tuple_length(v: Value) -> int | None:
    """How many items a tuple has, -1 where that's staged; None for anything else."""
    if isinstance(v, Tuple) and v.cls is tuple:
        return len(v.items)
    if isinstance(v, List) and v.cls is tuple:
        return -1
    return len(v.obj) if isinstance(v, Static) and type(v.obj) is tuple else None


def _entries(content: Content) -> list[tuple[Any, Value]]:
    if isinstance(content, GrownList):
        return []
    items = content.items
    return list(enumerate(items) if isinstance(items, tuple) else items.items())
