"""Arrays put together of many parts, and taken apart into many, in groups.

A kernel of n operands or results takes TVM and LLVM a time of n² to compile: stacking a list of 400
rows took 12 s. In groups of 16 these are a few small kernels, the same for most groups, and each
element is copied once more for each level of groups.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(2), float32], %y: Tensor[(2), float32], %z: Tensor[(2), float32]) {
...   let %a = concatenate((%x, %y, %z));
...   let %p = split(%a, indices_or_sections=3);
...   let %q = %p.2;
...   %q
... }''')
>>> show(run(mod, group=2, few=2))
def @main(%x: Tensor[(2), float32], %y: Tensor[(2), float32], %z: Tensor[(2), float32])
    -> Tensor[(2), float32] {
  %0 = (%x, %y);
  %1 = concatenate(%0);
  let %group: Tensor[(4), float32] = annotation.stop_fusion(%1);
  %2 = (%z,);
  %3 = concatenate(%2);
  let %group1: Tensor[(2), float32] = annotation.stop_fusion(%3);
  %4 = (%group, %group1);
  let %a: Tensor[(6), float32] = concatenate(%4);
  %5 = strided_slice(%a, begin=[0], end=[4], strides=[1], axes=[0]);
  let %group2: Tensor[(4), float32] = annotation.stop_fusion(%5);
  let %parts: (Tensor[(2), float32], Tensor[(2), float32]) =
      split(%group2, indices_or_sections=[2]);
  let %part: Tensor[(2), float32] = %parts.0;
  let %part1: Tensor[(2), float32] = %parts.1;
  %6 = strided_slice(%a, begin=[4], end=[6], strides=[1], axes=[0]);
  let %group3: Tensor[(2), float32] = annotation.stop_fusion(%6);
  let %p: (Tensor[(2), float32], Tensor[(2), float32], Tensor[(2), float32]) =
      (%part, %part1, %group3);
  let %q: Tensor[(2), float32] = %group3;
  %q
}
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import (
    Binding,
    Rewriter,
    Scope,
    chain,
    operands,
    operator,
    rebuild,
    rewrite,
    static_shape,
)

#: So many parts are put together, or taken apart, by one kernel,
GROUP = 16

#: unless there are no more than these.
FEW = 32


def run(mod: tvm.IRModule, group: int = GROUP, few: int = FEW) -> tvm.IRModule:
    """The module without kernels of more than ``few`` operands or results."""
    return rewrite(mod, lambda: _Group(group, few)) if _has_more(mod, few) else mod


def _has_more(mod: tvm.IRModule, few: int) -> bool:
    found = False

    def look(expr: Any) -> None:
        nonlocal found
        found = found or len(_joined_parts(expr)) > few or _split_count(expr) > few

    for function in mod.functions.values():
        if isinstance(function, relay.Function):
            relay.analysis.post_order_visit(function, look)
    return found


def _joined_parts(expr: Any) -> Sequence[Any]:
    """What a concatenation puts together."""
    is_join = operator(expr) in ("concatenate", "stack")
    return operands(expr.args[0]) if is_join else ()


def _split_count(expr: Any) -> int:
    """How many parts something is split into; it need not have a type."""
    if operator(expr) != "split":
        return 0
    sections = expr.attrs.indices_or_sections
    return int(sections) if isinstance(sections, tvm.tir.IntImm) else len(sections) + 1


def _split_sizes(expr: Any) -> Sequence[int]:
    """The sizes of the parts that something is split into, where they're known."""
    if operator(expr) != "split":
        return ()
    shape = static_shape(expr.args[0].checked_type)
    if shape is None:
        return ()
    size, sections = shape[int(expr.attrs.axis)], expr.attrs.indices_or_sections
    if isinstance(sections, tvm.tir.IntImm):
        step = size // int(sections)
        ends = [step * (i + 1) for i in range(int(sections))]
    else:
        ends = [*(int(i) for i in sections), size]
    sizes = [end - start for start, end in zip([0, *ends], ends)]
    return sizes if min(sizes) > 0 else ()


class _Group(Rewriter):
    def __init__(self, group: int, few: int) -> None:
        super().__init__()
        self.group = group
        self.few = few

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        out: Scope = []
        fields: dict[Any, list[Any]] = {}
        for var, value in bindings:
            if len(parts := _joined_parts(value)) > self.few:
                out += self._joined(var, value, parts)
            elif len(sizes := _split_sizes(value)) > self.few:
                made, fields[var] = self._split(value, sizes)
                out += [*made, (var, relay.Tuple(fields[var]))]
            elif isinstance(value, relay.TupleGetItem) and value.tuple_value in fields:
                out.append((var, fields[value.tuple_value][value.index]))
            else:
                out.append((var, value))
        return chain(out, result)

    def _groups(self, parts: Sequence[Any]) -> Iterator[Sequence[Any]]:
        return (parts[i : i + self.group] for i in range(0, len(parts), self.group))

    def _joined(self, var: Any, call: Any, parts: Sequence[Any]) -> Iterator[Binding]:
        """The bindings of a concatenation in groups."""
        while len(parts) > self.group:
            made = []
            for group in self._groups(parts):
                made.append(relay.Var("group"))
                joined = rebuild(call, [call.op, relay.Tuple(group)])
                yield made[-1], relay.annotation.stop_fusion(joined)
            parts = made
            call = relay.concatenate(parts, int(call.attrs.axis))
        yield var, rebuild(call, [call.op, relay.Tuple(parts)])

    def _split(self, call: Any, sizes: Sequence[int]) -> tuple[Scope, list[Any]]:
        """The bindings of a split in groups, and the names of its parts."""
        x = call.args[0]
        axis = int(call.attrs.axis) % len(x.checked_type.shape)
        made: Scope = []
        fields: list[Any] = []
        start = 0
        for group in self._groups(sizes):
            ends = list(itertools.accumulate(group))
            some = relay.Var("group")
            part = relay.strided_slice(x, [start], [start + ends[-1]], axes=[axis])
            made.append((some, relay.annotation.stop_fusion(part)))
            start += ends[-1]
            if len(group) == 1:
                fields.append(some)
                continue
            parts = relay.Var("parts")
            made.append((parts, relay.split(some, ends[:-1], axis).astuple()))
            for i in range(len(group)):
                fields.append(relay.Var("part"))
                made.append((fields[-1], relay.TupleGetItem(parts, i)))
        return made, fields
