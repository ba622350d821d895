"""What's handed over at the end of a call and is an item of a list that grew, handed over too.

Such a list has its items by value, so what a name or an attribute holds of it is a copy. Where it's
known which item that is (``containers/parts.py``), it's taken from the list that is handed over. Where
it isn't, and both outlive the call, a later call would change one and not the other: it's refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from astfront.contents import Attributes, ByValue, Content, Entries, GrownList, Items
from astfront.diagnostics import error
from astfront.environment import Heap, State, values_of, walk
from astfront.values import Dict, List, Object, Option, Tuple, Value

_REFERENCES = (List, Dict, Object)


@dataclass(frozen=True)
class ItemPlace:
    """Where in a list that's handed over an item, or something in it, is."""

    owner: List | Dict
    index: Value
    path: tuple[Any, ...] = ()
    """Keys, and names of attributes (``.name``), from the item on."""


def references_in(state: State, roots: Iterable[Value]) -> dict[int, Value]:
    """The lists, dicts and objects that some values lead to, by their cells."""
    found: dict[int, Value] = {}
    work = list(roots)
    while work:
        for inner in walk(work.pop()):
            if isinstance(inner, _REFERENCES) and inner.cell not in found:
                found[inner.cell] = inner
                if inner.cell in state:
                    work.extend(values_of(state[inner.cell]))
    return found


def place_of(heap: Heap, cell: int, handed: dict[int, Value]) -> ItemPlace | None:
    """Of which list that's handed over a cell is an item, or a part of one."""
    if cell not in heap.parts and cell not in heap.taken_now():
        return None
    part = heap.part_of(cell, heap.cells)
    owner = None if part is None else handed.get(part.owner.cell)
    if not isinstance(owner, List | Dict):
        return None
    path = _path(heap.cells, part.item, cell)
    return None if path is None else ItemPlace(owner, part.index, path)


def _path(state: State, value: Value, cell: int, inside: tuple[int, ...] = ()) -> Any:
    if isinstance(value, Tuple):
        steps: Iterable[tuple[Any, Value]] = enumerate(value.items)
    elif not isinstance(value, _REFERENCES) or value.cell in inside:
        return None
    elif value.cell == cell:
        return ()
    else:
        steps = _steps(state.get(value.cell))
        inside = (*inside, value.cell)
    for key, held in steps:
        further = _path(state, held, cell, inside)
        if further is not None:
            return (key, *further)
    return None


def _steps(content: Content | None) -> Iterator[tuple[Any, Value]]:
    if isinstance(content, Items):
        yield from enumerate(content.items)
    elif isinstance(content, Entries):
        yield from content.items.items()
    elif isinstance(content, Attributes):
        yield from ((Named(name), held) for name, held in content.items.items())


@dataclass(frozen=True)
class Named:
    """An attribute on the way to what's in an item."""

    name: str


def at(found: Any, path: Iterable[Any]) -> Any:
    """What is at a place in an item."""
    for key in path:
        found = getattr(found, key.name) if isinstance(key, Named) else found[key]
    return found


def require_one_place(heap: Heap, lasting: dict[int, Value]) -> None:
    """AF0209 where what outlives the call may hold one list, dict or object in two places, of which one
    is a list that grew."""
    grown: list[frozenset[int]] = []
    copies: set[int] = set()
    for cell, value in lasting.items():
        content = heap.cells.get(cell)
        if isinstance(content, GrownList):
            grown.append(sources_of_item(content.element, changeable=True))
        if (
            isinstance(value, _REFERENCES)
            and heap.is_frozen(cell)
            and cell not in heap.arguments
            and not (isinstance(value, List) and value.cls is tuple)
            and place_of(heap, cell, lasting) is None
        ):
            copies |= heap.sources_of(cell)
    seen = copies
    for sources in grown:
        if sources & seen:
            raise error(
                "AF0209",
                "a list, dict or object is kept in two places when the call ends, of which one is a "
                "list that grew in a loop: which of its items it is isn't known",
                help="keep its index, or a copy: `copy.copy(x)`",
            )
        seen |= sources


def sources_of_item(value: Value, changeable: bool = False) -> frozenset[int]:
    """The cells of which the lists, dicts and objects in an item of a list that grew are copies.

    With ``changeable`` only of those that can be changed: tuples of staged length can't.
    """
    match value:
        case ByValue(reference=reference, content=content, sources=sources):
            is_tuple = isinstance(reference, List) and reference.cls is tuple
            own = frozenset() if changeable and is_tuple else sources
            return own.union(*(sources_of_item(v, changeable) for v in values_of(content)))
        case Tuple(items=items):
            return frozenset().union(*(sources_of_item(v, changeable) for v in items))
        case Option(value=present, absent=absent):
            return sources_of_item(present, changeable) | sources_of_item(absent, changeable)
    return frozenset()
