"""Items of a list that grew, changed where they are: ``parts[-1].append(x)``, ``rows[i].h = h``.

Such an item is a copy, in cells of its own (``GrownLists.grown_element``). What changes the copy is
written to the list, too, as the item that it has been read as (``Heap.write_back``). That's right as
long as nothing else in use may be that item, too: another list that grew, of which some items may come
from the same places (``ByValue.sources``). What else was copied of such items, or was once put into the
list, isn't known to be what it was any more (``Heap.outdate``): it can't be read then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from astfront.contents import ByValue, Content, GrownList, ItemOf, Items, Names
from astfront.environment import State
from astfront.joins.reachability import led_to, reached
from astfront.machine import Machine
from astfront.rules import folds
from astfront.sameness import same
from astfront.values import Dict, List, Object, Option, Static, Tuple, Value


@dataclass
class Part:
    """An item of a list that grew, as it was read."""

    owner: List
    index: Value
    """From 0, in range."""
    item: Value
    cells: set[int] = field(default_factory=set)
    """Of the lists, dicts and objects in it."""
    contents: list[Content] = field(default_factory=list)
    """What the list is where this is its item at that index."""


class Parts(Machine):
    def note_part(self, part: Part) -> None:
        """An item was read, whose cells are these."""
        for cell in part.cells:
            self.heap.parts[cell] = part

    def note_placed(self, owner: List, index: Value, item: Value, before: State) -> None:
        """A list that grew got an item: what's in it changes with the list, if nothing else took it."""
        heap = self.heap
        was, now = heap.taken_in(before), heap.taken_now()
        new = {c for c in now if c >= 0 and c not in was and c not in heap.frozen}
        if new and isinstance(heap.cells[owner.cell], GrownList):
            part = Part(owner, index, item, new, [heap.cells[owner.cell]])
            heap.take_as_parts(dict.fromkeys(new, Static(part)))
            self.note_part(part)

    def keep_parts(self, owner: List, before: Content) -> None:
        """A list that grew has more items at its end: those that were read of it are where they were."""
        now = self.heap.cells[owner.cell]
        for part in {id(p): p for p in self.heap.parts.values()}.values():
            if part.owner.cell == owner.cell and any(before is c for c in part.contents):
                part.contents.append(now)

    def read_items(self, places: Iterable[tuple[int, Any]]) -> None:
        """Where ways have met: what names hold that are items of lists that grew."""
        for cell, key in places:
            content: Any = self.heap.cells.get(cell)
            value = content.items.get(key) if content is not None else None
            if isinstance(value, ItemOf | Option):
                items = {**content.items, key: self._read(value)}
                self.heap.cells[cell] = replace(content, items=items)

    def _read(self, value: Value) -> Value:
        if isinstance(value, Option):
            return replace(value, value=self._read(value.value), absent=self._read(value.absent))
        if not isinstance(value, ItemOf):
            return value
        content: Any = self.heap.cells[value.of.cell]
        if isinstance(content, Items):
            item = self.select(content.items, value.index)
        else:
            item = self.grown_element(content, value.index, value.of)
        for place in value.path:
            item = item.items[place]
        return item  # type: ignore[no-any-return]

    def may_change_part(self, cell: int) -> bool:
        """Whether a copy can be changed, and with it the list of which it's an item."""
        heap = self.heap
        part = heap.part_of(cell, heap.cells)
        if part is None:
            return False
        owner = part.owner.cell
        now: Any = heap.cells[owner]
        if heap.is_frozen(owner) and not self.may_change_part(owner):
            return False
        sources = self.sources_in(now)
        if sources & (heap.shared | heap.arguments):
            return False
        return not any(sources & self.sources_in(other) for other in self._others(owner))

    def _others(self, owner: int) -> Iterator[GrownList]:
        """The other lists that grew and are in use, or may be."""
        heap = self.heap
        started = [frame.statement_cell for frame in self.frames]
        entered = [frame.entered for frame in self.frames[1:]]
        roots = {cell for cell, content in heap.cells.items() if isinstance(content, Names)}
        roots |= heap.base.keys() | heap.arguments
        # What the statements being compiled have made so far may be held by nothing else yet.
        for start, end in zip(started, [*entered, heap.next_cell]):
            roots.update(cell for cell in range(start, end) if cell in heap.cells)
        own = {owner, *self._owners(owner)}
        for cell in reached(heap.cells, sorted(roots), lambda cell, name: True):
            content = heap.cells[cell]
            if isinstance(content, GrownList) and cell not in own:
                yield content

    def _owners(self, cell: int) -> Iterator[int]:
        while (part := self.heap.part_of(cell, self.heap.cells)) is not None:
            cell = part.owner.cell
            yield cell

    def write_back(self, cell: int) -> None:
        """The list whose item was changed has it as it is now."""
        heap, part = self.heap, self.heap.part_of(cell, self.heap.cells)
        owner = part.owner.cell
        before: Any = heap.cells[owner]
        length, taken = self.length_of(before), heap.taken_now()
        named = self._named_items(part)
        made: Any = self.put_together(before, Items((part.item,)))
        if isinstance(made, Items):
            items = [*made.items[:-1]]
            items[self.static(part.index)] = part.item
            beside = self._as_parts(part, items)
            content: Content = Items(tuple(items))
        else:
            places = self.call(Static(folds.places_with), [length, part.index], {})
            added = before.added if isinstance(before, GrownList) else None
            content = replace(self.items_at(made, places), length=length, added=added)
            beside = self._beside(part, before)
        new = {c for c in heap.taken_now() if c >= 0 and c not in taken and c not in heap.frozen}
        heap.cells[heap.taken] = Names(dict(taken))
        # What was put into the item is part of it from here on.
        heap.take_as_parts(dict.fromkeys(sorted(new), Static(part)))
        heap.parts.update(dict.fromkeys(new, part))
        part.cells |= new
        part.contents.append(content)
        for other in beside:
            other.contents.append(content)
        again = [p for p in named if p not in beside and self._read_again(p, content)]
        heap.put_back(owner, content)
        self._outdate(part, beside, again)

    def _beside(self, part: Part, content: Content) -> list[Part]:
        """The list's items at other places, which don't change with this one."""
        found = []
        for other in {id(p): p for p in self.heap.parts.values()}.values():
            if other is part or other.owner.cell != part.owner.cell:
                continue
            pair = other.index, part.index
            known = all(isinstance(i, Static) for i in pair) and not same(*pair)
            # What another way of compiling read isn't there any more.
            known = known and all(c in self.heap.cells for c in other.cells)
            if known and any(content is c for c in other.contents):
                found.append(other)
        return found

    def _named_items(self, part: Part) -> list[Part]:
        """The items that names hold of the same list, any of which may be the one that was changed."""
        heap = self.heap
        found = []
        for other in {id(p): p for p in heap.parts.values()}.values():
            if other is part or other.owner.cell != part.owner.cell:
                continue
            tops = [*led_to(other.item)]
            if tops and all(c in heap.cells and heap.part_of(c, heap.cells) is other for c in tops):
                found.append(other)
        if not found:
            return []
        roots = sorted(c for c, held in heap.cells.items() if isinstance(held, Names))
        held = set(reached(heap.cells, roots, lambda cell, name: cell != heap.taken))
        return [other for other in found if held.intersection(led_to(other.item))]

    def _read_again(self, other: Part, content: Content) -> bool:
        """An item is what the list has there now; whether that's of the same kind as it was.

        What's in the item may be something else by now: it gets new cells.
        """
        heap = self.heap
        if not isinstance(content, GrownList):
            return False
        item = self.grown_element(content, other.index)
        pairs: dict[int, int] = {}
        if not _pair(item, other.item, pairs):
            return False
        inner = self._cells_in(item) - pairs.keys()
        for cell, old in pairs.items():
            # Other names of its arrays go on being what they were.
            heap.note_copies(heap.cells[old])
            heap.cells[old] = heap.cells[cell]
            heap.note_copies(heap.cells[old])
            heap.sources[old] = heap.sources_of(old, cell) - {old, cell}
            heap.drop(cell)
        heap.parts.update(dict.fromkeys(sorted(inner), other))
        other.contents.append(content)
        return True

    def _cells_in(self, item: Value) -> set[int]:
        """The cells of the lists, dicts and objects in an item."""
        return reached(self.heap.cells, led_to(item), lambda cell, name: True)

    def _as_parts(self, part: Part, items: Sequence[Value]) -> list[Part]:
        """The other items of a list, each of which is known from here on."""
        known = {id(p.item): p for p in self.heap.parts.values()}
        found = []
        for i, item in enumerate(items):
            other = known.get(id(item))
            if other is not None and other is not part:
                other.owner, other.index = part.owner, Static(i)
                found.append(other)
        return found

    def _outdate(self, part: Part, beside: list[Part], again: list[Part]) -> None:
        """What else was copied of items like it, or was put into the list, may not be what it was."""
        heap = self.heap
        owners = {part.owner.cell, *self._owners(part.owner.cell)}
        family = {*part.cells, *owners}.union(*(other.cells for other in beside))
        family = family.union(*(self._cells_in(p.item) for p in (part, *beside, *again)))
        for cell in owners:
            around = heap.part_of(cell, heap.cells)
            if around is not None:
                family |= around.cells
        more = True
        while more:
            inner = {
                c
                for c, p in heap.parts.items()
                if p.owner.cell in family - owners
                and any(heap.cells.get(p.owner.cell) is content for content in p.contents)
            }
            more = not inner <= family
            family |= inner
        sources = self.sources_in(heap.cells[part.owner.cell])
        copies = {c for c in (*heap.taken_now(), *heap.frozen) if c >= 0 and c in heap.cells}
        heap.outdate(c for c in sorted(copies - family) if heap.sources_of(c) & sources)


_REFERENCES = (List, Dict, Object)


def _pair(new: Value, old: Value, pairs: dict[int, int]) -> bool:
    """Whether two items are the same lists, dicts or objects, or tuples of them; their cells."""
    if isinstance(new, Tuple) and isinstance(old, Tuple) and len(new.items) == len(old.items):
        return all(_pair(a, b, pairs) for a, b in zip(new.items, old.items))
    if not isinstance(new, _REFERENCES) or not isinstance(old, _REFERENCES):
        return not any(True for v in (new, old) for _ in led_to(v))
    if type(new) is not type(old) or new.cls is not old.cls:
        return False
    if new != old:
        if new.cell in pairs or old.cell in pairs.values():
            return False
        pairs[new.cell] = old.cell
    return True


def with_sources(value: Value, sources: frozenset[int]) -> Value:
    """An item in which the lists, dicts and objects are copies of these."""
    match value:
        case ByValue(content=content):
            made: Any = content
            if isinstance(content, GrownList):
                made = replace(content, element=with_sources(content.element, sources))
            elif isinstance(content, Items):
                made = Items(tuple(with_sources(v, sources) for v in content.items))
            else:
                held = {k: with_sources(v, sources) for k, v in content.items.items()}
                made = replace(made, items=held)
            return replace(value, content=made, sources=sources)
        case Tuple(items=items):
            return replace(value, items=tuple(with_sources(v, sources) for v in items))
        case Option(value=present):
            return replace(value, value=with_sources(present, sources))
    return value
