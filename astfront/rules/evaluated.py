"""``eval`` of a text that's known while compiling."""

from __future__ import annotations

import ast
import functools
from typing import Any

import gast

from astfront.calls.frames import Frame, prepare
from astfront.rules.registry import rule
from astfront.values import NONE, Value
from passes.syntax import liveness


@rule(eval)
def evaluate(cx: Any, source: Value, globals: Value = NONE, locals: Value = NONE) -> Value:
    """The expression as a function of the names that the code around it has: ``eval`` sees no
    others of the functions around that one."""
    text = cx.static(source, "the text for eval()")
    if not isinstance(text, str) or not (globals == NONE == locals):
        what = "eval() with names of its own" if isinstance(text, str) else "eval() of no text"
        cx.fail("AF0301", f"{what} isn't supported", help="write the expression out")
    try:
        body = _parsed(text)
    except SyntaxError as e:
        cx.raise_python(e)
    names = sorted({n.id for n in gast.walk(body) if isinstance(n, gast.Name)})
    found = [name for name in names if _is_seen(cx.frame, name)]
    where = cx.frame.node
    place = (where.lineno, where.col_offset, where.end_lineno, where.end_col_offset)
    prepared = prepare(_function(text, tuple(found), place))
    frame = Frame("eval", prepared, cx.frame.filename, -1, cx.frame.globals)
    return cx.enter(frame, [cx.load_name(name) for name in found], {}, [], {})  # type: ignore[no-any-return]


def _is_seen(frame: Frame, name: str) -> bool:
    """Whether a name is one of the function's own, or one that it has from around it."""
    if name in frame.prepared.global_names:
        return False
    if name in frame.prepared.locals:
        return True
    node = frame.prepared.node
    if isinstance(node, gast.ClassDef) or name not in liveness.free_names(node):
        return False
    around = frame.parent
    while around is not None:
        if name in around.prepared.locals:
            return True
        frame, around = around, around.parent
    return name in frame.closure


def _parsed(text: str) -> Any:
    return gast.ast_to_gast(ast.parse(text.lstrip(" \t"), "<string>", "eval")).body


@functools.cache
def _function(text: str, names: tuple[str, ...], place: tuple[int, ...]) -> gast.Lambda:
    """One tree for a text at a place: what's prepared of it is kept."""
    body = _parsed(text)
    parameters = [gast.Name(name, gast.Param(), None, None) for name in names]
    made = gast.Lambda(gast.arguments(parameters, [], None, [], [], None, []), body)
    for node in gast.walk(made):
        node.lineno, node.col_offset, node.end_lineno, node.end_col_offset = place
    return made
