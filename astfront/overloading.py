"""Operators of objects: their methods', and what numpy and Chainer make of an object beside an array."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np

from astfront.descriptions import describe
from astfront.machine import Machine
from astfront.rules.numpy.complex_arrays import is_complex
from astfront.values import Object, Static, Tensor, Value


class Overloading(Machine):
    def overloaded(self, f: Callable[..., Any], name: str, a: Value, b: Value) -> Value:
        """``a`` or ``b`` is an object; ``name`` is that of the method, without its underscores."""
        for owner, other, method in ((a, b, f"__{name}__"), (b, a, f"__r{name}__")):
            if isinstance(owner, Object):
                if hasattr(owner.cls, method):
                    result = self.call(self.get_attribute(owner, method), [other], {})
                    if not (isinstance(result, Static) and result.obj is NotImplemented):
                        return result
            elif isinstance(other, Object):
                reflected = f"__r{name}__" if owner is a else None
                found = self.beside_object(owner, other, reflected)
                if found is not None:
                    pair = (owner, found) if owner is a else (found, owner)
                    return self.binary_op(f, *pair)
                if isinstance(owner, Tensor) and owner.kind == "variable":
                    return self.variable_operator(f, a, b)
        self.raise_python(
            TypeError(f"unsupported operand type(s) for {name}: {describe(a)} and {describe(b)}")
        )

    def compared_object(
        self, f: Callable[..., Any], methods: tuple[str, str], a: Value, b: Value
    ) -> Value | None:
        """A comparison of an object and an array; None if the object's methods tell what it is."""
        for owner, other, method in ((a, b, methods[1]), (b, a, methods[0])):
            if isinstance(owner, Object):
                if getattr(owner.cls, methods[0]) is not getattr(object, methods[0]):
                    return None
            elif isinstance(other, Object) and isinstance(owner, Tensor):
                if owner.kind in ("variable", "either"):
                    # Variable has these methods to raise an exception.
                    of_variable = getattr(chainer.Variable, methods[0] if owner is a else method)
                    return self.call(Static(of_variable), [owner, other], {})
                own = getattr(other.cls, method) is not getattr(object, method)
                found = self.beside_object(owner, other, method if own else None)
                if found is not None:
                    return self.call(
                        Static(f), [owner, found] if owner is a else [found, owner], {}
                    )
                if not own and f in (operator.eq, operator.ne):
                    unequal = Static(f is operator.ne)
                    return self.call(Static(np.full_like), [owner, unequal, Static(np.bool_)], {})
        return None

    def beside_object(self, x: Value, obj: Object, method: str | None) -> Tensor | None:
        """The array for which numpy takes an object beside ``x``; None if it takes it for none.

        ``method`` is that of the object, if it has one, which numpy would call for each item: AF0307.
        """
        if not isinstance(x, Tensor) or x.kind == "variable" or _goes_first(obj):
            return None
        if x.kind == "either":
            self.fail(
                "AF0207",
                f"{describe(obj)} is the operand of a Variable on some ways and of an array on others",
                help="write `chainer.as_variable(x)` where the array is made",
            )
        if hasattr(obj.cls, "__array__"):
            return self.as_tensor(obj)
        if x.kind == "array" and method is not None and hasattr(obj.cls, method):
            self.fail(
                "AF0307",
                f"numpy calls `{method}` of {describe(obj)} for each item of the array",
                help=f"give {obj.cls.__name__} the attribute `__array_ufunc__ = None`, "
                "so that it gets the array",
            )
        return None


def _goes_first(obj: Object) -> bool:
    """Whether numpy's arrays leave an operator to the object."""
    if is_complex(obj):
        return True
    if hasattr(obj.cls, "__array_ufunc__"):
        return obj.cls.__array_ufunc__ is None
    return bool(getattr(obj.cls, "__array_priority__", 0) > 0)
