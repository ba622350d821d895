"""Arithmetic of Variables: the nodes behind ``+ - * / ** -x abs(x)``, and others of two tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer.functions.math import (
    basic_math,
    clip,
    fmod,
    identity,
    linear_interpolate,
    maximum,
    minimum,
    trigonometric,
)

from astfront.rules.nodes import (
    constant,
    in_float32,
    mismatch,
    number,
    require_floats,
    require_same_dtype,
    require_same_shape,
)
from astfront.rules.numpy import elementwise
from astfront.rules.numpy.support import check_broadcast
from astfront.rules.registry import node_rule
from astfront.values import NONE, Static, Tensor

#: Nodes of two tensors that broadcast.
BINARY = {
    basic_math.Add: "add",
    basic_math.Sub: "subtract",
    basic_math.Mul: "multiply",
    basic_math.Div: "divide",
    basic_math.PowVarVar: "power",
    maximum.Maximum: "maximum",
    minimum.Minimum: "minimum",
    fmod.Fmod: "mod",
}
#: Those that take integers, too.
OF_INTEGERS = {basic_math.Add, basic_math.Sub}


def _of_bools(cx: Any, op: str, *xs: Tensor) -> Tensor:
    """numpy's logic, or its TypeError."""
    made: Tensor = cx.call(Static(getattr(np, op)), list(xs), {})
    return made.as_kind("array")


def _binary(node_class: type, op: str) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
        if node_class in OF_INTEGERS:
            require_same_dtype(cx, x, y)
            if x.dtype == bool:
                return _of_bools(cx, op, x, y)
        else:
            require_floats(cx, x, y)
        check_broadcast(cx, x, y, error=mismatch)
        if op == "mod":  # of float16, Relay's own is wrong
            return in_float32(cx, lambda a, b: cx.call_op(op, a, b), x, y)
        result: Tensor = cx.call_op(op, x, y)
        return result

    return rule


for _class, _op in BINARY.items():
    node_rule(_class)(_binary(_class, _op))


#: Nodes of a tensor and a number: the operator, and whether the number is its first operand.
WITH_CONSTANT = {
    basic_math.AddConstant: ("add", False),
    basic_math.SubFromConstant: ("subtract", True),
    basic_math.MulConstant: ("multiply", False),
    basic_math.DivFromConstant: ("divide", True),
    basic_math.PowConstVar: ("power", True),
}
OF_FLOATS = {basic_math.DivFromConstant, basic_math.PowConstVar}


def _with_constant(node_class: type, op: str, number_first: bool) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        if node_class in OF_FLOATS:
            require_floats(cx, x)
        value = number(cx, node.value("value"), x)
        if x.dtype == bool:
            return _of_bools(cx, op, *((value, x) if number_first else (x, value)))
        result: Tensor = cx.call_op(op, value, x) if number_first else cx.call_op(op, x, value)
        return result

    return rule


for _class, (_op, _first) in WITH_CONSTANT.items():
    node_rule(_class)(_with_constant(_class, _op, _first))


@node_rule(basic_math.PowVarConst)
def power_of_constant(cx: Any, node: Any, x: Tensor) -> Tensor:
    """Small powers without ``pow``, the same ones as in numpy."""
    require_floats(cx, x)
    value = number(cx, node.value("value"), x)
    exponent = None if value.const is None else float(value.const)
    result: Tensor
    if exponent == 1:
        return x.copied()
    if exponent == 2:
        result = cx.call_op("multiply", x, x)
    elif exponent == 0.5:
        result = cx.call_op("sqrt", x)
    elif exponent == -1:
        result = cx.call_op("divide", constant(cx, 1, x), x)
    else:
        result = cx.call_op("power", x, value)
    return result


@node_rule(basic_math.Neg)
def negative(cx: Any, node: Any, x: Tensor) -> Tensor:
    if x.dtype == bool:
        return _of_bools(cx, "negative", x)
    return elementwise.negative(cx, x)


@node_rule(basic_math.MultiAdd)
def multi_add(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    require_same_dtype(cx, *xs)
    check_broadcast(cx, *xs)  # numpy's own exception
    result = xs[0]
    for x in xs[1:]:
        if x.dtype == bool:
            result = _of_bools(cx, "add", result, x)
            continue
        result = cx.call_op("add", result, x)
    return result


@node_rule(clip.Clip)
def clipped(cx: Any, node: Any, x: Tensor) -> Tensor:
    require_floats(cx, x)
    low, high = node.value("x_min"), node.value("x_max")
    if isinstance(low, Static) and isinstance(high, Static) and NONE not in (low, high):
        bounds = [float(number(cx, v, x).const) for v in (low, high)]  # type: ignore[arg-type]
        result: Tensor = cx.call_op("clip", x, a_min=bounds[0], a_max=bounds[1])
        return result
    for op, bound in (("maximum", low), ("minimum", high)):
        if not (isinstance(bound, Static) and bound.obj is None):
            x = cx.call_op(op, number(cx, bound, x), x)
    return x


@node_rule(linear_interpolate.LinearInterpolate)
def linear_interpolation(cx: Any, node: Any, p: Tensor, x: Tensor, y: Tensor) -> Tensor:
    require_floats(cx, p, x, y)
    require_same_shape(cx, p, x, y)
    rest = cx.call_op("subtract", constant(cx, 1, p), p)
    px, qy = cx.call_op("multiply", p, x), cx.call_op("multiply", rest, y)
    result: Tensor = cx.call_op("add", px, qy)
    return result


@node_rule(identity.Identity)
def identity_(cx: Any, node: Any, *xs: Tensor) -> tuple[Tensor, ...]:
    return xs


@node_rule(trigonometric.Arctan2)
def arctan2(cx: Any, node: Any, y: Tensor, x: Tensor) -> Tensor:
    """The angle of (x, y), from atan of the quotient and the quadrant (Relay has no arctan2)."""
    require_floats(cx, y, x, same=False)
    check_broadcast(cx, y, x)
    dtype = np.result_type(y.dtype, x.dtype)
    y, x = cx.cast(y, dtype), cx.cast(x, dtype)
    return in_float32(cx, lambda a, b: _angle(cx, a, b), y, x)


def _angle(cx: Any, y: Tensor, x: Tensor) -> Tensor:
    call = cx.call_op
    zero, one, pi = (constant(cx, c, x) for c in (0, 1, np.pi))
    half_pi, minus_one = constant(cx, np.pi / 2, x), constant(cx, -1, x)

    def minus_sign(v: Tensor) -> Tensor:
        """Whether the sign bit is set: 1 / -0.0 is -inf."""
        below, inverse = call("less", v, zero), call("less", call("divide", one, v), zero)
        minus: Tensor = call("logical_or", below, inverse)
        return minus

    def direction(v: Tensor) -> Tensor:
        signed: Tensor = call("where", minus_sign(v), minus_one, one)
        return signed

    y_sign = direction(y)
    both = call("logical_and", call("isinf", x), call("isinf", y))
    up, along = (call("where", both, direction(v), v) for v in (y, x))
    at_zero = call("equal", along, zero)
    slope = call("divide", up, call("where", at_zero, one, along))
    turned = call("where", minus_sign(x), call("multiply", y_sign, pi), zero)
    angle = call("add", call("atan", slope), turned)
    # On the vertical axis; and at the origin it's 0 or pi, with y's sign.
    steep = call("multiply", y_sign, half_pi)
    origin = call("where", minus_sign(x), call("multiply", y_sign, pi), y)
    vertical = call("where", call("equal", up, zero), origin, steep)
    vertical = call("where", call("isnan", up), up, vertical)
    result: Tensor = call("where", at_zero, vertical, angle)
    return result
