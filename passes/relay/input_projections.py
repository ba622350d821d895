"""Matrix products of a loop's input out of the loop: ``W x[t]`` of all ``t`` in one product, before it.

Where a loop takes a row of something that doesn't change, what depends on nothing but that row can be
computed for all rows at once, and the loop takes the row of the result. One product of many rows is
several times faster than many products of one row: the weights are read once.

That's right for any index. It pays where the loop reads about as many rows as there are, so it's done
where a loop that counts its turns has as many (or half as many).

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(9, 1, 3), float32], %w: Tensor[(3, 3), float32], %h: Tensor[(1, 3), float32]) {
...   let %loop = fn (%s: Tensor[(1, 3), float32], %i: int64) -> (Tensor[(1, 3), float32], int64) {
...     let %more = less(%i, 9i64);
...     if (%more) {
...       let %row = take(%x, %i, axis=0);
...       let %d = nn.dense(%row, %w, units=None);
...       let %a = add(%s, %d);
...       let %j = add(%i, 1i64);
...       %loop(%a, %j)
...     } else { (%s, %i) }
...   };
...   let %end = %loop(%h, 0i64);
...   let %last = %end.0;
...   %last
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(9, 1, 3), float32], %w: Tensor[(3, 3), float32], %h: Tensor[(1, 3), float32])
    -> Tensor[(1, 3), float32] {
  %0 = reshape(%x, newshape=[-1, 3]);
  %1 = nn.dense(%0, %w, units=None);
  let %d: Tensor[(9, 1, 3), float32] = reshape(%1, newshape=[-1, 1, 3]);
  let %loop: fn (Tensor[(1, 3), float32], int64) -> (Tensor[(1, 3), float32], int64) =
      fn (%s: Tensor[(1, 3), float32], %i: int64) -> (Tensor[(1, 3), float32], int64) {
    let %more: bool = less(%i, 9i64);
    if (%more) {
      let %d1: Tensor[(1, 3), float32] = take(%d, %i, axis=0);
      let %a: Tensor[(1, 3), float32] = add(%s, %d1);
      let %j: int64 = add(%i, 1i64);
      %loop(%a, %j)
    } else {
      (%s, %i)
    }
  };
  let %end: (Tensor[(1, 3), float32], int64) = %loop(%h, 0i64);
  let %last: Tensor[(1, 3), float32] = %end.0;
  %last
}
"""

from __future__ import annotations

from typing import Any

import tvm

from passes.relay import dead_bindings
from passes.relay.bindings import (
    Loop,
    Note,
    Scope,
    ignore,
    operator,
    rebuild,
    rewrite,
    variables,
)
from passes.relay.counted import Counter, HoistingRewriter, Site
from passes.relay.rows import Rows, row_groups


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module with products of rows out of its loops."""
    return dead_bindings.run(rewrite(mod, lambda: _Project(note)))


class _Project(HoistingRewriter):
    def hoisted(self, site: Site) -> tuple[Scope, Scope]:
        loop, counter = site.loop, Counter.of(site)
        if counter is None:
            return [], loop.turn
        before: Scope = []
        taken: dict[Any, Any] = {}
        for take, rows in row_groups(loop, counter, self.values):
            worth = rows.lift_all(loop.turn)
            for var in _used(worth, rows, loop):
                taken[var] = rebuild(take, [take.op, rows.tensors[var], take.args[1]])
            if worth:
                before += rows.bindings
            for var, value in loop.turn:
                if var in worth and operator(value) == "nn.dense":
                    self.note(value.span, "one product for all turns, before the loop")
        return before, [(var, taken.get(var, value)) for var, value in loop.turn]


def _used(worth: set[Any], rows: Rows, loop: Loop) -> set[Any]:
    """Those that something else in the turn uses."""
    users = [variables(value) for var, value in loop.turn if var not in rows.tensors]
    return worth & set().union(*users, loop.args)
