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

from passes.relay import dead_bindings, recursion_kernel
from passes.relay.bindings import (
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    is_recursion,
    operands,
    rewrite,
    static_shape,
    unchain,
    variables,
)
from passes.relay.kernel_bodies import (
    MOST_KERNELS,
    Groups,
    ImpossibleError,
    Lifted,
    is_plain,
    kernels_of,
    optimised,
)

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
        try:
            self.makers[var] = _maker(var, function, self.target)
        except ImpossibleError:
            return False
        first = next(x for x in _inside(function) if isinstance(x, relay.Call) and x.op == var)
        self.note(first.span, "one kernel for all calls of this function")
        return True


def _maker(var: Any, function: relay.Function, target: tvm.target.Target) -> _Maker:
    if any(isinstance(x, relay.Function) for x in _inside(function.body)):
        raise ImpossibleError
    body = _Body(var, target)
    inner = relay.Function(function.params, body.of_arm(function.body), function.ret_type)
    params = [relay.Var(p.name_hint, p.checked_type) for p in function.params]
    captured = [v for v in relay.analysis.free_vars(function) if v != var]
    given = [*params, *captured, *body.constants.values()]
    whole = relay.Function(given, relay.Let(var, inner, relay.Call(var, params)))
    whole = relay.transform.InferType()(tvm.IRModule.from_expr(whole))["main"]

    def made(args: Sequence[Any]) -> relay.Expr:
        result = recursion_kernel.make(whole, [*args, *captured, *body.constants])
        is_one = isinstance(function.ret_type, relay.TensorType)
        return relay.TupleGetItem(result, 0) if is_one else result

    return made


def _inside(expr: Any) -> list[Any]:
    """All parts of an expression, those further in first."""
    found: list[Any] = []
    relay.analysis.post_order_visit(expr, found.append)
    return found


class _Body(Groups):
    """The body of a recursive function, with its operators as TVM computes them."""

    def __init__(self, var: Any, target: tvm.target.Target) -> None:
        super().__init__()
        self.var = var
        self.target = target
        self.kernels = 0
        self.lifted = Lifted()

    @property
    def constants(self) -> dict[Any, Any]:
        """What isn't in the kernel itself, with the names that it has there."""
        return self.lifted.params

    def of_arm(self, expr: Any) -> Any:
        """A chain whose result has a name."""
        bindings, result = unchain(expr)
        if not _is_named(result):
            name = relay.Var("result", result.checked_type)
            bindings, result = [*bindings, (name, result)], name
        return self.visit(chain(bindings, result))

    def is_grouped(self, value: Any) -> bool:
        return self.var not in variables(value) and is_plain(value)

    def visit_binding(self, var: Any, value: Any) -> Any:
        if isinstance(value, relay.If) and _is_named(value.cond):
            arms = [self.of_arm(arm) for arm in (value.true_branch, value.false_branch)]
            return relay.If(value.cond, *arms, span=value.span)
        is_call = isinstance(value, relay.Call) and value.op == self.var
        if not is_call or not all(map(_is_named, value.args)):
            raise ImpossibleError
        return self.visit(value)

    def visit_constant(self, constant: relay.Constant) -> relay.Expr:
        return self.lifted.visit(constant)

    def grouped(self, group: Scope, results: Sequence[Any]) -> Scope:
        if not results:
            return []
        types = {var: value.checked_type for var, value in group}
        if any(static_shape(types[var]) is None for var in results):
            raise ImpossibleError
        body = chain(group, relay.Tuple(results))
        given = list(relay.analysis.free_vars(body))
        function, constants = optimised(relay.Function(given, body), self.target)
        self.kernels += kernels_of(function)
        if self.kernels > MOST_KERNELS:
            raise ImpossibleError
        given += [self.visit(constant) for constant in constants]
        inner = relay.bind(function.body, dict(zip(function.params, given)))
        bindings, result = unchain(inner)
        parts = [(var, relay.TupleGetItem(result, i)) for i, var in enumerate(results)]
        return [*bindings, *parts]


def _is_named(expr: Any) -> bool:
    """Whether nothing is computed in an expression."""
    if isinstance(expr, relay.Tuple):
        return all(map(_is_named, operands(expr)))
    return isinstance(expr, relay.Var | relay.Constant)
