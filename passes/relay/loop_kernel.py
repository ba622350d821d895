"""The operator ``loop_kernel``: a loop whose turns all run in one kernel.

Its operands are a tuple: what the loop carries, as it is at first, and whatever else a turn reads. Its
attributes are ``turn``, a function of these that ends in an ``if`` of whether there's another turn,
whose first arm gives what's carried on and the rows that are collected; how many values are
``carried``; and how many ``turns`` there's place for, where rows are collected. The function is
optimised, in A-normal form, and its operators are in fused, primitive functions, each of which has its
lowered form as an attribute. The results are the carried values, as they are in the end; the collected
rows; how many turns there were; and whether the place came to an end, and not the loop.

Importing this module registers the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relay, tir

from passes.relay.bindings import unchain
from passes.relay.kernel_writer import (
    Array,
    Writer,
    copied,
    moved,
    register,
    sequence,
    store,
    truth,
)

NAME = "loop_kernel"


def make(turn: relay.Function, operands: Sequence[Any], carried: int, turns: int) -> relay.Call:
    attributes = tvm.ir.make_node("DictAttrs", turn=turn, carried=carried, turns=turns)
    return relay.Call(relay.op.get(NAME), [relay.Tuple(list(operands))], attributes)


def result_type(attrs: Any) -> relay.TupleType:
    """Of a call with these attributes."""
    parts = list(attrs["turn"].ret_type.fields)
    carried, turns = int(attrs["carried"]), int(attrs["turns"])
    rows = [relay.TensorType([turns, *row.shape], row.dtype) for row in parts[carried:]]
    count, more = relay.TensorType([], "int64"), relay.TensorType([], "bool")
    return relay.TupleType([*parts[:carried], *rows, count, more])


def _loop(attrs: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """The loop, from buffers to buffers."""
    writer = Writer()
    carried = int(attrs["carried"])
    given = [Array.of(b.data, b.shape, b.dtype) for b in inputs]
    made = [Array.of(b.data, b.shape, b.dtype) for b in outputs]
    state, lists, count, going_on = made[:carried], made[carried:-2], made[-2], made[-1]
    writer.define(attrs["turn"].params, [*state, *given[carried:]])
    writer.first += [copied(start, end) for start, end in zip(given, state)]
    writer.first += [store(going_on, 1), store(count, 0)]
    head, branch = last_branch(attrs["turn"])
    before = writer.bindings(head)
    more = writer.value(branch.cond)
    turn: list[Any] = []
    results = writer.block(branch.true_branch, turn)
    for row, rows in zip(results[carried:], lists):
        turn.append(copied(row, rows, count.flat[0].astype("int32") * row.size))
    turn += moved(writer, results[:carried], state)
    turn.append(store(count, count.flat[0] + 1))
    body = [*before, tir.IfThenElse(truth(more), sequence(turn), store(going_on, 0))]
    again = truth(going_on)
    if lists:
        again = tir.And(again, count.flat[0] < int(attrs["turns"]))
    whole = [*writer.first, tir.While(again, sequence(body))]
    return writer.allocated(sequence(whole))


def last_branch(turn: relay.Function) -> tuple[list[tuple[Any, Any]], Any]:
    """The bindings of a function before what it ends in, to which A-normal form may have given names."""
    bindings, result = unchain(turn.body)
    values = dict(bindings)
    names = set()
    while isinstance(result, relay.Var) and result in values:
        names.add(result)
        result = values[result]
    return [(var, value) for var, value in bindings if var not in names], result


register(NAME, result_type, _loop)
