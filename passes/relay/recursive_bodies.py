"""What a recursive function computes between two calls, operator by operator as TVM does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import Scope, chain, is_named, static_shape, unchain, variables
from passes.relay.kernel_bodies import (
    MOST_KERNELS,
    Groups,
    ImpossibleError,
    Lifted,
    is_plain,
    kernels_of,
    optimised,
)


class Body(Groups):
    """The body of a recursive function, with its operators as TVM computes them."""

    def __init__(self, var: Any, target: tvm.target.Target, lifted: Lifted) -> None:
        super().__init__()
        self.var = var
        self.target = target
        self.kernels = 0
        self.lifted = lifted
        """Constants that aren't in the kernel itself, with the names that they have there."""

    def of_arm(self, expr: Any) -> Any:
        """A chain whose result has a name."""
        bindings, result = unchain(expr)
        if not is_named(result):
            name = relay.Var("result", result.checked_type)
            bindings, result = [*bindings, (name, result)], name
        return self.visit(chain(bindings, result))

    def is_grouped(self, value: Any) -> bool:
        return self.var not in variables(value) and is_plain(value)

    def visit_binding(self, var: Any, value: Any) -> Any:
        if isinstance(value, relay.If) and is_named(value.cond):
            arms = [self.of_arm(arm) for arm in (value.true_branch, value.false_branch)]
            return relay.If(value.cond, *arms, span=value.span)
        is_call = isinstance(value, relay.Call) and value.op == self.var
        if not is_call or not all(map(is_named, value.args)):
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


def called(var: Any, function: relay.Function, given: Sequence[Any]) -> relay.Function:
    """A function of a recursive one's parameters, and of what else it reads, that calls it."""
    params = [relay.Var(p.name_hint, p.checked_type) for p in function.params]
    call = relay.Let(var, function, relay.Call(var, params))
    return typed(relay.Function([*params, *given], call))


def typed(function: relay.Function) -> relay.Function:
    return relay.transform.InferType()(tvm.IRModule.from_expr(function))["main"]
