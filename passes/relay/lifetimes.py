"""Values are freed after their last use.

TVM's own ``ManifestLifetimes`` keeps, for each binding, the set of all values that are still needed:
for a network of a few hundred layers and parameters that takes longer than all of TVM's other passes.
Here a function is read once, from its end. It runs on what the VM's code is made from: calls of kernels,
bound one by one, in functions without functions in them.

>>> import tvm
>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%c: bool, %x: Tensor[(3), float32]) {
...   let %a = exp(%x);
...   let %b = negative(%a);
...   let %d = if (%c) { let %e = tanh(%b); let %f = add(%e, %b); %f } else { %b };
...   let %g = add(%d, %x);
...   %g
... }''')
>>> show(tvm.IRModule.from_expr(run(mod["main"])))
def @main(%c: bool, %x: Tensor[(3), float32]) -> Tensor[(3), float32] {
  let %a: Tensor[(3), float32] = exp(%x);
  let %b: Tensor[(3), float32] = negative(%a);
  let %x1: () = memory.kill(%a);
  let %d: Tensor[(3), float32] = if (%c) {
    let %e: Tensor[(3), float32] = tanh(%b);
    let %f: Tensor[(3), float32] = add(%e, %b);
    let %x2: () = memory.kill(%b);
    let %x3: () = memory.kill(%e);
    %f
  } else {
    %b
  };
  let %x4: () = memory.kill(%c);
  let %g: Tensor[(3), float32] = add(%d, %x);
  let %x5: () = memory.kill(%x);
  let %x6: () = memory.kill(%d);
  %g
}
"""

from __future__ import annotations

from typing import Any

from tvm import relay

from passes.relay.bindings import operands, operator, substitute, unchain


def run(function: relay.Function) -> relay.Function:
    """A function that frees what it no longer needs."""
    if isinstance(function.body, relay.Function):  # A closure: what it captured, and a function.
        body: Any = run(function.body)
    else:
        body, _ = _Freed().chain(function.body, {})
    return relay.function.FunctionWithFields(function, body=body)


#: Variables, in the order in which they were met: sets of them have another order in each process.
_Live = dict[Any, None]


class _Freed:
    """``chain`` gives an expression that frees what isn't ``live`` after it, and what's live before."""

    def __init__(self) -> None:
        self.names: dict[Any, Any] = {}
        """Other names of a variable: to the VM they're one register."""

    def chain(self, expr: Any, live: _Live) -> tuple[Any, _Live]:
        bindings, result = unchain(expr)
        kept = []
        for var, value in bindings:
            other = _without_device(value)
            if isinstance(other, relay.Var):
                self.names[var] = self.names.get(other, other)
            else:
                kept.append((var, value))
        result, used = self._renamed(result)
        live = {**live, **used}
        for var, value in reversed(kept):
            live.pop(var, None)
            branch = _without_device(value)
            if isinstance(branch, relay.If):
                value, used, live = self._branch(branch, live)
            else:
                value, used = self._renamed(value)
            for dead in used:
                if dead not in live:
                    result = relay.Let(relay.Var("x"), _kill(dead), result)
            live.update(used)
            result = relay.Let(var, value, result)
        return result, live

    def _branch(self, branch: relay.If, live: _Live) -> tuple[Any, _Live, _Live]:
        """The branch, the variables of its condition, and what's live before either arm."""
        condition, used = self._renamed(branch.cond)
        then, before_then = self.chain(branch.true_branch, live)
        other, before_other = self.chain(branch.false_branch, live)
        made = relay.If(condition, then, other, branch.span)
        return made, used, {**before_then, **before_other}

    def _renamed(self, expr: Any) -> tuple[Any, _Live]:
        """The expression with the names that are kept, and the variables in it."""
        used = _uses(expr)
        others = {var: self.names[var] for var in used if var in self.names}
        if not others:
            return expr, used
        return substitute(expr, others), {others.get(var, var): None for var in used}


def _uses(expr: Any) -> _Live:
    if isinstance(expr, relay.Var):
        return {expr: None}
    found: _Live = {}
    for part in operands(expr):
        found.update(_uses(part))
    return found


def _kill(var: Any) -> Any:
    return relay.Call(relay.op.get("memory.kill"), [var])


def _without_device(expr: Any) -> Any:
    """An expression without where it is and where it's copied to: there's one device."""
    while operator(expr) in ("on_device", "device_copy"):
        expr = expr.args[0]
    return expr
