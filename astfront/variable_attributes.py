"""Assignments to attributes of Variables and arrays: what they hold, their names, what a model adds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import chainer
import numpy as np

from astfront.contents import Attributes
from astfront.descriptions import describe
from astfront.environment import UNKNOWN_STORAGE
from astfront.machine import Machine
from astfront.values import (
    UNBOUND,
    Argument,
    Copied,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
    is_none,
)

_UNCHAINING = ("creator", "creator_node")
_OF_BACKPROP = ("grad", "grad_var")


class VariableAttributes(Machine):
    def set_tensor_attribute(self, x: Tensor, name: str, value: Value) -> None:
        if x.kind in ("array", "generic"):
            self._set_of_array(x, name, value)
            return
        cls = variable_class(x)
        on_class = getattr(cls, name, None)
        if x.origin is None and x.storage in {*self.changed_arrays, *self.heap.rebound}:
            self._refuse_unknown(x)
        if x.kind == "either" or name in _OF_BACKPROP:
            self._refuse_setting(x, name)
        if name in _UNCHAINING:
            if not is_none(value):
                self._refuse_setting(x, name)
        elif name in ("array", "data"):
            self._set_contents(x, value)
        elif name == "name" or not hasattr(chainer.Variable, name):
            if name.startswith("_") or hasattr(cls, "__slots__") or _is_data(on_class):
                self._refuse_setting(x, name)
            self._set_own(x, name, value)
        elif isinstance(on_class, property) and on_class.fset is None:
            self.raise_python(AttributeError(f"can't set attribute '{name}'"))
        else:
            self._refuse_setting(x, name)

    def _refuse_setting(self, x: Tensor, name: str, **details: Any) -> None:
        details = details or {"help": "keep what changes in an attribute of the link"}
        self.fail("AF0209", f"the attribute `{name}` of {describe(x)} is assigned", **details)

    def _set_of_array(self, x: Tensor, name: str, value: Value) -> None:
        """``x.shape = …`` of an array that the program made, and ``x.flat = …``."""
        if name == "flat" and x.kind == "array":
            self.set_item(self.get_attribute(x, "flat"), Static(slice(None)), value)
            return
        if name != "shape" or x.kind == "generic":
            if not hasattr(np.ndarray, name):
                kind = "ndarray" if x.kind == "array" else x.dtype.name
                text = f"'numpy.{kind}' object has no attribute '{name}'"
                self.raise_python(AttributeError(text))
            self._refuse_setting(x, name, help="make a new array")
        if x.origin is not None or x.storage in self.heap.array_cells or x.view is not None:
            self._refuse_setting(x, name, help="write `x = x.reshape(…)`")
        made = self.call(Static(np.reshape), [x, value], {})
        self._rebind(x, "array", lambda held: replace(made, kind=held.kind))  # type: ignore[type-var]

    def _set_contents(self, x: Tensor, value: Value) -> None:
        """``x.array = value``: the Variable holds another array; who has the old one keeps that."""
        if not isinstance(value, Tensor) or value.kind != "array":
            self._refuse_setting(x, "array", help="give it an array")
        new: Any = value
        is_ours = x.origin is None or isinstance(x.origin, Copied)
        cell = None if is_ours else self.heap.variable_cell(x)
        self._rebind(x, "variable", lambda held: replace(new, kind="variable", origin=held.origin))
        if cell is not None:
            self.heap.rebound.add(x.storage)
            self.heap.bind(cell, "array", new.as_kind("array"))

    def _set_own(self, x: Tensor, name: str, value: Value) -> None:
        cell = self._cell_of(x)
        if cell is None:
            cell = self.heap.new_external(Attributes())
            origin = x.origin or Copied(chainer.Variable, None, True)
            named = replace(origin, own=cell)
            self._rebind(x, "variable", lambda held: replace(held, origin=named))
        self.heap.named.add(name)
        self.heap.bind(cell, name, value)

    def own_attribute(self, x: Tensor, name: str) -> Value:
        """What the program has set; UNBOUND where it hasn't."""
        cell = self._cell_of(x, make=False)
        found = UNBOUND if cell is None else self.heap.lookup(cell, name)
        lost = cell is None and x.origin is None and name in self.heap.named
        if lost or not (isinstance(found, Unbound) or _is_sure(found)):
            self.fail(
                "AF0203",
                f"whether {describe(x)} has the attribute `{name}` isn't known here",
                help="keep it in a variable or in an attribute of the link",
            )
        return found

    def _cell_of(self, x: Tensor, make: bool = True) -> int | None:
        """Where a Variable's attributes are: its own ones, or what one from outside has."""
        if x.origin is None:
            return None
        if isinstance(x.origin, Copied):
            return x.origin.own
        return self.heap.variable_cell(x, make)

    def _rebind(self, old: Tensor, kind: str, made: Callable[[Tensor], Tensor]) -> None:
        """Every place that holds the object ``old`` holds what ``made`` gives for that."""
        is_known = old.storage != UNKNOWN_STORAGE and old.storage not in self.heap.copied
        by_type = isinstance(old.origin, Argument) and old.origin.is_by_type
        if not is_known or (by_type and len(self.heap.array_cells) > 1):
            self._refuse_unknown(old)
        # What was one object is one afterwards, too.
        one = functools.cache(made)

        def put(held: Value) -> Value:
            if isinstance(held, Tensor) and held.kind != "generic":
                known = held is old or _same_origin(held.origin, old.origin)
                if known and held.kind == kind:
                    return one(held)
                may_be = held.kind in (kind, "either") and held.storage in (
                    old.storage,
                    UNKNOWN_STORAGE,
                )
                same_type = held.dtype == old.dtype and held.ndim == old.ndim
                own = held.origin is not None and old.origin is not None
                if may_be and same_type and not own:
                    self._refuse_unknown(old)
            return held

        self.put_everywhere(_in_tuples(put))

    def _refuse_unknown(self, old: Tensor) -> None:
        self.fail(
            "AF0209",
            f"an attribute of {describe(old)} is assigned, and which names have it isn't known",
            help="make a new one, `x = chainer.Variable(…)`",
        )


def _in_tuples(put: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def mapped(held: Value) -> Value:
        if isinstance(held, Tuple):
            items = tuple(map(mapped, held.items))
            changed = any(x is not y for x, y in zip(items, held.items))
            return replace(held, items=items) if changed else held
        return put(held)

    return mapped


def _same_origin(a: Any, b: Any) -> bool:
    return a is not None and (
        a is b or (isinstance(a, Argument) and isinstance(b, Argument) and a == b)
    )


def _is_data(found: Any) -> bool:
    return hasattr(type(found), "__set__") and not isinstance(found, property)


def _is_sure(found: Value) -> bool:
    return getattr(found, "absent", None) is not UNBOUND


def variable_class(x: Tensor) -> type:
    """The Python class of a tensor that is a Variable: Parameter, where it's one."""
    if isinstance(x.origin, Argument | Copied):
        return x.origin.cls
    return type(x.origin) if isinstance(x.origin, chainer.Variable) else chainer.Variable
