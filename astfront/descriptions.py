"""What a value is called in messages."""

from __future__ import annotations

from astfront.contents import ByValue
from astfront.values import (
    UNBOUND,
    BoundMethod,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    Function,
    Generator,
    Iterator,
    List,
    Memory,
    Node,
    Object,
    Option,
    Partial,
    Range,
    Scalar,
    Set,
    Static,
    Tensor,
    Tuple,
    Value,
)


def describe(value: Value) -> str:
    """A short description for messages."""
    match value:
        case Static(obj=obj):
            if isinstance(obj, type):
                return f"the class {obj.__name__}"
            return f"{type(obj).__name__} {obj!r}"[:60] if obj is not None else "None"
        case Tensor():
            dims = ", ".join("?" if d is None else str(d) for d in value.shape)
            dims += "," if value.ndim == 1 else ""
            noun = {"variable": "Variable", "array": "array", "generic": "numpy scalar"}.get(
                value.kind, "Variable or array"
            )
            return f"a {value.dtype.name} {noun} of shape ({dims})"
        case Scalar(type=kind):
            return f"a staged {kind.__name__}"
        case Tuple(items=items):
            return f"a tuple of {len(items)}"
        case List(cls=cls):
            return f"a {cls.__name__}"
        case Set():
            return "a set"
        case Dict(cls=cls):
            return f"a {cls.__name__}"
        case Object(cls=cls) if cls.__module__ == "astfront.rules.numpy.complex_arrays":
            return "an array of complex numbers"
        case Object(cls=cls) if cls.__module__ == "astfront.rules.numpy.seeded":
            return "a random number generator"
        case Object(cls=cls) if cls.__module__ == "astfront.rules.images.pillow":
            return "a Pillow image"
        case Object(cls=cls) | DictView(cls=cls):
            return f"a {cls.__name__}"
        case ByValue(reference=reference):
            return describe(reference)
        case Function() | BoundMethod() | Partial():
            return "a function"
        case Memory():
            return "a memoryview"
        case Range():
            return "a staged range"
        case Deferred(function=function):
            if function is round:
                return "a number rounded to some digits, which is found when the program has run"
            return f"a {value.cls.__name__} with staged parts"
        case Iterator(name=name):
            return f"a {name}"
        case Generator():
            return "a generator"
        case Node():
            return "a part of a tree"
        case EitherDtype(array=array, dtype=dtype):
            return f"an array of {array.dtype.name} or {dtype.name}"
        case Option(absent=absent):
            if absent is UNBOUND:
                return "a value that may be undefined"
            return f"{describe(absent)} or {describe(value.value)}"
        case _:
            return str(getattr(value, "noun", type(value).__name__.lower()))
