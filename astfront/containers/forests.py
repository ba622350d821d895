"""Tree arguments, as the program has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from astfront.tree_types import Column, TreeType
from astfront.values import Node, Static, Tensor


@dataclass(frozen=True, eq=False)
class Forest:
    """A tree argument in the program: the tensors of its columns."""

    type: TreeType
    columns: dict[tuple[int, Any, str], Tensor] = field(default_factory=dict)

    def add(self, column: Column, tensor: Tensor) -> None:
        self.columns[column.kind, column.key, column.what] = tensor

    def root(self) -> Node:
        kind = self.type.root
        return Node(self, (kind,), Static(kind), Static(0), ("root", id(self)))
