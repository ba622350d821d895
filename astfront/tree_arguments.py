"""Arguments that are trees: nested tuples, lists, dicts and objects, as columns of numbers.

A tree's nodes are sorted by *kind*: what a node is (a pair, a dict with these keys, an instance of this
class, an int, an array of this shape). The nodes of one kind are the rows of a table. Numbers and arrays
are a column of it; a part that is a node is a column of rows, and where it's of several kinds, one of
kinds. So trees of one :class:`TreeType` differ only in the columns' data and lengths, and one program
takes all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
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

    def columns(self) -> Iterator[Column]:
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


@dataclass(frozen=True, eq=False)
class Tree:
    """A tree that was passed to a call: its type, and the data of its columns in their order."""

    type: TreeType
    data: tuple[np.ndarray[Any, Any], ...]


#: The types of the arguments that are trees, by their places or names.
Types = dict[Any, TreeType]


def as_trees(
    args: Sequence[Any], kwargs: dict[str, Any], known: Types
) -> tuple[list[Any], dict[str, Any], Types] | None:
    """The arguments with those that are trees in the form of :class:`Tree`; None if none is.

    A tree is given in a type that has all that the ``known`` type of its place has, too.
    """
    types: Types = {}

    def made(place: Any, x: Any) -> Any:
        tree = tree_of(x, known.get(place))
        if tree is None:
            return x
        types[place] = tree.type
        return tree

    positional = [made(i, x) for i, x in enumerate(args)]
    named = {k: made(k, x) for k, x in kwargs.items()}
    return (positional, named, types) if types else None


def tree_of(x: Any, known: TreeType | None = None) -> Tree | None:
    """A value as a tree, if it's one: nested to depths that differ, or three deep."""
    if not isinstance(x, tuple | list | dict) and not _is_object(x):
        return None
    encoder = _Encoder()
    try:
        root, _ = encoder.visit(x, 0)
    except (_NoTree, RecursionError):
        return None
    found = encoder.type(root)
    if known is not None:
        found = found.joined(known) or found
    elif not (encoder.is_deep and found.is_recursive):
        return None
    return Tree(found, encoder.data(found))


class _NoTree(Exception):
    """Something in the value isn't a part of trees."""


Place = tuple[Kind, int]


class _Encoder:
    def __init__(self) -> None:
        self.rows: dict[Kind, list[Any]] = {}
        """Of each kind the leaves, or of each node the places of its parts."""
        self.depths: set[int] = set()
        """Of the leaves."""
        self._seen: dict[int, Place] = {}

    @property
    def is_deep(self) -> bool:
        return len(self.depths) > 1 or max(self.depths, default=0) > 2

    def visit(self, x: Any, depth: int) -> Place:
        if id(x) in self._seen:
            return self._seen[id(x)]
        keys, parts = _parts(x)
        if keys is None:
            self.depths.add(depth)
            return self._place(_leaf_kind(x), x)
        lengths: tuple[int | None, ...] = ()
        if not isinstance(x, tuple | list):
            lengths = tuple(len(p) if isinstance(p, tuple | list) else None for p in parts)
        place = self._place(Kind(type(x), keys, lengths), [])
        self._seen[id(x)] = place
        self.rows[place[0]][place[1]] = [self.visit(part, depth + 1) for part in parts]
        return place

    def _place(self, kind: Kind, entry: Any) -> Place:
        if kind not in self.rows and len(self.rows) == MOST_KINDS:
            raise _NoTree
        rows = self.rows.setdefault(kind, [])
        rows.append(entry)
        return kind, len(rows) - 1

    def type(self, root: Kind) -> TreeType:
        parts = {
            kind: [{row[i][0] for row in self.rows[kind]} for i in range(len(kind.keys or ()))]
            for kind in self.rows
        }
        return TreeType.of(parts, root)

    def data(self, made: TreeType) -> tuple[np.ndarray[Any, Any], ...]:
        number = {kind: i for i, kind in enumerate(made.kinds)}
        return tuple(self._column(made, column, number) for column in made.columns())

    def _column(self, made: TreeType, column: Column, number: dict[Kind, int]) -> Any:
        kind = made.kinds[column.kind]
        rows = self.rows.get(kind, [])
        if column.what == "leaf":
            arrays = [x.array if isinstance(x, chainer.Variable) else x for x in rows]
            return np.array(arrays, column.dtype).reshape(len(rows), *column.shape[1:])
        keys: Any = kind.keys
        i = keys.index(column.key)
        places = [row[i] for row in rows]
        if column.what == "row":
            return np.array([row for _, row in places], "int64")
        return np.array([number[found] for found, _ in places], "int64")


def _parts(x: Any) -> tuple[tuple[Any, ...] | None, Sequence[Any]]:
    """The keys of a node's parts and the parts; None for a leaf."""
    if isinstance(x, tuple) or type(x) is list:
        return tuple(range(len(x))), x
    if type(x) is dict:
        if not all(isinstance(k, str | int) for k in x):
            raise _NoTree
        return tuple(x), list(x.values())
    if _is_object(x):
        attributes = vars(x)
        return tuple(attributes), list(attributes.values())
    return None, ()


def _is_object(x: Any) -> bool:
    """Whether something is an instance of a user's own class with all that it has in ``__dict__``."""
    cls = type(x)
    if cls.__module__.split(".")[0] in ("chainer", "numpy", "builtins", "astfront"):
        return False
    made: Any = cls.__new__
    plain = made is object.__new__ and hasattr(x, "__dict__") and not isinstance(x, type)
    hidden = any(vars(c).get("__slots__") or "__getattr__" in vars(c) for c in cls.__mro__)
    return plain and not hidden and not callable(x)


def _leaf_kind(x: Any) -> Kind:
    cls = type(x)
    if cls is np.ndarray:
        return Kind(cls, leaf=(x.dtype.str, x.shape))
    if cls is chainer.Variable and type(x.array) is np.ndarray:
        return Kind(cls, leaf=(x.dtype.str, x.shape, x.name, x.requires_grad))
    if isinstance(x, np.generic) and x.dtype.kind in "biuf":
        return Kind(cls, leaf=(x.dtype.str, ()))
    if cls in SCALAR_DTYPES:
        if cls is int and not -(2**63) <= x < 2**63:
            raise _NoTree
        return Kind(cls)
    if cls in (type(None), str):
        return Kind(cls, leaf=(x,))
    raise _NoTree


def _column_type(kind: Kind) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Of the leaves of a kind."""
    if kind.cls in SCALAR_DTYPES:
        return (), SCALAR_DTYPES[kind.cls]
    dtype, shape = kind.leaf[:2]
    return shape, np.dtype(dtype)
