"""Types, attributes by name, partial functions, and what object itself has."""

from __future__ import annotations

import abc
import dataclasses
import functools
import inspect
import re
import types
from typing import Any

import gast
import numpy as np

from astfront.descriptions import describe
from astfront.locations import MISSING, Location
from astfront.operators import DUNDER
from astfront.rules.numpy import complex_arrays, seeded
from astfront.rules.registry import StaticArg, pure, rule
from astfront.values import (
    FALSE,
    NONE,
    TRUE,
    UNBOUND,
    BoundMethod,
    Deferred,
    Dict,
    DictView,
    Function,
    Generator,
    List,
    Memory,
    Object,
    Option,
    Partial,
    Range,
    Scalar,
    Set,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
)
from astfront.variable_attributes import variable_class

pure(dataclasses.dataclass)

_OF_RE = "compile escape findall fullmatch match search split sub subn"
pure(*(getattr(re, n) for n in _OF_RE.split()))
_OF_PATTERNS = (*vars(re.Pattern).values(), *vars(re.Match).values())
pure(*(f for f in _OF_PATTERNS if isinstance(f, types.MethodDescriptorType)))


@rule(types.SimpleNamespace)
def namespace(cx: Any, **attributes: Value) -> Value:
    made: Object = cx.heap.new_object(types.SimpleNamespace)
    for name, value in attributes.items():
        cx.heap.bind(made.cell, name, value)
    return made


def _decorator(f: Any) -> None:
    """A rule for what decorates methods: it's applied while compiling, to functions and their like."""

    def apply(cx: Any, *functions: Value) -> Value:
        found = [cx.static(function, "what is decorated") for function in functions]
        return cx.run_python(f, *found)  # type: ignore[no-any-return]

    rule(f)(apply)


def _inspection(f: Any) -> None:
    """A rule for what looks at functions and classes: it does so while compiling."""

    def apply(cx: Any, x: Value) -> Value:
        return cx.constant_value(f(_inspected(cx, x)))  # type: ignore[no-any-return]

    rule(f)(apply)


def _inspected(cx: Any, x: Value) -> Any:
    match x:
        case BoundMethod(self=Object(instance=instance), function=Static(obj=method)):
            if instance is not None:
                return types.MethodType(method, instance)
        case Object(instance=instance) if instance is not None:
            return instance
    return cx.static(x, "what is inspected")


for _inspect in (inspect.getfullargspec, inspect.isclass, inspect.isfunction, inspect.ismethod):
    _inspection(_inspect)

_PROPERTY = (property, property.getter, property.setter, property.deleter)
for _function in (*_PROPERTY, staticmethod, classmethod, functools.cached_property):
    _decorator(_function)
_decorator(abc.abstractmethod)


#: Classes here whose objects stand for those of a library's class.
STANDS_FOR: dict[type, type] = {}


@rule(isinstance, splits=True)
def isinstance_(cx: Any, x: Value, cls: Value) -> Value:
    classes = cx.static(cls, "the class")
    if classes is complex_arrays.ComplexArray:
        return Static(complex_arrays.is_complex(x))
    if isinstance(x, Tensor) and x.kind == "either":
        as_variable, as_array = (
            issubclass(class_of(cx, like), classes)
            for like in (x.as_kind("variable"), x.as_kind("array"))
        )
        if as_variable is not as_array:
            return x.is_variable if as_variable else cx.unary(gast.Not(), x.is_variable)  # type: ignore
        return Static(as_variable)
    return Static(issubclass(class_of(cx, x), classes))


def class_of(cx: Any, x: Value) -> type:
    """The Python class of a value."""
    match x:
        case Static(obj=obj):
            return type(obj)
        case Tensor(kind="variable"):
            return variable_class(x)
        case Tensor(kind="array"):
            return np.ndarray
        case Tensor(kind="generic"):
            return x.dtype.type
        case Scalar(type=kind):
            return kind
        case Object(cls=cls) if cls is complex_arrays.ComplexArray:
            return complex_arrays.class_of(cx, x)
        case Object(cls=cls) if cls in STANDS_FOR:
            return STANDS_FOR[cls]
        case Object() if seeded.is_seeded(x):
            return seeded.class_of(cx, x)  # type: ignore[arg-type]
        case Tuple(cls=cls) | Object(cls=cls) | DictView(cls=cls) | Deferred(cls=cls):
            return cls
        case Set():
            return set
        case List(cls=cls) | Dict(cls=cls):
            return cls
        case Slice():
            return slice
        case Memory():
            return memoryview
        case Range():
            return range
        case Function() | BoundMethod():
            return type(class_of)
        case Partial():
            return functools.partial
        case Generator():
            return types.GeneratorType
    raise cx.error("AF0207", f"the type of {describe(x)} isn't known while compiling")


@rule(issubclass)
def issubclass_(cx: Any, cls: StaticArg[type], classes: StaticArg[Any]) -> Value:
    return cx.run_python(issubclass, cls, classes)


@rule(type)
def type_(cx: Any, x: Value) -> Value:
    return Static(class_of(cx, x))


@rule(callable)
def callable_(cx: Any, x: Value) -> Value:
    if isinstance(x, Function | BoundMethod | Partial):
        return TRUE
    if isinstance(x, Static):
        return Static(callable(x.obj))
    return Static(hasattr(class_of(cx, x), "__call__"))  # noqa: B004


@rule(hasattr)
def hasattr_(cx: Any, x: Value, name: Value) -> Value:
    is_named = cx.has_named_attribute(x, name)
    if is_named is not None:
        return is_named  # type: ignore[no-any-return]
    return _has_attribute(cx, x, cx.static(name, "`name`"))


def _has_attribute(cx: Any, x: Value, name: str) -> Value:
    if isinstance(x, Object):
        found = cx.attempt(lambda: cx.find_attribute(x, name), AttributeError)
        return FALSE if found is None else _is_bound(found)
    if isinstance(x, Static):
        for owner in getattr(x.obj, "__mro__", (x.obj,)):
            bound = cx.found_outside(owner, name)
            if bound is not None:
                return _is_bound(bound)
        if not hasattr(x.obj, name):
            cx.lifter.guard(Location(x.obj, "attribute", name), MISSING)
            return FALSE
        return TRUE
    if isinstance(x, Tensor) and x.kind == "variable" and cx.own_attribute(x, name) is not UNBOUND:
        return TRUE
    if isinstance(x, Tensor) and cx.own_attribute_of(x, name) is not None:
        return TRUE
    if isinstance(x, Tensor):
        return Static(hasattr(class_of(cx, x), name) or name in ("array", "data", "name"))
    return Static(hasattr(class_of(cx, x), name))


def _is_bound(found: Value) -> Value:
    if isinstance(found, Option) and found.absent is UNBOUND:
        return found.present
    return Static(found is not UNBOUND)


@rule(getattr)
def getattr_(cx: Any, x: Value, name: Value, default: Value | None = None) -> Value:
    chosen = cx.named_attribute(x, name, default)
    if chosen is not None:
        return chosen  # type: ignore[no-any-return]
    known = cx.static(name, "`name`")
    if default is not None:
        found = _has_attribute(cx, x, known)
        return cx.stage_if(found, lambda: cx.get_attribute(x, known), lambda: default)  # type: ignore
    return cx.get_attribute(x, known)  # type: ignore[no-any-return]


@rule(object.__getattribute__)
def getattribute(cx: Any, x: Value, name: StaticArg[str]) -> Value:
    if isinstance(x, Object) and hasattr(x.cls, "__getattr__"):
        raise cx.error("AF0202", "`__getattribute__` of an object whose class has a `__getattr__`")
    return cx.get_attribute(x, name)


@rule(delattr, object.__delattr__)
def delattr_(cx: Any, owner: Value, name: StaticArg[str]) -> Value:
    cx.delete_attribute(owner, name)
    return NONE


@rule(setattr)
def setattr_(cx: Any, x: Value, name: StaticArg[str], value: Value) -> Value:
    cx.set_attribute(x, name, value)
    return NONE


def _operator(f: Any) -> None:
    """A rule for a function of the module ``operator``."""

    def apply(cx: Any, a: Value, b: Value) -> Value:
        return cx.binary_op(f, a, b)

    rule(f)(apply)


for _function in DUNDER:
    _operator(_function)


@rule(object.__init__)
def object_init(cx: Any, *args: Value, **kwargs: Value) -> Value:
    return NONE


@rule(object.__new__)
def object_new(cx: Any, cls: StaticArg[type], *args: Value, **kwargs: Value) -> Value:
    return cx.object_new(cls, args, kwargs)  # type: ignore[no-any-return]


@rule(object.__setattr__)
def object_setattr(cx: Any, owner: Value, name: StaticArg[str], value: Value) -> Value:
    if not isinstance(owner, Object):
        raise cx.error("AF0209", f"an attribute of {describe(owner)} is assigned")
    cx.heap.bind(owner.cell, name, value)
    return NONE
