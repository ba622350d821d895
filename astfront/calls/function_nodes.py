"""Chainer's function nodes: applied by their rules, or compiled from their numpy code."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import chainer
import numpy as np
from chainer.function import FunctionAdapter
from chainer.utils.type_check import InvalidType

from astfront.diagnostics import CompileError
from astfront.joins.options import is_optional
from astfront.machine import Machine
from astfront.rules.numpy.complex_arrays import is_complex
from astfront.rules.registry import NODE_RULES
from astfront.values import (
    NONE,
    Choice,
    Dict,
    List,
    Object,
    Option,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
    is_none,
)


class FunctionNodes(Machine):
    # --- function nodes ----------------------------------------------------------------------

    def apply_node(self, node: Object, inputs: Sequence[Value]) -> Value:
        """``FunctionNode.apply``: by the class's rule, or by compiling its numpy ``forward``."""
        inputs = [self._node_input(x) for x in inputs]
        at = next((i for i, x in enumerate(inputs) if isinstance(x, Choice)), None)
        if at is not None:
            before, after = inputs[:at], inputs[at + 1 :]
            return self.split(inputs[at], lambda v: self.apply_node(node, [*before, v, *after]))
        if not all(map(self._is_arraylike, inputs)):
            self._refuse_mixed(node, inputs)
        tensors = [self.as_tensor(x) for x in inputs]
        self.check_node_types(node, tensors)
        arrays = [x.as_kind("array") for x in tensors]
        found = rule_of(node.cls)
        if found is not None:
            result = self._run_rule(found, node, arrays)
            if isinstance(result, List):
                return result
            outputs = self.items_of(result)
        else:
            outputs = self.items_of(self.forward_of(node, arrays))
        return self.tuple([as_variables(self.as_tensor(y)) for y in outputs])

    def _run_rule(self, found: Callable[..., Any], node: Object, arrays: Sequence[Tensor]) -> Value:
        given: Any = self.heap[node.cell]
        for name, value in given.items.items():
            # Such as weights that are None on some ways.
            if isinstance(value, Option) and not is_optional(value):

                def run(known: Value, name: str = name) -> Value:
                    self.heap.bind(node.cell, name, known)
                    return self._run_rule(found, node, arrays)

                return self.split(value, run)  # type: ignore[no-any-return]
        result = self.result_value(found(self, NodeView(self, node), *arrays))
        after: Any = self.heap[node.cell].items  # type: ignore[union-attr]
        for name in _left_by(node.cls):
            if name not in after or is_none(after[name]):
                self.not_kept.add((node.cell, name))
        return self.tuple([result]) if isinstance(result, Tensor) else result

    def require_kept(self, node: Object, name: str) -> None:
        """Refuse an attribute that a rule left out, unless the program has set it since."""
        if (node.cell, name) not in self.not_kept:
            return
        items: Any = self.heap[node.cell].items  # type: ignore[union-attr]
        if is_none(items.get(name, NONE)):
            self.fail(
                "AF0301",
                f"`{name}`, which {node.cls.__name__} leaves in the node, isn't computed",
                help="use a function that returns it, such as max_pooling_2d(…, return_indices=True)",
            )

    def inherited_forward(
        self, f: types.FunctionType, args: Sequence[Value], kwargs: dict[str, Value]
    ) -> Value | None:
        """``super().forward(inputs)`` by the rule for the class that has this ``forward``.

        None if there's no such rule, or it isn't all that the call does: then ``f`` is to be compiled.
        """
        if f.__name__ not in FORWARDS or len(args) != 2 or kwargs:
            return None
        node, inputs = args
        if not (isinstance(node, Object) and issubclass(node.cls, chainer.FunctionNode)):
            return None
        owner = next((c for c in node.cls.__mro__ if vars(c).get(f.__name__) is f), None)
        found = None if owner is None else rule_of(node.cls, owner)
        if owner is None or found is None or not isinstance(inputs, Tuple):
            return None
        tensors = [x.as_kind("array") for x in inputs.items if isinstance(x, Tensor)]
        if len(tensors) != len(inputs.items):
            return None
        # Rules take it for granted that the class's own type check has been passed.
        if any(self._type_error(node, tensors, n, owner) is not None for n in _SOME_SIZES):
            return None
        return self._run_rule(found, node, tensors)

    def _node_input(self, x: Value) -> Value:
        """An input that may be a number instead: then Chainer raises a TypeError."""
        while isinstance(x, Option) and self.is_number(x.absent):
            mixed = "incompatible array types are mixed in the forward input"
            self.check(x.present, TypeError(mixed))
            x = x.value
        return x

    def _is_arraylike(self, x: Value) -> bool:
        """Whether an input is no number (numpy's neither), text, list or the like."""
        if isinstance(x, Tensor):
            return x.kind != "generic"
        if isinstance(x, Static):
            return isinstance(x.obj, chainer.Variable | np.ndarray)
        if isinstance(x, Object) and not is_complex(x):
            return issubclass(x.cls, chainer.Variable | np.ndarray)
        return not isinstance(x, Scalar | Tuple | List | Dict)

    def _refuse_mixed(self, node: Object, inputs: Sequence[Value]) -> NoReturn:
        """Chainer takes arrays only."""
        label = self.static(self.get_attribute(node, "label"))
        types = [self.static(self.call(Static(type), [x], {})) for x in inputs]
        shown = ", ".join(str(np.ndarray if issubclass(t, chainer.Variable) else t) for t in types)
        mixed = "incompatible array types are mixed in the forward input"
        self.raise_python(TypeError(f"{mixed} ({label}).\nActual: {shown}"))

    def forward_of(self, node: Object, arrays: Sequence[Tensor]) -> Value:
        """A node's ``forward`` compiled from its source; a refusal in Chainer's own is one of it."""
        forward = self.get_attribute(node, "forward")
        result, found = self.refusals_of(lambda: self.call(forward, [self.tuple(arrays)], {}))
        if not found:
            return result  # type: ignore[return-value]
        if not node.cls.__module__.startswith("chainer."):
            raise CompileError(found)
        self.fail(
            "AF0301",
            f"{node.cls.__module__}.{node.cls.__name__} isn't supported here",
            notes=[f"its numpy code can't be compiled: {found[0].message}"],
            help="write it with supported functions, or register a rule: see docs/adding-an-op.md",
        )

    def check_node_types(self, node: Object, inputs: Sequence[Tensor]) -> None:
        """Run Chainer's own type check of the node.

        With staged sizes it fails for certain where it does so in the same way whatever they are.
        """
        if not chainer.config.type_check:
            return
        known = all(x.is_static_shape for x in inputs)
        found = [self._type_error(node, inputs, n) for n in ((1,) if known else _SOME_SIZES)]
        alike = isinstance(found[0], InvalidType) and len(set(map(str, found))) == 1
        if found[0] is not None and (known or alike):
            self.raise_python(found[0])

    def _type_error(
        self, node: Object, inputs: Sequence[Tensor], size: int, cls: type | None = None
    ) -> Exception | None:
        """What the node's type check raises where each staged size is ``size``.

        ``cls`` is the class whose check it is, if it isn't the node's own.
        """
        real = node.instance if cls is None else None
        if real is None:
            real = (cls or node.cls).__new__(cls or node.cls)  # type: ignore[call-overload]
            if node.instance is not None:
                vars(real).update(vars(node.instance))
            for name, value in self.heap[node.cell].items.items():  # type: ignore[union-attr]
                known, obj = self.known(value)
                if not known and isinstance(value, Tensor):
                    # Of an array that a node keeps, the checks look at the type only.
                    known, obj = node.cls.__module__.startswith("chainer."), _stand_in(value, size)
                if known:
                    object.__setattr__(real, name, obj)
        dummies = tuple(_stand_in(x, size) for x in inputs)
        if isinstance(real, chainer.Function):
            old_style = real
            real = FunctionAdapter.__new__(FunctionAdapter)
            object.__setattr__(real, "_function", old_style)
        try:
            object.__setattr__(real, "_input_layouts", (None,) * len(inputs))
            chainer.FunctionNode._check_data_type_forward(real, dummies)
        except AttributeError:
            return None  # The check wants a staged attribute.
        except Exception as e:
            return e
        return None


@functools.cache
def _left_by(cls: type) -> frozenset[str]:
    """The public attributes in which the ``forward`` that a rule stands for leaves something."""
    base = next(c for c in cls.__mro__ if c in NODE_RULES)
    names = set()
    for method in (getattr(base, name, None) for name in FORWARDS):
        if isinstance(method, types.FunctionType):
            found = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method))))
            names |= {
                n.attr
                for n in found
                if isinstance(n, ast.Attribute)
                and isinstance(n.ctx, ast.Store)
                and isinstance(n.value, ast.Name)
                and n.value.id == "self"
            }
    return frozenset(n for n in names if not n.startswith("_"))


#: Where a type check fails for each of these in one way, it doesn't depend on the size.
_SOME_SIZES = (60, 12, 1)


#: The methods that a rule stands for: ``FunctionNode.forward`` calls the other on a CPU.
FORWARDS = ("forward", "forward_cpu")

#: What rules don't stand for, besides names with underscores: a subclass may have its own.
_BESIDE = ("check_type_forward", "label", "forward_gpu", "forward_chainerx")


def rule_of(cls: type, owner: type | None = None) -> Callable[..., Any] | None:
    """The rule that stands for the ``forward`` of a node's class, or for that of a base, ``owner``.

    A class inherits the rule of its base as long as it has no methods of its own in place of the base's.
    """
    for at, base in enumerate(cls.__mro__):
        if base is owner or (owner is None and base in NODE_RULES):
            names = {n for c in cls.__mro__[:at] for n in vars(c) if hasattr(base, n)}
            if owner is not None:
                names.difference_update(FORWARDS)
            own = [n for n in names if not n.startswith(("__", "backward")) and n not in _BESIDE]
            return None if own else NODE_RULES.get(base)
    return None


def _stand_in(x: Tensor, size: int) -> Any:
    """An array of zeros of the type of ``x``, with ``size`` for each size that's staged."""
    shape = [size if n is None else n for n in x.shape]
    return np.broadcast_to(np.zeros((), x.dtype), shape)


class NodeView:
    """A function node as its rule sees it: ``node.name`` is the attribute's Python object."""

    def __init__(self, cx: Any, node: Object) -> None:
        self._cx = cx
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return self._cx.static(self.value(name), f"`{name}` of {self._node.cls.__name__}")

    def value(self, name: str) -> Value:
        """The attribute as an abstract value, staged perhaps."""
        return self._cx.get_attribute(self._node, name)  # type: ignore[no-any-return]

    @property
    def is_kept(self) -> bool:
        """Whether the model has it: what it leaves in the node can be read in another call."""
        return self._node.instance is not None

    def set(self, name: str, value: Value) -> None:
        self._cx.heap.bind(self._node.cell, name, value)


def as_variables(value: Value) -> Value:
    if isinstance(value, Tensor):
        return value.as_kind("variable")
    if isinstance(value, Tuple):
        return Tuple(tuple(map(as_variables, value.items)), value.cls)
    return value
