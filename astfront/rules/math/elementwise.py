"""Functions of one tensor, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer.functions.loss import absolute_error, squared_error
from chainer.functions.math import (
    arctanh,
    basic_math,
    erf,
    exponential,
    exponential_m1,
    hyperbolic,
    logarithm_1p,
    sqrt,
    square,
    trigonometric,
)

from astfront.rules import nodes
from astfront.rules.nodes import in_float32, require_floats, require_same_shape
from astfront.rules.registry import node_rule
from astfront.values import Tensor

#: Node → Relay operator.
UNARY = {
    basic_math.Absolute: "abs",
    exponential.Exp: "exp",
    exponential.Log: "log",
    exponential.Log2: "log2",
    exponential.Log10: "log10",
    sqrt.Sqrt: "sqrt",
    trigonometric.Sin: "sin",
    trigonometric.Cos: "cos",
    trigonometric.Tan: "tan",
    trigonometric.Arcsin: "asin",
    trigonometric.Arccos: "acos",
    trigonometric.Arctan: "atan",
    hyperbolic.Sinh: "sinh",
    hyperbolic.Cosh: "cosh",
    arctanh.Arctanh: "atanh",
    erf.Erf: "erf",
}
#: Those that LLVM has for float16.
OF_FLOAT16 = {"abs", "exp", "log", "sqrt"}

#: Node → a composition of operators.
COMPOSED: dict[type, Callable[[Any, Tensor], Tensor]] = {
    exponential_m1.Expm1: nodes.expm1,
    logarithm_1p.Log1p: nodes.log1p,
}


def _unary(op: str) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        require_floats(cx, x)
        if op in OF_FLOAT16:
            result: Tensor = cx.call_op(op, x)
            return result
        if op == "erf" and x.dtype == np.float64:
            # TVM's is an approximation for float32.
            return cx.call_op("astfront.erf", x)  # type: ignore[no-any-return]
        return in_float32(cx, lambda v: cx.call_op(op, v), x)

    return rule


def _composed(f: Callable[[Any, Tensor], Tensor]) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        require_floats(cx, x)
        return in_float32(cx, lambda v: f(cx, v), x)

    return rule


for _class, _op in UNARY.items():
    node_rule(_class)(_unary(_op))
for _class, _f in COMPOSED.items():
    node_rule(_class)(_composed(_f))


@node_rule(square.Square)
def squared(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    result: Tensor = cx.call_op("multiply", x, x)
    return result


@node_rule(squared_error.SquaredError)
def squared_difference(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
    require_floats(cx, x, y)
    require_same_shape(cx, x, y)
    difference = cx.call_op("subtract", x, y)
    result: Tensor = cx.call_op("multiply", difference, difference)
    return result


@node_rule(absolute_error.AbsoluteError)
def absolute_difference(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
    require_floats(cx, x, y)
    require_same_shape(cx, x, y)
    node.set("diff", difference := cx.call_op("subtract", x, y))
    return nodes.absolute(cx, difference)
