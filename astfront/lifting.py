"""From Python objects to values, and what a program takes for granted when it does so.

Arrays and Variables become inputs of the program, fetched anew at each call from where they were
found. Everything else that is read (an attribute, a config entry, a global) is static: its value goes
into the program, and a :class:`Guard` remembers it, so that a later call can tell whether the program
still fits.
"""

from __future__ import annotations

import collections
import functools
import gc
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import chainer
import numpy as np

from astfront.builder import Builder
from astfront.contents import Entries, Items
from astfront.diagnostics import error
from astfront.environment import Heap, values_of
from astfront.layouts import Layouts
from astfront.locations import MISSING, READ_ERRORS, Location
from astfront.sameness import same_static
from astfront.snapshots import has_contents, snapshot, unchanged
from astfront.spans import Span
from astfront.tuple_classes import methods_of_its_own
from astfront.values import (
    SCALAR_DTYPES,
    Dict,
    DictView,
    List,
    Scalar,
    Set,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
)

#: Packages whose functions, classes and module-level names don't change under a program.
TRUSTED_PACKAGES = (
    "chainer",
    "numpy",
    "six",
    "builtins",
    "math",
    "operator",
    "functools",
    "astfront",
    "itertools",
    "collections",
)


class Condition:
    """Something that a program takes for granted."""

    def holds(self) -> bool:
        try:
            return self._holds()
        except READ_ERRORS:
            return False

    def _holds(self) -> bool:
        raise NotImplementedError


@dataclass(frozen=True)
class Guard(Condition):
    """What a location held when the program was compiled."""

    location: Location
    expected: Any
    span: Span | None = None
    identity: bool = False

    def holds(self) -> bool:
        try:
            found = self.location.read()
        except READ_ERRORS:
            return self.expected is MISSING
        if self.location.access == "call":
            return len(found) == len(self.expected) and all(map(_is, found, self.expected))
        if self.identity:
            return found is self.expected
        return same_static(found, self.expected)

    @property
    def is_data(self) -> bool:
        """Whether it's about a number, a string, a setting, and not about what calls what."""
        if self.expected is MISSING or isinstance(self.location.container, tuple):
            return False
        return self.expected is None or (is_by_equality(self.expected) and self.expected != ())


@dataclass(frozen=True)
class Same(Condition):
    """Two locations hold one object."""

    one: Location
    other: Location

    def _holds(self) -> bool:
        return self.one.read() is self.other.read()


@dataclass(frozen=True)
class Structure(Condition):
    """A location holds a container of this type, with so many items or with these keys."""

    location: Location
    type: type
    size: int
    keys: tuple[Any, ...] = ()

    def _holds(self) -> bool:
        found = self.location.read()
        if type(found) is not self.type or len(found) != self.size:  # type: ignore[arg-type]
            return False
        if isinstance(found, dict):
            return all(map(same_static, found, self.keys))
        if isinstance(found, set):
            types = {(type(x), x) for x in self.keys}
            return all((type(x), x) in types for x in found)
        return True


@dataclass(frozen=True)
class Contents(Condition):
    """What an opaque object at a location holds, such as an array of complex numbers or of texts."""

    location: Location
    taken: Any

    def _holds(self) -> bool:
        return unchanged(self.location.read(), self.taken)


@dataclass(frozen=True)
class Distinct(Condition):
    """No two of these locations hold one list or dict."""

    locations: tuple[Location, ...]

    def _holds(self) -> bool:
        return len({id(place.read()) for place in self.locations}) == len(self.locations)


@dataclass(frozen=True)
class Input:
    """An input of the program that isn't an argument: a parameter, a state, a buffer of the model."""

    name: str
    location: Location
    shape: Shape
    dtype: np.dtype[Any]
    is_variable: bool
    number: type | None = None
    """The type of a Python number that the program takes as an input, not as a static value."""

    def fetch(self) -> np.ndarray[Any, Any] | None:
        """The array as it is now, or ``None`` where it no longer fits the program."""
        try:
            found = self.location.read()
        except READ_ERRORS:
            return None
        if self.number is not None:
            return np.array(found, self.dtype) if type(found) is self.number else None
        if self.is_variable is not isinstance(found, chainer.Variable):
            return None
        # What `array` gives, without the three calls that it takes: each call reads all parameters.
        array = found._data[0] if self.is_variable else found
        if type(array) not in ARRAYS:
            return None
        return array if array.dtype == self.dtype and array.shape == self.shape else None


@dataclass
class Lifter:
    """Makes values of Python objects for one program, and keeps the program's inputs and guards."""

    heap: Heap
    builder: Builder
    span: Callable[[], Span | None] = lambda: None
    volatile: frozenset[Any] = frozenset()
    """Identities of the locations whose numbers are inputs, as each call changes them."""
    inputs: list[Input] = field(default_factory=list)
    guards: list[Condition] = field(default_factory=list)
    containers: dict[int, Location] = field(default_factory=dict)
    """Where the real lists, dicts and sets are, by their cells."""
    places: dict[int, Location] = field(default_factory=dict)
    """Where arrays and Variables are, by their ids."""
    arrays: dict[int, tuple[Location, str]] = field(default_factory=dict)
    """Where they are and what they are, by the cells of their contents."""
    several: set[int] = field(default_factory=set)
    """The ids of arrays and Variables that are found in several places."""
    layouts: Layouts = field(default_factory=Layouts)
    _cells: dict[int, List | Dict] = field(default_factory=dict)
    _tensors: dict[int, Tensor] = field(default_factory=dict)
    _guarded: set[Any] = field(default_factory=set)
    _keep: list[Any] = field(default_factory=list)

    def guard(self, location: Location, expected: Any, identity: bool = False) -> None:
        if location.access == "item" and type(location.container) is tuple:
            return  # It can't change.
        if location.identity not in self._guarded:
            self._guarded.add(location.identity)
            self.guards.append(Guard(location, expected, self.span(), identity))

    def conditions(self) -> list[Condition]:
        """All that the program takes for granted."""
        if len(self.containers) < 2:
            return self.guards
        return [*self.guards, Distinct(tuple(self.containers.values()))]

    def reference(self, cell: int) -> List | Dict:
        return next(v for v in self._cells.values() if v.cell == cell)

    def lift(self, obj: Any, location: Location, name: str = "x") -> Value:
        """The value of an object found at ``location``; it becomes an input or is guarded."""
        if isinstance(obj, chainer.Variable):
            if obj.array is None:
                self.guard(Location(obj, "attribute", "array"), None)
                self.guard(location, obj, identity=True)
                return Static(obj)
            self._require_plain(obj.array, location)
            return self._tensor(obj, obj.array, location, name)
        if isinstance(obj, np.ndarray):
            self._require_plain(obj, location)
            if is_supported(obj.dtype):
                return self._tensor(obj, obj, location, name)
        if isinstance(obj, tuple):
            if is_by_equality(obj):
                self.guard(location, obj)
                return Static(obj)
            if own := methods_of_its_own(type(obj)):
                raise error(
                    "AF0401",
                    f"{type(obj).__name__} is a tuple with `{own[0]}` of its own: that isn't supported",
                    self.span(),
                    help="use a plain tuple, or an object of a class that isn't one",
                )
            self.guards.append(Structure(location, type(obj), len(obj)))
            items = [self.lift(x, location.item(i), f"{name}_{i}") for i, x in enumerate(obj)]
            if all(isinstance(i, Static) for i in items):
                return Static(obj)
            return Tuple(tuple(items), type(obj))
        if type(obj) in CONTAINERS:
            return self._container(obj, location, name)
        if type(obj) in VIEWS and type(_shown(obj)) in CONTAINERS:
            return self._view(obj, location, name)
        if type(obj) in SCALAR_DTYPES and location.identity in self.volatile:
            return self._number(obj, location, name)
        if is_static(obj):
            self.guard(location, obj, identity=not is_by_equality(obj))
            return Static(obj)
        self.guard(location, obj, identity=True)
        if has_contents(obj):
            self.guards.append(Contents(location, snapshot(obj)))
        return self.heap.new_object(type(obj), obj)

    def _require_plain(self, array: Any, location: Location) -> None:
        """A subclass of ``ndarray`` has operators of its own, whose results are of it."""
        if type(array) not in ARRAYS:
            kind = type(array)
            raise error(
                "AF0401",
                f"{location} is a {kind.__module__}.{kind.__name__}: that isn't supported",
                self.span(),
                help="use a plain array: `numpy.asarray(x)`, or the data and the mask of a masked one",
            )

    def _number(self, obj: Any, location: Location, name: str) -> Scalar:
        kind = type(obj)
        made = self.builder.parameter(name, (), SCALAR_DTYPES[kind])
        parameter = made.expr.name_hint  # type: ignore[union-attr]
        self.inputs.append(Input(parameter, location, (), made.dtype, False, kind))
        return Scalar(made.expr, kind)

    def _tensor(
        self, obj: Any, array: np.ndarray[Any, Any], location: Location, name: str
    ) -> Tensor:
        if id(obj) not in self._tensors:
            self._keep.append(obj)
            made = self.builder.parameter(name, array.shape, array.dtype)
            is_variable = isinstance(obj, chainer.Variable)
            parameter = made.expr.name_hint  # type: ignore[union-attr]
            self.inputs.append(Input(parameter, location, array.shape, array.dtype, is_variable))
            kind: Literal["variable", "array"] = "variable" if is_variable else "array"
            self._tensors[id(obj)] = Tensor(
                made.expr, array.shape, array.dtype, kind, origin=obj, storage=made.storage
            )
            self.places[id(obj)] = location
            cell = self.heap.new_array(self._tensors[id(obj)])
            self.arrays[cell] = location, kind
            self.layouts.found(cell, array)
            if id(obj) in self.several:
                self.heap.several.add(made.storage)
        elif self.places[id(obj)].identity != location.identity:
            self.guards.append(Same(location, self.places[id(obj)]))
            self.several.add(id(obj))
            self.heap.several.add(self._tensors[id(obj)].storage)
        return self._tensors[id(obj)]

    def forget(self, obj: Any, location: Location) -> None:
        """What was guarded at a location changed while compiling."""
        self._guarded.discard(location.identity)
        self._tensors.pop(id(obj), None)
        self.places.pop(id(obj), None)

    def _view(self, obj: Any, location: Location, name: str) -> DictView:
        self.guard(location, obj, identity=True)
        holder = (_shown(obj),)
        self._keep.append(holder)
        of = self._container(holder[0], Location(holder, "item", 0), name)
        return DictView(typing.cast(Dict, of), VIEWS[type(obj)])

    def own_items(self, obj: Any, kind: type, location: Location) -> Value:
        """The items of an instance of a subclass of ``list`` or ``dict``, to be read only."""
        made = self._container(obj, location, type(obj).__name__, kind)
        self.heap.read_only.add(made.cell)
        return made

    def _container(
        self, obj: Any, location: Location, name: str, kind: type | None = None
    ) -> List | Dict:
        if id(obj) in self._cells:
            known = self._cells[id(obj)]
            first = self.containers[known.cell]
            if first.identity != location.identity:
                self.guards.append(Same(location, first))
            return known
        self._keep.append(obj)
        kind = kind or type(obj)
        is_list = kind in (list, collections.deque)
        keys = () if is_list else tuple(obj)
        self.guards.append(Structure(location, type(obj), len(obj), keys))
        empty: Items | Entries = Items() if is_list else Entries()
        cell = self.heap.new_external(empty)
        made: List | Dict
        if is_list:
            made = List(cell, kind, getattr(obj, "maxlen", None))
        elif kind is set:
            made = Set(cell)
        else:
            factory = obj.default_factory if kind is collections.defaultdict else None
            made = Dict(cell, kind, None if factory is None else Static(factory))
        self._cells[id(obj)] = made
        self.containers[cell] = location
        content: Items | Entries
        if is_list:
            items = [self.lift(x, location.item(i), f"{name}_{i}") for i, x in enumerate(obj)]
            content = Items(tuple(items))
        elif isinstance(obj, dict):
            content = Entries(
                {k: self.lift(x, location.item(k), f"{name}_{k}") for k, x in obj.items()}
            )
        else:
            content = Entries({item: Static(True) for item in obj})
            self.heap.sets[cell] = (content, obj, False)
        for value in values_of(content):
            if self.heap.current(value) is not value:
                raise error(
                    "AF0209",
                    f"an array is changed in place before the list or dict at {location} is read",
                    self.span(),
                    help="read it before",
                )
        self.heap.base[cell] = self.heap.cells[cell] = content
        return made


#: Classes of arrays; what is computed with a ``memmap`` is a plain array.
ARRAYS = frozenset((np.ndarray, np.memmap))

#: Classes whose instances are containers of the program, and not objects with attributes.
CONTAINERS = (
    list,
    dict,
    set,
    collections.deque,
    collections.OrderedDict,
    collections.defaultdict,
    collections.Counter,
)

#: What ``keys``, ``values`` and ``items`` give, of a dict and of an ``OrderedDict``.
VIEWS: dict[type, Any] = {
    type(getattr(kind(), method)()): method
    for kind in (dict, collections.OrderedDict)
    for method in ("keys", "values", "items")
}


def _shown(view: Any) -> Any:
    """The dict behind a view (``view.mapping`` gives another view of it)."""
    return next(iter(gc.get_referents(view)), None)


#: The dtypes that arrays of a program can have.
DTYPES = frozenset(
    np.dtype(name)
    for name in ("bool", "float16", "float32", "float64")
    + tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
)


def is_supported(dtype: np.dtype[Any]) -> bool:
    return dtype in DTYPES


_STATIC_TYPES = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    np.dtype,
    np.generic,
    range,
    slice,
    frozenset,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    np.ufunc,
    functools.partial,
    functools._lru_cache_wrapper,
    BaseException,
    type(Ellipsis),
    type(NotImplemented),
)


def is_static(obj: Any) -> bool:
    """Whether a Python object can't be changed by a program, so that it may stand for itself."""
    return isinstance(obj, _STATIC_TYPES)


def is_by_equality(obj: Any) -> bool:
    """Whether an object is as good as any other that equals it: nobody changes it."""
    if type(obj) is tuple:
        return all(map(is_by_equality, obj))
    return isinstance(
        obj, bool | int | float | complex | str | bytes | np.generic | np.dtype | range | type(None)
    )


def _is(a: Any, b: Any) -> bool:
    return a is b or (is_by_equality(a) and same_static(a, b))
