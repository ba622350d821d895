"""Loops of known sizes as one kernel each, without the VM: an operator that runs all the turns.

The VM takes a microsecond or more for each kernel that it calls, and several for a turn. Where all sizes
in a loop are known, its body is optimised and lowered here, operator by operator as TVM does it, and
written out as one kernel: a ``while`` in TIR around the kernels of its body, with branches as ``if``
and each intermediate result in memory that's set aside once. What a turn appends to a list goes
straight to its row of the result, if the number of turns is known. ``loop_kernel`` has the operator.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(3), float32]) {
...   let %loop = fn (%s: Tensor[(3), float32], %i: int64) -> (Tensor[(3), float32], int64) {
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
>>> made = run(mod, tvm.target.Target("llvm -mtriple=x86_64-linux-gnu"))
>>> "loop_kernel" in str(made), has_loops(made)
(True, False)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relay
from tvm.relay.backend import te_compiler

from passes.relay import loop_kernel
from passes.relay.bindings import (
    Chain,
    Loop,
    Note,
    Rewriter,
    Scope,
    chain,
    has_loops,
    ignore,
    rewrite,
    static_shape,
)
from passes.relay.counted import Collected, Counter, Site, Slot
from passes.relay.kernel_bodies import ImpossibleError, optimised
from passes.relay.strip_mining import Blocks

#: Rows that a kernel has place for where the number of turns isn't known.
ROWS = 128

#: TIR counts places in int32.
_MOST_ELEMENTS = 1 << 31


def run(mod: tvm.IRModule, target: tvm.target.Target, note: Note = ignore) -> tvm.IRModule:
    """The module whose loops are kernels, where that can be. Constants have to be bound before."""
    te_compiler.get().clear()  # of kernels that were made with other options
    made: list[Any] = []
    while has_loops(mod):
        count = len(made)
        mod = rewrite(mod, lambda: _Innermost(target, note, made))
        if len(made) == count:  # modules that are the same compare as different where one holds NaN
            break
    return mod


class _Innermost(Rewriter):
    """Rewrites those loops that have none within them, and notes them in ``made``."""

    def __init__(self, target: tvm.target.Target, note: Note, made: list[Any]) -> None:
        super().__init__(note)
        self.target = target
        self.made = made

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        whole = Chain(bindings, result)
        for at in reversed(range(len(bindings))):
            site = Site.of(_with_two_values(whole, at), at)
            made = _Kernel.of(site, self.target) if site is not None else None
            if site is not None and made is not None:
                self.note(site.loop.branch.span, "one kernel for all turns")
                self.made.append(site.loop.var)
                whole = Chain(made, result)
        return chain(whole.bindings, result)


def _with_two_values(whole: Chain, at: int) -> Chain:
    """The same; a loop that carries one value carries nothing beside it, to be as the others are."""
    var, function = whole.bindings[at]
    loop = Loop.of(var, function)
    if loop is None or loop.params != [loop.result]:
        return whole
    (param,) = loop.params
    (value,) = loop.args
    bindings = [*whole.bindings]
    users = whole.users_of(at)
    if len(users) != 1 or users[0] == len(bindings):
        return whole
    end, call = bindings[users[0]]
    if not isinstance(call, relay.Call):
        return whole
    nothing = relay.Var("nothing", relay.TensorType((), "bool"))
    types = [relay.TensorType((), "bool"), function.ret_type]
    both = relay.TupleType(types)
    name = relay.Var(var.name_hint, relay.FuncType(types, both))
    again = chain(loop.turn, relay.Call(name, [nothing, value]))
    branch = relay.If(loop.more, again, relay.Tuple([nothing, param]), span=loop.branch.span)
    wider = relay.Function([nothing, param], chain(loop.head, branch), both)
    last = relay.Var("last")
    bindings[at] = name, wider
    bindings[users[0] : users[0] + 1] = [
        (last, relay.Call(name, [relay.const(False), *call.args])),
        (end, relay.TupleGetItem(last, 1)),
    ]
    return Chain(bindings, whole.result)


class _Kernel:
    """A loop as an operator."""

    def __init__(self, site: Site, target: tvm.target.Target) -> None:
        self.site = site
        self.target = target
        self.counter = Counter.of(site)
        self.slots = site.slots()
        self.lists: dict[int, Collected] = {}
        for k, slot in enumerate(self.slots):
            if static_shape(slot.type) is None:
                self.lists[k] = _collected(slot, site)
        self.carried = [slot for k, slot in enumerate(self.slots) if k not in self.lists]

    @classmethod
    def of(cls, site: Site, target: tvm.target.Target) -> Scope | None:
        """All the bindings of a site with a kernel in the place of its loop, if there can be one."""
        try:
            return cls(site, target).bindings()
        except ImpossibleError:
            return None

    def bindings(self) -> Scope:
        turns = self.counter.turns if self.counter else None
        if self.lists and turns is None:
            return _KernelBlocks(self).bindings()
        site = self.site
        end = site.bindings[site.call][0]
        kernel, *finals = (relay.Var(end.name_hint) for _ in range(len(self.slots) + 1))
        values = self.finals(kernel, [slot.initial for slot in self.slots])
        return [
            *site.bindings[: site.at],
            *site.bindings[site.at + 1 : site.call],
            (kernel, self.call([slot.initial for slot in self.carried], turns or 0)),
            *zip(finals, values),
            *(
                (var, finals[value.index] if _is_part(value, end) else value)
                for var, value in site.bindings[site.call + 1 :]
            ),
        ]

    def call(self, carried: Sequence[Any], turns: int) -> relay.Call:
        """The kernel, for these values; with place for so many rows in each list."""
        captured = [
            v for v in relay.analysis.free_vars(self.site.loop.function) if v != self.site.loop.var
        ]
        sizes = [math.prod(_shape(t)) for t in self._rows().values()]
        if 0 in sizes or turns * max(sizes, default=0) >= _MOST_ELEMENTS:
            raise ImpossibleError
        params = [slot.param for slot in self.carried]
        body = relay.Function([*params, *captured], self._turn())
        turn, constants = optimised(body, self.target)
        if not isinstance(loop_kernel.last_branch(turn)[1], relay.If):
            raise ImpossibleError
        given = [*carried, *captured, *constants]
        return loop_kernel.make(turn, given, len(self.carried), turns)

    def finals(self, kernel: Any, initial: Sequence[Any], count: Any = None) -> list[Any]:
        """What the loop's variables are in the end; of each list as many rows as ``count`` says."""
        carried = iter(range(len(self.carried)))
        lists = iter(range(len(self.carried), len(self.slots)))
        found: list[Any] = []
        for k, start in enumerate(initial):
            if k not in self.lists:
                found.append(relay.TupleGetItem(kernel, next(carried)))
                continue
            rows: Any = relay.TupleGetItem(kernel, next(lists))
            if count is not None:
                rows = _first(rows, count, _shape(self._rows()[k]))
            found.append(relay.concatenate([start, rows], axis=0))
        return found

    def _turn(self) -> relay.Expr:
        """The body, without the function that it calls again."""
        loop = self.site.loop
        grown = {x.slot.next for x in self.lists.values()}
        rows = [x.row for x in self.lists.values()]
        on = relay.Tuple([*(slot.next for slot in self.carried), *rows])
        none = [relay.zeros(t.shape, t.dtype) for t in self._rows().values()]
        end = relay.Tuple([*(slot.param for slot in self.carried), *none])
        turn = [(var, value) for var, value in loop.turn if var not in grown]
        return chain(loop.head, relay.If(loop.more, chain(turn, on), end))

    def _rows(self) -> dict[int, Any]:
        """The types of the lists' rows."""
        types = {k: x.slot.type for k, x in self.lists.items()}
        return {k: relay.TensorType(t.shape[1:], t.dtype) for k, t in types.items()}


class _KernelBlocks(Blocks):
    """A loop whose turns can't be counted: kernels that have place for some rows, one after another."""

    def __init__(self, kernel: _Kernel) -> None:
        super().__init__(kernel.site, None)
        if self.empty.keys() != kernel.lists.keys():
            raise ImpossibleError
        self.kernel = kernel

    def block_function(self) -> relay.Function:
        params = [relay.Var("s", t) for t in self.types]
        unused = relay.Var("limit", relay.TensorType((), self.dtype))
        made, count, more = relay.Var("made"), relay.Var("count"), relay.Var("more")
        carried = [p for k, p in enumerate(params) if k not in self.kernel.lists]
        last = len(self.types)
        bindings = [
            (made, self.kernel.call(carried, ROWS)),
            (count, relay.TupleGetItem(made, last)),
            (more, relay.TupleGetItem(made, last + 1)),
        ]
        finals = self.kernel.finals(made, params, count)
        return relay.Function(
            [*params, unused], chain(bindings, relay.Tuple([*finals, more])), self.with_more
        )


def _collected(slot: Slot, site: Site) -> Collected:
    found = Collected.of(slot, site.loop)
    if found is None:
        raise ImpossibleError
    if found.row is None:
        one, *row = _shape(found.piece.checked_type)
        if one != 1:
            raise ImpossibleError
        found.row = relay.reshape(found.piece, row)
    return found


def _is_part(value: Any, whole: Any) -> bool:
    return isinstance(value, relay.TupleGetItem) and value.tuple_value == whole


def _shape(t: Any) -> tuple[int, ...]:
    shape = static_shape(t)
    if shape is None:
        raise ImpossibleError
    return shape


def _first(rows: Any, count: Any, row: Sequence[int]) -> Any:
    """The first rows of an array, whose number is known at run time."""
    sizes = relay.const(list(row), "int64")
    end = relay.concatenate([relay.reshape(count, (1,)), sizes], axis=0)
    start, step = (relay.const([n] * (len(row) + 1), "int64") for n in (0, 1))
    return relay.reshape(relay.strided_slice(rows, start, end, step), [0, *row])
