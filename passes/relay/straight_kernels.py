"""Operators that follow each other in a recursive function as one kernel.

A call of a recursive function, or a turn of a loop that the VM runs, does little between two calls, and
the VM takes about a microsecond for each kernel. Here the bindings between two calls, of operators
whose results have known sizes, become one operator, ``straight_kernel``, whose kernel is that of all of
them. Its attribute is ``body``, a function that gives what's used afterwards, as a tuple.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @walk(%x: Tensor[(3), float32]) -> Tensor[(3), float32] {
...   let %s = sum(%x);
...   let %more = greater(%s, 1f);
...   if (%more) {
...     let %h = multiply(%x, 0.5f);
...     let %y = @walk(%h);
...     let %z = exp(%y);
...     let %a = sum(%z);
...     let %b = add(%z, %a);
...     %b
...   } else { %x }
... }
... def @main(%x: Tensor[(3), float32]) { @walk(%x) }''')
>>> made = run(mod, tvm.target.Target("llvm -mtriple=x86_64-linux-gnu"))
>>> str(made["walk"]).count("straight_kernel")
2
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import Scope, chain, has_loops, has_recursions, variables
from passes.relay.kernel_bodies import (
    Groups,
    ImpossibleError,
    is_plain,
    kernels_of,
    optimised,
)
from passes.relay.kernel_writer import Array, Writer, copied, register, sequence

NAME = "straight_kernel"


def run(mod: tvm.IRModule, target: tvm.target.Target) -> tvm.IRModule:
    """The module with larger kernels in its recursive functions. Constants have to be bound before."""
    mod = relay.transform.InferType()(mod)
    result = tvm.IRModule(dict(mod.functions.items()), dict(mod.type_definitions.items()))
    for name in mod.get_global_vars():
        if isinstance(mod[name], relay.Function):
            visitor = _InFunctions(target, is_repeated=name.name_hint != "main")
            result.update_func(name, visitor.visit(mod[name]))
    return relay.transform.InferType()(result)


def is_needed(mod: tvm.IRModule) -> bool:
    """Whether a module has functions that call themselves."""
    return len(mod.functions) > 1 or has_loops(mod) or has_recursions(mod)


class _InFunctions(Groups):
    """Rewrites chains in functions that call themselves."""

    def __init__(self, target: tvm.target.Target, is_repeated: bool) -> None:
        super().__init__()
        self.target = target
        self.is_repeated = is_repeated

    def is_grouped(self, value: Any) -> bool:
        return self.is_repeated and is_plain(value)

    def visit_binding(self, var: Any, value: Any) -> Any:
        outer = self.is_repeated
        if isinstance(value, relay.Function):
            self.is_repeated = outer or var in variables(value)
        try:
            return self.visit(value)
        finally:
            self.is_repeated = outer

    def grouped(self, group: Scope, results: Sequence[Any]) -> Scope:
        """The bindings of a group, as one operator if that's fewer kernels."""
        if len(group) < 2:
            return group
        if not results or not all(isinstance(v.checked_type, relay.TensorType) for v in results):
            return group
        body = chain(group, relay.Tuple(results))
        operands = relay.analysis.free_vars(body)
        if not operands:
            return group
        try:
            function, constants = optimised(relay.Function(operands, body), self.target)
        except ImpossibleError:
            return group
        if kernels_of(function) < 2:
            return group
        attributes = tvm.ir.make_node("DictAttrs", body=function)
        given = relay.Tuple([*operands, *constants])
        kernel = relay.Var("kernel")
        parts = [(var, relay.TupleGetItem(kernel, i)) for i, var in enumerate(results)]
        return [(kernel, relay.Call(relay.op.get(NAME), [given], attributes)), *parts]


def _result_type(attrs: Any) -> Any:
    return attrs["body"].ret_type


def _write(attrs: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    writer = Writer()
    body = attrs["body"]
    given, places = ([Array.of(b.data, b.shape, b.dtype) for b in bs] for bs in (inputs, outputs))
    writer.define(body.params, given)
    done: list[Any] = []
    results = writer.block(body.body, done)
    done += [copied(value, place) for value, place in zip(results, places)]
    return writer.allocated(sequence([*writer.first, *done]))


register(NAME, _result_type, _write)
