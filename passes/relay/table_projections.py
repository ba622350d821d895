"""Products of a table's rows out of the loop: ``W E[y]`` is a row of ``W E``, made before it.

A decoder looks up what it wrote last, whichever that is, and multiplies it with the same matrix in each
turn. The product of the whole table is made once, with the bias that's added, and the loop takes its
rows. With constant weights it's made while compiling. Otherwise it costs what as many rows cost, or less
as the weights are read once: it's done where the loop surely looks up as many rows as the table has.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%e: Tensor[(5, 3), float32], %w: Tensor[(4, 3), float32], %y: Tensor[(1), int32]) {
...   let %loop = fn (%s: Tensor[(1), int32], %i: int64) -> (Tensor[(1), int32], int64) {
...     let %more = less(%i, 9i64);
...     if (%more) {
...       let %row = take(%e, %s, axis=0, mode="wrap");
...       let %d = nn.dense(%row, %w, units=None);
...       let %a = argmax(%d, axis=[1]);
...       let %j = add(%i, 1i64);
...       %loop(%a, %j)
...     } else { (%s, %i) }
...   };
...   let %end = %loop(%y, 0i64);
...   let %last = %end.0;
...   %last
... }''')
>>> show(run(mod))
def @main(%e: Tensor[(5, 3), float32], %w: Tensor[(4, 3), float32], %y: Tensor[(1), int32])
    -> Tensor[(1), int32] {
  let %d: Tensor[(5, 4), float32] = nn.dense(%e, %w, units=None);
  let %loop: fn (Tensor[(1), int32], int64) -> (Tensor[(1), int32], int64) =
      fn (%s: Tensor[(1), int32], %i: int64) -> (Tensor[(1), int32], int64) {
    let %more: bool = less(%i, 9i64);
    if (%more) {
      let %d1: Tensor[(1, 4), float32] = take(%d, %s, axis=0, mode="wrap");
      let %a: Tensor[(1), int32] = argmax(%d1, axis=[1]);
      let %j: int64 = add(%i, 1i64);
      %loop(%a, %j)
    } else {
      (%s, %i)
    }
  };
  let %end: (Tensor[(1), int32], int64) = %loop(%y, 0i64);
  let %last: Tensor[(1), int32] = %end.0;
  %last
}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relay

from passes.relay import dead_bindings
from passes.relay.bindings import (
    Note,
    Scope,
    ignore,
    operator,
    rebuild,
    rewrite,
    static_shape,
)
from passes.relay.counted import Counter, HoistingRewriter, Site


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module with products of tables out of its loops."""
    return dead_bindings.run(rewrite(mod, lambda: _Project(note)))


class _Project(HoistingRewriter):
    def hoisted(self, site: Site) -> tuple[Scope, Scope]:
        varying = site.loop.defined()
        counter = Counter.of(site)
        turns = (counter.turns if counter else None) or 0
        before: Scope = []
        turn: Scope = []
        rows: dict[Any, Any] = {}
        """Of the variables that are rows of a table: how they're taken."""
        for var, value in site.loop.turn:
            if _is_lookup(value, varying, turns):
                rows[var] = value
            elif _is_product(value, rows, varying, [v for v, _ in before]):
                take = rows[value.args[0]]
                whole = relay.Var(var.name_hint)
                made = rebuild(value, [value.op, take.args[0], value.args[1]])
                before.append((whole, made))
                value = rows[var] = rebuild(take, [take.op, whole, take.args[1]])
                if operator(made) == "nn.dense":
                    self.note(made.span, "one product for the whole table, before the loop")
            turn.append((var, value))
        return before, turn


def _is_lookup(value: Any, varying: set[Any], turns: int) -> bool:
    """Whether a value is some rows of a table that doesn't change, and has no more than are taken."""
    if operator(value) != "take" or value.attrs.mode not in ("clip", "wrap"):
        return False
    table, index = value.args
    sizes, taken = _known(table), _known(index)
    if table in varying or sizes is None or taken is None or value.attrs.axis is None:
        return False
    is_plain = int(value.attrs.axis) == 0 and not int(value.attrs.batch_dims)
    return is_plain and (len(sizes), len(taken)) == (2, 1) and sizes[0] <= turns * taken[0]


def _is_product(value: Any, rows: Any, varying: set[Any], tables: Sequence[Any]) -> bool:
    """Whether a value is the product of a table's rows with something, or that with a bias."""
    name = operator(value)
    if name not in ("nn.dense", "nn.bias_add") or value.args[0] not in rows:
        return False
    if value.args[1] in varying or _known(value.args[1]) is None:
        return False
    return name == "nn.dense" or (
        rows[value.args[0]].args[0] in tables and int(value.attrs.axis) in (1, -1)
    )


def _known(x: Any) -> tuple[int, ...] | None:
    """The shape of what has a name, or is a constant, if it's known and not of nothing."""
    if not isinstance(x, relay.Constant) and getattr(x, "_checked_type_", None) is None:
        return None
    shape = static_shape(x.checked_type)
    return None if shape is None or 0 in shape else shape
