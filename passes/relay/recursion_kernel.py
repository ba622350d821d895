"""The operator ``recursion_kernel``: a function that calls itself, as one kernel that has a stack.

Its operands are a tuple: what the function is called with, and whatever else it reads. Its attribute is
``body``, a function of these that binds the recursive one and calls it; what the recursive function
computes between two calls is optimised, as for ``loop_kernel``.

`recursion_machine.py` has the statements. Where calls share products (`call_levels.py`), there are more
attributes: then they are computed level by level (`level_kernel.py`), unless there are too many of them.

Importing this module registers the operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tvm
from tvm import relay, tir

from passes.relay import level_kernel
from passes.relay.bindings import unchain
from passes.relay.kernel_writer import Array, Writer, register, sequence, truth
from passes.relay.recursion_machine import Machine

NAME = "recursion_kernel"


def make(
    body: relay.Function, operands: Sequence[Any], levels: Mapping[str, Any] | None = None
) -> relay.Call:
    """A call; ``levels`` are more attributes, see `level_kernel.py`."""
    attributes = tvm.ir.make_node("DictAttrs", body=body, **(levels or {}))
    return relay.Call(relay.op.get(NAME), [relay.Tuple(list(operands))], attributes)


def result_type(attrs: Any) -> relay.TupleType:
    """Of a call with these attributes."""
    given = attrs["body"].ret_type
    return given if isinstance(given, relay.TupleType) else relay.TupleType([given])


def _write(attrs: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    writer = Writer()
    given, results = ([Array.of(b.data, b.shape, b.dtype) for b in bs] for bs in (inputs, outputs))
    statement = _depth_first(attrs["body"], writer, given, results)
    if "walk" in attrs.keys():  # noqa: SIM118
        done = writer.new((), "int64", "done")
        first = level_kernel.statements(attrs, writer, given, results, done)
        statement = sequence([*first, tir.IfThenElse(truth(done), tir.Evaluate(0), statement)])
    return writer.allocated(sequence([*writer.first, statement]))


def _depth_first(body: Any, writer: Writer, given: list[Array], results: list[Array]) -> Any:
    """All calls, each when it's made."""
    writer.define(body.params, given)
    ((var, function),), call = unchain(body.body)
    machine = Machine(writer, var, function, results)
    return machine.statement([writer.value(arg) for arg in call.args])


register(NAME, result_type, _write)
