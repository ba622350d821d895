"""Templates of joined values: values and contents with a :class:`Leaf` for every staged part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from astfront.builder import Builder
from astfront.contents import (
    Attributes,
    ByValue,
    Content,
    Entries,
    GrownList,
    ItemOf,
    Items,
    Names,
)
from astfront.joins.leaves import BOOL_LEAF, INT_LEAF, Leaf
from astfront.sameness import same
from astfront.values import (
    UNBOUND,
    Deferred,
    EitherDtype,
    Node,
    Option,
    Range,
    Scalar,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
)
from astfront.values import (
    Iterator as IteratorValue,
)


def stand_in(b: Builder, leaf: Leaf) -> Tensor:
    """A value of the leaf's type for the way on which there is none; it is never looked at."""
    shape = tuple(0 if d is None else d for d in leaf.shape)
    if not shape:
        return b.constant(np.zeros((), leaf.dtype))
    return b.call("zeros", shape=shape, dtype=leaf.dtype.name)


def mapped(template: Value, f: Callable[[Leaf], Value]) -> Any:
    """A template with something else in the place of each leaf, in their order."""
    if isinstance(template, Leaf):
        return f(template)
    if isinstance(template, Tuple):
        return replace(template, items=tuple(mapped(t, f) for t in template.items))
    if isinstance(template, Slice):
        return Slice(*(mapped(t, f) for t in template.parts))
    if isinstance(template, Deferred):
        return replace(template, args=tuple(mapped(t, f) for t in template.args))
    if isinstance(template, Node):
        kind, row = mapped(template.kind, f), mapped(template.row, f)
        return replace(template, kind=kind, row=row, key=("row", getattr(row, "expr", row)))
    if isinstance(template, ByValue):
        return replace(template, content=mapped_content(template.content, f))
    if isinstance(template, ItemOf):
        return replace(template, index=mapped(template.index, f))
    if isinstance(template, EitherDtype):
        return replace(template, array=mapped(template.array, f), other=mapped(template.other, f))
    if isinstance(template, Option):
        present, value = mapped(template.present, f), mapped(template.value, f)
        return replace(template, present=present, value=value, absent=mapped(template.absent, f))
    return template


def mapped_content(content: Content, f: Callable[[Leaf], Value]) -> Any:
    if isinstance(content, Items):
        return Items(tuple(mapped(t, f) for t in content.items))
    if isinstance(content, GrownList):
        buffers = tuple(mapped(t, f) for t in content.buffers)
        return GrownList(content.element, buffers, mapped(content.length, f))
    return replace(content, items={key: mapped(t, f) for key, t in content.items.items()})


def _filled(tensors: Iterator[Tensor]) -> Callable[[Leaf], Value]:
    """What puts tensors in the place of leaves."""

    def filled(leaf: Leaf) -> Value:
        tensor = next(tensors)
        if leaf.scalar is not None:
            return Scalar(tensor.expr, leaf.scalar)
        flag = Scalar(next(tensors).expr, bool) if leaf.kind == "either" else None
        return replace(tensor, kind=leaf.kind, storage=leaf.storage, const=None, is_variable=flag)

    return filled


def fill(template: Value, tensors: Iterator[Tensor]) -> Value:
    return mapped(template, _filled(tensors))  # type: ignore[no-any-return]


def fill_content(template: Content, tensors: Iterator[Tensor]) -> Content:
    return mapped_content(template, _filled(tensors))  # type: ignore[no-any-return]


def leaves_of(template: Value) -> Iterator[Leaf]:
    if isinstance(template, Leaf):
        yield template
        if template.kind == "either":
            yield BOOL_LEAF
    elif isinstance(template, Tuple):
        for item in template.items:
            yield from leaves_of(item)
    elif isinstance(template, Slice):
        for item in template.parts:
            yield from leaves_of(item)
    elif isinstance(template, Deferred):
        for item in template.args:
            yield from leaves_of(item)
    elif isinstance(template, Node):
        yield from leaves_of(template.kind)
        yield from leaves_of(template.row)
    elif isinstance(template, ByValue):
        yield from content_leaves(template.content)
    elif isinstance(template, ItemOf):
        yield from leaves_of(template.index)
    elif isinstance(template, EitherDtype):
        yield from leaves_of(template.array)
        yield from leaves_of(template.other)
    elif isinstance(template, Option):
        yield from leaves_of(template.present)
        yield from leaves_of(template.value)
        yield from leaves_of(template.absent)


def content_leaves(content: Content) -> Iterator[Leaf]:
    if isinstance(content, GrownList):
        yield from (b for b in content.buffers if isinstance(b, Leaf))
        yield from leaves_of(content.length)
    elif isinstance(content, Items):
        for item in content.items:
            yield from leaves_of(item)
    else:
        for item in content.items.values():
            yield from leaves_of(item)


def joined_node(a: Node, b: Node, forced: Value | None = None) -> Node:
    """A part of a tree that is one of two."""
    nodes = [a, b, *([forced] if isinstance(forced, Node) else [])]
    kinds = tuple(sorted({kind for node in nodes for kind in node.kinds}))
    kind = INT_LEAF if len(kinds) > 1 else Static(kinds[0])
    return replace(a, kinds=kinds, kind=kind, row=INT_LEAF, key=None)


def exported(value: Value) -> Value:
    """A template of a value, every staged part of it a leaf."""
    if isinstance(value, Node):
        return joined_node(value, value)
    if isinstance(value, Tensor) and value.const is None:
        return Leaf(value.shape, value.dtype, value.kind, None, value.storage)
    if isinstance(value, Scalar):
        return Leaf((), value.dtype, scalar=value.type, name="n")
    if isinstance(value, Tuple):
        return replace(value, items=tuple(map(exported, value.items)))
    if isinstance(value, Slice):
        return Slice(*map(exported, value.parts))
    if isinstance(value, Deferred):
        return replace(value, args=tuple(map(exported, value.args)))
    if isinstance(value, EitherDtype):
        array: Any = exported(value.array)
        other: Any = exported(value.other)
        return replace(value, array=array, other=other)
    if isinstance(value, Option):
        present: Any = exported(value.present)
        inner, absent = exported(value.value), exported(value.absent)
        return replace(value, present=present, value=inner, absent=absent)
    return UNBOUND if isinstance(value, IteratorValue | Range) else value


def element_at(element: Value, leaves: Sequence[Tensor]) -> Value:
    """One element of a grown list, from the template and the rows of its buffers."""
    return fill(element, iter(leaves))


def same_template(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, Leaf):
        return a.same_type(b)
    if isinstance(a, Items):
        return len(a.items) == len(b.items) and all(map(same_template, a.items, b.items))
    if isinstance(a, GrownList):
        return (
            same_template(a.element, b.element)
            and len(a.buffers) == len(b.buffers)
            and all(map(same_template, a.buffers, b.buffers))
        )
    if isinstance(a, Entries) and a.ordered is not b.ordered:
        return False
    if isinstance(a, Entries | Attributes | Names):
        return list(a.items) == list(b.items) and all(
            map(same_template, a.items.values(), b.items.values())
        )
    if isinstance(a, Tuple):
        return len(a.items) == len(b.items) and all(map(same_template, a.items, b.items))
    if isinstance(a, Slice):
        return all(map(same_template, a.parts, b.parts))
    if isinstance(a, Deferred):
        same_function = a.function == b.function and len(a.args) == len(b.args)
        return same_function and all(map(same_template, a.args, b.args))
    if isinstance(a, Node):
        return a.forest is b.forest and a.kinds == b.kinds
    if isinstance(a, ByValue):
        return a.reference.cls is b.reference.cls and same_template(a.content, b.content)
    if isinstance(a, ItemOf):
        same_place = a.of == b.of and a.path == b.path
        return same_place and same_template(a.index, b.index)
    if isinstance(a, EitherDtype):
        return a.dtype == b.dtype and same_template(a.array, b.array)
    if isinstance(a, Option):
        pairs = ((a.present, b.present), (a.value, b.value), (a.absent, b.absent))
        return all(same_template(x, y) for x, y in pairs)
    return same(a, b)
