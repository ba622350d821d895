"""The names that passes make up.

Every generated name starts with `GENERATED`, so that a reader of the rewritten source, a diagnostic
and the interpreter can tell it from the user's. `check` reports a source that uses the prefix
itself; `FreshNames` avoids the names in the source all the same.

>>> import gast
>>> fresh = FreshNames(gast.parse("def f(_af_break_1): return _af_return").body[0])
>>> fresh.numbered("break"), fresh.numbered("break"), fresh.plain("return"), fresh.plain("flag")
('_af_break_2', '_af_break_3', '_af_return_1', '_af_flag')
"""

from __future__ import annotations

import gast

GENERATED = "_af_"


def is_generated(name: str) -> bool:
    """Whether a pass made up this name."""
    return name.startswith(GENERATED)


def names_in(tree: gast.AST) -> frozenset[str]:
    """Every identifier that the tree uses as a variable, in nested scopes too."""
    found: set[str] = set()
    for node in gast.walk(tree):
        if isinstance(node, gast.Name):
            found.add(node.id)
        elif isinstance(node, (gast.FunctionDef, gast.AsyncFunctionDef, gast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, gast.alias):
            found.add(bound_by_alias(node))
        elif isinstance(node, (gast.Global, gast.Nonlocal)):
            found.update(node.names)
    return frozenset(found)


def bound_by_alias(alias: gast.alias) -> str:
    """The variable that one item of an `import` binds: `os` for `import os.path`."""
    return str(alias.asname or alias.name.partition(".")[0])


class FreshNames:
    """Makes names that nothing in `tree` uses; the same ones on every run."""

    def __init__(self, tree: gast.AST) -> None:
        self._taken = set(names_in(tree))

    def plain(self, kind: str) -> str:
        """`_af_<kind>`, numbered only where the source has that name already."""
        name = f"{GENERATED}{kind}"
        if name in self._taken:
            return self.numbered(kind)
        self._taken.add(name)
        return name

    def numbered(self, kind: str) -> str:
        """`_af_<kind>_1`, then `_af_<kind>_2`, in the order of the calls."""
        number = 1
        while (name := f"{GENERATED}{kind}_{number}") in self._taken:
            number += 1
        self._taken.add(name)
        return name
