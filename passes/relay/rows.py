"""Operators over many rows at once: from what is computed for one row to the same for all of them.

A value "of a row" is known for all rows as a tensor with one more axis, in front. An operator that has
a rule here gives, of such tensors, what it gives row by row. It can't fail on no rows at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import (
    Loop,
    Scope,
    operands,
    operator,
    rebuild,
    scalar,
    static_shape,
    substitute,
    variables,
)
from passes.relay.counted import Counter
from passes.relay.total import is_total

#: Of each element by itself, or of the elements at one place of several operands.
_ELEMENTWISE = frozenset(
    [
        "abs", "add", "annotation.stop_fusion", "cast", "ceil", "clip", "cos", "equal", "erf", "exp",
        "floor", "greater", "greater_equal", "less", "less_equal", "log", "logical_and", "logical_not",
        "logical_or", "maximum", "minimum", "multiply", "negative", "nn.leaky_relu", "nn.relu",
        "not_equal", "round", "rsqrt", "sigmoid", "sign", "sin", "sqrt", "subtract", "tanh", "where",
    ]
)  # fmt: skip

#: Of float operands only: integers may be divided by zero, and the rows may be more than the turns.
_OF_FLOATS = frozenset(["divide", "power"])

#: Only the shape changes.
_RESHAPES = frozenset(["expand_dims", "nn.batch_flatten", "reshape", "squeeze"])

#: As few rows to a product are worth putting together.
_FEW_ROWS = 32


@dataclass
class Rows:
    """Values of a row, and what they are for all rows: ``bindings`` computes it.

    What isn't ``varying`` is the same for all rows, and so is what ``same`` has another name for.
    """

    varying: set[Any]
    tensors: dict[Any, Any] = field(default_factory=dict)
    same: dict[Any, Any] = field(default_factory=dict)
    bindings: Scope = field(default_factory=list)

    def lift(self, var: Any, value: Any) -> bool:
        """Compute for all rows what a binding computes for one; whether there's a rule for it."""
        if var._checked_type_ is None:
            return False  # Just made, for a loop in this one.
        used = variables(value)
        if not isinstance(value, relay.Call) or used & self.varying - {*self.tensors, *self.same}:
            return False
        if not any(x in self.tensors for x in used):
            if is_total(value, var.checked_type):
                name = relay.Var(var.name_hint)
                self.bindings.append((name, substitute(value, self.same)))
                self.same[var] = name
            return False
        shape = static_shape(var.checked_type)
        if shape is None or 0 in shape:
            return False
        made = self._apply(value, shape)
        if made is None:
            return False
        tensor = relay.Var(var.name_hint)
        made = substitute(_at(made, value.span), self.same)
        self.bindings.append((tensor, made))
        self.tensors[var] = tensor
        return True

    def lift_all(self, scope: Scope) -> set[Any]:
        """Lift what can be of a scope; of that, the variables that a matrix product is behind."""
        worth: set[Any] = set()
        for var, value in scope:
            if self.lift(var, value) and (
                operator(value) == "nn.dense" or worth & variables(value)
            ):
                worth.add(var)
        return worth

    def _apply(self, call: Any, shape: tuple[int, ...]) -> Any:
        name = operator(call)
        if name in _ELEMENTWISE or (name in _OF_FLOATS and _is_float(call)):
            return self._elementwise(call, len(shape))
        if name in _RESHAPES:
            return self._only(call, lambda x: relay.reshape(x, (-1, *shape)))
        rule = _RULES.get(name)
        return rule(self, call, shape) if rule else None

    def _only(self, call: Any, make: Callable[[Any], Any]) -> Any:
        return make(self.tensors[call.args[0]]) if call.args[0] in self.tensors else None

    def _elementwise(self, call: Any, rank: int) -> Any:
        args = []
        for arg in call.args:
            missing = rank - len(arg.checked_type.shape)
            tensor = self.tensors.get(arg, arg)
            if arg in self.tensors and missing:
                tensor = relay.expand_dims(tensor, axis=1, num_newaxis=missing)
            args.append(tensor)
        return rebuild(call, [call.op, *args])

    def _dense(self, call: Any, shape: tuple[int, ...]) -> Any:
        x, w = call.args
        known = static_shape(x.checked_type)
        if x not in self.tensors or w in self.tensors or known is None or len(known) != 2:
            return None
        if known[0] > _FEW_ROWS:
            return None
        flat = relay.reshape(self.tensors[x], (-1, known[1]))
        return relay.reshape(rebuild(call, [call.op, flat, w]), (-1, *shape))

    def _bias_add(self, call: Any, shape: tuple[int, ...]) -> Any:
        axis = int(call.attrs.axis)
        if call.args[1] in self.tensors:
            return None
        product = self._product(call.args[0])
        if product is not None and axis in (-1, len(shape) - 1):
            # In the product's own kernel: one over it, in another shape, would be one more.
            return relay.reshape(relay.nn.bias_add(product, call.args[1]), (-1, *shape))
        axis = axis + 1 if axis >= 0 else axis
        return self._only(call, lambda x: relay.nn.bias_add(x, call.args[1], axis=axis))

    def _product(self, var: Any) -> Any:
        """The product that ``_dense`` made for a variable."""
        value: Any = dict(self.bindings).get(self.tensors.get(var))
        is_product = operator(value) == "reshape" and operator(value.args[0]) == "nn.dense"
        return value.args[0] if is_product else None

    def _transpose(self, call: Any, shape: tuple[int, ...]) -> Any:
        rank = len(shape)
        axes = call.attrs.axes
        order = range(rank)[::-1] if axes is None else [int(a) % rank for a in axes]
        return self._only(call, lambda x: relay.transpose(x, (0, *(a + 1 for a in order))))

    def _take(self, call: Any, shape: tuple[int, ...]) -> Any:
        """Rows of a table, looked up for all indices; or a part of each row."""
        table, index = call.args
        axis, mode, sizes = _axis(call), call.attrs.mode, static_shape(table.checked_type)
        if axis is None or axis < 0 or mode not in ("clip", "wrap") or sizes is None or 0 in sizes:
            return None
        if index not in self.tensors:
            return relay.take(self.tensors[table], index, axis=axis + 1, mode=mode)
        if table in self.tensors or axis != 0:
            return None
        return rebuild(call, [call.op, table, self.tensors[index]])

    def _concatenate(self, call: Any, shape: tuple[int, ...]) -> Any:
        parts = operands(call.args[0])
        if not parts or not all(part in self.tensors for part in parts):
            return None
        axis = int(call.attrs.axis) % len(shape)
        return relay.concatenate([self.tensors[part] for part in parts], axis=axis + 1)


_RULES: Mapping[str, Callable[[Rows, Any, tuple[int, ...]], Any]] = {
    "concatenate": Rows._concatenate,
    "nn.bias_add": Rows._bias_add,
    "nn.dense": Rows._dense,
    "take": Rows._take,
    "transpose": Rows._transpose,
}


def _is_float(call: Any) -> bool:
    return all("float" in arg.checked_type.dtype for arg in call.args)


def _at(call: Any, span: Any) -> Any:
    return relay.Call(call.op, call.args, call.attrs, call.type_args, span)


def row_groups(
    loop: Loop, counter: Counter, values: Mapping[Any, Any]
) -> Iterator[tuple[Any, Rows]]:
    """The rows that a loop takes in each turn, of about as many as it has turns.

    One group for each index and number of rows, with one of its ``take``s. ``values`` says what
    variables outside are bound to.
    """
    varying = loop.defined()
    groups: dict[Any, tuple[Any, Rows]] = {}
    for var, value in loop.turn:
        x = table_of_row(value, varying)
        if x is None or not _is_read_once(x, counter, values):
            continue
        index = value.args[1]
        size = x.checked_type.shape[0]
        count = int(size) if isinstance(size, tvm.tir.IntImm) else x
        key = index, value.attrs.mode, count
        _, rows = groups.setdefault(key, (value, Rows(varying)))
        rows.tensors[var] = x
    yield from groups.values()


def table_of_row(value: Any, varying: set[Any]) -> Any:
    """What a value is a row of, the one at a single index; None if it's none, or of what varies."""
    if operator(value) != "take" or value.attrs.mode not in ("clip", "wrap"):
        return None
    x, index = value.args
    if not isinstance(x, relay.Var) or x in varying:  # Of what varies, the index may have no type.
        return None
    return x if not index.checked_type.shape and _axis(value) == 0 else None


def _axis(take: Any) -> int | None:
    plain = take.attrs.axis is not None and not int(take.attrs.batch_dims)
    return int(take.attrs.axis) if plain else None


def _is_read_once(x: Any, counter: Counter, values: Mapping[Any, Any]) -> bool:
    """Whether a loop has about as many turns as ``x`` has rows."""
    size = x.checked_type.shape[0]
    if isinstance(size, tvm.tir.IntImm):
        return counter.turns is not None and 0 < int(size) <= 2 * counter.turns
    first = scalar(counter.slot.initial)
    return first in (0, 1) and any(is_size_of(counter.bound, x, values, n) for n in (0, 1))


def is_size_of(bound: Any, x: Any, values: Mapping[Any, Any], less: int = 0) -> bool:
    """Whether a number is the number of rows of ``x``, or so many less (but not below 0)."""
    if less:  # range(less, n) has max(n - less, 0) items
        positive: Any = values.get(bound)
        if operator(positive) != "maximum" or scalar(positive.args[1]) != 0:
            return False
        bound = positive.args[0]
    base, more = _offset(bound, values)
    take: Any = values.get(base)
    if more != -less or operator(take) != "take" or scalar(take.args[1]) != 0:
        return False
    sizes: Any = values.get(take.args[0])
    return operator(sizes) == "shape_of" and bool(sizes.args[0] == x)


def _offset(number: Any, values: Mapping[Any, Any]) -> tuple[Any, int]:
    """What a number is made of by adding constants, and their sum."""
    more = 0
    step: Any
    while operator(step := values.get(number)) in ("add", "subtract"):
        by = scalar(step.args[1])
        if by is None:
            break
        more += by if operator(step) == "add" else -by
        number = step.args[0]
    return number, more
