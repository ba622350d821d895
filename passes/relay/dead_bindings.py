"""Drops let-bound values that nothing uses. Relay's operators have no side effects.

TVM's own DeadCodeElimination does this too, but it wants types, and rewrites what it keeps.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(3), float32]) {
...   let %a = exp(%x);
...   let %b = tanh(%a);
...   let %c = negative(%a);
...   %c
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(3), float32]) -> Tensor[(3), float32] {
  let %a: Tensor[(3), float32] = exp(%x);
  let %c: Tensor[(3), float32] = negative(%a);
  %c
}
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import chain, operands, rebuild, unchain, with_functions


def run(mod: tvm.IRModule) -> tvm.IRModule:
    """The module without unused bindings."""
    return with_functions(mod, lambda function: clean(function)[0])


def clean(expr: Any) -> tuple[Any, frozenset[Any]]:
    """An expression without unused bindings, and the variables that it uses."""
    return _Cleaner().clean(expr)


class _Cleaner:
    """``clean`` gives an expression without unused bindings, and the variables that it uses."""

    def __init__(self) -> None:
        self.memo: dict[Any, tuple[Any, frozenset[Any]]] = {}

    def clean(self, expr: Any) -> tuple[Any, frozenset[Any]]:
        if isinstance(expr, relay.Var):
            return expr, frozenset((expr,))
        if expr not in self.memo:
            self.memo[expr] = self._clean(expr)
        return self.memo[expr]

    def _clean(self, expr: Any) -> tuple[Any, frozenset[Any]]:
        if isinstance(expr, relay.Let):
            return self._let(expr)
        if isinstance(expr, relay.Function):
            body, used = self.clean(expr.body)
            if body.same_as(expr.body):
                return expr, used
            made = relay.Function(
                expr.params, body, expr.ret_type, expr.type_params, expr.attrs, expr.span
            )
            return made, used
        if isinstance(expr, relay.If):
            (c, uc), (t, ut), (f, uf) = map(
                self.clean, (expr.cond, expr.true_branch, expr.false_branch)
            )
            same = (
                c.same_as(expr.cond)
                and t.same_as(expr.true_branch)
                and f.same_as(expr.false_branch)
            )
            return (expr if same else relay.If(c, t, f, expr.span)), uc | ut | uf
        children = operands(expr)
        cleaned = [self.clean(child) for child in children]
        used = frozenset().union(*(u for _, u in cleaned))
        return rebuild(expr, [new for new, _ in cleaned]), used

    def _let(self, let: relay.Let) -> tuple[Any, frozenset[Any]]:
        bindings, end = unchain(let)
        result, last = self.clean(end)
        used = set(last)
        same = result.same_as(end)
        kept = []
        for var, value in reversed(bindings):
            if var in used:
                new, more = self.clean(value)
                used |= more
                kept.append((var, new))
                same = same and new.same_as(value)
            else:
                same = False
        return (let if same else chain(kept[::-1], result)), frozenset(used)
