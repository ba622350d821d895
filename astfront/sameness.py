"""Whether two values, or two Python objects, are known to be the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.contents import ItemOf
from astfront.values import (
    BoundMethod,
    Deferred,
    EitherDtype,
    Function,
    Node,
    Option,
    Range,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
)


def same(a: Value, b: Value) -> bool:
    """Whether two values are known to be the same one."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    match a, b:
        case Static(obj=x), Static(obj=y):
            return same_static(x, y)
        case (Tensor(), Tensor()):
            same_data = a.expr is not None and a.expr is b.expr  # type: ignore[attr-defined]
            same_const = a.const is not None and a.const is b.const  # type: ignore[attr-defined]
            # A copy, or what may be one: what changes one doesn't change the other.
            if a.storage != b.storage or a.known_view is not b.known_view:  # type: ignore[attr-defined]
                return False
            return (same_data or same_const) and a.kind == b.kind  # type: ignore[attr-defined]
        case (Node(), Node()):
            same_kind = a.kinds == b.kinds and same(a.kind, b.kind)  # type: ignore[attr-defined]
            return a.forest is b.forest and same_kind and same(a.row, b.row)  # type: ignore
        case (Tuple(items=x), Tuple(items=y)):
            same_class = a.cls is b.cls  # type: ignore[attr-defined]
            return same_class and len(x) == len(y) and all(map(same, x, y))
        case (Slice(), Slice()):
            return all(map(same, a.parts, b.parts))  # type: ignore[attr-defined]
        case (Range(), Range()):
            ends = same(a.start, b.start) and same(a.stop, b.stop)  # type: ignore[attr-defined]
            return ends and same(a.step, b.step)  # type: ignore[attr-defined]
        case (Option(), Option()):
            parts = (a.present, b.present), (a.value, b.value), (a.absent, b.absent)  # type: ignore
            return all(same(x, y) for x, y in parts)
        case (Deferred(args=x), Deferred(args=y)):
            same_function = a.function == b.function  # type: ignore[attr-defined]
            return same_function and len(x) == len(y) and all(map(same, x, y))
        case (EitherDtype(), EitherDtype()):
            same_flag = a.dtype == b.dtype and same(a.other, b.other)  # type: ignore[attr-defined]
            return same_flag and same(a.array, b.array)  # type: ignore[attr-defined]
        case (ItemOf(), ItemOf()):
            same_place = a.of == b.of and a.path == b.path  # type: ignore[attr-defined]
            return same_place and same(a.index, b.index)  # type: ignore[attr-defined]
        case (BoundMethod(), BoundMethod()):
            return same(a.self, b.self) and same(a.function, b.function)  # type: ignore[attr-defined]
        case (Function(), Function()):
            return (
                a.node is b.node  # type: ignore[attr-defined]
                and a.frame is b.frame  # type: ignore[attr-defined]
                and len(a.defaults) == len(b.defaults)  # type: ignore[attr-defined]
                and all(map(same, a.defaults, b.defaults))  # type: ignore[attr-defined]
                and a.wrapped is b.wrapped  # type: ignore[attr-defined]
            )
        case _:
            if hasattr(a, "expr"):
                return a.expr is b.expr  # type: ignore[attr-defined]
            return a == b


def same_array(a: Tensor, b: Tensor) -> bool:
    """Whether two values are known to be one array, or Variables of one array."""
    return same(a.as_kind("array"), b.as_kind("array"))


def same_static(x: Any, y: Any) -> bool:
    """Equality of Python objects that never confuses 1 with True or 1.0, or 0.0 with -0.0."""
    if x is y:
        return True
    if type(x) is not type(y):
        return False
    if isinstance(x, float):
        return (x == y and str(x) == str(y)) or (x != x and y != y)
    if isinstance(x, bool | int | str | bytes | complex | range | slice):
        return x == y
    if isinstance(x, tuple):
        return len(x) == len(y) and all(map(same_static, x, y))
    if isinstance(x, np.generic):
        return x.dtype == y.dtype and x.tobytes() == y.tobytes()
    return isinstance(x, np.dtype) and bool(x == y)
