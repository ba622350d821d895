"""Arguments of which there are as many as a list of staged length has items: ``f(*xs)``.

They travel as one value at the end of the positional ones (:class:`Unpacked`), until a function of the
user's takes them: its parameters take the first of them, and ``*args`` is a tuple of staged length.
"""

from __future__ import annotations

import builtins
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import gast

from astfront.calls.argument_errors import missing, too_many
from astfront.contents import GrownList
from astfront.machine import Machine
from astfront.rules import folds
from astfront.values import (
    Dict,
    DictView,
    Generator,
    Iterator,
    List,
    Range,
    Static,
    Unbound,
    Unpacked,
    Value,
)


class StagedArguments(Machine):
    def spread(self, items: Value) -> list[Value]:
        """The arguments that ``*items`` stands for."""
        if isinstance(items, Generator | Iterator | Range | DictView | Dict):
            items = self.call(Static(tuple), [items], {})
        made = self.as_tuple(items) if self.has_grown(items) else items
        if not isinstance(made, List) or not self.has_grown(made):
            return self.items_of(made)  # type: ignore[no-any-return]
        content = self.heap[made.cell]
        if not isinstance(content, GrownList) or isinstance(content.element, Unbound):
            return []
        return [Unpacked(made)]

    def arguments_of(self, nodes: Sequence[gast.expr], values: Sequence[Value]) -> list[Value]:
        """Positional arguments, in which starred ones may be of staged length."""
        args: list[Value] = []
        for node, value in zip(nodes, values):
            args += self.spread(value) if isinstance(node, gast.Starred) else [value]
        first = next((i for i, v in enumerate(args) if isinstance(v, Unpacked)), len(args) - 1)
        if first >= len(args) - 1:
            return args
        rest = self.heap.new_list()
        for value in args[first:]:
            if isinstance(value, Unpacked):
                self.extend_list(rest, value.items)
            else:
                self.append(rest, value)
        return [*args[:first], Unpacked(self.turned_into_tuple(rest))]

    def call_with_unpacked(self, f: Any, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """A call of what has a rule, or runs while compiling."""
        known, rest = args[:-1], args[-1]
        if not isinstance(rest, Unpacked):
            raise TypeError(f"no unpacked arguments: {rest!r}")
        if f in (builtins.max, builtins.min):
            listed = self._together(known, rest)
            length = self.length(listed)
            few = TypeError("a single argument of max() or min() isn't iterable")
            self.check(self.compare(gast.Gt(), length, Static(1)), few)
            return self.call(Static(f), [listed], kwargs)  # type: ignore[no-any-return]
        if f is itertools.chain:
            listed = self._together(known, rest)
            return self.call(Static(folds.chained), [listed], kwargs)  # type: ignore[no-any-return]
        return self.call(Static(f), [*known, *self.items_of(rest.items)], kwargs)  # type: ignore[no-any-return]

    def _together(self, known: Sequence[Value], rest: Unpacked) -> List:
        made: List = self.heap.new_list(list(known))
        self.extend_list(made, rest.items)
        return made

    def bind_unpacked(
        self,
        name: str,
        spec: gast.arguments,
        args: Sequence[Value],
        kwargs: dict[str, Value],
        defaults: Sequence[Value],
    ) -> tuple[list[Value], Value | None]:
        """The arguments of the positional parameters, and what ``*args`` takes of the others."""
        given = [*args[:-1]]
        items: Any = args[-1].items  # type: ignore[attr-defined]
        positional = [a.id for a in (*spec.posonlyargs, *spec.args)]
        content, length = self.heap[items.cell], self.length(items)
        first_default = len(positional) - len(defaults)
        start = len(given)
        for place in range(start, len(positional)):
            i = Static(place - start)
            if positional[place] in kwargs and place >= len(spec.posonlyargs):
                twice = f"{name}() got multiple values for argument '{positional[place]}'"
                self.check(self.compare(gast.LtE(), length, i), TypeError(twice))
                return given, None
            is_there = self.compare(gast.Gt(), length, i)
            item: Value = self.grown_element(content, i)
            if place >= first_default:
                default = defaults[place - first_default]
                item = self.stage_if(is_there, lambda v=item: v, lambda v=default: v)
            else:
                lacking = [p for p in positional[place:first_default] if p not in kwargs]
                self.check(is_there, TypeError(f"{name}() {missing(lacking, set())}"))
            given.append(item)
        taken = max(len(positional) - start, 0)
        if spec.vararg is None:
            fit = self.compare(gast.LtE(), length, Static(taken))
            self.stage_if(
                fit, lambda: None, lambda: self._too_many(name, spec, defaults, start, length)
            )
            return given, None
        rest = self.heap.new_list(given[len(positional) :])
        self.extend_list(rest, self.get_item(items, Static(slice(taken, None))))
        return given[: len(positional)], self.turned_into_tuple(rest)

    def _too_many(
        self, name: str, spec: gast.arguments, defaults: Sequence[Value], known: int, length: Value
    ) -> None:
        most = len(spec.posonlyargs) + len(spec.args)
        form = f"{name}() {too_many(most, len(defaults), -2).replace('-2', '%d')}"
        count = self.binary_op(operator.add, length, Static(known))
        text = self.text(operator.mod, Static(form), count)
        self.raise_value(self.construct(TypeError, [text], {}))
