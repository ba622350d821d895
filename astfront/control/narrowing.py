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
from astfront.values import Node, Object, Option, Static, Tensor, Value


@dataclass(frozen=True)
class _Part:
    """A node, or what's in a name or attribute that is one of several, that a condition is about.

    Of an array that is a Variable on some ways, these are the two.
    """

    value: Node | Option | Tensor
    cell: int = -1
    key: Any = None


class Narrowing(Machine):
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
        if self.heap.lookup(part.cell, part.key) is not part.value:
            return
        if isinstance(part.value, Tensor):
            self.heap.bind(part.cell, part.key, ways[0])
            return
        known: Value = part.value
        for value in alternatives(part.value):
            if not any(value is way for way in ways):
                known = without(known, value)
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
        kinds = self.known_kinds
        found: list[Any] = []
        try:
            with self.rehearsal():
                yield found
        except (CompileError, PythonError, Diverged):
            found.clear()
        finally:
            self.known_kinds = kinds

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
