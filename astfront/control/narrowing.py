"""What a condition says of a value that is one of several, where it's taken and where it isn't.

After ``x is None``, ``isinstance(x, Leaf)`` or ``len(x) == 2``, fewer things are possible. Which, is
found by looking at the condition once for each thing that a value may be: where it's certain not to
hold, the value isn't that thing where the condition holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gast

from astfront.control.endings import Diverged, PythonError
from astfront.diagnostics import CompileError
from astfront.joins.options import alternatives, without
from astfront.machine import Machine
from astfront.values import Dict, List, Node, Object, Option, Scalar, Static, Tensor, Value


@dataclass(frozen=True)
class _Part:
    """A node, or what's in a name or attribute that is one of several, that a condition is about.

    Of an array that is a Variable on some ways, these are the two.
    """

    value: Node | Option | Tensor
    cell: int = -1
    key: Any = None
    """A name; of an item of a list or dict what's in that, and the index."""


class Narrowing(Machine):
    @contextmanager
    def looking_at_items(self, test: gast.expr) -> Iterator[None]:
        """``xs[i]`` of a staged index that a condition asks about first is looked up once, and what the
        condition says of it holds on the ways that it decides between: ``if xs[i] is None: …``."""
        outer = self.known_items
        expression = _first_subscript(test)
        try:
            if expression is not None and (place := self._place_of_item(expression)) is not None:
                value = self.visit(expression)
                if isinstance(value, Option):
                    self.known_items = {**outer, place: value}
            yield
        finally:
            self.known_items = outer

    def known_item(self, container: Value, index: Value) -> Value | None:
        """What's known of an item, where its list or dict is as it was when that was found."""
        return self.known_items.get(self._key_of_item(container, index))

    def _place_of_item(self, expression: gast.Subscript) -> Any:
        """Where a list's or dict's item is, of a staged index."""
        with self._tried() as found:
            found += [self.visit(expression.value), self.visit(expression.slice)]
        return self._key_of_item(*found) if found else None

    def _key_of_item(self, container: Value, index: Value) -> Any:
        if not isinstance(container, List | Dict) or not isinstance(index, Scalar | Tensor):
            return None
        if index.expr is None or container.cell not in self.heap.cells:
            return None
        return self.heap.cells[container.cell], index.expr, type(index)

    def narrowing(self, test: gast.expr) -> Callable[[bool], None]:
        """What is to be done on the way where the condition holds, and where it doesn't."""
        found = []
        for part in self._choices_in(test):
            truths = [(way, self._truth_of(test, part, way)) for way in self._ways(part.value)]
            if any(truth is not None for _, truth in truths):
                found.append((part, truths))

        def narrow(taken: bool) -> None:
            for part, truths in found:
                ways = [way for way, truth in truths if truth in (None, taken)]
                if 0 < len(ways) < len(truths):
                    self._narrow(part, ways)

        return narrow

    def _ways(self, value: Node | Option | Tensor) -> list[Any]:
        if isinstance(value, Tensor):
            return [value.as_kind("variable"), value.as_kind("array")]
        return list(self.kinds_of(value) if isinstance(value, Node) else alternatives(value))

    def _narrow(self, part: _Part, ways: Sequence[Any]) -> None:
        """From here on, a value is one of these only."""
        if isinstance(part.value, Node):
            self.known_kinds = {**self.known_kinds, part.value.key: tuple(ways)}
            return
        if part.cell >= 0 and self.heap.lookup(part.cell, part.key) is not part.value:
            return
        if isinstance(part.value, Tensor):
            self.heap.bind(part.cell, part.key, ways[0])
            return
        known: Value = part.value
        for value in alternatives(part.value):
            if not any(value is way for way in ways):
                known = without(known, value)
        if part.cell < 0:
            self.known_items = {**self.known_items, part.key: known}
            return
        self.heap.bind(part.cell, part.key, known)

    def _truth_of(self, test: gast.expr, part: _Part, way: Any) -> bool | None:
        """Whether a condition holds where a value is this; None where other things count."""
        with self._tried() as known:
            self._narrow(part, [way])
            value = self.condition(test)
            known.append(bool(value.obj) if isinstance(value, Static) else None)
        return known[0] if known else None

    @contextmanager
    def _tried(self) -> Iterator[list[Any]]:
        """Looks at something, which may fail; nothing of it is left."""
        kinds, items = self.known_kinds, self.known_items
        found: list[Any] = []
        try:
            with self.rehearsal():
                yield found
        except (CompileError, PythonError, Diverged):
            found.clear()
        finally:
            self.known_kinds, self.known_items = kinds, items

    def _choices_in(self, test: gast.expr) -> list[_Part]:
        """The values in a condition that are one of several, each once."""
        found: dict[Any, _Part] = {}
        for expression in gast.walk(test):
            if isinstance(expression, gast.Name | gast.Attribute | gast.Subscript):
                with self._tried() as parts:
                    parts += self._part_of(expression)
                for part in parts:
                    is_node = isinstance(part.value, Node)
                    found[part.value.key if is_node else (part.cell, part.key)] = part
        return list(found.values())

    def _part_of(self, expression: gast.Name | gast.Attribute | gast.Subscript) -> Iterator[_Part]:
        if isinstance(expression, gast.Subscript) and not self.forests:
            place = self._place_of_item(expression) if self.known_items else None
            if isinstance(known := self.known_items.get(place), Option):
                yield _Part(known, -1, place)
            return
        value = self.visit(expression)
        if isinstance(value, Node) and len(self.kinds_of(value)) > 1:
            yield _Part(value)
        elif isinstance(value, Option) or (isinstance(value, Tensor) and value.kind == "either"):
            cell, key = self._place_of(expression)
            if cell is not None:
                yield _Part(value, cell, key)

    def _place_of(self, expression: gast.expr) -> tuple[int | None, Any]:
        """Where the value of a name or attribute is."""
        if isinstance(expression, gast.Name):
            return self.cell_of(expression.id), expression.id
        if isinstance(expression, gast.Attribute):
            owner = self.visit(expression.value)
            return (owner.cell if isinstance(owner, Object) else None), expression.attr
        return None, None


def _first_subscript(test: gast.expr) -> gast.Subscript | None:
    """The item of what a name or attribute holds that a condition looks at before anything else."""
    while not isinstance(test, gast.Subscript):
        if isinstance(test, gast.Compare):
            test = test.left
        elif isinstance(test, gast.UnaryOp):
            test = test.operand
        elif isinstance(test, gast.BoolOp):
            test = test.values[0]
        elif isinstance(test, gast.Call) and isinstance(test.func, gast.Name) and test.args:
            test = test.args[0]
        else:
            return None
    is_plain = _is_place(test.value) and isinstance(test.slice, gast.Name)
    return test if is_plain else None


def _is_place(node: gast.expr) -> bool:
    while isinstance(node, gast.Attribute):
        node = node.value
    return isinstance(node, gast.Name)
