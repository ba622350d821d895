"""From a program's result back to Python objects: the same types and structure that Chainer gives."""

from __future__ import annotations

import collections
import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import chainer
import numpy as np

from astfront.calls.local_classes import is_local
from astfront.contents import ByValue, Entries, GrownList, Items
from astfront.descriptions import describe
from astfront.diagnostics import CompileError, error
from astfront.environment import UNKNOWN_STORAGE
from astfront.identity import place_of
from astfront.joins.collector import is_ragged, leaf_buffers
from astfront.joins.leaves import Leaf
from astfront.joins.templates import leaves_of
from astfront.output_templates import (
    ArgumentOut,
    ArrayOut,
    CallOut,
    ComplexOut,
    DictOut,
    GrownOut,
    ItemOut,
    Known,
    ListOut,
    LocationOut,
    MadeOut,
    NumberOut,
    ObjectOut,
    OptionOut,
    Template,
    TupleOut,
)
from astfront.rules.numpy import complex_arrays
from astfront.sameness import same, same_array
from astfront.values import (
    NONE,
    UNBOUND,
    Argument,
    Copied,
    Deferred,
    Dict,
    EitherDtype,
    List,
    Object,
    Option,
    Scalar,
    Set,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
)

#: Names of the containers in elements of lists, beside the numbers of cells.
_made = itertools.count(-1, -1)


@dataclass
class Results:
    """Collects the tensors that a program gives, and makes templates of values."""

    cx: Any
    arguments: Mapping[int, tuple[Any, ...]]
    """Where in the arguments the lists and dicts of these cells are."""
    tensors: list[Tensor] = field(default_factory=list)
    changed: dict[int, tuple[Tensor, str, Template]] = field(default_factory=dict)
    """Arrays from outside that are changed in place, by their storages: the contents at the end,
    what they are, and the objects themselves."""
    handed: dict[int, Value] = field(default_factory=dict)
    """The lists, dicts and objects that are handed over, by their cells."""
    _open: set[int] = field(default_factory=set)

    def add(self, tensor: Tensor | Scalar) -> int:
        if isinstance(tensor, Scalar):
            tensor = Tensor(tensor.expr, (), tensor.dtype, storage=UNKNOWN_STORAGE)
        for i, known in enumerate(self.tensors):
            # Copies of an array are arrays of their own.
            if known.storage == tensor.storage and same(
                known.as_kind("array"), tensor.as_kind("array")
            ):
                return i
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def template(self, value: Value) -> Template:
        match value:
            case Static(obj=obj) if not isinstance(obj, type) or not is_local(obj):
                return Known(obj)
            case Tensor(const=const) if const is not None and const.dtype.kind == "c":
                is_number = value.kind == "generic"
                return Known(const[()]) if is_number else CallOut(np.array, (Known(const),))
            case Tensor(origin=Argument(path=path)):
                return ArgumentOut(path)
            case Tensor(origin=Copied(cls=chainer.Variable, requires_grad=True) as named):
                return self._named(value, named)
            case Tensor(origin=Copied(cls=cls)):
                raise error(
                    "AF0405",
                    f"the function gives back a copy of a {cls.__name__}, with its name and so on",
                    help="give back `x * 1`",
                )
            case Tensor(origin=origin) if origin is not None and value.kind in (
                "variable",
                "array",
            ):
                return LocationOut(self.cx.lifter.places[id(origin)])
            case Tensor(storage=storage) if storage in self.changed:
                now, kind, itself = self.changed[storage]
                if kind == value.kind and same_array(now, value):
                    return itself
                return ArrayOut(self.add(value), value.kind)
            case Tensor(kind="either"):
                return ArrayOut(self.add(value), "either", self.add(value.is_variable))  # type: ignore
            case Tensor():
                return ArrayOut(self.add(value), value.kind)
            case Scalar():
                return NumberOut(self.add(value), value.type)
            case Tuple(items=items):
                return TupleOut(tuple(map(self.template, items)), value.cls)
            case Deferred(function=function, args=args):
                return CallOut(function, tuple(map(self.template, args)))
            case Slice():
                return CallOut(slice, tuple(map(self.template, value.parts)))
            case List(cell=cell) | Dict(cell=cell):
                if cell in self.cx.lifter.containers:
                    return LocationOut(self.cx.lifter.containers[cell])
                if cell in self.arguments:
                    return ArgumentOut(self.arguments[cell])
                return self._item(cell) or self._once(cell, lambda: self.contents(value))
            case Object(instance=instance) if instance is not None:
                return Known(instance)
            case Object(cell=cell) if complex_arrays.is_complex(value):
                content = self.cx.heap[cell].items
                return ComplexOut(cell, tuple(self.template(content[k]) for k in ("_re", "_im")))
            case Object(cell=cell, cls=cls) if not _is_inner(cls):
                return self._item(cell) or self._once(cell, lambda: self._object(cell, cls))
            case EitherDtype(array=array, dtype=dtype, other=other):
                parts = ArrayOut(self.add(array), "array"), NumberOut(self.add(other), bool)
                return CallOut(_of_dtype, (*parts, Known(dtype)))
            case Option(present=present, value=inner, absent=absent) if absent is not UNBOUND:
                return OptionOut(self.add(present), self.template(inner), self.template(absent))
        raise _not_handed_over(value)

    def _named(self, value: Tensor, of: Copied) -> Template:
        """A Variable that the program gave a name, or other attributes."""
        content: Any = None if of.own is None else self.cx.heap[of.own]
        set_on_it = {} if content is None else content.items
        attributes = {"name": Known(of.name)} | {k: self.attribute(v) for k, v in set_on_it.items()}
        made = ArrayOut(self.add(value), "variable")
        return CallOut(_with_attributes, (made, Known(tuple(attributes)), *attributes.values()))

    def _once(self, cell: int, make: Callable[[], Template]) -> Template:
        """What holds itself is made once."""
        if cell in self._open:
            return MadeOut(cell)
        self._open.add(cell)
        try:
            return make()
        finally:
            self._open.discard(cell)

    def _item(self, cell: int) -> Template | None:
        """What is an item of a list that's handed over, too."""
        place = place_of(self.cx.heap, cell, self.handed)
        if place is None or place.owner.cell in self._open:
            return None
        around = self._item(place.owner.cell) or self._once(
            place.owner.cell, lambda: self.contents(place.owner)
        )
        return ItemOut(around, self.template(place.index), place.path)

    def _object(self, cell: int, cls: type) -> Template:
        items = self.cx.heap[cell].items.items()
        return ObjectOut(cell, cls, tuple((k, self.attribute(v)) for k, v in items))

    def attribute(self, value: Value) -> Template:
        """What an attribute is at the end of the call; UNBOUND where it's not there."""
        if isinstance(value, Option) and value.absent is UNBOUND:
            return OptionOut(self.add(value.present), self.template(value.value), Known(UNBOUND))
        return Known(UNBOUND) if value is UNBOUND else self.template(value)

    def _maker(self, value: List | Dict) -> Callable[..., Any]:
        """What makes a container of the value's class: an empty one, or of given items."""
        if isinstance(value, List) and value.cls is collections.deque:
            return functools.partial(collections.deque, maxlen=value.longest)
        if isinstance(value, Dict) and value.cls is collections.defaultdict:
            factory = self.cx.static(value.factory or NONE, "the default of a defaultdict")
            return functools.partial(collections.defaultdict, factory)
        return value.cls

    def contents(self, value: List | Dict) -> Template:
        """A list, dict or set with what it holds at the end of the call."""
        cell = value.cell
        content = self.cx.heap[cell]
        if isinstance(content, Entries):
            if not content.ordered and not isinstance(value, Set):
                raise error("AF0405", "a dict is handed over whose keys' order depends on data")
            items = tuple((k, self.attribute(v)) for k, v in content.items.items())
            return DictOut(cell, items, type(value) is Set, self._maker(value))
        if isinstance(value, Dict):
            make = _KEYED.get(value.cls if not isinstance(value, Set) else set, self._maker(value))
            if isinstance(content, Items) and not content.items:
                return DictOut(cell, (), type(value) is Set, self._maker(value))
            content = self.cx.as_grown(content)
            return self._grown(cell, content, make)
        if isinstance(content, Items):
            return ListOut(cell, tuple(map(self.template, content.items)), self._maker(value))
        if not content.buffers and content.element is UNBOUND:
            return ListOut(cell, (), self._maker(value))
        return self._grown(cell, content, self._maker(value))

    def _grown(self, cell: int, content: GrownList, make: Callable[..., Any]) -> Template:
        buffers = tuple(tuple(map(self.add, found)) for _, found in leaf_buffers(content))
        counter = iter(range(len(buffers)))
        element = _element_template(content.element, counter)
        length = self.add(self.cx.as_scalar(content.length, int))
        return GrownOut(cell, element, buffers, length, make)


def _set_of(pairs: list[Any]) -> set[Any]:
    return {key for key, _ in pairs}


def _counter_of(pairs: list[Any]) -> collections.Counter[Any]:
    return collections.Counter(dict(pairs))


#: What makes a dict or set of pairs, where its class doesn't.
_KEYED: dict[Any, Callable[..., Any]] = {set: _set_of, collections.Counter: _counter_of}


def _with_attributes(made: chainer.Variable, names: tuple[str, ...], *values: Any) -> Any:
    for name, value in zip(names, values):
        if value is not UNBOUND:
            setattr(made, name, value)
    return made


def _of_dtype(array: np.ndarray, other: bool, dtype: np.dtype[Any]) -> np.ndarray:
    return array.astype(dtype) if other else array


def _is_inner(cls: type) -> bool:
    """Whether a class is known to the compiler only."""
    return cls.__module__.startswith("astfront.rules.") or is_local(cls)


def _content_template(reference: List | Dict | Object, content: Any, counter: Any) -> Template:
    """A list, dict or object in an element."""
    made = next(_made)
    if isinstance(content, GrownList):
        groups = [1 + is_ragged(leaf) for leaf in leaves_of(content.element)]
        buffers = tuple(tuple(next(counter) for _ in range(count)) for count in groups)
        inner = UNBOUND if isinstance(content.element, Unbound) else content.element
        element = Known(None) if inner is UNBOUND else _element_template(inner, itertools.count())
        return GrownOut(made, element, buffers, next(counter), reference.cls)
    parts: Any = content.items
    if isinstance(content, Items):
        return ListOut(made, tuple(_element_template(v, counter) for v in parts), reference.cls)
    named = tuple((k, _element_template(v, counter)) for k, v in parts.items())
    if isinstance(reference, Object):
        return ObjectOut(made, reference.cls, named)
    return DictOut(made, named, type(reference) is Set, reference.cls)


def _element_template(value: Value, counter: Any) -> Template:
    match value:
        case Leaf(scalar=kind) if kind is not None:
            return NumberOut(next(counter), kind)
        case Leaf(kind="either"):
            return ArrayOut(next(counter), "either", next(counter))
        case Leaf(kind=kind):
            return ArrayOut(next(counter), kind)
        case Tuple(items=items, cls=cls):
            return TupleOut(tuple(_element_template(i, counter) for i in items), cls)
        case Deferred(function=function, args=args):
            return CallOut(function, tuple(_element_template(a, counter) for a in args))
        case Slice():
            return CallOut(slice, tuple(_element_template(part, counter) for part in value.parts))
        case ByValue(reference=reference, content=content):
            return _content_template(reference, content, counter)
        case EitherDtype(array=array, dtype=dtype):
            parts = _element_template(array, counter), NumberOut(next(counter), bool)
            return CallOut(_of_dtype, (*parts, Known(dtype)))
        case Option(present=_, value=inner, absent=absent):
            flag = next(counter)
            present = _element_template(inner, counter)
            return OptionOut(flag, present, _element_template(absent, counter))
        case Static(obj=obj):
            return Known(obj)
        case Object(instance=instance):
            return Known(instance)
    raise _not_handed_over(value)


def _not_handed_over(value: Value) -> CompileError:
    return error(
        "AF0405",
        f"the function gives back {describe(value)}, which can't be handed over",
        help="return arrays, Variables, numbers, or tuples, lists and dicts of them",
    )
