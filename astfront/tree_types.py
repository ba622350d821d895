"""The types of arguments that are trees: which kinds of nodes one has, and the columns of its tables."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np

from astfront.values import SCALAR_DTYPES, Shape, TensorKind

#: A value of more kinds of nodes isn't compiled as a tree.
MOST_KINDS = 12


@dataclass(frozen=True)
class Kind:
    """What a node is: its class, the keys of its parts, and what tells leaves apart.

    A leaf has no ``keys``; ``leaf`` is the dtype and shape of an array, or the object if it's static.
    Objects with other numbers of children are of other kinds: ``lengths`` are those of its lists.
    """

    cls: type
    keys: tuple[Any, ...] | None = None
    lengths: tuple[int | None, ...] = ()
    leaf: tuple[Any, ...] = ()

    @property
    def order(self) -> str:
        name = f"{self.cls.__module__}.{self.cls.__qualname__}"
        return f"{name} {self.keys} {self.lengths} {self.leaf}"

    @property
    def tensor_kind(self) -> TensorKind:
        """Of a leaf that is an array."""
        if self.cls is chainer.Variable:
            return "variable"
        return "array" if self.cls is np.ndarray else "generic"

    @property
    def is_static(self) -> bool:
        return self.keys is None and self.cls in (type(None), str)


@dataclass(frozen=True)
class Column:
    """A column of a table: of the leaves of a kind, or with ``key`` of the rows of a part."""

    kind: int
    key: Any
    what: str
    """``leaf``, ``row`` or ``kind``."""
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def name(self) -> str:
        parts = [str(self.kind), *([] if self.key is None else [str(self.key)]), self.what]
        return "_".join(parts)


@dataclass(frozen=True)
class TreeType:
    """The kinds of a tree's nodes, and of which each part of each of them may be."""

    kinds: tuple[Kind, ...]
    parts: tuple[tuple[tuple[int, ...], ...], ...]
    root: int

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        """Kept, as each call of a program asks for it."""
        return hash((self.kinds, self.parts, self.root))

    @classmethod
    def of(cls, parts: dict[Kind, list[set[Kind]]], root: Kind) -> TreeType:
        """The type of trees with these kinds of parts.

        Children of one class are alike: what one in a tuple or list may be, another may be, too, so
        that a tree that leans to one side is like any other.
        """
        kinds = sorted(parts, key=lambda kind: kind.order)
        number = {kind: i for i, kind in enumerate(kinds)}
        children = [s for k in kinds if issubclass(k.cls, tuple | list) for s in parts[k]]
        alike: list[set[Kind]] = []
        for found in children:
            like = [s for s in alike if not {k.cls for k in s}.isdisjoint(k.cls for k in found)]
            alike = [s for s in alike if s not in like] + [set().union(found, *like)]

        def possible(kind: Kind) -> tuple[tuple[int, ...], ...]:
            sets = parts[kind]
            if issubclass(kind.cls, tuple | list):
                sets = [next(s for s in alike if found <= s) for found in sets]
            return tuple(tuple(sorted(number[k] for k in found)) for found in sets)

        return cls(tuple(kinds), tuple(map(possible, kinds)), number[root])

    def joined(self, other: TreeType) -> TreeType | None:
        """The type of the trees of either; None where their roots differ, or it has too many kinds."""
        if self.kinds[self.root] != other.kinds[other.root]:
            return None
        parts: dict[Kind, list[set[Kind]]] = {}
        for made in (self, other):
            for kind, found in zip(made.kinds, made.parts):
                sets = parts.setdefault(kind, [set() for _ in found])
                for mine, numbers in zip(sets, found):
                    mine.update(made.kinds[n] for n in numbers)
        return TreeType.of(parts, self.kinds[self.root]) if len(parts) <= MOST_KINDS else None

    def part(self, kind: int, key: Any) -> tuple[int, ...]:
        keys: Any = self.kinds[kind].keys
        return self.parts[kind][keys.index(key)]

    @functools.cached_property
    def numbers(self) -> dict[Kind, int]:
        return {kind: number for number, kind in enumerate(self.kinds)}

    @functools.cached_property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self._columns())

    def _columns(self) -> Iterator[Column]:
        for number, kind in enumerate(self.kinds):
            if kind.keys is None:
                if not kind.is_static:
                    shape, dtype = _column_type(kind)
                    yield Column(number, None, "leaf", (None, *shape), dtype)
                continue
            for key, possible in zip(kind.keys, self.parts[number]):
                yield Column(number, key, "row", (None,), np.dtype("int64"))
                if len(possible) > 1:
                    yield Column(number, key, "kind", (None,), np.dtype("int64"))

    @property
    def is_recursive(self) -> bool:
        """Whether a node may have a node of its own class inside it."""
        return any(
            kind.cls in (self.kinds[inner].cls for inner in self._inside(number))
            for number, kind in enumerate(self.kinds)
        )

    def _inside(self, kind: int) -> set[int]:
        seen: set[int] = set()
        work = [kind]
        while work:
            for found in itertools.chain(*self.parts[work.pop()]):
                if found not in seen:
                    seen.add(found)
                    work.append(found)
        return seen


def _column_type(kind: Kind) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Of the leaves of a kind."""
    if kind.cls in SCALAR_DTYPES:
        return (), SCALAR_DTYPES[kind.cls]
    dtype, shape = kind.leaf[:2]
    return shape, np.dtype(dtype)
