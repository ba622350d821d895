"""Shape functions of operators that Relay left without one, so that their inputs may be staged in size.

Importing this module registers them, and mends three: ``where`` beside a scalar made an axis of size 0
one of size 1, ``bitwise_not`` had that of an operator with two operands, and ``broadcast_to`` was said
to look at data, which TVM refuses of an operator that's fused behind another.
"""

from __future__ import annotations

from typing import Any

from tvm import relay, topi
from tvm.relay.op import _reduce
from tvm.relay.op._tensor import (
    _broadcast_shape_func,
    elemwise_shape_func,
    full_shape_func,
)
from tvm.relay.op.op import register_shape_func
from tvm.runtime import convert

#: Operators whose result has the shape of their only input.
ELEMENTWISE = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "erf",
    "isfinite",
    "isinf",
    "isnan",
    "log10",
    "nn.log_softmax",
    "reinterpret",
    "reverse",
    "sign",
    "sin",
    "sinh",
    "trunc",
]
REDUCTIONS = ("all", "any")

#: Above TVM's own registrations, whose level is 10.
_LEVEL = 15


def _where_shape_func(attrs: Any, inputs: Any, out_ndims: Any) -> list[Any]:
    condition, x, y = (topi.full((1,), "int64", 1) if len(i.shape) == 0 else i for i in inputs)
    both = convert(max(int(x.shape[0]), int(y.shape[0])))
    every = convert(max(int(x.shape[0]), int(y.shape[0]), int(condition.shape[0])))
    return [_broadcast_shape_func(_broadcast_shape_func(x, y, both), condition, every)]


def _register() -> None:
    for name in ELEMENTWISE:
        if relay.op.get(name).get_attr("FShapeFunc") is None:
            register_shape_func(name, False, elemwise_shape_func)
    for name in REDUCTIONS:
        if relay.op.get(name).get_attr("FShapeFunc") is None:
            register_shape_func(name, False, _reduce.reduce_shape_func)
    register_shape_func("bitwise_not", False, elemwise_shape_func, level=_LEVEL)
    register_shape_func("broadcast_to", False, full_shape_func, level=_LEVEL)
    register_shape_func("where", False, _where_shape_func, level=_LEVEL)


_register()
