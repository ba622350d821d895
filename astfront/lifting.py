"""From Python objects to values, and what a program takes for granted when it does so.

Arrays and Variables become inputs of the program, fetched anew at each call from where they were
found. Everything else that is read (an attribute, a config entry, a global) is static: its value goes
into the program, and a :class:`Guard` remembers it, so that a later call can tell whether the program
still fits.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import chainer
import numpy as np

from astfront.builder import Builder
from astfront.environment import Heap, same_static
from astfront.source import Span
from astfront.values import (
    SCALAR_DTYPES,
    Dict,
    Entries,
    Items,
    List,
    Scalar,
    Set,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
)

Access = Literal["attribute", "item", "call", "argument"]

#: Packages whose functions, classes and module-level names don't change under a program.
TRUSTED_PACKAGES = ("chainer", "numpy", "six", "builtins", "math", "operator", "functools")


@dataclass(frozen=True)
class Location:
    """Where a Python object was found: an attribute, an item, the result of a method, an argument."""

    container: Any
    access: Access
    key: Any
    label: str = ""
    """The name of a closure's variable."""

    def read(self) -> Any:
        """What is there now. Raises AttributeError, KeyError or IndexError where nothing is."""
        if self.access == "attribute":
            return getattr(self.container, self.key)
        if self.access == "item":
            return self.container[self.key]
        return list(getattr(self.container, self.key)())

    def __str__(self) -> str:
        owner = type(self.container).__name__
        if isinstance(self.container, type(chainer.config)):
            return f"chainer.config.{self.key}"
        if isinstance(self.container, types.CellType):
            return self.label
        if isinstance(self.container, type | types.ModuleType):
            return f"{self.container.__name__}.{self.key}"
        if self.access == "item" and isinstance(self.container, dict):
            owner = self.container.get("__name__", owner)
            return f"{owner}.{self.key}"
        if self.access == "item":
            return f"{owner}[{self.key!r}]"
        return f"{owner}.{self.key}" + ("()" if self.access == "call" else "")


@dataclass(frozen=True)
class Guard:
    """What a location held when the program was compiled."""

    location: Location
    expected: Any
    span: Span | None = None
    identity: bool = False

    def holds(self) -> bool:
        try:
            found = self.location.read()
        except (AttributeError, KeyError, IndexError, TypeError):
            return self.expected is MISSING
        if self.location.access == "call":
            return len(found) == len(self.expected) and all(map(_is, found, self.expected))
        if self.identity:
            return found is self.expected
        return same_static(found, self.expected)


def is_data(guard: Guard) -> bool:
    """Whether a guard is about a number, a string, a setting, and not about what calls what."""
    if guard.expected is MISSING or isinstance(guard.location.container, tuple):
        return False
    return guard.expected is None or (_by_equality(guard.expected) and guard.expected != ())


class _Missing:
    def __repr__(self) -> str:
        return "<missing>"


MISSING = _Missing()


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
        except (AttributeError, KeyError, IndexError, TypeError):
            return None
        if self.number is not None:
            return np.array(found, self.dtype) if type(found) is self.number else None
        if self.is_variable is not isinstance(found, chainer.Variable):
            return None
        array = found.array if self.is_variable else found
        if not isinstance(array, np.ndarray):
            return None
        return array if array.dtype == self.dtype and array.shape == self.shape else None


@dataclass
class Lifter:
    """Makes values of Python objects for one program, and keeps the program's inputs and guards."""

    heap: Heap
    builder: Builder
    span: Callable[[], Span | None] = lambda: None
    volatile: frozenset[tuple[int, Any]] = frozenset()
    """Attributes (by owner and name) whose numbers are inputs, as each call changes them."""
    inputs: list[Input] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    containers: dict[int, Any] = field(default_factory=dict)
    """Real lists and dicts by their cells."""
    _cells: dict[int, Value] = field(default_factory=dict)
    _tensors: dict[int, Tensor] = field(default_factory=dict)
    _guarded: set[tuple[int, str, Any]] = field(default_factory=set)
    _keep: list[Any] = field(default_factory=list)

    def guard(self, location: Location, expected: Any, identity: bool = False) -> None:
        key = (id(location.container), location.access, location.key)
        if key not in self._guarded:
            self._guarded.add(key)
            self.guards.append(Guard(location, expected, self.span(), identity))

    def lift(self, obj: Any, location: Location, name: str = "x") -> Value:
        """The value of an object found at ``location``; it becomes an input or is guarded."""
        if isinstance(obj, chainer.Variable):
            if obj.array is None:
                self.guard(Location(obj, "attribute", "array"), None)
                self.guard(location, obj, identity=True)
                return Static(obj)
            return self._tensor(obj, obj.array, location, name)
        if isinstance(obj, np.ndarray) and is_supported(obj.dtype):
            return self._tensor(obj, obj, location, name)
        if isinstance(obj, tuple):
            self.guard(location, obj, identity=not _by_equality(obj))
            items = [
                self.lift(x, Location(obj, "item", i), f"{name}_{i}") for i, x in enumerate(obj)
            ]
            if all(isinstance(i, Static) for i in items):
                return Static(obj)
            return Tuple(tuple(items), type(obj))
        if isinstance(obj, list) and type(obj) is list:
            return self._list(obj, location, name)
        if isinstance(obj, dict) and type(obj) is dict:
            return self._dict(obj, location, name)
        if type(obj) is set:
            return self._set(obj, location)
        if type(obj) in SCALAR_DTYPES and (id(location.container), location.key) in self.volatile:
            return self._number(obj, location, name)
        if is_static(obj):
            self.guard(location, obj, identity=not _by_equality(obj))
            return Static(obj)
        self.guard(location, obj, identity=True)
        return self.heap.new_object(type(obj), obj)

    def _number(self, obj: Any, location: Location, name: str) -> Scalar:
        kind = type(obj)
        made = self.builder.parameter(name, (), SCALAR_DTYPES[kind])
        parameter = made.expr.name_hint
        self.inputs.append(Input(parameter, location, (), made.dtype, False, kind))
        return Scalar(made.expr, kind)

    def _tensor(
        self, obj: Any, array: np.ndarray[Any, Any], location: Location, name: str
    ) -> Tensor:
        if id(obj) not in self._tensors:
            self._keep.append(obj)
            made = self.builder.parameter(name, array.shape, array.dtype)
            is_variable = isinstance(obj, chainer.Variable)
            parameter = made.expr.name_hint
            self.inputs.append(Input(parameter, location, array.shape, array.dtype, is_variable))
            kind: Literal["variable", "array"] = "variable" if is_variable else "array"
            self._tensors[id(obj)] = Tensor(
                made.expr, array.shape, array.dtype, kind, origin=obj, storage=made.storage
            )
        else:
            # Two places hold one object: the program relies on that.
            self.guard(location, obj, identity=True)
        return self._tensors[id(obj)]

    def forget(self, obj: Any, location: Location) -> None:
        """What was guarded at a location changed while compiling."""
        self._guarded.discard((id(location.container), location.access, location.key))
        self._tensors.pop(id(obj), None)

    def _list(self, obj: list[Any], location: Location, name: str) -> Value:
        self.guard(location, obj, identity=True)
        if id(obj) not in self._cells:
            cell = self.heap.new_external(Items())
            self._cells[id(obj)] = List(cell)
            self.containers[cell] = obj
            self.guard(Location(obj, "call", "__iter__"), list(obj))
            items = tuple(
                self.lift(x, Location(obj, "item", i), f"{name}_{i}") for i, x in enumerate(obj)
            )
            self.heap.base[cell] = self.heap.cells[cell] = Items(items)
        return self._cells[id(obj)]

    def _set(self, obj: set[Any], location: Location) -> Value:
        self.guard(location, obj, identity=True)
        if id(obj) not in self._cells:
            cell = self.heap.new_external(Entries({item: Static(True) for item in obj}))
            self._cells[id(obj)] = Set(cell)
            self.containers[cell] = obj
            self.guard(Location(obj, "call", "copy"), list(obj))
        return self._cells[id(obj)]

    def _dict(self, obj: dict[Any, Any], location: Location, name: str) -> Value:
        self.guard(location, obj, identity=True)
        if id(obj) not in self._cells:
            cell = self.heap.new_external(Entries())
            self._cells[id(obj)] = Dict(cell)
            self.containers[cell] = obj
            self.guard(Location(obj, "call", "keys"), list(obj))
            items = {
                k: self.lift(x, Location(obj, "item", k), f"{name}_{k}") for k, x in obj.items()
            }
            self.heap.base[cell] = self.heap.cells[cell] = Entries(items)
        return self._cells[id(obj)]


#: The dtypes that arrays of a program can have.
DTYPES = frozenset(
    np.dtype(name)
    for name in ("bool", "float16", "float32", "float64")
    + tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
)


def is_supported(dtype: np.dtype[Any]) -> bool:
    return dtype in DTYPES


def is_static(obj: Any) -> bool:
    """Whether a Python object can't be changed by a program, so that it may stand for itself."""
    return obj is None or isinstance(
        obj,
        bool
        | int
        | float
        | complex
        | str
        | bytes
        | type
        | np.dtype
        | np.generic
        | range
        | slice
        | frozenset
        | types.ModuleType
        | types.FunctionType
        | types.BuiltinFunctionType
        | types.MethodType
        | np.ufunc
        | functools.partial
        | type(Ellipsis)
        | type(NotImplemented),
    )


def _by_equality(obj: Any) -> bool:
    if type(obj) is tuple:
        return all(map(_by_equality, obj))
    return isinstance(
        obj, bool | int | float | complex | str | bytes | np.generic | np.dtype | range | type(None)
    )


def _is(a: Any, b: Any) -> bool:
    return a is b or (_by_equality(a) and same_static(a, b))
