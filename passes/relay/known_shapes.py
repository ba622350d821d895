"""The shapes that are known aren't asked for when the program runs.

It runs where TVM has made shape functions explicit, on bindings of single calls. TVM's own
``FoldConstant`` does this too, and compiles a kernel for each shape. Of a number it must be done: what
the VM's ``shape_of`` gives has one axis, and a shape function takes an array without any.

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

from tvm import relay

from passes.relay.bindings import chain, operator, static_shape, unchain


def run(function: relay.Function) -> relay.Function:
    """A function, with types, in which known shapes are constants."""
    body = _known(function.body)
    if body.same_as(function.body):
        return function
    return relay.function.FunctionWithFields(function, body=body)


def _known(expr: Any) -> Any:
    if isinstance(expr, relay.Function):
        return run(expr)
    if isinstance(expr, relay.If):
        arms = _known(expr.true_branch), _known(expr.false_branch)
        same = arms[0].same_as(expr.true_branch) and arms[1].same_as(expr.false_branch)
        return expr if same else relay.If(expr.cond, *arms, expr.span)
    if isinstance(expr, relay.Let):
        bindings, result = unchain(expr)
        known = [(var, _known(value)) for var, value in bindings]
        same = all(new.same_as(old) for (_, new), (_, old) in zip(known, bindings))
        return expr if same else chain(known, result)
    name = operator(expr)
    if name == "on_device":
        inner = _known(expr.args[0])
        same = inner.same_as(expr.args[0])
        return expr if same else relay.Call(expr.op, [inner], expr.attrs, span=expr.span)
    shape = static_shape(expr.args[0].checked_type) if name == "vm.shape_of" else None
    if shape is None:
        return expr
    return relay.const(list(shape) or 0, expr.checked_type.dtype)
