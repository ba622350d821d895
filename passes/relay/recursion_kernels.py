"""Functions that call themselves, of known sizes, as one kernel each, without the VM.

The VM takes some microseconds for a call, and one or more for each kernel in it. Here what a recursive
function computes between two calls is optimised and lowered, operator by operator as TVM does it, and
all calls of it become one kernel that has a stack of its own: ``recursion_kernel`` is the operator. The
calls happen in the same order, with the same values, so nothing else changes.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%n: int64, %x: Tensor[(3), float32]) {
...   let %power: fn (int64) -> Tensor[(3), float32] = fn (%i: int64) -> Tensor[(3), float32] {
...     let %last = less(%i, 1i64);
...     if (%last) {
...       %x
...     } else {
...       let %j = subtract(%i, 1i64);
...       let %y = %power(%j);
...       multiply(%y, %x)
...     }
...   };
...   %power(%n)
... }''')
>>> made = run(mod, tvm.target.Target("llvm -mtriple=x86_64-linux-gnu"))
>>> "recursion_kernel" in str(made), "%power(" in str(made)
(True, False)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tvm
from tvm import relay

from passes.relay import call_levels, dead_bindings, recursion_kernel
from passes.relay.bindings import (
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    inside,
    is_recursion,
    rewrite,
    unchain,
)
from passes.relay.kernel_bodies import ImpossibleError, Lifted
from passes.relay.recursive_bodies import Body, called

#: Gives a call of a kernel for the operands of a call of its function.
_Maker = Callable[[Sequence[Any]], relay.Expr]


def run(mod: tvm.IRModule, target: tvm.target.Target, note: Note = ignore) -> tvm.IRModule:
    """The module with kernels for its recursive functions. Constants have to be bound before."""
    while True:
        replaced: list[Any] = []
        mod = rewrite(mod, functools.partial(_Recursions, target, note, replaced))
        if not replaced:
            return mod
        mod = dead_bindings.run(mod)


class _Recursions(Rewriter):
    """Replaces the calls of recursive functions that have no function within them."""

    def __init__(self, target: tvm.target.Target, note: Note, replaced: list[Any]) -> None:
        super().__init__(note)
        self.target = target
        self.replaced = replaced
        """The functions whose calls are."""
        self.makers: dict[Any, _Maker] = {}

    def visit_let(self, let: relay.Let) -> relay.Expr:
        bindings, result = unchain(let)
        made: Scope = []
        for var, value in bindings:
            is_kernel = is_recursion(var, value) and self._make(var, value)
            made.append((var, value if is_kernel else self.visit(value)))
        return chain(made, self.visit(result))

    def visit_call(self, call: relay.Call) -> relay.Expr:
        if call.op not in self.makers:
            return super().visit_call(call)
        self.replaced.append(call.op)
        return self.makers[call.op]([self.visit(arg) for arg in call.args])

    def _make(self, var: Any, function: relay.Function) -> bool:
        """Make a kernel of a function, if that can be."""
        first = next(x for x in inside(function) if isinstance(x, relay.Call) and x.op == var)
        try:
            self.makers[var] = _maker(
                var, function, self.target, functools.partial(self.note, first.span)
            )
        except ImpossibleError:
            return False
        return True


def _maker(
    var: Any, function: relay.Function, target: tvm.target.Target, note: Callable[[str], None]
) -> _Maker:
    if any(isinstance(x, relay.Function) for x in inside(function.body)):
        raise ImpossibleError
    lifted = Lifted()
    body = Body(var, target, lifted)
    inner = relay.Function(function.params, body.of_arm(function.body), function.ret_type)
    shared = call_levels.levels(var, function, target, lifted)
    captured = [v for v in relay.analysis.free_vars(function) if v != var]
    constants = list(lifted.params.values())
    whole = called(var, inner, [*captured, *constants])
    attributes = {} if shared is None else shared.attributes(constants)
    note("one kernel for all calls of this function")
    if shared is not None:
        note("calls that don't need each other share products")

    def made(args: Sequence[Any]) -> relay.Expr:
        operands = [*args, *captured, *lifted.params]
        result = recursion_kernel.make(whole, operands, attributes)
        is_one = isinstance(function.ret_type, relay.TensorType)
        return relay.TupleGetItem(result, 0) if is_one else result

    return made
