"""Branches within branches into functions of their own, which TVM's liveness analysis needs.

``ManifestLifetimes`` frees a value after its last use. In its flow graph what follows an ``if`` inside
of an arm leads nowhere (``ControlFlowGraph::Creator`` gives the edge to the arm's first block instead
of its last), so a value that is used in the inner ``if``, and again after the outer one, is freed too
early: the program reads nothing, or crashes. A function has a flow graph of its own. An ``if`` that
ends a function is none of these: nothing comes after it.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%a: bool, %b: bool, %x: Tensor[(3), float32]) {
...   let %y = if (%a) {
...     let %z = if (%b) { negative(%x) } else { %x };
...     exp(%z)
...   } else { %x };
...   add(%x, %y)
... }''')
>>> show(run(mod))
def @main(%a: bool, %b: bool, %x: Tensor[(3), float32]) -> Tensor[(3), float32] {
  let %y: Tensor[(3), float32] = if (%a) {
    let %inner: fn () -> Tensor[(3), float32] = fn () -> Tensor[(3), float32] {
      if (%b) {
        negative(%x)
      } else {
        %x
      }
    };
    let %z: Tensor[(3), float32] = %inner();
    exp(%z)
  } else {
    %x
  };
  add(%x, %y)
}
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay


def run(mod: tvm.IRModule) -> tvm.IRModule:
    """The module without an ``if`` inside of an arm of an ``if`` that something follows."""
    mod = relay.transform.InferType()(mod)
    result = tvm.IRModule(dict(mod.functions.items()), dict(mod.type_definitions.items()))
    for name in mod.get_global_vars():
        function = mod[name]
        if isinstance(function, relay.Function):
            result.update_func(name, _Wrap().visit(function))
    return relay.transform.InferType()(result)


class _Wrap(relay.ExprMutator):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.last = True
        """Nothing in this function comes after the expression."""
        self.in_arm = False
        """The expression is in an arm of an ``if`` that isn't the last thing in its function."""

    def _visit(self, expr: Any, last: bool, in_arm: bool) -> Any:
        outer = self.last, self.in_arm
        self.last, self.in_arm = last, in_arm
        try:
            return self.visit(expr)
        finally:
            self.last, self.in_arm = outer

    def visit_function(self, function: relay.Function) -> relay.Function:
        body = self._visit(function.body, True, False)
        return relay.Function(
            function.params, body, function.ret_type, function.type_params, function.attrs
        )

    def visit_let(self, let: relay.Let) -> relay.Expr:
        bound = []
        expr: Any = let
        while isinstance(expr, relay.Let):
            value = self._visit(expr.value, False, self.in_arm)
            while isinstance(value, relay.Let):
                bound.append((value.var, value.value))
                value = value.body
            bound.append((expr.var, value))
            expr = expr.body
        result = self.visit(expr)
        for var, value in reversed(bound):
            result = relay.Let(var, value, result)
        return result

    def visit_if(self, branch: relay.If) -> relay.Expr:
        wrap = self.in_arm
        last = self.last or wrap
        condition = self._visit(branch.cond, False, self.in_arm)
        arms = [
            self._visit(arm, last, not last) for arm in (branch.true_branch, branch.false_branch)
        ]
        made = relay.If(condition, *arms, span=branch.span)
        if not wrap:
            return made
        # With a name: TVM misplaces constants that a function without one shares with what's around.
        name = relay.Var("inner")
        function = relay.Function([], made, branch.checked_type)
        return relay.Let(name, function, relay.Call(name, []))

    def visit_call(self, call: relay.Call) -> relay.Call:
        op = self._visit(call.op, False, self.in_arm)
        args = [self._visit(arg, False, self.in_arm) for arg in call.args]
        return relay.Call(op, args, call.attrs, call.type_args, call.span)

    def visit_tuple(self, tup: relay.Tuple) -> relay.Tuple:
        return relay.Tuple([self._visit(field, False, self.in_arm) for field in tup.fields])

    def visit_var(self, var: relay.Var) -> relay.Var:
        return var
