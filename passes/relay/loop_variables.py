"""Drops what a loop carries in vain: what stays as it is, what nobody asks for, and what can be told
from the number of turns.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: float32, %y: float32, %n: int64) {
...   let %loop = fn (%a: float32, %b: float32, %c: float32, %length: int64, %i: int64)
...       -> (float32, float32, float32, int64, int64) {
...     let %more = less(%i, %n);
...     if (%more) {
...       let %s = add(%a, %b);
...       let %p = multiply(%c, %s);
...       let %l = add(%length, 2i64);
...       let %j = add(%i, 1i64);
...       %loop(%s, %b, %p, %l, %j)
...     } else { (%a, %b, %c, %length, %i) }
...   };
...   let %end = %loop(%x, %y, %x, 1i64, 0i64);
...   let %sum = %end.0;
...   let %count = %end.3;
...   (%sum, %count)
... }''')
>>> show(run(mod))
def @main(%x: float32, %y: float32, %n: int64) -> (float32, int64) {
  let %loop: fn (float32, int64) -> (float32, int64) =
      fn (%a: float32, %i: int64) -> (float32, int64) {
    let %more: bool = less(%i, %n);
    if (%more) {
      let %s: float32 = add(%a, %y);
      let %j: int64 = add(%i, 1i64);
      %loop(%s, %j)
    } else {
      (%a, %i)
    }
  };
  let %end: (float32, int64) = %loop(%x, 0i64);
  let %sum: float32 = %end.0;
  %0 = maximum(%n, 0i64);
  %1 = multiply(%0, 2i64);
  let %count: int64 = add(1i64, %1);
  (%sum, %count)
}
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from passes.relay import dead_bindings
from passes.relay.bindings import (
    Chain,
    Loop,
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    operator,
    rewrite,
    scalar,
    substitute,
)
from passes.relay.counted import Counter, Site, Slot, needed_variables


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module whose loops carry only what is needed."""
    return dead_bindings.run(rewrite(mod, _Drop))


class _Drop(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        whole, at = Chain(bindings, result), 0
        while at < len(whole.bindings):
            site = Site.of(whole, at)
            made = _dropped(site) if site else whole.bindings
            if made is not whole.bindings:
                whole = Chain(made, result)
            at += 1
        return chain(whole.bindings, result)


def _dropped(site: Site) -> Scope:
    loop, slots = site.loop, site.slots()
    constant = {s.param: s.initial for s in slots if _is_constant(s, loop)}
    counter = Counter.of(site)
    turn = dict(loop.turn)
    finals: dict[int, Any] = {}
    for k in site.parts:
        slot = slots[k]
        told = _told_from_turns(slot, counter, turn) if counter else None
        finals[k] = constant.get(slot.param, told or slot)
    asked = [x for x in finals.values() if isinstance(x, Slot)]
    needed = needed_variables(loop, slots, asked)
    kept = [s for s in slots if s.param in needed and s.param not in constant]
    if len(kept) == len(slots):
        return site.bindings
    if counter and not asked:
        kept = []  # It comes to its end, and that's all it does.
    for slot in kept:
        slot.next = constant.get(slot.next, slot.next)
    scopes = (
        [(v, substitute(x, constant)) for v, x in scope if v in needed]
        for scope in (loop.head, loop.turn)
    )
    return site.with_slots(kept, finals, *scopes)


def _is_constant(slot: Slot, loop: Loop) -> bool:
    same = slot.next == slot.param and slot.param != loop.more
    return same and tvm.ir.structural_equal(slot.initial.checked_type, slot.type)


def _told_from_turns(slot: Slot, counter: Counter, turn: dict[Any, Any]) -> Any:
    """The last value of what grows by the same number in each turn."""
    step: Any = turn.get(slot.next)
    if operator(step) != "add" or slot.param.checked_type.shape:
        return None
    by = next((x for x in step.args if x != slot.param), None)
    if by is None or scalar(by) is None or slot.param not in step.args:
        return None
    dtype = slot.param.checked_type.dtype
    if counter.slot.param.checked_type.dtype != dtype or by.data.dtype != dtype:
        return None
    grown = counter.count() if scalar(by) == 1 else relay.multiply(counter.count(), by)
    return grown if scalar(slot.initial) == 0 else relay.add(slot.initial, grown)
