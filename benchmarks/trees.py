"""Trees to run tree networks on."""

from __future__ import annotations

import numpy as np


class Node:
    """A node of a tree."""

    def __init__(self, x: np.ndarray, *children: Node) -> None:
        self.x = x
        self.children = list(children)


def tree(leaves: int, n_in: int, random: np.random.RandomState) -> Node:
    """A random binary tree."""
    x = random.uniform(-1, 1, n_in).astype(np.float32)
    if leaves == 1:
        return Node(x)
    left = int(random.randint(1, leaves))
    return Node(x, tree(left, n_in, random), tree(leaves - left, n_in, random))
