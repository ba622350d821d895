"""Attributes of tensors: numpy's and Variables', and those of parameters in the model's hands."""

from __future__ import annotations

import operator
import types
from dataclasses import replace
from typing import Any

import chainer
import numpy as np

from astfront.joins.options import alternatives
from astfront.locations import MISSING, Location
from astfront.values import (
    FALSE,
    NONE,
    BoundMethod,
    Choice,
    Flat,
    Memory,
    Static,
    Tensor,
    Unbound,
    Value,
)
from astfront.variable_attributes import VariableAttributes, variable_class

#: Attributes and methods of a Variable that belong to backprop.
_BACKPROP = frozenset(
    ["grad", "grad_var", "node", "creator", "creator_node", "rank", "loss_scale", "backward",
     "cleargrad", "zerograd", "addgrad", "set_creator", "set_creator_node"]
)  # fmt: skip

_CLASSES = {"array": np.ndarray, "generic": np.ndarray, "variable": chainer.Variable}

_PLAIN_VARIABLE = chainer.Variable(np.zeros((), np.float32))


class TensorAttributes(VariableAttributes):
    def uninitialised_attribute(self, parameter: chainer.Variable, name: str) -> Value:
        """An attribute of a Parameter that has no array yet."""
        if parameter.array is not None:
            return self.get_attribute(self.parameter_value(parameter), name)
        if name in ("array", "data"):
            return NONE
        if name == "is_initialized":
            return FALSE
        found = getattr(type(parameter), name, None)
        if isinstance(found, types.FunctionType):
            return BoundMethod(Static(parameter), Static(found))
        if name in ("shape", "ndim", "size", "dtype") or found is None:
            self.fail(
                "AF0403",
                f"the parameter `{parameter.name}` has no array yet",
                help="give the link its input size, or call the model once",
            )
        return self.constant_value(getattr(parameter, name))

    def parameter_value(self, parameter: chainer.Variable) -> Value:
        """A Parameter, lifted by itself; it's found again where it was found before."""
        return self.lifted(parameter, Location(Held(parameter), "attribute", "value"), "param")

    # --- tensors -----------------------------------------------------------------------------

    def attribute_of_each(self, owner: Choice, name: str) -> Value:
        """An attribute of what is one of several. A method is one method of them all, if it can be."""
        arrays = [v for v in alternatives(owner) if isinstance(v, Tensor)]
        classes = {_CLASSES.get(x.kind) for x in arrays}
        if len(arrays) == len(list(alternatives(owner))) and len(classes) == 1:
            is_method = callable(getattr(classes.pop(), name, None))
            found = [self.tensor_attribute(x, name) for x in arrays] if is_method else []
            methods = [m for m in found if isinstance(m, BoundMethod)]
            functions = {getattr(m.function, "obj", m) for m in methods}
            if len(methods) == len(arrays) and len(functions) == 1:
                return replace(methods[0], self=owner)
        return self.split(owner, lambda v: self.get_attribute(v, name))

    def tensor_attribute(self, x: Tensor, name: str) -> Value:
        if name == "shape":
            return self.tuple([self.dim_of(x, i) for i in range(x.ndim)])
        if name == "ndim":
            return Static(x.ndim)
        if name == "dtype":
            return Static(x.dtype)
        if name == "size":
            return self.size_of(x)
        if name == "itemsize":
            return Static(x.dtype.itemsize)
        is_variable = x.kind == "variable"
        if name == "nbytes" and x.kind in ("array", "generic"):
            return self.binary_op(operator.mul, self.size_of(x), Static(x.dtype.itemsize))
        if x.kind == "either":
            self.fail(
                "AF0202",
                f"`{name}` of something that is a Variable on some ways and an array on others",
                help="write `chainer.as_variable(x)` where the array is made",
            )
        if name == "xp":
            return Static(np) if is_variable else self.missing(x, name)  # type: ignore[return-value]
        if name == "device" and is_variable:
            return self.constant_value(chainer.get_device("@numpy"))
        if name in ("array", "data", "raw_array") and is_variable:
            return x.as_kind("array")
        if name == "T":
            method = chainer.Variable.transpose if is_variable else np.ndarray.transpose
            return self.call(Static(method), [x], {})
        if is_variable:
            return self.variable_attribute(x, name)
        if name == "flat":
            return Flat.of(self.as_tensor(self.call(Static(np.ndarray.ravel), [x], {})))
        if name == "data" and x.kind == "array":
            return Memory(x)
        if x.dtype.kind == "c" and x.const is not None and name in ("real", "imag"):
            part = self.as_tensor(self.constant_value(np.array(getattr(x.const, name))))
            return part.as_kind(x.kind)
        if name == "real":
            return x
        if name == "imag":
            zeros = self.call(Static(np.zeros_like), [x], {})
            return replace(self.as_tensor(zeros), writeable=False)
        if name in ("data", "base", "flags", "strides"):
            self.fail("AF0202", f"the attribute `{name}` of an array isn't supported")
        cls = np.ndarray if x.kind == "array" else np.generic
        found = getattr(np.ndarray, name, None)
        if found is None and x.kind == "generic" and hasattr(x.dtype.type, name):
            return BoundMethod(x, Static(getattr(x.dtype.type, name)))
        if found is None:
            self.raise_python(
                AttributeError(f"'numpy.{cls.__name__}' object has no attribute '{name}'")
            )
        if not callable(found):
            self.fail("AF0202", f"the attribute `{name}` of an array isn't supported")
        return BoundMethod(x, Static(found))

    def variable_attribute(self, x: Tensor, name: str) -> Value:
        found = getattr(variable_class(x), name, None)
        own = self.own_attribute(x, name)
        if not isinstance(own, Unbound):
            return own
        if name == "name":
            return Static(getattr(x.origin, "name", None))
        if name == "is_initialized":
            return Static(True)
        if name in _BACKPROP or (name == "requires_grad" and x.origin is None):
            self.fail(
                "AF0202",
                f"`{name}` of a Variable belongs to backprop, which isn't compiled",
            )
        if name == "requires_grad":
            return Static(x.origin.requires_grad)
        if name == "layout":
            return NONE
        if name == "_has_chainerx_array":
            return FALSE
        if isinstance(found, types.FunctionType):
            return BoundMethod(x, Static(found))
        if isinstance(found, property) and found.fget is not None:
            return self.call(Static(found.fget), [x], {})
        found_on_it = self.own_attribute_of(x, name)
        if found_on_it is not None:
            return found_on_it
        if hasattr(_PLAIN_VARIABLE, name):
            self.fail("AF0202", f"the attribute `{name}` of a Variable isn't supported")
        self.raise_python(AttributeError(f"'Variable' object has no attribute '{name}'"))

    def own_attribute_of(self, x: Tensor, name: str) -> Value | None:
        """An attribute that was given to a Variable which the model holds."""
        if not isinstance(x.origin, chainer.Variable):
            return None
        own = vars(x.origin)
        if name in own:
            return self.lifted(own[name], Location(x.origin, "attribute", name), name)
        self.lifter.guard(Location(own, "item", name), MISSING)
        return None

    def size_of(self, x: Tensor) -> Value:
        size: Value = Static(1)
        for i in range(x.ndim):
            size = self.binary_op(operator.mul, size, self.dim_of(x, i))
        return size

    # --- objects -----------------------------------------------------------------------------


class Held:
    """Holds a parameter for a Location: it's always found where it is."""

    def __init__(self, value: Any) -> None:
        self.value = value
