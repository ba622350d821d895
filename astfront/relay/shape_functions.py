"""Shape functions of operators that Relay left without one, so that their inputs may be staged in size.

Importing this module registers them, and mends four: ``where`` beside a scalar made an axis of size 0
one of size 1, as ``nn.batch_matmul`` did of no matrices beside one, ``bitwise_not`` had that of an
operator with two operands, and ``broadcast_to`` was said to look at data, which TVM refuses of an
operator that's fused behind another.

A window that's wider than what it moves over has no place: TVM computed a negative number of them, and
ended the process for lack of memory, before the program could raise its exception.
"""

from __future__ import annotations

from typing import Any

from tvm import relay, te, tir, topi
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

#: Operators with windows; that of ``nn.conv2d`` is in ``conv.py``.
WINDOWED = [
    "nn.avg_pool2d",
    "nn.avg_pool3d",
    "nn.contrib_conv2d_NCHWc",
    "nn.conv2d_transpose",
    "nn.conv3d",
    "nn.max_pool2d",
    "nn.max_pool3d",
]

#: Above TVM's own registrations, whose level is 10.
_LEVEL = 15


def _where_shape_func(attrs: Any, inputs: Any, out_ndims: Any) -> list[Any]:
    condition, x, y = (topi.full((1,), "int64", 1) if len(i.shape) == 0 else i for i in inputs)
    both = convert(max(int(x.shape[0]), int(y.shape[0])))
    every = convert(max(int(x.shape[0]), int(y.shape[0]), int(condition.shape[0])))
    return [_broadcast_shape_func(_broadcast_shape_func(x, y, both), condition, every)]


@te.hybrid.script
def _products(left, right, left_axis, right_axis):  # type: ignore[no-untyped-def]
    out = output_tensor((3,), "int64")  # type: ignore[name-defined]  # noqa: F821
    if left[0] == int64(1):  # type: ignore[name-defined]  # noqa: F821
        out[0] = right[0]
    else:
        out[0] = left[0]
    out[1] = left[left_axis]
    out[2] = right[right_axis]
    return out


def _batch_matmul_shape_func(attrs: Any, inputs: Any, out_ndims: Any) -> list[Any]:
    axes = (2 if attrs.transpose_a else 1), (1 if attrs.transpose_b else 2)
    return [_products(*inputs, *(tir.IntImm("int32", axis) for axis in axes))]


@te.hybrid.script
def _at_least_zero(shape):  # type: ignore[no-untyped-def]
    out = output_tensor((shape.shape[0],), "int64")  # type: ignore[name-defined]  # noqa: F821
    for i in const_range(shape.shape[0]):  # type: ignore[name-defined]  # noqa: F821
        out[i] = max(shape[i], int64(0))  # type: ignore[name-defined]  # noqa: F821
    return out


def windowed_shape_func(usual: Any) -> Any:
    def shape_func(attrs: Any, inputs: Any, out_ndims: Any) -> list[Any]:
        return [_at_least_zero(shape) for shape in usual(attrs, inputs, out_ndims)]

    return shape_func


def _register() -> None:
    for name in WINDOWED:
        usual = relay.op.get(name).get_attr("FShapeFunc")
        if usual is not None:
            register_shape_func(name, False, windowed_shape_func(usual), level=_LEVEL)
    for name in ELEMENTWISE:
        if relay.op.get(name).get_attr("FShapeFunc") is None:
            register_shape_func(name, False, elemwise_shape_func)
    for name in REDUCTIONS:
        if relay.op.get(name).get_attr("FShapeFunc") is None:
            register_shape_func(name, False, _reduce.reduce_shape_func)
    register_shape_func("bitwise_not", False, elemwise_shape_func, level=_LEVEL)
    register_shape_func("broadcast_to", False, full_shape_func, level=_LEVEL)
    register_shape_func("nn.batch_matmul", False, _batch_matmul_shape_func, level=_LEVEL)
    register_shape_func("where", False, _where_shape_func, level=_LEVEL)


_register()
