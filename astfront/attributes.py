"""Attribute access: Python's lookup, on real objects and on those that the program makes."""

from __future__ import annotations

import collections
import functools
import importlib
import types
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

import chainer
import gast
import numpy as np
from chainer.utils import cache

from astfront.contents import Attributes as Content
from astfront.descriptions import describe
from astfront.effects import is_text
from astfront.joins.options import is_optional
from astfront.locations import MISSING, Location
from astfront.rules.registry import RULES
from astfront.tensor_attributes import Held, TensorAttributes
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    UNBOUND,
    BoundMethod,
    Choice,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    Function,
    List,
    Memory,
    Object,
    Poison,
    Scalar,
    Set,
    Slice,
    Static,
    Super,
    Tensor,
    Tuple,
    Unbound,
    Value,
)

#: Descriptors that put what their function gives into the object's own attribute of that name.
_CACHING = {functools.cached_property}
with suppress(ImportError):
    _CACHING.add(importlib.import_module("cached_property").cached_property)


def replace_fields(self: Any, **changes: Any) -> Any:
    """``_replace`` of a named tuple."""
    return self._replace(**changes)


def fields_as_dict(self: Any) -> Any:
    """``_asdict`` of a named tuple."""
    return self._asdict()


def attribute_dict(owner: Any) -> Any:
    """``__dict__`` of an object."""
    return vars(owner)


#: Attributes of an array that depend on its dtype, and are no methods.
_OF_DTYPE = ("dtype", "itemsize", "nbytes", "T", "flat", "data")

_OF_NAMED_TUPLES = {"_replace": replace_fields, "_asdict": fields_as_dict}


class Attributes(TensorAttributes):
    def get_attribute(self, owner: Value, name: str) -> Value:
        match owner:
            case Poison():
                return POISON
            case EitherDtype(array=array) if name not in _OF_DTYPE:
                found = self.tensor_attribute(array, name)
                return replace(found, self=owner) if isinstance(found, BoundMethod) else found
            case Choice():
                return self.attribute_of_each(owner, name)
            case Static(obj=obj):
                return self.static_attribute(obj, name)
            case Tensor():
                return self.tensor_attribute(owner, name)
            case Memory(array=array):
                if name not in ("shape", "ndim", "itemsize"):
                    self.fail(
                        "AF0202",
                        f"`{name}` of a memoryview, which an ndarray's `data` is",
                        help="use the array itself",
                    )
                return self.tensor_attribute(array, name)
            case Object():
                return self.object_attribute(owner, name)
            case Super(cls=cls, self=inner):
                return self.super_attribute(cls, inner, name)
            case Tuple(cls=cls):
                if name in getattr(cls, "_fields", ()):
                    return owner.items[cls._fields.index(name)]  # type: ignore[attr-defined]
                if cls is not tuple and name in _OF_NAMED_TUPLES:
                    return BoundMethod(owner, Static(_OF_NAMED_TUPLES[name]))
                if cls is not tuple and name == "_fields":
                    return Static(getattr(cls, name))
                raw = next((vars(c)[name] for c in cls.__mro__[:-2] if name in vars(c)), None)
                if isinstance(raw, property) and raw.fget is not None:
                    return self.call(Static(raw.fget), [owner], {})
                if raw is not None and not isinstance(raw, types.FunctionType):
                    return self.bind_class_attribute(owner, cls, raw, name)
                return self.builtin_method(owner, cls, name)
            case List(cls=cls):
                if name == "maxlen" and cls is collections.deque:
                    return Static(owner.longest)
                return self.builtin_method(owner, cls, name)
            case Set():
                return self.builtin_method(owner, set, name)
            case Dict(cls=cls):
                if name == "default_factory" and cls is collections.defaultdict:
                    return owner.factory or NONE
                return self.builtin_method(owner, cls, name)
            case DictView(cls=cls):
                return self.builtin_method(owner, cls, name)
            case Slice(start=start, stop=stop, step=step) if name in ("start", "stop", "step"):
                return {"start": start, "stop": stop, "step": step}[name]
            case Function(wrapped=wrapped):
                if wrapped is not None and name in functools.WRAPPER_ASSIGNMENTS:
                    return self.get_attribute(wrapped, name)
                if wrapped is not None and name == "__wrapped__":
                    return wrapped
                if name in ("__name__", "__qualname__"):
                    return Static(getattr(owner.node, "name", "<lambda>"))
                if name == "__doc__":
                    return Static(_docstring(owner.node))
            case Deferred() if is_text(owner) and getattr(str, name, None) in RULES:
                return self.builtin_method(owner, str, name)
            case Scalar(type=kind):
                if name in ("real", "__class__"):
                    return owner if name == "real" else Static(kind)
                return self.builtin_method(owner, kind, name)
        self.missing(owner, name)

    def missing(self, owner: Value, name: str) -> NoReturn:
        self.fail("AF0202", f"{describe(owner)} has no attribute `{name}` here")

    def builtin_method(self, owner: Value, cls: type, name: str) -> Value:
        found = getattr(cls, name, None)
        if found is None:
            self.raise_python(AttributeError(f"'{cls.__name__}' object has no attribute '{name}'"))
        if isinstance(
            found, types.FunctionType | types.MethodDescriptorType | types.WrapperDescriptorType
        ):
            return BoundMethod(owner, Static(found))
        self.fail("AF0202", f"the attribute `{name}` of {describe(owner)} isn't supported")

    # --- static objects ----------------------------------------------------------------------

    def static_attribute(self, obj: Any, name: str) -> Value:
        if isinstance(obj, types.ModuleType):
            return self.module_attribute(obj, name)
        if isinstance(obj, chainer.Variable):
            return self.uninitialised_attribute(obj, name)
        if isinstance(obj, type):
            return self.class_attribute(obj, name)
        try:
            found = getattr(obj, name)
        except AttributeError as e:
            self.raise_python(e)
        if isinstance(obj, types.FunctionType) and name in vars(obj):
            return self.lifted(found, Location(obj, "attribute", name), name)
        return self.constant_value(found)

    def class_attribute(self, cls: type, name: str) -> Value:
        for base in cls.__mro__:
            bound = self.found_outside(base, name)
            if bound is not None and not isinstance(bound, Unbound):
                missing = f"type object '{cls.__name__}' has no attribute '{name}'"
                return self.if_bound(bound, AttributeError(missing))
            if name in vars(base):
                raw = vars(base)[name]
                self.guard_method(cls, name, raw)
                if isinstance(raw, classmethod):
                    return BoundMethod(Static(cls), Static(raw.__func__))
                if isinstance(raw, staticmethod):
                    return Static(raw.__func__)
                if isinstance(raw, types.FunctionType):
                    return Static(raw)
                break
        try:
            found = getattr(cls, name)
        except AttributeError as e:
            self.guard_lack(cls, name)
            self.raise_python(e)
        if self.is_trusted({"__name__": cls.__module__}):
            return self.constant_value(found)
        return self.lifted(found, Location(cls, "attribute", name), name)

    def module_attribute(self, module: types.ModuleType, name: str) -> Value:
        bound = self.found_outside(module, name)
        if bound is not None:
            missing = f"module '{module.__name__}' has no attribute '{name}'"
            return self.if_bound(bound, AttributeError(missing))
        try:
            found = getattr(module, name)
        except AttributeError as e:
            self.lifter.guard(Location(module, "attribute", name), MISSING)
            self.raise_python(e)
        if self.is_trusted(vars(module)) and not isinstance(found, np.ndarray | list | dict):
            return self.constant_value(found)
        return self.lifted(found, Location(module, "attribute", name), name)

    def object_attribute(self, owner: Object, name: str) -> Value:
        found = self.find_attribute(owner, name)
        missing = AttributeError(f"'{owner.cls.__name__}' object has no attribute '{name}'")
        if is_optional(found):
            self.check(found.present, missing)
            self.heap.bind(owner.cell, name, found.value)
            return found.value
        if isinstance(found, Unbound):
            self.raise_python(missing)
        return found

    def find_attribute(self, owner: Object, name: str) -> Value:
        """Python's attribute lookup; UNBOUND where there is none."""
        cls = owner.cls
        if name == "__class__":
            return Static(cls)
        if name == "__dict__":
            return self.call(Static(attribute_dict), [owner], {})
        self.require_kept(owner, name)
        on_class = next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), MISSING)
        self.guard_method(cls, name, on_class)
        if isinstance(on_class, property) and on_class.fget is not None:
            special = self.special_property(owner, name)
            if special is not None:
                return special
            return self.call(Static(on_class.fget), [owner], {})
        if isinstance(on_class, cache.cached_property) and owner.instance is None:
            return self.cached_for_backprop(owner, on_class, name)
        if own_method(on_class, "__get__") and own_method(on_class, "__set__"):
            return self.bind_class_attribute(owner, cls, on_class, name)
        written = self.heap.lookup(owner.cell, name)
        content = self.heap[owner.cell]
        if isinstance(content, Content) and name in content.items:
            if not is_optional(written):
                return written
            if on_class is not MISSING:
                return self.stage_if(
                    written.present,
                    lambda: written.value,
                    lambda: self.bind_class_attribute(owner, cls, on_class, name),
                )
            if hasattr(cls, "__getattr__"):
                self.fail(
                    "AF0203",
                    f"the attribute `{name}` of {describe(owner)} may be undefined here",
                    help="set it before the `if` or the loop, or on every way through it",
                )
            return written
        original = self.original_attribute(owner.cell, name)
        if not isinstance(original, Unbound):
            return self.heap.current(original)
        if on_class is not MISSING or any(self.found_outside(c, name) for c in cls.__mro__):
            return self.bind_class_attribute(owner, cls, on_class, name)
        if isinstance(owner.instance, type(chainer.config)):
            self.lifter.guard(Location(owner.instance, "attribute", name), MISSING)
            return UNBOUND
        getter = getattr(cls, "__getattr__", None)
        if getter is None:
            self.guard_lack(cls, name, "__getattr__")
            return UNBOUND
        method = self.bind_class_attribute(owner, cls, getter, "__getattr__")
        return self.call(method, [Static(name)], {})

    def special_property(self, owner: Object, name: str) -> Value | None:
        """Properties of links that say where they are: a CPU, always."""
        if issubclass(owner.cls, chainer.Link):
            if name == "xp":
                return Static(np)
            if name == "device":
                return self.constant_value(chainer.get_device("@numpy"))
            if name == "within_init_scope":
                return FALSE
        return None

    def bind_class_attribute(self, owner: Value, cls: type, raw: Any, name: str) -> Value:
        if isinstance(raw, types.FunctionType):
            return BoundMethod(owner, Static(raw))
        if isinstance(raw, staticmethod):
            return Static(raw.__func__)
        if isinstance(raw, classmethod):
            return BoundMethod(Static(cls), Static(raw.__func__))
        if isinstance(raw, types.MethodDescriptorType | types.WrapperDescriptorType):
            return BoundMethod(self.own_items(owner, raw.__objclass__), Static(raw))
        instance = owner.instance if isinstance(owner, Object) else None
        if isinstance(owner, Object) and type(raw) in _CACHING:
            value = self.call(Static(raw.func), [owner], {})
            self.heap.bind(owner.cell, name, value)
            return value
        getter = own_method(raw, "__get__")
        ours = type(raw).__module__.startswith("astfront.")  # a compiled method
        known = ours or isinstance(raw, cache.cached_property)
        if isinstance(owner, Object) and getter and not known:
            descriptor = self.lifted(raw, Location(cls, "class", name), name)
            return self.call(Static(getter), [descriptor, owner, Static(cls)], {})
        if hasattr(type(raw), "__get__") and not isinstance(raw, types.BuiltinFunctionType):
            if instance is not None:
                place = Location(instance, "attribute", name)
                return self.lifted(getattr(instance, name), place, name)
            self.refuse_empty_slot(cls, raw)
            self.fail("AF0202", f"`{name}` is a descriptor of its class, which isn't supported")
        return self.class_attribute(cls, name)

    def own_items(self, owner: Value, kind: type) -> Value:
        """What a method of a list or dict reads, called on an instance of a subclass: its items."""
        instance = owner.instance if isinstance(owner, Object) else None
        if instance is None or kind not in (list, dict, collections.OrderedDict):
            return owner
        if isinstance(instance, collections.OrderedDict):
            kind = collections.OrderedDict
        if not has_plain_items(type(instance), kind):
            self.fail(
                "AF0202",
                f"{type(instance).__name__} is a {kind.__name__} with items of its own: "
                "that isn't supported",
                help=f"use a plain {kind.__name__}, or a class that holds one",
            )
        location = Location(Held(instance), "attribute", "value")
        return self.lifter.own_items(instance, kind, location)

    def cached_for_backprop(self, owner: Object, raw: Any, name: str) -> Value:
        """Chainer's ``cached_property``: what it is with and without backprop, in a dict."""
        config = self.heap.new_object(type(chainer.config), chainer.config)
        key = self.static(self.get_attribute(config, "enable_backprop"), "enable_backprop")
        if isinstance(self.heap.lookup(owner.cell, name), Unbound):
            self.heap.bind(owner.cell, name, self.heap.new_dict({}))
        made = self.heap.lookup(owner.cell, name)
        if not isinstance(made, Dict):
            self.fail(
                "AF0203", f"the attribute `{name}` of {describe(owner)} may be undefined here"
            )
        if isinstance(self.entry(made, key), Unbound):
            self.set_item(made, Static(key), self.call(Static(raw.func), [owner], {}))
        return self.get_item(made, Static(key))

    def lifted(self, obj: Any, location: Location, name: str = "x") -> Value:
        """The value of a real Python object, as the program has left it by now."""
        return self.heap.current(self.lifter.lift(obj, location, name))

    def original_attribute(self, cell: int, name: Any) -> Value:
        """What a real object's own attribute was before the program ran; UNBOUND if it has none."""
        instance = self.instances.get(cell)
        if instance is None:
            return UNBOUND
        known = self.originals.get((cell, name))
        if known is not None:
            return known
        if isinstance(instance, type(chainer.config)):
            location = Location(instance, "attribute", name)
            if not hasattr(instance, name):
                return UNBOUND
            value = self.lifter.lift(getattr(instance, name), location, name)
            self.originals[cell, name] = value
            return value
        own = getattr(instance, "__dict__", {})
        if name not in own and not isinstance(instance, types.CellType):
            slot = getattr(type(instance), str(name), None)
            if not isinstance(slot, types.MemberDescriptorType) or not hasattr(instance, name):
                self.lifter.guard(Location(_dict_of(instance), "item", name), MISSING)
                return UNBOUND
        location = Location(instance, "attribute", name)
        value = self.lifter.lift(getattr(instance, name), location, self.input_name(instance, name))
        if not (isinstance(value, Static) and isinstance(value.obj, chainer.Variable)):
            self.originals[cell, name] = value
        return value

    def input_name(self, instance: Any, name: str) -> str:
        """A readable name for an input: the link's path and the attribute."""
        path = self.link_paths.get(id(instance), "")
        return f"{path}_{name}".strip("_")

    def super_attribute(self, cls: type, owner: Value, name: str) -> Value:
        kind = owner.cls if isinstance(owner, Object) else self.static(owner, "super()'s object")
        mro = kind.__mro__
        for base in mro[mro.index(cls) + 1 :]:
            if name in vars(base):
                raw = vars(base)[name]
                if isinstance(raw, property):
                    return self.call(Static(raw.fget), [owner], {})
                of_c = isinstance(raw, types.WrapperDescriptorType)
                if of_c and name in ("__init__", "__setattr__"):
                    return BoundMethod(owner, Static(raw))
                if raw is object.__new__:
                    return Static(raw)
                return self.bind_class_attribute(owner, kind, raw, name)
        self.raise_python(AttributeError(f"'super' object has no attribute '{name}'"))


def has_plain_items(cls: type, kind: type) -> bool:
    """Whether a subclass of a container's class finds its items as that does."""
    names = ("__getitem__", "__iter__", "__len__")
    inherited = (getattr(cls, name) is getattr(kind, name) for name in names)
    return not hasattr(cls, "__missing__") and all(inherited)


def _docstring(node: gast.FunctionDef | gast.Lambda) -> str | None:
    first = node.body[0] if isinstance(node, gast.FunctionDef) else None
    text = first.value.value if _is_constant(first) else None  # type: ignore[union-attr]
    return text if isinstance(text, str) else None


def _is_constant(node: gast.AST | None) -> bool:
    return isinstance(node, gast.Expr) and isinstance(node.value, gast.Constant)


def own_method(descriptor: Any, name: str) -> types.FunctionType | None:
    """The method of a descriptor that's written in Python."""
    found = getattr(type(descriptor), name, None)
    return found if isinstance(found, types.FunctionType) else None


def _dict_of(instance: Any) -> dict[str, Any]:
    found: dict[str, Any] = getattr(instance, "__dict__", {})
    return found
