"""Loops with little to do in a turn take four turns at a time; what is left over goes one by one.

A turn costs the VM some 2 µs: the call, the comparison, the counter. Where a turn has no more than a few
small kernels that's half of its time. Four turns in one also let TVM append four rows to a list at once.

It's done where that pays, and where the program grows little:

- the loop counts its turns, and a turn has at most ``OPERATORS`` operators, no branch and no loop;
- the matrices of its products have at most ``WEIGHTS`` bytes: more take longer to read than is saved,
  and constants are laid out anew for each of the turns;
- it doesn't surely end before eight turns.

Other than rows, nothing is fused with the turn before: a kernel computes what it uses each time it does.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: float32, %n: int64) {
...   let %loop = fn (%s: float32, %i: int64) -> (float32, int64) {
...     let %more = less(%i, %n);
...     if (%more) {
...       let %t = tanh(%s);
...       let %j = add(%i, 1i64);
...       %loop(%t, %j)
...     } else { (%s, %i) }
...   };
...   %loop(%x, 0i64)
... }''')
>>> show(run(mod))
def @main(%x: float32, %n: int64) -> (float32, int64) {
  let %loop: fn (float32, int64) -> (float32, int64) =
      fn (%s: float32, %i: int64) -> (float32, int64) {
    %0 = add(%i, 3i64);
    let %enough: bool = less(%0, %n);
    if (%enough) {
      let %t: float32 = tanh(%s);
      let %s1: float32 = annotation.stop_fusion(%t);
      let %t1: float32 = tanh(%s1);
      let %s2: float32 = annotation.stop_fusion(%t1);
      let %t2: float32 = tanh(%s2);
      let %s3: float32 = annotation.stop_fusion(%t2);
      let %t3: float32 = tanh(%s3);
      let %i1: int64 = add(%i, 4i64);
      %loop(%t3, %i1)
    } else {
      let %more: bool = less(%i, %n);
      if (%more) {
        let %t4: float32 = tanh(%s);
        let %j: int64 = add(%i, 1i64);
        %loop(%t4, %j)
      } else {
        (%s, %i)
      }
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

from passes.relay import dead_bindings
from passes.relay.bindings import (
    PRODUCTS,
    Loop,
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
    variables,
)

#: So many turns at a time.
TURNS = 4

#: More operators than these in a turn aren't few.
OPERATORS = 12

#: Matrices of more bytes than these aren't small.
WEIGHTS = 1 << 17


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module whose small loops take several turns at a time."""
    return dead_bindings.run(rewrite(mod, lambda: _Unroll(note)))


class _Unroll(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        return chain([(var, self._unrolled(var, value)) for var, value in bindings], result)

    def _unrolled(self, var: Any, value: Any) -> Any:
        loop = Loop.of(var, value)
        counter = None if loop is None else _counter(loop)
        if loop is None or counter is None or not _is_small(loop):
            return value
        self.note(loop.branch.span, f"{TURNS} turns at a time, as there's little to do in one")
        return _several(loop, counter)


def _counter(loop: Loop) -> tuple[Any, Any] | None:
    """The parameter that counts a loop's turns, and what it stays below, which doesn't change."""
    defined = dict([*loop.head, *loop.turn])
    more: Any = defined.get(loop.more)
    if operator(more) != "less":
        return None
    next_value = dict(zip(loop.params, loop.args))
    param, bound = more.args
    step: Any = defined.get(next_value.get(param))
    if operator(step) != "add" or step.args[0] != param or scalar(step.args[1]) != 1:
        return None
    known = scalar(bound)
    if bound in defined or next_value.get(bound, bound) != bound:
        return None
    return None if known is not None and known < 2 * TURNS else (param, bound)


def _is_small(loop: Loop) -> bool:
    scope = [*loop.head, *loop.turn]
    if any(loop.more in variables(value) for _, value in scope):
        return False
    if not all(isinstance(x, relay.Var | relay.Constant) for x in (*loop.args, loop.more)):
        return False
    if len(scope) > OPERATORS or not all(_is_plain(value) for _, value in scope):
        return False
    weights = 0
    for _, value in scope:
        if operator(value) in PRODUCTS:
            for operand in value.args:
                shape = static_shape(operand.checked_type)
                weights += 4 * math.prod(shape) if shape else WEIGHTS + 1
    return weights <= WEIGHTS


def _is_plain(value: Any) -> bool:
    return bool(operator(value)) or isinstance(value, relay.TupleGetItem | relay.Tuple)


def _several(loop: Loop, counter: tuple[Any, Any]) -> relay.Function:
    """A loop that takes several turns where there are as many, and one where there's one."""
    param, bound = counter
    dtype = param.checked_type.dtype
    defined = dict([*loop.head, *loop.turn])
    values = {p: p for p in loop.params}
    turns: Scope = []
    for turn in range(1, TURNS + 1):
        turns += _copied(loop, values)
        carried = {p: _copy(x, values) for p, x in zip(loop.params, loop.args)}
        carried[param] = relay.Var(param.name_hint)
        turns.append((carried[param], relay.add(param, relay.const(turn, dtype))))
        if turn < TURNS:
            for p, x in zip(loop.params, loop.args):
                if p != param and operator(defined.get(x)) != "concatenate":
                    apart = relay.Var(p.name_hint)
                    turns.append((apart, relay.annotation.stop_fusion(carried[p])))
                    carried[p] = apart
        values = carried
    enough = relay.Var("enough")
    last = relay.add(param, relay.const(TURNS - 1, dtype))
    several = chain(turns, relay.Call(loop.var, [values[p] for p in loop.params]))
    one = loop.with_body(loop.head, loop.turn).body
    body = chain([(enough, relay.less(last, bound))], relay.If(enough, several, one))
    return relay.Function(loop.params, body, loop.function.ret_type)


def _copied(loop: Loop, values: dict[Any, Any]) -> Scope:
    """A turn's bindings of other variables, which go to ``values``."""
    made: Scope = []
    for var, value in [*loop.head, *loop.turn]:
        if var != loop.more:
            new = relay.Var(var.name_hint)
            made.append((new, _copy(value, values)))
            values[var] = new
    return made


def _copy(expr: Any, values: dict[Any, Any]) -> Any:
    """An expression anew, of other variables: TVM misplaces what two branches share."""
    if isinstance(expr, relay.Var):
        return values.get(expr, expr)
    parts = [_copy(part, values) for part in operands(expr)]
    if isinstance(expr, relay.Call):
        return relay.Call(parts[0], parts[1:], expr.attrs, expr.type_args, expr.span)
    if isinstance(expr, relay.Tuple):
        return relay.Tuple(parts, expr.span)
    if isinstance(expr, relay.TupleGetItem):
        return relay.TupleGetItem(parts[0], expr.index)
    return expr
