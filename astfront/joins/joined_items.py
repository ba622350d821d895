"""Names of what is an item of a list that grows: where ways meet, they go on being that.

A list that grows has its items by value (``contained.py``), so a name of one is the name of a copy. It
is known to be the item as long as its part is (``parts.py``), or where the list didn't grow yet. Where
two ways meet, such a name becomes an :class:`~astfront.contents.ItemOf`, which says where the item is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from astfront.contents import Content, GrownList, ItemOf, Items, Names, found_once
from astfront.diagnostics import error
from astfront.environment import Heap, State, values_of
from astfront.joins.reachability import led_to
from astfront.sameness import same
from astfront.values import Dict, List, Object, Option, Static, Tuple, Value


class JoinedItems:
    """The part of a :class:`~astfront.joins.join.Join` that is about them."""

    heap: Heap
    items: dict[tuple[int, Any], int]
    _a: State
    _b: State
    _pre: State

    def find_items(self, live: Callable[[int, Any], bool]) -> None:
        """Names that hold items of one list on both ways, and not the same without more ado."""
        growing = {cell for cell in self._pre if self._grows(cell)}
        if not growing and not self.heap.parts:
            return
        for cell, content in self._pre.items():
            is_real = cell in self.heap.instances
            if not (is_real or isinstance(content, Names)) or cell == self.heap.taken:
                continue
            ways: Any = (self._a[cell], self._b[cell])
            if not is_real and not any(map(_may_hold_items, ways)):
                continue
            a, b = (way.items for way in ways)
            for name in {**a, **b} if is_real else a:
                x, y = (self._found_in(cell, name, way) for way in (a, b))
                if x is None or y is None or not (isinstance(x, _HELD) or isinstance(y, _HELD)):
                    continue
                if live(cell, name):
                    self._find_item(cell, name, x, y, growing)
        self._a, self._b = self.with_items(self._a), self.with_items(self._b)

    def _found_in(self, cell: int, name: Any, held: dict[Any, Value]) -> Value | None:
        """What a name or an attribute holds; one of a real object that wasn't read is what it was."""
        if name not in held and cell in self.heap.instances:
            return self.heap.original(cell, name)
        return held.get(name)

    def _grows(self, cell: int) -> bool:
        """Whether a list of lists, dicts or objects is one that grew, or becomes one."""
        a, b = self._a[cell], self._b[cell]
        if a is b or not all(isinstance(c, Items | GrownList) for c in (a, b)):
            return False
        lengths = [len(c.items) if isinstance(c, Items) else -1 for c in (a, b)]
        if -1 not in lengths:
            held: Any = (*a.items, *b.items)  # type: ignore[union-attr]
            return len(set(lengths)) > 1 and any(True for v in held for _ in led_to(v))
        return True

    def _find_item(self, cell: int, name: Any, x: Value, y: Value, growing: set[int]) -> None:
        changed = cell in self.heap.instances or name in self.heap.changed_names.get(cell, ())
        places = set()
        for value, state in ((x, self._a), (y, self._b)):
            for part in _parts(value):
                found = self._item(part, state, growing, changed)
                if found is None:
                    return
                places.add((found.of.cell, found.path))
        if len(places) != 1:
            return
        ((owner, _),) = places
        if owner not in self._pre:
            return
        unchanged = self._a[owner] is self._b[owner] and same(x, y)
        cells = [v.cell for v in _parts(x) if not isinstance(v, ItemOf)]  # type: ignore[attr-defined]
        if unchanged and all(self._a.get(c) is self._b.get(c) for c in cells):
            return
        self.items[cell, name] = owner

    def _item(self, value: Any, state: State, owners: set[int], changed: bool) -> ItemOf | None:
        """Where an item is, as far as that's known of a way."""
        if isinstance(value, ItemOf):
            return value
        cell = value.cell
        part = self.heap.part_of(cell, state)
        if part is not None:
            path = _path(part.item, cell)
            if path is None or not (changed or cell in self.heap.frozen):
                return None
            return ItemOf(part.owner, part.index, path)
        if not changed or cell in self.heap.frozen or cell in self.heap.taken_in(state):
            return None
        found = [
            ItemOf(List(owner), Static(i), path)
            for owner in sorted(owners)
            for i, item in enumerate(getattr(state[owner], "items", ()))
            if (path := _path(item, cell)) is not None
        ]
        return found[0] if len(found) == 1 else None

    def with_items(self, state: State) -> State:
        """A state in which names of items are those."""
        made = dict(state)
        for (cell, name), owner in self.items.items():
            content: Any = made.get(cell)
            held = None if content is None else self._found_in(cell, name, content.items)
            if held is not None:
                value = self._as_item(held, state, owner)
                made[cell] = replace(content, items={**content.items, name: value})
        return made

    def _as_item(self, value: Value, state: State, owner: int) -> Value:
        if isinstance(value, Option):
            inner = self._as_item(value.value, state, owner)
            return replace(value, value=inner, absent=self._as_item(value.absent, state, owner))
        if not isinstance(value, List | Dict | Object):
            return value
        found = self._item(value, state, {owner}, True)
        if found is None or found.of.cell != owner:
            raise error(
                "AF0206",
                "what is an item of a list that grows may be something else before the loop",
                None,
                help="read it from the list (`xs[i]`) where it's changed",
            )
        return found


_HELD = List | Dict | Object | Option | ItemOf


@found_once
def _may_hold_items(content: Content) -> bool:
    return any(isinstance(value, _HELD) for value in values_of(content))


def _parts(value: Value) -> list[Value]:
    """The lists, dicts and objects that a value may be."""
    if isinstance(value, Option):
        return [*_parts(value.value), *_parts(value.absent)]
    return [value] if isinstance(value, List | Dict | Object | ItemOf) else []


def _path(item: Value, cell: int) -> tuple[int, ...] | None:
    """Where a cell is in an item: the item itself, or in tuples."""
    if isinstance(item, List | Dict | Object):
        return () if item.cell == cell else None
    for i, inner in enumerate(item.items if isinstance(item, Tuple) else ()):
        path = _path(inner, cell)
        if path is not None:
            return (i, *path)
    return None
