"""What a loop computes only to collect it in a list is computed for all turns at once.

A list that grows is a tensor to which each turn adds a row. Where the row depends on nothing but the
number of the turn, all rows are computed together, and the loop has nothing to do with them. Where it's
made of something that the turn computes anyway, with a matrix product in between that nothing else
needs, that something is collected, and the product is made of all of it, after the loop.

>>> from passes.relay import loop_variables, show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(9, 3), float32], %none: Tensor[(?, 3), float32], %y: float32) {
...   let %loop = fn (%a: Tensor[(?, 3), float32], %s: float32, %i: int64)
...       -> (Tensor[(?, 3), float32], float32, int64) {
...     let %more = less(%i, 9i64);
...     if (%more) {
...       let %x_i = take(%x, %i, axis=0);
...       let %e = exp(%x_i);
...       let %row = expand_dims(%e, axis=0);
...       let %rows = concatenate((%a, %row));
...       let %t = tanh(%s);
...       let %j = add(%i, 1i64);
...       %loop(%rows, %t, %j)
...     } else { (%a, %s, %i) }
...   };
...   let %end = %loop(%none, %y, 0i64);
...   let %first = %end.0;
...   let %second = %end.1;
...   (%first, %second)
... }''')
>>> show(loop_variables.run(run(mod)))
def @main(%x: Tensor[(9, 3), float32], %none: Tensor[(?, 3), float32], %y: float32)
    -> (Tensor[(?, 3), float32], float32) {
  let %e: Tensor[(9, 3), float32] = exp(%x);
  let %loop: fn (float32, int64) -> (float32, int64) =
      fn (%s: float32, %i: int64) -> (float32, int64) {
    let %more: bool = less(%i, 9i64);
    if (%more) {
      let %t: float32 = tanh(%s);
      let %j: int64 = add(%i, 1i64);
      %loop(%t, %j)
    } else {
      (%s, %i)
    }
  };
  let %end: (float32, int64) = %loop(%y, 0i64);
  %0 = (%none, %e);
  let %rows: Tensor[(?, 3), float32] = concatenate(%0);
  let %first: Tensor[(?, 3), float32] = %rows;
  let %second: float32 = %end.0;
  (%first, %second)
}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tvm
from tvm import relay

from passes.relay import dead_bindings
from passes.relay.bindings import (
    Chain,
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    operator,
    rewrite,
    scalar,
    static_shape,
    variables,
)
from passes.relay.counted import Collected, Counter, Site, Slot, needed_variables
from passes.relay.rows import Rows, is_size_of, row_groups

#: So many times more elements than a row has are collected instead of it, at most.
_MORE = 16

#: An end that is behind all rows.
_ENDLESS = 2**31 - 1


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module whose loops don't compute what they only collect."""
    return dead_bindings.run(rewrite(mod, lambda: _Collect(note)))


class _Collect(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        whole = Chain(bindings, result)
        for at in reversed(range(len(bindings))):
            site = Site.of(whole, at)
            if site is not None:
                whole = Chain(_Change(site, self.values, self.note).bindings(), result)
        return chain(whole.bindings, result)


class _Change:
    """What becomes of one loop."""

    def __init__(self, site: Site, values: Mapping[Any, Any], note: Note) -> None:
        self.site = site
        self.values = values
        self.note = note
        self.counter = Counter.of(site)
        self.slots = site.slots()
        self.turn = list(site.loop.turn)
        self.before: Scope = []
        self.after: Scope = []
        self.finals: dict[int, Any] = {}
        self.groups: list[tuple[Any, Rows]] = []
        if self.counter is not None:
            self.groups = list(row_groups(site.loop, self.counter, values))
        for _, rows in self.groups:
            rows.lift_all(site.loop.turn)
            self.before += rows.bindings

    def bindings(self) -> Scope:
        self.finals = {k: self.slots[k] for k in self.site.parts}
        for k in self.site.parts:
            collected = Collected.of(self.slots[k], self.site.loop)
            if collected is not None and static_shape(collected.piece.checked_type):
                self._change(k, collected)
        if not self.after:
            return self.site.bindings
        return self.site.with_slots(
            self.slots, self.finals, self.site.loop.head, self.turn, self.before, self.after
        )

    def _change(self, k: int, collected: Collected) -> None:
        whole = self._ahead(collected, self.counter) if self.counter else None
        if whole is not None:
            what = "computed for all turns at once, without a loop"
        elif collected.row is not None:
            whole = self._afterwards(k, collected)
            what = "one product for all turns, after the loop"
        if whole is not None:
            everything = relay.Var("rows")
            joined = relay.concatenate([collected.slot.initial, whole], axis=0)
            self.after.append((everything, joined))
            self.finals[k] = everything
            row: Any = dict(self.site.loop.turn).get(collected.row)
            self.note(getattr(row, "span", None), what)

    def _ahead(self, collected: Collected, counter: Counter) -> Any:
        """Rows that depend on nothing but the number of the turn."""
        if collected.piece not in self.site.loop.defined():
            return _repeated(collected.piece, counter)
        for take, rows in self.groups:
            if collected.row in rows.tensors:
                shape = static_shape(collected.row.checked_type) or ()
                tensor = rows.tensors[collected.row]
                whole = self._of_all_turns(take, tensor, shape, counter)
                if whole is not None:
                    return whole
        return None

    def _of_all_turns(
        self, take: Any, tensor: Any, shape: tuple[int, ...], counter: Counter
    ) -> Any:
        """The rows of the turns that there are, if turn ``i`` takes row ``i + offset``."""
        x, index = take.args
        offset = self._offset(index, counter.slot.param)
        first = scalar(counter.slot.initial)
        if offset is None or first is None or first + offset < 0:
            return None
        start, size = first + offset, x.checked_type.shape[0]
        if isinstance(size, tvm.tir.IntImm):
            end = start + (counter.turns or 0)
            if not start < end <= int(size):
                return None
            is_all = (start, end) == (0, int(size))
            return tensor if is_all else relay.strided_slice(tensor, [start], [end], axes=[0])
        if not is_size_of(counter.bound, x, self.values, offset):
            return None
        return tensor if start == 0 else _from_row(tensor, start, shape)

    def _offset(self, index: Any, param: Any) -> int | None:
        """How much more an index is than the loop's counter."""
        if index == param:
            return 0
        total: Any = dict(self.site.loop.turn).get(index)
        if operator(total) != "add" or param not in list(total.args):
            return None
        return next((scalar(x) for x in total.args if x != param), None)

    def _afterwards(self, k: int, collected: Collected) -> Any:
        """Rows that are made by a product which nothing else needs."""
        turn = dict(self.site.loop.turn)
        others = [x for i, x in self.finals.items() if i != k and isinstance(x, Slot)]
        needed = needed_variables(self.site.loop, self.slots, others)
        behind = _behind(collected.row, self.site.loop.turn)
        made = [v for v, x in self.site.loop.turn if v in behind and operator(x) == "nn.dense"]
        for source in dict.fromkeys(turn[v].args[0] for v in made):
            if not 0 < _elements(source) <= _MORE * _elements(collected.row):
                continue
            rows = Rows(self.site.loop.defined())
            rows.tensors[source] = relay.Var("collected")
            worth = rows.lift_all(self.site.loop.turn)
            if collected.row in worth and not worth & needed & set(made):
                self._collect(source, rows)
                return rows.tensors[collected.row]
        return None

    def _collect(self, source: Any, rows: Rows) -> None:
        """Let the loop collect ``source``; after it, compute what ``rows`` has."""
        shape, dtype = static_shape(source.checked_type) or (), source.checked_type.dtype
        wide = relay.TensorType([relay.Any(), *shape], dtype)
        param, row, joined = relay.Var("rows", wide), relay.Var("row"), relay.Var("rows")
        same, empty, none = (
            relay.Var("a", wide),
            relay.Var("empty"),
            relay.zeros((0, *shape), dtype),
        )
        self.before.append((empty, relay.Call(relay.Function([same], same, wide), [none])))
        self.turn.append((row, relay.expand_dims(source, axis=0)))
        self.turn.append((joined, relay.concatenate([param, row], axis=0)))
        slot = Slot(param, empty, joined)
        self.slots.append(slot)
        end = rows.tensors[source]
        turns = self.counter.turns if self.counter else None
        if turns:
            grown = relay.Var("rows")
            self.after += [(grown, slot), (end, relay.reshape(grown, (turns, *shape)))]
        else:
            self.after.append((end, slot))
        self.after += rows.bindings


def _repeated(piece: Any, counter: Counter) -> Any:
    """The same rows as often as there are turns."""
    rows, *rest = static_shape(piece.checked_type) or (0,)
    if rows != 1 or 0 in rest or counter.turns == 0:
        return None
    if counter.turns:
        return relay.broadcast_to(piece, (counter.turns, *rest))
    dtype = counter.slot.param.checked_type.dtype
    turns = relay.reshape(counter.count(), (1,))
    sizes = [turns, *(relay.const([d], dtype) for d in rest)]
    return relay.broadcast_to(piece, relay.concatenate(sizes, axis=0) if rest else turns)


def _from_row(tensor: Any, start: int, sizes: tuple[int, ...]) -> Any:
    """``tensor[start:]`` where the number of its rows isn't known while compiling."""
    begin, end = [start, *(0 for _ in sizes)], [_ENDLESS, *sizes]
    # Fused with what comes next, TVM's code for a staged size doesn't compile.
    return relay.annotation.stop_fusion(relay.strided_slice(tensor, begin, end))


def _behind(row: Any, turn: Scope) -> set[Any]:
    """The variables that a row is made of."""
    found = {row}
    for var, value in reversed(turn):
        if var in found:
            found |= variables(value)
    return found


def _elements(var: Any) -> int:
    """The number of elements of a variable, 0 where it isn't known."""
    shape = static_shape(var.checked_type) if isinstance(var, relay.Var) else None
    return 0 if shape is None else math.prod(shape)
