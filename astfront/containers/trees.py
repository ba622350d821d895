"""The parts of trees that are arguments (see ``tree_arguments.py``), and which kind of node each is.

A part of a tree is a :class:`~astfront.values.Node`: the number of its kind, which a tree may decide
when the program runs, and its row. An operation on it is applied to each kind that it may be, under an
If; what a condition says of the kind is known under it (``known_kinds``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gast

from astfront.calls.frames import Frame
from astfront.containers.forests import Forest
from astfront.contents import Attributes, Entries, Items
from astfront.environment import UNKNOWN_STORAGE
from astfront.machine import Machine
from astfront.tree_types import Kind
from astfront.values import (
    NONE,
    SCALAR_DTYPES,
    Dict,
    List,
    Node,
    Object,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
)


class Trees(Machine):
    def kinds_of(self, node: Node) -> tuple[int, ...]:
        """The kinds that a node may be where the interpreter is."""
        return self.known_kinds.get(node.key, node.kinds)

    def split_node(self, node: Node, f: Callable[[Value], Value | None]) -> Value:
        """Apply ``f`` to a node as what it is."""
        return self._by_kind(node, lambda: f(self.opened(node)))

    def _by_kind(self, node: Node, f: Callable[[], Value | None]) -> Value:
        """Run ``f`` for each kind that a node may be, where that is known."""
        first, *others = self.kinds_of(node)
        if not others:
            return f() or NONE

        def of(*kinds: int) -> Value:
            with self._knowing(node, kinds):
                return self._by_kind(node, f)

        is_first = self.compare(gast.Eq(), node.kind, Static(first))
        return self.stage_if(is_first, lambda: of(first), lambda: of(*others))

    def run_by_kinds(self, frame: Frame) -> Value:
        """Run the body of a call, for each kind of node that its arguments may be."""
        names: Any = self.heap[frame.cell]
        nodes = [v for v in names.items.values() if isinstance(v, Node)]
        node = next((n for n in nodes if len(self.kinds_of(n)) > 1), None)
        if node is None:
            return self.run_frame(frame)
        return self._by_kind(node, lambda: self.run_by_kinds(frame))

    @contextmanager
    def _knowing(self, node: Node, kinds: tuple[int, ...]) -> Iterator[None]:
        outer, self.known_kinds = self.known_kinds, {**self.known_kinds, node.key: kinds}
        try:
            yield
        finally:
            self.known_kinds = outer

    def known_leaf(self, node: Node) -> Value:
        """A node that is known to be a leaf as its value; any other as it is."""
        first, *others = self.kinds_of(node)
        is_leaf = not others and node.forest.type.kinds[first].keys is None
        return self.opened(node) if is_leaf else node

    def opened(self, node: Node) -> Value:
        """A node of which the kind is known as the tuple, list, dict, object or leaf that it is."""
        (number,) = self.kinds_of(node)
        forest: Forest = node.forest
        kind = forest.type.kinds[number]
        if kind.keys is None:
            return self._leaf(forest, number, kind, node.row)
        parts = {key: self._part(node, number, key) for key in kind.keys}
        if issubclass(kind.cls, tuple):
            return Tuple(tuple(parts.values()), kind.cls)
        made: List | Dict | Object
        if kind.cls is list:
            made = List(self.heap.new(Items(tuple(parts.values()))))
        elif kind.cls is dict:
            made = Dict(self.heap.new(Entries(parts)))
        else:
            made = Object(self.heap.new(Attributes(parts)), kind.cls)
        self.heap.frozen.add(made.cell)
        self.heap.arguments.add(made.cell)
        return made

    def _leaf(self, forest: Forest, number: int, kind: Kind, row: Value) -> Value:
        if kind.is_static:
            return Static(kind.leaf[0])
        found = self._cell(forest.columns[number, None, "leaf"], row)
        if kind.cls in SCALAR_DTYPES:
            return Scalar(found.expr, kind.cls)
        return replace(found, kind=kind.tensor_kind, storage=UNKNOWN_STORAGE)

    def _part(self, node: Node, number: int, key: Any) -> Value:
        forest: Forest = node.forest
        possible = forest.type.part(number, key)
        row = Scalar(self._cell(forest.columns[number, key, "row"], node.row).expr, int)
        only = possible[0]
        if len(possible) > 1:
            kind = self._cell(forest.columns[number, key, "kind"], node.row)
            return Node(forest, possible, Scalar(kind.expr, int), row, (node.key, key))
        if forest.type.kinds[only].keys is None:
            return self._leaf(forest, only, forest.type.kinds[only], row)
        return Node(forest, possible, Static(only), row, (node.key, key))

    def _cell(self, column: Tensor, row: Value) -> Tensor:
        taken: Tensor = self.b.call("take", column, self.as_scalar(row, int), axis=0)
        return taken
