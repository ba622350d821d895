"""Operators on constants are computed while compiling, by numpy.

TVM's ``FoldConstant`` does this too, and compiles a kernel for each: 30 seconds for a ResNet-50 whose
parameters are constants, where numpy takes a tenth of one. Here are the operators that fold into
weights: batch normalisation's arithmetic, and other layouts. What isn't among them is left to TVM.

>>> import numpy as np, tvm
>>> from tvm import relay
>>> x = relay.var("x", shape=(2, 3))
>>> bias = relay.expand_dims(relay.sqrt(relay.const(np.array([4.0, 9.0], "float32"))), axis=1)
>>> mod = relay.transform.InferType()(tvm.IRModule.from_expr(relay.Function([x], x + bias)))
>>> print(run(mod["main"]).body.args[1].data.numpy().tolist())
[[2.0], [3.0]]
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tvm import relay

from passes.relay import bindings

Array = np.ndarray[Any, Any]

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "divide": operator.truediv,
    "multiply": operator.mul,
    "negative": operator.neg,
    "sqrt": np.sqrt,
    "subtract": operator.sub,
}


def run(function: relay.Function) -> relay.Function:
    """A function with constants in the place of operators on constants; it needs no types."""
    found = False
    constants: set[Any] = set()

    def look(expr: Any) -> None:
        nonlocal found
        if isinstance(expr, relay.Call):
            found = found or (_is_known(expr) and all(arg in constants for arg in expr.args))
        elif isinstance(expr, relay.Constant):
            constants.add(expr)

    relay.analysis.post_order_visit(function, look)
    return _Folder().visit(function) if found else function


def _is_known(call: relay.Call) -> bool:
    name = bindings.operator(call)
    return name in _ARITHMETIC or name in _MOVES


class _Folder(bindings.Rewriter):
    def visit_call(self, call: relay.Call) -> relay.Expr:
        new = super().visit_call(call)
        if not _is_known(call) or not all(isinstance(x, relay.Constant) for x in new.args):
            return new
        computed = _computed(call, [x.data.numpy() for x in new.args])
        if computed is None:
            return new
        return relay.const(computed, computed.dtype.name)  # else int64 becomes int32


def _computed(call: relay.Call, args: Sequence[Array]) -> Array | None:
    """What an operator gives; None where that's left to TVM."""
    name = bindings.operator(call)
    if name in _MOVES:
        made = _MOVES[name](call.attrs, args[0])
        return None if made is None else made.copy(order="C")
    if any(x.dtype not in (np.float32, np.float64) for x in args):
        return None
    with np.errstate(all="ignore"):
        return np.asarray(_ARITHMETIC[name](*args))


def _expanded(attrs: Any, x: Array) -> Array:
    axis, count = int(attrs.axis), int(attrs.num_newaxis)
    place = axis if axis >= 0 else x.ndim + axis + 1
    return x.reshape(*x.shape[:place], *[1] * count, *x.shape[place:])


def _squeezed(attrs: Any, x: Array) -> Array:
    return x.squeeze(None if attrs.axis is None else tuple(int(a) for a in attrs.axis))


def _reshaped(attrs: Any, x: Array) -> Array | None:
    shape = [int(d) for d in attrs.newshape]
    # 0 and what's below -1 stand for sizes of the operand.
    return x.reshape(shape) if all(d > 0 or d == -1 for d in shape) else None


def _transposed(attrs: Any, x: Array) -> Array:
    return x.transpose(None if attrs.axes is None else [int(a) for a in attrs.axes])


def _in_layout(attrs: Any, x: Array) -> Array | None:
    """From ``OIHW`` to the like of ``OIHW16i16o``, which has axes apart in blocks."""
    source, parts = attrs.src_layout, re.findall(r"(\d*)([A-Za-z])", attrs.dst_layout)
    if not source.isupper() or not source.isalpha():
        return None
    blocks = {letter.upper(): int(size) for size, letter in parts if size}
    places: dict[str, int] = {}
    shape: list[int] = []
    for axis, size in zip(source, x.shape):
        block = blocks.get(axis)
        if block is not None and size % block:
            return None
        for letter, length in (
            [(axis, size)] if block is None else [(axis, size // block), (axis.lower(), block)]
        ):
            places[letter] = len(shape)
            shape.append(length)
    return x.reshape(shape).transpose([places[letter] for _, letter in parts])


#: Operators that make other arrays of their operand's items.
_MOVES: dict[str, Callable[[Any, Array], Array | None]] = {
    "expand_dims": _expanded,
    "layout_transform": _in_layout,
    "reshape": _reshaped,
    "squeeze": _squeezed,
    "transpose": _transposed,
}
