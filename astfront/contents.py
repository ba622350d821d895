"""What the cells of the :class:`~astfront.environment.Heap` hold: all that a program can change.

A content is immutable, too: changing a list replaces the content of its cell.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from astfront.values import Dict, List, Object, Tensor, Value


@dataclass(frozen=True, eq=False)
class Items:
    """A list whose length is known while compiling."""

    items: tuple[Value, ...] = ()


@dataclass(frozen=True, eq=False)
class GrownList:
    """A list that grew in a kept loop: the elements stacked, leaf by leaf, along a new first axis.

    ``element`` is a template of one element: its staged leaves say dtype and shape, its static parts
    are common to all elements. ``buffers`` has one tensor of shape (length, *leaf shape) for each
    staged leaf of the template, in order.
    """

    element: Value
    buffers: tuple[Tensor, ...]
    length: Value
    """Staged, or where the loop's turns are counted, static."""
    added: tuple[Value, int] | None = None
    """The length that it had, and by how many items it grew since: how loops find their growth."""


@dataclass(frozen=True, eq=False)
class Entries:
    """A dict: static keys in insertion order, unless data decides the order."""

    items: dict[Any, Value] = field(default_factory=dict)
    ordered: bool = True

    def with_items(self, items: dict[Any, Value]) -> Entries:
        return Entries(items, self.ordered)


@dataclass(frozen=True, eq=False)
class Attributes:
    """Attributes that were read from or written to an instance; ``UNBOUND`` marks a deleted one."""

    items: dict[str, Value] = field(default_factory=dict)

    def with_items(self, items: dict[str, Value]) -> Attributes:
        return Attributes(items)


@dataclass(frozen=True, eq=False)
class Names:
    """The local names of one call, or other places that hold a value each."""

    items: dict[Any, Value] = field(default_factory=dict)

    def with_items(self, items: dict[Any, Value]) -> Names:
        return Names(items)


Content: TypeAlias = "Items | GrownList | Entries | Attributes | Names"

T = TypeVar("T")


def found_once(find: Callable[[Content], T]) -> Callable[[Content], T]:
    """``find``, which keeps what it gives with the content: joins ask the same of the whole heap."""
    name = f"_{find.__name__}"

    @functools.wraps(find)
    def found(content: Content) -> T:
        kept: dict[str, Any] = content.__dict__
        if name not in kept:
            kept[name] = find(content)
        return kept[name]  # type: ignore[no-any-return]

    return found


@dataclass(frozen=True, eq=False)
class ByValue(Value):
    """A list, dict or object without its identity, as a list that grew holds it: its content.

    The ``reference`` says what it is; its cell doesn't matter.
    """

    reference: List | Dict | Object
    content: Content
    sources: frozenset[int] = frozenset()
    """The cells that it may be a copy of."""


@dataclass(frozen=True, eq=False)
class ItemOf(Value):
    """Where ways meet: a list, dict or object that is an item of a list that grew.

    It's read from the list again as soon as they have met (``parts.py``).
    """

    of: List
    index: Value
    """From 0, in range."""
    path: tuple[int, ...] = ()
    """Its place in the item, where that's a tuple."""
