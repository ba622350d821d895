"""Shape functions of operators that Relay left without one, so that their inputs may be staged in size.

Importing this module registers them. Most are of operators whose result has the shape of their
input; :data:`REDUCTIONS` have that of any other reduction.
"""

from __future__ import annotations

from tvm import relay
from tvm.relay.op import _reduce
from tvm.relay.op._tensor import elemwise_shape_func
from tvm.relay.op.op import register_shape_func

#: Operators whose result has the shape of their only input.
ELEMENTWISE = ["abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "erf", "isfinite", "isinf", "isnan", "log10", "nn.log_softmax", "reinterpret", "reverse", "sign", "sin", "sinh", "trunc"]
REDUCTIONS = ("all", "any")


def _register() -> None:
    for name in ELEMENTWISE:
        if relay.op.get(name).get_attr("FShapeFunc") is None:
            register_shape_func(name, False, elemwise_shape_func)
    for name in REDUCTIONS:
        if relay.op.get(name).get_attr("FShapeFunc") is None:
            register_shape_func(name, False, _reduce.reduce_shape_func)


_register()
