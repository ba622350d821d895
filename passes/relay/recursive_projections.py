"""Matrix products of a recursion's input before it: ``W x`` of all rows of a table, in one product.

A function that walks a tree is called once for each node, and takes a node's data from a row of a
table. What depends on nothing but that row is computed for all rows at once, before the first call, as
``input_projections`` does it for loops; a call takes the row of the result. That's right for any row.
It pays where about all rows are read, so it's done with tables of which only the call knows how many
rows they have: those are the nodes of trees, and not a model's parameters.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%next: Tensor[(?), int64], %x: Tensor[(?, 3), float32], %w: Tensor[(3, 3), float32]) {
...   let %walk: fn (int64) -> Tensor[(1, 3), float32] = fn (%n: int64) -> Tensor[(1, 3), float32] {
...     let %row = take(%x, %n, axis=0);
...     let %one = expand_dims(%row, axis=0);
...     let %d = nn.dense(%one, %w, units=None);
...     let %i = take(%next, %n, axis=0);
...     let %more = greater(%i, 0i64);
...     if (%more) {
...       let %y = %walk(%i);
...       let %z = add(%y, %d);
...       %z
...     } else { %d }
...   };
...   %walk(0i64)
... }''')
>>> show(run(mod))
def @main(%next: Tensor[(?), int64], %x: Tensor[(?, 3), float32], %w: Tensor[(3, 3), float32])
    -> Tensor[(1, 3), float32] {
  let %one: Tensor[(?, 1, 3), float32] = reshape(%x, newshape=[-1, 1, 3]);
  %0 = reshape(%one, newshape=[-1, 3]);
  %1 = nn.dense(%0, %w, units=None);
  let %d: Tensor[(?, 1, 3), float32] = reshape(%1, newshape=[-1, 1, 3]);
  let %walk: fn (int64) -> Tensor[(1, 3), float32] = fn (%n: int64) -> Tensor[(1, 3), float32] {
    let %d1: Tensor[(1, 3), float32] = take(%d, %n, axis=0);
    let %i: int64 = take(%next, %n, axis=0);
    let %more: bool = greater(%i, 0i64);
    if (%more) {
      let %y: Tensor[(1, 3), float32] = %walk(%i);
      let %z: Tensor[(1, 3), float32] = add(%y, %d1);
      %z
    } else {
      %d1
    }
  };
  %walk(0i64)
}
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from passes.relay import dead_bindings
from passes.relay.bindings import (
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    is_recursion,
    operator,
    rebuild,
    rewrite,
    static_shape,
    substitute,
    variables,
)
from passes.relay.rows import Rows, table_of_row


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module with products of a table's rows before its recursive functions."""
    return dead_bindings.run(rewrite(mod, lambda: _Project(note)))


class _Project(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        out: Scope = []
        for var, value in bindings:
            if is_recursion(var, value):
                inside = _InFunction(value, self.note)
                value = inside.visit(value)
                out += inside.before
            out.append((var, value))
        return chain(out, result)


class _InFunction(Rewriter):
    """Rewrites the chains of a recursive function."""

    def __init__(self, function: relay.Function, note: Note) -> None:
        super().__init__(note)
        self.varying = {*relay.analysis.all_vars(function)} - {*relay.analysis.free_vars(function)}
        self.before: Scope = []
        """What's computed before the function is called."""

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        taken: dict[Any, Any] = {}
        for row, take in bindings:
            table = table_of_row(take, self.varying)
            if table is None or not _is_of_nodes(table):
                continue
            rows = Rows(self.varying, {row: table})
            worth = rows.lift_all(bindings)
            if not worth:
                continue
            whole = self._computed_before(rows.bindings)
            users = [variables(value) for var, value in bindings if var not in rows.tensors]
            for var in worth & set().union(*users, variables(result)):
                tensor = rows.tensors[var]
                taken[var] = rebuild(take, [take.op, whole.get(tensor, tensor), take.args[1]])
            for var, value in bindings:
                if var in worth and operator(value) == "nn.dense":
                    self.note(value.span, "one product for all rows, before the recursion")
        return chain([(var, taken.get(var, value)) for var, value in bindings], result)

    def _computed_before(self, bindings: Scope) -> dict[Any, Any]:
        """Bindings put before the function; the names of what has another one already."""
        known: dict[Any, Any] = {}
        for var, value in bindings:
            made = substitute(value, known)
            same = (v for v, x in self.before if tvm.ir.structural_equal(x, made))
            found = next(same, None)
            if found is None:
                self.before.append((var, made))
            else:
                known[var] = found
        return known


def _is_of_nodes(table: Any) -> bool:
    count, *sizes = table.checked_type.shape
    row = static_shape(relay.TensorType(sizes, table.checked_type.dtype))
    return isinstance(count, tvm.tir.Any) and row is not None
