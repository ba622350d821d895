"""Expressions: one ``visit_`` method a node kind."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gast

from astfront.contents import Names
from astfront.effects import joined_text
from astfront.machine import Machine
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    TRUE,
    Function,
    Generator,
    List,
    Node,
    Slice,
    Static,
    Tuple,
    Value,
)
from passes.syntax import canonicalise, comprehension


class Expressions(Machine):
    def visit(self, node: gast.AST) -> Value:
        method = getattr(self, f"visit_{type(node).__name__}", None)
        with self.at(node):
            if method is None:
                self.fail("AF0108", f"`{type(node).__name__}` isn't supported")
            value: Value = method(node)
            return self.known_leaf(value) if isinstance(value, Node) else value

    # --- several at a time -------------------------------------------------------------------

    @contextmanager
    def held(self, *values: Value) -> Iterator[int]:
        """A cell that holds values (0, 1, …), so that what changes them in place changes them there."""
        cell = self.heap.new(Names(dict(enumerate(values))))
        try:
            yield cell
        finally:
            self.heap.cells.pop(cell, None)

    def operands(self, parts: Sequence[gast.AST | Value]) -> list[Value]:
        """The values of expressions, from left to right (or values, that are computed already).

        What a later one changes in place, an earlier one is then, too.
        """
        if all(isinstance(p, gast.Name | gast.Constant | Value) for p in parts[1:]):
            return [p if isinstance(p, Value) else self.visit(p) for p in parts]
        with self.held() as cell:
            for i, part in enumerate(parts):
                rest = [p for p in parts[i + 1 :] if not isinstance(p, Value)]
                with self.with_refusals_of(functools.partial(self.visit, p) for p in rest):
                    value = part if isinstance(part, Value) else self.visit(part)
                self.heap.bind(cell, i, value)
            return [self.if_not_caught(self.heap.lookup(cell, i)) for i in range(len(parts))]

    def starred(self, nodes: Sequence[gast.AST]) -> list[Value]:
        """As :meth:`operands`, with the items of a starred one in its place."""
        values: list[Value] = []
        for node, value in zip(nodes, self.operands(nodes)):
            values += self.items_of(value) if isinstance(node, gast.Starred) else [value]
        return values

    def visit_Starred(self, node: gast.Starred) -> Value:
        return self.call(Static(tuple), [self.visit(node.value)], {})

    # --- node by node ------------------------------------------------------------------------

    def visit_Constant(self, node: gast.Constant) -> Value:
        if node.value is None:
            return NONE
        if isinstance(node.value, bool):
            return TRUE if node.value else FALSE
        return Static(node.value)

    def visit_Name(self, node: gast.Name) -> Value:
        return self.load_name(node.id)

    def visit_Attribute(self, node: gast.Attribute) -> Value:
        return self.get_attribute(self.visit(node.value), node.attr)

    def visit_Subscript(self, node: gast.Subscript) -> Value:
        return self.get_item(*self.operands([node.value, node.slice]))

    def visit_Slice(self, node: gast.Slice) -> Value:
        given = (node.lower, node.upper, node.step)
        parts = self.operands([NONE if p is None else p for p in given])
        if all(isinstance(p, Static) for p in parts):
            return Static(slice(*(p.obj for p in parts)))  # type: ignore[attr-defined]
        return Slice(*parts)

    def visit_Tuple(self, node: gast.Tuple) -> Value:
        return self.turned_into_tuple(self._display(node.elts))

    def visit_List(self, node: gast.List) -> Value:
        return self._display(node.elts)

    def _display(self, nodes: Sequence[gast.expr]) -> List:
        """A list of these, where a starred one may have a staged number of items."""
        made = self.heap.new_list(())
        for node, value in zip(nodes, self.operands(nodes)):
            if isinstance(node, gast.Starred):
                self.extend_list(made, value)
            else:
                self.append(made, value)
        return made

    def visit_Set(self, node: gast.Set) -> Value:
        items = self.starred(node.elts)
        if not all(self.try_static(v)[0] for v in items):
            return self.call(Static(set), [self.heap.new_list(items)], {})
        found = [self.static(v, "an item of a set") for v in items]
        if len(found) > 2 and all(isinstance(e, gast.Constant) for e in node.elts):
            return self.heap.new_set(set().union(frozenset(found)))  # as Python's compiler has it
        return self.heap.new_set(found)

    def visit_Dict(self, node: gast.Dict) -> Value:
        parts = [p for pair in zip(node.keys, node.values) for p in pair if p is not None]
        values = iter(self.operands(parts))
        made = self.heap.new_dict()
        for key in node.keys:
            if key is None:
                self.call(self.get_attribute(made, "update"), [next(values)], {})
            else:
                self.set_item(made, next(values), next(values))
        return made

    def tuple(self, items: Sequence[Value]) -> Value:
        """A tuple; a static one where all of its items are."""
        if all(isinstance(i, Static) for i in items):
            return Static(tuple(i.obj for i in items))  # type: ignore[attr-defined]
        return Tuple(tuple(items))

    def visit_BinOp(self, node: gast.BinOp) -> Value:
        return self.binary(node.op, *self.operands([node.left, node.right]))

    def visit_UnaryOp(self, node: gast.UnaryOp) -> Value:
        return self.unary(node.op, self.visit(node.operand))

    def visit_BoolOp(self, node: gast.BoolOp) -> Value:
        return self.short_circuit(isinstance(node.op, gast.And), node.values)

    def visit_Compare(self, node: gast.Compare) -> Value:
        return self.comparison(node)

    def visit_IfExp(self, node: gast.IfExp) -> Value:
        return self.if_expression(node)

    def visit_NamedExpr(self, node: gast.NamedExpr) -> Value:
        value = self.visit(node.value)
        self.assign(node.target, value)
        return value

    def visit_Lambda(self, node: gast.Lambda) -> Value:
        return self.make_function(node)

    def visit_Call(self, node: gast.Call) -> Value:
        return self.call_expression(node)

    def visit_JoinedStr(self, node: gast.JoinedStr) -> Value:
        return self.text(joined_text, *self.operands(node.values))

    def visit_FormattedValue(self, node: gast.FormattedValue) -> Value:
        value = self.visit(node.value)
        if node.conversion >= 0:
            conversions: dict[str, Any] = {"s": str, "r": repr, "a": ascii}
            value = self.text(conversions[chr(node.conversion)], value)
        spec = Static("") if node.format_spec is None else self.visit(node.format_spec)
        return self.text(format, value, spec)

    def _comprehension(self, node: Any) -> Value:
        function = _as_function(node)

        def expand(first: Value) -> Value:
            return self.call_function(Function(function, self.frame), [first], {})

        with self.with_refusals_of([lambda: expand(POISON)]):
            first = self.visit(node.generators[0].iter)
        return expand(first)

    visit_ListComp = _comprehension

    def visit_SetComp(self, node: gast.SetComp) -> Value:
        return self.call(Static(set), [self.visit(_as_list(node))], {})

    visit_DictComp = _comprehension

    def visit_GeneratorExp(self, node: gast.GeneratorExp) -> Value:
        frame, first = self.frame, self.visit(node.generators[0].iter)

        def search(how: Any, default: Value) -> Value:
            return self.call_function(Function(_as_search(node, how), frame), [first, default], {})

        made = self.call_function(Function(_as_function(node), frame), [first], {})
        return replace(made, search=search) if isinstance(made, Generator) else made

    def visit_Yield(self, node: gast.Yield) -> Value:
        return self.yield_value(NONE if node.value is None else self.visit(node.value))

    def visit_YieldFrom(self, node: gast.YieldFrom) -> Value:
        return self.yield_from(self.visit(node.value))

    # --- functions ---------------------------------------------------------------------------

    def make_function(self, node: gast.FunctionDef | gast.Lambda) -> Function:
        args = node.args
        defaults = tuple(self.visit(d) for d in args.defaults)
        kw_defaults = tuple(None if d is None else self.visit(d) for d in args.kw_defaults)
        return Function(node, self.frame, defaults, kw_defaults)

    # --- Python objects ----------------------------------------------------------------------


# Liveness and the like are found once a tree, and a comprehension may be come to many times.


@functools.cache
def _as_function(node: Any) -> gast.FunctionDef:
    return comprehension.expand(node, f"<{type(node).__name__.lower()}>")


@functools.cache
def _as_search(node: gast.GeneratorExp, how: Any) -> Any:
    return canonicalise(comprehension.search(node, f"<{how}>", how))


@functools.cache
def _as_list(node: gast.SetComp) -> gast.ListComp:
    return gast.copy_location(gast.ListComp(node.elt, node.generators), node)
