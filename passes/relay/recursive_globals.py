"""Local recursive functions into global ones, which TVM's lambda lifting needs.

``LambdaLift`` knows a function by its own name only directly in its body. In a function inside of it
the name is taken for a variable that nobody binds. So what such a function captures becomes parameters
of a global function. A loop, which calls itself as the last thing
of a turn, stays where it is: TVM packs the constants that a local function captures.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%n: int64, %x: Tensor[(3), float32]) {
...   let %power: fn (int64) -> Tensor[(3), float32] = fn (%i: int64) -> Tensor[(3), float32] {
...     if (less(%i, 1i64)) {
...       %x
...     } else {
...       let %y = %power(subtract(%i, 1i64));
...       multiply(%y, %x)
...     }
...   };
...   %power(%n)
... }''')
>>> show(run(mod))
def @main(%n: int64, %x: Tensor[(3), float32]) -> Tensor[(3), float32] {
  @power(%n, %x)
}
<BLANKLINE>
def @power(%i: int64, %x1: Tensor[(3), float32]) -> Tensor[(3), float32] {
  %0 = less(%i, 1i64);
  if (%0) {
    %x1
  } else {
    %1 = subtract(%i, 1i64);
    let %y: Tensor[(3), float32] = @power(%1, %x1);
    multiply(%y, %x1)
  }
}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import Rewriter, Scope, chain, is_recursion


def run(mod: tvm.IRModule) -> tvm.IRModule:
    """The module with its recursive functions, but for loops, as global ones."""
    mod = relay.transform.InferType()(mod)
    result = tvm.IRModule(dict(mod.functions.items()), dict(mod.type_definitions.items()))
    pending = [name for name in mod.get_global_vars() if isinstance(mod[name], relay.Function)]
    while pending:
        name = pending.pop()
        lift = _Lift(result)
        result.update_func(name, lift.visit(result[name]))
        pending += lift.made
    return relay.transform.InferType()(result)


class _Lift(Rewriter):
    """Takes functions out of one; those inside them are left for later."""

    def __init__(self, mod: tvm.IRModule) -> None:
        super().__init__()
        self.mod = mod
        self.made: list[relay.GlobalVar] = []

    def visit_let(self, let: relay.Let) -> relay.Expr:
        bound = []
        expr: Any = let
        while isinstance(expr, relay.Let):
            if is_recursion(expr.var, expr.value):
                expr = self._lifted(expr)
            else:
                bound.append((expr.var, self.visit(expr.value)))
                expr = expr.body
        return chain(bound, self.visit(expr))

    def _lifted(self, let: relay.Let) -> relay.Expr:
        """What follows the function, with calls of the global one."""
        captured = [v for v in relay.analysis.free_vars(let.value) if v != let.var]
        name = relay.GlobalVar(self._unique(let.var.name_hint))
        calls = _Calls(let.var, lambda args: relay.Call(name, [*args, *captured]))
        function, body = calls.visit(let.value), calls.visit(let.body)
        given = [relay.Var(v.name_hint, v.checked_type) for v in captured]
        inner = relay.bind(function.body, dict(zip(captured, given)))
        self.mod[name] = relay.Function([*function.params, *given], inner, function.ret_type)
        self.made.append(name)
        return body

    def _unique(self, name: str) -> str:
        taken = {v.name_hint for v in self.mod.get_global_vars()}
        candidate, n = name, 1
        while candidate in taken:
            candidate, n = f"{name}_{n}", n + 1
        return candidate


class _Calls(Rewriter):
    """Calls of one function replaced."""

    def __init__(self, function: relay.Var, make: Callable[[list[Any]], relay.Expr]) -> None:
        super().__init__()
        self.function = function
        self.make = make

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        return chain(bindings, result)

    def visit_call(self, call: relay.Call) -> relay.Expr:
        if call.op == self.function:
            return self.make([self.visit(arg) for arg in call.args])
        return super().visit_call(call)
