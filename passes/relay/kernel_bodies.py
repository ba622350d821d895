"""What a kernel of several operators is made of: a function, lowered operator by operator."""

from __future__ import annotations

import itertools
import math
from typing import Any

import tvm
from tvm import relay

from passes.relay import dataflow
from passes.relay.bindings import Rewriter, static_shape
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
    passes = [
        relay.transform.SimplifyInference(),
        relay.transform.Legalize(),
        relay.transform.FoldConstant(),
        relay.transform.CanonicalizeOps(),
        relay.transform.AlterOpLayout(),
        relay.transform.FoldConstant(),
        relay.transform.FuseOps(),
        relay.transform.ToANormalForm(),
        relay.transform.InferType(),
    ]
    made = tvm.transform.Sequential(passes)(mod)["main"]
    lifted = _Lifted()
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
        if not found or isinstance(expr, tvm.ir.Op | relay.Var):
            return
        found = _is_known(expr.checked_type)
        if isinstance(expr, relay.Call):
            lists = [arg.fields if isinstance(arg, relay.Tuple) else [arg] for arg in expr.args]
            # TVM's kernels don't check that staged sizes of two operands fit.
            staged = [x for x in itertools.chain(*lists) if not _is_known(x.checked_type)]
            has_kernel = isinstance(expr.op, tvm.ir.Op) and _has_kernel(expr.op)
            found = found and has_kernel and len(staged) < 2
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


def _has_kernel(op: Any) -> bool:
    if op.name in OPERATORS:
        return True
    return not op.name.startswith(("vm.", "memory.")) and not op.get_attr("TOpIsStateful")


class _Lifted(Rewriter):
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
