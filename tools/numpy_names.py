"""Writes docs/numpy.md: which of numpy's names the tests' cases cover, and how.

It reads the case groups of the tests of numpy as `tools/operators.py` does those of Chainer's functions.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.functions.cases import Group
from tools.operators import ROOT, Entry, calls, entries, groups, row, tree_of

PAGE = ROOT / "docs" / "numpy.md"

HEADER = """\
# numpy

Written by `make docs` from the cases in `tests/functions/test_numpy_*.py` and `test_random.py`, which
compare what is compiled with what numpy gives (random numbers by their distribution, mode `statistics`).
The names are the same under `xp`. *Arguments* are those that the cases give, with the values where these
are written out; *dtypes* those of their arrays; *sizes* are `staged` where a program that knows them
only at run time is tested, too.

What isn't listed isn't refused for that: numpy's functions that are written in Python are compiled from
their own source, where they have no rule.
"""

TABLE = "| name | arguments | dtypes | sizes | modes |\n|---|---|---|---|---|"

#: What tells nothing of an array's elements.
_KNOWN_PARTS = {"shape", "dtype", "ndim", "size", "itemsize", "nbytes"}


def numpys() -> list[Group]:
    """The groups of numpy's tests."""
    modules = ("test_numpy", "test_random")
    return [g for g in groups() if g.function.__module__.split(".")[-1].startswith(modules)]


def on_staged_arguments() -> set[str]:
    """The functions that are called with something that's only known at run time."""
    return {
        name
        for group in numpys()
        for name, call in calls(group, "np")
        if group.code is None and _is_function(name)
        if name.startswith("random.") or any(map(_is_staged, [*call.args, *call.keywords]))
    }


def _is_staged(argument: ast.AST) -> bool:
    """Whether it has to do with the elements of one of the group's arrays."""
    match argument:
        case ast.Attribute(attr=name) if name in _KNOWN_PARTS:
            return False
        case ast.Call(func=ast.Name(id="len")):
            return False
        case ast.Name(id=name):
            return name != "np"
    return any(map(_is_staged, ast.iter_child_nodes(argument)))


def _is_function(name: str) -> bool:
    found = operator.attrgetter(name)(np)
    return callable(found) and not (isinstance(found, type) and issubclass(found, np.generic))


def render() -> str:
    """The text of docs/numpy.md."""
    return "\n".join([HEADER, *_functions(), *_methods(), *_others()])


def _functions() -> Iterator[str]:
    table = entries(numpys(), np, "np")
    staged = on_staged_arguments()
    yield f"## Functions: {len(staged)} on arrays that are known only at run time\n\n{TABLE}"
    yield from (row(f"np.{name}", table[name]) for name in sorted(staged))
    made = sorted(name for name in table if name not in staged and _is_function(name))
    yield f"\nOf arguments that are known while compiling only: {_listed(made)}.\n"


def _methods() -> Iterator[str]:
    table: dict[str, Entry] = {}
    attributes = set()
    for group in numpys():
        for node in ast.walk(tree_of(group)):
            if not isinstance(node, ast.Attribute) or _is_numpys(node):
                continue
            found = getattr(np.ndarray, node.attr, None)
            if callable(found):
                entry = table.setdefault(node.attr, Entry())
                entry.dtypes.update(group.dtypes)
                entry.staged |= bool(group.staged)
                entry.modes.add(group.mode)
            elif found is not None:
                attributes.add(node.attr)
    yield f"## Methods of arrays: {len(table)}\n\n| name | dtypes | sizes |\n|---|---|---|"
    for name in sorted(table):
        yield _method_row(name, table[name])
    yield f"\nAttributes: {_listed(sorted(attributes))}.\n"


def _method_row(name: str, entry: Entry) -> str:
    cells = row(name, entry).strip("| ").split(" | ")
    return f"| {cells[0]} | {cells[-3]} | {cells[-2]} |"


def _is_numpys(node: ast.Attribute) -> bool:
    return ast.unparse(node).startswith("np.")


def _others() -> Iterator[str]:
    """Dtypes, constants, and what is indexed."""
    names = {
        node.attr
        for group in numpys()
        for node in ast.walk(tree_of(group))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np"
    }
    kinds: dict[str, list[str]] = {"Dtypes": [], "Constants and others": []}
    for name in sorted(names):
        found: Any = getattr(np, name)
        if isinstance(found, type) and issubclass(found, np.generic):
            kinds["Dtypes"].append(name)
        elif not callable(found) and not hasattr(found, "__path__"):
            kinds["Constants and others"].append(name)
    yield from (f"## {kind}\n\n{_listed(found)}.\n" for kind, found in kinds.items())


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(render())
