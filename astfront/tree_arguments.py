"""Arguments that are trees: nested tuples, lists, dicts and objects, as columns of numbers.

A tree's nodes are sorted by *kind*: what a node is (a pair, a dict with these keys, an instance of this
class, an int, an array of this shape). The nodes of one kind are the rows of a table. Numbers and arrays
are a column of it; a part that is a node is a column of rows, and where it's of several kinds, one of
kinds. So trees of one :class:`TreeType` differ only in the columns' data and lengths, and one program
takes all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np

from astfront.tree_types import MOST_KINDS, Column, Kind, TreeType
from astfront.tree_walker import Walker
from astfront.values import SCALAR_DTYPES


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
    columns = _walker(known).columns(x) if known is not None else None
    if known is not None and columns is not None:
        return Tree(known, columns)
    if not isinstance(x, tuple | list | dict) and not _is_object(x):
        return None
    encoder = _Encoder()
    try:
        root = encoder.visit(x)
    except (_NoTree, RecursionError):
        return None
    found = encoder.type_of(root, known)
    if known is not None and found is known:
        _walker(known).renew()
    return Tree(found, encoder.data(found)) if found else None


@functools.lru_cache(maxsize=64)
def _walker(made: TreeType) -> Walker:
    return Walker(made)


class _NoTree(Exception):
    """Something in the value isn't a part of trees."""


Place = tuple[int, int]
"""A node's kind, by its number in an encoder, and its row."""

Contents = tuple[tuple[Any, ...], Iterable[Any] | None]
"""The fields of a node's :class:`Kind`, and its parts if it's no leaf."""


class _Encoder:
    """Walks over a tree, at each call: what a node's class alone says is asked once in a walk."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.rows: list[list[Any]] = []
        """Of each kind the leaves, or of each node the places of its parts."""
        self.depths: set[int] = set()
        """Of the leaves."""
        self._depth = 0
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._readers: dict[type, Callable[[Any], Contents]] = {}
        self._seen: dict[int, Place] = {}

    def visit(self, x: Any) -> Place:
        cls = type(x)
        read = self._readers.get(cls)
        if read is None:
            read = self._readers[cls] = _reader(x)
        elif id(x) in self._seen:
            return self._seen[id(x)]
        fields, parts = read(x)
        number = self._numbers.get(fields)
        if number is None:
            number = self._new_kind(fields)
        rows = self.rows[number]
        place = number, len(rows)
        if parts is None:
            self.depths.add(self._depth)
            rows.append(x)
            return place
        self._seen[id(x)] = place
        rows.append(None)
        self._depth += 1
        rows[place[1]] = list(map(self.visit, parts))
        self._depth -= 1
        return place

    def _new_kind(self, fields: tuple[Any, ...]) -> int:
        if len(self.kinds) == MOST_KINDS:
            raise _NoTree
        number = self._numbers[fields] = len(self.kinds)
        self.kinds.append(Kind(*fields))
        self.rows.append([])
        return number

    def type_of(self, root: Place, known: TreeType | None) -> TreeType | None:
        """The type of the tree, with all that the known one has; None for what counts as no tree."""
        parts = [
            [{number for number, _ in part} for part in zip(*rows)] if kind.keys else []
            for kind, rows in zip(self.kinds, self.rows)
        ]
        if known is not None and self._is_of(known, root, parts):
            return known
        kinds = {
            kind: [{self.kinds[number] for number in found} for found in sets]
            for kind, sets in zip(self.kinds, parts)
        }
        made = TreeType.of(kinds, self.kinds[root[0]])
        if known is not None:
            return made.joined(known) or made
        is_deep = len(self.depths) > 1 or max(self.depths, default=0) > 2
        return made if is_deep and made.is_recursive else None

    def _is_of(self, known: TreeType, root: Place, parts: list[list[set[int]]]) -> bool:
        """Whether a type has all of the tree."""
        numbers = [known.numbers.get(kind, -1) for kind in self.kinds]
        if -1 in numbers or numbers[root[0]] != known.root:
            return False
        return all(
            numbers[inner] in possible
            for number, sets in zip(numbers, parts)
            for found, possible in zip(sets, known.parts[number])
            for inner in found
        )

    def data(self, made: TreeType) -> tuple[np.ndarray[Any, Any], ...]:
        own = {made.numbers[kind]: number for number, kind in enumerate(self.kinds)}
        numbers = np.array(list(own), "int64")
        places: dict[int, Any] = {}
        """Of each kind of nodes the numbers and rows of its parts, in an array."""
        columns = []
        for column in made.columns:
            rows = self.rows[own[column.kind]] if column.kind in own else []
            if column.what == "leaf":
                columns.append(_leaves(column, rows))
                continue
            keys: Any = made.kinds[column.kind].keys
            if column.kind not in places:
                shape = len(rows), len(keys), 2
                places[column.kind] = np.array(rows, "int64").reshape(shape).transpose(1, 2, 0)
            found, row = places[column.kind][keys.index(column.key)]
            columns.append(row if column.what == "row" else numbers[found])
        return tuple(columns)


def _leaves(column: Column, leaves: Sequence[Any]) -> np.ndarray[Any, Any]:
    if leaves and type(leaves[0]) is chainer.Variable:
        leaves = [x.array for x in leaves]
    own: Any = column.shape[1:]
    if not own or not leaves:
        return np.array(leaves, column.dtype).reshape(len(leaves), *own)
    return np.concatenate(leaves, dtype=column.dtype).reshape(len(leaves), *own)


def _reader(x: Any) -> Callable[[Any], Contents]:
    """What takes instances of the class of ``x`` apart."""
    cls = type(x)
    if isinstance(x, tuple) or cls is list:
        return _read_sequence
    if cls is dict:
        return _read_dict
    if _is_object(x):
        return _read_object
    if cls is np.ndarray or (isinstance(x, np.generic) and x.dtype.kind in "biuf"):
        return _read_array
    if cls is chainer.Variable:
        return _read_variable
    if cls in SCALAR_DTYPES:
        return _read_number
    if cls in (type(None), str):
        return _read_static
    raise _NoTree


@functools.cache
def _places(length: int) -> tuple[int, ...]:
    return tuple(range(length))


def _read_sequence(x: Any) -> Contents:
    return (type(x), _places(len(x))), x


def _read_dict(x: dict[Any, Any]) -> Contents:
    if not all(isinstance(k, str | int) for k in x):
        raise _NoTree
    return (dict, tuple(x), _lengths(x.values())), x.values()


def _read_object(x: Any) -> Contents:
    attributes = vars(x)
    parts = attributes.values()
    return (type(x), tuple(attributes), _lengths(parts)), parts


def _lengths(parts: Iterable[Any]) -> tuple[int | None, ...]:
    return tuple([len(p) if type(p) is list or isinstance(p, tuple) else None for p in parts])


def _read_array(x: Any) -> Contents:
    return (type(x), None, (), (x.dtype.str, x.shape)), None


def _read_variable(x: chainer.Variable) -> Contents:
    if type(x.array) is not np.ndarray:
        raise _NoTree
    fields = x.dtype.str, x.shape, x.name, x.requires_grad
    return (chainer.Variable, None, (), fields), None


def _read_number(x: Any) -> Contents:
    if type(x) is int and not -(2**63) <= x < 2**63:
        raise _NoTree
    return (type(x),), None


def _read_static(x: Any) -> Contents:
    return (type(x), None, (), (x,)), None


def _is_object(x: Any) -> bool:
    """Whether something is an instance of a user's own class with all that it has in ``__dict__``."""
    cls = type(x)
    if cls.__module__.split(".")[0] in ("chainer", "numpy", "builtins", "astfront"):
        return False
    made: Any = cls.__new__
    plain = made is object.__new__ and hasattr(x, "__dict__") and not isinstance(x, type)
    hidden = any(vars(c).get("__slots__") or "__getattr__" in vars(c) for c in cls.__mro__)
    return plain and not hidden and not callable(x)
