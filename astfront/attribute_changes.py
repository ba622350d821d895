"""Changes of attributes: Python's rules for setting and deleting them."""

from __future__ import annotations

import types
from typing import Any

import chainer

from astfront.attributes import Attributes, own_method
from astfront.descriptions import describe
from astfront.locations import Location
from astfront.values import (
    NONE,
    UNBOUND,
    Choice,
    Copied,
    Function,
    Object,
    Poison,
    Static,
    Tensor,
    Value,
)

#: Chainer's own __setattr__ overrides only keep book of parameters and children.
_PLAIN_SETATTR = ("object", "Link", "Chain", "ChainList", "Sequential", "DeviceResident")


class AttributeChanges(Attributes):
    def set_attribute(self, owner: Value, name: str, value: Value) -> None:
        if isinstance(owner, Poison):
            return
        if isinstance(owner, Choice):

            def assign(v: Value) -> Value:
                self.set_attribute(v, name, value)
                return NONE

            self.split(owner, assign)
            return
        if _drops_gradient(owner, name, value):
            return
        if isinstance(owner, Static) and _is_open(owner.obj, name, value):
            self.bind_outside(owner.obj, name, value)
            return
        if isinstance(owner, Tensor):
            self.set_tensor_attribute(owner, name, value)
            return
        if not isinstance(owner, Object):
            self.fail(
                "AF0209",
                f"the attribute `{name}` of {describe(owner)} is assigned",
                help="keep what changes in an attribute of the link",
            )
        cls = owner.cls
        on_class = next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)
        if isinstance(on_class, property):
            if on_class.fset is None:
                self.raise_python(AttributeError(f"can't set attribute '{name}'"))
            self.call(Static(on_class.fset), [owner, value], {})
            return
        own_setter = own_method(on_class, "__set__")
        if own_setter:
            descriptor = self.lifted(on_class, Location(cls, "class", name), name)
            self.call(Static(own_setter), [descriptor, owner, value], {})
            return
        setter = cls.__setattr__
        defined_in = getattr(setter, "__qualname__", "").split(".")[0]
        is_config = isinstance(owner.instance, type(chainer.config))
        namespace: Any = types.SimpleNamespace.__setattr__
        is_plain = defined_in in _PLAIN_SETATTR or setter is namespace
        if not is_plain and not is_config:
            if isinstance(setter, types.FunctionType):
                self.call(Static(setter), [owner, Static(name), value], {})
                return
            self.fail("AF0209", f"assignment to an attribute of {describe(owner)}")
        self.require_place(cls, on_class, name)
        self.heap.bind(owner.cell, name, value)

    def delete_attribute(self, owner: Value, name: str) -> None:
        if isinstance(owner, Static) and isinstance(owner.obj, types.ModuleType):
            self.module_attribute(owner.obj, name)
            self.bind_outside(owner.obj, name, UNBOUND)
            return
        if not isinstance(owner, Object):
            self.fail("AF0209", f"an attribute of {describe(owner)} is deleted")
        self.get_attribute(owner, name)
        self.heap.bind(owner.cell, name, UNBOUND)


def _is_open(owner: Any, name: str, value: Value) -> bool:
    """Whether a program may set an attribute of a module or a class.

    Not what a class does or how it's stored: the values that it keeps for its instances.
    """
    if isinstance(owner, types.ModuleType):
        return True
    if isinstance(value, Function) or (isinstance(value, Static) and callable(value.obj)):
        return False
    if not isinstance(owner, type) or type(owner).__setattr__ is not type.__setattr__:
        return False
    before = getattr(owner, name, None)
    return not callable(before) and not hasattr(type(before), "__get__") and name[:2] != "__"


def _drops_gradient(owner: Value, name: str, value: Value) -> bool:
    """Whether this is ``x.grad = None`` of a Variable that the program made: it has none anyway."""
    is_none = isinstance(value, Static) and value.obj is None
    if not isinstance(owner, Tensor) or owner.kind != "variable" or name != "grad" or not is_none:
        return False
    return owner.origin is None or isinstance(owner.origin, Copied)
