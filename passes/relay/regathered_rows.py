"""What is taken apart row by row, and put together again in the same order, is left as it is.

A list of the rows of an array is many operators, and so is a loop's input made of such a list.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(2, 3), float32]) {
...   let %rows = split(%x, indices_or_sections=[1], axis=0);
...   let %a = %rows.0;
...   let %b = %rows.1;
...   let %s = stack((%a, %b), axis=0);
...   let %c = take(%s, 0i64, axis=0);
...   let %d = take(%s, 1i64, axis=0);
...   let %e = concatenate((%c, %d));
...   %e
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(2, 3), float32]) -> Tensor[(2, 3), float32] {
  let %s: Tensor[(2, 1, 3), float32] = reshape(%x, newshape=[2, 1, 3]);
  let %e: Tensor[(2, 3), float32] = reshape(%s, newshape=[2, 3]);
  %e
}
"""

from __future__ import annotations

import math
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
    operands,
    operator,
    rewrite,
    scalar,
    static_shape,
)


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module whose rows aren't gathered where they were."""
    return dead_bindings.run(rewrite(mod, _Regather))


class _Regather(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        made = [(var, _regathered(var, x, self.values) or x) for var, x in bindings]
        return chain(made, result)


def _regathered(var: Any, value: Any, values: dict[Any, Any]) -> Any:
    """Another value for a variable to which rows are put together."""
    if operator(value) not in ("concatenate", "stack") or int(value.attrs.axis) != 0:
        return None
    rows = [values.get(row) for row in operands(value.args[0])]
    if len(rows) < 2:
        return None
    source = _source(rows[0], values)
    if source is None or any(_place(x, values) != (source, k) for k, x in enumerate(rows)):
        return None
    shape, whole = static_shape(var.checked_type), static_shape(source.checked_type)
    if shape is None or whole is None or math.prod(shape) != math.prod(whole) or 0 in shape:
        return None
    return relay.reshape(source, shape)


def _source(row: Any, values: dict[Any, Any]) -> Any:
    place = _place(row, values)
    return place[0] if place else None


def _place(row: Any, values: dict[Any, Any]) -> tuple[Any, int] | None:
    """Of what a row is one, and which."""
    if isinstance(row, relay.TupleGetItem):
        split: Any = values.get(row.tuple_value)
        if operator(split) == "split" and int(split.attrs.axis) == 0:
            return split.args[0], int(row.index)
    if operator(row) == "take" and row.attrs.axis is not None and not int(row.attrs.batch_dims):
        k = scalar(row.args[1])
        is_row = int(row.attrs.axis) == 0 and isinstance(row.args[0], relay.Var)
        if is_row and k is not None:
            return row.args[0], k
    return None
