"""The shapes that are known aren't asked for when the program runs.

It runs where TVM has made shape functions explicit. Its own ``FoldConstant`` does this too, and
compiles a kernel for each shape. Of a number it must be done: what the VM's ``shape_of`` gives has one
axis, and a shape function takes an array without any.

>>> import tvm
>>> x = relay.var("x", shape=(2, 3))
>>> y = relay.var("y", shape=(relay.Any(),))
>>> a, b = relay.var("a"), relay.var("b")
>>> body = relay.Let(b, relay.op.vm.shape_of(y), relay.Tuple([a, b]))
>>> body = relay.Let(a, relay.op.vm.shape_of(x), body)
>>> mod = relay.transform.InferType()(tvm.IRModule.from_expr(relay.Function([x, y], body)))
>>> made = run(mod["main"]).body
>>> made.value.data.numpy().tolist(), made.body.value.op.name
([2, 3], 'vm.shape_of')
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relay

from passes.relay.bindings import Rewriter, operator, static_shape


def run(function: relay.Function) -> relay.Function:
    """A function, with types, in which known shapes are constants."""
    body = _Known().visit(function.body)
    if body.same_as(function.body):
        return function
    return relay.function.FunctionWithFields(function, body=body)


class _Known(Rewriter):
    def visit_call(self, call: relay.Call) -> Any:
        if operator(call) == "on_device":
            return super().visit_call(call)
        if operator(call) != "vm.shape_of":
            return call
        shape = static_shape(call.args[0].checked_type)
        if shape is None:
            return call
        dtype = call.checked_type.dtype
        known = np.array(shape, dtype) if shape else np.zeros((), dtype)
        return relay.const(known, dtype)
