"""What to show beside an error: where a name that may be undefined is bound, and under what."""

from __future__ import annotations

from collections.abc import Iterator

import gast

from astfront.diagnostics import Label
from astfront.source import span_of

_DEPENDS = {
    gast.If: "whether this holds is known only when the program runs",
    gast.While: "whether there is a turn is known only when the program runs",
    gast.For: "there may be no turn",
}


def bindings(tree: gast.AST, name: str, use: gast.AST | None, filename: str) -> list[Label]:
    """Labels on the first places where ``name`` is bound, and on the conditions that they're under.

    Conditions that the use is under, too, say nothing.
    """
    labels: dict[tuple[int, int], Label] = {}
    for store, around in _stores(tree, name, ()):
        outer = next((s for s in around if use is None or not _contains(s, use)), None)
        if outer is None:
            continue
        header = outer.iter if isinstance(outer, gast.For) else outer.test
        texts = ((header, _DEPENDS[type(outer)]), (store, "bound here"))
        for node, text in texts:
            if hasattr(node, "lineno"):
                span = span_of(node, filename)
                labels.setdefault((span.line, span.column), Label(span, text))
    return list(labels.values())[:4]


def _stores(
    node: gast.AST, name: str, around: tuple[gast.AST, ...]
) -> Iterator[tuple[gast.AST, tuple[gast.AST, ...]]]:
    for child in gast.iter_child_nodes(node):
        if isinstance(child, gast.Name):
            if child.id == name and isinstance(child.ctx, gast.Store) and around:
                yield child, around
        elif not isinstance(child, gast.FunctionDef | gast.Lambda):
            inner = (*around, child) if type(child) in _DEPENDS else around
            yield from _stores(child, name, inner)


def _contains(statement: gast.AST, use: gast.AST) -> bool:
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    line: int = getattr(use, "lineno", 0)
    return first <= line <= last
