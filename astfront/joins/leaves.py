"""The staged parts of templates (``templates.py``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from astfront.contents import ByValue
from astfront.descriptions import describe
from astfront.environment import UNKNOWN_STORAGE
from astfront.values import (
    SCALAR_DTYPES,
    Option,
    Scalar,
    Shape,
    Static,
    Tensor,
    TensorKind,
    Tuple,
    Value,
)


@dataclass(frozen=True, eq=False)
class Leaf(Value):
    """A staged part of a template: a tensor of this type, or with ``scalar`` a Python number."""

    shape: Shape
    dtype: np.dtype[Any]
    kind: TensorKind = "array"
    scalar: type | None = None
    storage: int = UNKNOWN_STORAGE
    name: str = "x"

    @property
    def noun(self) -> str:
        if self.scalar is not None:
            return describe(Scalar(None, self.scalar))
        return describe(Tensor(None, self.shape, self.dtype, self.kind))

    def same_type(self, other: Leaf) -> bool:
        return (self.shape, self.dtype, self.kind, self.scalar) == (
            other.shape,
            other.dtype,
            other.kind,
            other.scalar,
        )


BOOL_LEAF = Leaf((), np.dtype("bool"), scalar=bool, name="present")
INT_LEAF = Leaf((), np.dtype("int64"), scalar=int, name="length")


def number_type(value: Value) -> type | None:
    """``int``, ``float`` or ``bool`` of a number, known, staged, or a leaf."""
    if isinstance(value, Static):
        return type(value.obj) if type(value.obj) in SCALAR_DTYPES else None
    if isinstance(value, Scalar):
        return value.type
    return value.scalar if isinstance(value, Leaf) else None


def item_types(v: Value) -> tuple[tuple[Shape, np.dtype[Any]], ...]:
    """Shape and dtype of each number or array that a value may be; none, of another value."""
    if isinstance(v, Option):
        first, second = item_types(v.value), item_types(v.absent)
        return tuple(dict.fromkeys(first + second)) if first and second else ()
    if isinstance(v, Static) and isinstance(v.obj, np.number | np.bool_):
        return (((), v.obj.dtype),)
    if isinstance(v, Leaf) and v.kind in ("array", "generic"):
        return ((v.shape, v.dtype),)
    number = number_type(v)
    return () if number is None else (((), np.dtype(SCALAR_DTYPES[number])),)


def has_rows(v: Value) -> bool:
    """Whether an item of a list that grew is a tuple or list, or one of several values that all are."""
    if isinstance(v, Option):
        return has_rows(v.value) and has_rows(v.absent)
    if isinstance(v, Static):
        return type(v.obj) is tuple
    return isinstance(v, Tuple | ByValue)


def with_leaf(v: Value) -> Value:
    """A value, or of one of numpy's numbers that's known while compiling, the leaf that it fits in."""
    if isinstance(v, Static) and isinstance(v.obj, np.number | np.bool_):
        return Leaf((), v.obj.dtype, "generic")
    return v


def leaf_type(v: Tensor | Leaf | Scalar) -> Leaf:
    if isinstance(v, Leaf):
        return v
    if isinstance(v, Tensor):
        return Leaf(v.shape, v.dtype, v.kind, None, v.storage)
    return Leaf((), v.dtype, scalar=v.type)
