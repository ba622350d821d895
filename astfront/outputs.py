"""From a program's result back to Python objects: the same types and structure that Chainer gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import chainer
import numpy as np

from astfront.environment import same
from astfront.templates import Leaf
from astfront.values import (
    UNBOUND,
    Dict,
    Entries,
    GrownList,
    Items,
    List,
    Object,
    Option,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

Arrays = Sequence[np.ndarray]


class Template:
    """Makes a Python object of a program's output arrays."""

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Known(Template):
    obj: Any

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        return self.obj


@dataclass(frozen=True)
class ArrayOut(Template):
    index: int
    kind: str
    flag: int = -1

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        key = -1 - self.index
        if self.kind != "generic" and (key, self.kind) in made:
            return made[key, self.kind]
        made[key, self.kind] = result = self._build(arrays)
        return result

    def _build(self, arrays: Arrays) -> Any:
        array = arrays[self.index]
        if self.kind == "variable" or (self.kind == "either" and bool(arrays[self.flag])):
            return chainer.Variable(array)
        return array[()] if self.kind == "generic" else array


@dataclass(frozen=True)
class NumberOut(Template):
    index: int
    type: type

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        return self.type(arrays[self.index])


@dataclass(frozen=True)
class TupleOut(Template):
    items: tuple[Template, ...]
    cls: type

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        items = [i.build(arrays, made) for i in self.items]
        return tuple(items) if self.cls is tuple else self.cls(*items)


@dataclass(frozen=True)
class ListOut(Template):
    cell: int
    items: tuple[Template, ...]

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        if self.cell not in made:
            made[self.cell] = result = []
            result.extend(i.build(arrays, made) for i in self.items)
        return made[self.cell]


@dataclass(frozen=True)
class GrownOut(Template):
    """A list that grew in the program: one element a row of the buffers."""

    cell: int
    element: Template
    buffers: tuple[int, ...]
    length: int

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        if self.cell not in made:
            rows = [arrays[b] for b in self.buffers]
            made[self.cell] = [
                self.element.build([r[i] for r in rows], {})
                for i in range(int(arrays[self.length]))
            ]
        return made[self.cell]


@dataclass(frozen=True)
class DictOut(Template):
    cell: int
    items: tuple[tuple[Any, Template], ...]

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        if self.cell not in made:
            made[self.cell] = {k: v.build(arrays, made) for k, v in self.items}
        return made[self.cell]


@dataclass(frozen=True)
class ObjectOut(Template):
    cell: int
    cls: type
    items: tuple[tuple[str, Template], ...]

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        if self.cell not in made:
            made[self.cell] = result = object.__new__(self.cls)
            for name, template in self.items:
                object.__setattr__(result, name, template.build(arrays, made))
        return made[self.cell]


@dataclass(frozen=True)
class OptionOut(Template):
    present: int
    value: Template
    absent: Template

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        chosen = self.value if bool(arrays[self.present]) else self.absent
        return chosen.build(arrays, made)


@dataclass(frozen=True)
class ArgumentOut(Template):
    """An argument or an input that is handed back as it came."""

    source: Any

    def build(self, arrays: Arrays, made: dict[Any, Any]) -> Any:
        return made[id(self.source)] if id(self.source) in made else self.source


@dataclass
class Results:
    """Collects the tensors that a program gives, and makes templates of values."""

    cx: Any
    tensors: list[Tensor] = field(default_factory=list)

    def add(self, tensor: Tensor | Scalar) -> int:
        if isinstance(tensor, Scalar):
            tensor = Tensor(tensor.expr, (), tensor.dtype)
        for i, known in enumerate(self.tensors):
            if same(known.as_kind("array"), tensor.as_kind("array")):
                return i
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def template(self, value: Value) -> Template:
        heap = self.cx.heap
        match value:
            case Static(obj=obj):
                return Known(obj)
            case Tensor(origin=origin) if origin is not None and value.kind in (
                "variable",
                "array",
            ):
                return Known(origin)
            case Tensor(kind="either"):
                return ArrayOut(self.add(value), "either", self.add(value.is_variable))  # type: ignore
            case Tensor():
                return ArrayOut(self.add(value), value.kind)
            case Scalar():
                return NumberOut(self.add(value), value.type)
            case Tuple(items=items):
                return TupleOut(tuple(map(self.template, items)), value.cls)
            case List(cell=cell):
                if cell in self.cx.lifter.containers:
                    return Known(self.cx.lifter.containers[cell])
                return self._list(cell, heap[cell])
            case Dict(cell=cell) if isinstance(heap[cell], Entries):
                if cell in self.cx.lifter.containers:
                    return Known(self.cx.lifter.containers[cell])
                items = tuple((k, self.template(v)) for k, v in heap[cell].items.items())
                return DictOut(cell, items)
            case Object(instance=instance) if instance is not None:
                return Known(instance)
            case Object(cell=cell, cls=cls):
                pairs = tuple((k, self.template(v)) for k, v in heap[cell].items.items())
                return ObjectOut(cell, cls, pairs)
            case Option(present=present, value=inner, absent=absent) if absent is not UNBOUND:
                return OptionOut(self.add(present), self.template(inner), self.template(absent))
        self.cx.fail(
            "AF0405",
            f"the function gives back {describe(value)}, which can't be handed over",
            help="return arrays, Variables, numbers, or tuples, lists and dicts of them",
        )

    def _list(self, cell: int, content: Items | GrownList) -> Template:
        if isinstance(content, Items):
            return ListOut(cell, tuple(map(self.template, content.items)))
        if not content.buffers and content.element is UNBOUND:
            return ListOut(cell, ())
        buffers = tuple(self.add(b) for b in content.buffers)
        counter = iter(range(len(buffers)))
        element = _element_template(content.element, counter)
        return GrownOut(cell, element, buffers, self.add(content.length))


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
        case Option(present=_, value=inner, absent=absent):
            flag = next(counter)
            return OptionOut(flag, _element_template(inner, counter), Known(absent.obj))  # type: ignore
        case Static(obj=obj):
            return Known(obj)
        case Object(instance=instance):
            return Known(instance)
    raise TypeError(f"no template for {value!r}")
