"""What was put together and is split again stays apart.

Cells whose gates come from several products put these together for an elementwise function that takes
them apart: a Tree-LSTM copied its gates three times. A part of a concatenation is a part of what it was
made of, and of a sum of concatenations the sum of such parts.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%a: Tensor[(2, 4), int8], %b: Tensor[(2, 2), int8], %c: Tensor[(2, 6), int8]) {
...   let %both = concatenate((%a, %b), axis=1);
...   let %sum = add(%both, %c);
...   let %parts = split(%sum, indices_or_sections=3, axis=1);
...   let %x = %parts.0;
...   let %y = %parts.2;
...   let %z = multiply(%x, %y);
...   %z
... }''')
>>> show(run(mod))
def @main(%a: Tensor[(2, 4), int8], %b: Tensor[(2, 2), int8], %c: Tensor[(2, 6), int8])
    -> Tensor[(2, 2), int8] {
  let %part: Tensor[(2, 2), int8] = strided_slice(%a, begin=[0], end=[2], strides=[1], axes=[1]);
  let %part1: Tensor[(2, 2), int8] = strided_slice(%c, begin=[0], end=[2], strides=[1], axes=[1]);
  let %x: Tensor[(2, 2), int8] = add(%part, %part1);
  let %part2: Tensor[(2, 2), int8] = strided_slice(%c, begin=[4], end=[6], strides=[1], axes=[1]);
  let %y: Tensor[(2, 2), int8] = add(%b, %part2);
  let %z: Tensor[(2, 2), int8] = multiply(%x, %y);
  %z
}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    substitute,
)

#: Operators that cost no more than to copy their result.
_ELEMENTWISE = frozenset(
    ["add", "subtract", "multiply", "divide", "maximum", "minimum", "negative"]
)

#: So many of them may stand between a concatenation and its split.
_MOST_OPERATORS = 16

Span = tuple[int, int]
"""The first index along an axis, and the one behind the last."""

Part = tuple[Any, int, Span | None]
"""Of an array, along an axis, what a span says; all of it where there's none."""


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module without concatenations that were only made to be split."""
    return dead_bindings.run(rewrite(mod, lambda: _Splits(note))) if _has_both(mod) else mod


def _has_both(mod: tvm.IRModule) -> bool:
    names: set[str] = set()
    for function in mod.functions.values():
        if isinstance(function, relay.Function):
            relay.analysis.post_order_visit(function, lambda expr: names.add(operator(expr)))
    return {"split", "concatenate"} <= names


class _Splits(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        apart = _Apart(self.values, {var for var, _ in bindings})
        spans: dict[Any, tuple[Any, int, list[Span]]] = {}
        renamed: dict[Any, Any] = {}
        for var, value in bindings:
            if operator(value) == "split":
                x, axis = value.args[0], _axis(value)
                found = _spans(var.checked_type, axis)
                if found and any(apart.is_joined(x, axis, span) for span in found):
                    spans[var] = x, axis, found
                    self.note(value.span, "parts of a concatenation aren't put together")
            if isinstance(value, relay.TupleGetItem) and value.tuple_value in spans:
                x, axis, found = spans[value.tuple_value]
                value = apart.part(x, axis, found[value.index])
                if isinstance(value, relay.Var):
                    renamed[var] = renamed.get(value, value)
                    continue
            apart.bindings.append((var, value))
        bindings = [(var, substitute(value, renamed)) for var, value in apart.bindings]
        return chain(bindings, substitute(result, renamed))


class _Apart:
    """Takes arrays apart that are made of concatenations."""

    def __init__(self, values: Mapping[Any, Any], own: set[Any]) -> None:
        self.values = values
        self.own = own
        """The variables of the chain: what's computed outside of it isn't computed again in it."""
        self.bindings: Scope = []
        self._joined: dict[Part, bool] = {}
        self._parts: dict[Part, Any] = {}

    def is_joined(self, x: Any, axis: int, span: Span | None, depth: int = 0) -> bool:
        """Whether a part of ``x`` is one of something that it was put together of."""
        if span is None or depth > _MOST_OPERATORS:
            return False
        part = x, axis, span
        if part not in self._joined:
            found = self._inside(*part) is not None
            operands = () if found else self._operands(*part) or ()
            self._joined[part] = found or any(self.is_joined(*x, depth + 1) for x in operands)
        return self._joined[part]

    def part(self, x: Any, axis: int, span: Span | None) -> Any:
        """An expression for a part."""
        if span is None or span == (0, _size(x, axis)):
            return x
        inside = self._inside(x, axis, span)
        if inside is not None:
            return self.part(*inside)
        if self.is_joined(x, axis, span):
            call = self.values[x]
            operands = self._operands(x, axis, span) or ()
            parts = [self._named(*operand) for operand in operands]
            return relay.Call(call.op, parts, call.attrs, call.type_args, call.span)
        return relay.strided_slice(x, [span[0]], [span[1]], [1], axes=[axis])

    def _named(self, x: Any, axis: int, span: Span | None) -> Any:
        """A name for a part, the same each time."""
        part = x, axis, span
        if part not in self._parts:
            made = self.part(*part)
            if not isinstance(made, relay.Var | relay.Constant):
                made, value = relay.Var("part"), made
                self.bindings.append((made, value))
            self._parts[part] = made
        return self._parts[part]

    def _inside(self, x: Any, axis: int, span: Span) -> Part | None:
        """The operand of a concatenation of which a part of it is one."""
        call = self.values.get(x)
        if operator(call) != "concatenate" or _axis(call) != axis:
            return None
        first = 0
        for part in self._concatenated(call):
            size = _size(part, axis)
            if size is None:
                return None
            if first <= span[0] and span[1] <= first + size:
                return part, axis, (span[0] - first, span[1] - first)
            first += size
        return None

    def _concatenated(self, call: Any) -> Iterator[Any]:
        (parts,) = call.args
        return iter(operands(self.values.get(parts, parts)))

    def _operands(self, x: Any, axis: int, span: Span) -> list[Part] | None:
        """Of an elementwise operator the operands, with those parts of them that make this part."""
        call: Any = self.values.get(x)
        if x not in self.own or operator(call) not in _ELEMENTWISE:
            return None
        rank = len(x.checked_type.shape)
        found: list[Part] = []
        for operand in call.args:
            own = axis - (rank - len(operand.checked_type.shape))
            size = _size(operand, own) if own >= 0 else 1
            if size not in (1, _size(x, axis)):
                return None
            found.append((operand, own, None if size == 1 else span))
        return found


def _size(x: Any, axis: int) -> int | None:
    """How long an axis is, if that's known."""
    size = x.checked_type.shape[axis]
    return int(size) if isinstance(size, tvm.tir.IntImm) else None


def _axis(call: Any) -> int:
    axis = int(call.attrs.axis)
    if axis >= 0:
        return axis
    t = call.args[0].checked_type
    return axis + len((t.fields[0] if isinstance(t, relay.TupleType) else t).shape)


def _spans(t: Any, axis: int) -> list[Span] | None:
    """Of the parts of a split, by their types; None where a size is staged."""
    spans, first = [], 0
    for field in t.fields:
        size = field.shape[axis]
        if not isinstance(size, tvm.tir.IntImm):
            return None
        spans.append((first, first + int(size)))
        first += int(size)
    return spans
