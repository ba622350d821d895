"""What an artifact says of itself, as JSON: its arguments, and what a run's arrays stand for.

Types of arguments are what ``signature.matched`` takes; what's made of the outputs are templates of
``outputs.py``, of which only those are here that need nothing of the model's Python.
"""

from __future__ import annotations

import builtins
import collections
from typing import Any

import chainer
import numpy as np

from astfront.identity import Named
from astfront.output_templates import (
    ArgumentOut,
    ArrayOut,
    CallOut,
    DictOut,
    GrownOut,
    ItemOut,
    Known,
    ListOut,
    LocationOut,
    MadeOut,
    NumberOut,
    ObjectOut,
    OptionOut,
    Template,
    TupleOut,
)
from astfront.signature import ListSpec, ScalarSpec, TensorSpec
from astfront.values import UNBOUND

#: Raised where the format changes.
FORMAT = 1

_CONTAINERS: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "deque": collections.deque,
    "dict": dict,
    "set": set,
    "OrderedDict": collections.OrderedDict,
}
_VALUES = (bool, int, float, str, type(None))


class Unsupported(Exception):
    """Something that only Python can have or make; the text says what."""


# --- arguments ---------------------------------------------------------------------------------


def of_argument(x: Any) -> Any:
    """An example or spec as JSON. Raises Unsupported for an object."""
    if isinstance(x, TensorSpec):
        names = [name or size for name, size in zip(x.names, x.shape)]
        return {"array": x.dtype.name, "shape": names}
    if isinstance(x, chainer.Variable | np.ndarray):
        return {"array": x.dtype.name, "shape": list(x.shape)}
    if isinstance(x, np.generic):
        return {"scalar": x.dtype.name}
    if isinstance(x, ScalarSpec):
        return {"number": x.type.__name__}
    if isinstance(x, ListSpec):
        return {"rows": of_argument(x.item)}
    if type(x) in (list, tuple):
        return {type(x).__name__: list(map(of_argument, x))}
    if type(x) is dict:
        return {"dict": [[of_value(k), of_argument(v)] for k, v in x.items()]}
    return {"value": of_value(x)}


def to_argument(made: Any) -> Any:
    """The spec that :func:`of_argument` was given, Variables as arrays."""
    if "array" in made:
        return TensorSpec(made["shape"], made["array"])
    if "scalar" in made:
        return np.dtype(made["scalar"]).type()
    if "number" in made:
        return ScalarSpec(getattr(builtins, made["number"]))
    if "rows" in made:
        return ListSpec(to_argument(made["rows"]))
    if "list" in made:
        return list(map(to_argument, made["list"]))
    if "tuple" in made:
        return tuple(map(to_argument, made["tuple"]))
    if "dict" in made:
        return {to_value(k): to_argument(v) for k, v in made["dict"]}
    return to_value(made["value"])


def of_value(x: Any) -> Any:
    """A Python value that JSON keeps; floats and numpy's scalars by their bits, and tuples of such."""
    if isinstance(x, np.generic):
        return {"scalar": x.dtype.str, "bytes": x.tobytes().hex()}
    if type(x) is float:
        return {"float": x.hex()}
    if type(x) is tuple:
        return {"tuple": list(map(of_value, x))}
    if type(x) in _VALUES:
        return x
    raise Unsupported(f"a {type(x).__name__}")


def to_value(made: Any) -> Any:
    if not isinstance(made, dict):
        return made
    if "float" in made:
        return float.fromhex(made["float"])
    if "scalar" in made:
        return np.frombuffer(bytes.fromhex(made["bytes"]), made["scalar"])[0]
    return tuple(map(to_value, made["tuple"]))


# --- results -----------------------------------------------------------------------------------


def of_result(template: Template) -> Any:
    """What is made of a run's arrays, as JSON. Raises Unsupported for what only Python can make."""
    match template:
        case Known(obj=obj):
            return {"unbound": True} if obj is UNBOUND else {"value": of_value(obj)}
        case ArrayOut(index=index, kind=kind):
            return {"generic" if kind == "generic" else "array": index}
        case NumberOut(index=index, type=kind):
            return {"number": index, "type": kind.__name__}
        case TupleOut(items=items, cls=cls):
            fields = {} if cls is tuple else {"name": cls.__name__, "fields": cls._fields}  # type: ignore[attr-defined]
            return {"tuple": list(map(of_result, items)), **fields}
        case ListOut(cell=cell, items=items, make=make):
            return {"items": list(map(of_result, items)), "type": _name(make), "cell": cell}
        case DictOut(cell=cell, items=pairs, is_set=is_set, make=make):
            made = {"pairs": [[of_value(k), of_result(v)] for k, v in pairs]}
            return made | {"type": "set" if is_set else _name(make), "cell": cell}
        case GrownOut(cell=cell, element=element, buffers=buffers, length=length, make=make):
            of_element = {"rows": of_result(element), "buffers": buffers, "length": length}
            return of_element | {"type": _name(make), "cell": cell}
        case OptionOut(present=present, value=value, absent=absent):
            return {"if": present, "then": of_result(value), "else": of_result(absent)}
        case ItemOut(owner=owner, index=index, path=path):
            if any(isinstance(key, Named) for key in path):
                raise Unsupported("what is in an object")
            keys = list(map(of_value, path))
            return {"item": of_result(owner), "place": of_result(index), "path": keys}
        case ArgumentOut(path=path):
            return {"argument": list(path)}
        case LocationOut(location=location):
            raise Unsupported(f"`{location}` itself, an object of the model")
        case ObjectOut(cls=cls):
            raise Unsupported(f"an object of class {cls.__name__}")
        case CallOut():
            raise Unsupported("a text or an object that Python makes of staged values")
        case MadeOut():
            raise Unsupported("a list, dict or object that holds itself")
    raise Unsupported(type(template).__name__)


def to_result(made: Any) -> Template:
    """The template again; Variables come as arrays."""
    if "unbound" in made:
        return Known(UNBOUND)
    if "value" in made:
        return Known(to_value(made["value"]))
    if "array" in made:
        return ArrayOut(made["array"], "array")
    if "generic" in made:
        return ArrayOut(made["generic"], "generic")
    if "number" in made:
        return NumberOut(made["number"], getattr(builtins, made["type"]))
    if "tuple" in made:
        cls = collections.namedtuple(made["name"], made["fields"]) if "name" in made else tuple  # type: ignore[misc]
        return TupleOut(tuple(map(to_result, made["tuple"])), cls)
    if "items" in made:
        items = tuple(map(to_result, made["items"]))
        return ListOut(made["cell"], items, _CONTAINERS[made["type"]])
    if "pairs" in made:
        pairs = tuple((to_value(k), to_result(v)) for k, v in made["pairs"])
        return DictOut(made["cell"], pairs, made["type"] == "set", _CONTAINERS[made["type"]])
    if "rows" in made:
        buffers = tuple(map(tuple, made["buffers"]))
        make = _CONTAINERS[made["type"]]
        return GrownOut(made["cell"], to_result(made["rows"]), buffers, made["length"], make)
    if "if" in made:
        return OptionOut(made["if"], to_result(made["then"]), to_result(made["else"]))
    if "item" in made:
        path = tuple(map(to_value, made["path"]))
        return ItemOut(to_result(made["item"]), to_result(made["place"]), path)
    return ArgumentOut(tuple(made["argument"]))


def _name(make: Any) -> str:
    for name, cls in _CONTAINERS.items():
        if make is cls:
            return name
    raise Unsupported(f"a {getattr(make, '__name__', type(make).__name__)}")
