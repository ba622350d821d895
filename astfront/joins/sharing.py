"""Which arrays share memory where two ways meet: what may be changed in place after a join.

Every array has a *storage*, the token of its memory (``values.Tensor``). A program may change an
array in place if it can replace it in all of the places that hold it. So a join has to know whether
an array that came out of it may be one that another place holds too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from astfront.contents import Attributes, Content, Entries, Names
from astfront.environment import UNKNOWN_STORAGE, Heap, State, storages_held, storages_of
from astfront.joins.leaves import Leaf
from astfront.joins.templates import content_leaves, leaves_of, mapped
from astfront.sameness import same_array
from astfront.values import UNBOUND, Tensor, Value, new_storage


class Sharing:
    """The part of a :class:`~astfront.joins.join.Join` that is about storages."""

    heap: Heap
    cells: dict[int, Content]
    views: dict[tuple[int, Any], SharedView]
    """Places that hold, on both ways, one view of the array that another place holds."""
    if TYPE_CHECKING:
        _a: State
        _b: State
        _force: Any

    def _held(self, cell: int, key: Any, state: State) -> Value | None:
        content: Any = state.get(cell)
        if content is None:
            return None
        found: Value | None = content.items.get(key)
        return self._original(cell, key, state) if found is None else found

    def _original(self, cell: int, key: Any, state: State) -> Value:
        return self.heap.current(self.heap.original(cell, key), state)

    def settle_storages(self) -> None:
        """What memory a joined array has, where the two ways have different arrays.

        If nothing else holds either of them, the joined array is as good as a new one. Otherwise it
        may be an array that another place holds, and it doesn't follow when that is changed.
        """
        counts: list[Counter[int]] = []
        for cell, content in self.cells.items():
            sides = [state.get(cell) for state in (self._a, self._b)]
            if not any(map(_may_be_shared, content_leaves(content))):
                continue
            if not counts:
                counts = [Counter(self._storages_left(state)) for state in (self._a, self._b)]
            if not isinstance(content, Names | Entries | Attributes):
                for side in sides:
                    self.heap.copied.update(storages_held(side) if side else ())
                continue
            joined = dict(content.items)
            for key, value in content.items.items():
                pair = [self._held(cell, key, state) for state in (self._a, self._b)]
                found = [v for v in pair if v is not None]
                leaves = [leaf for leaf in leaves_of(value) if leaf.scalar is None]
                if len(leaves) == 1 and _may_be_shared(leaves[0]) and len(found) == 2:
                    storages = [list(storages_of([v])) for v in found]
                    if all(
                        len(s) <= 1 and all(self._is_sole(x, count) for x in s)
                        for s, count in zip(storages, counts)
                    ):
                        self.heap.sole.update(x for s in storages for x in s)
                        joined[key] = _with_storage(value, self._own_storage(cell, key))
                        continue
                if any(map(_may_be_shared, leaves_of(value))):
                    self.heap.copied.update(storages_of(found))
            self.cells[cell] = replace(content, items=joined)  # type: ignore[arg-type]

    def _is_sole(self, storage: int, count: Counter[int]) -> bool:
        """Whether one place only holds an array; the lifter tells where others outside do."""
        known = storage != UNKNOWN_STORAGE and storage not in self.heap.several
        return known and count[storage] == 1

    def _storages_left(self, state: State) -> Iterator[int]:
        """The storages of the arrays that a state holds, but in names that end with the join."""
        for cell, content in state.items():
            joined = self.cells.get(cell)
            if isinstance(content, Names) and isinstance(joined, Names):
                left = joined.items
                yield from storages_of(
                    v for k, v in content.items.items() if left.get(k) is not UNBOUND
                )
            else:
                yield from storages_held(content)

    def _own_storage(self, cell: int, key: Any) -> int:
        before: Any = self._force.cells.get(cell) if self._force else None
        value = before.items.get(key) if before is not None else None
        for leaf in leaves_of(value) if value is not None else ():
            if leaf.scalar is None and leaf.storage != UNKNOWN_STORAGE:
                return leaf.storage
        return new_storage()

    def find_aliases(self) -> dict[tuple[int, Any], tuple[int, Any]]:
        """An array has one content under all of its names: it's joined once."""
        found: dict[tuple[int, Any], tuple[int, Any]] = {}
        firsts: dict[int, list[tuple[tuple[int, Any], Tensor, Tensor]]] = {}
        for place, storage, a, b in self._arrays_on_both():
            known = firsts.setdefault(storage, [])
            for first, x, y in known:
                if same_array(x, a) and same_array(y, b):
                    found[place] = first
                    break
            else:
                known.append((place, a, b))
        return found

    def _arrays_on_both(self) -> Iterator[tuple[tuple[int, Any], int, Tensor, Tensor]]:
        """The places of joined arrays, the storage that they have then, and the array of each way."""
        for cell, content in self.cells.items():
            if not isinstance(content, Names | Entries | Attributes):
                continue
            for key, leaf in content.items.items():
                if not isinstance(leaf, Leaf) or leaf.storage == UNKNOWN_STORAGE:
                    continue
                a, b = (self._held(cell, key, s) for s in (self._a, self._b))
                if isinstance(a, Tensor) and isinstance(b, Tensor):
                    yield (cell, key), leaf.storage, a, b

    def find_views(self) -> dict[tuple[int, Any], SharedView]:
        """Places that hold, on both ways, one view of the array that another place holds.

        Such an array is made anew of the joined one, so that a change of either is seen in the other.
        """
        found: dict[tuple[int, Any], SharedView] = {}
        bases: dict[int, list[tuple[tuple[int, Any], Tensor, Tensor]]] = {}
        views: list[tuple[int, tuple[int, Any], Tensor, Tensor]] = []
        for place, storage, a, b in self._arrays_on_both():
            if type(a) is not Tensor or type(b) is not Tensor:
                continue
            if a.known_view is None and b.known_view is None:
                bases.setdefault(storage, []).append((place, a, b))
            else:
                views.append((storage, place, a, b))
        for storage, place, a, b in views:
            (first, ways), (second, others) = _root(a), _root(b)
            if ways != others:
                continue
            for base, x, y in bases.get(storage, ()):
                if same_array(first, x) and same_array(second, y):
                    in_order = all(map(self.heap.layouts.is_made, (first, second)))
                    found[place] = SharedView(base, ways, in_order)
                    break
        return found

    def put_views(self) -> None:
        """Each view is made anew of the array that it's a view of."""
        for (cell, key), view in self.views.items():
            base: Any = self.heap.lookup(*view.base)
            held: Any = self.heap.lookup(cell, key)
            if type(base) is not Tensor or type(held) is not Tensor:
                continue
            made = base.as_kind("array")
            if view.in_order:
                self.heap.layouts.made(made)
            for of, in_order in view.steps:
                made = made.viewed_as(of(made), of, held.writeable, in_order)
            self.heap.bind(cell, key, replace(made, kind=held.kind, is_variable=held.is_variable))


@dataclass(frozen=True)
class SharedView:
    """How a joined array is made of another one, in whose memory it lies."""

    base: tuple[int, Any]
    """The place that holds the array that it's a view of."""
    steps: tuple[tuple[Callable[[Tensor], Tensor], bool], ...]
    """The views that lead to it, and whether each is one of an array in C order only."""
    in_order: bool
    """Whether the program has made that array in C order."""


def _root(x: Tensor) -> tuple[Tensor, tuple[tuple[Callable[[Tensor], Tensor], bool], ...]]:
    """The array of which ``x`` is a view, or a view of a view, and the views that lead to it."""
    steps = []
    while (view := x.known_view) is not None:
        steps.append((view.of, view.in_order))
        x = view.base
    return x, tuple(reversed(steps))


def _with_storage(template: Value, storage: int) -> Value:
    """A template whose only array has this storage."""

    def placed(leaf: Leaf) -> Leaf:
        return leaf if leaf.scalar is not None else replace(leaf, storage=storage)

    return mapped(template, placed)  # type: ignore[no-any-return]


def _may_be_shared(leaf: Leaf) -> bool:
    mutable = leaf.scalar is None and leaf.kind != "generic"
    return mutable and leaf.storage == UNKNOWN_STORAGE


def same_storages(a: Content, b: Content) -> bool:
    """Whether two templates say the same of the memory that arrays may share."""
    if not isinstance(a, Names | Entries | Attributes):
        return True
    others: Any = b
    pairs = ((x, others.items[key]) for key, x in a.items.items())
    leaves = (zip(leaves_of(x), leaves_of(y)) for x, y in pairs)
    return all(x.storage == y.storage for found in leaves for x, y in found)
