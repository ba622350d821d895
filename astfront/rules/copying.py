"""``copy``, ``vars`` and ``__dict__``: copies of what a program holds, and attributes by name."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FunctionType, MemberDescriptorType
from typing import Any

import chainer
import numpy as np

from astfront.attributes import attribute_dict
from astfront.contents import Entries, GrownList, Items
from astfront.descriptions import describe
from astfront.environment import UNKNOWN_STORAGE
from astfront.joins.options import is_optional
from astfront.lifting import Structure
from astfront.locations import Location
from astfront.rules.registry import rule
from astfront.sameness import same
from astfront.values import (
    NONE,
    BoundMethod,
    Copied,
    Deferred,
    Dict,
    Function,
    List,
    Object,
    Option,
    Partial,
    Range,
    Scalar,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
)
from astfront.variable_attributes import variable_class

#: Methods by which a class has a say in how it's copied.
_OWN_WAYS = (
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
    "__new__",
)


@rule(copy.copy)
def shallow_copy(cx: Any, x: Value) -> Value:
    """``copy.copy``: of an object, another one that shares what its attributes hold."""
    match x:
        case Tensor(kind="array"):
            return cx.call(Static(np.ndarray.copy), [x], {})  # type: ignore[no-any-return]
        case Tensor(kind="variable"):
            return _as_copy(cx, x, x)
        case Tensor(kind="generic") | Tuple() | Scalar() | Function() | Partial() | BoundMethod():
            return x
        case Static(obj=obj) if not isinstance(obj, chainer.Variable):
            return x
        case List() | Dict():
            return cx.call(cx.get_attribute(x, "copy"), [], {})  # type: ignore[no-any-return]
        case Object(cls=cls):
            method = getattr(cls, "__copy__", None)
            if isinstance(method, FunctionType):
                return cx.call(Static(method), [x], {})  # type: ignore[no-any-return]
            made = _empty(cx, x, "copy.copy")
            for name, value in own_attributes(cx, x):
                cx.heap.bind(made.cell, name, value)
            return made
    raise cx.error("AF0301", f"copy.copy of {describe(x)} isn't supported")


class Memo(dict[int, Value]):
    """The copies that one ``copy.deepcopy`` has made so far, by the cells of what they're copies of."""

    def __init__(self) -> None:
        self.arrays: list[tuple[Tensor, Tensor]] = []


@rule(copy.deepcopy)
def deep_copy(cx: Any, x: Value, memo: Value = NONE) -> Value:
    """``copy.deepcopy``: what is one object among the originals is one among the copies."""
    known = memo.obj if isinstance(memo, Static) else None
    if not isinstance(known, Memo):
        if memo is not NONE and not isinstance(memo, Static):
            cx.fail("AF0301", "copy.deepcopy with a memo of one's own isn't supported")
        known = Memo()
    return _DeepCopy(cx, known).value(x)


@dataclass
class _DeepCopy:
    cx: Any
    memo: Memo

    def value(self, x: Value) -> Value:
        match x:
            case Tensor(kind="generic") | Scalar() | Unbound() | Function() | Range() | Slice():
                return x
            case Deferred() if not isinstance(x.function, type):
                return x  # a text
            case Static(obj=obj) if not isinstance(obj, chainer.Variable):
                return x
            case Tensor():
                return self._tensor(x)
            case Tuple(items=items):
                return replace(x, items=tuple(map(self.value, items)))
            case Option(value=inner, absent=absent):
                return replace(x, value=self.value(inner), absent=self.value(absent))
            case BoundMethod(self=owner):
                return replace(x, self=self.value(owner))
            case List() | Dict():
                return self._container(x)
            case Object():
                return self._object(x)
        if isinstance(x, Static):
            self.cx.fail(
                "AF0403",
                f"the parameter `{x.obj.name}`, which has no array yet, is copied",
                help="call the model once",
            )
        raise self.cx.error("AF0301", f"copy.deepcopy of {describe(x)} isn't supported")

    def _tensor(self, x: Tensor) -> Tensor:
        array = x.as_kind("array")
        made = next((new for old, new in self.memo.arrays if same(old, array)), None)
        if made is None:
            made = self.cx.call(Static(np.ndarray.copy), [array], {})
            for old, new in self.memo.arrays:
                if UNKNOWN_STORAGE in (old.storage, array.storage):
                    # These may be one array, and then the copies are one: neither can be changed.
                    self.cx.heap.copied.update((new.storage, made.storage))
            self.memo.arrays.append((array, made))
        return _as_copy(self.cx, replace(made, kind=x.kind, is_variable=x.is_variable), x)

    def _container(self, x: List | Dict) -> Value:
        if x.cell in self.memo:
            return self.memo[x.cell]
        heap = self.cx.heap
        content = heap[x.cell]
        made = replace(x, cell=heap.new(Entries() if isinstance(x, Dict) else Items()))
        self.memo[x.cell] = made
        if isinstance(content, GrownList):
            heap[made.cell] = content  # its items are copies already
        elif isinstance(content, Items):
            heap[made.cell] = Items(tuple(map(self.value, content.items)))
        else:
            items = {k: self.value(v) for k, v in content.items.items()}
            heap[made.cell] = replace(content, items=items)
        return made

    def _object(self, x: Object) -> Value:
        if x.cell in self.memo:
            return self.memo[x.cell]
        if issubclass(x.cls, chainer.backend.Device):
            return x
        method = getattr(x.cls, "__deepcopy__", None)
        if isinstance(method, FunctionType):
            made = self.cx.call(Static(method), [x, Static(self.memo)], {})
            self.memo[x.cell] = made
            return made  # type: ignore[no-any-return]
        made = _empty(self.cx, x, "copy.deepcopy")
        self.memo[x.cell] = made
        for name, value in own_attributes(self.cx, x):
            self.cx.heap.bind(made.cell, name, self.value(value))
        return made


def _as_copy(cx: Any, made: Tensor, of: Tensor) -> Tensor:
    """``made`` is a copy of a Variable, with its class, its name and so on."""
    if made.kind != "variable":
        return made
    origin = of.origin
    if origin is None or isinstance(origin, np.ndarray):
        return made
    if getattr(origin, "own", None) is not None:
        raise cx.error("AF0301", "a Variable is copied that was given attributes")
    copied = Copied(variable_class(of), origin.name, origin.requires_grad)
    plain = copied == Copied(chainer.Variable, None, True)
    return replace(made, origin=None if plain else copied)


def _empty(cx: Any, x: Object, what: str) -> Object:
    """A new object of the class of ``x``, which is copied by its attributes."""
    ways = (*_OWN_WAYS, what.replace("copy.", "__") + "__")
    if any(getattr(x.cls, name, None) is not getattr(object, name, None) for name in ways):
        raise cx.error("AF0301", f"{what} of {describe(x)} isn't supported")
    made: Object = cx.heap.new_object(x.cls)
    return made


# --- attributes by name ------------------------------------------------------------------------


def own_attributes(cx: Any, x: Object) -> Iterator[tuple[str, Value]]:
    """The attributes of an object itself, not those of its class."""
    for name in list(_own_names(cx, x)):
        value = own_attribute(cx, x, name)
        if not isinstance(value, Unbound):
            yield name, value


def _own_names(cx: Any, x: Object) -> list[str]:
    names: dict[str, None] = {}
    if x.instance is not None:
        found = getattr(x.instance, "__dict__", {})
        place = Location(x.instance, "attribute", "__dict__")
        cx.lifter.guards.append(Structure(place, type(found), len(found), tuple(found)))
        names.update(dict.fromkeys(found))
    for cls in x.cls.__mro__:
        names.update((n, None) for n, v in vars(cls).items() if isinstance(v, MemberDescriptorType))
    names.update(dict.fromkeys(cx.heap[x.cell].items))
    return list(names)


def own_attribute(cx: Any, x: Object, name: str) -> Value:
    """An attribute of the object itself; UNBOUND where it has none of that name."""
    written: Value | None = cx.heap[x.cell].items.get(name)
    if written is not None:
        return written
    return cx.heap.current(cx.original_attribute(x.cell, name))  # type: ignore[no-any-return]


class AttributeDict:
    """``x.__dict__``: the attributes of an object as a dict, which changes as they do."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return attributes_of(self.owner)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        object.__setattr__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        object.__delattr__(self.owner, name)

    def __contains__(self, name: str) -> bool:
        return name in attributes_of(self.owner)

    def __len__(self) -> int:
        return len(attributes_of(self.owner))

    def __iter__(self) -> Iterator[str]:
        return iter(attributes_of(self.owner))

    def __eq__(self, other: Any) -> bool:
        return attributes_of(self.owner) == dict(other)

    def keys(self) -> Any:
        return attributes_of(self.owner).keys()

    def values(self) -> Any:
        return attributes_of(self.owner).values()

    def items(self) -> Any:
        return attributes_of(self.owner).items()

    def copy(self) -> dict[str, Any]:
        return attributes_of(self.owner)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def update(self, *others: Any, **named: Any) -> None:
        for name, value in dict(*others, **named).items():
            self[name] = value


@rule(attribute_dict)
def attribute_dict_(cx: Any, owner: Value) -> Value:
    made = cx.heap.new_object(AttributeDict)
    cx.heap.bind(made.cell, "owner", owner)
    return made  # type: ignore[no-any-return]


def attributes_of(owner: Any) -> dict[str, Any]:
    """The attributes of an object as they are now."""
    return dict(vars(owner))


@rule(attributes_of)
def attributes_of_(cx: Any, owner: Object) -> Value:
    entries = dict(own_attributes(cx, owner))
    if any(map(is_optional, entries.values())):
        cx.fail(
            "AF0203",
            f"which attributes {describe(owner)} has depends on data",
            help="set them before the `if` or the loop",
        )
    return cx.heap.new_dict(entries)  # type: ignore[no-any-return]


@rule(vars)
def vars_(cx: Any, *of: Value) -> Value:
    if not of:
        cx.fail("AF0301", "vars() without an argument isn't supported")
    return cx.get_attribute(of[0], "__dict__")  # type: ignore[no-any-return]
