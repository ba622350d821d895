"""Computes before a loop what doesn't change from turn to turn: stacked and transposed weights,
keys of attention, and what else depends on nothing that the loop changes.

A loop may have no turn, and a branch may never be taken, so only operators that can't fail are moved
(``total.py``); out of a branch, only those that move data. What gets larger than what it is made of
(a broadcast) stays in the loop, where it's fused with what uses it.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(1, 3), float32], %w: Tensor[(3, 3), float32], %n: int64) {
...   let %loop = fn (%h: Tensor[(1, 3), float32], %i: int64) -> (Tensor[(1, 3), float32], int64) {
...     let %more = less(%i, %n);
...     if (%more) {
...       let %t = transpose(%w, axes=None);
...       let %d = nn.dense(%h, %t, units=None);
...       let %j = add(%i, 1i64);
...       %loop(%d, %j)
...     } else { (%h, %i) }
...   };
...   %loop(%x, 0i64)
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(1, 3), float32], %w: Tensor[(3, 3), float32], %n: int64)
    -> (Tensor[(1, 3), float32], int64) {
  let %t: Tensor[(3, 3), float32] = transpose(%w, axes=None);
  let %loop: fn (Tensor[(1, 3), float32], int64) -> (Tensor[(1, 3), float32], int64) =
      fn (%h: Tensor[(1, 3), float32], %i: int64) -> (Tensor[(1, 3), float32], int64) {
    let %more: bool = less(%i, %n);
    if (%more) {
      let %d: Tensor[(1, 3), float32] = nn.dense(%h, %t, units=None);
      let %j: int64 = add(%i, 1i64);
      %loop(%d, %j)
    } else {
      (%h, %i)
    }
  };
  %loop(%x, 0i64)
}
"""

from __future__ import annotations

import math
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import (
    Loop,
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    operator,
    rewrite,
    static_shape,
    unchain,
    variables,
)
from passes.relay.total import MOVES, is_total

#: Takes no time: not worth a word.
_VIEWS = frozenset(["", "expand_dims", "reshape", "shape_of", "squeeze"])


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module with what is loop-invariant before its loops."""
    return rewrite(mod, lambda: _Hoist(note))


class _Hoist(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        out: Scope = []
        for var, value in bindings:
            loop = Loop.of(var, value)
            if loop is not None:
                moved = _invariants(loop)
                for _, x in moved:
                    if operator(x) not in _VIEWS:
                        what = f"`{operator(x)}` computed once, before the loop"
                        self.note(x.span, what)
                out += moved
                value = _without(loop, {v for v, _ in moved})
            out.append((var, value))
        return chain(out, result)


def _invariants(loop: Loop) -> Scope:
    """The bindings that may stand before a loop, and are worth it."""
    found: Scope = []
    varying = set(loop.params)
    _collect([*loop.head, *loop.turn], varying, False, found)
    used: set[Any] = set()
    kept = []
    for var, value in reversed(found):
        if var in used or _is_worth_moving(var, value):
            kept.append((var, value))
            used |= variables(value)
    return kept[::-1]


def _collect(scope: Scope, varying: set[Any], in_branch: bool, found: Scope) -> None:
    """Add the invariant bindings of a scope, and all others to what varies."""
    for var, value in scope:
        if isinstance(value, relay.If):
            for arm in (value.true_branch, value.false_branch):
                _collect(unchain(arm)[0], varying, True, found)
        if _is_movable(var, value, in_branch) and not varying & variables(value):
            found.append((var, value))
        else:
            varying.add(var)


def _is_movable(var: Any, value: Any, in_branch: bool) -> bool:
    if isinstance(value, relay.TupleGetItem):
        return isinstance(value.tuple_value, relay.Var)
    if in_branch and operator(value) not in MOVES:
        return False
    return is_total(value, var.checked_type)


def _is_worth_moving(var: Any, value: Any) -> bool:
    """Whether a value is worth keeping until the loop ends; constants are folded anyway."""
    used = variables(value)
    if not used or isinstance(value, relay.TupleGetItem):
        return False
    size = _size(var.checked_type)
    given = [_size(v.checked_type) for v in used]
    if size is None or None in given:
        return True
    return size > 1 and size <= sum(n for n in given if n is not None)


def _size(t: Any) -> int | None:
    if isinstance(t, tvm.ir.TupleType):
        sizes = [_size(field) for field in t.fields]
        return None if None in sizes else sum(n for n in sizes if n is not None)
    shape = static_shape(t)
    return None if shape is None else math.prod(shape)


def _without(loop: Loop, moved: set[Any]) -> relay.Function:
    return loop.with_body(_dropped(loop.head, moved), _dropped(loop.turn, moved))


def _dropped(scope: Scope, moved: set[Any]) -> Scope:
    out = []
    for var, value in scope:
        if var in moved:
            continue
        if isinstance(value, relay.If):
            arms = []
            for arm in (value.true_branch, value.false_branch):
                inner, result = unchain(arm)
                arms.append(chain(_dropped(inner, moved), result))
            value = relay.If(value.cond, *arms, span=value.span)
        out.append((var, value))
    return out
