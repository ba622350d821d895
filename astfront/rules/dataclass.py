"""``dataclasses``: the methods that it generates have no source to compile."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

from astfront.descriptions import describe
from astfront.locations import Location
from astfront.rules.registry import rule
from astfront.values import Object, Static, Value


def is_generated(method: Any) -> bool:
    """Whether a method is one that ``dataclasses`` made."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_filename == "<string>"


def initialise(cx: Any, made: Object, args: list[Value], kwargs: dict[str, Value]) -> None:
    """The generated ``__init__``."""
    cls: Any = made.cls
    fields = [f for f in dataclasses.fields(cls) if f.init]
    names = [f.name for f in fields if not f.kw_only]
    if len(args) > len(names):
        cx.raise_python(
            TypeError(
                f"__init__() takes {len(names) + 1} positional arguments "
                f"but {len(args) + 1} were given"
            )
        )
    given = dict(zip(names, args))
    for name, value in kwargs.items():
        if name in given or name not in {f.name for f in fields}:
            what = "multiple values for" if name in given else "an unexpected keyword"
            cx.raise_python(TypeError(f"__init__() got {what} argument '{name}'"))
        given[name] = value
    for f in dataclasses.fields(cls):
        if f.name in given:
            value = given[f.name]
        elif f.default_factory is not dataclasses.MISSING:
            value = cx.call(cx.constant_value(f.default_factory), [], {})
        elif f.default is not dataclasses.MISSING:
            value = cx.lifter.lift(f.default, Location(f, "attribute", "default"), f.name)
        elif not f.init:
            continue
        else:
            cx.raise_python(
                TypeError(f"__init__() missing 1 required positional argument: '{f.name}'")
            )
        cx.heap.bind(made.cell, f.name, value)
    if hasattr(cls, "__post_init__"):
        if len(cls.__dataclass_fields__) != len(dataclasses.fields(cls)):
            cx.fail("AF0301", "a dataclass with an InitVar isn't supported")
        cx.call(cx.get_attribute(made, "__post_init__"), [], {})


def compared(cx: Any, owner: Object) -> Value:
    """What the generated comparisons of a dataclass compare."""
    cls: Any = owner.cls
    names = [f.name for f in dataclasses.fields(cls) if f.compare]
    return cx.tuple([cx.get_attribute(owner, name) for name in names])  # type: ignore


def is_representation(method: Any) -> bool:
    """Whether it's the generated ``__repr__``."""
    return is_generated(getattr(method, "__wrapped__", None))


def represented(cx: Any, owner: Object) -> Value:
    """What the generated ``__repr__`` of a dataclass gives."""
    cls: Any = owner.cls
    names = [f.name for f in dataclasses.fields(cls) if f.repr]
    form = f"{cls.__qualname__}({', '.join(f'{name}=%r' for name in names)})"
    parts = cx.tuple([cx.get_attribute(owner, name) for name in names])
    return cx.text(operator.mod, Static(form), parts)  # type: ignore[no-any-return]


@rule(dataclasses.field)
def field(cx: Any, **options: Value) -> Value:
    known = {name: cx.static(value) for name, value in options.items()}
    return cx.run_python(dataclasses.field, **known)  # type: ignore[no-any-return]


@rule(dataclasses.replace)
def replace(cx: Any, obj: Value, **changes: Value) -> Value:
    if not isinstance(obj, Object):
        cx.fail("AF0207", f"dataclasses.replace of {describe(obj)}")
    owner: Any = obj
    cls: Any = owner.cls
    names = [f.name for f in dataclasses.fields(cls) if f.init]
    unchanged = {n: cx.get_attribute(obj, n) for n in names if n not in changes}
    return cx.construct(cls, [], {**unchanged, **changes})  # type: ignore[no-any-return]
