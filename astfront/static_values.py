"""Between abstract values and the Python objects that are known while compiling."""

from __future__ import annotations

import builtins
import collections
from typing import Any

import chainer
import numpy as np

from astfront.descriptions import describe
from astfront.diagnostics import CompileError
from astfront.lifting import is_static
from astfront.machine import Machine
from astfront.values import Dict, DictView, List, Poison, Set, Slice, Static, Tensor, Tuple, Value


class StaticValues(Machine):
    def constant_value(self, obj: Any) -> Value:
        """The value of a Python object that nobody changes: a result of static computation."""
        if isinstance(obj, Value):
            return obj
        if isinstance(obj, np.ndarray) and obj.dtype != object:
            return Tensor(None, obj.shape, obj.dtype, "array", const=obj)
        if isinstance(obj, chainer.Variable) and obj.array is not None:
            return Tensor(None, obj.shape, obj.dtype, "variable", const=obj.array)
        if isinstance(obj, tuple):
            items = [self.constant_value(x) for x in obj]
            if all(isinstance(i, Static) for i in items):
                return Static(obj)
            return Tuple(tuple(items), type(obj))
        if isinstance(obj, list) and type(obj) is list:
            return self.heap.new_list([self.constant_value(x) for x in obj])
        if type(obj) is set:
            return self.heap.new_set(obj)
        if isinstance(obj, dict) and type(obj) is dict:
            return self.heap.new_dict({k: self.constant_value(x) for k, x in obj.items()})
        if is_static(obj) or (callable(obj) and not hasattr(obj, "__dict__")):
            return Static(obj)
        return self.heap.new_object(type(obj), obj)

    def static(self, value: Value, what: str = "this") -> Any:
        """The Python object of a value; AF0205 where it's staged."""
        match value:
            case Static(obj=obj):
                return obj
            case Tensor(const=const) if const is not None:
                array = const[()] if value.kind == "generic" else const
                return chainer.Variable(array) if value.kind == "variable" else array
            case Tuple(items=items):
                parts = [self.static(i, what) for i in items]
                return value.cls(*parts) if value.cls is not tuple else tuple(parts)
            case List(cls=cls):
                found = [self.static(i, what) for i in self.items_of(value)]
                return cls(found) if cls in (list, tuple) else cls(found, value.longest)
            case Set():
                return self.real_set(value).copy()
            case Dict(cls=cls):
                entries = {k: self.static(v, what) for k, v in self.entries_of(value).items()}
                return (
                    collections.OrderedDict(entries) if cls is collections.OrderedDict else entries
                )
            case DictView(of=of, kind="keys"):
                return dict.fromkeys(self.entries_of(of)).keys()
            case DictView(of=of, kind="items"):
                return self.static(of, what).items()
            case Slice(start=start, stop=stop, step=step):
                return slice(*(self.static(p, what) for p in (start, stop, step)))
            case _ if hasattr(value, "instance") and value.instance is not None:
                if not self.heap[value.cell].items:  # type: ignore[attr-defined, union-attr]
                    return value.instance
        if isinstance(value, Poison):
            self.poisoned()
        self.fail(
            "AF0205",
            f"{what} must be known while compiling, but it is {describe(value)}",
            label="staged: depends on what the program gets when it runs",
            help="use an attribute, a literal or an argument that isn't an array here",
        )

    def try_static(self, value: Value) -> builtins.tuple[bool, Any]:
        """Whether a value is a Python object, and which."""
        try:
            return True, self.static(value)
        except CompileError:
            return False, None
