"""What a kernel of several operators is made of: a function, lowered operator by operator."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import tvm
from tvm import relay

from passes.relay import dataflow, folded_constants
from passes.relay.bindings import (
    Chain,
    Rewriter,
    Scope,
    chain,
    static_shape,
    unchain,
    with_functions,
)
from passes.relay.kernel_writer import OPERATORS, with_kernel

#: A function of more kernels isn't one: LLVM takes long for a large function.
MOST_KERNELS = 100


class ImpossibleError(Exception):
    """What can't be one kernel."""


def optimised(body: relay.Function, target: tvm.target.Target) -> tuple[relay.Function, list[Any]]:
    """A function as TVM computes it, with its kernels, and the constants that are parameters now."""
    mod = relay.transform.InferType()(tvm.IRModule.from_expr(body))
    is_possible = is_plain(mod["main"].body)
    if not is_possible or not all(
        isinstance(p.checked_type, relay.TensorType) for p in mod["main"].params
    ):
        raise ImpossibleError
    mod = dataflow.run(mod)
    phases = (
        [relay.transform.SimplifyInference(), relay.transform.Legalize()],
        [
            relay.transform.FoldConstant(),
            relay.transform.CanonicalizeOps(),
            relay.transform.AlterOpLayout(),
        ],
        [
            relay.transform.FoldConstant(),
            relay.transform.FuseOps(),
            relay.transform.ToANormalForm(),
            relay.transform.InferType(),
        ],
    )
    for passes in phases:
        mod = with_functions(mod, folded_constants.run)
        mod = tvm.transform.Sequential(passes)(mod)
    made = mod["main"]
    lifted = Lifted()
    result = _WithKernels(target).visit(lifted.visit(made.body))
    function = relay.Function([*made.params, *lifted.params.values()], result, made.ret_type)
    function = relay.transform.InferType()(tvm.IRModule.from_expr(function))["main"]
    return function, list(lifted.params)


def is_plain(body: Any) -> bool:
    """Whether an expression is computed by operators that have kernels, and only of known sizes.

    What it reads from elsewhere may have any sizes.
    """
    found = True

    def look(expr: Any) -> None:
        nonlocal found
        if not found or isinstance(expr, tvm.ir.Op | relay.Var | relay.Tuple):
            return
        found = _is_known(expr.checked_type)
        if isinstance(expr, relay.Call):
            lists = [arg.fields if isinstance(arg, relay.Tuple) else [arg] for arg in expr.args]
            staged = [x for x in itertools.chain(*lists) if not _is_known(x.checked_type)]
            found = found and isinstance(expr.op, tvm.ir.Op) and _has_kernel(expr.op, len(staged))
        elif isinstance(expr, relay.Function | relay.Match | relay.RefCreate | relay.GlobalVar):
            found = False

    relay.analysis.post_order_visit(body, look)
    return found


def kernels_of(function: relay.Function) -> int:
    """How many kernels a function is made of."""
    count = 0

    def look(expr: Any) -> None:
        nonlocal count
        count += isinstance(expr, relay.Function) and expr != function

    relay.analysis.post_order_visit(function, look)
    return count


def _is_known(t: Any) -> bool:
    if isinstance(t, relay.TupleType):
        return all(_is_known(field) for field in t.fields)
    return static_shape(t) is not None


def _has_kernel(op: Any, staged: int) -> bool:
    """Whether an operator has one, for so many operands of staged sizes."""
    if op.name in OPERATORS:
        return True
    # TVM's kernels don't check that staged sizes of two operands fit.
    return (
        staged < 2
        and not op.name.startswith(("vm.", "memory."))
        and not op.get_attr("TOpIsStateful")
    )


class Groups(Rewriter):
    """Rewrites bindings that follow each other together, as kernels are made of them."""

    def is_grouped(self, value: Any) -> bool:
        """Whether a binding goes into a group with those around it."""
        raise NotImplementedError

    def grouped(self, group: Scope, results: Sequence[Any]) -> Scope:
        """What stands in the place of a group; of its variables, ``results`` are used afterwards."""
        raise NotImplementedError

    def visit_binding(self, var: Any, value: Any) -> Any:
        """The value of a binding that's in no group."""
        return self.visit(value)

    def visit_let(self, let: relay.Let) -> relay.Expr:
        bindings, result = unchain(let)
        last = {var: places[-1] for var, places in Chain(bindings, result).users.items()}
        made: Scope = []
        group: Scope = []
        for i, (var, value) in enumerate(bindings):
            if _is_part_of_other(value, group):
                made.append((var, value))  # a kernel's operands are no tuples
                continue
            if self.is_grouped(value):
                group.append((var, value))
                continue
            made += self._ended(group, last, i)
            made.append((var, self.visit_binding(var, value)))
            group = []
        return chain([*made, *self._ended(group, last, len(bindings))], self.visit(result))

    def _ended(self, group: Scope, last: Mapping[Any, int], place: int) -> Scope:
        """What stands in the place of a group before ``place``; ``last`` is where variables are used."""
        asked = [var for var, _ in group if last.get(var, -1) >= place]
        return self.grouped(group, asked) if group else []


def _is_part_of_other(value: Any, group: Scope) -> bool:
    if not isinstance(value, relay.TupleGetItem) or not isinstance(value.tuple_value, relay.Var):
        return False
    return all(name != value.tuple_value for name, _ in group)


class Lifted(Rewriter):
    """Constants that aren't numbers become parameters, outside of primitive functions."""

    def __init__(self) -> None:
        super().__init__()
        self.params: dict[Any, Any] = {}

    def visit_constant(self, constant: relay.Constant) -> relay.Expr:
        shape = static_shape(constant.checked_type) or ()
        if math.prod(shape) == 1:
            return constant
        if constant not in self.params:
            self.params[constant] = relay.Var("constant", constant.checked_type)
        return self.params[constant]

    def visit_function(self, function: relay.Function) -> relay.Function:
        return function


class _WithKernels(Rewriter):
    """Primitive functions get their kernels."""

    def __init__(self, target: tvm.target.Target) -> None:
        super().__init__()
        self.target = target
        self.left = MOST_KERNELS

    def visit_function(self, function: relay.Function) -> relay.Function:
        self.left -= 1
        if self.left < 0:
            raise ImpossibleError
        try:
            return with_kernel(function, self.target)
        except (tvm.TVMError, RuntimeError) as e:
            raise ImpossibleError from e
