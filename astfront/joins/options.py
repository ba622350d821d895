"""Values that are one of several of different kinds, where the program tells which.

An :class:`~astfront.values.Option` is one thing or another; where there are more than two, its ``value``
is an option again. So the *alternatives* of a value stand in a row, and no two of them are *alike*: what
is alike is joined to one value (``join.py``). Unbound comes first, then what's static.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from astfront.contents import ByValue, ItemOf
from astfront.joins.leaves import Leaf, number_type, with_leaf
from astfront.sameness import same
from astfront.values import (
    NONE,
    Choice,
    Deferred,
    Dict,
    EitherDtype,
    List,
    Node,
    Object,
    Option,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
)

#: A value is one of at most so many.
MOST_ALTERNATIVES = 64

#: Many alternatives have at most so many staged parts in all: tuples that get longer have ever more.
MOST_PARTS = 96

#: What depends on several values that are each one of several is compiled at most so many times.
MOST_WAYS = 256


def choice_in(value: Value) -> Choice | None:
    """What is one of several: a value, or an option in a tuple or slice."""
    if isinstance(value, Choice):
        return value
    parts: Sequence[Value] = ()
    if isinstance(value, Tuple):
        parts = value.items
    elif isinstance(value, Slice):
        parts = value.parts
    found = map(choice_in, parts)
    return next((choice for choice in found if isinstance(choice, Option)), None)


def with_part(value: Value, part: Value, known: Value) -> Value:
    """A value with what one part of it is known to be."""
    if value is part:
        return known
    if isinstance(value, Tuple):
        return replace(value, items=tuple(with_part(v, part, known) for v in value.items))
    if isinstance(value, Slice):
        return Slice(*(with_part(v, part, known) for v in value.parts))
    return value


def is_optional(value: Value) -> TypeGuard[Option]:
    """Whether there may be no value."""
    return isinstance(value, Option) and isinstance(value.absent, Unbound)


def alternatives(value: Value) -> Iterator[Value]:
    """What a value may be."""
    while isinstance(value, Option):
        yield value.absent
        value = value.value
    yield value


def without(value: Value, gone: Value) -> Value:
    """A value of which it's known that it isn't that one of its alternatives."""
    if not isinstance(value, Option):
        return value
    if value.absent is gone:
        return value.value
    if value.value is gone:
        return value.absent
    return replace(value, value=without(value.value, gone))


def in_order(found: Sequence[Value]) -> list[Value]:
    """Alternatives in the order in which they stand."""
    return sorted(found, key=_rank)


def _rank(value: Value) -> int:
    if isinstance(value, Unbound):
        return 0
    if isinstance(value, Static):
        return 1 if value.obj is None else 2
    return 3


def alike(a: Any, b: Any) -> bool:
    """Whether two values, or their places in a template, can be one."""
    if isinstance(a, EitherDtype) or isinstance(b, EitherDtype):
        arrays = [v.array if isinstance(v, EitherDtype) else v for v in (a, b)]
        dtypes = {v.dtype for v in (a, b) if isinstance(v, EitherDtype)}
        return len(dtypes) == 1 and alike(*arrays)
    if number_type(a) or number_type(b):
        return number_type(a) is number_type(b)
    a, b = with_leaf(a), with_leaf(b)
    if isinstance(a, Tensor | Leaf) and isinstance(b, Tensor | Leaf):
        of_numpy = "generic" in (a.kind, b.kind)
        same_kind = a.kind == b.kind or not of_numpy
        return same_kind and a.dtype == b.dtype and len(a.shape) == len(b.shape)
    if type(a) is not type(b):
        return False
    match a, b:
        case Tuple(), Tuple():
            return a.cls is b.cls and len(a.items) == len(b.items)
        case Deferred(), Deferred():
            return a.function == b.function and len(a.args) == len(b.args)
        case Slice(), Slice():
            return True
        case Node(), Node():
            return a.forest is b.forest
        case ItemOf(), ItemOf():
            return a.of == b.of and a.path == b.path
        case ByValue(), ByValue():
            return a.reference.cls is b.reference.cls
        case (Object(), Object()) if a.cell != b.cell:
            return a.cls is b.cls and a.instance is None and b.instance is None
        case (List(), List()):
            return a.cls is b.cls and a.longest == b.longest
        case (Dict(), Dict()) if a.cell != b.cell:
            return a.cls is b.cls and same(a.factory or NONE, b.factory or NONE)
    return same(a, b)
