"""Loops in blocks of a few turns, so that they need as little memory for many turns as for few.

The VM makes no tail calls: what a turn leaves behind, some 10 KB, is kept until the loop ends. A block
of turns ends, so its turns are given back. Blocks follow each other by a binary recursion, deeper and
deeper: ``%run(d)`` is a block if ``d`` is 0, and else twice ``%run(d - 1)``, if there are turns left.

To a tensor to which turns only append rows, a block appends to an empty one, and what blocks have made
is put together as they are: in all that's linear in the number of rows (times a small logarithm), where
appending each row to all that there are is quadratic.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: float32) {
...   let %loop = fn (%s: float32, %i: int64) -> (float32, int64) {
...     let %more = less(%i, 1000i64);
...     if (%more) {
...       let %t = tanh(%s);
...       let %j = add(%i, 1i64);
...       %loop(%t, %j)
...     } else { (%s, %i) }
...   };
...   let %end = %loop(%x, 0i64);
...   let %last = %end.0;
...   %last
... }''')
>>> show(run(mod))
def @main(%x: float32) -> float32 {
  let %block: fn (float32, int64, int64) -> (float32, int64, bool) =
      fn (%s: float32, %i: int64, %limit: int64) -> (float32, int64, bool) {
    let %inside: bool = less(%i, %limit);
    if (%inside) {
      let %t: float32 = tanh(%s);
      let %j: int64 = add(%i, 1i64);
      %block(%t, %j, %limit)
    } else {
      %0 = less(%i, 1000i64);
      (%s, %i, %0)
    }
  };
  let %run: fn (int64, int64, float32, int64) -> (float32, int64, bool) =
      fn (%level: int64, %top: int64, %s1: float32, %s2: int64) -> (float32, int64, bool) {
    %1 = less(%level, %top);
    if (%1) {
      let %higher: int64 = add(%level, 1i64);
      let %first: (float32, int64, bool) = %run(%higher, %top, %s1, %s2);
      let %first_0: float32 = %first.0;
      let %first_1: int64 = %first.1;
      let %first_2: bool = %first.2;
      if (%first_2) {
        let %second: (float32, int64, bool) = %run(%higher, %top, %first_0, %first_1);
        let %second_0: float32 = %second.0;
        let %second_1: int64 = %second.1;
        let %second_2: bool = %second.2;
        (%second_0, %second_1, %second_2)
      } else {
        %first
      }
    } else {
      %2 = add(%s2, 32i64);
      %3 = minimum(1000i64, %2);
      %block(%s1, %s2, %3)
    }
  };
  let %go: fn (int64, float32, int64) -> (float32, int64) =
      fn (%top1: int64, %s3: float32, %s4: int64) -> (float32, int64) {
    let %made: (float32, int64, bool) = %run(0i64, %top1, %s3, %s4);
    let %made_0: float32 = %made.0;
    let %made_1: int64 = %made.1;
    let %made_2: bool = %made.2;
    let %s5: float32 = %made_0;
    let %s6: int64 = %made_1;
    if (%made_2) {
      %4 = add(%top1, 1i64);
      %go(%4, %s5, %s6)
    } else {
      (%s5, %s6)
    }
  };
  let %end: (float32, int64) = %go(0i64, %x, 0i64);
  let %last: float32 = %end.0;
  %last
}
"""

from __future__ import annotations

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
    rewrite,
    scalar,
    static_shape,
)
from passes.relay.counted import Counter, Site, only_grows

#: The turns of a block. Loops that surely have no more than two of them are left as they are.
BLOCK = 32


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module whose loops run in blocks."""
    return dead_bindings.run(rewrite(mod, lambda: _Mine(note)))


class _Mine(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        whole = Chain(bindings, result)
        for at in reversed(range(len(bindings))):
            site = Site.of(whole, at)
            if site is not None:
                most = Counter.most_turns(site)
                if most is None or most > 2 * BLOCK:
                    self.note(
                        site.loop.branch.span,
                        f"in blocks of {BLOCK} turns: as little memory for many turns as for few",
                    )
                    whole = Chain(Blocks(site, Counter.of(site)).bindings(), result)
        return chain(whole.bindings, result)


class Blocks:
    """A loop in blocks.

    What is carried stands in the order of the loop's parameters everywhere; what blocks give has
    behind it whether there's another turn.
    """

    def __init__(self, site: Site, counter: Counter | None) -> None:
        self.site = site
        self.counter = counter
        self.slots = site.slots()
        self.types = [slot.type for slot in self.slots]
        self.whole = relay.TupleType(self.types)
        self.with_more = relay.TupleType([*self.types, relay.TensorType((), "bool")])
        self.dtype = counter.slot.type.dtype if counter else "int64"
        self.at = self.slots.index(counter.slot) if counter else -1
        self.empty: dict[int, Any] = {}
        """Of the slots that grow by rows: nothing, as a start."""
        self.before: Scope = []
        for k, slot in enumerate(self.slots):
            row = static_shape(relay.TensorType(slot.type.shape[1:], slot.type.dtype))
            if row is not None and only_grows(slot, site.loop):
                self.empty[k] = self._nothing(slot.type, row)
        count = relay.TensorType((), self.dtype)
        self.block = relay.Var("block", relay.FuncType([*self.types, count], self.with_more))
        kept = [t for k, t in enumerate(self.types) if k not in self.empty]
        self.run = relay.Var("run", relay.FuncType([count, count, *kept], self.with_more))
        self.go = relay.Var("go", relay.FuncType([count, *self.types], self.whole))

    def _nothing(self, whole: Any, row: tuple[int, ...]) -> Any:
        name, same = relay.Var("empty"), relay.Var("a", whole)
        wide = relay.Function([same], same, whole)
        self.before.append((name, relay.Call(wide, [relay.zeros((0, *row), whole.dtype)])))
        return name

    def bindings(self) -> Scope:
        site = self.site
        return [
            *site.bindings[: site.at],
            *self.before,
            (self.block, self.block_function()),
            (self.run, self._run()),
            (self.go, self._go()),
            *site.bindings[site.at + 1 : site.call],
            *self._start(),
            *site.bindings[site.call + 1 :],
        ]

    def _number(self, n: int) -> Any:
        return relay.const(n, self.dtype)

    def block_function(self) -> relay.Function:
        """The loop, up to a value of its counter, or for so many turns as are counted here."""
        loop = self.site.loop
        limit = relay.Var("limit", relay.TensorType((), self.dtype))
        inside = relay.Var("inside")
        if self.counter is not None:
            going_on: Any = relay.less(self.counter.slot.param, limit)
            more: Any = relay.less(self.counter.slot.param, self.counter.bound)
            then: Any = limit
        else:
            going_on = relay.logical_and(loop.more, relay.less(limit, self._number(BLOCK)))
            more = loop.more
            then = relay.add(limit, self._number(1))
        again = relay.Call(self.block, [*loop.args, then])
        done = relay.Tuple([*loop.params, more])
        branch = relay.If(inside, chain(loop.turn, again), done, span=loop.branch.span)
        body = chain([*loop.head, (inside, going_on)], branch)
        return relay.Function([*loop.params, limit], body, self.with_more)

    def _one_block(self, carried: list[Any]) -> Any:
        limit = self._number(0)
        if self.counter is not None:
            start = carried[self.at]
            known = scalar(start)  # TVM would compile a kernel to add two constants.
            end = (
                relay.add(start, self._number(BLOCK))
                if known is None
                else self._number(known + BLOCK)
            )
            limit = relay.minimum(self.counter.bound, end)
        return relay.Call(self.block, [*carried, limit])

    def _run(self) -> relay.Function:
        """``2 ** (top - level)`` blocks, as long as there's another turn."""
        count = relay.TensorType((), self.dtype)
        level, top = relay.Var("level", count), relay.Var("top", count)
        carried = [self.empty.get(k) or relay.Var("s", t) for k, t in enumerate(self.types)]
        first, second, higher = relay.Var("first"), relay.Var("second"), relay.Var("higher")

        def half(values: list[Any]) -> Any:
            return relay.Call(self.run, [higher, top, *self._kept(values)])

        names, parts = _parts(first, len(self.types) + 1)
        names_2, parts_2 = _parts(second, len(self.types) + 1)
        joined = [self._joined(k, a, b) for k, (a, b) in enumerate(zip(names[:-1], names_2[:-1]))]
        both = relay.Tuple([*joined, names_2[-1]])
        both = chain([(second, half(names[:-1])), *parts_2], both)
        steps = [(higher, relay.add(level, self._number(1))), (first, half(carried)), *parts]
        twice = chain(steps, relay.If(names[-1], both, first))
        branch = relay.If(relay.less(level, top), twice, self._one_block(carried))
        return relay.Function([level, top, *self._kept(carried)], branch, self.with_more)

    def _kept(self, values: list[Any]) -> list[Any]:
        return [x for k, x in enumerate(values) if k not in self.empty]

    def _joined(self, k: int, before: Any, after: Any) -> Any:
        return relay.concatenate([before, after], axis=0) if k in self.empty else after

    def _go(self) -> relay.Function:
        """Runs of twice as many blocks each time, until there's no more turn."""
        top = relay.Var("top", relay.TensorType((), self.dtype))
        carried = [relay.Var("s", t) for t in self.types]
        made = relay.Var("made")
        names, parts = _parts(made, len(self.types) + 1)
        joined = [relay.Var("s") for _ in self.types]
        steps = [
            (made, relay.Call(self.run, [self._number(0), top, *self._kept(carried)])),
            *parts,
            *((v, self._joined(k, carried[k], names[k])) for k, v in enumerate(joined)),
        ]
        higher = relay.add(top, self._number(1))
        branch = relay.If(names[-1], relay.Call(self.go, [higher, *joined]), relay.Tuple(joined))
        return relay.Function([top, *carried], chain(steps, branch), self.whole)

    def _start(self) -> Scope:
        """A loop of few turns is one block."""
        end = self.site.bindings[self.site.call][0]
        initial = [slot.initial for slot in self.slots]
        zero = self._number(0)
        if self.counter is not None and self.counter.turns is not None:
            return [(end, relay.Call(self.go, [zero, *initial]))]
        first = relay.Var("first")
        names, parts = _parts(first, len(self.types) + 1)
        rest = relay.Call(self.go, [zero, *names[:-1]])
        whole = relay.If(names[-1], rest, relay.Tuple(names[:-1]))
        return [(first, self._one_block(initial)), *parts, (end, whole)]


def _parts(whole: Any, n: int) -> tuple[list[Any], Scope]:
    """Names for the parts of a tuple, and their bindings."""
    names = [relay.Var(f"{whole.name_hint}_{i}") for i in range(n)]
    return names, [(name, relay.TupleGetItem(whole, i)) for i, name in enumerate(names)]
