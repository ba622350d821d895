"""Let-bound operators back into data-flow form, so that TVM can fuse them.

A program in which every result has a name is easy to make and to read, but TVM's FuseOps doesn't look
through a ``let``. This pass puts the operator calls back in the place of their names. What has to stay
where it is, stays bound: functions, calls of functions (loops), branches, and whatever a branch or a
function defined further in uses: such a value is computed once, before the loop, and not at each turn.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(3), float32]) {
...   let %a = exp(%x);
...   let %b = tanh(%x);
...   let %f = fn () { negative(%b) };
...   let %c = negative(%a);
...   add(%c, %f())
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(3), float32]) -> Tensor[(3), float32] {
  let %b: Tensor[(3), float32] = tanh(%x);
  let %f: fn () -> Tensor[(3), float32] = fn () -> Tensor[(3), float32] {
    negative(%b)
  };
  %0 = exp(%x);
  %1 = negative(%0);
  %2 = %f();
  add(%1, %2)
}
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import operands


def run(mod: tvm.IRModule) -> tvm.IRModule:
    """The module with its operator calls in data-flow form."""
    result = tvm.IRModule(dict(mod.functions.items()), dict(mod.type_definitions.items()))
    for name in mod.get_global_vars():
        function = mod[name]
        if isinstance(function, relay.Function):
            captured = _captured(function)
            result.update_func(name, _Inline(captured).visit(function))
    return result


def _captured(root: relay.Expr) -> set[Any]:
    """The let-bound variables that a function or branch further in uses."""
    defined: dict[Any, int] = {}
    captured: set[Any] = set()
    seen: set[tuple[int, Any]] = set()
    work: list[tuple[Any, int]] = [(root, 0)]
    depths = 0
    while work:
        expr, function = work.pop()
        if isinstance(expr, relay.Var):
            if expr in defined and defined[expr] != function:
                captured.add(expr)
            continue
        if (function, expr) in seen:
            continue
        seen.add((function, expr))
        if isinstance(expr, relay.Function):
            depths += 1
            work.append((expr.body, depths))
        elif isinstance(expr, relay.If):
            # TVM puts an operator that both a branch and the code around it use into the wrong one.
            work.append((expr.cond, function))
            for arm in (expr.true_branch, expr.false_branch):
                depths += 1
                work.append((arm, depths))
        elif isinstance(expr, relay.Let):
            # The chain is walked here: all its names are defined before anything in it is looked at.
            pending = []
            while isinstance(expr, relay.Let):
                defined[expr.var] = function
                pending.append(expr.value)
                expr = expr.body
            work.append((expr, function))
            work.extend((value, function) for value in pending)
        else:
            children = operands(expr)
            if isinstance(expr, relay.Match):
                children = [expr.data, *(clause.rhs for clause in expr.clauses)]
            work.extend((child, function) for child in children)
    return captured


class _Inline(relay.ExprMutator):  # type: ignore[misc]
    def __init__(self, captured: set[Any]) -> None:
        super().__init__()
        self.captured = captured

    def visit_let(self, let: relay.Let) -> relay.Expr:
        bound = []
        expr: Any = let
        while isinstance(expr, relay.Let):
            value = self.visit(expr.value)
            if expr.var not in self.captured and _is_dataflow(value):
                self.memo_map[expr.var] = value
            else:
                self.memo_map[expr.var] = expr.var
                bound.append((expr.var, value))
            expr = expr.body
        result = self.visit(expr)
        for var, value in reversed(bound):
            result = relay.Let(var, value, result)
        return result

    def visit_var(self, var: relay.Var) -> relay.Var:
        return var

    def visit_call(self, call: relay.Call) -> relay.Call:
        args = [self.visit(arg) for arg in call.args]
        return relay.Call(self.visit(call.op), args, call.attrs, call.type_args, call.span)


def _is_dataflow(value: Any) -> bool:
    if isinstance(value, relay.Call):
        return isinstance(value.op, tvm.ir.Op)
    return isinstance(value, relay.Tuple | relay.TupleGetItem | relay.Constant | relay.Var)
